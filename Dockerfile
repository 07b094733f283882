# Doorward as a small image: one binary, a trust store, a user without rights.
#
# It runs with a read-only root, no capabilities at all and no new privileges. Port 443 needs none: engines since Docker 20.10
# set net.ipv4.ip_unprivileged_port_start=0 in a container, and docker-compose.yaml asks for it by name. (A capability on the
# file would not do: no-new-privileges ignores those.)

FROM rust:1.95-slim-bookworm AS builder
# `dev` is compiled in a third of the time, for trying things out.
ARG PROFILE=release
WORKDIR /src
COPY . .
# The cache keeps what was compiled between two builds on one machine; it is no part of any layer.
RUN --mount=type=cache,target=/src/target \
    cargo build --profile "$PROFILE" --locked -p doorward \
    && install -D -m 0755 "target/$([ "$PROFILE" = dev ] && echo debug || echo "$PROFILE")/doorward" /out/usr/local/bin/doorward \
    && install -d -m 0755 /out/etc/doorward \
    && install -D -m 0644 /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/ca-certificates.crt

FROM debian:bookworm-slim
COPY --from=builder /out/ /
# A new volume on /data takes over this owner. 10001: a number that no person and no service of the host has.
RUN install -d -o 10001 -g 10001 -m 0700 /data
ENV DATA_DIR=/data
VOLUME /data
USER 10001:10001
WORKDIR /etc/doorward
EXPOSE 443 80
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 CMD ["doorward", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["doorward"]
CMD ["run"]
