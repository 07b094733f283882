//! Doorward: always with a live session, a rule about groups, and a line of the log for each request.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use doorward_identity::{Claims, Email, Groups, Identity, Subject, VerifiedEmail};
use doorward_sessions::{FileStore, NewSession, Sessions, Tokens};
use futures_util::{StreamExt as _, stream};

use super::Peer;
use crate::client::Answer;
use crate::load::{CONNECTIONS, Work};
use crate::process::{Core, Server};
use crate::stage::{HOST, Stage, free_port};
use crate::upstream::SMALL;

/// How much there is of everything.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Doorward {
    pub(crate) name: &'static str,
    /// Hosts besides the first.
    pub(crate) hosts: usize,
    /// People who are signed in; each with a session and its ticket.
    pub(crate) people: usize,
    /// Upstreams besides the first two, each below a path of its own.
    pub(crate) upstreams: usize,
}

impl Doorward {
    pub(crate) const SMALL: Self = Self { name: "Doorward", hosts: 0, people: 1, upstreams: 0 };
}

/// One that runs, with what every connection of a closed loop asks for so that all there is of everything is used.
pub(crate) struct Running {
    pub(crate) peer: Peer,
    pub(crate) work: Vec<Work>,
}

const SECRET: [u8; 32] = [7; 32];
const POLICY: &str = "policy: [{allow: {or: [{groups: {has: editors}}]}}]";

/// Starts it, after the people have been put into its store.
pub(crate) async fn doorward(stage: &Stage, with: Doorward) -> Running {
    start(stage, with, &[]).await
}

/// The same below another program, such as one that counts instructions.
pub(crate) async fn start(stage: &Stage, with: Doorward, below: &[&str]) -> Running {
    let (port, health, folder) = (free_port(), free_port(), stage.folder(&with.name.replace([' ', ','], "-")));
    std::fs::create_dir_all(folder.join("data")).unwrap();
    let hosts: Vec<String> = (0..CONNECTIONS).map(|connection| host(connection * with.hosts / CONNECTIONS)).collect();
    let tickets = sign_in(&folder.join("data/sessions.redb"), with.people, &hosts).await;
    let file = folder.join("config.yaml");
    std::fs::write(&file, config(stage, with, [port, health], &folder)).unwrap();
    let program = program();
    let mut command = below.to_vec();
    command.extend([program.to_str().unwrap(), "run", "--config", file.to_str().unwrap()]);
    let server = Server::start(Core::Proxy, "doorward", &folder, &command);
    let mut peer = Peer::new(stage, with.name, port, vec![server]);
    let cookie = |ticket: &str| format!("__Host-doorward={ticket}");
    peer.cookie = cookie(tickets.first().and_then(|of| of.first()).unwrap());
    let expected = Answer { status: 200, body: SMALL.len() as u64 };
    let work = hosts.iter().enumerate().map(|(connection, host)| {
        // Everybody's requests in turn, spread over the connections, each from another person to another upstream.
        let many = with.people.max(with.upstreams).div_ceil(CONNECTIONS);
        let requests = (0..many).map(|number| {
            let number = number * CONNECTIONS + connection;
            let person = tickets.get(number % with.people).unwrap();
            let ticket = person.get(if person.len() > 1 { connection } else { 0 }).unwrap();
            let path = if with.upstreams > 0 { format!("/u{}/", number % with.upstreams) } else { "/".to_owned() };
            (super::head("GET", &path, host, &cookie(ticket)) + "\r\n").into_bytes()
        });
        Work { host: host.clone(), requests: requests.collect(), expected }
    });
    Running { work: work.collect(), peer: peer.ready().await }
}

fn host(number: usize) -> String {
    if number == 0 { HOST.to_owned() } else { format!("h{number}.{HOST}") }
}

/// All the load is one person's at one address, who is held to no fewer connections than the peers hold anybody to.
fn config(stage: &Stage, with: Doorward, [port, health]: [u16; 2], folder: &Path) -> String {
    let (certificate, key, small, behind) = (stage.certificate(), stage.key(), stage.small, stage.behind);
    let mut yaml = format!(
        "address: 127.0.0.1:{port}\nhealth_check_addr: 127.0.0.1:{health}\ndata_dir: {}/data\ntimeout_idle: 1h\n\
         certificate_file: {certificate}\ncertificate_key_file: {key}\ncookie_secret: {}\n\
         idp_provider: oidc\nidp_provider_url: https://127.0.0.1:9\nidp_client_id: bench\nidp_client_secret: bench\n\
         limits: {{connections: 30000, connections_per_address: 30000, requests_per_address: 20000, tunnels_per_session: 30000}}\n\
         routes:\n",
        folder.display(),
        STANDARD.encode(SECRET)
    );
    let mut route = |host: usize, prefix: &str, to: &str, more: &str| {
        let from = format!("https://{}", self::host(host));
        write!(yaml, "  - from: {from}\n    to: {to}\n    {POLICY}\n").unwrap();
        for line in [prefix, more].into_iter().filter(|line| !line.is_empty()) {
            writeln!(yaml, "    {line}").unwrap();
        }
    };
    let (to_small, to_behind) = (format!("http://127.0.0.1:{small}"), format!("http://127.0.0.1:{behind}"));
    route(0, "prefix: /sink", &to_behind, "");
    route(0, "prefix: /echo", &to_behind, "allow_websockets: true");
    for number in 0..with.upstreams {
        // The upstream listens on all of loopback: a place in a pool of its own, and no process of its own.
        let to = format!("http://127.1.{}.{}:{small}", number / 200, number % 200 + 1);
        route(0, &format!("prefix: /u{number}/"), &to, "");
    }
    for number in 0..=with.hosts {
        route(number, "", &to_small, "");
    }
    yaml
}

/// Signs people in, each for these hosts; what their tickets say. Only the first is, for more than the first host.
async fn sign_in(store: &Path, people: usize, hosts: &[String]) -> Vec<Vec<String>> {
    let now = SystemTime::now();
    let lifetime = Duration::from_secs(14 * 60 * 60);
    let sessions = &Sessions::new(Arc::new(FileStore::open(store).unwrap()), SECRET, lifetime);
    let sign_in = |number: usize| async move {
        let session = sessions.begin(person(number, now), now).await.unwrap();
        let mut tickets = Vec::new();
        for host in hosts.iter().take(if number == 0 && hosts.first() != hosts.last() { hosts.len() } else { 1 }) {
            tickets.push(sessions.grant(&session, host, now).await.unwrap().to_cookie_value());
        }
        tickets
    };
    stream::iter((0..people).map(sign_in)).buffered(2000).collect().await
}

fn person(number: usize, now: SystemTime) -> NewSession {
    let claims = serde_json::json!({ "department": "engineering", "locale": "en", "email_verified": true });
    NewSession {
        tokens_expire_at: None,
        browser: None,
        identity: Identity {
            subject: Subject { issuer: "https://127.0.0.1:9".into(), id: format!("person-{number}") },
            email: VerifiedEmail::Verified(Email::parse(&format!("person{number}@example.com")).unwrap()),
            name: Some("Somebody with a Name".to_owned()),
            groups: Groups::new(["editors".to_owned(), "night shift".to_owned(), "everybody".to_owned()]),
            claims: Claims::new(claims.as_object().unwrap().clone()),
            authenticated_at: now,
        },
        provider: "https://127.0.0.1:9".to_owned(),
        tokens: Tokens { id_token: None, access_token: None, refresh_token: None },
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        user_agent: Some("Mozilla/5.0 (X11; Linux x86_64) bench".to_owned()),
    }
}

/// The optimised build, or what `DOORWARD_BINARY` names.
fn program() -> PathBuf {
    if let Some(given) = std::env::var_os("DOORWARD_BINARY") {
        return given.into();
    }
    let this = std::env::current_exe().unwrap();
    let program = this.ancestors().nth(2).unwrap().join("doorward");
    assert!(program.is_file(), "{} is not built: `make bench` builds it", program.display());
    program
}
