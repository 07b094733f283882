//! Who a request comes from, and everything on the way to finding out.
//!
//! Refuses: tickets of another host, sessions of a provider that is no longer configured, and sessions of an
//! account that is gone or has a new password.

mod recognise;

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use axum::Router;
use bytes::Bytes;
use doorward_config::{BuiltInUser, Cookie, Provider, SignIn};
use doorward_hygiene::{CleanHead, starts_with_segments};
use doorward_identity::{Email, Identity};
use doorward_pages::RouteCard;
use doorward_sessions::{LiveSession, Recognised, Sealer, Sessions, StoreUnavailable};
use doorward_telemetry::{AuditEvent, audit};
use http::{HeaderMap, HeaderValue, Response};
use http_body::Body;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::accounts::Accounts;
use crate::attempt::Attempts;
use crate::buckets::Buckets;
use crate::cookies::SessionCookies;
use crate::fresh::Fresh;
use crate::limiter::AttemptLimiter;
use crate::oidc::RelyingParty;
use crate::refresher::Refresher;
use crate::trail::Trails;
use crate::visit::Visit;
use crate::{AuthenticateError, endpoints, paths};

pub(crate) use self::recognise::Nobody;

/// The issuer and provider name of built-in accounts.
pub const LOCAL_ISSUER: &str = "doorward";

/// How many passwords are hashed at once; each takes 19 MiB.
const HASHED_AT_ONCE: usize = 2;
/// How often the accounts file is looked at.
const ACCOUNTS_WATCHED_EVERY: Duration = Duration::from_secs(1);

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;
/// Tells which routes an identity may open, from this address and with the headers of this request.
pub type RoutesOf = Arc<dyn Fn(&Identity, IpAddr, &HeaderMap) -> Vec<RouteCard> + Send + Sync>;

/// What an [`Authenticator`] works with.
#[derive(Clone)]
pub struct AuthenticatorSettings {
    /// Where and with whom people sign in.
    pub sign_in: SignIn,
    /// The session cookie.
    pub cookie: Cookie,
    /// The sessions.
    pub sessions: Arc<Sessions>,
    /// The built-in accounts; needed when they are the provider.
    pub accounts: Option<Arc<Accounts>>,
    /// Tells the time.
    pub clock: Clock,
    /// Tells which routes an identity may open, for the portal.
    pub routes_of: RoutesOf,
    /// Whom somebody may ask who is not let in.
    pub support_contact: Option<String>,
}

impl fmt::Debug for AuthenticatorSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticatorSettings").field("sign_in", &self.sign_in).finish_non_exhaustive()
    }
}

/// Knows visitors, and signs them in and out. Cheap to clone.
#[derive(Clone)]
pub struct Authenticator {
    inner: Arc<Inner>,
    router: Router,
}

pub(crate) struct Inner {
    pub(crate) sign_in: SignIn,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) cookies: SessionCookies,
    pub(crate) attempts: Attempts,
    pub(crate) trails: Trails,
    pub(crate) arrival_seal: Sealer,
    /// For what proves that a form is ours.
    pub(crate) form_seal: Sealer,
    pub(crate) people: People,
    pub(crate) limiter: Arc<AttemptLimiter>,
    pub(crate) routes_of: RoutesOf,
    pub(crate) support_contact: Option<String>,
    pub(crate) refresher: Refresher,
    /// Wrong words of a provider's, by client.
    pub(crate) wrong_logouts: Buckets,
    /// This, for tasks that outlive a request.
    pub(crate) me: Weak<Self>,
    pub(crate) clock: Clock,
}

/// Who knows the people.
pub(crate) enum People {
    Provider(Box<RelyingParty>, String),
    Accounts(BuiltIn),
}

/// The built-in accounts at work.
pub(crate) struct BuiltIn {
    pub(crate) accounts: Arc<Accounts>,
    /// What the configuration says of them.
    pub(crate) configured: HashMap<Email, BuiltInUser>,
    pub(crate) hashing: Arc<Semaphore>,
}

impl Authenticator {
    /// An authenticator of these settings. `previous` is the one it replaces after a reload: what was counted
    /// against clients goes on to count.
    ///
    /// # Errors
    /// [`AuthenticateError::Settings`] when the settings cannot work. A provider that is down is no error.
    pub fn new(settings: AuthenticatorSettings, previous: Option<&Self>) -> Result<Self, AuthenticateError> {
        let AuthenticatorSettings { sign_in, cookie, sessions, accounts, clock, routes_of, support_contact } = settings;
        let people = match &sign_in.provider {
            Provider::Oidc(oidc) => People::Provider(
                Box::new(RelyingParty::new(oidc.clone(), &sign_in.origin.to_string())?),
                oidc.issuer.clone(),
            ),
            Provider::BuiltIn(users) => People::Accounts(BuiltIn {
                accounts: accounts
                    .ok_or_else(|| AuthenticateError::Settings("built-in accounts need their file".into()))?,
                configured: users.iter().map(|user| (user.email.clone(), user.clone())).collect(),
                hashing: previous
                    .and_then(|previous| previous.inner.people.hashing())
                    .unwrap_or_else(|| Arc::new(Semaphore::new(HASHED_AT_ONCE))),
            }),
        };
        let inner = Arc::new_cyclic(|me| Inner {
            me: Weak::clone(me),
            refresher: Refresher::default(),
            wrong_logouts: Buckets::default(),
            cookies: SessionCookies::new(&cookie),
            attempts: Attempts::new(sessions.sealer("sign-in attempt"), &cookie.stem),
            trails: Trails::new(sessions.sealer("arrivals"), &cookie.stem),
            arrival_seal: sessions.sealer("arrival"),
            form_seal: sessions.sealer("form of a session"),
            people,
            limiter: previous.map(|previous| Arc::clone(&previous.inner.limiter)).unwrap_or_default(),
            sign_in,
            sessions,
            routes_of,
            support_contact,
            clock,
        });
        let router = endpoints::router(Arc::clone(&inner));
        Ok(Self { inner, router })
    }

    /// Starts what goes on in the background until `stop`: asking a provider that is down again, and ending the
    /// sessions of accounts that are gone. Has to be called within a Tokio runtime.
    pub fn start(&self, stop: CancellationToken) {
        let inner = Arc::clone(&self.inner);
        tokio::spawn(stop.run_until_cancelled_owned(async move {
            // Sessions of a provider that is configured no more end at once.
            inner.end_unadmitted().await;
            match &inner.people {
                People::Provider(provider, _) => {
                    tokio::join!(provider.keep_discovering(), inner.keep_refreshing());
                }
                People::Accounts(built_in) => {
                    tokio::join!(inner.watch_accounts(&built_in.accounts), inner.keep_refreshing());
                }
            }
        }));
    }

    /// The session of a request whose ticket was seen before: no wait, no cryptography but one hash.
    pub fn find_cached(&self, head: &CleanHead, now: SystemTime) -> Option<Arc<LiveSession>> {
        let inner = &*self.inner;
        let audience = inner.cookies.scope(head.host()).audience;
        let admits = |session: &LiveSession| inner.admits(session);
        match inner.sessions.recognise_cached(inner.cookies.values(head).as_slice(), audience, now, admits)? {
            // One that is overdue is heard of first, which takes waiting.
            Recognised::Somebody(session) => Some(session).filter(|session| !inner.is_overdue(session, now)),
            Recognised::Nobody | Recognised::SeveralPeople => None,
        }
    }

    /// The session of a request, asking the store. A malformed, unknown or expired ticket is no session, and neither are
    /// good ones of several people.
    ///
    /// # Errors
    /// [`StoreUnavailable`], which says nothing about the visitor.
    pub async fn find(&self, head: &CleanHead, now: SystemTime) -> Result<Option<Arc<LiveSession>>, StoreUnavailable> {
        let audience = self.inner.cookies.scope(head.host()).audience;
        self.inner.find(self.inner.cookies.values(head).as_slice(), audience, now).await
    }

    /// Whether a request brings anything that could be a ticket.
    pub fn has_ticket(&self, head: &CleanHead) -> bool {
        !self.inner.cookies.values(head).as_slice().is_empty()
    }

    /// A ticket to take the place of the one a page load has brought, as a `Set-Cookie` line, if the person's rights have
    /// changed since that was granted. A store that fails leaves everything as it is.
    pub async fn new_ticket(
        &self,
        head: &CleanHead,
        session: &Arc<LiveSession>,
        now: SystemTime,
    ) -> Option<HeaderValue> {
        let inner = &*self.inner;
        let scope = inner.cookies.scope(head.host());
        let values = inner.cookies.values(head);
        let old = values
            .as_slice()
            .iter()
            .rev()
            .find(|value| inner.sessions.is_outdated(session, value, scope.audience, now))?;
        match inner.sessions.regrant(session, old, scope.audience, now).await {
            Ok(ticket) => inner.cookies.set(scope, ticket?.to_cookie_value(), session.expires_at(), now).ok(),
            Err(error) => {
                tracing::warn!(error = %crate::oidc::chain(&error), "a ticket could not be replaced; it stays good");
                None
            }
        }
    }

    /// The answer to a visitor who has to sign in first: a redirect for a page load; 401 for everything else,
    /// with the address to sign in at and without any cookie. A sign-in longer ago than `max_age` is none.
    pub fn begin_sign_in(
        &self,
        head: &CleanHead,
        request_id: &str,
        max_age: Option<Duration>,
        now: SystemTime,
    ) -> Response<Bytes> {
        match self.visit(head, request_id, now) {
            Some(visit) => endpoints::sign_in_anew(&self.inner, &visit, max_age.map(Fresh::within)),
            None => unknown_host(head, request_id),
        }
    }

    /// Whether a request is for one of our own endpoints. All below `/.doorward` is, in every reading of the
    /// path, so that no upstream ever sees it; on a dedicated sign-in host also its front page and callback.
    pub fn owns(&self, head: &CleanHead) -> bool {
        let reserved = |path: &str| starts_with_segments(path, paths::PREFIX);
        let path = head.path();
        if path.readings().any(reserved) {
            return true;
        }
        let sign_in = &self.inner.sign_in;
        sign_in.dedicated
            && sign_in.origin.host == *head.host()
            && (path.decoded() == "/" || Some(path.decoded()) == self.inner.people.redirect_path())
    }

    /// Answers a request that [`Authenticator::owns`]. The whole answer is in memory; bodies over 16 KiB are refused.
    pub async fn answer<B>(&self, head: CleanHead, body: B, request_id: &str) -> Response<Bytes>
    where
        B: Body<Data = Bytes> + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let Some(visit) = self.visit(&head, request_id, (self.inner.clock)()) else {
            return unknown_host(&head, request_id);
        };
        endpoints::answer(self.router.clone(), Arc::new(visit), head, body).await
    }

    fn visit(&self, head: &CleanHead, request_id: &str, now: SystemTime) -> Option<Visit> {
        let inner = &*self.inner;
        Visit::new(head, request_id, &inner.sign_in, &inner.cookies, &inner.attempts, &inner.trails, now)
    }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator").field("sign_in", &self.inner.sign_in.origin).finish_non_exhaustive()
    }
}

impl People {
    /// The provider's name, kept with each session.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Provider(_, issuer) => issuer,
            Self::Accounts(_) => LOCAL_ISSUER,
        }
    }

    pub(crate) fn redirect_path(&self) -> Option<&'static str> {
        match self {
            Self::Provider(provider, _) => Some(provider.redirect_path()),
            Self::Accounts(_) => None,
        }
    }

    fn hashing(&self) -> Option<Arc<Semaphore>> {
        match self {
            Self::Provider(..) => None,
            Self::Accounts(built_in) => Some(Arc::clone(&built_in.hashing)),
        }
    }
}

impl Inner {
    pub(crate) fn now(&self) -> SystemTime {
        (self.clock)()
    }

    /// Whether the session's provider is the configured one and still stands by it.
    pub(crate) fn admits(&self, session: &LiveSession) -> bool {
        if session.provider() != self.people.name() {
            return false;
        }
        match &self.people {
            People::Provider(..) => true,
            People::Accounts(built_in) => {
                let identity = &session.known().identity;
                built_in.accounts.vouches_for(&identity.subject.id, identity.authenticated_at)
            }
        }
    }

    /// Ends every session in memory that is admitted no more.
    pub(crate) async fn end_unadmitted(&self) {
        let keep = |session: &LiveSession| {
            let keep = self.admits(session);
            if !keep {
                revoked(session);
            }
            keep
        };
        if let Err(error) = self.sessions.end_live(keep).await {
            tracing::error!(error = %crate::oidc::chain(&error), "sessions were ended here, but the store could not be told");
        }
    }

    async fn watch_accounts(&self, accounts: &Arc<Accounts>) {
        let _ = tokio::task::spawn_blocking(Accounts::warm_up).await;
        let mut tick = tokio::time::interval(ACCOUNTS_WATCHED_EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut was_good = true;
        loop {
            tick.tick().await;
            let accounts = Arc::clone(accounts);
            match tokio::task::spawn_blocking(move || accounts.refresh()).await {
                Ok(Ok(changed)) => {
                    was_good = true;
                    if changed {
                        self.end_unadmitted().await;
                    }
                }
                Ok(Err(error)) if was_good => {
                    was_good = false;
                    tracing::error!(error = %crate::oidc::chain(&error), "the accounts cannot be read; those known before stay");
                }
                Ok(Err(_)) | Err(_) => {}
            }
        }
    }
}

fn revoked(session: &LiveSession) {
    let reason = "the account was removed, has a new password, or its provider is configured no more";
    audit(&AuditEvent::SessionRevoked { user: session.known().identity.label(), session: session.id(), reason });
}

fn unknown_host(head: &CleanHead, request_id: &str) -> Response<Bytes> {
    let problem = doorward_pages::Problem {
        status: http::StatusCode::NOT_FOUND,
        title: "Nothing is here",
        explanation: "This address is not served here.",
        advice: Some("Check the address for typing errors."),
        link: None,
    };
    doorward_pages::respond(&doorward_pages::Page::Problem(problem), crate::visit::format_of(head), request_id)
        .map(Bytes::from)
}
