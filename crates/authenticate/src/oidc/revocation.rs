//! Giving a refresh token back to its provider (RFC 7009), so that nobody who kept a copy can use it.
//!
//! Refuses nothing: a provider that offers no such place is not asked.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use doorward_sessions::Token;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request};
use oauth2::HttpRequest;
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::{Ready, RelyingParty};
use crate::AuthenticateError;

impl RelyingParty {
    /// Has the provider forget a refresh token and what it was good for; does nothing where that cannot be asked for.
    ///
    /// # Errors
    /// [`AuthenticateError::ProviderUnreachable`], or [`AuthenticateError::Untrusted`] when it refuses.
    pub(crate) async fn revoke(&self, ready: &Ready, token: &Token) -> Result<(), AuthenticateError> {
        let Some(url) = &ready.metadata.revocation_endpoint else { return Ok(()) };
        let answer = self.http.send(self.revocation(ready, url, token)?).await?;
        if answer.status().is_success() {
            return Ok(());
        }
        Err(AuthenticateError::Untrusted(format!("it answers a revocation with {}", answer.status())))
    }

    /// The request (RFC 7009 §2.1), with our credentials where the provider wants them.
    fn revocation(&self, ready: &Ready, url: &Url, token: &Token) -> Result<HttpRequest, AuthenticateError> {
        let client_id = self.settings.client_id.as_str();
        let secret = self.settings.client_secret.as_ref().and_then(|secret| secret.expose_str());
        let mut form = Serializer::new(String::new());
        form.append_pair("token", token.expose()).append_pair("token_type_hint", "refresh_token");
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(url.as_str())
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        match secret {
            Some(secret) if !ready.metadata.secret_in_form => {
                // RFC 6749 §2.3.1: both parts are form-encoded first.
                let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
                let basic = STANDARD.encode(format!("{}:{}", encode(client_id), encode(secret)));
                let mut value = HeaderValue::try_from(format!("Basic {basic}"))
                    .map_err(|_| AuthenticateError::Settings("`idp_client_secret` cannot be sent".into()))?;
                value.set_sensitive(true);
                request = request.header(AUTHORIZATION, value);
            }
            Some(secret) => {
                form.append_pair("client_id", client_id).append_pair("client_secret", secret);
            }
            None => {
                form.append_pair("client_id", client_id);
            }
        }
        request.body(form.finish().into_bytes()).map_err(|_| AuthenticateError::Task)
    }
}
