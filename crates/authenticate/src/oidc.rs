//! The OpenID Connect relying party: authorization code flow with PKCE S256, state, nonce and `iss`.
//!
//! Refuses: answers of another provider (RFC 9207), ID tokens that fail any check of [`id_token`], userinfo
//! about somebody else. A provider that is down is asked again, in the background and by whoever needs it.

mod claims;
mod discovery;
mod http;
mod id_token;
mod issuer;
mod jws;
mod keys;
mod logout_token;
mod metadata;
mod refresh;
mod revocation;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime};

use doorward_config::{OidcProvider, ProviderKind};
use doorward_identity::Identity;
use doorward_sessions::{Token, Tokens};
use oauth2::{
    AccessToken, AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope, TokenResponse as _, TokenUrl,
};
use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreIdToken, CoreTokenResponse};
use openidconnect::{IssuerUrl, JsonWebKeySet, Nonce, TokenResponse as _};
use serde_json::{Map, Value};
use url::Url;

use self::claims::{Conventions, identity, merge};
use self::discovery::Discovery;
pub(crate) use self::discovery::Ready;
use self::http::HttpClient;
pub(crate) use self::http::chain;
use self::id_token::{Expected, ExpectedNonce, Refusal, Verified};
pub(crate) use self::logout_token::{LogoutRefused, LogoutToken};
use self::metadata::OFFLINE_ACCESS;
use crate::AuthenticateError;
use crate::attempt::Asked;
use crate::shorten::shorten;

type Client = CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet, EndpointNotSet>;

/// One identity provider and what we are to it.
#[derive(Debug)]
pub(crate) struct RelyingParty {
    settings: OidcProvider,
    redirect_uri: RedirectUrl,
    http: HttpClient,
    discovery: Discovery,
    /// Whether a refusal that is our fault has been complained about since a refresh last worked.
    complained: AtomicBool,
}

/// What has to come back, or be known, for a sign-in to be finished. Secret, so it has no `Debug`.
pub(crate) struct Begun {
    /// Where to send the browser.
    pub(crate) url: Url,
    /// To be kept in the browser's sealed cookie.
    pub(crate) nonce: String,
    /// To be kept in the browser's sealed cookie.
    pub(crate) verifier: String,
}

/// Who signed in.
#[derive(Debug)]
pub(crate) struct SignedIn {
    pub(crate) identity: Identity,
    pub(crate) tokens: Tokens,
    /// Until when the access token is good, where the provider says.
    pub(crate) tokens_expire_at: Option<SystemTime>,
}

impl SignedIn {
    /// With a built-in account, which has no tokens.
    pub(crate) fn with_account(identity: Identity) -> Self {
        Self { identity, tokens: Tokens::default(), tokens_expire_at: None }
    }
}

impl RelyingParty {
    /// A relying party that answers on `origin`. Asks nothing yet.
    ///
    /// # Errors
    /// [`AuthenticateError::Settings`] when the settings cannot work.
    pub(crate) fn new(settings: OidcProvider, origin: &str) -> Result<Self, AuthenticateError> {
        let wrong = |what: &str| AuthenticateError::Settings(what.to_owned());
        let issuer = Url::parse(&settings.issuer).map_err(|_| wrong("`idp_provider_url` is no URL"))?;
        if !http::may_be_asked(&issuer) {
            return Err(wrong("`idp_provider_url` has to be an https URL"));
        }
        let redirect_uri = RedirectUrl::new(format!("{origin}{}", settings.redirect_path))
            .map_err(|_| wrong("the redirect URI is no URL"))?;
        let http = HttpClient::new(&settings.authorities)?;
        Ok(Self { settings, redirect_uri, http, discovery: Discovery::default(), complained: AtomicBool::new(false) })
    }

    /// The path of the redirect URI.
    pub(crate) fn redirect_path(&self) -> &'static str {
        self.settings.redirect_path
    }

    /// How often it is asked whether people are still who they were.
    pub(crate) fn refresh_every(&self) -> Duration {
        self.settings.refresh_every
    }

    /// Asks the provider about itself until it answers, then now and again whether anything has changed.
    pub(crate) async fn keep_discovering(&self) {
        self.discovery.keep(&self.http, &self.settings).await;
    }

    /// The provider, if it can be reached or has been.
    pub(crate) async fn ready(&self) -> Result<Arc<Ready>, AuthenticateError> {
        self.discovery.ready(&self.http, &self.settings).await
    }

    /// Begins a sign-in (OpenID Connect Core §3.1.2.1). `state` is the attempt's id.
    pub(crate) fn begin(&self, ready: &Ready, state: String, asked: Asked) -> Begun {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let client = self.client(ready);
        let mut request = client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, || CsrfToken::new(state), Nonce::new_random)
            .set_pkce_challenge(challenge);
        for scope in self.scopes(ready) {
            request = request.add_scope(Scope::new(scope.to_owned()));
        }
        for (name, value) in &self.settings.request_params {
            let ours = asked.fresh.is_some() && (name == "max_age" || asked.insisted && name == "prompt");
            if !ours {
                request = request.add_extra_param(name, value);
            }
        }
        if let Some(fresh) = asked.fresh {
            request = request.add_extra_param("max_age", fresh.max_age().to_string());
        }
        if asked.insisted {
            request = request.add_extra_param("prompt", "login");
        }
        let (url, _, nonce) = request.url();
        Begun { url, nonce: nonce.secret().clone(), verifier: verifier.secret().clone() }
    }

    /// What is asked for besides `openid`. Where the configuration does not say, a refresh token is asked for only of
    /// a provider that knows how: others may refuse a scope they do not know.
    fn scopes<'a>(&'a self, ready: &Ready) -> impl Iterator<Item = &'a str> {
        let settings = &self.settings;
        // Keycloak gives refresh tokens anyway; there the scope means sessions that outlive its own.
        let is_keycloak = settings.kind == ProviderKind::Keycloak || settings.issuer.contains("/realms/");
        let offline = !settings.scopes_given && ready.metadata.knows_offline_access && !is_keycloak;
        let given = settings.scopes_given;
        let asked = settings.scopes.iter().map(String::as_str);
        asked
            .filter(move |scope| *scope != "openid" && (given || *scope != OFFLINE_ACCESS))
            .chain(offline.then_some(OFFLINE_ACCESS))
    }

    /// Whether the answer's `iss` is this provider (RFC 9207 §2.4). Checked before anything else of it is used.
    pub(crate) fn check_issuer(ready: &Ready, answered: Option<&str>) -> Result<(), AuthenticateError> {
        match answered {
            Some(issuer) if ready.metadata.issuer.is(issuer) => Ok(()),
            Some(_) => Err(AuthenticateError::Untrusted("the answer comes from another provider".into())),
            None if ready.metadata.names_issuer_in_answers => {
                Err(AuthenticateError::Untrusted("the answer does not say which provider it comes from".into()))
            }
            None => Ok(()),
        }
    }

    /// Redeems the code and finds out who signed in.
    ///
    /// # Errors
    /// [`AuthenticateError::ProviderRefused`], [`AuthenticateError::ProviderUnreachable`],
    /// [`AuthenticateError::Untrusted`].
    pub(crate) async fn finish(
        &self,
        ready: &Ready,
        code: &Token,
        verifier: String,
        nonce: String,
        now: SystemTime,
    ) -> Result<SignedIn, AuthenticateError> {
        let client = self.client(ready);
        let response: CoreTokenResponse = client
            .exchange_code(AuthorizationCode::new(code.expose().to_owned()))
            .set_pkce_verifier(PkceCodeVerifier::new(verifier))
            .request_async(&self.http)
            .await
            .map_err(exchange_error)?;
        let id_token = response.id_token().ok_or_else(|| {
            AuthenticateError::Untrusted("it issued no ID token; is `openid` among `idp_scopes`?".into())
        })?;
        let expected = Expected {
            metadata: &ready.metadata,
            client_id: &ClientId::new(self.settings.client_id.clone()),
            nonce: ExpectedNonce::Is(&Nonce::new(nonce)),
            access_token: response.access_token(),
            now,
        };
        let Verified { mut claims, issuer } =
            self.verify(ready, id_token, &expected).await.map_err(Refusal::into_error)?;
        if let Some(userinfo) = self.userinfo(ready, response.access_token()).await? {
            claims = merge(claims, userinfo)?;
        }
        let identity = identity(&issuer, claims, self.conventions(ready), now)?;
        let tokens_expire_at = response.expires_in().and_then(|life| now.checked_add(life));
        Ok(SignedIn { identity, tokens: tokens(&response), tokens_expire_at })
    }

    /// What the provider says of the person beside the ID token, where it has a place for that.
    async fn userinfo(
        &self,
        ready: &Ready,
        access_token: &AccessToken,
    ) -> Result<Option<Map<String, Value>>, AuthenticateError> {
        let Some(url) = &ready.metadata.userinfo_endpoint else { return Ok(None) };
        match self.http.get_json("userinfo", url.as_str(), Some(access_token.secret())).await? {
            Value::Object(userinfo) => Ok(Some(userinfo)),
            _ => Err(AuthenticateError::Untrusted("its userinfo is no JSON object".into())),
        }
    }

    fn conventions(&self, ready: &Ready) -> Conventions<'_> {
        Conventions { groups_claim: &self.settings.groups_claim, anybodys: ready.metadata.issuer.is_many() }
    }

    async fn verify(&self, ready: &Ready, token: &CoreIdToken, expected: &Expected<'_>) -> Result<Verified, Refusal> {
        let keys = ready.keys.current();
        match id_token::verify(token, &keys, expected) {
            Err(Refusal::Key(error)) => match ready.keys.newer_than(&keys, &self.http, expected.now).await {
                Some(keys) => id_token::verify(token, &keys, expected),
                None => Err(Refusal::Key(error)),
            },
            verdict => verdict,
        }
    }

    /// Whether `iss` is this provider.
    pub(crate) fn is_issuer(ready: &Ready, iss: &str) -> bool {
        ready.metadata.issuer.is(iss)
    }

    /// The origins that pages of the provider's come from, each once.
    pub(crate) fn origins(&self, ready: &Ready) -> Vec<String> {
        let metadata = &ready.metadata;
        let issuer = Url::parse(&self.settings.issuer).ok();
        let pages = [issuer, Some(metadata.authorization_endpoint.clone()), metadata.end_session_endpoint.clone()];
        let mut origins: Vec<_> = pages.iter().flatten().map(|url| url.origin().ascii_serialization()).collect();
        origins.sort_unstable();
        origins.dedup();
        origins
    }

    /// Where to send the browser to end the session at the provider too (OpenID Connect RP-Initiated Logout §2).
    pub(crate) fn end_session_url(&self, ready: &Ready, id_token: Option<&Token>, back: &str) -> Option<Url> {
        let mut url = ready.metadata.end_session_endpoint.clone()?;
        let mut query = url.query_pairs_mut();
        if let Some(token) = id_token {
            query.append_pair("id_token_hint", token.expose());
        }
        query
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("post_logout_redirect_uri", back)
            .append_pair("state", crate::paths::PROVIDER_SIGNED_OUT);
        drop(query);
        Some(url)
    }

    /// The provider's state without asking it; `None` while it has never answered.
    pub(crate) fn known(&self) -> Option<Arc<Ready>> {
        self.discovery.known()
    }

    fn client(&self, ready: &Ready) -> Client {
        let settings = &self.settings;
        // The key set is empty, since tokens are verified apart from this client.
        let mut client = CoreClient::new(
            ClientId::new(settings.client_id.clone()),
            IssuerUrl::from_url(ready.metadata.token_endpoint.clone()),
            JsonWebKeySet::default(),
        );
        if let Some(secret) = settings.client_secret.as_ref().and_then(|secret| secret.expose_str()) {
            client = client.set_client_secret(ClientSecret::new(secret.to_owned()));
        }
        let how = if ready.metadata.secret_in_form { AuthType::RequestBody } else { AuthType::BasicAuth };
        client
            .set_auth_type(how)
            .set_redirect_uri(self.redirect_uri.clone())
            .set_auth_uri(AuthUrl::from_url(ready.metadata.authorization_endpoint.clone()))
            .set_token_uri(TokenUrl::from_url(ready.metadata.token_endpoint.clone()))
    }
}

/// What the provider issued.
fn tokens(response: &CoreTokenResponse) -> Tokens {
    Tokens {
        id_token: response.id_token().map(|token| Token::new(token.to_string())),
        access_token: Some(Token::new(response.access_token().secret().clone())),
        refresh_token: response.refresh_token().map(|token| Token::new(token.secret().clone())),
    }
}

type ExchangeError =
    RequestTokenError<AuthenticateError, oauth2::StandardErrorResponse<openidconnect::core::CoreErrorResponseType>>;

/// What the token endpoint's answer means. Its body is never repeated: it may hold tokens.
fn exchange_error(error: ExchangeError) -> AuthenticateError {
    match error {
        RequestTokenError::ServerResponse(answer) => AuthenticateError::ProviderRefused {
            code: shorten(answer.error().as_ref()),
            text: answer.error_description().map(|text| shorten(text)).unwrap_or_default(),
        },
        RequestTokenError::Request(error) => error,
        RequestTokenError::Parse(error, _) => AuthenticateError::Untrusted(format!(
            "its token answer is not understood at `{}` (line {}, column {})",
            error.path(),
            error.inner().line(),
            error.inner().column()
        )),
        RequestTokenError::Other(_) => AuthenticateError::Untrusted("its token answer is not understood".into()),
    }
}
