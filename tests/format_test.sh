#!/usr/bin/env bash
# All C++ is formatted by .clang-format. To repair: the printed command with -i for --dry-run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

format=$(command -v clang-format-14 || command -v clang-format || true)
if [[ -z $format ]]; then
  echo "clang-format is not installed"
  exit 77
fi
find include engine server tests bench \( -name '*.h' -o -name '*.cc' \) -print0 |
  xargs -0 -r "$format" --dry-run -Werror --style=file
