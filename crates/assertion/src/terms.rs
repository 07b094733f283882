//! What a route tells otherwise than the next one.

use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use doorward_config::IssuerFormat;
use doorward_identity::Groups;

/// The terms on which a route's application is told of visitors. Equal terms make equal statements.
#[derive(Debug, Clone)]
pub struct Terms {
    issuer: IssuerFormat,
    groups: Option<Arc<[String]>>,
    /// A hash of the two, to find statements by.
    digest: [u8; 16],
}

impl Terms {
    /// The issuer is named in this format, and of a person's groups only these are told; `groups` is sorted, and none
    /// lets all through.
    pub fn new(issuer: IssuerFormat, groups: Option<Arc<[String]>>) -> Self {
        let mut hash = Context::new(&SHA256);
        hash.update(&[u8::from(issuer == IssuerFormat::Uri), u8::from(groups.is_some())]);
        for group in groups.iter().flat_map(|groups| groups.iter()) {
            // Lengths before texts: no two lists are the same bytes.
            hash.update(&group.len().to_be_bytes());
            hash.update(group.as_bytes());
        }
        let mut digest = [0; 16];
        for (to, from) in digest.iter_mut().zip(hash.finish().as_ref()) {
            *to = *from;
        }
        Self { issuer, groups, digest }
    }

    pub(crate) fn digest(&self) -> &[u8; 16] {
        &self.digest
    }

    /// Who speaks to the application behind `audience`.
    pub(crate) fn issuer(&self, audience: &str) -> String {
        match self.issuer {
            IssuerFormat::HostOnly => audience.to_owned(),
            IssuerFormat::Uri => format!("https://{audience}/"),
        }
    }

    /// The groups that may be told of.
    pub fn groups<'a>(&'a self, of: &'a Groups) -> impl Iterator<Item = &'a str> {
        of.iter().filter(|group| {
            self.groups.as_ref().is_none_or(|told| told.binary_search_by(|name| name.as_str().cmp(group)).is_ok())
        })
    }
}

impl Default for Terms {
    fn default() -> Self {
        Self::new(IssuerFormat::default(), None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_that_differ_are_told_apart() {
        let terms = |issuer, groups: Option<&[&str]>| {
            Terms::new(issuer, groups.map(|groups| groups.iter().map(|group| (*group).to_owned()).collect()))
        };
        let all = [
            terms(IssuerFormat::HostOnly, None),
            terms(IssuerFormat::Uri, None),
            terms(IssuerFormat::HostOnly, Some(&[])),
            terms(IssuerFormat::HostOnly, Some(&["ab"])),
            terms(IssuerFormat::HostOnly, Some(&["a", "b"])),
        ];
        for (place, one) in all.iter().enumerate() {
            assert!(all.iter().skip(place + 1).all(|other| other.digest != one.digest), "{one:?}");
        }
        assert_eq!(Terms::default().digest, all[0].digest);
    }

    #[test]
    fn a_filter_lets_through_what_it_names() {
        let terms = Terms::new(IssuerFormat::Uri, Some(Arc::from(["a".to_owned(), "c".to_owned()])));
        let groups = Groups::new(["c", "b", "a"].map(str::to_owned));
        assert_eq!(terms.groups(&groups).collect::<Vec<_>>(), ["c", "a"]);
        assert_eq!(terms.issuer("app.test"), "https://app.test/");
        let all = Terms::default();
        assert_eq!(all.groups(&groups).count(), 3);
        assert_eq!(all.issuer("app.test"), "app.test");
    }
}
