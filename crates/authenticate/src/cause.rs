//! Why signing in does not get anywhere, as far as one request can tell, in a word for the log and in plain ones for
//! the page.
//!
//! Refuses to guess: every cause rests on what the browser returned, and says what else it might be.

use std::time::{Duration, SystemTime};

use doorward_sessions::Ticket;

use crate::AuthenticateError;
use crate::attempt::{AttemptId, LIFE};
use crate::authenticator::{Inner, Nobody};
use crate::trail::{CLOCKS_DIFFER, Trail};
use crate::visit::Visit;

/// Why a browser that has just signed in is not signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// Not one cookie came back.
    CookiesBlocked,
    /// Other cookies came back, but not the one of this sign-in.
    MixedHosts,
    /// The cookie of the sign-in came back and cannot be opened.
    SealedElsewhere,
    /// Cookies come back, but not the session's.
    SessionCookieRefused,
    /// The same, where the cookie is set for a domain.
    CookieDomain,
    /// The session's cookie came back, but not as it was set.
    SessionCookieAltered,
    /// There are several cookies of the session's name, and none names a session.
    SeveralSessionCookies,
    /// There are several, and they are good ones of different people.
    SeveralPeople,
    /// The session's cookie came back, and nobody here knows the session.
    SessionUnknown,
    /// The session was over before it was used.
    SessionOverAtOnce,
    /// Two clocks differ.
    ClocksDiffer,
    /// The route asks for a recent sign-in, and one just made is not recent enough.
    TooOldAtOnce,
    /// The application sends a person to sign in who is signed in.
    Application,
}

/// What is known when a cause is looked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clues<'a> {
    pub(crate) trail: &'a Trail,
    /// When the session ends that should be there, if that is known otherwise.
    pub(crate) ends: Option<SystemTime>,
    /// Whether clocks are known to differ.
    pub(crate) clocks_differ: bool,
}

impl Inner {
    /// Why this visit has no session although its browser has just got one.
    pub(crate) fn why_no_session(&self, visit: &Visit, clues: Clues<'_>) -> Cause {
        let is_over = clues.trail.is_over(visit.now) || clues.ends.is_some_and(|ends| ends <= visit.now);
        if clues.clocks_differ || clues.trail.is_by_another_clock(visit.now) {
            return Cause::ClocksDiffer;
        }
        if self.why_nobody(visit) == Nobody::SeveralPeople {
            return Cause::SeveralPeople;
        }
        match visit.tickets.as_slice() {
            _ if is_over => Cause::SessionOverAtOnce,
            // The cookie of the attempt did come back, or nobody would have got as far as this.
            [] if self.cookies.is_for_domain(&visit.host) => Cause::CookieDomain,
            [] => Cause::SessionCookieRefused,
            [only] if Ticket::parse(only).is_none() => Cause::SessionCookieAltered,
            [_] => Cause::SessionUnknown,
            _ => Cause::SeveralSessionCookies,
        }
    }

    /// Why a visit does not bring the attempt it belongs to, as far as what it brings tells.
    pub(crate) fn why_lost(&self, visit: &Visit, id: &AttemptId) -> AuthenticateError {
        let Some(created) = id.created() else { return AuthenticateError::AttemptLost };
        match visit.now.duration_since(created) {
            Ok(age) if age >= LIFE => return AuthenticateError::AttemptLost,
            Err(ahead) if ahead.duration() > CLOCKS_DIFFER => return AuthenticateError::InVain(Cause::ClocksDiffer),
            Ok(_) | Err(_) => {}
        }
        if self.attempts.is_there(id, visit.attempts()) {
            AuthenticateError::InVain(Cause::SealedElsewhere)
        } else if !visit.brings_cookies {
            AuthenticateError::InVain(Cause::CookiesBlocked)
        } else if visit.brings_ours() {
            // Finished already, or one of too many at once.
            AuthenticateError::AttemptLost
        } else {
            AuthenticateError::InVain(Cause::MixedHosts)
        }
    }
}

impl Cause {
    /// The word in the log.
    pub fn word(self) -> &'static str {
        match self {
            Self::CookiesBlocked => "cookies-blocked",
            Self::MixedHosts => "mixed-hosts",
            Self::SealedElsewhere => "sealed-elsewhere",
            Self::SessionCookieRefused => "session-cookie-refused",
            Self::CookieDomain => "wrong-cookie-domain",
            Self::SessionCookieAltered => "session-cookie-altered",
            Self::SeveralSessionCookies => "several-session-cookies",
            Self::SeveralPeople => "several-people",
            Self::SessionUnknown => "session-unknown",
            Self::SessionOverAtOnce => "session-over-at-once",
            Self::ClocksDiffer => "clocks-differ",
            Self::TooOldAtOnce => "too-old-at-once",
            Self::Application => "application",
        }
    }

    /// The heading of the page, what was found, and what mends it.
    pub(crate) fn page(self) -> (&'static str, &'static str, &'static str) {
        let (title, found, mend) = match self {
            Self::CookiesBlocked => (
                "Your browser returned no cookies",
                "Signing in takes cookies of this site, and not one came back: they are blocked, or this address was \
                 opened in another browser than the one that began.",
                "Allow cookies for this site, and try again in the same browser.",
            ),
            Self::MixedHosts => (
                "This sign-in began somewhere else",
                "Your browser returned cookies, but none of this sign-in: it was begun under another name or address \
                 of this site, in another browser or profile, or longer than ten minutes ago.",
                "Open the application by its own address, and stay with that one.",
            ),
            Self::SealedElsewhere => (
                "This sign-in began on another server",
                "The cookie of this sign-in came back, but it was sealed with another secret: several servers answer \
                 here that do not share theirs, or the secret has just been changed.",
                "Try again; if it stays so, whoever runs this site has to give every server the same `cookie_secret`.",
            ),
            Self::SessionCookieRefused => (
                "Your browser does not keep you signed in",
                "You signed in, and the browser returned the cookie of the sign-in, but not the one that keeps you signed \
                 in: an extension or something between you and this site takes it away.",
                "Try a window without extensions, or remove the cookies of this site.",
            ),
            Self::CookieDomain => (
                "Your browser does not keep you signed in",
                "You signed in, but the browser did not return the cookie that keeps you so. It is set for a whole \
                 domain, and browsers refuse it when the name in the address does not belong to that.",
                "Open the site by its full name; whoever runs it should look at `cookie_domain`.",
            ),
            Self::SessionCookieAltered => (
                "A cookie came back altered",
                "You signed in, but the cookie that keeps you so did not come back as it was set: something between \
                 you and this site shortens or rewrites it.",
                "Remove the cookies of this site, or try without the proxy or filter in between.",
            ),
            Self::SeveralSessionCookies => (
                "Another site sets cookies with our name",
                "You signed in, but the browser returned several cookies by the name of ours, and none is good: \
                 another site of the same domain sets them.",
                "Remove the cookies of this domain; whoever runs this site should leave `cookie_domain` out.",
            ),
            Self::SeveralPeople => (
                "Your browser is signed in as two people",
                "You signed in, but the browser also returned the cookie of somebody else's session, and nobody can say \
                 which of the two is yours: another site of the same domain may have set one.",
                "Sign out here, which ends both, or remove the cookies of this domain; whoever runs this site should leave \
                 `cookie_domain` out.",
            ),
            Self::SessionUnknown => (
                "The server does not know your session",
                "You signed in and the cookie came back, but the session behind it is not here: several servers \
                 answer here that do not share their sessions, it was ended at once, or they were lost.",
                "Try again; if it stays so, whoever runs this site has to give the servers one shared store.",
            ),
            Self::SessionOverAtOnce => (
                "Your session was over at once",
                "You signed in, but the session had ended before it was used: sessions last very shortly here, or \
                 the server's clock was set.",
                "Try again; if it stays so, whoever runs this site should look at `cookie_expire` and the clock.",
            ),
            Self::ClocksDiffer => (
                "Two clocks differ",
                "You signed in, but by the clock of this server that was not just now: the clocks of the servers that \
                 answer here differ, or this address is an old one.",
                "Try again; if it stays so, whoever runs this site has to set the clocks right.",
            ),
            Self::TooOldAtOnce => (
                "Signing in again did not help",
                "This application asks for a recent sign-in, and the one you have just made counts as an old one: \
                 your identity provider's clock differs from this server's, or it signed you in without asking.",
                "Try again; if it stays so, sign out at your identity provider first.",
            ),
            Self::Application => (
                "The application asks you to sign in, and you are",
                "You are signed in here, but the application sends you to sign in again and again.",
                "Whoever runs it should look at whether it reads who you are from the headers it is sent.",
            ),
        };
        (title, found, mend)
    }
}

/// What a person is told of a provider's clock. The numbers are no secret.
pub(crate) fn clocks_differ(by: Duration, ahead: bool) -> String {
    let which = if ahead { "ahead of" } else { "behind" };
    format!(
        "Your identity provider's clock is {} {which} this server's, so nobody can say whether its answer is still good.",
        span(by)
    )
}

/// What a person is told of a provider that was asked to sign them in anew.
pub(crate) fn not_anew(said: Option<Duration>) -> String {
    let said = said.map_or_else(
        || "it does not say when you last did".to_owned(),
        |ago| format!("by its word you last did {} ago", span(ago)),
    );
    format!(
        "This application asks for a recent sign-in. Your identity provider was asked twice to sign you in anew, but \
         {said}."
    )
}

/// About how long.
fn span(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds} seconds"),
        seconds @ 120..7200 => format!("{} minutes", seconds / 60),
        seconds @ 7200..172_800 => format!("{} hours", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}
