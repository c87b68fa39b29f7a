#!/usr/bin/env bash
# T13: the Node clients that clients/package.json pins. They speak to one server, each in a process.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/support/server.sh"

need node setpriv
# tests/run installs them, if it can.
for client in ioredis redis; do
  [[ -d ${NODE_PATH:-}/$client ]] || skip "the Node client '$client' is not installed"
done

start_server
for client in ioredis node_redis; do
  code=0
  IDEM_PORT=$port timeout 120 node --test "$here/clients/${client}_client.js" \
    >"$directory/report" 2>&1 || code=$?
  ((code == 0)) || cat "$directory/report"
  check "the tests of $client" 0 "$code"
  # A run that found no test would pass as well.
  check_like "the count of $client" '(#|ℹ) pass [1-9]' "$(cat "$directory/report")"
done
finish
