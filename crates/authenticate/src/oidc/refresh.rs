//! Asking a provider whether a person is still who they were (RFC 6749 §6, OpenID Connect Core §12).
//!
//! Refuses: an answer about somebody else, an ID token that fails any check, and to take an outage, or a mistake in our
//! own configuration, for a word about the person.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use doorward_identity::Identity;
use doorward_sessions::{Heard, Known, Renewed, Token};
use http::StatusCode;
use oauth2::{
    AsyncHttpClient, ClientId, HttpRequest, HttpResponse, RefreshToken, RequestTokenError, TokenResponse as _,
};
use openidconnect::TokenResponse as _;
use openidconnect::core::CoreTokenResponse;
use serde_json::{Map, Value};

use super::claims::{identity, merge};
use super::http::HttpClient;
use super::id_token::{Expected, ExpectedNonce, Refusal, SKEW, payload};
use super::{ExchangeError, Ready, RelyingParty, exchange_error, tokens};
use crate::AuthenticateError;

/// The refusals that are about the person or their session there, and not about us (RFC 6749 §5.2, OpenID Connect Core
/// §3.1.2.6, which some providers use here too).
const OVER: [&str; 5] =
    ["invalid_grant", "access_denied", "login_required", "interaction_required", "consent_required"];
/// What stays as it was at sign-in where a new ID token does not say it.
const OF_THE_SIGN_IN: [&str; 2] = ["amr", "acr"];
/// What stays as it was at sign-in whatever a new ID token says: a sign-in somewhere else does not make this one fresh.
const FIXED: [&str; 2] = ["auth_time", "sid"];

/// Why an answer is of no use.
enum Useless {
    /// It ends the session.
    Ended(AuthenticateError),
    /// It says nothing about the person.
    Unavailable(AuthenticateError),
}

impl RelyingParty {
    /// Asks with the session's refresh token who the person is now.
    pub(crate) async fn refresh(&self, known: &Known, now: SystemTime) -> Heard {
        let unavailable = |reason: String| Heard::Unavailable { reason, refresh_token: None };
        let Some(token) = &known.tokens.refresh_token else {
            return unavailable("there is no refresh token".to_owned());
        };
        let ready = match self.ready().await {
            Ok(ready) => ready,
            Err(error) => return unavailable(error.to_string()),
        };
        let client = self.client(&ready);
        let noting = Noting { http: &self.http, seen: Mutex::new(None) };
        let token = RefreshToken::new(token.expose().to_owned());
        let answer: Result<CoreTokenResponse, _> = client.exchange_refresh_token(&token).request_async(&noting).await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return self.refused(error, noting.seen()),
        };
        self.complained.store(false, Ordering::Relaxed);
        match self.read(&ready, known, &answer, now).await {
            Ok(identity) => Heard::Renewed(Box::new(Renewed {
                identity,
                tokens: tokens(&answer),
                tokens_expire_at: answer.expires_in().and_then(|life| now.checked_add(life)),
            })),
            Err(Useless::Ended(error)) => Heard::Ended(error.to_string()),
            Err(Useless::Unavailable(error)) => Heard::Unavailable {
                reason: error.to_string(),
                refresh_token: answer.refresh_token().map(|token| Token::new(token.secret().clone())),
            },
        }
    }

    /// Who the person is by this answer.
    async fn read(
        &self,
        ready: &Ready,
        known: &Known,
        answer: &CoreTokenResponse,
        now: SystemTime,
    ) -> Result<Identity, Useless> {
        let before = known.tokens.id_token.as_ref().and_then(|token| payload(token.expose()));
        let mut claims = match answer.id_token() {
            Some(id_token) => {
                let nonce = before.as_ref().and_then(|claims| claims.get("nonce")).and_then(Value::as_str);
                let expected = Expected {
                    metadata: &ready.metadata,
                    client_id: &ClientId::new(self.settings.client_id.clone()),
                    nonce: ExpectedNonce::NoneOr(nonce),
                    access_token: answer.access_token(),
                    now,
                };
                let verified = self.verify(ready, id_token, &expected).await.map_err(|refusal| match refusal {
                    // Its keys may be out in a moment.
                    Refusal::Key(error) => Useless::Unavailable(error),
                    Refusal::Final(error) => Useless::Ended(error),
                })?;
                check_successor(&verified.issuer, &verified.claims, known, before.as_ref()).map_err(Useless::Ended)?;
                verified.claims
            }
            // What the last one said, without what the userinfo had added: that is asked for again.
            None => before.unwrap_or_else(|| to_map(&known.identity)),
        };
        carry_over(&mut claims, &known.identity);
        let userinfo = self.userinfo(ready, answer.access_token()).await.map_err(Useless::Unavailable)?;
        if let Some(userinfo) = userinfo {
            claims = merge(claims, userinfo).map_err(Useless::Ended)?;
        }
        let subject = &known.identity.subject;
        let mut identity = identity(&subject.issuer, claims, self.conventions(ready), now).map_err(Useless::Ended)?;
        identity.authenticated_at = identity.authenticated_at.min(known.identity.authenticated_at);
        Ok(identity)
    }

    /// What a refusal means. One that is about us does not end the session of a person who can do nothing about it.
    fn refused(&self, error: ExchangeError, seen: Option<Seen>) -> Heard {
        let is_outage = |seen: Seen| {
            seen.status.is_server_error()
                || seen.status == StatusCode::TOO_MANY_REQUESTS
                || seen.status == StatusCode::REQUEST_TIMEOUT
        };
        let unavailable = |reason: String| Heard::Unavailable { reason, refresh_token: None };
        if let Some(seen) = seen.filter(|seen| is_outage(*seen)) {
            return unavailable(format!("its token endpoint answers {}", seen.status));
        }
        // Glewlwyd says no more than that to a refresh token that is worth nothing any more.
        let says_nothing = seen.is_some_and(|seen| seen.status == StatusCode::BAD_REQUEST && seen.is_empty);
        if says_nothing {
            return Heard::Ended("the identity provider refused, and does not say why".to_owned());
        }
        let is_over = match &error {
            RequestTokenError::ServerResponse(answer) => OVER.contains(&answer.error().as_ref()),
            _ => false,
        };
        let is_ours = matches!(error, RequestTokenError::ServerResponse(_));
        let error = exchange_error(error);
        if is_over {
            return Heard::Ended(error.to_string());
        }
        if is_ours && !self.complained.swap(true, Ordering::Relaxed) {
            tracing::error!(
                issuer = self.settings.issuer,
                %error,
                "the identity provider refuses to refresh any session: look at `idp_client_id` and `idp_client_secret`"
            );
        }
        unavailable(error.to_string())
    }
}

/// What OpenID Connect Core §12.2 asks of an ID token that follows another, beyond what is asked of every one.
fn check_successor(
    issuer: &str,
    claims: &Map<String, Value>,
    known: &Known,
    before: Option<&Map<String, Value>>,
) -> Result<(), AuthenticateError> {
    let subject = &known.identity.subject;
    if claims.get("sub").and_then(Value::as_str) != Some(&subject.id) || issuer != subject.issuer {
        return Err(AuthenticateError::Untrusted("its new ID token is about somebody else".into()));
    }
    let issued_at = |claims: &Map<String, Value>| claims.get("iat").and_then(Value::as_f64).unwrap_or_default();
    if before.is_some_and(|before| issued_at(claims) + SKEW.as_secs_f64() < issued_at(before)) {
        return Err(AuthenticateError::Untrusted("its new ID token is older than the one before".into()));
    }
    Ok(())
}

/// Takes over what describes the sign-in, which a refresh is none of.
fn carry_over(claims: &mut Map<String, Value>, identity: &Identity) {
    for name in OF_THE_SIGN_IN {
        if let Some(value) = identity.claims.get(name).filter(|_| !claims.contains_key(name)) {
            claims.insert(name.to_owned(), value.clone());
        }
    }
    for name in FIXED {
        match identity.claims.get(name) {
            Some(value) => claims.insert(name.to_owned(), value.clone()),
            None => claims.remove(name),
        };
    }
}

fn to_map(identity: &Identity) -> Map<String, Value> {
    identity.claims.iter().map(|(name, value)| (name.to_owned(), value.clone())).collect()
}

/// What the token endpoint answered, as far as the library does not tell.
#[derive(Debug, Clone, Copy)]
struct Seen {
    status: StatusCode,
    is_empty: bool,
}

/// The client that notes the answer.
struct Noting<'a> {
    http: &'a HttpClient,
    seen: Mutex<Option<Seen>>,
}

impl Noting<'_> {
    fn seen(&self) -> Option<Seen> {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'c> AsyncHttpClient<'c> for Noting<'_> {
    type Error = AuthenticateError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, AuthenticateError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let answer = self.http.send(request).await?;
            let is_empty = answer.body().iter().all(u8::is_ascii_whitespace);
            *self.seen.lock().unwrap_or_else(PoisonError::into_inner) =
                Some(Seen { status: answer.status(), is_empty });
            Ok(answer)
        })
    }
}
