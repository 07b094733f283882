//! From a page to a whole HTTP answer, with the headers that keep it where it belongs.

use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY, VARY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{Response, StatusCode};

use crate::render::render;
use crate::{Format, Page};

/// Marks an answer as ours, not the upstream's.
pub const INTERCEPTED: HeaderName = HeaderName::from_static("x-doorward-intercepted-response");

/// What every page may do: nothing but wear its own style. The hash is that of `style.css`; a test keeps it true.
macro_rules! policy {
    () => {
        "default-src 'none'; style-src 'sha256-AR+0EXECRqRwHcILUjP+hPIah4W8dKvL4jbD2AwRKos='; base-uri 'none'; frame-ancestors 'none'"
    };
}

/// The policy of a page without a form.
const POLICY: &str = concat!(policy!(), "; form-action 'none'");

/// The policy of a page with a form. It names no `form-action`, since browsers hold the redirects that follow a
/// post to it, and those lead to another host of ours or to the identity provider.
const POLICY_WITH_FORM: &str = policy!();

/// The policy of the page that tells another window of a sign-in. Its script is a file of this host; none in the page
/// would run.
const POLICY_WITH_SCRIPT: &str = concat!(policy!(), "; form-action 'none'; script-src 'self'");

/// The page as an answer in the format the client asked for.
///
/// Never cached, never framed, never sniffed, and sending no referrer to other sites. `request_id` is printed
/// on the page and sent as `X-Request-Id`.
pub fn respond(page: &Page<'_>, format: Format, request_id: &str) -> Response<Vec<u8>> {
    let (status, format, body) = match render(page, format, request_id) {
        Ok(body) => (page.status(), format, body),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, Format::Text, b"The page could not be drawn.\n".to_vec()),
    };
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let policy = match page {
        page if page.has_script() => POLICY_WITH_SCRIPT,
        page if page.has_form() => POLICY_WITH_FORM,
        _ => POLICY,
    };
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(VARY, HeaderValue::from_static("accept, cookie"));
    headers.insert(INTERCEPTED, HeaderValue::from_static("true"));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
    answer
}
