# Sourced by ./dev: the Debian 12 packages by what needs them, and `need GROUP...`, which installs what is
# missing of them. HEADRACE_NO_INSTALL=1 leaves the machine as it is.
# shellcheck shell=bash

declare -A packages=(
  [build]="git g++ meson ninja-build pkg-config liburing-dev libfmt-dev libyaml-cpp-dev libcli11-dev
    libsimdjson-dev libnghttp2-dev libmimalloc-dev android-libboringssl-dev"
  [run]="curl"
  [test]="doctest-dev libseccomp-dev curl nodejs python3 python3-httpx python3-h2 python3-aiohttp nginx-light
    nghttp2-client nghttp2-proxy nghttp2-server strace tinyproxy-bin"
  [sdk]="nodejs npm"
  [bench]="libbenchmark-dev nginx-light haproxy nghttp2-client nghttp2-proxy openssl valgrind strace python3"
  [clang]="clang-19 clang-format-19 clang-tidy-19 libclang-rt-19-dev lld-19"
  [transport]="libsqlite3-dev" # the audit store
)

missing_packages() {
  local package installed
  command -v dpkg-query >/dev/null || return 0
  installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true)
  for package in "$@"; do
    # A Node.js from elsewhere serves as well, and Debian's would fight with it.
    if [ "$package" = nodejs ] && command -v node >/dev/null; then continue; fi
    if [ "$package" = npm ] && command -v npm >/dev/null; then continue; fi
    grep -qx "installed $package" <<<"$installed" || echo "$package"
  done
}

# Debian starts a server when it installs one. Ours are run by tests, on ports of the tests' own.
without_services() {
  local root=$1 guard=/usr/sbin/policy-rc.d status=0
  shift
  if [ -e "$guard" ]; then
    "$@"
    return
  fi
  printf '#!/bin/sh\nexit 101\n' | $root tee "$guard" >/dev/null
  $root chmod 755 "$guard"
  "$@" || status=$?
  $root rm -f "$guard"
  return $status
}

need() {
  local group service root="" names=() words missing
  for group in "$@"; do read -r -d '' -a words <<<"${packages[$group]}" || names+=("${words[@]}"); done
  mapfile -t missing < <(missing_packages "${names[@]}" | sort -u)
  if [ ${#missing[@]} -eq 0 ] || [ -n "${HEADRACE_NO_INSTALL:-}" ]; then return; fi
  if [ "$(id -u)" -ne 0 ]; then root=sudo; fi
  if [ -n "$root" ] && ! command -v sudo >/dev/null; then
    die "as root: apt-get install --no-install-recommends ${missing[*]}   (or set HEADRACE_NO_INSTALL=1)"
  fi
  say "installing ${missing[*]}"
  $root apt-get update -qq
  # shellcheck disable=SC2086  # an empty $root is no word
  without_services "$root" $root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
  for service in nginx haproxy; do
    if [ -d /run/systemd/system ] && [[ " ${missing[*]} " == *" $service"* ]]; then
      $root systemctl disable --quiet "$service"
    fi
  done
}

# The SDKs that end-to-end tests speak through, and the Node.js that runs them: exactly what the lock file
# names, from the npm registry. Where that fails the tests go on, and the cases that need them fail by name.
need_sdk() {
  local folder=tests/e2e/sdk
  local lock=$folder/package-lock.json installed=$folder/node_modules/.installed
  if [ -n "${HEADRACE_NO_INSTALL:-}" ] || cmp -s $lock $installed; then return; fi
  need sdk
  say "installing what $lock names"
  if timeout -k 5 300 npm ci --prefix $folder --loglevel=error >&2; then
    cp $lock $installed
  else
    say "npm could not install it: the cases that need it will fail"
  fi
}
