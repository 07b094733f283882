//! What of a changed configuration has to wait for a restart.
//!
//! Refuses to let it wait in silence: docs/configuration.md names the same keys.

use doorward_config::{Config, StoreSettings};

/// The keys that differ and cannot be changed while running.
pub(super) fn needing_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    let is_remote = matches!(old.sessions.store, StoreSettings::Redis(_) | StoreSettings::Postgres(_));
    [
        ("address", old.listeners.addresses != new.listeners.addresses),
        ("http_redirect_addr", old.listeners.redirect != new.listeners.redirect),
        ("insecure_server", old.listeners.insecure != new.listeners.insecure),
        ("codec_type", old.listeners.codec != new.listeners.codec),
        ("use_proxy_protocol", old.proxies.protocol != new.proxies.protocol),
        ("health_check_addr", old.health != new.health),
        ("metrics_address", old.metrics != new.metrics),
        ("data_dir", old.data_dir != new.data_dir),
        ("log_level", old.log_level != new.log_level),
        ("databroker_storage_type, databroker_storage_connection_string", old.sessions.store != new.sessions.store),
        (
            "certificate_authority, for the session store",
            is_remote && old.sessions.authorities != new.sessions.authorities,
        ),
        (
            "timeout_read, timeout_idle",
            (old.timeouts.read, old.timeouts.idle) != (new.timeouts.read, new.timeouts.idle),
        ),
        ("limits, those of connections", old.limits.connection != new.limits.connection),
    ]
    .into_iter()
    .filter_map(|(key, differs)| differs.then_some(key))
    .collect()
}

#[cfg(test)]
mod tests {
    use doorward_config::{DiskFiles, Env, Overrides, Source, load};
    use std::time::SystemTime;

    use super::*;

    struct Nothing;

    impl Env for Nothing {
        fn get(&self, _: &str) -> Option<String> {
            None
        }
    }

    const SECRET: &str = "cookie_secret: l6TqxV8h5XsmdHVnKBjQqd3I31pcPuVwHhIBaEUm1dE=\n";
    const REDIS: &str = "databroker_storage_type: redis\ndatabroker_storage_connection_string: rediss://a.example\n";

    fn config(keys: &str) -> Config {
        let route = "allow_any_authenticated_user: true";
        let yaml = format!(
            "data_dir: /one\n{SECRET}{keys}\nroutes: [{{from: 'https://a.example.com', to: 'http://127.0.0.1:1', {route}}}]"
        );
        load(&Source::new("c.yaml", &yaml), &Overrides::default(), &Nothing, &DiskFiles, SystemTime::now())
            .unwrap()
            .config
    }

    #[test]
    fn what_waits_is_named_and_what_does_not_is_not() {
        let store = "databroker_storage_type, databroker_storage_connection_string";
        for (before, after, expected) in [
            ("", "", vec![]),
            ("", "address: ':8443'", vec!["address"]),
            ("address: ':8443'", "address: [':8443']", vec![]),
            ("address: ':8443'", "address: [':8443', ':9443']", vec!["address"]),
            ("", "codec_type: http1", vec!["codec_type"]),
            ("", "trusted_proxies: 10.0.0.1\nxff_num_trusted_hops: 2\nskip_xff_append: true", vec![]),
            (
                "trusted_proxies: 10.0.0.1",
                "trusted_proxies: 10.0.0.2\nuse_proxy_protocol: true",
                vec!["use_proxy_protocol"],
            ),
            ("", "http_redirect_addr: ':8080'", vec!["http_redirect_addr"]),
            ("", "insecure_server: true", vec!["insecure_server"]),
            ("", "metrics_address: '127.0.0.1:9090'", vec!["metrics_address"]),
            ("", "health_check_addr: '127.0.0.1:9091'", vec!["health_check_addr"]),
            ("", "log_level: debug", vec!["log_level"]),
            ("", "timeout_idle: 7m", vec!["timeout_read, timeout_idle"]),
            ("", "timeout_read: 7s", vec!["timeout_read, timeout_idle"]),
            ("", "default_upstream_timeout: 7s", vec![]),
            ("", "limits: {streams_per_connection: 7}", vec!["limits, those of connections"]),
            (
                "",
                "limits: {requests: 7, max_request_bytes: 1KiB, sign_ins_per_address: 9}\nrate_limit: {requests: 1}",
                vec![],
            ),
            ("", REDIS, vec![store]),
            (REDIS, &*REDIS.replace("a.example", "b.example"), vec![store]),
            ("", "session_idle_timeout: 1h\nsession_store_grace: 1m\ncookie_expire: 3h\ncookie_name: other", vec![]),
            ("", "signout_redirect_url: https://www.example.com/", vec![]),
        ] {
            assert_eq!(needing_restart(&config(before), &config(after)), expected, "{after}");
        }
    }

    #[test]
    fn another_authority_waits_where_it_vouches_for_the_server_of_the_store() {
        for (keys, expected) in [("", vec![]), (REDIS, vec!["certificate_authority, for the session store"])] {
            let mut changed = config(keys);
            changed.sessions.authorities.push(vec![1].into());
            assert_eq!(needing_restart(&config(keys), &changed), expected);
        }
    }
}
