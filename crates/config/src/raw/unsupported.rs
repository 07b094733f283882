//! The keys Pomerium has and we do not yet: refused by name, so that nobody believes them to work.
//!
//! A key that asks for nothing (`skip_xff_append: false`) or for what is so anyway (`services: all`) is only hinted at.

use crate::problem::Problems;
use crate::source::Env;
use crate::yaml::{Content, Entry};

/// A key of Pomerium.
pub(crate) struct Unsupported {
    /// Its name; `*` at the end stands for any rest.
    name: &'static str,
    /// Values that ask for what is so anyway.
    same: &'static [&'static str],
    /// What to do instead.
    instead: Option<&'static str>,
    /// Whether other programs read an environment variable of this name too, so that its being set says nothing.
    common_variable: bool,
}

const fn key(name: &'static str) -> Unsupported {
    Unsupported { name, same: &[], instead: None, common_variable: false }
}

const fn instead(name: &'static str, instead: &'static str) -> Unsupported {
    Unsupported { instead: Some(instead), ..key(name) }
}

const fn same(name: &'static str, same: &'static [&'static str], instead: &'static str) -> Unsupported {
    Unsupported { same, instead: Some(instead), ..key(name) }
}

const fn common(name: &'static str) -> Unsupported {
    Unsupported { common_variable: true, ..key(name) }
}

const SHARED_STORE: &str = "There is no broker of its own: replicas share a store, by `databroker_storage_type: redis` \
     or `postgres`.";

/// At the top of the file.
pub(crate) const GLOBAL: &[Unsupported] = &[
    instead("access_log_fields", "The access log has a fixed set of fields."),
    instead("authenticate_callback_path", "The redirect URI is `/oauth2/callback` on a dedicated sign-in host."),
    instead("authenticate_internal_service_url", "There is one process, so nothing is called internally."),
    instead("authorize_*", "There is one process; the decision is made in it."),
    key("auto_apply_changesets"),
    key("bearer_token_format"),
    key("blob_storage"),
    key("branding"),
    instead("certificate", "Put it in a file, and give that with `certificate_file`."),
    instead("certificate_key", "Put it in a file, and give that with `certificate_key_file`."),
    key("circuit_breaker_thresholds"),
    instead("client_ca", "It is `downstream_mtls: {ca: BASE64}` now."),
    instead("client_ca_file", "It is `downstream_mtls: {ca_file: FILE}` now."),
    same("codec_type", &["auto"], "HTTP/1.1 and HTTP/2 are both spoken, as the visitor chooses."),
    same("cookie_http_only", &["true"], "The session cookie is always HttpOnly."),
    same("cookie_secure", &["true"], "The session cookie is always Secure."),
    instead("databroker_cluster_*", SHARED_STORE),
    instead("databroker_internal_service_url", SHARED_STORE),
    instead("databroker_raft_*", SHARED_STORE),
    instead("databroker_service_url*", SHARED_STORE),
    instead(
        "databroker_storage_ca_file",
        "PostgreSQL's stands in `databroker_storage_connection_string`: `?sslmode=verify-full&sslrootcert=FILE`.",
    ),
    instead("databroker_storage_tls_skip_verify", "The store's certificate is always verified."),
    instead("databroker_*", "Sessions are kept where `databroker_storage_type` says; there is nothing else to set."),
    key("darkmode_primary_color"),
    key("darkmode_secondary_color"),
    key("debug_address"),
    key("dns_*"),
    instead("envoy_*", "There is no Envoy in Doorward."),
    key("error_message_first_paragraph"),
    key("favicon_url"),
    key("google_cloud_serverless_authentication_service_account"),
    instead("grpc_*", "There is one process and no gRPC."),
    instead("headers", "It is called `set_response_headers` now."),
    key("headers_with_underscores_action"),
    key("health_check_systemd_disabled"),
    key("identity_providers"),
    key("idp_access_token_allowed_audiences"),
    instead("idp_refresh_directory_*", "Groups come from the claim that `idp_groups_claim` names."),
    instead("idp_service_account", "Groups come from the claim that `idp_groups_claim` names."),
    key("installation_id"),
    key("logo_url"),
    key("mcp_*"),
    instead("merge_slashes", "The path reaches the upstream exactly as it came."),
    instead("metrics_*", "Metrics are served as they are on `metrics_address`; keep that on an address of your own."),
    same("normalize_path", &["true"], "A path that could be read two ways is refused."),
    common("otel_*"),
    key("override_certificate_name"),
    same("path_with_escaped_slashes_action", &["reject_request"], "A path with an escaped slash is always refused."),
    key("primary_color"),
    key("programmatic_redirect_domain_whitelist"),
    instead("proxy_log_level", "There is one log: `log_level`."),
    key("runtime_flags"),
    key("secondary_color"),
    same("services", &["all"], "There is one process, which is all services."),
    key("session_recording_concurrency"),
    key("skip_xff_append"),
    key("ssh_*"),
    instead("timeout_write", "An answer may take as long as it needs; a stalled one ends after `timeout_idle`."),
    key("tls_derive"),
    key("tracing_*"),
    key("use_proxy_protocol"),
    key("xff_num_trusted_hops"),
];

/// In a route.
pub(crate) const ROUTE: &[Unsupported] = &[
    instead("allowed_groups", "Write it as a policy: `policy: [{allow: {or: [{groups: {has: NAME}}]}}]`."),
    instead("allowed_idp_claims", "Write it as a policy: `policy: [{allow: {or: [{claim/NAME: {has: VALUE}}]}}]`."),
    key("bearer_token_format"),
    key("circuit_breaker_thresholds"),
    key("depends_on"),
    key("enable_google_cloud_serverless_authentication"),
    key("health_checks"),
    key("healthy_panic_threshold"),
    instead("host_path_regex_rewrite_*", "`host_rewrite` sets a fixed name."),
    instead("host_rewrite_header", "`host_rewrite` sets a fixed name."),
    key("id"),
    key("identity_providers"),
    key("idp_access_token_allowed_audiences"),
    instead("idp_client_id", "All routes share the one provider at the top of the file."),
    instead("idp_client_secret", "All routes share the one provider at the top of the file."),
    key("kubernetes_service_account_token*"),
    key("lb_config"),
    instead("load_balancing_policy*", "Several addresses in `to` take turns."),
    key("logo_url"),
    key("mcp"),
    key("outlier_detection"),
    instead("regex_priority_order", "Regex routes are tried in the order of the file."),
    instead("regex_rewrite_*", "`prefix_rewrite` changes a fixed prefix."),
    key("rewrite_response_headers"),
    key("session_recording"),
    instead(
        "set_authorization_header",
        "Write `set_request_headers: {Authorization: \"Bearer ${doorward.access_token}\"}`, or the template you mean.",
    ),
    instead("sub_policies", "Write its rules into `policy`."),
    key("tls_downstream_server_name"),
    key("tls_upstream_allow_renegotiation"),
    key("upstream_tunnel"),
];

/// In `redirect`, `response` and the other small blocks there is nothing that is not supported.
pub(crate) const NONE: &[Unsupported] = &[];

/// The entry for this key.
pub(crate) fn find<'u>(table: &'u [Unsupported], key: &str) -> Option<&'u Unsupported> {
    table.iter().find(|known| match known.name.strip_suffix('*') {
        Some(stem) => key.starts_with(stem),
        None => key == known.name,
    })
}

/// Warns of keys whose environment variable is set: nobody shall think that it works.
pub(crate) fn warn_of_variables(table: &[Unsupported], env: &dyn Env, problems: &mut Problems) {
    for known in table {
        known.report_variable(env, problems);
    }
}

impl Unsupported {
    pub(crate) fn report(&self, entry: &Entry, problems: &mut Problems) {
        let key = crate::yaml::shown(&entry.key);
        if entry.value.is_off() || self.is_same(&entry.value.content) {
            problems.hint(
                &entry.place,
                format!("`{key}` is a key of Pomerium that does nothing here; what it says is so anyway"),
                "The line may be removed.",
            );
            return;
        }
        let mend = match self.instead {
            Some(instead) => format!("Remove it. {instead}"),
            None => "Remove it, if you can do without what it asks for.".into(),
        };
        problems.error(&entry.place, format!("`{key}` is a key of Pomerium that Doorward does not support yet"), mend);
    }

    /// A warning when the key's environment variable is set. Not an error: it may be meant for somebody else.
    fn report_variable(&self, env: &dyn Env, problems: &mut Problems) {
        if self.common_variable || self.name.ends_with('*') {
            return;
        }
        let name = self.name.to_ascii_uppercase();
        let Some(text) = env.get(&name) else { return };
        let lower = text.to_ascii_lowercase();
        if matches!(lower.as_str(), "" | "false" | "0") || self.same.contains(&lower.as_str()) {
            return;
        }
        problems.warning(
            &crate::Place::Variable(name.into()),
            format!(
                "`{}` is a key of Pomerium that Doorward does not support yet; the variable has no effect",
                self.name
            ),
            self.instead.unwrap_or("Unset it, if it is meant for Doorward and you can do without."),
        );
    }

    fn is_same(&self, value: &Content) -> bool {
        matches!(value, Content::Scalar(scalar) if self.same.contains(&scalar.text.to_ascii_lowercase().as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_is_in_a_table_twice() {
        for table in [GLOBAL, ROUTE] {
            for (index, known) in table.iter().enumerate() {
                let first = find(table, known.name.trim_end_matches('*')).unwrap();
                assert!(std::ptr::eq(first, &raw const table[index]), "{}", known.name);
            }
        }
    }

    #[test]
    fn stems_cover_their_keys() {
        for key in ["metrics_certificate", "otel_exporter_otlp_endpoint", "ssh_address"] {
            assert!(find(GLOBAL, key).is_some(), "{key}");
        }
        assert!(find(GLOBAL, "certificates").is_none() && find(GLOBAL, "certificate").is_some());
    }
}
