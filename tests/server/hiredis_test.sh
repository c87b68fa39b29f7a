#!/usr/bin/env bash
# T13: hiredis, by the program that clients/hiredis_client.cc is built into.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/support/server.sh"

need setpriv
program=${IDEM_BUILD:-}/tests/hiredis_client
[[ -x $program ]] || skip "hiredis was not there when the tests were built"

start_server
code=0
timeout 120 "$program" "$port" || code=$?
check "the client's exit code" 0 "$code"
finish
