//! TLS: with a certificate in hand or without, and plain HTTP sent to where it should have gone.

use rustls::version::{TLS12, TLS13};
use tokio::net::TcpStream;

use serde_json::Value;

use crate::harness::authority::Authority;
use crate::harness::browser::Browser;
use crate::harness::doorward::{Doorward, command_in};
use crate::harness::hostile_provider::Provider;
use crate::harness::ports::free_port;
use crate::harness::raw::{Raw, RawAnswer};
use crate::harness::scene::EVERYBODY;
use crate::harness::setup::Setup;
use crate::harness::tls::{Undemanding, shake_hands};
use crate::harness::upstream::Upstream;
use crate::harness::within;

const HOST: &str = "app.example.test";

async fn made() -> (Upstream, Doorward) {
    let upstream = Upstream::start().await;
    let door = Setup::new()
        .making_certificates()
        .route("app", &upstream.url(), EVERYBODY)
        .route("code", &upstream.url(), EVERYBODY)
        .start()
        .await;
    (upstream, door)
}

/// The certificate that is shown for a name.
async fn shown(door: &Doorward, host: &str) -> Vec<u8> {
    let client = Undemanding::new(&["h2"], rustls::ALL_VERSIONS);
    let stream = TcpStream::connect(door.setup.address()).await.unwrap();
    within("shaking hands", shake_hands(client.config.clone(), stream, Some(host))).await.unwrap();
    client.shown().unwrap()
}

async fn plain(address: std::net::SocketAddr, request: &str) -> RawAnswer {
    let mut raw = Raw::plain(address).await;
    raw.send(request).await;
    raw.answer_to(request.split(' ').next().unwrap()).await.expect("an answer")
}

#[tokio::test]
async fn without_a_certificate_one_is_made_that_the_printed_authority_vouches_for() {
    let (_upstream, door) = made().await;
    let printed = door.command(&["certificate", "authority"]).await;
    assert_eq!(printed.code, Some(0), "{printed:?}");
    assert!(printed.out.starts_with("-----BEGIN CERTIFICATE-----"), "{printed:?}");
    assert_eq!(printed.out.matches("-----BEGIN").count(), 1, "only the certificate: {printed:?}");
    let mut browser = Browser::new();
    browser.trust(&printed.out);
    for host in ["app", "code"] {
        assert_eq!(browser.visit(&door.url(host, "/")).await.status, 200, "{host}");
    }
    // It vouches for these names alone.
    assert!(Raw::try_tls(door.setup.address(), Some("evil.example"), &["h2"]).await.is_err());
}

#[tokio::test]
async fn what_was_made_is_kept_for_the_next_start_and_for_the_owner() {
    use std::os::unix::fs::PermissionsExt;
    let (_upstream, door) = made().await;
    let before = shown(&door, HOST).await;
    let authority = door.command(&["certificate", "authority"]).await.out;
    for folder in [door.setup.data_dir(), door.setup.data_dir().join("certificates")] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let secret = std::fs::read_to_string(entry.path()).is_ok_and(|text| text.contains("PRIVATE KEY"));
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            assert!(!secret || mode == 0o600, "{:?} has mode {mode:o}", entry.path());
        }
    }
    let door = door.restarted().await;
    assert_eq!(shown(&door, HOST).await, before, "another certificate after the restart");
    assert_eq!(door.command(&["certificate", "authority"]).await.out, authority);
}

#[tokio::test]
async fn a_new_host_gets_a_certificate_of_the_same_authority() {
    let (upstream, door) = made().await;
    let mut browser = Browser::new();
    browser.trust(&door.command(&["certificate", "authority"]).await.out);
    let yaml = door.setup.yaml();
    let more = format!("  - from: {}\n    to: {}\n    {EVERYBODY}\n", door.setup.origin("docs"), upstream.url());
    door.replace_config(&(yaml + &more));
    door.signal("HUP");
    let (address, name) = (door.setup.address(), Some("docs.example.test"));
    crate::harness::eventually("the new host", || async move { Raw::try_tls(address, name, &["h2"]).await.is_ok() })
        .await;
    assert_eq!(browser.visit(&door.url("docs", "/")).await.status, 200);
    assert_eq!(browser.visit(&door.url("app", "/")).await.status, 200);
}

#[tokio::test]
async fn versions_1_2_and_1_3_and_both_protocols_are_spoken() {
    let (_upstream, door) = made().await;
    for version in [&TLS12, &TLS13] {
        for protocol in ["h2", "http/1.1"] {
            let client = Undemanding::new(&[protocol], &[version]);
            let stream = TcpStream::connect(door.setup.address()).await.unwrap();
            let stream = within("shaking hands", shake_hands(client.config, stream, Some(HOST))).await.unwrap();
            let session = stream.get_ref().1;
            assert_eq!(session.protocol_version(), Some(version.version));
            assert_eq!(session.alpn_protocol(), Some(protocol.as_bytes()));
        }
    }
    // Given the choice, HTTP/2; without ALPN, HTTP/1.1.
    let client = Undemanding::new(&["http/1.1", "h2"], rustls::ALL_VERSIONS);
    let stream = TcpStream::connect(door.setup.address()).await.unwrap();
    let stream = shake_hands(client.config, stream, Some(HOST)).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let mut raw = Raw::try_tls(door.setup.address(), Some(HOST), &[]).await.unwrap();
    raw.send(format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", door.authority("app"))).await;
    assert_eq!(raw.answer().await.status, 200);
}

/// What is agreed upon with who offers these, or that there is nothing.
async fn agreed(door: &Doorward, offers: &[&str]) -> Result<Option<Vec<u8>>, ()> {
    let client = Undemanding::new(offers, rustls::ALL_VERSIONS);
    let stream = TcpStream::connect(door.setup.address()).await.unwrap();
    let stream = within("shaking hands", shake_hands(client.config, stream, Some(HOST))).await.map_err(drop)?;
    Ok(stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec))
}

#[tokio::test]
async fn codec_type_says_which_versions_are_spoken() {
    const BOTH: &[&str] = &["h2", "http/1.1"];
    let upstream = Upstream::start().await;
    for (word, http1, http2) in [("auto", true, true), ("http1", true, false), ("http2", false, true)] {
        let key = format!("codec_type: {word}");
        let door = Setup::new().with(&key).route("app", &upstream.url(), EVERYBODY).start().await;
        let spoken = |name: &str, is: bool| if is { Ok(Some(name.as_bytes().to_vec())) } else { Err(()) };
        assert_eq!(agreed(&door, &["h2"]).await, spoken("h2", http2), "{word}");
        assert_eq!(agreed(&door, &["http/1.1"]).await, spoken("http/1.1", http1), "{word}");
        assert_eq!(agreed(&door, BOTH).await, spoken(if http2 { "h2" } else { "http/1.1" }, true), "{word}");
        for (protocol, is) in [("h2", http2), ("http/1.1", http1)] {
            if is {
                let mut browser = Browser::speaking(protocol);
                assert_eq!(browser.fetch(&door.url("app", "/")).await.status, 200, "{word} {protocol}");
            }
        }
        // Without ALPN it is HTTP/1.1, or nothing.
        let request = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", door.authority("app"));
        if let Ok(mut raw) = Raw::try_tls(door.setup.address(), Some(HOST), &[]).await {
            let sent = raw.try_send(&request).await;
            let answer = raw.answer_to("GET").await;
            assert_eq!(sent.is_ok() && answer.is_ok_and(|answer| answer.status == 200), http1, "{word} without ALPN");
        } else {
            assert!(!http1, "{word} without ALPN");
        }
    }
}

#[tokio::test]
async fn codec_type_says_it_in_the_clear_too() {
    let upstream = Upstream::start().await;
    for (word, http1, http2) in [("auto", true, true), ("http1", true, false), ("http2", false, true)] {
        let setup = Setup::new().cleartext().with(&format!("codec_type: {word}"));
        let door = setup.route("app", &upstream.url(), EVERYBODY).start().await;
        let mut raw = Raw::plain(door.setup.address()).await;
        raw.send(format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", door.authority("app"))).await;
        let answered = raw.answer_to("GET").await.is_ok_and(|answer| answer.status == 200);
        assert_eq!(answered, http1, "{word}");
        // The preface and empty settings; who speaks HTTP/2 begins with settings too (RFC 9113 §3.4).
        let mut raw = Raw::plain(door.setup.address()).await;
        raw.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await;
        let said = raw.some().await;
        assert_eq!(said.get(3..5) == Some(&[4, 0]), http2, "{word}: {}", String::from_utf8_lossy(&said));
    }
}

#[tokio::test]
async fn plain_http_on_the_tls_port_is_sent_to_https() {
    let (upstream, door) = made().await;
    let authority = door.authority("app");
    for (request, expected) in [
        (format!("GET /a%20b?c=d HTTP/1.1\r\nHost: {authority}\r\n\r\n"), door.url("app", "/a%20b?c=d")),
        (format!("POST /x HTTP/1.1\r\nHost: {authority}\r\nContent-Length: 3\r\n\r\nabc"), door.url("app", "/x")),
        (format!("HEAD / HTTP/1.0\r\nHost: {authority}\r\n\r\n"), door.url("app", "/")),
    ] {
        let answer = plain(door.setup.address(), &request).await;
        assert!(matches!(answer.status, 301 | 308), "{request}: {}", answer.status);
        assert_eq!(answer.header("location"), Some(expected.as_str()), "{request}");
        assert!(answer.headers.iter().all(|(name, _)| !name.eq_ignore_ascii_case("set-cookie")));
    }
    assert_eq!(upstream.arrived().len(), 0, "something was served over plain HTTP");
}

async fn assert_never_elsewhere(address: std::net::SocketAddr, known: &str) {
    for host in [
        "evil.example".to_owned(),
        "evil.example:443".into(),
        format!("{known}.evil.example"),
        format!("{known}@evil.example"),
        format!("evil.example\\{known}"),
        format!("evil.example/{known}"),
        "127.0.0.1".into(),
        "localhost".into(),
        String::new(),
    ] {
        let answer = plain(address, &format!("GET /x HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        assert!((400..500).contains(&answer.status), "{host}: {} to {:?}", answer.status, answer.header("location"));
        assert_eq!(answer.header("location"), None, "{host}");
    }
    for target in
        ["//evil.example/", "/\\evil.example/", "http://evil.example/", "https://evil.example/x", "/..//evil.example"]
    {
        let answer = plain(address, &format!("GET {target} HTTP/1.1\r\nHost: {known}\r\n\r\n")).await;
        let location = answer.header("location").map(|to| url::Url::parse(to).unwrap());
        assert!(location.is_none_or(|to| to.host_str() == Some("app.example.test")), "{target}: {answer:?}");
    }
    for garbage in
        ["\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "SSH-2.0-x\r\n\r\n"]
    {
        let mut raw = Raw::plain(address).await;
        raw.send(garbage).await;
        let quiet = std::time::Duration::from_millis(300);
        if let Ok(Ok(answer)) = tokio::time::timeout(quiet, raw.answer_to("GET")).await {
            assert!((400..500).contains(&answer.status), "{garbage:?}: {}", answer.status);
        }
    }
}

#[tokio::test]
async fn plain_http_is_never_sent_to_a_host_that_is_not_ours() {
    let (_upstream, door) = made().await;
    assert_never_elsewhere(door.setup.address(), &door.authority("app")).await;
}

#[tokio::test]
async fn the_redirect_listener_does_the_same() {
    let upstream = Upstream::start().await;
    let port = free_port();
    let door = Setup::new()
        .with(&format!("http_redirect_addr: 127.0.0.1:{port}"))
        .route("app", &upstream.url(), EVERYBODY)
        .start()
        .await;
    let address = ([127, 0, 0, 1], port).into();
    for host in ["app.example.test".to_owned(), format!("app.example.test:{port}"), door.authority("app")] {
        let answer = plain(address, &format!("GET /a?b HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        assert!(matches!(answer.status, 301 | 308), "{host}: {}", answer.status);
        assert_eq!(answer.header("location"), Some(door.url("app", "/a?b").as_str()), "{host}");
    }
    assert_never_elsewhere(address, "app.example.test").await;
    assert_eq!(upstream.arrived().len(), 0);
}

#[tokio::test]
async fn certificates_from_files_are_chosen_by_name() {
    let upstream = Upstream::start().await;
    let setup = Setup::new();
    let authority = Authority::shared();
    let (app, app_key) = authority.issue(&["app.example.test"]).write(setup.folder(), "app");
    let (wild, wild_key) = authority.issue(&["*.example.test"]).write(setup.folder(), "wild");
    let list = format!(
        "certificates:\n  - {{cert: {}, key: {}}}\n  - {{cert: {}, key: {}}}",
        app.display(),
        app_key.display(),
        wild.display(),
        wild_key.display()
    );
    let door = setup
        .making_certificates()
        .with(&list)
        .route("app", &upstream.url(), EVERYBODY)
        .route("code", &upstream.url(), EVERYBODY)
        .route("docs", &upstream.url(), EVERYBODY)
        .start()
        .await;
    let (app, code, docs) =
        (shown(&door, HOST).await, shown(&door, "code.example.test").await, shown(&door, "docs.example.test").await);
    assert_ne!(app, code);
    assert_eq!(code, docs);
    let mut browser = Browser::new();
    for host in ["app", "code"] {
        let answer = browser.visit(&door.url(host, "/")).await;
        assert_eq!(answer.status, 200, "{host}");
        assert!(answer.header("strict-transport-security").is_some_and(|value| value.contains("max-age=")), "{host}");
    }
    // A name under the wildcard that no route has is not ours.
    let unknown = Raw::try_tls(door.setup.address(), Some("other.example.test"), &["http/1.1"]).await;
    if let Ok(mut raw) = unknown {
        raw.send("GET / HTTP/1.1\r\nHost: other.example.test\r\n\r\n").await;
        assert!(matches!(raw.answer().await.status, 404 | 421));
    }
}

#[tokio::test]
async fn a_certificate_that_is_renewed_on_disk_is_served_without_a_restart() {
    let upstream = Upstream::start().await;
    let door = Setup::new().route("app", &upstream.url(), EVERYBODY).start().await;
    let before = shown(&door, HOST).await;
    Authority::shared().issue(&[HOST]).write(door.setup.folder(), "hosts");
    let door = &door;
    let before = &before;
    crate::harness::eventually("the new certificate", || async move { shown(door, HOST).await != *before }).await;
    assert_eq!(Browser::new().visit(&door.url("app", "/")).await.status, 200);
}

#[tokio::test]
async fn a_certificate_that_is_about_to_end_is_told_of_everywhere() {
    let upstream = Upstream::start().await;
    let setup = Setup::new();
    let (cert, key) = Authority::shared().issue_ending(&[HOST]).write(setup.folder(), "ending");
    let metrics = free_port();
    let lines = format!(
        "certificate_file: {}\ncertificate_key_file: {}\nmetrics_address: 127.0.0.1:{metrics}",
        cert.display(),
        key.display()
    );
    let door = setup.making_certificates().with(&lines).route("app", &upstream.url(), EVERYBODY).start().await;
    door.log.wait_for_line("the warning", |line| line.contains("about to end") && line.contains("ending.pem")).await;

    let status: Value = serde_json::from_str(&door.health("/status").await.text()).unwrap();
    let told = &status["tls"]["certificates"][0];
    assert_eq!((&told["source"], &told["names"][0], &told["days_left"]), (&"file".into(), &HOST.into(), &4.into()));
    assert_eq!(told["expires_soon"], true, "{status}");

    let page = plain(([127, 0, 0, 1], metrics).into(), "GET /metrics HTTP/1.1\r\nHost: metrics\r\n\r\n").await.text();
    let line = format!("doorward_certificate_expiry_timestamp_seconds{{name=\"{HOST}\",source=\"file\"}} ");
    let ends: u64 = page.lines().find_map(|found| found.strip_prefix(&line)).expect(&page).parse().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert!((1..=5 * 24 * 60 * 60).contains(&(ends - now)), "{page}");
    assert!(page.contains("doorward_certificate_failures_total 0\n") && page.ends_with("# EOF\n"), "{page}");
}

#[tokio::test]
async fn a_broken_certificate_is_refused_with_a_reason_and_the_old_goes_on() {
    let upstream = Upstream::start().await;
    let door = Setup::new().route("app", &upstream.url(), EVERYBODY).start().await;
    let before = shown(&door, HOST).await;
    std::fs::write(door.setup.folder().join("hosts.pem"), "-----BEGIN CERTIFICATE-----\nno\n").unwrap();
    door.log.wait_for_line("the refusal", |line| line.contains("hosts.pem") && line.contains("not reloaded")).await;
    assert_eq!(shown(&door, HOST).await, before);
}

#[tokio::test]
async fn flags_as_code_server_has_them() {
    let upstream = Upstream::start().await;
    // --cert alone: made here, whatever the file says; --cert-host adds a name.
    let door = Setup::new()
        .argument("--cert")
        .argument("--cert-host")
        .argument("box.local")
        .route("app", &upstream.url(), EVERYBODY)
        .start()
        .await;
    let authority = door.command(&["certificate", "authority"]).await.out;
    let mut browser = Browser::new();
    browser.trust(&authority);
    assert_eq!(browser.visit(&door.url("app", "/")).await.status, 200);
    assert!(Raw::try_tls(door.setup.address(), Some("box.local"), &["h2"]).await.is_ok(), "the added name");
    drop(door);

    // --cert FILE --cert-key FILE.
    let setup = Setup::new().making_certificates();
    let (certificate, key) = Authority::shared().issue(&[HOST]).write(setup.folder(), "flag");
    let door = setup
        .argument("--cert")
        .argument(certificate.to_str().unwrap())
        .argument("--cert-key")
        .argument(key.to_str().unwrap())
        .route("app", &upstream.url(), EVERYBODY)
        .start()
        .await;
    assert_eq!(Browser::new().visit(&door.url("app", "/")).await.status, 200);
}

#[tokio::test]
async fn a_certificate_without_its_key_is_refused_by_name() {
    let setup = Setup::new().making_certificates().route("app", "http://127.0.0.1:1", EVERYBODY);
    let (certificate, key) = Authority::shared().issue(&[HOST]).write(setup.folder(), "flag");
    let (certificate, key) = (certificate.to_str().unwrap().to_owned(), key.to_str().unwrap().to_owned());
    let (_, other_key) = Authority::shared().issue(&[HOST]).write(setup.folder(), "other");
    let config = setup.write();
    let config = config.to_str().unwrap();
    let run = async |more: &[&str]| {
        let mut arguments = vec!["run", "--config", config];
        arguments.extend(more);
        command_in(setup.folder(), &arguments).await
    };
    let said = run(&["--cert", &certificate]).await;
    assert!(said.code != Some(0) && said.err.contains("--cert-key"), "{said:?}");
    let said = run(&["--cert-key", &key]).await;
    assert!(said.code != Some(0) && said.err.contains("--cert"), "{said:?}");
    let said = run(&["--cert", &certificate, "--cert-key", other_key.to_str().unwrap()]).await;
    assert!(said.code != Some(0) && said.err.contains("key"), "{said:?}");
    let said = run(&["--cert", "/nowhere/cert.pem", "--cert-key", &key]).await;
    assert!(said.code != Some(0) && said.err.contains("/nowhere/cert.pem"), "{said:?}");
}

/// Ends TLS on a port and passes everything on in clear, as a load balancer does.
async fn end_tls(port: u16, to: std::net::SocketAddr) {
    let config = Authority::shared().issue(&[HOST]).server_config();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut visitor = acceptor.accept(stream).await.unwrap();
                let mut inside = TcpStream::connect(to).await.unwrap();
                let _closed = tokio::io::copy_bidirectional(&mut visitor, &mut inside).await;
            });
        }
    });
}

#[tokio::test]
async fn behind_something_that_ends_tls_everything_is_as_with_tls() {
    let provider = Provider::start().await;
    let upstream = Upstream::start().await;
    let port = free_port();
    let setup = Setup::new().seen_at(port).cleartext().with(&provider.keys());
    end_tls(port, setup.address()).await;
    let door = setup.route("app", &upstream.url(), "allow_any_authenticated_user: true").start().await;
    let mut browser = Browser::speaking("http/1.1");
    let answer = browser.visit(&format!("https://{HOST}:{port}/x?y")).await;
    assert_eq!(answer.status, 200, "{}{}\n{}", browser.trail_as_text(), answer.text(), door.log.text());
    let arrived = upstream.last();
    assert_eq!((arrived.target(), arrived.header("x-forwarded-proto")), ("/x?y", Some("https")));
    assert_eq!(arrived.header("x-forwarded-port"), Some(port.to_string().as_str()));
    assert!(browser.jar.get(HOST, "__Host-doorward").unwrap().secure);
    assert_eq!(browser.jar.refused, [""; 0]);
}

#[tokio::test]
async fn an_address_without_a_host_is_every_address_of_both_families() {
    let upstream = Upstream::start().await;
    let door = Setup::new().on_every_address().route("app", &upstream.url(), EVERYBODY).start().await;
    assert_eq!(Browser::new().visit(&door.url("app", "/")).await.status, 200);
    assert_eq!(upstream.last().all("x-forwarded-for"), ["127.0.0.1"], "an IPv4 address in IPv6's clothes");
    if let Ok(mut raw) = Raw::try_tls((std::net::Ipv6Addr::LOCALHOST, door.setup.port).into(), Some(HOST), &[]).await {
        raw.send(format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", door.authority("app"))).await;
        assert_eq!(raw.answer().await.status, 200);
        assert_eq!(upstream.last().all("x-forwarded-for"), ["::1"]);
    }
}

#[tokio::test]
async fn a_route_may_be_an_ip_address() {
    let upstream = Upstream::start().await;
    let setup = Setup::new().making_certificates();
    let port = setup.port;
    let yaml =
        format!("{}  - from: https://127.0.0.1:{port}\n    to: {}\n    {EVERYBODY}\n", setup.yaml(), upstream.url());
    std::fs::write(setup.config_file(), yaml).unwrap();
    let door = Doorward::start(setup).await;
    let mut browser = Browser::new();
    browser.trust(&door.command(&["certificate", "authority"]).await.out);
    assert_eq!(browser.visit(&format!("https://127.0.0.1:{port}/x")).await.status, 200);
    // A connection without a name is for an address, and for no name.
    let mut raw = Raw::try_tls(door.setup.address(), None, &["http/1.1"]).await.unwrap();
    raw.send("GET / HTTP/1.1\r\nHost: app.example.test\r\n\r\n").await;
    assert_eq!(raw.answer().await.status, 421);
}

#[tokio::test]
async fn the_default_port_may_be_said_or_left_out() {
    let upstream = Upstream::start().await;
    let setup = Setup::new().seen_at(443).cleartext();
    let door = setup
        .route("app", &upstream.url(), &format!("{EVERYBODY}\nallow_websockets: true\npreserve_host_header: true"))
        .start()
        .await;
    for host in [HOST, "app.example.test:443"] {
        let answer = plain(door.setup.address(), &format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        assert_eq!(answer.status, 200, "{host}");
        assert_eq!(upstream.last().all("host"), [host]);
        for origin in ["https://app.example.test", "https://app.example.test:443"] {
            let raw = Raw::plain(door.setup.address()).await;
            let opened = crate::harness::websocket::over(raw, host, "/", &[("Origin", origin)]).await;
            assert!(opened.is_ok(), "{host} from {origin}");
        }
    }
}
