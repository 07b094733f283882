//! The provider's refresh tokens: used once, and a grant is revoked when one is used again.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use jsonwebtoken::Header;
use serde_json::json;

use super::{Behaviour, CLIENT_ID, Provider, Spoil, seconds};

#[derive(Default)]
pub(crate) struct Refreshes {
    /// Tokens never used, and those that were, with their grants.
    valid: HashMap<String, usize>,
    spent: HashMap<String, usize>,
    revoked: HashSet<usize>,
    issued: usize,
    grants: usize,
    /// How often somebody has asked.
    pub(crate) requests: usize,
    /// How often with a token that was used before.
    pub(crate) reused: usize,
    /// Answers with this.
    pub(crate) answer: Option<(StatusCode, &'static str, &'static str)>,
    /// How long an answer takes.
    pub(crate) delay: Duration,
    /// How many have come, answered or not.
    pub(crate) begun: usize,
    /// Sign-ins give no refresh token.
    pub(crate) none: bool,
    /// The same token stays good, and is not sent again.
    pub(crate) without_rotation: bool,
    pub(crate) without_id_token: bool,
    /// Spoils the ID token of a refresh alone.
    pub(crate) spoil: Option<Spoil>,
    pub(crate) forge: Option<super::Forge>,
}

impl Refreshes {
    /// A new refresh token of this grant, or of a new one.
    pub(crate) fn issue(&mut self, grant: Option<usize>) -> Option<String> {
        if self.none {
            return None;
        }
        let grant = grant.unwrap_or_else(|| {
            self.grants += 1;
            self.grants
        });
        self.issued += 1;
        let token = format!("refresh-token-{}", self.issued);
        self.valid.insert(token.clone(), grant);
        Some(token)
    }

    /// Whose token this is, unless it is worth nothing.
    fn redeem(&mut self, token: &str) -> Option<usize> {
        if let Some(grant) = self.spent.get(token) {
            self.reused += 1;
            self.revoked.insert(*grant);
            return None;
        }
        let grant = *self.valid.get(token)?;
        if self.revoked.contains(&grant) {
            return None;
        }
        if !self.without_rotation {
            self.valid.remove(token);
            self.spent.insert(token.to_owned(), grant);
        }
        Some(grant)
    }
}

pub(super) fn answer(provider: &Provider, behaviour: &mut Behaviour, token: &str) -> Response {
    behaviour.refreshes.requests += 1;
    if let Some((status, kind, body)) = behaviour.refreshes.answer {
        return (status, [("content-type", kind)], body).into_response();
    }
    let Some(grant) = behaviour.refreshes.redeem(token) else {
        return (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant"}))).into_response();
    };
    let mut claims = behaviour.claims.clone();
    claims.insert("iss".into(), json!(provider.issuer()));
    claims.insert("aud".into(), json!(CLIENT_ID));
    claims.insert("iat".into(), seconds(0));
    claims.insert("exp".into(), seconds(86_400));
    let mut header = Header::new(behaviour.signing.algorithm);
    header.kid = Some(behaviour.signing.kid.clone());
    if let Some(spoil) = behaviour.refreshes.spoil.clone() {
        spoil(&mut claims, &mut header);
    }
    let mut answer = json!({"access_token": "access-token-1", "token_type": "Bearer", "expires_in": 3600});
    if !behaviour.refreshes.without_id_token {
        answer["id_token"] = json!(match &behaviour.refreshes.forge {
            Some(forge) => forge(&claims),
            None => jsonwebtoken::encode(&header, &claims, &behaviour.signing.encoding).unwrap(),
        });
    }
    if !behaviour.refreshes.without_rotation {
        answer["refresh_token"] = json!(behaviour.refreshes.issue(Some(grant)));
    }
    Json(answer).into_response()
}
