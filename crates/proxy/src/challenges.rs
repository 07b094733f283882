//! The answer to an authority that checks a name over HTTP (RFC 8555 §8.3).
//!
//! Refuses: tokens that no authority makes. Whatever is not expected is treated as any other request.

use doorward_hygiene::{CleanHead, Hostname};
use futures_util::future::BoxFuture;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Response};

use crate::ProxyBody;

const FOLDER: &str = "/.well-known/acme-challenge/";
/// Tokens have 128 bits at least (RFC 8555 §8.3); none is known to be longer than this.
const LONGEST_TOKEN: usize = 256;

/// Knows what is to be answered to authorities.
pub trait AnswerChallenges: Send + Sync {
    /// The key authorization for this token, if one is expected on this host.
    fn http01<'a>(&'a self, host: &'a Hostname, token: &'a str) -> BoxFuture<'a, Option<String>>;
}

/// The answer, if the request asks for a challenge that is expected.
pub(crate) async fn answer(head: &CleanHead, challenges: &dyn AnswerChallenges) -> Option<Response<ProxyBody>> {
    let token = head.path().raw().strip_prefix(FOLDER).filter(|token| is_token(token))?;
    if head.method() != Method::GET {
        return None;
    }
    let authorization = challenges.http01(head.host(), token).await?;
    let mut response = Response::new(ProxyBody::full(authorization));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Some(response)
}

/// base64url (RFC 4648 §5).
fn is_token(text: &str) -> bool {
    (1..=LONGEST_TOKEN).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}
