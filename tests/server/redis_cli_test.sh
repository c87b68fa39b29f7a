#!/usr/bin/env bash
# T13: redis-cli and redis-benchmark as they are, in RESP2 and RESP3.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/support/server.sh"

need redis-cli redis-benchmark script setpriv

cli() { redis-cli -p "$port" "$@" 2>&1; }

# One line for a reply of many; ages and times to live become N.
flat() { tr '\n' ' ' | sed 's/ *$//'; }
without_times() { sed -E 's/[0-9]+ [0-9]+$/N N/'; }

one_shot() {
  check "ping" PONG "$(cli ping)"
  check "set" OK "$(cli set plain 1 ex 100)"
  check "set again, nx" "" "$(cli SET plain 2 NX)"
  check "get" 1 "$(cli get plain)"
  check_like "ttl" '^(9[0-9]|100)$' "$(cli ttl plain)"
  check "del" 1 "$(cli del plain)"
  check "get of nothing" "" "$(cli get plain)"
  check_like "an unknown command" "^ERR unknown command 'nonsense', with args beginning with: 'a'" \
    "$(cli nonsense a)"
  check "a wrong number of arguments" "ERR wrong number of arguments for 'get' command" "$(cli get)"
  check_like "of our own commands" \
    "^ERR wrong number of arguments for 'idem.begin' command; usage: IDEM.BEGIN key " "$(cli idem.begin)"
}

# The life of a key, as the README tells it.
story() {
  local begun token next
  begun=$(cli "$@" IDEM.BEGIN order BODY "card 42" LEASE 30000 | flat)
  check_like "claimed" '^CLAIMED [0-9]+ 1 30000$' "$begun"
  token=$(cut -d' ' -f2 <<<"$begun")
  check_like "busy" '^BUSY running [0-9]+ 1 [0-9]+$' \
    "$(cli "$@" IDEM.BEGIN order BODY "card 42" | flat)"
  check "mismatch" "MISMATCH running" "$(cli "$@" IDEM.BEGIN order BODY "card 43" | flat)"
  check "fail for retry" OK "$(cli "$@" IDEM.FAIL order "$token" RETRY)"
  next=$(cli "$@" IDEM.BEGIN order BODY "card 42" LEASE 30000 | flat)
  check_like "claimed again" '^CLAIMED [0-9]+ 2 30000$' "$next"
  check_like "fenced" '^FENCED ' "$(cli "$@" IDEM.COMPLETE order "$token" stale)"
  token=$(cut -d' ' -f2 <<<"$next")
  check "complete" OK "$(cli "$@" IDEM.COMPLETE order "$token" "receipt 1001" CODE 201)"
  check "complete again" OK "$(cli "$@" IDEM.COMPLETE order "$token" "receipt 1001" CODE 201)"
  check_like "another result" '^CONFLICT ' "$(cli "$@" IDEM.COMPLETE order "$token" other)"
  check "replay" "REPLAY completed 201 receipt 1001 N N" \
    "$(cli "$@" IDEM.BEGIN order BODY "card 42" | flat | without_times)"
  check "a get of a record" "WRONGTYPE Operation against a key holding the wrong kind of value" \
    "$(cli "$@" GET order)"
  check "forget" OK "$(cli "$@" IDEM.FORGET order)"
  check "nothing left" "" "$(cli "$@" IDEM.GET order)"
}

resp3() {
  cli IDEM.BEGIN third >/dev/null
  check_like "a map in RESP3" '^ ?1# "state" => "running" +2# "attempt" => \(integer\) 1 ' \
    "$(cli -3 --no-raw IDEM.GET third | flat)"
  check_like "no map in RESP2" '^ ?1\) "state" +2\) "running" ' \
    "$(cli --no-raw IDEM.GET third | flat)"
  check "null in RESP3" "(nil)" "$(cli -3 --no-raw GET nothing)"
  check_like "hello" 'proto 3 ' "$(cli -3 HELLO 3 | flat)"
  check "a version that is none" "NOPROTO unsupported protocol version" "$(cli HELLO 4)"
  check_like "config" 'appendonly yes' "$(cli -3 CONFIG GET 'append*' | flat)"
}

# With a terminal redis-cli first asks for COMMAND DOCS, to complete and to help.
repl() {
  check "commands through a pipe" "OK 7 (nil)" \
    "$(printf 'SET piped 7\nGET piped\nGET nothing\n' | cli --no-raw | tr -d '"' | flat)"
  local screen
  screen=$(printf 'GET piped\nHELP IDEM.COMPLETE\nQUIT\n' |
    TERM=dumb timeout 30 script -qec "redis-cli -p $port" /dev/null | tr -d '\r')
  check_like "the prompt answers" '> "7"' "$screen"
  check_like "the prompt's help" 'key token response \[CODE number\]' "$screen"
}

modes() {
  local i
  # While one page holds all keys.
  check "scan of records" third "$(cli SCAN 0 COUNT 100000 TYPE record | tail -n +2 | flat)"
  for ((i = 0; i < 1000; ++i)); do printf 'SET mass:%d v%d\r\n' "$i" "$i"; done |
    redis-cli -p "$port" --pipe >"$directory/pipe"
  check "mass insertion" "errors: 0, replies: 1000" "$(tail -n 1 "$directory/pipe")"
  check "what was inserted" v999 "$(cli GET mass:999)"
  check "scan finds every key once" 1000 \
    "$(cli --scan --pattern 'mass:*' | sort -u | wc -l)"
  check_like "big keys" "Biggest string found '\"mass:[0-9]*\"' has 4 bytes" "$(cli --bigkeys)"
  # The first column is the number of keys.
  check_like "stat" "^ *$(cli DBSIZE) " \
    "$(timeout 30 stdbuf -oL redis-cli -p "$port" --stat -i 0.1 | sed -n '3{p;q}')"
}

benchmark() {
  local options test
  for options in "" "-P 16" "-3"; do
    # shellcheck disable=SC2086
    redis-benchmark -p "$port" $options -c 10 -n 2000 -r 100 -d 64 --csv \
      -t ping_inline,ping_mbulk,set,get >"$directory/benchmark" 2>&1
    for test in PING_INLINE PING_MBULK SET GET; do
      check_like "redis-benchmark $options: $test" "(^|"$'\n'")\"$test\",\"[1-9]" \
        "$(cat "$directory/benchmark")"
    done
    check "redis-benchmark $options: no error" 0 \
      "$(grep -ciE 'error|warning' "$directory/benchmark" || true)"
  done
  check "the value that it set" 64 "$(cli STRLEN key:000000000001)"
  redis-benchmark -p "$port" -n 1000 -r 1000000 -q IDEM.BEGIN bench:__rand_int__ >/dev/null
  check_like "claims by redis-benchmark" '^claims:1[0-9][0-9][0-9]' "$(cli INFO idem | grep '^claims:')"
}

start_server
one_shot
story
story -3
resp3
repl
modes
benchmark
finish
