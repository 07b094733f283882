//! What applications are told of their visitors, and in whose name.

use http::HeaderName;

use crate::Secret;

/// The settings that hold for every route.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assertion {
    /// The key that signs in place of those Doorward makes: P-256, PKCS#8 or SEC1 DER (`signing_key`).
    pub signing_key: Option<Secret>,
    /// The claims that are told in plain headers besides the usual ones, and in the signed statement
    /// (`jwt_claims_headers`). No two have the same header.
    pub claim_headers: Vec<ClaimHeader>,
    /// Whether headers and published keys are there under Pomerium's names too.
    pub pomerium_compatibility: bool,
}

/// A claim that is told in a plain header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimHeader {
    /// The header. Nobody but Doorward may send it to an application.
    pub header: HeaderName,
    /// The claim's name, or its path through objects.
    pub claim: String,
}

/// What the signed statement names as its issuer (`jwt_issuer_format`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum IssuerFormat {
    /// The route's host, as in `app.example.com`.
    #[default]
    HostOnly,
    /// That host as a URL, as in `https://app.example.com/`.
    Uri,
}
