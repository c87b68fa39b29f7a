#!/usr/bin/env bash
# T13: the Node clients and libraries that clients/package.json pins. They speak to one server, each
# in a process.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/support/server.sh"

need node setpriv
node_version=$(node --version | sed 's/^v\([0-9]*\).*/\1/')

# The test, the client that it is told to load, and the oldest Node that this one runs on.
matrix=(
  "ioredis_client.js ioredis 18"
  "ioredis_client.js ioredis6 20"
  "ioredis_client.js iovalkey 18"
  "node_redis_client.js node-redis4 18"
  "node_redis_client.js node-redis5 18"
  "node_redis_client.js @redis/client 20"
  "valkey_glide_client.js @valkey/valkey-glide 18"
  "lock_libraries.js redlock 18"
  "powertools.js @aws-lambda-powertools/idempotency 20"
)

# tests/run installs them, if it can.
for row in "${matrix[@]}"; do
  read -r _ client _ <<<"$row"
  [[ -d ${NODE_PATH:-}/$client ]] || skip "the Node package '$client' is not installed"
done

start_server
for row in "${matrix[@]}"; do
  read -r program client oldest_node <<<"$row"
  if ((node_version < oldest_node)); then
    echo "skipped: $client needs Node $oldest_node, this is $node_version"
    continue
  fi
  code=0
  IDEM_PORT=$port IDEM_CLIENT=$client timeout 120 node --test "$here/clients/$program" \
    >"$directory/report" 2>&1 || code=$?
  ((code == 0)) || cat "$directory/report"
  check "the tests of $client" 0 "$code"
  # A run that found no test would pass as well.
  check_like "the count of $client" '(#|ℹ) pass [1-9]' "$(cat "$directory/report")"
done
finish
