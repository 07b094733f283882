# Sourced after engine.sh: the images that Dockerfile and docker-compose.yaml name, made on this machine.
#
# An engine of our own can pull nothing, so the base images are made under the names the Dockerfile uses: Debian by debootstrap,
# the Rust image from it and this machine's toolchain. The image of code-server is made from the npm package, always.

DEBIAN_IMAGE=debian:bookworm-slim
RUST_IMAGE=rust:1.95-slim-bookworm
EDITOR_IMAGE=doorward-test-code-server # what override.yaml names

# An image is made anew when what it is made from has changed: its label says what that was.
made_from() { # IMAGE STAMP
  [ "$(docker image inspect --format '{{index .Config.Labels "made-from"}}' "$1" 2>/dev/null)" = "$2" ]
}

base_images() {
  if [ -z "$ENGINE_OWN" ]; then
    docker image inspect "$DEBIAN_IMAGE" "$RUST_IMAGE" >/dev/null 2>&1 || { docker pull -q "$DEBIAN_IMAGE" && docker pull -q "$RUST_IMAGE"; } >/dev/null 2>&1
    return
  fi
  docker image inspect "$DEBIAN_IMAGE" >/dev/null 2>&1 || debian_image
  rust_image
}

debian_image() {
  local tree
  say "making $DEBIAN_IMAGE with debootstrap (a minute, once)"
  tree=$(mktemp -d "$ENGINE_FOLDER/debian.XXXXXX")
  debootstrap --variant=minbase bookworm "$tree" >"$ENGINE_FOLDER/log/debootstrap.log" 2>&1 || { tail -n 3 "$ENGINE_FOLDER/log/debootstrap.log"; return 1; }
  rm -rf "$tree"/var/cache/apt/archives/*.deb "$tree"/var/lib/apt/lists/*
  tar -C "$tree" -c . | docker import - "$DEBIAN_IMAGE" >/dev/null
  rm -rf "$tree"
}

rust_image() {
  local sysroot registry stamp
  sysroot=$(rustc --print sysroot)
  registry=${CARGO_HOME:-$HOME/.cargo}/registry
  stamp=$( (rustc --version && cat "$root/Cargo.lock") | sha256sum | cut -c1-16)
  if made_from "$RUST_IMAGE" "$stamp"; then return 0; fi
  say "making $RUST_IMAGE from this machine's toolchain and crates"
  (cd "$root" && cargo fetch --quiet --locked)
  local work
  work=$(mktemp -d "$ENGINE_FOLDER/rust.XXXXXX")
  mkdir -p "$work/cargo/registry"
  cp -a "$registry/index" "$registry/cache" "$work/cargo/registry/"
  tar -C "$sysroot" -c --exclude=./share --exclude=./lib/rustlib/src . | (mkdir "$work/toolchain" && tar -C "$work/toolchain" -x)
  # With the authorities this machine trusts, so that apt and cargo reach whatever it reaches.
  cp /etc/ssl/certs/ca-certificates.crt "$work/"
  cat >"$work/Dockerfile" <<'END'
FROM debian:bookworm-slim
RUN apt-get update -qq && apt-get install -qq -y --no-install-recommends gcc libc6-dev >/dev/null && rm -rf /var/lib/apt/lists/*
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY toolchain /usr/local/toolchain
COPY cargo /usr/local/cargo
ENV CARGO_HOME=/usr/local/cargo PATH=/usr/local/toolchain/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
END
  docker_build --label "made-from=$stamp" -t "$RUST_IMAGE" "$work"
  rm -rf "$work"
}

editor_image() {
  local work stamp
  stamp=$(cat "$root/.tools/code-server/.installed" "$root/.tools/node/.installed" | sha256sum | cut -c1-16)
  if made_from "$EDITOR_IMAGE" "$stamp"; then return 0; fi
  say "making $EDITOR_IMAGE from the npm package"
  work=$(mktemp -d "$ENGINE_FOLDER/editor.XXXXXX")
  cp -L "$root/.tools/bin/node" "$work/node"
  cp -al "$root/.tools/code-server/node_modules" "$work/node_modules" 2>/dev/null || cp -a "$root/.tools/code-server/node_modules" "$work/node_modules"
  # As the official image has it: a user coder (1000) with a home, and an entry that listens on 8080 and takes further arguments.
  cat >"$work/Dockerfile" <<'END'
FROM debian:bookworm-slim
RUN useradd --uid 1000 --create-home --shell /bin/bash coder
COPY node /usr/local/bin/node
COPY node_modules /opt/node_modules
USER 1000
ENV USER=coder HOME=/home/coder
WORKDIR /home/coder
ENTRYPOINT ["/usr/local/bin/node", "/opt/node_modules/code-server/out/node/entry.js", "--bind-addr", "0.0.0.0:8080", "."]
END
  docker_build --label "made-from=$stamp" -t "$EDITOR_IMAGE" "$work"
  rm -rf "$work"
}

docker_build() { DOCKER_BUILDKIT=1 docker build --quiet --pull=false "$@" >/dev/null; }
