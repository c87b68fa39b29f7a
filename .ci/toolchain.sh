# Sourced by server/run, tests/run and bench/run: installs what is missing, configures and builds.
# Expects `root`, the top of the source tree. Everything built lands in $root/build.

# What it takes to build the library and the server.
build_packages=(g++ cmake ninja-build libabsl-dev libxxhash-dev libssl-dev)

say() { printf '%s\n' "$*" >&2; }

# install_packages <names>..: asks apt only for what is missing, so that a machine which has
# everything needs no network.
install_packages() {
  if ! command -v dpkg-query >/dev/null; then
    say "Not a Debian system: please see to these yourself: $*"
    return 0
  fi
  local name missing=() as_root=()
  for name in "$@"; do
    [[ $(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null) == installed ]] ||
      missing+=("$name")
  done
  ((${#missing[@]})) || return 0

  if ((EUID != 0)); then
    if ! command -v sudo >/dev/null; then
      say "Missing packages. As root: apt-get install ${missing[*]}"
      return 1
    fi
    as_root=(sudo)
  fi
  say "installing ${missing[*]}"
  logged "$root/build/apt.log" "${as_root[@]}" apt-get -q update
  logged "$root/build/apt.log" "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -q -y --no-install-recommends install "${missing[@]}"
}

# logged <file> <command>..: shows the command's output only if it fails.
logged() {
  local log=$1
  shift
  mkdir -p "$(dirname "$log")"
  if ! "$@" >"$log" 2>&1 </dev/null; then
    tail -n 60 "$log" >&2
    say "failed: $*"
    say "all of its output: $log"
    return 1
  fi
}

# configure <preset> [cmake flags]
configure() {
  local preset=$1
  shift
  (cd "$root" && logged "build/$preset-configure.log" cmake --preset "$preset" "$@")
}

# build <preset> [targets]
build() {
  local preset=$1
  shift
  logged "$root/build/$preset-build.log" \
    cmake --build "$root/build/$preset" -j "$(nproc)" ${1+--target "$@"}
}
