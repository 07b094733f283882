#!/usr/bin/env bash
# Brings docker-compose.yaml up in a real engine, signs in through Doorward, and shows that code-server cannot be reached in
# any other way. Takes everything down again. Where there can be no engine it is skipped: it says so, adds a line to the file
# that $SKIPPED names, and ends with 0.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
. tests/compose/engine.sh
. tests/compose/images.sh

say() { printf 'compose: %s\n' "$*"; }
skip() { say "SKIPPED: $*"; printf 'compose test: %s\n' "$*" >>"${SKIPPED:-/dev/null}"; exit 0; }
fail() { say "FAILED: $*"; exit 1; }
check() { local what=$1; shift; if "$@"; then say "ok: $what"; else fail "$what"; fi; }
refused() { ! "$@" >/dev/null 2>&1; }
up=
stack() { compose --project-directory "$root" -f docker-compose.yaml -f tests/compose/override.yaml "$@"; }

finish() {
  local status=$?
  trap - EXIT INT TERM
  if [ -n "$up" ]; then
    if [ "$status" != 0 ]; then
      stack ps --all || true
      stack logs --no-color --tail 60 || true
    fi
    stack down --volumes --remove-orphans --timeout 10 >/dev/null 2>&1 || true
  fi
  engine_down >/dev/null 2>&1
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

reason=$(scripts/install.sh engine code-server 2>&1) || skip "$(tail -n 1 <<<"$reason")"
engine_up || skip "$ENGINE_PROBLEM"
base_images || skip "the base images $DEBIAN_IMAGE and $RUST_IMAGE can neither be pulled nor made"
editor_image

say "building the image from the Dockerfile (the first time takes some minutes)"
COMPOSE_BAKE=false stack --progress plain build doorward >"$ENGINE_FOLDER/log/build.log" 2>&1 || { tail -n 40 "$ENGINE_FOLDER/log/build.log"; fail "docker compose build"; }
up=yes
stack up --detach --no-build --quiet-pull 2>/dev/null || fail "docker compose up"

door=$(stack ps --quiet doorward)
editor=$(stack ps --quiet code-server)
health() { docker inspect --format '{{.State.Health.Status}}' "$door"; }
becomes_healthy() {
  for _ in {1..120}; do
    case $(health) in healthy) return 0 ;; unhealthy) return 1 ;; esac
    sleep 0.5
  done
  return 1
}
check "Doorward becomes healthy" becomes_healthy

# How it runs: nobody in particular, with no rights, on a file system it cannot change.
inside() { docker exec "$door" "$@"; }
check "runs as 10001, not as root" test "$(inside id -u)" = 10001
check "has no capabilities" inside grep -q '^CapEff:[[:space:]]*0*$' /proc/1/status
check "can gain no privileges" inside grep -q '^NoNewPrivs:[[:space:]]*1$' /proc/1/status
check "cannot write to its root" refused inside touch /x
check "can write to /data" inside touch /data/.writable
check "the editor's user can write to the project" docker exec "$editor" touch /home/coder/project/hello.txt

# The way in.
port() { stack port doorward "$1" | sed 's/.*://'; }
inside doorward certificate authority >"$ENGINE_FOLDER/authority.pem"
link=$(docker logs "$door" 2>&1 | grep -oE 'https://[^" ]+/\.doorward/welcome\?token=[A-Za-z0-9._~-]+' | head -n 1) || fail "no link in Doorward's log"
check "signing in through Doorward reaches code-server" \
  .tools/bin/node tests/compose/visit.mjs "$link" https://code.localhost "$(port 443)" "$(port 80)" "$ENGINE_FOLDER/authority.pem"

# No other way. Each of these first has to be possible where it should be: a check that cannot succeed shows nothing.
address=$(docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$editor")
reach='exec 3<>/dev/tcp/$0/8080 && printf "GET /healthz HTTP/1.0\r\n\r\n" >&3 && grep -q lastHeartbeat <&3'
from_network() { docker run --rm --network "$1" "$DEBIAN_IMAGE" timeout 3 bash -c "$reach" "$2"; }
for _ in {1..30}; do docker logs "$editor" 2>&1 | grep -q 'server listening' && break; sleep 0.5; done
check "control: code-server answers on the network it shares with Doorward" from_network doorward-test_editor code-server
check "no port of code-server is published" test -z "$(docker port "$editor")"
check "only Doorward and code-server are on that network" \
  test "$(docker network inspect --format '{{len .Containers}}' doorward-test_editor)" = 2
for network in doorward-test_front bridge; do
  check "code-server cannot be reached from the network $network by address" refused from_network "$network" "$address"
  check "code-server cannot be reached from the network $network by name" refused from_network "$network" code-server
done
check "code-server cannot be reached from the host" refused timeout 3 bash -c "$reach" "$address"
front=$(docker inspect --format '{{(index .NetworkSettings.Networks "doorward-test_front").IPAddress}}' "$door")
connect='exec 3<>/dev/tcp/$0/443'
check "control: that network reaches Doorward's other side" \
  docker run --rm --network doorward-test_front "$DEBIAN_IMAGE" timeout 3 bash -c "$connect" "$front"
check "code-server does not: its network leads nowhere" refused docker exec "$editor" timeout 3 bash -c "$connect" "$front"

stopping() {
  stack stop --timeout 10 doorward >/dev/null 2>&1
  docker inspect --format '{{.State.ExitCode}}' "$door"
}
check "SIGTERM ends it with 0" test "$(stopping)" = 0
say "everything held"
