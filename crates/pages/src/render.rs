//! Turns a page into HTML, JSON or plain text.

use askama::Template;
use serde::Serialize;

use crate::page::SIGN_IN_FIRST;
use crate::session::BLOCKED;
use crate::{
    Blocked, Denied, Format, Onward, Page, Problem, Routes, SetPassword, SignIn, SignInRequired, SignOutConfirm,
    SignedIn, SignedOut, UserInfo,
};

/// Why a page could not be drawn: a template or a serialiser failed, which is a fault of ours.
#[derive(Debug)]
pub(crate) struct Undrawable;

impl From<askama::Error> for Undrawable {
    fn from(_: askama::Error) -> Self {
        Self
    }
}

impl From<serde_json::Error> for Undrawable {
    fn from(_: serde_json::Error) -> Self {
        Self
    }
}

/// The body of the answer.
pub(crate) fn render(page: &Page<'_>, format: Format, request_id: &str) -> Result<Vec<u8>, Undrawable> {
    match format {
        Format::Html => Ok(html(page, request_id)?.into_bytes()),
        Format::Json => json(page, request_id),
        Format::Text => Ok(text(page, request_id).into_bytes()),
    }
}

macro_rules! templates {
    ($($name:ident($page:ty) = $path:literal;)*) => {$(
        #[derive(Template)]
        #[template(path = $path)]
        struct $name<'a> {
            page: &'a $page,
            request_id: &'a str,
        }
    )*};
}

templates! {
    ProblemHtml(Problem<'a>) = "problem.html";
    SignInRequiredHtml(SignInRequired<'a>) = "sign_in_required.html";
    SignInHtml(SignIn<'a>) = "sign_in.html";
    SetPasswordHtml(SetPassword<'a>) = "set_password.html";
    DeniedHtml(Denied<'a>) = "denied.html";
    BlockedHtml(Blocked<'a>) = "blocked.html";
    SignOutHtml(SignOutConfirm<'a>) = "sign_out.html";
    SignedInHtml(SignedIn<'a>) = "signed_in.html";
    OnwardHtml(Onward<'a>) = "onward.html";
    SignedOutHtml(SignedOut<'a>) = "signed_out.html";
    UserInfoHtml(UserInfo<'a>) = "user_info.html";
    RoutesHtml(Routes<'a>) = "routes.html";
}

fn html(page: &Page<'_>, request_id: &str) -> askama::Result<String> {
    match page {
        Page::Problem(page) => {
            let page = Problem { link: page.link.filter(|(href, _)| is_safe_link(href)), ..*page };
            ProblemHtml { page: &page, request_id }.render()
        }
        Page::ClientCertificate(page) => ProblemHtml { page: &page.as_problem(), request_id }.render(),
        Page::SignInRequired(page) => SignInRequiredHtml { page, request_id }.render(),
        Page::SignIn(page) => SignInHtml { page, request_id }.render(),
        Page::SetPassword(page) => SetPasswordHtml { page, request_id }.render(),
        Page::Denied(page) => DeniedHtml { page, request_id }.render(),
        Page::Blocked(page) => BlockedHtml { page, request_id }.render(),
        Page::SignOutConfirm(page) => SignOutHtml { page, request_id }.render(),
        Page::SignedIn(page) => SignedInHtml { page, request_id }.render(),
        Page::Onward(page) => {
            let url = if is_safe_link(page.url) { page.url } else { "/" };
            OnwardHtml { page: &Onward { url }, request_id }.render()
        }
        Page::SignedOut(page) => SignedOutHtml { page, request_id }.render(),
        Page::UserInfo(page) => UserInfoHtml { page, request_id }.render(),
        Page::Routes(page) => {
            let routes: Vec<_> =
                page.routes.iter().filter(|route| route.address.link().is_none_or(is_safe_link)).cloned().collect();
            RoutesHtml { page: &Routes { routes: &routes, ..*page }, request_id }.render()
        }
    }
}

/// An escaped `javascript:` is still a script: only web addresses and paths of this host become links.
fn is_safe_link(href: &str) -> bool {
    let path_here = href.starts_with('/') && !href.starts_with("//") && !href.starts_with("/\\");
    path_here || href.starts_with("https://") || href.starts_with("http://")
}

/// A problem as programs read it. Kebab-case `error`, plain-word `message`.
#[derive(Serialize)]
struct ProblemJson<'a> {
    error: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    needed: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    support_contact: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sign_in_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf: Option<&'a str>,
    request_id: &'a str,
}

fn json(page: &Page<'_>, request_id: &str) -> Result<Vec<u8>, Undrawable> {
    let plain = |error, message| ProblemJson {
        error,
        message,
        reason: None,
        needed: None,
        support_contact: None,
        sign_in_url: None,
        csrf: None,
        request_id,
    };
    let body = match page {
        Page::Problem(page) => serde_json::to_vec(&plain(&error_name(page.status), page.explanation)),
        Page::ClientCertificate(page) => {
            let message = "A client certificate that is accepted here is needed.";
            serde_json::to_vec(&ProblemJson { reason: page.refused, ..plain(page.error(), message) })
        }
        Page::SignInRequired(page) => serde_json::to_vec(&ProblemJson {
            sign_in_url: Some(page.sign_in_url),
            ..plain("sign-in-required", SIGN_IN_FIRST)
        }),
        Page::SignIn(page) => serde_json::to_vec(&plain(
            if page.error.is_some() { "sign-in-refused" } else { "sign-in-form" },
            page.error.unwrap_or("Signing in takes a browser."),
        )),
        Page::SetPassword(page) => serde_json::to_vec(&plain(
            if page.error.is_some() { "password-refused" } else { "password-form" },
            page.error.unwrap_or("Setting a password takes a browser."),
        )),
        Page::Denied(page) => serde_json::to_vec(&ProblemJson {
            needed: page.needed,
            support_contact: page.support_contact,
            ..plain("forbidden", denied_sentence(page))
        }),
        Page::Blocked(page) => {
            serde_json::to_vec(&ProblemJson { support_contact: page.support_contact, ..plain("forbidden", BLOCKED) })
        }
        Page::SignOutConfirm(page) => serde_json::to_vec(&ProblemJson {
            csrf: Some(page.csrf),
            ..plain("confirmation-required", "Signing out takes a POST of `csrf`.")
        }),
        Page::SignedIn(_) => serde_json::to_vec(&serde_json::json!({ "signed_in": true, "request_id": request_id })),
        Page::Onward(page) => serde_json::to_vec(
            &serde_json::json!({ "signed_in": true, "location": page.url, "request_id": request_id }),
        ),
        Page::SignedOut(_) => serde_json::to_vec(&serde_json::json!({ "signed_out": true, "request_id": request_id })),
        Page::UserInfo(page) => serde_json::to_vec(page),
        Page::Routes(page) => serde_json::to_vec(page),
    };
    Ok(body?)
}

fn text(page: &Page<'_>, request_id: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    match page {
        Page::Problem(page) => {
            lines.extend([page.title, "", page.explanation]);
            lines.extend(page.advice);
        }
        Page::ClientCertificate(page) => {
            let problem = page.as_problem();
            lines.extend([problem.title, "", problem.explanation]);
            lines.extend(problem.advice);
        }
        Page::SignInRequired(page) => lines.extend(["Sign in first", "", SIGN_IN_FIRST, page.sign_in_url]),
        Page::SignIn(page) => lines.push(page.error.unwrap_or("Signing in takes a browser.")),
        Page::SetPassword(page) => lines.push(page.error.unwrap_or("Setting a password takes a browser.")),
        Page::Denied(page) => {
            lines.extend(["Access denied", "", denied_sentence(page)]);
            lines.extend(page.needed);
            if let Some(contact) = page.support_contact {
                let ask = if page.is_contact_a_page() {
                    "If you think you should have access, ask at"
                } else {
                    "If you think you should have access, ask"
                };
                lines.extend(["", ask, contact]);
            }
        }
        Page::Blocked(page) => {
            lines.extend(["You may not sign in here", "", BLOCKED]);
            lines.extend(page.support_contact);
        }
        Page::SignOutConfirm(_) => lines.push("Signing out has to be confirmed in a browser."),
        Page::SignedIn(_) => lines.push("You are signed in."),
        Page::Onward(page) => lines.extend(["You are signed in; go on to", page.url]),
        Page::SignedOut(_) => lines.push("You are signed out."),
        Page::UserInfo(page) => lines.extend(["Signed in as", page.who]),
        Page::Routes(page) => lines.extend(page.routes.iter().map(|route| route.address.text())),
    }
    let mut text = lines.join("\n");
    text.push_str("\n\nRequest: ");
    text.push_str(request_id);
    text.push('\n');
    text
}

fn denied_sentence(page: &Denied<'_>) -> &'static str {
    if page.who.is_some() {
        "You are signed in, but not allowed to open this."
    } else {
        "The rules of this site do not allow this request."
    }
}

/// `Bad Gateway` becomes `bad-gateway`.
fn error_name(status: http::StatusCode) -> String {
    let words = status.canonical_reason().unwrap_or("problem");
    words.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect()
}
