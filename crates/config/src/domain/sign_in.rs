//! Where and how people sign in.

use std::time::Duration;

use doorward_hygiene::{Authority, Hostname, Origin, OriginPattern};
use doorward_identity::Email;
use rustls_pki_types::CertificateDer;

use crate::Secret;

/// The sign-in host and who knows the people.
#[derive(Debug, Clone)]
pub struct SignIn {
    /// The origin that holds the sign-in session: `authenticate_service_url`, else that of the first route which is
    /// for one host.
    pub origin: Origin,
    /// Whether that origin serves nothing else: no route is on it.
    pub dedicated: bool,
    /// Who knows the people.
    pub provider: Provider,
    /// Every origin a person may be sent back to: all routes' and the sign-in origin, each once.
    pub known_origins: Vec<OriginPattern>,
    /// Where a browser goes once it has signed out (`signout_redirect_url`): an https URL, or an http one of a loopback
    /// address, in visible ASCII and without a user name; none shows a page of our own.
    pub signed_out: Option<String>,
}

impl SignIn {
    /// The origins of ours that have this host: those of the host itself, and only if there are none, those of the
    /// wildcard that covers it. A host that is named owns its name: no wildcard adds a port to it.
    pub fn origins_of(&self, host: &Hostname) -> impl Iterator<Item = Origin> {
        let is_named = self.known_origins.iter().any(|known| known.host.exact() == Some(host));
        let of_host =
            self.known_origins.iter().filter_map(move |known| known.of_host(host).map(|origin| (known, origin)));
        of_host.filter(move |(known, _)| known.host.exact().is_some() == is_named).map(|(_, origin)| origin)
    }

    /// The origin of ours that has this host and this port; none when either is another's.
    pub fn origin_at(&self, authority: &Authority) -> Option<Origin> {
        self.origins_of(&authority.host).find(|origin| origin.port == authority.port_for(origin.scheme))
    }

    /// Whether this very origin is ours.
    pub fn knows(&self, origin: &Origin) -> bool {
        self.origins_of(&origin.host).any(|own| own == *origin)
    }
}

/// Who knows the people.
#[derive(Debug, Clone)]
pub enum Provider {
    /// Accounts of our own. The list holds those of the configuration; more may be added at run time.
    BuiltIn(Vec<BuiltInUser>),
    /// An OpenID Connect provider.
    Oidc(OidcProvider),
}

/// An account of our own, as the configuration names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltInUser {
    /// The address they sign in with.
    pub email: Email,
    /// What to call them.
    pub name: Option<String>,
    /// The groups they are in.
    pub groups: Vec<String>,
}

/// An OpenID Connect provider and what we are to it.
#[derive(Debug, Clone)]
pub struct OidcProvider {
    /// Which one, by its name in `idp_provider`.
    pub kind: ProviderKind,
    /// The issuer identifier exactly as written: discovery and every token must repeat it byte for byte
    /// (OpenID Connect Discovery §4.3), a trailing `/` included, so this is no parsed URL. It is known to
    /// be an https URL, or an http one of a loopback address, without query and fragment.
    pub issuer: String,
    /// Our name at the provider.
    pub client_id: String,
    /// Our password at the provider; none for a public client, which has PKCE alone.
    pub client_secret: Option<Secret>,
    /// What we ask for. `openid` is among them.
    pub scopes: Vec<String>,
    /// Whether those were configured; else they are the provider's usual ones.
    pub scopes_given: bool,
    /// How often the provider is asked whether a person is still who they were (`idp_refresh_interval`). At least ten
    /// seconds.
    pub refresh_every: Duration,
    /// More parameters of the authorization request; none of those the protocol itself sets.
    pub request_params: Vec<(String, String)>,
    /// Authorities trusted besides the system's for connections to the provider (`certificate_authority`).
    pub authorities: Vec<CertificateDer<'static>>,
    /// The claim that holds a person's groups, by its name or as a path through objects.
    pub groups_claim: String,
    /// The path of our redirect URI on the sign-in origin.
    pub redirect_path: &'static str,
}

/// The providers known by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderKind {
    /// Any OpenID Connect provider.
    Oidc,
    /// Auth0.
    Auth0,
    /// Microsoft Entra ID.
    Azure,
    /// Amazon Cognito.
    Cognito,
    /// GitLab, hosted or one's own.
    GitLab,
    /// Google.
    Google,
    /// Keycloak.
    Keycloak,
    /// Okta.
    Okta,
    /// OneLogin.
    OneLogin,
    /// PingOne.
    Ping,
}

impl ProviderKind {
    /// Every kind, in the order they are listed to people.
    pub const ALL: [Self; 10] = [
        Self::Oidc,
        Self::Auth0,
        Self::Azure,
        Self::Cognito,
        Self::GitLab,
        Self::Google,
        Self::Keycloak,
        Self::Okta,
        Self::OneLogin,
        Self::Ping,
    ];

    /// The name in `idp_provider`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Oidc => "oidc",
            Self::Auth0 => "auth0",
            Self::Azure => "azure",
            Self::Cognito => "cognito",
            Self::GitLab => "gitlab",
            Self::Google => "google",
            Self::Keycloak => "keycloak",
            Self::Okta => "okta",
            Self::OneLogin => "onelogin",
            Self::Ping => "ping",
        }
    }
}
