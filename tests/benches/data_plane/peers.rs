//! Those that are compared: each with the same certificate, the same upstreams, an access log, and one core.

mod apache;
mod doorward;
mod envoy;
mod haproxy;
mod nginx;
mod provider;

use std::time::{Duration, Instant};

use super::client::{Answer, Target};
use super::load::{CONNECTIONS, Ready, Work};
use super::process::Server;
use super::stage::{HOST, Stage};
use super::upstream::SMALL;

pub(crate) use apache::apache;
pub(crate) use doorward::{Doorward, doorward, start};
pub(crate) use envoy::{Asked, envoy};
pub(crate) use haproxy::haproxy;
pub(crate) use nginx::{Checks, nginx};

/// One of them, running.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    /// The proxy, and whomever it asks.
    pub(crate) servers: Vec<Server>,
    pub(crate) target: Target,
    /// What `Cookie` says: of a session, where there are any.
    pub(crate) cookie: String,
    /// When it had answered for the first time.
    pub(crate) answered: Option<Instant>,
}

impl Peer {
    pub(crate) fn new(stage: &Stage, name: &'static str, port: u16, servers: Vec<Server>) -> Self {
        // As long as the ticket of a session.
        let cookie = format!("session={}", "0123456789abcdef".repeat(4));
        Self { name, servers, target: stage.target(port), cookie, answered: None }
    }

    /// A request's head without its empty line.
    pub(crate) fn head(&self, method: &str, path: &str) -> String {
        head(method, path, HOST, &self.cookie)
    }

    pub(crate) fn get(&self, path: &str) -> Vec<u8> {
        (self.head("GET", path) + "\r\n").into_bytes()
    }

    /// Small requests on every connection of a closed loop.
    pub(crate) fn small(&self) -> Vec<Work> {
        let expected = Answer { status: 200, body: SMALL.len() as u64 };
        vec![Work { host: HOST.to_owned(), requests: vec![self.get("/")], expected }; CONNECTIONS]
    }

    /// Waits until a small request is answered.
    pub(crate) async fn ready(mut self) -> Self {
        let patience = Instant::now() + Duration::from_secs(60);
        while let Err(why) = self.first_answer().await {
            let ended = self.servers.iter_mut().any(Server::has_ended);
            if ended || Instant::now() > patience {
                let said: String = self.servers.iter().map(Server::said).collect();
                panic!("{} does not answer: {why}\n{said}", self.name);
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        self.answered = Some(Instant::now());
        self
    }

    async fn first_answer(&self) -> Result<(), String> {
        let mut connection = self.target.connect(HOST).await.map_err(|error| error.to_string())?;
        let answer = connection.exchange(&self.get("/")).await.map_err(|error| error.to_string())?;
        if answer.status == 200 { Ok(()) } else { Err(format!("{answer:?}")) }
    }

    /// The closed loop's connections.
    pub(crate) async fn open(&self) -> Ready {
        Ready::open(&self.target, self.small()).await
    }
}

/// The same headers for everybody. The host stands without a port, as it does on 443.
pub(crate) fn head(method: &str, path: &str, authority: &str, cookie: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) bench\r\n\
         Accept: */*\r\nAccept-Encoding: gzip, br\r\nCookie: {cookie}\r\n"
    )
}

/// Whether a program is on this machine; says so when it is not.
pub(crate) fn has(program: &str) -> bool {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let found = program.contains('/') && std::path::Path::new(program).is_file()
        || path.split(':').any(|folder| std::path::Path::new(folder).join(program).is_file());
    if !found {
        println!("SKIPPED: {program} is not on this machine (`scripts/install.sh bench` installs it)");
    }
    found
}
