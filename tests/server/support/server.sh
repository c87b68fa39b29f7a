# Sourced by client tests in bash: a real idem-server, and checks that are counted.
#
#   start_server [flags]..     sets `port`; stopped by its pid, its directory removed, at exit
#   check <what> <want> <got>  both are compared as text
#   check_like <what> <regex> <got>
#   need <program>..           skips the test where one is missing
#   finish                     stops the server and prints the count; the test's exit code

passed=0
failed=0

skip() {
  echo "skipped: $*"
  exit 77
}

need() {
  local program
  for program in "$@"; do
    command -v "$program" >/dev/null || skip "$program is not installed"
  done
}

start_server() {
  [[ -x ${IDEM_SERVER:-} ]] || skip "IDEM_SERVER names no program: '${IDEM_SERVER:-}'"
  directory=$(mktemp -d -t idem-test-XXXXXX)
  trap 'end_server >/dev/null; rm -rf "$directory"' EXIT
  exec {server_output}< <(exec setpriv --pdeathsig KILL "$IDEM_SERVER" --port 0 \
    --dir "$directory" "$@" 2>"$directory/errors")
  server_pid=$!
  local line
  read -r -t 60 line <&"$server_output" || { echo "no start line"; cat "$directory/errors"; exit 1; }
  port=$(sed -n 's/.* ready on [^ ]*:\([0-9]*\),.*/\1/p' <<<"$line")
}

# Stops the server as an operator does; its exit code.
end_server() {
  [[ -n ${server_pid:-} ]] || return 0
  local pid=$server_pid
  server_pid=
  kill "$pid" 2>/dev/null || true
  wait "$pid"
}

passes() { ((++passed)); }

fails() {
  ((++failed))
  printf 'FAILED %s\n  want: %s\n  got:  %s\n' "$@"
}

check() {
  if [[ $2 == "$3" ]]; then passes; else fails "$@"; fi
}

check_like() {
  if [[ $3 =~ $2 ]]; then passes; else fails "$@"; fi
}

finish() {
  local code=0
  end_server || code=$?
  check "the server's exit code" 0 "$code"
  check "what the server complained of" "" "$(grep -v ' level=notice ' "$directory/errors" || true)"
  echo "$passed passed, $failed failed"
  exit $((failed > 0))
}
