//! How an application is reached: what `to` may begin with, each as it is written, and `dns_lookup_family`.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;

use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::task::JoinSet;

use crate::harness::authority::Authority;
use crate::harness::browser::Browser;
use crate::harness::doorward::Doorward;
use crate::harness::scene::{EVERYBODY, WEBSOCKETS};
use crate::harness::scripted::{NONCE, Report, Scripted, Speaks};
use crate::harness::setup::Setup;
use crate::harness::upstream::Upstream;
use crate::harness::visitor::{Protocol, Visitor};
use crate::harness::websocket;

/// A socket of this machine on which this application is found too, until dropped.
fn socket_before(upstream: &Upstream, path: &Path) -> JoinSet<()> {
    let listener = UnixListener::bind(path).unwrap();
    let to: SocketAddr = upstream.url().trim_start_matches("http://").parse().unwrap();
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let mut passing = JoinSet::new();
        while let Ok((mut visitor, _)) = listener.accept().await {
            passing.spawn(async move {
                let mut application = TcpStream::connect(to).await.unwrap();
                let _ended = tokio::io::copy_bidirectional(&mut visitor, &mut application).await;
            });
        }
    });
    serving
}

#[tokio::test]
async fn unix_is_http_over_a_socket_of_this_machine_websockets_too() {
    for scheme in ["unix://", "http+unix://"] {
        let upstream = Upstream::start().await;
        let setup = Setup::new();
        let path = setup.folder().join("app.sock");
        let serving = socket_before(&upstream, &path);
        let to = format!("{scheme}{}", path.display());
        let keys = format!("{EVERYBODY}\nallow_websockets: true");
        let preserving = format!("{EVERYBODY}\n{WEBSOCKETS}\nprefix_rewrite: /below/");
        let door = setup.route("app", &to, &keys).route("code", &to, &preserving).start().await;
        assert_eq!(Browser::new().fetch(&door.url("app", "/a?b")).await.status, 200);
        assert_eq!((upstream.last().target(), upstream.last().header("host")), ("/a?b", Some("localhost")));
        assert_eq!(Browser::new().fetch(&door.url("code", "/a")).await.status, 200);
        let host = door.authority("code");
        assert_eq!((upstream.last().target(), upstream.last().header("host")), ("/below/a", Some(host.as_str())));
        let mut socket = websocket::open(&door, &Browser::new(), "app").await.unwrap();
        assert!(websocket::echo(&mut socket, "through a file").await);
        // Without it, the application is away; the page does not say where it was.
        drop(serving);
        std::fs::remove_file(&path).unwrap();
        upstream.wait_for_quiet(0).await;
        let page = Browser::new().fetch(&door.url("app", "/")).await;
        assert!(page.status == 502 && !page.text().contains("app.sock"), "{} {}", page.status, page.text());
        door.log.wait_for("app.sock").await;
    }
}

#[tokio::test]
async fn h2c_is_http_2_without_tls() {
    let application = Scripted::start(Speaks::Http2, &Authority::shared().issue(&["localhost"])).await;
    let to = format!("h2c://localhost:{}", application.url().rsplit(':').next().unwrap());
    let door = Setup::new().route("app", &to, EVERYBODY).start().await;
    for protocol in Protocol::ALL {
        let whole = Visitor::connect(&door, "app", protocol).await.get("/report", "one").await.unwrap();
        let report: Report = serde_json::from_slice(&whole.body).unwrap();
        assert_eq!((whole.status, report.version.as_str()), (200, "HTTP/2.0"));
        assert_eq!(whole.headers[NONCE], "one");
    }
    // The same address as `http://` is spoken to in HTTP/1.1.
    let door = Setup::new().route("app", &to.replace("h2c", "http"), EVERYBODY).start().await;
    let whole = Visitor::connect(&door, "app", Protocol::Http2).await.get("/report", "two").await.unwrap();
    assert_eq!(serde_json::from_slice::<Report>(&whole.body).unwrap().version, "HTTP/1.1");
}

/// Listeners of both families on one port, each with an application of its own behind it.
async fn both_families() -> Option<(u16, [JoinSet<()>; 2])> {
    for _ in 0..20 {
        let v4 = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = v4.local_addr().unwrap().port();
        let v6 = match TcpListener::bind(("::1", port)).await {
            Ok(v6) => v6,
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => continue,
            Err(_) => return None,
        };
        return Some((port, [(v4, "IPv4"), (v6, "IPv6")].map(|(listener, name)| family(listener, name))));
    }
    panic!("no port that is free in both families");
}

/// Answers everything with this word.
fn family(listener: TcpListener, word: &'static str) -> JoinSet<()> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = vec![0; 4096];
            let _read = stream.read(&mut head).await;
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\n{word}");
            let _written = stream.write_all(answer.as_bytes()).await;
        }
    });
    serving
}

async fn answered_by(door: &Doorward) -> (u16, String) {
    let answer = door.exchange("app", "GET / HTTP/1.1\r\nHost: HOST\r\n\r\n").await;
    (answer.status, answer.text())
}

#[tokio::test]
async fn dns_lookup_family_says_which_addresses_of_a_name_are_used() {
    let Some((port, _serving)) = both_families().await else {
        crate::harness::skip("this machine has no IPv6: dns_lookup_family was tried with nothing");
        return;
    };
    // What this machine makes of the name: most have it in both families, some in one.
    let found: Vec<SocketAddr> = ("localhost", port).to_socket_addrs().unwrap().collect();
    let has =
        |v6: bool| found.iter().any(|address| address.is_ipv6() == v6).then_some(if v6 { "IPv6" } else { "IPv4" });
    let as_found = if found[0].is_ipv6() { has(true) } else { has(false) };
    for (word, expected) in [
        ("V4_PREFERRED", has(false).or(has(true))),
        ("AUTO", has(true).or(has(false))),
        ("ALL", as_found),
        ("V4_ONLY", has(false)),
        ("v6_only", has(true)),
    ] {
        let setup = Setup::new().with(&format!("dns_lookup_family: {word}"));
        let door = setup.route("app", &format!("http://localhost:{port}"), EVERYBODY).start().await;
        let (status, text) = answered_by(&door).await;
        if let Some(family) = expected {
            assert_eq!((status, text.as_str()), (200, family), "{word} of {found:?}");
        } else {
            assert_eq!(status, 502, "{word} of {found:?}");
            door.log.wait_for("it has no address of the family that `dns_lookup_family` allows").await;
        }
    }
}

#[tokio::test]
async fn an_address_that_is_written_out_is_used_whatever_the_family() {
    let Some((port, _serving)) = both_families().await else {
        crate::harness::skip("this machine has no IPv6: dns_lookup_family was tried with nothing");
        return;
    };
    for (word, host, family) in [("V4_ONLY", "[::1]", "IPv6"), ("V6_ONLY", "127.0.0.1", "IPv4")] {
        let setup = Setup::new().with(&format!("dns_lookup_family: {word}"));
        let door = setup.route("app", &format!("http://{host}:{port}"), EVERYBODY).start().await;
        assert_eq!(answered_by(&door).await, (200, family.to_owned()), "{word}");
    }
}
