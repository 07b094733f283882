# Sourced: a container engine for the test, and everything it leaves on the machine taken away again.
#
#   engine_up     uses the engine that answers already, or starts one of our own (as root): containerd and dockerd with their
#                 own folders below .run/engine. Returns 1 with the reason in $ENGINE_PROBLEM when there can be none.
#   engine_down   stops what engine_up started, and removes its bridge, its firewall rules and the settings it changed.
#
# Images and the compiler's cache stay below .run/engine, so the second run is quick; they are thrown away above 12 GB, and by
# `make clean-tools`.

ENGINE_FOLDER=$root/.run/engine
ENGINE_OWN=
ENGINE_PROBLEM=
engine_pids=()

docker() { command /usr/bin/docker "$@"; }

compose() {
  if [ -x "$root/.tools/compose/docker-compose" ]; then "$root/.tools/compose/docker-compose" "$@"; else docker compose "$@"; fi
}

engine_up() {
  mkdir -p "$ENGINE_FOLDER"/{state,log}
  if docker info >/dev/null 2>&1; then return 0; fi
  if [ "$(id -u)" != 0 ]; then ENGINE_PROBLEM="no container engine answers, and only root can start one"; return 1; fi
  ENGINE_OWN=yes
  # Every run may leave layers that none uses any more. Pruning by parts breaks the builder's books in old engines, so all goes at once.
  if [ "$(du -sm "$ENGINE_FOLDER" | cut -f1)" -gt 12000 ]; then rm -rf "$ENGINE_FOLDER"/{data,containerd}; fi
  engine_remember
  # Unix socket names are limited to about a hundred bytes, and a checkout may lie deep.
  ENGINE_RUN=$(mktemp -d "${TMPDIR:-/tmp}/engine.XXXXXX")
  export DOCKER_HOST=unix://$ENGINE_RUN/docker.sock

  containerd --root "$ENGINE_FOLDER/containerd" --state "$ENGINE_RUN/containerd" --address "$ENGINE_RUN/containerd.sock" \
    >"$ENGINE_FOLDER/log/containerd.log" 2>&1 &
  engine_pids=($!)
  engine_await test -S "$ENGINE_RUN/containerd.sock" || { ENGINE_PROBLEM="containerd did not start: $(tail -n 1 "$ENGINE_FOLDER/log/containerd.log")"; return 1; }

  # Packets must fit through what the machine itself has.
  local device mtu
  device=$(ip route show default | sed -nE 's/.* dev ([^ ]+).*/\1/p' | head -n 1)
  mtu=$(cat "/sys/class/net/${device:-lo}/mtu")
  dockerd --data-root "$ENGINE_FOLDER/data" --exec-root "$ENGINE_RUN/exec" --host "$DOCKER_HOST" --mtu "$((mtu < 1500 ? mtu : 1500))" \
    --containerd "$ENGINE_RUN/containerd.sock" --pidfile "$ENGINE_RUN/dockerd.pid" >"$ENGINE_FOLDER/log/dockerd.log" 2>&1 &
  engine_pids=($! "${engine_pids[@]}")
  engine_await docker info || { ENGINE_PROBLEM="dockerd did not start: $(grep -v level=info "$ENGINE_FOLDER/log/dockerd.log" | tail -n 1)"; return 1; }
}

engine_down() {
  [ -n "$ENGINE_OWN" ] || return 0
  local pid mount
  for pid in "${engine_pids[@]}"; do
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  while read -r mount; do umount -l "$mount" || true; done < <(awk -v a="$ENGINE_FOLDER/" -v b="$ENGINE_RUN/" 'index($2, a) == 1 || index($2, b) == 1 {print $2}' /proc/mounts | sort -r)
  rm -rf "$ENGINE_RUN"
  engine_restore
}

engine_await() {
  for _ in {1..150}; do
    "$@" >/dev/null 2>&1 && return 0
    kill -0 "${engine_pids[0]}" 2>/dev/null || return 1
    sleep 0.1
  done
  return 1
}

ENGINE_SYSCTLS="net.ipv4.ip_forward net.bridge.bridge-nf-call-iptables net.bridge.bridge-nf-call-ip6tables"

engine_remember() {
  local key
  engine_tables >"$ENGINE_FOLDER/state/iptables"
  ls /sys/class/net >"$ENGINE_FOLDER/state/devices"
  for key in $ENGINE_SYSCTLS; do sysctl -e "$key" 2>/dev/null || true; done >"$ENGINE_FOLDER/state/sysctl"
}

# One line for each rule, chain and policy: "TABLE -A …", without counters.
engine_tables() {
  iptables-save | sed -E 's/ \[[0-9]+:[0-9]+\]$//' | awk '/^\*/ {table = substr($1, 2)} /^(-A|:)/ {print table, $0}'
}

engine_restore() {
  local table rule chain device key value
  # Rules first, then the chains they named, then the policies: only what was not there before.
  while read -r table rule; do
    eval "iptables -t $table -D ${rule#-A }" || true
  done < <(engine_tables | grep ' -A ' | grep -vxFf "$ENGINE_FOLDER/state/iptables")
  while read -r table chain _; do
    iptables -t "$table" -X "${chain#:}" || true
  done < <(engine_tables | grep -E ' :[^ ]+ -$' | grep -vxFf "$ENGINE_FOLDER/state/iptables")
  while read -r table chain value; do
    if [ "$value" != - ]; then iptables -t "$table" -P "${chain#:}" "$value" || true; fi
  done < <(grep ' :' "$ENGINE_FOLDER/state/iptables")
  while read -r device; do
    case $device in docker0 | br-*) ip link delete "$device" || true ;; esac
  done < <(ls /sys/class/net | grep -vxFf "$ENGINE_FOLDER/state/devices")
  while read -r key _ value; do sysctl -q -w "$key=$value" || true; done <"$ENGINE_FOLDER/state/sysctl"
  find /sys/fs/cgroup -depth -type d -path '*/docker*' -exec rmdir {} + 2>/dev/null || true
}
