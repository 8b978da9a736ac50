# A placeholder for a real program: its tests only need something that takes time.
#
# EXAMPLE_PACE is a factor for every pause. EXAMPLE_STATE is a directory in which the flaky
# test records the builds that it has already failed in; without it the flaky test passes.
# TEST_WITNESS is a file to which every test that runs appends its name.

work() {
  if [ -n "${TEST_WITNESS:-}" ]; then
    printf '%s %s\n' "$(basename "$BATS_TEST_FILENAME")" "$BATS_TEST_DESCRIPTION" >>"$TEST_WITNESS"
  fi
  sleep "$(awk "BEGIN { print $1 * ${EXAMPLE_PACE:-1} }")"
}

# Whether this is the first call with this name in this build, recorded by creating a directory.
first_try_of_this_build() {
  [ -n "${EXAMPLE_STATE:-}" ] && mkdir "$EXAMPLE_STATE/${BUILDKITE_BUILD_ID:-no-build}-$1" 2>/dev/null
}
