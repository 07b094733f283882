//! What each page says, as plain data; all text is untrusted and escaped when rendered.

use http::StatusCode;
use serde::Serialize;

use crate::{Blocked, SessionList, SignedIn};

/// What a visitor without a session is told.
pub(crate) const SIGN_IN_FIRST: &str = "This needs you to be signed in. Open it in a browser window and sign in.";

/// One of our pages.
#[derive(Debug, Clone, Copy)]
pub enum Page<'a> {
    /// Something went wrong: 400, 404, 421, 429, 502, 503, 504 and failures of a sign-in.
    Problem(Problem<'a>),
    /// 401 for what is no page load.
    SignInRequired(SignInRequired<'a>),
    /// The sign-in form of built-in accounts.
    SignIn(SignIn<'a>),
    /// The form behind an invitation.
    SetPassword(SetPassword<'a>),
    /// 403.
    Denied(Denied<'a>),
    /// 403 for a client whose certificate is missing or not believed.
    ClientCertificate(ClientCertificate<'a>),
    /// 403 for somebody who may not sign in at all.
    Blocked(Blocked<'a>),
    /// Asks before signing out.
    SignOutConfirm(SignOutConfirm<'a>),
    /// Tells the window that a sign-in was begun from, and closes.
    SignedIn(SignedIn<'a>),
    /// Goes on by itself, as a redirect would.
    Onward(Onward<'a>),
    /// After signing out.
    SignedOut(SignedOut<'a>),
    /// Who the visitor is.
    UserInfo(UserInfo<'a>),
    /// The routes open to the visitor.
    Routes(Routes<'a>),
}

impl Page<'_> {
    /// The status the page is answered with: 200, but 401 for a refused sign-in, 422 for a refused new
    /// password, 403 for [`Denied`], and a [`Problem`]'s own.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Problem(problem) => problem.status,
            Self::SignInRequired(_) => StatusCode::UNAUTHORIZED,
            Self::SignIn(form) if form.error.is_some() => StatusCode::UNAUTHORIZED,
            Self::SetPassword(form) if form.error.is_some() => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Denied(_) | Self::ClientCertificate(_) | Self::Blocked(_) => StatusCode::FORBIDDEN,
            Self::SignIn(_)
            | Self::SetPassword(_)
            | Self::SignOutConfirm(_)
            | Self::SignedIn(_)
            | Self::Onward(_)
            | Self::SignedOut(_)
            | Self::UserInfo(_)
            | Self::Routes(_) => StatusCode::OK,
        }
    }

    /// Whether the page holds a form that is posted and may then be redirected to another site.
    pub(crate) fn has_form(&self) -> bool {
        match self {
            Self::SignIn(_) | Self::SetPassword(_) | Self::SignOutConfirm(_) => true,
            Self::UserInfo(page) => page.sessions.is_some(),
            _ => false,
        }
    }

    /// Whether the page has a script, a file of this host.
    pub(crate) fn has_script(&self) -> bool {
        matches!(self, Self::SignedIn(_))
    }
}

/// Something went wrong.
#[derive(Debug, Clone, Copy)]
pub struct Problem<'a> {
    /// The answer's status.
    pub status: StatusCode,
    /// A few words: the heading.
    pub title: &'a str,
    /// What happened, in a sentence or two.
    pub explanation: &'a str,
    /// What the reader can do about it.
    pub advice: Option<&'a str>,
    /// Where to go from here: (href, text). Only `http:`, `https:` and paths of this host become links.
    pub link: Option<(&'a str, &'a str)>,
}

/// 401 for a request that is no page load.
#[derive(Debug, Clone, Copy)]
pub struct SignInRequired<'a> {
    /// Where a person goes to sign in.
    pub sign_in_url: &'a str,
}

/// The sign-in form; it posts `email`, `password` and `attempt`.
#[derive(Debug, Clone, Copy)]
pub struct SignIn<'a> {
    /// Where the form posts to, a path of this host.
    pub action: &'a str,
    /// The id of the sign-in attempt.
    pub attempt: &'a str,
    /// The host the visitor is on their way to.
    pub host: &'a str,
    /// The address typed last time, or empty.
    pub email: &'a str,
    /// Why the last try was refused.
    pub error: Option<&'a str>,
}

/// The form behind an invitation; it posts `password`, `again` and `token`.
#[derive(Debug, Clone, Copy)]
pub struct SetPassword<'a> {
    /// Where the form posts to, a path of this host.
    pub action: &'a str,
    /// The invitation.
    pub token: &'a str,
    /// Whose password it will be.
    pub email: &'a str,
    /// Why the last try was refused.
    pub error: Option<&'a str>,
}

/// The rules say no.
#[derive(Debug, Clone, Copy)]
pub struct Denied<'a> {
    /// The host asked for.
    pub host: &'a str,
    /// Who the visitor is, when they are signed in.
    pub who: Option<&'a str>,
    /// What would have been needed, in a sentence, where the route tells.
    pub needed: Option<&'a str>,
    /// Whom to ask for access: a name, or an e-mail address or http(s) URL, which become links.
    pub support_contact: Option<&'a str>,
    /// The path that signs out.
    pub sign_out: &'a str,
    /// Whether the same person may be let in after signing in once more.
    pub sign_in_again: bool,
}

/// A client certificate is needed, and there is none that will do.
#[derive(Debug, Clone, Copy)]
pub struct ClientCertificate<'a> {
    /// The host asked for.
    pub host: &'a str,
    /// Why the one that was shown is not believed; none when there was none.
    pub refused: Option<&'a str>,
}

impl<'a> ClientCertificate<'a> {
    /// The word programs read.
    pub(crate) fn error(&self) -> &'static str {
        if self.refused.is_some() { "invalid-client-certificate" } else { "client-certificate-required" }
    }

    /// The same as a page like any about a problem.
    pub(crate) fn as_problem(&self) -> Problem<'a> {
        let (title, explanation) = match self.refused {
            None => (
                "A client certificate is needed",
                "This site answers only devices that show a certificate, and yours showed none.",
            ),
            Some(reason) => ("Your client certificate was not accepted", reason),
        };
        Problem {
            status: StatusCode::FORBIDDEN,
            title,
            explanation,
            advice: Some(
                "Import a certificate that is good for this site into the browser or the system, close the browser and \
                 open it again: it asks for one only once.",
            ),
            link: None,
        }
    }
}

/// Asks before signing out; the form posts `csrf`, and `scope`: `browser` or `everywhere`.
#[derive(Debug, Clone, Copy)]
pub struct SignOutConfirm<'a> {
    /// Where the form posts to, a path of this host.
    pub action: &'a str,
    /// Proof that the form came from us.
    pub csrf: &'a str,
    /// Who would be signed out.
    pub who: &'a str,
}

/// Goes on by itself. Unlike after a redirect, the browser then counts the visit as one from this host, and
/// sends along cookies that are `SameSite=Strict`.
#[derive(Debug, Clone, Copy)]
pub struct Onward<'a> {
    /// Where to, a path of this host.
    pub url: &'a str,
}

/// Signed out.
#[derive(Debug, Clone, Copy)]
pub struct SignedOut<'a> {
    /// Whether the identity provider's session ended too.
    pub provider_too: bool,
    /// Whether every session of the person has ended, not only those in this browser.
    pub everywhere: bool,
    /// The path that signs in again.
    pub sign_in: &'a str,
}

/// Who the visitor is.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct UserInfo<'a> {
    /// The address, else the subject.
    pub who: &'a str,
    /// The person's name.
    pub name: Option<&'a str>,
    /// The provider's stable name for the person.
    pub subject: &'a str,
    /// Which provider says all this.
    pub provider: &'a str,
    /// The groups the person is in.
    pub groups: &'a [String],
    /// When they signed in, RFC 3339.
    pub signed_in_at: &'a str,
    /// When the session ends, RFC 3339.
    pub expires_at: &'a str,
    /// Every session of theirs; none when the list cannot be had just now.
    #[serde(skip)]
    pub sessions: Option<SessionList<'a>>,
    /// The path of the portal.
    #[serde(skip)]
    pub routes: &'a str,
    /// The path that signs out.
    #[serde(skip)]
    pub sign_out: &'a str,
}

/// The portal: what is open to the visitor.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Routes<'a> {
    /// Who is asking.
    pub who: &'a str,
    /// What they may open.
    pub routes: &'a [RouteCard],
    /// The path that says who they are.
    #[serde(skip)]
    pub user: &'a str,
    /// The path that signs out.
    #[serde(skip)]
    pub sign_out: &'a str,
}

/// One application in the portal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RouteCard {
    /// Its name.
    pub name: String,
    /// What it is for; may be empty.
    pub description: String,
    /// Where it is; in JSON, the key is `url` or `pattern`.
    #[serde(flatten)]
    pub address: RouteAddress,
}

/// Where an application is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteAddress {
    /// An http(s) URL.
    Url(String),
    /// A URL with a `*` for a part of the host. It is shown, but no link leads there.
    Pattern(String),
}

impl RouteAddress {
    /// As it is shown.
    pub fn text(&self) -> &str {
        match self {
            Self::Url(text) | Self::Pattern(text) => text,
        }
    }

    /// Where a link leads, if one does.
    pub fn link(&self) -> Option<&str> {
        match self {
            Self::Url(url) => Some(url),
            Self::Pattern(_) => None,
        }
    }
}
