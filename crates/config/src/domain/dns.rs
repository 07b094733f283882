//! How the names of applications are looked up.

/// Which addresses of a name are used (`dns_lookup_family`), in Pomerium's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum LookupFamily {
    /// `V4_ONLY`
    V4Only,
    /// `V6_ONLY`
    V6Only,
    /// `V4_PREFERRED`: both, IPv4 first.
    #[default]
    V4Preferred,
    /// `AUTO`: both, IPv6 first.
    V6Preferred,
    /// `ALL`: both, in the order of the system (RFC 6724).
    All,
}

impl LookupFamily {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V4Only => "V4_ONLY",
            Self::V6Only => "V6_ONLY",
            Self::V4Preferred => "V4_PREFERRED",
            Self::V6Preferred => "AUTO",
            Self::All => "ALL",
        }
    }

    /// The one that is written so, in either case.
    pub(crate) fn named(text: &str) -> Option<Self> {
        [Self::V4Only, Self::V6Only, Self::V4Preferred, Self::V6Preferred, Self::All]
            .into_iter()
            .find(|family| family.as_str().eq_ignore_ascii_case(text))
    }
}
