#!/usr/bin/env bash
# code-server behind Doorward, on this machine alone: installs, builds and starts both, and prints the link to open.
# Ctrl-C stops both.
#
#   EMAIL=you@example.com                 who is let in
#   FROM=https://code.localhost:8443      where the editor is reached
#   DATA_DIR=.run/doorward                Doorward's certificates, accounts and sessions
#   FOLDER=.                              what the editor opens
#   PROFILE=dev                           how Doorward is built; `release` is faster to use and takes twice as long to build
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
: "${EMAIL:=you@example.com}" "${FROM:=https://code.localhost:8443}" "${DATA_DIR:=$root/.run/doorward}" "${FOLDER:=$root}" "${PROFILE:=dev}"
editor_home=$root/.run/code-server
pids=()

say() { printf '\nrun: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# The editor is asked first, so that Doorward can drain what it still carries.
stop() {
  trap - INT TERM EXIT
  local pid
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
}

[[ $FROM =~ ^https://([^/:]+)(:([0-9]+))?/?$ ]] || fail "FROM must look like https://HOST or https://HOST:PORT, not $FROM"
port=${BASH_REMATCH[3]:-443}
if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
  fail "something listens on port $port already. Stop it, or choose another: make run FROM=https://${BASH_REMATCH[1]}:$((port + 1))"
fi
command -v cargo >/dev/null || fail "there is no cargo: install Rust (rustup) first; rust-toolchain.toml names the version"

scripts/install.sh compiler node code-server
say "building Doorward (the first time takes some minutes)"
cargo build --profile "$PROFILE" --locked -p doorward
built=${PROFILE/#dev/debug}
doorward=${CARGO_TARGET_DIR:-$root/target}/$built/doorward

trap stop EXIT
trap 'stop; exit 0' INT TERM

# Port 0: the editor takes a free one and says which. It asks nobody who they are: only this machine can reach it, and
# Doorward is the door. --disable-proxy: its /proxy/PORT would reach every other port of this machine, Doorward's own included.
mkdir -p "$editor_home/home"
log=$editor_home/code-server.log
env -u PORT HOME="$editor_home/home" PATH="$root/.tools/bin:$PATH" \
  node "$root/.tools/code-server/node_modules/code-server/out/node/entry.js" \
  --auth none --bind-addr 127.0.0.1:0 --user-data-dir "$editor_home/data" --disable-telemetry --disable-update-check \
  --disable-proxy --ignore-last-opened "$FOLDER" >"$log" 2>&1 &
pids+=($!)
upstream=
for _ in {1..150}; do
  upstream=$(sed -nE 's#.*listening on (http://127\.0\.0\.1:[0-9]+).*#\1#p' "$log" | head -n 1)
  [ -z "$upstream" ] || break
  kill -0 "${pids[0]}" 2>/dev/null || fail "code-server did not start: $(tail -n 5 "$log")"
  sleep 0.2
done
[ -n "$upstream" ] || fail "code-server did not answer within 30 s; its log is $log"

say "code-server is at $upstream; now the door. The link below is for $EMAIL and works once."
# Its health port is a free one too: nothing here asks for it, and another Doorward may run on this machine.
DATA_DIR=$DATA_DIR HEALTH_CHECK_ADDR=${HEALTH_CHECK_ADDR:-127.0.0.1:0} "$doorward" protect "$upstream" --allow "$EMAIL" --from "$FROM" &
pids+=($!)
wait -n "${pids[@]}" || true
fail "one of the two has ended, so the other is stopped; code-server's log is $log"
