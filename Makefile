# `make` alone lists what there is. Everything is installed below .tools/ and run below .run/; both are ignored by git.
SHELL := /bin/bash
export SKIPPED ?= $(CURDIR)/.run/skipped

.DEFAULT_GOAL := help
.PHONY: help run test check test-rust test-browser test-compose bench soak image clean-tools

help: ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

run: ## code-server behind Doorward on this machine; prints the link (EMAIL=, FROM=, DATA_DIR=, FOLDER=, PROFILE=)
	@scripts/run.sh

test: ## everything below, and at the end what was skipped and why
	@scripts/test.sh check test-rust test-browser test-compose

check: ## formatting, lints, docs, the arrows between crates, licences and bans
	@scripts/check.sh

test-rust: ## the Rust tests, and the counterparts they use
	@mkdir -p $(dir $(SKIPPED))
	@scripts/install.sh compiler node counterparts code-server
	@for what in acme dns-server haproxy scanner redis valkey postgres; do scripts/install.sh $$what || true; done # what is missing is skipped aloud
	.tools/bin/node --test --test-timeout=60000 tests/counterparts/*.test.mjs
	RUST_TEST_THREADS=4 cargo test --workspace --locked --no-fail-fast # many of them wait for a clock or a server

test-browser: ## Chromium, real code-server, Doorward; photographs in target/screenshots/
	@scripts/install.sh compiler node counterparts code-server browser
	cargo build --locked -p doorward
	.tools/bin/node --test --test-concurrency=1 --test-timeout=180000 tests/browser/*.test.mjs

test-compose: ## docker-compose.yaml in a real engine; skipped where there can be none
	@mkdir -p $(dir $(SKIPPED))
	@tests/compose/run.sh

bench: ## Doorward beside nginx, HAProxy, Apache and Envoy; handshakes, decisions, look-ups (BENCH=quick: two minutes; BENCH=http2 and the like: one part); fails below the bars
	@scripts/install.sh compiler bench || true # what is missing is skipped aloud
	cargo build --release --locked -p doorward
	cargo bench --locked -p doorward-tests --bench data_plane
	@[ -n "$(BENCH)" ] || cargo bench --locked -p doorward-tests --bench handshakes --bench decisions --bench route_table --bench introductions --bench sessions

soak: ## ten minutes of mixed load (SOAK_SECONDS=): a table; fails on a wrong answer and on growth; no part of `make test`
	cargo test --release --locked -p doorward-tests --test end_to_end soak:: -- --ignored --nocapture

image: ## the container image `doorward`
	docker build --tag doorward .

clean-tools: ## remove what the targets above installed and cached (.tools/, .run/engine/)
	rm -rf .tools .run/engine tests/node_modules
