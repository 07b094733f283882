//! From names to certificates by hash alone: whole names, and names with one `*` for their first label.
//!
//! Refuses: a `*` for more than one label, or in any other place (RFC 6125 §6.4.3).

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::Arc;

use doorward_hygiene::HostPattern;
use rustls::sign::CertifiedKey;

use crate::LeafFacts;
use crate::report::Source;

/// A certificate in use, and what there is to tell about it.
pub(crate) struct Served {
    pub(crate) key: Arc<CertifiedKey>,
    pub(crate) facts: LeafFacts,
    pub(crate) source: Source,
    /// What the configuration calls it.
    pub(crate) label: Option<String>,
}

/// Certificates by name. An answer takes two look-ups at most, however many names there are.
#[derive(Clone, Default)]
pub(crate) struct Names<S = RandomState> {
    /// By whole name, in lower case.
    exact: HashMap<Box<str>, Arc<Served>, S>,
    /// `*.example.com` by `example.com`.
    wildcards: HashMap<Box<str>, Arc<Served>, S>,
}

impl<S: BuildHasher> Names<S> {
    /// Adds a certificate for a name as it stands in a subjectAltName, unless the name has one.
    pub(crate) fn add(&mut self, name: &str, served: &Arc<Served>) {
        let (names, name) = match name.strip_prefix("*.") {
            Some(parent) => (&mut self.wildcards, parent.into()),
            None => (&mut self.exact, spelled(name)),
        };
        names.entry(name).or_insert_with(|| Arc::clone(served));
    }

    /// Gives a host, or all one label below one, another certificate.
    pub(crate) fn put(&mut self, pattern: &HostPattern, served: Arc<Served>) {
        match pattern {
            HostPattern::Exact(host) => self.exact.insert(spelled(host.as_str()), served),
            HostPattern::Below(parent) => self.wildcards.insert(parent.as_str().into(), served),
        };
    }

    /// Takes a certificate away.
    pub(crate) fn take(&mut self, pattern: &HostPattern) {
        match pattern {
            HostPattern::Exact(host) => self.exact.remove(&spelled(host.as_str())),
            HostPattern::Below(parent) => self.wildcards.remove(parent.as_str()),
        };
    }

    /// For a name in lower case: exactly, else by a `*`.
    pub(crate) fn find(&self, name: &str) -> Option<&Arc<Served>> {
        self.exact(name).or_else(|| self.wildcard(name.split_once('.')?.1))
    }

    /// By the whole name.
    pub(crate) fn exact(&self, name: &str) -> Option<&Arc<Served>> {
        self.exact.get(name)
    }

    /// By what follows the first label.
    pub(crate) fn wildcard(&self, parent: &str) -> Option<&Arc<Served>> {
        self.wildcards.get(parent)
    }

    /// Whoever answers this host, or all one label below one.
    pub(crate) fn of(&self, pattern: &HostPattern) -> Option<&Arc<Served>> {
        match pattern {
            HostPattern::Exact(host) if host.is_ip() => self.exact(&spelled(host.as_str())),
            HostPattern::Exact(host) => self.find(host.as_str()),
            HostPattern::Below(parent) => self.wildcard(parent.as_str()),
        }
    }

    /// Every certificate, once for each of its names.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Served>> {
        self.exact.values().chain(self.wildcards.values())
    }
}

/// An address in its one spelling, without the brackets of a URL; a name as it is.
pub(crate) fn spelled(name: &str) -> Box<str> {
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    bare.parse::<IpAddr>().map_or_else(|_| name.into(), |address| address.to_string().into())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::hash::Hasher;
    use std::time::UNIX_EPOCH;

    use rcgen::{CertificateParams, KeyPair};
    use rustls::crypto::aws_lc_rs;
    use rustls_pki_types::PrivateKeyDer;

    use super::*;

    thread_local! {
        static HASHED: Cell<usize> = const { Cell::new(0) };
    }

    /// Hashes as always, and counts.
    #[derive(Clone, Default)]
    struct Counting(RandomState);

    impl BuildHasher for Counting {
        type Hasher = Counted;

        fn build_hasher(&self) -> Counted {
            HASHED.set(HASHED.get() + 1);
            Counted(self.0.build_hasher())
        }
    }

    struct Counted(<RandomState as BuildHasher>::Hasher);

    impl Hasher for Counted {
        fn finish(&self) -> u64 {
            self.0.finish()
        }

        fn write(&mut self, bytes: &[u8]) {
            self.0.write(bytes);
        }
    }

    fn served() -> Arc<Served> {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec!["a.example".into()]).unwrap().self_signed(&key).unwrap();
        let der = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let key = CertifiedKey::from_der(vec![certificate.der().clone()], der, &aws_lc_rs::default_provider()).unwrap();
        let facts = LeafFacts { names: vec![], issuer: String::new(), not_before: UNIX_EPOCH, not_after: UNIX_EPOCH };
        Arc::new(Served { key: Arc::new(key), facts, source: Source::File, label: None })
    }

    #[test]
    fn ten_thousand_names_answer_with_two_look_ups_as_one_does() {
        let served = served();
        for many in [1, 10_000] {
            let mut names = Names::<Counting>::default();
            for number in 0..many {
                names.add(&format!("host{number}.example"), &served);
                names.add(&format!("*.zone{number}.example"), &served);
            }
            let hashes = |name: &str, found: bool| {
                HASHED.set(0);
                assert_eq!(names.find(name).is_some(), found, "{name}");
                HASHED.get()
            };
            // A map of one entry may compare without hashing; none ever hashes more.
            assert!(hashes("host0.example", true) <= 1);
            assert!(hashes("x.zone0.example", true) <= 2);
            assert!(hashes("nobody.example", false) <= 2);
        }
    }
}
