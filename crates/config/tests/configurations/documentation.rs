//! What the reference page says is so.

use crate::world::{ROUTE, World};

/// Every key a configuration may have, by where it stands.
const TOP: &[&str] = &[
    "address",
    "allow_upgrades",
    "authenticate_service_url",
    "autocert",
    "autocert_ca",
    "autocert_challenges",
    "autocert_dir",
    "autocert_dns",
    "autocert_eab_key_id",
    "autocert_eab_mac_key",
    "autocert_eab_mac_key_file",
    "autocert_email",
    "autocert_must_staple",
    "autocert_on_demand",
    "autocert_profile",
    "autocert_trusted_ca",
    "autocert_trusted_ca_file",
    "autocert_use_staging",
    "certificate_authority",
    "certificate_authority_file",
    "certificate_file",
    "certificate_key_file",
    "certificates",
    "circuit_breaker_thresholds",
    "codec_type",
    "use_proxy_protocol",
    "trusted_proxies",
    "xff_num_trusted_hops",
    "skip_xff_append",
    "cookie_domain",
    "cookie_expire",
    "cookie_name",
    "cookie_same_site",
    "cookie_secret",
    "cookie_secret_file",
    "data_dir",
    "databroker_storage_connection_string",
    "databroker_storage_connection_string_file",
    "databroker_storage_type",
    "default_upstream_timeout",
    "dns_lookup_family",
    "downstream_mtls",
    "global_policy",
    "headers_with_underscores_action",
    "health_check_addr",
    "http_redirect_addr",
    "idp_client_id",
    "idp_client_secret",
    "idp_client_secret_file",
    "idp_groups_claim",
    "idp_provider",
    "idp_provider_url",
    "idp_refresh_interval",
    "idp_request_params",
    "idp_scopes",
    "insecure_server",
    "jwt_claims_headers",
    "jwt_groups_filter",
    "jwt_issuer_format",
    "limits",
    "log_level",
    "metrics_address",
    "pass_identity_headers",
    "path_with_escaped_slashes_action",
    "people",
    "policies",
    "policy",
    "pomerium_compatibility",
    "rate_limit",
    "routes",
    "session_idle_timeout",
    "session_store_grace",
    "set_response_headers",
    "shared_secret",
    "shared_secret_file",
    "signing_key",
    "signing_key_file",
    "signout_redirect_url",
    "support_contact",
    "tests",
    "timeout_idle",
    "timeout_read",
    "users",
];
const ROUTES: &[&str] = &[
    "allow_any_authenticated_user",
    "allow_public_unauthenticated_access",
    "allow_spdy",
    "allow_upgrades",
    "allow_websockets",
    "allowed_domains",
    "allowed_users",
    "authentication_max_age",
    "circuit_breaker_thresholds",
    "cors_allow_preflight",
    "description",
    "from",
    "health_checks",
    "healthy_panic_threshold",
    "host_path_regex_rewrite_pattern",
    "host_path_regex_rewrite_substitution",
    "host_rewrite",
    "host_rewrite_header",
    "idle_timeout",
    "jwt_groups_filter",
    "jwt_issuer_format",
    "kubernetes_service_account_token",
    "kubernetes_service_account_token_file",
    "max_request_bytes",
    "load_balancing_policy",
    "name",
    "outlier_detection",
    "pass_identity_headers",
    "path",
    "path_with_escaped_slashes_action",
    "policy",
    "policy_shadow",
    "prefix",
    "prefix_rewrite",
    "preserve_host_header",
    "rate_limit",
    "redirect",
    "regex",
    "regex_priority_order",
    "regex_rewrite_pattern",
    "regex_rewrite_substitution",
    "remove_request_headers",
    "response",
    "rewrite_response_headers",
    "set_request_headers",
    "set_response_headers",
    "show_error_details",
    "timeout",
    "tls_client_cert",
    "tls_client_cert_file",
    "tls_client_key",
    "tls_client_key_file",
    "tls_custom_ca",
    "tls_custom_ca_file",
    "tls_downstream_client_ca",
    "tls_downstream_client_ca_file",
    "tls_server_name",
    "tls_skip_verify",
    "tls_upstream_server_name",
    "to",
];

/// And inside blocks.
const BLOCKS: &[(&str, &[&str])] = &[
    (
        "downstream_mtls",
        &["ca", "ca_file", "crl", "crl_file", "enforcement", "match_subject_alt_names", "max_verify_depth"],
    ),
    (
        "limits",
        &[
            "connections",
            "connections_per_address",
            "failed_sign_ins",
            "failed_sign_ins_per_account",
            "failed_sign_ins_per_address",
            "failed_sign_ins_within",
            "handshake_timeout",
            "header_bytes",
            "header_count",
            "max_request_bytes",
            "request_line_bytes",
            "requests",
            "requests_per_address",
            "resets_per_connection",
            "sign_ins_per_address",
            "stalled_write_timeout",
            "streams_per_connection",
            "tunnels_per_session",
            "unknown_sessions_per_address",
        ],
    ),
    ("rate_limit", &["requests", "per", "burst", "by"]),
    ("autocert_dns", &["rfc2136", "acme_dns", "exec", "resolvers", "propagation_timeout"]),
    (
        "autocert_dns: {rfc2136",
        &["server", "zone", "tsig_key_name", "tsig_algorithm", "tsig_secret", "tsig_secret_file"],
    ),
    ("autocert_dns: {acme_dns", &["url", "accounts"]),
    ("autocert_dns: {acme_dns: {accounts: {a.example", &["username", "password", "password_file", "subdomain"]),
    ("autocert_dns: {exec", &["command", "timeout"]),
];

fn page() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md")).unwrap()
}

#[test]
fn every_key_is_known_and_explained() {
    let page = page();
    for (keys, indent) in [(TOP, ""), (ROUTES, "    ")] {
        for key in keys {
            assert!(page.contains(&format!("`{key}`")), "docs/configuration.md says nothing of `{key}`");
            let report = World::default().report(&format!("{ROUTE}{indent}{key}:\n"));
            assert!(!report.contains("is not a key") && !report.contains("does not support"), "{key}: {report}");
        }
    }
}

#[test]
fn every_key_of_a_block_is_known_and_explained() {
    let page = page();
    for (block, keys) in BLOCKS {
        for key in *keys {
            assert!(page.contains(&format!("`{key}`")), "docs/configuration.md says nothing of `{key}` in {block}");
            let ends = "}".repeat(block.matches('{').count() + 1);
            let report = World::default().report(&format!("{block}: {{{key}: {ends}\n{ROUTE}"));
            assert!(!report.contains("is not a key"), "{key}: {report}");
        }
    }
}

#[test]
fn every_key_the_tables_name_exists() {
    let in_blocks: Vec<_> = BLOCKS.iter().flat_map(|(_, keys)| keys.iter().copied()).collect();
    for row in page().lines().filter(|line| line.starts_with("| `")) {
        let names = row.split('|').nth(1).unwrap();
        for key in names.split('`').skip(1).step_by(2) {
            let known = TOP.contains(&key) || ROUTES.contains(&key) || in_blocks.contains(&key);
            assert!(known, "`{key}` in docs/configuration.md is not a key");
        }
    }
}

#[test]
fn every_example_is_taken_without_a_word() {
    let certificates = World::with_certificates();
    let fixture = |name: &str| certificates.files[&std::path::Path::new("certs").join(name)].clone();
    let world = World::default()
        .file("/etc/doorward/tls/fullchain.pem", fixture("p256.pem"))
        .file("/etc/doorward/tls/privkey.pem", fixture("p256.key"))
        .file("/etc/doorward/internal-ca.pem", fixture("rsa.pem"))
        .file("/etc/doorward/visitors-ca.pem", fixture("root.pem"))
        .file("/etc/doorward/visitors.crl", fixture("root.crl"))
        .file("/etc/doorward/tls/client.pem", fixture("client.pem"))
        .file("/etc/doorward/tls/client.key", fixture("p256.key"))
        .file("/run/secrets/eab_mac_key", "MTIzNDU2Nzg5MDEyMzQ1Ng\n")
        .file("/run/secrets/tsig_secret", "c2VjcmV0\n")
        .file("/run/secrets/acme_dns_password", "secret\n")
        .file("/run/secrets/idp_client_secret", "secret\n")
        .file("/run/secrets/kubernetes_token", "eyJhbGciOiJ.eyJpc3MiOiJr.c2ln\n")
        .file("/run/secrets/cookie_secret", "l6TqxV8h5XsmdHVnKBjQqd3I31pcPuVwHhIBaEUm1dE=\n")
        .variable("REDIS_PASSWORD", "secret")
        .variable("POSTGRES_PASSWORD", "secret")
        .variable("OIDC_CLIENT_ID", "doorward")
        .variable("WIKI_BASIC_CREDENTIALS", "dTpw");
    let page = page();
    let mut seen = 0;
    for block in page.split("```yaml\n").skip(1) {
        let text = block.split("```").next().unwrap();
        let whole = if text.contains("routes:") { text.to_owned() } else { format!("{text}{ROUTE}") };
        // A fragment may lack what stands elsewhere.
        let whole = if whole.contains("idp_client_id: $") {
            format!("idp_provider: google\nidp_client_secret: x\n{whole}")
        } else {
            whole
        };
        assert_eq!(world.report(&whole), "taken", "{whole}");
        seen += 1;
    }
    assert!(seen >= 7, "only {seen} examples found");
}
