//! Envoy: checks nobody, or asks an authoriser over gRPC that lets everybody in (the shape of Pomerium).

use std::path::PathBuf;

use super::Peer;
use crate::process::{Core, Server};
use crate::stage::{Stage, free_port, until_listening};
use crate::upstream;

/// Whom Envoy asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Nobody,
    /// As fast an authoriser as there can be: it reads nothing of what it is asked.
    Authoriser,
}

/// Starts it; None where it is not on this machine.
pub(crate) fn envoy(stage: &Stage, asked: Asked) -> Option<Peer> {
    let program = program();
    if !super::has(&program) {
        return None;
    }
    let (port, authoriser) = (free_port(), free_port());
    let name = if asked == Asked::Authoriser { "Envoy + ext_authz" } else { "Envoy" };
    let folder = stage.folder(&name.replace(" + ", "-"));
    // Beyond 1,024 connections to a cluster, requests for WebSockets would wait for ever.
    let cluster = |name: &str, port: u16, more: &str| {
        format!(
            "  - name: {name}\n    type: STATIC\n    connect_timeout: 5s\n    circuit_breakers: {{thresholds: [{{max_connections: 30000, \
             max_pending_requests: 30000, max_requests: 30000}}]}}\n{more}    load_assignment: {{cluster_name: {name}, \
             endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}}}}}]}}]}}\n"
        )
    };
    let http2 = "    typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {\"@type\": \
                 type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: \
                 {http2_protocol_options: {}}}}\n";
    let check = match asked {
        Asked::Nobody => "",
        Asked::Authoriser => {
            "          - name: envoy.filters.http.ext_authz\n            typed_config: {\"@type\": \
             type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz, transport_api_version: V3, \
             grpc_service: {envoy_grpc: {cluster_name: authoriser}, timeout: 5s}}\n"
        }
    };
    let (certificate, key) = (stage.certificate(), stage.key());
    let v3 = "type.googleapis.com/envoy.extensions";
    let config = format!(
        "admin: {{address: {{pipe: {{path: {at}/admin.sock}}}}}}\nstatic_resources:\n  listeners:\n  - name: all\n    \
         address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}\n    filter_chains:\n    - transport_socket:\n        \
         name: tls\n        typed_config: {{\"@type\": {v3}.transport_sockets.tls.v3.DownstreamTlsContext, common_tls_context: \
         {{alpn_protocols: [h2, http/1.1], tls_params: {{tls_minimum_protocol_version: TLSv1_3, tls_maximum_protocol_version: TLSv1_3}}, \
         tls_certificates: [{{certificate_chain: {{filename: {certificate}}}, private_key: {{filename: {key}}}}}]}}}}\n      \
         filters:\n      - name: hcm\n        typed_config:\n          \"@type\": \
         {v3}.filters.network.http_connection_manager.v3.HttpConnectionManager\n          stat_prefix: all\n          \
         codec_type: AUTO\n          upgrade_configs: [{{upgrade_type: websocket}}]\n          access_log: [{{name: file, \
         typed_config: {{\"@type\": {v3}.access_loggers.file.v3.FileAccessLog, path: /dev/null}}}}]\n          route_config:\n            \
         virtual_hosts:\n            - name: all\n              domains: ['*']\n              routes:\n              \
         - {{match: {{prefix: /sink}}, route: {{cluster: behind, timeout: 0s}}}}\n              \
         - {{match: {{prefix: /echo}}, route: {{cluster: behind, timeout: 0s}}}}\n              \
         - {{match: {{prefix: /}}, route: {{cluster: small, timeout: 0s}}}}\n          http_filters:\n{check}          \
         - name: envoy.filters.http.router\n            typed_config: {{\"@type\": {v3}.filters.http.router.v3.Router}}\n  \
         clusters:\n{}{}{}",
        cluster("small", stage.small, ""),
        cluster("behind", stage.behind, ""),
        cluster("authoriser", authoriser, http2),
        at = folder.display(),
    );
    let file = folder.join("envoy.yaml");
    std::fs::write(&file, config).unwrap();
    let mut servers = Vec::new();
    if asked == Asked::Authoriser {
        servers.push(upstream::this(Core::Proxy, upstream::AUTHORISE, &folder, authoriser));
        until_listening(authoriser);
    }
    let arguments =
        [&program, "-c", file.to_str().unwrap(), "--concurrency", "1", "--use-dynamic-base-id", "-l", "warning"];
    servers.push(Server::start(Core::Proxy, "envoy", &folder, &arguments));
    Some(Peer::new(stage, name, port, servers))
}

/// Where `scripts/install.sh bench` puts it.
fn program() -> String {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../.tools/envoy/envoy").display().to_string()
}
