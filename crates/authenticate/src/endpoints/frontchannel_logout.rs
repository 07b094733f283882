//! The provider's sign-out page shows this in a frame (OpenID Connect Front-Channel Logout 1.0).
//!
//! No cookie is needed, since browsers keep those from frames of other sites: the sessions are found by the provider's
//! own name for its session. Refuses: requests without `iss` and `sid`, frames of other sites, and to tell whether
//! there was such a session.

use axum::Extension;
use axum::extract::State;
use bytes::Bytes;
use doorward_sessions::SessionsError;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Method, Response, StatusCode, Uri};
use serde::Deserialize;

use super::{Core, not_found, query};
use crate::answers::Answer;
use crate::authenticator::{Inner, People};
use crate::oidc::{Ready, RelyingParty, chain};
use crate::visit::{Shared, Visit};

/// The longest name of a provider's session, in bytes.
const LONGEST: usize = 255;

#[derive(Deserialize)]
struct Parameters {
    iss: Option<String>,
    sid: Option<String>,
}

/// `GET /.doorward/frontchannel_logout?iss=&sid=`, on the sign-in host.
pub(super) async fn take(
    State(inner): Core,
    Extension(visit): Extension<Shared>,
    method: Method,
    uri: Uri,
) -> axum::response::Response {
    let People::Provider(provider, _) = &inner.people else { return not_found(Extension(visit)).await };
    if !visit.is_sign_in_host || method != Method::GET {
        return not_found(Extension(visit)).await;
    }
    log_out(&inner, provider, &visit, &uri).await.map(axum::body::Body::from)
}

async fn log_out(inner: &Inner, provider: &RelyingParty, visit: &Visit, uri: &Uri) -> Answer {
    let Ok(ready) = provider.ready().await else {
        return answer(StatusCode::SERVICE_UNAVAILABLE, "The identity provider cannot be reached.", None);
    };
    let frames = provider.frame_ancestors(&ready);
    if !inner.wrong_logouts.may(visit.client, visit.now) {
        return answer(StatusCode::TOO_MANY_REQUESTS, "Too many wrong requests came from here.", frames);
    }
    let (iss, sid) = match query::<Parameters>(uri) {
        Ok(Parameters { iss: Some(iss), sid: Some(sid) })
            if RelyingParty::is_issuer(&ready, &iss) && (1..=LONGEST).contains(&sid.len()) =>
        {
            (iss, sid)
        }
        _ => {
            inner.wrong_logouts.spend(visit.client, visit.now);
            let problem = "The identity provider has to say who it is and which session has ended: register this address with \
                           `frontchannel_logout_session_required`.";
            return answer(StatusCode::BAD_REQUEST, problem, frames);
        }
    };
    match end(inner, visit, &iss, &sid).await {
        Ok(found) => {
            if !found {
                inner.wrong_logouts.spend(visit.client, visit.now);
            }
            answer(StatusCode::OK, "Signed out.", frames)
        }
        Err(error) => {
            tracing::error!(error = %chain(&error), "the identity provider ended a session, and the store does not answer");
            answer(StatusCode::SERVICE_UNAVAILABLE, "The sessions cannot be ended just now.", frames)
        }
    }
}

/// Ends the sessions; whether there were any.
async fn end(inner: &Inner, visit: &Visit, iss: &str, sid: &str) -> Result<bool, SessionsError> {
    let cards = inner.sessions.of_provider_session(iss, sid, visit.now).await?;
    inner.end_cards(&cards, "the identity provider ended it (front-channel logout)", visit).await?;
    Ok(!cards.is_empty())
}

impl RelyingParty {
    /// Whose pages may show ours in a frame, as a policy.
    fn frame_ancestors(&self, ready: &Ready) -> Option<HeaderValue> {
        let origins = self.origins(ready).join(" ");
        HeaderValue::try_from(format!("default-src 'none'; frame-ancestors {origins}")).ok()
    }
}

fn answer(status: StatusCode, text: &'static str, frames: Option<HeaderValue>) -> Answer {
    let mut answer = Response::new(Bytes::from_static(text.as_bytes()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    let nobody = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    headers.insert(CONTENT_SECURITY_POLICY, frames.unwrap_or(nobody));
    if status == StatusCode::SERVICE_UNAVAILABLE || status == StatusCode::TOO_MANY_REQUESTS {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
    }
    answer
}
