//! Things found by host: by the very name, else by the wildcard one label up, both by one hash look-up.
//!
//! Refuses to mix the two: a host that is named owns its name, and gets nothing of a wildcard that covers it.

use std::collections::HashMap;

use doorward_hygiene::{HostPattern, Hostname, parent_of};

use crate::by_text::ByText;

/// An unchanging map from hosts and wildcards of hosts.
#[derive(Debug)]
pub(crate) struct ByHost<T> {
    exact: ByText<T>,
    /// `*.example.com` by `example.com`.
    below: ByText<T>,
}

impl<T> From<HashMap<HostPattern, T>> for ByHost<T> {
    fn from(map: HashMap<HostPattern, T>) -> Self {
        let (mut exact, mut below) = (HashMap::new(), HashMap::new());
        for (pattern, value) in map {
            match pattern {
                HostPattern::Exact(host) => exact.insert(host, value),
                HostPattern::Below(parent) => below.insert(parent, value),
            };
        }
        Self { exact: exact.into(), below: below.into() }
    }
}

impl<T> ByHost<T> {
    /// What there is for this host.
    pub(crate) fn get(&self, host: &Hostname) -> Option<&T> {
        let below = || if self.below.is_empty() { None } else { self.below.get(parent_of(host)?) };
        self.exact.get(host.as_str()).or_else(below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_comes_before_a_wildcard_and_a_wildcard_is_one_label() {
        let patterns =
            ["*.dev.example.com", "own.dev.example.com", "*.a.dev.example.com", "dev.example.com", "10.0.0.1"];
        let map: HashMap<_, _> = patterns.map(|pattern| (HostPattern::parse(pattern).unwrap(), pattern)).into();
        let map = ByHost::from(map);
        for (host, found) in [
            ("own.dev.example.com", Some("own.dev.example.com")),
            ("a.dev.example.com", Some("*.dev.example.com")),
            ("dev.example.com", Some("dev.example.com")),
            ("b.a.dev.example.com", Some("*.a.dev.example.com")),
            ("b.c.dev.example.com", None),
            ("x.own.dev.example.com", None),
            ("xdev.example.com", None),
            ("a.xdev.example.com", None),
            ("example.com", None),
            ("com", None),
            ("a.dev.example.com.evil.com", None),
            ("10.0.0.1", Some("10.0.0.1")),
            ("[::1]", None),
        ] {
            let host = Hostname::parse(host).unwrap();
            assert_eq!(map.get(&host).copied(), found, "{host}");
        }
    }
}
