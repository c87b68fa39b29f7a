#!/usr/bin/env bash
# clang-tidy over the engine and the server, with the flags of the build tree in IDEM_BUILD.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if ! command -v clang-tidy-14 >/dev/null; then
  echo "clang-tidy-14 is not installed"
  exit 77
fi
find "$PWD/engine" "$PWD/server" -name '*.cc' -print0 |
  xargs -0 -r -n 4 -P "$(nproc)" clang-tidy-14 -p "$IDEM_BUILD" --quiet
