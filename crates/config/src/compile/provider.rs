//! The identity provider: what is known of each by its name, and what has to be given.

use std::time::Duration;

use rustls_pki_types::CertificateDer;
use url::{Host, Url};

use super::Compiler;
use crate::Secret;
use crate::domain::sign_in::{OidcProvider, ProviderKind};
use crate::raw::duration::Span;
use crate::raw::sign_in::RawSignIn;
use crate::raw::{At, Pairs, nearest};

/// The claim in which providers list groups when nothing else is agreed on.
const DEFAULT_GROUPS_CLAIM: &str = "groups";

const REFRESH_EVERY: Duration = Duration::from_secs(10 * 60);
const SHORTEST_REFRESH: Duration = Duration::from_secs(10);

/// Parameters of the authorization request that the protocol sets itself.
const OURS: [&str; 9] = [
    "client_id",
    "client_secret",
    "code_challenge",
    "code_challenge_method",
    "nonce",
    "redirect_uri",
    "response_mode",
    "response_type",
    "state",
];

impl ProviderKind {
    /// The issuer when there is but one.
    fn default_issuer(self) -> Option<&'static str> {
        match self {
            Self::Google => Some("https://accounts.google.com"),
            Self::GitLab => Some("https://gitlab.com"),
            _ => None,
        }
    }

    /// What an issuer of this provider looks like.
    fn issuer_example(self) -> &'static str {
        match self {
            Self::Oidc => "https://id.example.com",
            Self::Auth0 => "https://TENANT.REGION.auth0.com/",
            Self::Azure => "https://login.microsoftonline.com/TENANT-ID/v2.0",
            Self::Cognito => "https://cognito-idp.REGION.amazonaws.com/POOL-ID",
            Self::GitLab => "https://gitlab.com",
            Self::Google => "https://accounts.google.com",
            Self::Keycloak => "https://keycloak.example.com/realms/REALM",
            Self::Okta => "https://COMPANY.okta.com",
            Self::OneLogin => "https://COMPANY.onelogin.com/oidc/2",
            Self::Ping => "https://auth.pingone.com/ENVIRONMENT-ID/as",
        }
    }

    fn default_scopes(self) -> &'static [&'static str] {
        match self {
            Self::Google | Self::GitLab | Self::Cognito => &["openid", "profile", "email"],
            Self::OneLogin => &["openid", "profile", "email", "groups", "offline_access"],
            _ => &["openid", "profile", "email", "offline_access"],
        }
    }

    fn default_request_params(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Azure => &[("prompt", "select_account")],
            Self::Google => &[("prompt", "select_account consent"), ("access_type", "offline")],
            _ => &[],
        }
    }
}

impl Compiler<'_> {
    pub(super) fn provider(
        &mut self,
        name: &At<String>,
        raw: &RawSignIn,
        authorities: Vec<CertificateDer<'static>>,
        redirect_path: &'static str,
    ) -> Option<OidcProvider> {
        let kind = self.provider_kind(name);
        let issuer = kind.and_then(|kind| self.issuer(kind, name, raw.idp_provider_url.as_ref()));
        let client_id = raw.idp_client_id.as_ref().map(|id| id.value.clone());
        if client_id.is_none() {
            self.problems.error(
                &name.place,
                "`idp_provider` is given without `idp_client_id`",
                "Register Doorward at the provider, and give here the client id you get.",
            );
        }
        let client_secret = self
            .secret_text(&raw.idp_client_secret, "idp_client_secret", "idp_client_secret_file")
            .map(|(text, _)| Secret::new(text.as_slice()));
        let no_secret = raw.idp_client_secret.inline.is_none() && raw.idp_client_secret.file.is_none();
        if no_secret {
            self.problems.hint(
                &name.place,
                "without `idp_client_secret`, Doorward is a public client, which many providers refuse",
                "Give the secret from the provider, if it gave one; PKCE is used either way.",
            );
        }
        let scopes = raw.idp_scopes.as_ref().and_then(|scopes| self.scopes(scopes));
        let request_params = raw.idp_request_params.as_ref().map(|params| self.request_params(params));
        let groups_claim = raw
            .idp_groups_claim
            .as_ref()
            .filter(|claim| self.is_claim_path(&claim.place, "idp_groups_claim", &claim.value));
        let refresh_every = self.refresh_every(raw.idp_refresh_interval.as_ref());
        let (kind, issuer, client_id) = (kind?, issuer?, client_id?);
        Some(OidcProvider {
            kind,
            issuer,
            client_id,
            client_secret,
            scopes_given: scopes.is_some(),
            refresh_every,
            scopes: scopes.unwrap_or_else(|| kind.default_scopes().iter().map(|&scope| scope.to_owned()).collect()),
            request_params: request_params.unwrap_or_else(|| {
                let defaults = kind.default_request_params().iter();
                defaults.map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
            }),
            authorities,
            groups_claim: groups_claim.map_or_else(|| DEFAULT_GROUPS_CLAIM.to_owned(), |claim| claim.value.clone()),
            redirect_path,
        })
    }

    fn refresh_every(&mut self, given: Option<&At<Span>>) -> Duration {
        let Some(At { value, place }) = given else { return REFRESH_EVERY };
        match value {
            Span::Lasts(interval) if *interval >= SHORTEST_REFRESH => return *interval,
            Span::Lasts(interval) if !interval.is_zero() => self.problems.error(
                place,
                "`idp_refresh_interval` is below ten seconds, which providers take for an attack",
                "Write `10s` at least. The default is `10m`.",
            ),
            Span::Lasts(_) | Span::Never => self.problems.error(
                place,
                "`idp_refresh_interval` cannot be never: people whose account is taken away would stay signed in",
                "The default is `10m`. Providers that give no refresh token are not asked, whatever it says.",
            ),
        }
        REFRESH_EVERY
    }

    fn provider_kind(&mut self, name: &At<String>) -> Option<ProviderKind> {
        let lower = name.value.to_ascii_lowercase();
        if let Some(kind) = ProviderKind::ALL.into_iter().find(|kind| kind.as_str() == lower) {
            return Some(kind);
        }
        let names: Vec<_> = ProviderKind::ALL.into_iter().map(ProviderKind::as_str).collect();
        let supported = format!("Supported are: {}.", names.join(", "));
        match lower.as_str() {
            "hosted" => self.hosted_provider(name),
            "github" | "apple" => self.problems.error(
                &name.place,
                format!("`idp_provider: {lower}` is not supported yet"),
                format!("{supported} Without `idp_provider` there are built-in accounts."),
            ),
            _ => {
                let meant = nearest(&lower, &names).map(|name| format!("Did you mean `{name}`? ")).unwrap_or_default();
                self.problems.error(
                    &name.place,
                    "`idp_provider` names no provider that is known",
                    format!("{meant}{supported} `oidc` is for any OpenID Connect provider."),
                );
            }
        }
        None
    }

    fn issuer(&mut self, kind: ProviderKind, name: &At<String>, given: Option<&At<String>>) -> Option<String> {
        let Some(url) = given else {
            if let Some(issuer) = kind.default_issuer() {
                return Some(issuer.to_owned());
            }
            self.problems.error(
                &name.place,
                format!("`idp_provider: {}` needs `idp_provider_url`", kind.as_str()),
                format!("It is the provider's issuer, as in `{}`.", kind.issuer_example()),
            );
            return None;
        };
        let Some(reason) = wrong_with_issuer(&url.value) else {
            if kind == ProviderKind::Azure {
                self.shared_tenant(url);
            }
            return Some(url.value.clone());
        };
        self.problems.error(
            &url.place,
            format!("`idp_provider_url` is the provider's issuer, but {reason}"),
            format!("It looks like `{}`.", kind.issuer_example()),
        );
        None
    }

    /// Microsoft's names for many tenants at once are issuers too, but vouch for no address.
    fn shared_tenant(&mut self, url: &At<String>) {
        let shared = Url::parse(&url.value)
            .is_ok_and(|url| matches!(url.path().split('/').nth(1), Some("common" | "organizations" | "consumers")));
        if shared {
            self.problems.warning(
                &url.place,
                "this issuer is shared by all tenants: anybody with a Microsoft account can sign in, \
                 and no rule about e-mail addresses or domains holds for them",
                format!("Give your own tenant's, as in `{}`.", ProviderKind::Azure.issuer_example()),
            );
        }
    }

    fn scopes(&mut self, scopes: &At<Vec<At<String>>>) -> Option<Vec<String>> {
        let mut all: Vec<String> = Vec::new();
        for scope in &scopes.value {
            // RFC 6749 §3.3: visible ASCII without the quote and the backslash.
            let valid = !scope.value.is_empty()
                && scope.value.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b','));
            if !valid {
                self.problems.error(
                    &scope.place,
                    "an item of `idp_scopes` is no scope",
                    "Write each as an item of its own: `[openid, profile, email]`.",
                );
            } else if !all.contains(&scope.value) {
                all.push(scope.value.clone());
            }
        }
        if !scopes.value.is_empty() && !all.iter().any(|scope| scope == "openid") {
            self.problems.error(
                &scopes.place,
                "`idp_scopes` is without `openid`, so the provider would not say who signed in",
                "Add `openid`; usually `[openid, profile, email]`.",
            );
        }
        (!all.is_empty()).then_some(all)
    }

    fn request_params(&mut self, params: &At<Pairs>) -> Vec<(String, String)> {
        let mut all = Vec::new();
        for (name, value) in &params.value {
            if OURS.contains(&name.value.as_str()) {
                self.problems.error(
                    &name.place,
                    format!("`{}` in `idp_request_params` is set by the sign-in itself", name.value),
                    "Remove it.",
                );
            } else if name.value == "scope" {
                self.problems.error(
                    &name.place,
                    "`scope` in `idp_request_params` is set by `idp_scopes`",
                    "Move it to `idp_scopes`.",
                );
            } else {
                all.push((name.value.clone(), value.value.clone()));
            }
        }
        all
    }
}

/// What keeps a text from being an issuer (OpenID Connect Discovery §3).
fn wrong_with_issuer(text: &str) -> Option<&'static str> {
    let Ok(url) = Url::parse(text) else { return Some("this is no URL") };
    if !url.username().is_empty() || url.password().is_some() {
        return Some("this holds a user name or password");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Some("this has a query or fragment");
    }
    if text.contains("/.well-known/") {
        return Some("this is the URL of its discovery document: leave off everything from `/.well-known` on");
    }
    match wrong_with_scheme(&url)? {
        WrongScheme::NoHost => Some("this has no host"),
        WrongScheme::Cleartext => Some("this is not https: who can read along could sign in as anybody"),
        WrongScheme::Other => Some("this is not https"),
    }
}

/// Why a URL is neither of https nor of http on this machine.
pub(super) enum WrongScheme {
    NoHost,
    Cleartext,
    Other,
}

pub(super) fn wrong_with_scheme(url: &Url) -> Option<WrongScheme> {
    let loopback = match url.host() {
        None => return Some(WrongScheme::NoHost),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
    };
    match url.scheme() {
        "https" => None,
        "http" if loopback => None,
        "http" => Some(WrongScheme::Cleartext),
        _ => Some(WrongScheme::Other),
    }
}
