//! What the endpoints know of a request, taken from its clean head once.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use doorward_config::SignIn;
use doorward_hygiene::{Accepts, CleanHead, Hostname, Origin, RequestOrigin};
use doorward_pages::Format;
use http::header::USER_AGENT;
use http::{HeaderMap, HeaderName, Method};

use crate::AuthenticateError;
use crate::attempt::Attempts;
use crate::cookies::SessionCookies;
use crate::trail::Trails;

/// How many cookies of one name are tried.
const TRIED: usize = 4;
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const SEC_PURPOSE: HeaderName = HeaderName::from_static("sec-purpose");

/// One request to an endpoint of ours.
pub(crate) struct Visit {
    pub(crate) client: IpAddr,
    pub(crate) request_id: Box<str>,
    /// The host asked, for cookies.
    pub(crate) host: Hostname,
    /// The origin asked, its port as configured; the host is one we serve.
    pub(crate) here: Origin,
    /// Whether that is the sign-in origin.
    pub(crate) is_sign_in_host: bool,
    pub(crate) format: Format,
    pub(crate) opens: Opens,
    pub(crate) path_and_query: Box<str>,
    pub(crate) user_agent: Option<String>,
    /// Everything the client said.
    pub(crate) headers: HeaderMap,
    pub(crate) now: SystemTime,
    /// The values of our session cookie.
    pub(crate) tickets: Vec<String>,
    /// Whether it brings any cookie at all.
    pub(crate) brings_cookies: bool,
    method: Method,
    /// Our attempt cookies.
    attempts: Vec<(String, String)>,
    /// The values of our trail cookie.
    trails: Vec<String>,
    /// Whether a form may be believed to come from a page of this very origin.
    is_same_origin: bool,
}

impl fmt::Debug for Visit {
    /// Not the headers, which have the cookies.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visit").field("request_id", &self.request_id).field("host", &self.host).finish_non_exhaustive()
    }
}

/// What the browser is about to do with the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opens {
    /// Show it as a page: a redirect to sign in leads somewhere.
    Page,
    /// Use it within a page: as a frame, an image, or for a script; or keep it for later.
    Part,
    /// It does not say, or posts a form.
    Unknown,
}

/// A [`Visit`] as the router hands it on.
pub(crate) type Shared = Arc<Visit>;

impl Visit {
    /// `None` when the host is none of ours.
    pub(crate) fn new(
        head: &CleanHead,
        request_id: &str,
        sign_in: &SignIn,
        cookies: &SessionCookies,
        attempts: &Attempts,
        trails: &Trails,
        now: SystemTime,
    ) -> Option<Self> {
        let here = find_origin(sign_in, head)?;
        let headers = head.headers();
        let user_agent = headers.get(USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        Some(Self {
            client: head.client_ip(),
            request_id: request_id.into(),
            host: head.host().clone(),
            is_sign_in_host: here == sign_in.origin,
            here,
            format: format_of(head),
            opens: if head.is_page_load() {
                Opens::Page
            } else if headers.get(SEC_FETCH_DEST).is_some_and(|destination| destination != "document")
                || headers.contains_key(SEC_PURPOSE)
            {
                Opens::Part
            } else {
                Opens::Unknown
            },
            path_and_query: head.path_and_query().into(),
            user_agent,
            headers: headers.clone(),
            now,
            tickets: cookies.values(head).as_slice().iter().map(|&value| value.to_owned()).collect(),
            brings_cookies: head.cookies().next().is_some(),
            method: head.method().clone(),
            trails: head
                .cookies()
                .filter(|(name, _)| trails.is_ours(name))
                .map(|(_, value)| value.to_owned())
                .take(TRIED)
                .collect(),
            attempts: crate::attempt::of_head(attempts, head)
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            is_same_origin: is_same_origin(&head.origin(), headers),
        })
    }

    /// Our attempt cookies.
    pub(crate) fn attempts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.attempts.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether it only asks what an answer would be, so that nothing is begun for it.
    pub(crate) fn only_asks(&self) -> bool {
        self.method == Method::HEAD
    }

    /// Whether any cookie of ours came along.
    pub(crate) fn brings_ours(&self) -> bool {
        !(self.tickets.is_empty() && self.attempts.is_empty() && self.trails.is_empty())
    }

    /// The values of our trail cookie.
    pub(crate) fn trails(&self) -> impl Iterator<Item = &str> {
        self.trails.iter().map(String::as_str)
    }

    /// Refuses a form that a page of another origin sent.
    pub(crate) fn check_same_origin(&self) -> Result<(), AuthenticateError> {
        if self.is_same_origin { Ok(()) } else { Err(AuthenticateError::CrossSite) }
    }

    /// Refuses to begin or finish anything for a frame, an image or a script's request.
    pub(crate) fn check_not_embedded(&self) -> Result<(), AuthenticateError> {
        if self.opens == Opens::Part {
            Err(AuthenticateError::BadRequest("signing in takes a page of its own, not a frame or a script"))
        } else {
            Ok(())
        }
    }
}

/// The format an answer of ours should have.
pub(crate) fn format_of(head: &CleanHead) -> Format {
    match head.accepts() {
        Accepts::Html => Format::Html,
        Accepts::Json => Format::Json,
        Accepts::Text => Format::Text,
    }
}

/// The configured origin a request is for: by host and port, else by host alone (something before us may map
/// ports, and cookies do not tell them apart anyway).
fn find_origin(sign_in: &SignIn, head: &CleanHead) -> Option<Origin> {
    sign_in.origin_at(head.authority()).or_else(|| sign_in.origins_of(head.host()).next())
}

/// `Origin` where the browser sends it, `Sec-Fetch-Site` where it sends that; both have to agree.
fn is_same_origin(origin: &RequestOrigin, headers: &HeaderMap) -> bool {
    let by_origin = matches!(origin, RequestOrigin::Absent | RequestOrigin::Same);
    let by_site = headers.get_all(SEC_FETCH_SITE).iter().all(|site| site == "same-origin" || site == "none");
    by_origin && by_site
}
