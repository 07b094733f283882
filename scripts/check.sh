#!/usr/bin/env bash
# Everything that is wrong without running anything: formatting, lints, docs, the arrows between crates, licences and bans.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf -- '-- %s\n' "$*"; }

scripts/install.sh compiler
step "formatting"
cargo fmt --all --check
step "lints"
cargo clippy --quiet --workspace --all-targets --locked -- -D warnings
step "docs"
RUSTDOCFLAGS="-D warnings" cargo doc --quiet --workspace --no-deps --locked
step "the tower: arrows go down"
cargo test --quiet --locked -p doorward-tests --test architecture
step "fuzz targets compile"
cargo check --quiet --locked --manifest-path fuzz/Cargo.toml --target-dir target
step "licences, sources, bans"
scripts/install.sh cargo-deny
deny=$PWD/.tools/cargo/bin/cargo-deny
[ -x "$deny" ] || deny=$(command -v cargo-deny)
cargo fetch --quiet --locked
"$deny" --log-level error --offline check --hide-inclusion-graph bans licenses sources
step "known vulnerabilities"
databases=("${CARGO_HOME:-$HOME/.cargo}"/advisory-db*)
if [ -e "${databases[0]}" ]; then
  "$deny" --log-level error --offline check --hide-inclusion-graph advisories
else
  printf 'SKIPPED: no advisory database on this machine; `cargo deny fetch db` gets one\n'
  printf 'advisories: no advisory database on this machine\n' >>"${SKIPPED:-/dev/null}"
fi
