//! A front with a pipeline behind it, upstreams that do as they are told, and visitors who speak plain bytes.

use std::collections::HashMap;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use bytes::Bytes;
use doorward_assertion::{Keyring, Signer, SigningKeys};
use doorward_authorize::{Action, Case, Criterion, Operator, Policy, RouteId, Rule, StringMatcher, StringTest};
use doorward_config::{
    Assertion, HostHeader, IssuerFormat, Limit, LookupFamily, PathRule, Route, Target, Upstream, UpstreamScheme,
    UpstreamTls, UpstreamUrl,
};
use doorward_hygiene::{CleanHead, Hostname, OriginPattern};
use doorward_identity::{Claims, Email, Groups, Identity, Subject, VerifiedEmail};
use doorward_sessions::{
    Heard, LiveSession, MemoryStore, NewSession, Refreshed, Renewed, Sessions, StoreUnavailable, Tokens,
};
use doorward_telemetry::{AccessLog, LogFormat};
use doorward_transport::{Arrival, ClientChain, Drain, Handler, Peer, Protocol};
use futures_util::future::BoxFuture;
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::upstreams::UpstreamLimits;
use crate::{
    AnswerChallenges, Identify, JudgeClients, OwnEndpoints, Pipeline, PipelineSettings, ProxyBody, Snapshot,
    SnapshotSettings, Tunnels,
};

pub(crate) const ALICE: &str = "alice@example.com";
pub(crate) const BOB: &str = "bob@example.com";

/// Longer than anything in a test takes, shorter than anybody waits for one that hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

// ---- routes

pub(crate) fn allow(criterion: Criterion) -> Vec<Rule> {
    vec![Rule {
        action: Action::Allow,
        operator: Operator::Or,
        criteria: vec![criterion],
        origin: doorward_authorize::Origin::Route,
        line: 1,
    }]
}

pub(crate) fn everybody() -> Vec<Rule> {
    allow(Criterion::Accept)
}

pub(crate) fn only(email: &str) -> Vec<Rule> {
    let test = StringTest::Is(email.to_owned());
    allow(Criterion::Email(StringMatcher::new(vec![test], Case::Insensitive)))
}

pub(crate) fn upstream_at(address: SocketAddr) -> Target {
    Target::Upstream(Upstream {
        addresses: vec![UpstreamUrl {
            scheme: UpstreamScheme::Http,
            host: address.ip().to_string(),
            port: address.port(),
        }],
        lookup: LookupFamily::default(),
        tls: UpstreamTls::default(),
    })
}

/// A route of everybody from `https://app.test` to `target`; tests change what they are about.
pub(crate) fn route(target: Target) -> Route {
    Route {
        id: RouteId::new("app"),
        name: "App".into(),
        description: String::new(),
        from: OriginPattern::parse("https://app.test").unwrap(),
        path: PathRule::Prefix("/".into()),
        policy: Policy::new(RouteId::new("app"), everybody()),
        policy_shadow: None,
        show_error_details: false,
        authentication_max_age: None,
        target,
        upgrades: doorward_config::Upgrades::default(),
        host_header: HostHeader::OfUpstream,
        prefix_rewrite: None,
        set_request_headers: Vec::new(),
        remove_request_headers: Vec::new(),
        set_response_headers: Vec::new(),
        pass_identity_headers: false,
        jwt_groups_filter: None,
        jwt_issuer_format: IssuerFormat::HostOnly,
        timeout: Limit::After(Duration::from_secs(5)),
        idle_timeout: None,
        line: 1,
    }
}

pub(crate) fn with_policy(mut route: Route, rules: Vec<Rule>) -> Route {
    route.policy = Policy::new(route.id.clone(), rules);
    route
}

// ---- visitors

pub(crate) fn identity(email: &str) -> Identity {
    Identity {
        subject: Subject { issuer: "https://idp.test".into(), id: format!("sub-of-{email}") },
        email: VerifiedEmail::Verified(Email::parse(email).unwrap()),
        name: Some("A Person".into()),
        groups: Groups::new(["staff".to_owned()]),
        claims: Claims::default(),
        authenticated_at: SystemTime::now(),
    }
}

/// Knows a visitor by the cookie `__Host-doorward=NAME`; `__Host-doorward=down` finds the store down.
pub(crate) struct Visitors {
    sessions: Arc<Sessions>,
    known: Mutex<HashMap<String, Arc<LiveSession>>>,
    pub(crate) store_asked: AtomicUsize,
}

impl Visitors {
    fn new(lifetime: Duration) -> Self {
        Self {
            sessions: Arc::new(Sessions::new(Arc::new(MemoryStore::default()), [7; 32], lifetime)),
            known: Mutex::default(),
            store_asked: AtomicUsize::new(0),
        }
    }

    /// Signs `email` in; the ticket is called the same.
    pub(crate) async fn sign_in(&self, email: &str) -> Arc<LiveSession> {
        self.sign_in_as(email, identity(email), Tokens::default()).await
    }

    /// Signs somebody in of whom more is said; the ticket is called `email`.
    pub(crate) async fn sign_in_as(&self, email: &str, identity: Identity, tokens: Tokens) -> Arc<LiveSession> {
        let new = NewSession {
            identity,
            provider: "test".into(),
            tokens,
            tokens_expire_at: None,
            browser: None,
            client: IpAddr::V4(Ipv4Addr::LOCALHOST),
            user_agent: None,
        };
        let session = self.sessions.begin(new, SystemTime::now()).await.unwrap();
        self.known.lock().unwrap().insert(email.to_owned(), Arc::clone(&session));
        session
    }

    /// The provider says now that the session's person has this address.
    pub(crate) async fn learn(&self, session: &Arc<LiveSession>, email: &str) {
        let mut identity = session.known().identity.clone();
        identity.email = VerifiedEmail::Verified(Email::parse(email).unwrap());
        let renewed = Renewed { identity, tokens: Tokens::default(), tokens_expire_at: None };
        let clock: doorward_sessions::Clock = Arc::new(SystemTime::now);
        let heard = |_| std::future::ready(Heard::Renewed(Box::new(renewed)));
        assert!(matches!(self.sessions.refresh(session, &clock, heard).await, Refreshed::Renewed));
    }

    pub(crate) async fn sign_out(&self, session: &LiveSession) {
        self.sessions.end(session).await.unwrap();
    }
}

fn ticket(head: &CleanHead) -> Option<&str> {
    head.cookies().find(|(name, _)| *name == "__Host-doorward").map(|(_, value)| value)
}

impl Identify for Visitors {
    fn cached(&self, head: &CleanHead, _now: SystemTime) -> Option<Arc<LiveSession>> {
        self.known.lock().unwrap().get(ticket(head)?).cloned()
    }

    fn has_ticket(&self, head: &CleanHead) -> bool {
        ticket(head).is_some()
    }

    fn find<'a>(
        &'a self,
        head: &'a CleanHead,
        _now: SystemTime,
    ) -> BoxFuture<'a, Result<Option<Arc<LiveSession>>, StoreUnavailable>> {
        self.store_asked.fetch_add(1, Ordering::Relaxed);
        let down = ticket(head) == Some("down");
        Box::pin(async move { if down { Err(StoreUnavailable::new("it is down")) } else { Ok(None) } })
    }

    fn new_ticket<'a>(
        &'a self,
        _head: &'a CleanHead,
        _session: &'a Arc<LiveSession>,
        _now: SystemTime,
    ) -> BoxFuture<'a, Option<HeaderValue>> {
        Box::pin(std::future::ready(Some(HeaderValue::from_static("__Host-doorward=another"))))
    }

    fn sign_in(
        &self,
        head: &CleanHead,
        _request_id: &str,
        max_age: Option<Duration>,
        _now: SystemTime,
    ) -> Response<Bytes> {
        let status = if head.is_page_load() { StatusCode::FOUND } else { StatusCode::UNAUTHORIZED };
        let text =
            max_age.map_or_else(|| "sign in".to_owned(), |age| format!("sign in, again after {} s", age.as_secs()));
        let mut response = Response::new(Bytes::from(text));
        *response.status_mut() = status;
        response
    }
}

/// Owns everything below `/.doorward/` and says where it was asked.
struct Own;

impl OwnEndpoints for Own {
    fn owns(&self, head: &CleanHead) -> bool {
        head.path().decoded().starts_with("/.doorward/")
    }

    fn answer(
        &self,
        head: CleanHead,
        _body: Incoming,
        _request_id: &str,
        client: IpAddr,
    ) -> BoxFuture<'static, Response<ProxyBody>> {
        Box::pin(async move { Response::new(ProxyBody::full(format!("own {} {client}", head.host()))) })
    }
}

// ---- the front

/// A pipeline behind a socket of its own.
pub(crate) struct Front {
    pub(crate) address: SocketAddr,
    pub(crate) snapshot: Arc<ArcSwap<Snapshot>>,
    pub(crate) tunnels: Arc<Tunnels>,
    pub(crate) drain: Drain,
    pub(crate) visitors: Arc<Visitors>,
    lines: Lines,
    access_log: AccessLog,
    signer: Arc<Signer>,
    pub(crate) clients: Option<Arc<dyn JudgeClients>>,
    stream_idle: Limit,
    limits: UpstreamLimits,
}

pub(crate) struct FrontSettings {
    /// What every client's connection shows for a certificate.
    pub(crate) chain: Option<Vec<u8>>,
    pub(crate) clients: Option<Arc<dyn JudgeClients>>,
    pub(crate) challenges: Option<Arc<dyn AnswerChallenges>>,
    pub(crate) routes: Vec<Route>,
    pub(crate) assertion: Assertion,
    pub(crate) arrival: Arrival,
    pub(crate) stream_idle: Limit,
    pub(crate) session_lifetime: Duration,
    pub(crate) limits: UpstreamLimits,
}

impl FrontSettings {
    pub(crate) fn of(routes: Vec<Route>) -> Self {
        Self {
            chain: None,
            clients: None,
            challenges: None,
            routes,
            assertion: Assertion::default(),
            arrival: Arrival::Tls { sni: Some(Hostname::parse("app.test").unwrap()) },
            stream_idle: Limit::After(Duration::from_secs(60)),
            session_lifetime: Duration::from_secs(600),
            limits: UpstreamLimits::default(),
        }
    }
}

impl Front {
    pub(crate) async fn start(route: Route) -> Self {
        Self::start_with(FrontSettings::of(vec![route])).await
    }

    pub(crate) async fn start_with(settings: FrontSettings) -> Self {
        let lines = Lines::default();
        let access_log = AccessLog::to(LogFormat::Json, Box::new(lines.clone())).unwrap();
        let visitors = Arc::new(Visitors::new(settings.session_lifetime));
        let drain = Drain::new();
        let tunnels = Tunnels::new(drain.clone());
        let ring = Keyring::generate(SystemTime::now()).unwrap();
        let keys = Arc::new(SigningKeys::of_ring(&ring).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut front = Self {
            address: listener.local_addr().unwrap(),
            // Replaced at once by the real one.
            snapshot: Arc::new(ArcSwap::from_pointee(empty_snapshot(&visitors))),
            tunnels: Arc::clone(&tunnels),
            drain,
            visitors,
            lines,
            access_log: access_log.clone(),
            signer: Arc::new(Signer::new(keys, &settings.assertion)),
            clients: settings.clients.clone(),
            stream_idle: settings.stream_idle,
            limits: settings.limits,
        };
        front.reload(settings.routes);
        let pipeline = Pipeline::new(PipelineSettings {
            snapshot: Arc::clone(&front.snapshot),
            access_log,
            tunnels,
            clock: SystemTime::now,
            challenges: settings.challenges,
        });
        tokio::spawn(serve(listener, pipeline, settings.arrival, settings.chain));
        front
    }

    /// Puts other routes into service, as a reload does.
    pub(crate) fn reload(&mut self, routes: Vec<Route>) -> usize {
        let mut origins: Vec<_> = routes.iter().map(|route| route.from.clone()).collect();
        origins.push(OriginPattern::parse("https://sign-in.test:8443").unwrap());
        let settings = SnapshotSettings {
            routes,
            origins,
            cookie_stem: "doorward".into(),
            stream_idle: self.stream_idle,
            identify: self.visitors.clone(),
            own: Arc::new(Own),
            signer: Some(Arc::clone(&self.signer)),
            clients: self.clients.clone(),
            support_contact: Some("help@app.test".into()),
        };
        let previous = self.snapshot.load_full();
        let next = Arc::new(Snapshot::build_with(settings, Some(&previous), self.limits).unwrap());
        self.snapshot.store(Arc::clone(&next));
        self.tunnels.redecide(&next, SystemTime::now())
    }

    /// Sends one request and reads the whole answer; `Host: app.test` and `Connection: close` are added.
    pub(crate) async fn ask(&self, head: &str, body: &str) -> Reply {
        let mut connection = self.connect().await;
        connection.send(&request(head, body, true)).await;
        connection.reply().await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.ask(&format!("GET {path} HTTP/1.1"), "").await
    }

    pub(crate) async fn connect(&self) -> Connection {
        Connection { stream: TcpStream::connect(self.address).await.unwrap(), read: Vec::new() }
    }

    /// The access lines so far.
    pub(crate) fn access_lines(&self) -> String {
        self.access_log.flush();
        String::from_utf8(self.lines.0.lock().unwrap().clone()).unwrap()
    }
}

/// The bytes of a request; `Host: app.test` is added unless it has one.
pub(crate) fn request(head: &str, body: &str, close: bool) -> String {
    let host = if head.to_lowercase().contains("\r\nhost:") { "" } else { "\r\nhost: app.test" };
    let close = if close { "\r\nconnection: close" } else { "" };
    let length = if body.is_empty() { String::new() } else { format!("\r\ncontent-length: {}", body.len()) };
    format!("{head}{host}{close}{length}\r\n\r\n{body}")
}

fn empty_snapshot(visitors: &Arc<Visitors>) -> Snapshot {
    let settings = SnapshotSettings {
        routes: Vec::new(),
        origins: Vec::new(),
        cookie_stem: "doorward".into(),
        stream_idle: Limit::Never,
        identify: visitors.clone(),
        own: Arc::new(Own),
        signer: None,
        clients: None,
        support_contact: None,
    };
    Snapshot::build(settings, None).unwrap()
}

async fn serve(listener: TcpListener, pipeline: Pipeline, arrival: Arrival, chain: Option<Vec<u8>>) {
    loop {
        let (stream, address) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let pipeline = pipeline.clone();
        let arrival = arrival.clone();
        let chain = chain.clone().map(|leaf| Arc::new(ClientChain::new(vec![leaf.into()])));
        tokio::spawn(async move {
            // The preface of HTTP/2 starts with P, as POST and PUT do; its second letter is R.
            let mut start = [0; 2];
            while stream.peek(&mut start).await.unwrap_or(2) < 2 {}
            let http2 = start == *b"PR";
            let protocol = if http2 { Protocol::Http2 } else { Protocol::Http1 };
            let peer = Arc::new(Peer { address, arrival, protocol, client_chain: chain });
            let service = service_fn(move |request| {
                let (pipeline, peer) = (pipeline.clone(), Arc::clone(&peer));
                async move { Ok::<_, std::convert::Infallible>(pipeline.handle(request, peer).await) }
            });
            let io = TokioIo::new(stream);
            if http2 {
                drop(
                    hyper::server::conn::http2::Builder::new(TokioExecutor::new()).serve_connection(io, service).await,
                );
            } else {
                let builder = hyper::server::conn::http1::Builder::new();
                drop(builder.serve_connection(io, service).with_upgrades().await);
            }
        });
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

// ---- a visitor's connection

pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    read: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (this, value) = line.split_once(':')?;
            this.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

impl Connection {
    pub(crate) async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    /// Everything until the other side closes.
    pub(crate) async fn reply(&mut self) -> Reply {
        let head = self.head().await;
        let end = timeout(PATIENCE, self.stream.read_to_end(&mut self.read)).await.expect("the answer has no end");
        drop(end);
        Reply { body: String::from_utf8_lossy(&std::mem::take(&mut self.read)).into_owned(), ..head }
    }

    /// The head of the answer; what came behind it is kept.
    pub(crate) async fn head(&mut self) -> Reply {
        let end = loop {
            if let Some(at) = self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(self.more().await > 0, "closed before a head: {:?}", String::from_utf8_lossy(&self.read));
        };
        let head = String::from_utf8(self.read.drain(..end).collect()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Reply { status, head, body: String::new() }
    }

    /// Reads until what was read ends with `end`, and gives it out.
    pub(crate) async fn until(&mut self, end: &str) -> String {
        while !self.read.ends_with(end.as_bytes()) {
            assert!(self.more().await > 0, "closed before {end:?}: {:?}", String::from_utf8_lossy(&self.read));
        }
        String::from_utf8(std::mem::take(&mut self.read)).unwrap()
    }

    /// Everything that still comes, until the other side closes or breaks off.
    pub(crate) async fn rest(&mut self) -> String {
        while self.more().await > 0 {}
        String::from_utf8_lossy(&std::mem::take(&mut self.read)).into_owned()
    }

    /// Whether the other side closes within this time, whatever it says before.
    pub(crate) async fn closes_within(&mut self, limit: Duration) -> bool {
        timeout(limit, async { while self.more().await > 0 {} }).await.is_ok()
    }

    async fn more(&mut self) -> usize {
        let mut chunk = [0; 4096];
        let read = timeout(PATIENCE, self.stream.read(&mut chunk)).await.expect("nothing comes").unwrap_or(0);
        self.read.extend_from_slice(&chunk[..read]);
        read
    }
}

// ---- upstreams

/// What an upstream got, in order.
#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn only(&self) -> String {
        let all = self.all();
        assert_eq!(all.len(), 1, "{all:?}");
        all[0].clone()
    }

    pub(crate) fn push(&self, text: String) {
        self.0.lock().unwrap().push(text);
    }
}

/// An upstream that speaks plain bytes: `talk` gets each connection and its number.
pub(crate) async fn raw_upstream<F, Fut>(talk: F) -> (SocketAddr, Arc<AtomicUsize>)
where
    F: Fn(Connection, usize) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let number = count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(talk(Connection { stream, read: Vec::new() }, number));
        }
    });
    (address, connections)
}

/// An upstream that notes what it gets, body included, and always answers with these bytes.
pub(crate) async fn upstream_saying(answer: &'static str) -> (SocketAddr, Seen) {
    let seen = Seen::default();
    let notes = seen.clone();
    let (address, _) = raw_upstream(move |mut connection, _| {
        let notes = notes.clone();
        async move {
            while let Some(text) = connection.request().await {
                notes.push(text);
                if connection.stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    })
    .await;
    (address, seen)
}

pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

impl Connection {
    /// One request as it came, its body decoded by neither length nor chunk; None at the end of the connection.
    pub(crate) async fn request(&mut self) -> Option<String> {
        let end = loop {
            if let Some(at) = self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            let mut chunk = [0; 4096];
            let read = self.stream.read(&mut chunk).await.unwrap_or(0);
            if read == 0 {
                return None;
            }
            self.read.extend_from_slice(&chunk[..read]);
        };
        let mut text = String::from_utf8(self.read.drain(..end).collect()).unwrap();
        let lower = text.to_lowercase();
        if lower.contains("\r\ntransfer-encoding: chunked") {
            while !self.read.ends_with(b"0\r\n\r\n") && !trailers_ended(&self.read) {
                if self.more().await == 0 {
                    break;
                }
            }
            text.push_str(&String::from_utf8(std::mem::take(&mut self.read)).unwrap());
        } else if let Some(length) = lower.split("\r\ncontent-length: ").nth(1) {
            let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
            while self.read.len() < length {
                if self.more().await == 0 {
                    break;
                }
            }
            text.push_str(&String::from_utf8(self.read.drain(..length).collect()).unwrap());
        }
        Some(text)
    }
}

fn trailers_ended(read: &[u8]) -> bool {
    let text = String::from_utf8_lossy(read);
    text.split_once("\r\n0\r\n").is_some_and(|(_, trailers)| trailers.ends_with("\r\n\r\n"))
}

/// The value of a header in a request that an upstream noted.
pub(crate) fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    request.split("\r\n\r\n").next().unwrap().lines().skip(1).find_map(|line| {
        let (this, value) = line.split_once(':')?;
        this.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// Waits until something is so, and fails when it is not in time.
pub(crate) async fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let begun = tokio::time::Instant::now();
    while !so() {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A request of an HTTP/2 visitor.
pub(crate) async fn http2_sender<B>(front: &Front) -> hyper::client::conn::http2::SendRequest<B>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let stream = TcpStream::connect(front.address).await.unwrap();
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

pub(crate) fn http2_get(path: &str) -> http::request::Builder {
    Request::builder().uri(format!("https://app.test{path}"))
}
