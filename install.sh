#!/bin/sh
# Installs the client `bktec` and the server `test-engine` from a release, without root. It
# downloads nothing that it cannot verify, and changes nothing if all of it is installed already.
# Not for Windows, and not a package manager: to uninstall, delete the files that
# PREFIX/share/test-engine/installed lists.
set -eu

usage() {
  cat <<'USAGE'
Usage: install.sh [--client]

  --client   install only bktec, for CI machines

Variables:
  TEST_ENGINE_DOWNLOAD_URL  required: URL of the directory with SHA256SUMS and the archives of a
                            release, such as https://HOST/OWNER/REPO/releases/download/v0.1.0
  TEST_ENGINE_VERSION       version to install, if the directory has several
  TEST_ENGINE_SHA256        checksum that the archive must have, in addition to SHA256SUMS
  TEST_ENGINE_PREFIX        directory to install to: programs to PREFIX/bin, manual and shell
                            completions to PREFIX/share [default: $HOME/.local]
USAGE
}

say() { printf '%s\n' "$*"; }

# fail MESSAGE [HINT]
fail() {
  printf 'install.sh: %s\n' "$1" >&2
  [ $# -lt 2 ] || printf 'hint: %s\n' "$2" >&2
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# sha256 FILE: its checksum in hexadecimal.
sha256() {
  if have sha256sum; then
    sha256sum <"$1" | cut -d ' ' -f 1
  elif have shasum; then
    shasum -a 256 <"$1" | cut -d ' ' -f 1
  elif have openssl; then
    openssl dgst -sha256 -r <"$1" | cut -d ' ' -f 1
  else
    fail "cannot verify a download: none of sha256sum, shasum and openssl is on PATH"
  fi
}

# check_url URL: checksums that come with an archive prove nothing if anybody can change both.
check_url() {
  case $1 in
    https://* | file:///*) ;;
    http://127.0.0.1[:/]* | http://localhost[:/]* | "http://[::1]"[:/]*) ;;
    http://*)
      [ -n "${TEST_ENGINE_SHA256:-}" ] || fail \
        "refused to download from $1: anybody on the network could change what http:// returns" \
        "use https://, or set TEST_ENGINE_SHA256 to the checksum of the archive"
      ;;
    *) fail "unsupported TEST_ENGINE_DOWNLOAD_URL '$1'" "it must start with https://" ;;
  esac
}

# download NAME FILE: fetches NAME from the download directory.
download() {
  if have curl; then
    case $url in
      https://*) set -- "$@" --proto '=https' ;;
      *) set -- "$@" --proto '=http,https,file' ;;
    esac
    name=$1 file=$2
    shift 2
    curl --fail --silent --show-error --location --retry 3 --connect-timeout 20 "$@" \
      --output "$file" "$url/$name" || fail "downloading $url/$name failed"
  elif have wget; then
    wget -q -O "$2" "$url/$1" || fail "downloading $url/$1 failed"
  else
    fail "cannot download: neither curl nor wget is on PATH"
  fi
}

# at_most A B: whether version A is B or older; both have the form MAJOR.MINOR.
at_most() {
  [ "${1%%.*}" -lt "${2%%.*}" ] ||
    { [ "${1%%.*}" -eq "${2%%.*}" ] && [ "${1#*.}" -le "${2#*.}" ]; }
}

# Sets `platform`, as archive names spell it, and `glibc`, which is empty without glibc.
detect_platform() {
  system=$(uname -s) machine=$(uname -m)
  case $machine in
    x86_64 | amd64) machine=x86_64 ;;
    aarch64 | arm64) machine=arm64 ;;
  esac
  case $system in
    Linux) platform=linux-$machine ;;
    Darwin) platform=macos-$machine ;;
    *) platform=$system-$machine ;;
  esac
  glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null | sed -n 's/^glibc \([0-9]*\.[0-9]*\).*/\1/p') || :
}

# choose_archive LIST: sets `archive` and `expected`, its checksum, from the lines of SHA256SUMS.
# Of several that run here it takes the one for the newest glibc; without one, a static one.
choose_archive() {
  archive='' expected='' best='' too_new='' versions=''
  while read -r sum name; do
    name=${name#\*}
    case $sum in *[!0-9a-f]* | '') continue ;; esac
    [ ${#sum} -eq 64 ] || continue
    case $name in
      *[!A-Za-z0-9._+-]*) continue ;;
      test-engine-"${TEST_ENGINE_VERSION:-*}"-"$platform"*) ;;
      test-engine-*-"$platform"*) [ -z "${TEST_ENGINE_VERSION:-}" ] || continue ;;
      *) continue ;;
    esac
    of=${name#test-engine-}
    of=${of%%-"$platform"*}
    case ${name#"test-engine-$of-$platform"} in
      .tar.gz) rank=1.0 ;;
      -musl.tar.gz) rank=0.0 ;;
      -glibc*.tar.gz)
        rank=${name##*-glibc}
        rank=${rank%.tar.gz}
        if [ -z "$glibc" ] || ! at_most "$rank" "$glibc"; then
          too_new=$rank
          continue
        fi
        ;;
      *) continue ;;
    esac
    case " $versions " in *" $of "*) ;; *) versions="$versions${versions:+ }$of" ;; esac
    if [ -z "$best" ] || at_most "$best" "$rank"; then
      best=$rank archive=$name expected=$sum
    fi
  done <"$1"
  case $versions in
    *' '*) fail "$url has several versions: $versions" "set TEST_ENGINE_VERSION to one of them" ;;
  esac
  [ -z "$archive" ] || return 0
  wanted="${TEST_ENGINE_VERSION:+version $TEST_ENGINE_VERSION for }$platform"
  [ -z "$too_new" ] || fail \
    "$url has no archive for $wanted: glibc $too_new or newer is required, found ${glibc:-none}" \
    "build from source, see docs/releases.md"
  fail "$url/SHA256SUMS lists no archive for $wanted" "build from source, see docs/releases.md"
}

# The files to install, relative to the root of the archive in the current directory.
list_files() {
  if [ "$client" = yes ]; then
    find bin share -type f ! -path bin/test-engine
  else
    find bin share -type f
  fi
}

# is_installed: whether exactly this archive is installed, and every file of it is unchanged.
is_installed() {
  [ -f "$receipt" ] || return 1
  {
    read -r first
    [ "$first" = "$expected $archive $client" ] || return 1
    while read -r sum path; do
      [ -f "$prefix/$path" ] && [ "$(sha256 "$prefix/$path")" = "$sum" ] || return 1
    done
  } <"$receipt"
}

unpack() {
  (cd "$staging" && tar -xzof "$archive") || fail "unpacking $archive failed"
  root=$staging/${archive%.tar.gz}
  programs="bktec"
  [ "$client" = yes ] || programs="bktec test-engine"
  for program in $programs; do
    "$root/bin/$program" --version >/dev/null ||
      fail "$program of $archive does not run on this machine" "build from source instead"
  done
}

install_files() {
  list=$staging/files
  (cd "$root" && list_files) >"$list"
  printf '%s\n' "$expected $archive $client" >"$staging/receipt"
  while read -r path; do
    mkdir -p "$prefix/$(dirname "$path")"
    printf '%s %s\n' "$(sha256 "$root/$path")" "$path" >>"$staging/receipt"
    # A rename: programs that are running stay as they are.
    mv -f "$root/$path" "$prefix/$path"
  done <"$list"
  mkdir -p "$(dirname "$receipt")"
  mv -f "$staging/receipt" "$receipt"
}

main() {
  client=no
  for argument in "$@"; do
    case $argument in
      --client) client=yes ;;
      -h | --help)
        usage
        exit 0
        ;;
      *) fail "unknown argument '$argument'" "see install.sh --help" ;;
    esac
  done
  [ -n "${TEST_ENGINE_DOWNLOAD_URL:-}" ] || fail "TEST_ENGINE_DOWNLOAD_URL is not set" \
    "set it to the URL of the directory that has SHA256SUMS and the archives of a release"
  url=${TEST_ENGINE_DOWNLOAD_URL%/}
  check_url "$url"
  prefix=${TEST_ENGINE_PREFIX:-}
  [ -n "$prefix" ] || prefix=${HOME:?HOME is not set, and TEST_ENGINE_PREFIX neither}/.local
  receipt=$prefix/share/test-engine/installed
  detect_platform
  for program in tar find; do
    have "$program" || fail "$program is not on PATH" "install it with the system's package manager"
  done

  mkdir -p "$prefix" || fail "creating $prefix failed" "set TEST_ENGINE_PREFIX to another directory"
  # On the same file system as the files to install, so that these can be renamed.
  staging=$(mktemp -d "$prefix/.test-engine-XXXXXX") || fail "$prefix is not writable" \
    "set TEST_ENGINE_PREFIX to another directory"
  trap 'rm -rf "$staging"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM

  download SHA256SUMS "$staging/SHA256SUMS"
  choose_archive "$staging/SHA256SUMS"
  if [ -n "${TEST_ENGINE_SHA256:-}" ] && [ "$TEST_ENGINE_SHA256" != "$expected" ]; then
    fail "$archive is not the expected one: SHA256SUMS has $expected, TEST_ENGINE_SHA256 is \
$TEST_ENGINE_SHA256"
  fi
  if is_installed; then
    say "$archive is installed already in $prefix"
    exit 0
  fi
  download "$archive" "$staging/$archive"
  found=$(sha256 "$staging/$archive")
  [ "$found" = "$expected" ] || fail "verifying $archive failed: its SHA-256 is $found, \
SHA256SUMS has $expected" "the download is incomplete or was changed; nothing was installed"
  unpack
  install_files
  for program in $programs; do
    say "installed $("$prefix/bin/$program" --version | head -n 1) as $prefix/bin/$program"
  done
  case ":$PATH:" in
    *":$prefix/bin:"*) ;;
    *) say "hint: add $prefix/bin to PATH: export PATH=\"$prefix/bin:\$PATH\"" ;;
  esac
}

# Everything above is functions: a script that was cut off while downloading does nothing.
main "$@"
