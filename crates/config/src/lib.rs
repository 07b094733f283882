//! YAML words become domain types; every problem at once.
//!
//! Three stages: the text becomes a tree that knows where each word stands (`yaml`), the tree becomes
//! plain values section by section (`raw`), and those become what the rest of the program works with
//! (`compile`, giving [`Config`]). No stage stops at its first problem.
//!
//! Refuses: unknown keys, keys given twice, keys of Pomerium that are not supported yet, a route that can
//! never be reached, a secret of the wrong length, a key that does not belong to its certificate, and
//! whatever else would make the program do something other than the file says. No message ever repeats the
//! value of a secret.

mod compile;
mod domain;
mod expectations;
mod load;
mod problem;
mod protect;
mod raw;
mod secret;
mod source;
mod yaml;

pub use domain::acme::{
    Acme, AcmeDns, AcmeDnsAccount, ChallengeKind, Dns, DnsCommand, DnsUpdater, ExternalAccount, Rfc2136, TsigAlgorithm,
    TsigKey,
};
pub use domain::assertion::{Assertion, ClaimHeader, IssuerFormat};
pub use domain::client_certificates::{ClientCertificates, Enforcement, NameKind, NameMatch};
pub use domain::dns::LookupFamily;
pub use domain::expectations::{
    Expectation, Expectations, InvalidRequestUrl, Person, Question, REASONS_WITHOUT_A_POLICY, RequestUrl, point_in_time,
};
pub use domain::listeners::Listeners;
pub use domain::route::{HeaderContent, HeaderPart, HostHeader, PathRule, Redirect, Route, StaticResponse, Target};
pub use domain::sessions::{Cookie, SameSite, SessionSettings, StoreAddress, StoreSettings};
pub use domain::sign_in::{BuiltInUser, OidcProvider, Provider, ProviderKind, SignIn};
pub use domain::timeouts::{Limit, Timeouts};
pub use domain::tls::{CertificatePair, Tls};
pub use domain::upgrades::Upgrades;
pub use domain::upstream::{ClientCertificatePair, Upstream, UpstreamScheme, UpstreamTls, UpstreamUrl};
pub use domain::{Config, LogLevel};
pub use expectations::{is_configuration, load_expectations};
pub use load::{Loaded, load};
pub use problem::{Place, Problem, Problems, Severity};
pub use protect::ProtectRequest;
pub use secret::Secret;
pub use source::{CertificateFlag, DiskFiles, Env, Files, Overrides, ProcessEnv, Source};
