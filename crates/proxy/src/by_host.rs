//! Things found by host: by the very name, else by the wildcard one label up, both by one hash look-up.
//!
//! Refuses to mix the two: a host that is named owns its name, and gets nothing of a wildcard that covers it.

use std::collections::HashMap;

use doorward_hygiene::{HostPattern, Hostname, parent_of};

/// A map from hosts and wildcards of hosts.
#[derive(Debug)]
pub(crate) struct ByHost<T> {
    exact: HashMap<Hostname, T>,
    /// `*.example.com` by `example.com`.
    below: HashMap<Hostname, T>,
}

impl<T> Default for ByHost<T> {
    fn default() -> Self {
        Self { exact: HashMap::new(), below: HashMap::new() }
    }
}

impl<T> ByHost<T> {
    /// What there is for this host.
    pub(crate) fn get(&self, host: &Hostname) -> Option<&T> {
        self.exact.get(host).or_else(|| self.below.get(parent_of(host)?))
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.exact.values_mut().chain(self.below.values_mut())
    }
}

impl<T: Default> ByHost<T> {
    /// What is kept under this very pattern; made when there is nothing yet.
    pub(crate) fn entry(&mut self, pattern: &HostPattern) -> &mut T {
        match pattern {
            HostPattern::Exact(host) => self.exact.entry(host.clone()).or_default(),
            HostPattern::Below(parent) => self.below.entry(parent.clone()).or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_comes_before_a_wildcard_and_a_wildcard_is_one_label() {
        let mut map = ByHost::<Option<&str>>::default();
        for pattern in
            ["*.dev.example.com", "own.dev.example.com", "*.a.dev.example.com", "dev.example.com", "10.0.0.1"]
        {
            *map.entry(&HostPattern::parse(pattern).unwrap()) = Some(pattern);
        }
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
            assert_eq!(map.get(&host).copied().flatten(), found, "{host}");
        }
    }
}
