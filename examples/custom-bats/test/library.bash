# Stands in for a real program: its tests only need something that takes its time.
#
# EXAMPLE_PACE stretches or shrinks every pause. EXAMPLE_STATE names a folder in which the flaky
# test remembers which builds it has already failed in; without it the flaky test passes.
# TEST_WITNESS names a file to which every test that really runs adds its name.

work() {
  if [ -n "${TEST_WITNESS:-}" ]; then
    printf '%s %s\n' "$(basename "$BATS_TEST_FILENAME")" "$BATS_TEST_DESCRIPTION" >>"$TEST_WITNESS"
  fi
  sleep "$(awk "BEGIN { print $1 * ${EXAMPLE_PACE:-1} }")"
}

# Whether this build has not called with this name before. Creating the folder is the memory.
first_try_of_this_build() {
  [ -n "${EXAMPLE_STATE:-}" ] && mkdir "$EXAMPLE_STATE/${BUILDKITE_BUILD_ID:-no-build}-$1" 2>/dev/null
}
