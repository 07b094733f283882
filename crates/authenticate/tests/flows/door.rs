//! A Doorward with two routes, a wildcard route and perhaps a sign-in host of its own, and browsers that visit it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use cookie::Cookie;
use doorward_authenticate::{Accounts, Authenticator, AuthenticatorSettings, RouteCard};
use doorward_config::{
    Cookie as CookieSettings, OidcProvider, Provider as Configured, ProviderKind, SameSite, Secret, SignIn,
};
use doorward_hygiene::{ArrivedOn, CleanHead, ForwardedChain, Hostname, Origin, OriginPattern};
use doorward_identity::Email;
use doorward_sessions::{LiveSession, MemoryStore, Sessions};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use url::Url;

use crate::provider::{CLIENT_ID, CLIENT_SECRET, Provider};

pub(crate) const CODE: &str = "https://code.example.com";
pub(crate) const WIKI: &str = "https://wiki.example.com:8443";
pub(crate) const WILD: &str = "https://*.dev.example.com";
pub(crate) const AUTH: &str = "https://auth.example.com";
const PAGE: &str = "text/html,application/xhtml+xml,*/*;q=0.8";

/// One Doorward.
pub(crate) struct Door {
    pub(crate) authenticator: Authenticator,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) accounts: Option<Arc<Accounts>>,
    pub(crate) later: Arc<AtomicU64>,
    pub(crate) routes: Arc<Mutex<Vec<RouteCard>>>,
    pub(crate) settings: AuthenticatorSettings,
    pub(crate) directory: Option<tempfile::TempDir>,
    /// What the route of the code host asks for.
    pub(crate) max_age: Option<Duration>,
    /// Whether page loads are given new tickets when rights have changed, as the proxy does.
    pub(crate) replaces_tickets: bool,
}

impl Door {
    /// With an OpenID provider, and a sign-in host of its own.
    pub(crate) fn with(provider: &Provider) -> Self {
        Self::build(Self::oidc(provider.issuer(), ProviderKind::Oidc), AUTH, None, None)
    }

    pub(crate) fn oidc(issuer: String, kind: ProviderKind) -> Configured {
        Configured::Oidc(OidcProvider {
            kind,
            issuer,
            client_id: CLIENT_ID.to_owned(),
            client_secret: Some(Secret::new(CLIENT_SECRET)),
            scopes: vec!["openid".into(), "email".into(), "profile".into()],
            scopes_given: true,
            refresh_every: Duration::from_secs(600),
            request_params: vec![("prompt".into(), "select_account".into())],
            authorities: Vec::new(),
            groups_claim: "groups".into(),
            redirect_path: "/oauth2/callback",
        })
    }

    /// With built-in accounts; the first route's host is the sign-in host.
    pub(crate) fn with_accounts() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let accounts = Arc::new(Accounts::open(directory.path()).unwrap());
        let users = vec![doorward_config::BuiltInUser {
            email: Email::parse("amina@example.com").unwrap(),
            name: Some("Amina Diallo".into()),
            groups: vec!["staff".into()],
        }];
        Self::build(Configured::BuiltIn(users), CODE, Some(accounts), Some(directory))
    }

    pub(crate) fn build(
        provider: Configured,
        sign_in: &str,
        accounts: Option<Arc<Accounts>>,
        directory: Option<tempfile::TempDir>,
    ) -> Self {
        let origin = Origin::parse(sign_in).unwrap();
        let mut known_origins: Vec<_> = [CODE, WIKI, WILD].map(|text| OriginPattern::parse(text).unwrap()).into();
        let dedicated = !known_origins.contains(&origin.clone().into());
        if dedicated {
            known_origins.push(origin.clone().into());
        }
        let later = Arc::new(AtomicU64::new(0));
        let routes = Arc::new(Mutex::new(Vec::new()));
        let sessions = Arc::new(Sessions::new(Arc::new(MemoryStore::new()), [7; 32], Duration::from_secs(50_400)));
        let (clock_later, portal) = (Arc::clone(&later), Arc::clone(&routes));
        let settings = AuthenticatorSettings {
            sign_in: SignIn { origin, dedicated, provider, known_origins, signed_out: None },
            cookie: CookieSettings { stem: "doorward".into(), domain: None, same_site: SameSite::Lax },
            sessions: Arc::clone(&sessions),
            accounts: accounts.clone(),
            clock: Arc::new(move || now(&clock_later)),
            routes_of: Arc::new(move |_, _, _| portal.lock().unwrap().clone()),
            support_contact: Some("help@example.com".into()),
        };
        let authenticator = Authenticator::new(settings.clone(), None).unwrap();
        Self {
            authenticator,
            sessions,
            accounts,
            later,
            routes,
            settings,
            directory,
            max_age: None,
            replaces_tickets: false,
        }
    }

    /// The same with other settings.
    pub(crate) fn change(mut self, change: impl FnOnce(&mut AuthenticatorSettings)) -> Self {
        change(&mut self.settings);
        self.authenticator = Authenticator::new(self.settings.clone(), None).unwrap();
        self
    }

    /// Another replica of it, whose clock is ahead; it has the same store.
    pub(crate) fn twin(&self, ahead: Duration) -> Self {
        let later = Arc::new(AtomicU64::new(ahead.as_secs()));
        let (clock_later, mut settings) = (Arc::clone(&later), self.settings.clone());
        settings.clock = Arc::new(move || now(&clock_later));
        Self {
            authenticator: Authenticator::new(settings.clone(), None).unwrap(),
            sessions: Arc::clone(&self.sessions),
            accounts: self.accounts.clone(),
            later,
            routes: Arc::clone(&self.routes),
            settings,
            directory: None,
            max_age: self.max_age,
            replaces_tickets: self.replaces_tickets,
        }
    }

    /// Where the accounts are.
    pub(crate) fn data_dir(&self) -> &std::path::Path {
        self.directory.as_ref().unwrap().path()
    }

    /// The live session of a browser on the code host.
    pub(crate) async fn sessions_of(&self, browser: &Browser) -> Arc<LiveSession> {
        let ticket = browser.ticket("code.example.com").unwrap();
        self.sessions.find(ticket, "code.example.com", self.now()).await.unwrap().unwrap()
    }

    pub(crate) fn now(&self) -> SystemTime {
        now(&self.later)
    }

    pub(crate) fn wait(&self, seconds: u64) {
        self.later.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Sends a request in as the binary does: our own endpoints answer, else a stand-in for the upstream.
    pub(crate) async fn request(&self, request: Request<String>) -> Answer {
        let (mut parts, body) = request.into_parts();
        let url = Url::parse(&parts.uri.to_string()).unwrap();
        let authority = match url.port() {
            Some(port) => format!("{}:{port}", url.host_str().unwrap()),
            None => url.host_str().unwrap().to_owned(),
        };
        parts.headers.insert("host", authority.parse().unwrap());
        let path = parts.uri.path_and_query().unwrap().as_str().to_owned();
        parts.uri = path.parse().unwrap();
        let arrived = ArrivedOn {
            client: ForwardedChain::direct("192.0.2.7".parse().unwrap()),
            sni: Some(Hostname::parse(url.host_str().unwrap()).unwrap()),
            over_tls: true,
        };
        let head = CleanHead::inspect(parts, &arrived).unwrap();
        let answer = if self.authenticator.owns(&head) {
            self.authenticator.answer(head, Full::new(Bytes::from(body)), "req-1").await
        } else {
            let max_age = self.max_age.filter(|_| head.host().as_str() == "code.example.com");
            let is_recent = |session: &Arc<LiveSession>| {
                let age = self.now().duration_since(session.known().identity.authenticated_at).unwrap_or_default();
                max_age.is_none_or(|max_age| age <= max_age)
            };
            match self.session(&head).await.filter(is_recent) {
                Some(session) => {
                    let text = format!("upstream for {}", session.known().identity.label());
                    let mut answer = Response::new(Bytes::from(text));
                    if self.replaces_tickets
                        && head.is_page_load()
                        && let Some(line) = self.authenticator.new_ticket(&head, &session, self.now()).await
                    {
                        answer.headers_mut().insert("set-cookie", line);
                    }
                    answer
                }
                None => self.authenticator.begin_sign_in(&head, "req-1", max_age, self.now()),
            }
        };
        Answer { url, answer }
    }

    async fn session(&self, head: &CleanHead) -> Option<Arc<LiveSession>> {
        match self.authenticator.find_cached(head, self.now()) {
            Some(session) => Some(session),
            None => self.authenticator.find(head, self.now()).await.unwrap(),
        }
    }
}

fn now(later: &AtomicU64) -> SystemTime {
    SystemTime::now() + Duration::from_secs(later.load(Ordering::SeqCst))
}

/// An answer, and what it answers.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) url: Url,
    pub(crate) answer: Response<Bytes>,
}

impl Answer {
    pub(crate) fn status(&self) -> StatusCode {
        self.answer.status()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.answer.body().to_vec()).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(self.answer.body()).unwrap()
    }

    /// Where it redirects to.
    pub(crate) fn location(&self) -> Url {
        let location = self.answer.headers().get("location").expect("no redirect").to_str().unwrap();
        self.url.join(location).unwrap()
    }

    /// Where it leads once the browser has shown its cookie.
    pub(crate) fn arrives_at(&self) -> Url {
        let shows = self.location();
        assert_eq!(shows.path(), "/.doorward/arrived", "{shows}");
        let (_, to) = shows.query_pairs().find(|(name, _)| name == "to").unwrap();
        shows.join(&to).unwrap()
    }

    pub(crate) fn set_cookies(&self) -> Vec<String> {
        let lines = self.answer.headers().get_all("set-cookie");
        lines.iter().map(|line| line.to_str().unwrap().to_owned()).collect()
    }

    /// The value of a hidden field.
    pub(crate) fn field(&self, name: &str) -> String {
        let text = self.text();
        let start =
            text.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap_or_else(|| panic!("no {name}: {text}"));
        start.split('"').next().unwrap().to_owned()
    }
}

/// A browser with its cookies.
#[derive(Default)]
pub(crate) struct Browser {
    /// By host; a leading dot for cookies of a domain.
    pub(crate) jar: BTreeMap<String, BTreeMap<String, String>>,
    /// What it calls itself.
    pub(crate) user_agent: Option<&'static str>,
}

impl Browser {
    /// Opens a page, without following redirects.
    pub(crate) async fn open(&mut self, door: &Door, url: &str) -> Answer {
        self.send(door, Request::get(url).header("accept", PAGE).body(String::new()).unwrap()).await
    }

    /// Opens a page and follows redirects, at most ten of them, through the provider where they lead there.
    pub(crate) async fn visit(&mut self, door: &Door, provider: Option<&Provider>, url: &str) -> Answer {
        let mut answer = self.open(door, url).await;
        for _ in 0..10 {
            if !answer.status().is_redirection() {
                return answer;
            }
            let mut next = answer.location();
            if let Some(provider) = provider
                && next.host_str() == Some("127.0.0.1")
            {
                next = provider.authorize(&next);
            }
            answer = self.open(door, next.as_str()).await;
        }
        panic!("a redirect loop, now at {}", answer.url);
    }

    /// Posts a form from a page of the same origin.
    pub(crate) async fn post(&mut self, door: &Door, url: &str, fields: &[(&str, &str)]) -> Answer {
        let origin = Url::parse(url).unwrap().origin().ascii_serialization();
        self.post_from(door, url, fields, &[("origin", &origin), ("sec-fetch-site", "same-origin")]).await
    }

    pub(crate) async fn post_from(
        &mut self,
        door: &Door,
        url: &str,
        fields: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let accept = if headers.iter().any(|(name, _)| *name == "accept") { None } else { Some(("accept", PAGE)) };
        let mut request = Request::post(url)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("content-length", body.len());
        for (name, value) in headers.iter().chain(accept.as_ref()) {
            request = request.header(*name, *value);
        }
        self.send(door, request.body(body).unwrap()).await
    }

    /// Asks as a script of the application does.
    pub(crate) async fn fetch(&mut self, door: &Door, url: &str) -> Answer {
        let request = Request::get(url).header("accept", "*/*").header("sec-fetch-mode", "cors");
        self.send(door, request.header("sec-fetch-dest", "empty").body(String::new()).unwrap()).await
    }

    /// Posts a form as a script of the same origin does.
    pub(crate) async fn fetch_post(&mut self, door: &Door, url: &str, fields: &[(&str, &str)]) -> Answer {
        let origin = Url::parse(url).unwrap().origin().ascii_serialization();
        let headers = [("origin", origin.as_str()), ("sec-fetch-site", "same-origin"), ("accept", "application/json")];
        self.post_from(door, url, fields, &headers).await
    }

    /// Sends a request with this browser's cookies, and keeps those of the answer.
    pub(crate) async fn send(&mut self, door: &Door, mut request: Request<String>) -> Answer {
        let host = request.uri().host().unwrap().to_owned();
        let cookies: Vec<_> = self
            .jar
            .iter()
            .filter(|(of, _)| **of == host || of.strip_prefix('.').is_some_and(|domain| host.ends_with(domain)))
            .flat_map(|(_, cookies)| cookies.iter().map(|(name, value)| format!("{name}={value}")))
            .collect();
        if !cookies.is_empty() {
            request.headers_mut().insert("cookie", cookies.join("; ").parse().unwrap());
        }
        if let Some(name) = self.user_agent {
            request.headers_mut().insert("user-agent", name.parse().unwrap());
        }
        let answer = door.request(request).await;
        for line in answer.set_cookies() {
            let cookie = Cookie::parse(line).unwrap();
            assert!(cookie.secure() == Some(true) && cookie.http_only() == Some(true) && cookie.path() == Some("/"));
            assert_eq!(cookie.name().starts_with("__Host-"), cookie.domain().is_none(), "{cookie}");
            let of = cookie.domain().map_or_else(|| host.clone(), |domain| format!(".{domain}"));
            let cookies = self.jar.entry(of).or_default();
            if cookie.max_age().is_some_and(cookie::time::Duration::is_zero) {
                cookies.remove(cookie.name());
            } else {
                cookies.insert(cookie.name().to_owned(), cookie.value().to_owned());
            }
        }
        answer
    }

    /// The cookies of a host whose name has this in it.
    pub(crate) fn cookies(&self, host: &str, part: &str) -> Vec<&str> {
        let cookies = self.jar.get(host).into_iter().flatten();
        cookies.filter(|(name, _)| name.contains(part)).map(|(_, value)| value.as_str()).collect()
    }

    /// The session cookie of a host.
    pub(crate) fn ticket(&self, host: &str) -> Option<&str> {
        self.jar.get(host)?.get("__Host-doorward").map(String::as_str)
    }
}
