//! On what terms a listener serves.

use crate::admission::Admission;
use crate::limits::Limits;

/// What a listener is served with.
#[derive(Debug, Clone)]
pub struct Terms {
    /// How much and how long.
    pub limits: Limits,
    /// What is spoken.
    pub versions: Versions,
    /// Who is let in; listeners that have one in common share its places.
    pub admission: Admission,
}

impl Terms {
    /// With these limits for this listener alone, both versions, and nobody before us.
    pub fn of(limits: Limits) -> Self {
        Self { admission: Admission::new(&limits), versions: Versions::Both, limits }
    }
}

/// Which versions of HTTP are spoken: over TLS as the client chooses by ALPN, in the clear as it begins (RFC 9113 §3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versions {
    /// HTTP/1.1 and HTTP/2.
    Both,
    /// HTTP/1.1 alone.
    Http1,
    /// HTTP/2 alone.
    Http2,
}
