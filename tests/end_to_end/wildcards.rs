//! Wildcard routes: every host one label below a name, each with a session of its own, and no host beside them.

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio::net::TcpStream;
use url::Url;

use crate::harness::authority::Authority;
use crate::harness::browser::{Answer, Ask, Browser};
use crate::harness::doorward::{Doorward, command_on};
use crate::harness::hostile_provider::Person;
use crate::harness::raw::{Raw, RawAnswer};
use crate::harness::scene::{ANYBODY_SIGNED_IN, EVERYBODY, Scene, only};
use crate::harness::setup::Setup;
use crate::harness::tls::{Undemanding, shake_hands};
use crate::harness::upstream::Upstream;
use crate::harness::within;

/// Names that look as if they were below `*.dev.example.test` to somebody who compares text.
const STRANGERS: [&str; 9] = [
    "dev.example.test",
    "a.b.dev.example.test",
    "xdev.example.test",
    "a.xdev.example.test",
    "a-dev.example.test",
    "a.dev.example.test.evil.com",
    "dev.example.test.evil.com",
    "evil.com",
    "example.test",
];

/// A wildcard route and a sign-in host beside it.
async fn wild() -> Scene {
    Scene::with(|setup, upstream| setup.sign_in_host("auth").route("*.dev", upstream, ANYBODY_SIGNED_IN)).await
}

async fn plainly(door: &Doorward, host: &str, path: &str) -> RawAnswer {
    let mut raw = Raw::plain(door.setup.address()).await;
    raw.send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\n\r\n")).await;
    raw.answer().await
}

#[tokio::test]
async fn every_host_below_signs_in_at_the_one_sign_in_host_and_has_a_ticket_of_its_own() {
    let scene = wild().await;
    let mut browser = Browser::new();
    for host in ["anna.dev", "ben.dev"] {
        let answer = browser.visit(&scene.url(host, "/deep?q=1")).await;
        assert_eq!(answer.status, 200, "{}{}", browser.trail_as_text(), answer.text());
        assert_eq!(answer.url.as_str(), scene.url(host, "/deep?q=1"));
        assert_eq!(answer.json()["line"], "GET /deep?q=1 HTTP/1.1");
        // The application is told which of its hosts was asked.
        assert_eq!(scene.upstream.last().header("x-forwarded-host"), Some(scene.door.authority(host).as_str()));
    }
    let asked = scene.provider.requests("/authorize");
    assert_eq!(asked.len(), 1, "one sign-in for all of them");
    assert_eq!(asked[0].parameter("redirect_uri").unwrap(), scene.url("auth", "/oauth2/callback"));

    let ticket = |host: &str| browser.jar.get(&format!("{host}.example.test"), "__Host-doorward").unwrap().clone();
    let (anna, ben) = (ticket("anna.dev"), ticket("ben.dev"));
    assert_ne!(anna.value, ben.value);
    assert!(anna.host_only && anna.secure && anna.path == "/", "{}", anna.line);
    assert_eq!(browser.jar.refused, [""; 0]);
    // Who runs one of these hosts and saw its ticket has nothing for the next.
    let stolen = Ask::fetch(&scene.url("ben.dev", "/")).header("cookie", &format!("__Host-doorward={}", anna.value));
    assert_eq!(Browser::new().send(stolen).await.status, 401);
}

#[tokio::test]
async fn the_sign_in_host_may_be_the_first_route_that_is_one_host() {
    let scene = Scene::with(|setup, upstream| {
        setup.route("*.dev", upstream, ANYBODY_SIGNED_IN).route("app", upstream, ANYBODY_SIGNED_IN)
    })
    .await;
    let mut browser = Browser::new();
    assert_eq!(browser.visit(&scene.url("anna.dev", "/")).await.status, 200);
    let redirect_uri = scene.provider.requests("/authorize")[0].parameter("redirect_uri").unwrap().to_owned();
    assert_eq!(redirect_uri, scene.url("app", "/.doorward/oauth2/callback"));
    assert_eq!(browser.fetch(&scene.url("app", "/")).await.status, 200);
}

#[tokio::test]
async fn signing_out_on_one_host_ends_the_session_on_all() {
    let scene = wild().await;
    let mut browser = Browser::new();
    for host in ["anna.dev", "ben.dev"] {
        assert_eq!(browser.visit(&scene.url(host, "/")).await.status, 200);
    }
    let page = browser.visit(&scene.url("anna.dev", "/.doorward/sign_out")).await;
    browser.submit(&page, &[]).await;
    assert_eq!(browser.fetch(&scene.url("ben.dev", "/")).await.status, 401);
}

#[tokio::test]
async fn policy_is_the_routes_on_every_host_below() {
    let scene =
        Scene::with(|setup, upstream| setup.sign_in_host("auth").route("*.dev", upstream, &only("alice@example.com")))
            .await;
    scene.provider.person(Person::new("mallory@example.com"));
    let mut browser = Browser::new();
    for host in ["anna.dev", "ben.dev"] {
        assert_eq!(browser.visit(&scene.url(host, "/")).await.status, 403, "{host}");
    }
    assert_eq!(scene.arrivals(), 0);
}

#[tokio::test]
async fn a_host_that_is_not_exactly_one_label_below_is_none_of_ours() {
    let upstream = Upstream::start().await;
    let door =
        Setup::new().cleartext().route("app", &upstream.url(), EVERYBODY).route("*.dev", &upstream.url(), EVERYBODY);
    let door = door.start().await;
    assert_eq!(plainly(&door, &door.authority("a.dev"), "/").await.status, 200);
    assert_eq!(plainly(&door, "A.DEV.example.test", "/").await.status, 200);
    assert_eq!(upstream.arrived().len(), 2);
    for host in STRANGERS {
        for path in ["/", "/.doorward/user", "/.doorward/sign_in", "/.well-known/doorward/jwks.json"] {
            let answer = plainly(&door, host, path).await;
            assert_eq!(answer.status, 404, "{host}{path}");
            assert_eq!(answer.header("location"), None, "{host}{path}");
        }
    }
    for broken in
        ["*.dev.example.test", ".dev.example.test", "a..dev.example.test", "a.dev.example.test.", "a/.dev.example.test"]
    {
        assert_eq!(plainly(&door, broken, "/").await.status, 400, "{broken}");
    }
    assert_eq!(upstream.arrived().len(), 2, "something was served");
}

#[tokio::test]
async fn over_tls_a_stranger_gets_no_certificate_and_a_neighbour_no_answer() {
    let upstream = Upstream::start().await;
    let setup = Setup::new().making_certificates();
    let door = setup.route("app", &upstream.url(), EVERYBODY).route("*.dev", &upstream.url(), EVERYBODY).start().await;
    let address = door.setup.address();
    for stranger in STRANGERS {
        assert!(Raw::try_tls(address, Some(stranger), &["http/1.1"]).await.is_err(), "{stranger}");
    }
    // A connection made for one host carries no request for another, though one certificate names both.
    for host in STRANGERS.into_iter().chain(["b.dev.example.test", "app.example.test"]) {
        let answer = door.exchange("a.dev", &format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        assert_eq!(answer.status, 421, "{host}");
    }
    assert_eq!(upstream.arrived().len(), 0);
    assert_eq!(door.exchange("a.dev", "GET / HTTP/1.1\r\nHost: HOST\r\n\r\n").await.status, 200);
}

#[tokio::test]
async fn a_host_with_routes_of_its_own_owns_its_name() {
    let (wild, own) = (Upstream::start().await, Upstream::start().await);
    let door = Setup::new()
        .route("*.dev", &wild.url(), EVERYBODY)
        .route("own.dev", &own.url(), &format!("prefix: /app\n{EVERYBODY}"))
        .start()
        .await;
    let mut browser = Browser::new();
    assert_eq!(browser.visit(&door.url("own.dev", "/app/x")).await.status, 200);
    assert_eq!((own.arrived().len(), wild.arrived().len()), (1, 0));
    assert_eq!(browser.visit(&door.url("own.dev", "/")).await.status, 404, "nothing falls through to the wildcard");
    assert_eq!(browser.visit(&door.url("other.dev", "/app/x")).await.status, 200);
    assert_eq!((own.arrived().len(), wild.arrived().len()), (1, 1));
}

#[tokio::test]
async fn no_application_stands_beside_the_sign_in_pages() {
    // The sign-in host is below the wildcard, and has no route.
    let scene = Scene::with(|setup, upstream| {
        setup.sign_in_host("auth.dev").route("*.dev", upstream, EVERYBODY).route("*.lab", upstream, ANYBODY_SIGNED_IN)
    })
    .await;
    let mut browser = Browser::new();
    for path in ["/x", "/index.html", "/oauth2/callback/x"] {
        assert_eq!(browser.visit(&scene.url("auth.dev", path)).await.status, 404, "{path}");
    }
    assert_eq!(scene.arrivals(), 0, "an application answered on the sign-in host");
    assert_eq!(browser.visit(&scene.url("any.dev", "/x")).await.status, 200);
    assert_eq!(browser.visit(&scene.url("any.lab", "/x")).await.status, 200);
    let asked = scene.provider.requests("/authorize");
    assert_eq!(asked[0].parameter("redirect_uri").unwrap(), scene.url("auth.dev", "/oauth2/callback"));
    let said = scene.door.command(&["explain", &scene.url("auth.dev", "/x")]).await;
    assert!(said.code != Some(0) && format!("{}{}", said.out, said.err).contains("no route"), "{said:?}");
}

/// What the certificate shown for a name says; names stand in it as plain text.
async fn shown(door: &Doorward, host: &str) -> Vec<u8> {
    let client = Undemanding::new(&["h2"], rustls::ALL_VERSIONS);
    let stream = TcpStream::connect(door.setup.address()).await.unwrap();
    within("shaking hands", shake_hands(client.config.clone(), stream, Some(host))).await.unwrap();
    client.shown().unwrap()
}

fn names(certificate: &[u8], name: &str) -> bool {
    // A dNSName in DER: its tag, its length, and the text (RFC 5280 §4.2.1.6).
    let mut der = vec![0x82, u8::try_from(name.len()).unwrap()];
    der.extend(name.as_bytes());
    certificate.windows(der.len()).any(|window| window == der)
}

#[tokio::test]
async fn the_certificate_that_is_made_names_the_wildcard() {
    let upstream = Upstream::start().await;
    let door = Setup::new()
        .making_certificates()
        .route("app", &upstream.url(), EVERYBODY)
        .route("*.dev", &upstream.url(), EVERYBODY)
        .start()
        .await;
    let mut browser = Browser::new();
    browser.trust(&door.command(&["certificate", "authority"]).await.out);
    for host in ["app", "anna.dev", "never-seen-before.dev"] {
        let answer = browser.visit(&door.url(host, "/")).await;
        assert_eq!(answer.status, 200, "{host}");
        assert_eq!(answer.header("strict-transport-security"), None, "{host}: browsers are not meant to trust it");
    }
    let certificate = shown(&door, "anna.dev.example.test").await;
    assert!(names(&certificate, "*.dev.example.test") && names(&certificate, "app.example.test"));
    assert!(!names(&certificate, "anna.dev.example.test"));
    let door = door.restarted().await;
    assert_eq!(shown(&door, "ben.dev.example.test").await, certificate, "it is kept");
}

#[tokio::test]
async fn a_configured_wildcard_certificate_is_served_for_all_of_its_hosts_and_one_for_a_single_host_is_not_enough() {
    let upstream = Upstream::start().await;
    let setup = Setup::new();
    let pair = Authority::shared().issue(&["anna.dev.example.test"]);
    let configured = CertificateDer::from_pem_slice(pair.certificate.as_bytes()).unwrap().to_vec();
    let (certificate, key) = pair.write(setup.folder(), "anna");
    let keys = format!("certificate_file: {}\ncertificate_key_file: {}", certificate.display(), key.display());
    let door = setup
        .making_certificates()
        .with(&keys)
        .route("app", &upstream.url(), EVERYBODY)
        .route("*.dev", &upstream.url(), EVERYBODY)
        .start()
        .await;
    assert_eq!(shown(&door, "anna.dev.example.test").await, configured);
    assert!(names(&shown(&door, "ben.dev.example.test").await, "*.dev.example.test"));
    drop(door);

    // The harness's own certificate names `*.dev.example.test`.
    let door = Setup::new().route("app", &upstream.url(), EVERYBODY).route("*.dev", &upstream.url(), EVERYBODY);
    let door = door.start().await;
    for host in ["anna.dev", "ben.dev"] {
        let answer = Browser::new().visit(&door.url(host, "/")).await;
        assert_eq!(answer.status, 200);
        assert!(answer.header("strict-transport-security").is_some(), "{host}");
    }
}

#[tokio::test]
async fn the_sign_in_host_hands_nobody_over_to_a_host_beside_the_wildcard() {
    let scene = wild().await;
    let mut browser = Browser::new();
    browser.visit(&scene.url("anna.dev", "/")).await;
    let question = browser.send(Ask::page(&scene.url("ben.dev", "/"))).await.location().unwrap();
    assert_eq!(question.host_str(), Some("auth.example.test"));
    let authority = scene.door.authority("ben.dev");
    let pairs: Vec<(String, String)> = question.query_pairs().into_owned().collect();
    assert!(pairs.contains(&("handover".into(), authority.clone())), "{question}");
    let to = |host: &str| {
        let mut url = question.clone();
        let changed = pairs.iter().map(|(name, value)| (name.as_str(), if *value == authority { host } else { value }));
        url.query_pairs_mut().clear().extend_pairs(changed);
        url
    };
    let gives_code = |hop: &Answer| hop.header("location").is_some_and(|to| to.contains("code="));

    let port = scene.door.setup.port;
    let with_port = STRANGERS.map(|host| format!("{host}:{port}"));
    let tricks = [
        "a.dev.example.test".to_owned(),
        "a.dev.example.test:443".into(),
        format!("a.dev.example.test:{}", port - 1),
        format!("*.dev.example.test:{port}"),
        format!("evil.com/.dev.example.test:{port}"),
        format!("evil.com#.dev.example.test:{port}"),
        format!("evil.com?.dev.example.test:{port}"),
        format!("evil.com\\.dev.example.test:{port}"),
        format!("evil.com%2f.dev.example.test:{port}"),
        format!("evil.com%00.dev.example.test:{port}"),
        format!("evil.com@a.dev.example.test:{port}"),
        format!("a.dev.example.test:{port}@evil.com"),
        format!("a.dev.example.test.:{port}"),
        format!("https://a.dev.example.test:{port}"),
    ];
    for stranger in STRANGERS.map(str::to_owned).into_iter().chain(with_port).chain(tricks) {
        browser.follow(Ask::page(to(&stranger).as_str())).await;
        assert_eq!(browser.trail.len(), 1, "{stranger}: {}", browser.trail_as_text());
        assert_eq!(browser.trail[0].status, 400, "{stranger}");
        assert!(!browser.trail.iter().any(gives_code), "a code was made for {stranger}");
    }
    // A host below it, never seen before, is ours: a code is made, which only this browser's attempt can use.
    let answer = browser.send(Ask::page(to(&scene.door.authority("new.dev")).as_str())).await;
    let next = answer.location().expect("a hand-over");
    assert_eq!((next.host_str(), next.path()), (Some("new.dev.example.test"), "/.doorward/callback"));
    assert_eq!(browser.send(Ask::page(next.as_str())).await.status, 400);
    assert!(browser.jar.get("new.dev.example.test", "__Host-doorward").is_none());
}

#[tokio::test]
async fn a_code_for_one_host_of_a_wildcard_is_worth_nothing_on_the_next() {
    let scene = wild().await;
    let mut browser = Browser::new();
    browser.visit(&scene.url("ben.dev", "/")).await;
    let question = browser.send(Ask::page(&scene.url("anna.dev", "/secret"))).await.location().unwrap();
    let code = browser.send(Ask::page(question.as_str())).await.location().unwrap();
    assert_eq!(code.host_str(), Some("anna.dev.example.test"));
    let mut moved = code.clone();
    moved.set_host(Some("carl.dev.example.test")).unwrap();
    assert_eq!(browser.send(Ask::page(moved.as_str())).await.status, 400);
    assert!(browser.jar.get("carl.dev.example.test", "__Host-doorward").is_none());
    let answer = browser.visit(code.as_str()).await;
    assert_eq!((answer.status.as_u16(), answer.url.path()), (200, "/secret"));
}

#[tokio::test]
async fn the_way_back_never_leaves_the_host() {
    let scene = wild().await;
    let provider = Url::parse(&scene.provider.issuer()).unwrap().origin();
    let ours = ["anna.dev", "auth"].map(|host| Url::parse(&scene.url(host, "/")).unwrap().origin());
    let ben = scene.url("ben.dev", "/");
    for target in
        ["https://evil.com/", "//evil.com/", "/\\evil.com/", ben.as_str(), "//ben.dev.example.test/", "/%2fevil.com/"]
    {
        for host in ["anna.dev", "auth"] {
            let mut browser = Browser::new();
            let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("return", target).finish();
            browser.visit(&scene.url(host, &format!("/.doorward/sign_in?{query}"))).await;
            for next in browser.trail.iter().filter_map(Answer::location) {
                assert!(
                    next.origin() == provider || ours.contains(&next.origin()),
                    "{target} on {host} leads to {next}"
                );
            }
        }
    }
}

#[tokio::test]
async fn plain_http_goes_to_https_on_the_same_host_or_nowhere() {
    let upstream = Upstream::start().await;
    let door =
        Setup::new().route("app", &upstream.url(), EVERYBODY).route("*.dev", &upstream.url(), EVERYBODY).start().await;
    for host in ["a.dev.example.test".to_owned(), "A.dev.example.test:80".into(), door.authority("a.dev")] {
        let answer = plainly(&door, &host, "/a?b").await;
        assert_eq!(answer.header("location"), Some(door.url("a.dev", "/a?b").as_str()), "{host}");
    }
    for host in
        STRANGERS.into_iter().chain(["*.dev.example.test", "evil.com/.dev.example.test", "x@a.dev.example.test"])
    {
        let answer = plainly(&door, host, "/").await;
        assert!((400..500).contains(&answer.status), "{host}: {}", answer.status);
        assert_eq!(answer.header("location"), None, "{host}");
    }
    assert_eq!(upstream.arrived().len(), 0);
}

#[tokio::test]
async fn the_portal_shows_a_wildcard_without_a_link() {
    let scene = Scene::with(|setup, upstream| {
        let wild = format!("name: Workspaces\n{ANYBODY_SIGNED_IN}");
        setup.sign_in_host("auth").route("*.dev", upstream, &wild).route("app", upstream, ANYBODY_SIGNED_IN)
    })
    .await;
    let mut browser = scene.door.signed_in("app").await;
    let page = browser.visit(&scene.url("app", "/.doorward/routes")).await.text();
    let pattern = scene.url("*.dev", "/");
    assert!(page.contains("Workspaces") && page.contains(&pattern), "{page}");
    assert!(!page.contains(&format!("href=\"{pattern}")), "{page}");
    assert!(page.contains(&format!("href=\"{}\"", scene.url("app", "/"))), "{page}");
    // On a host below it, it is there as well.
    assert_eq!(browser.visit(&scene.url("anna.dev", "/.doorward/user")).await.status, 200);
}

#[tokio::test]
async fn the_commands_know_wildcards() {
    let setup = Setup::new().route("*.dev", "http://127.0.0.1:8080", EVERYBODY);
    setup.write();
    let config = setup.config_file();
    let check = crate::harness::doorward::command_in(setup.folder(), &["check", config.to_str().unwrap()]).await;
    assert_eq!(check.code, Some(1), "{check:?}");
    assert!(check.err.contains("authenticate_service_url"), "{}", check.err);

    let setup = setup.route("own.dev", "http://127.0.0.1:8081", &format!("prefix: /x\n{ANYBODY_SIGNED_IN}"));
    setup.write();
    let check = crate::harness::doorward::command_in(setup.folder(), &["check", config.to_str().unwrap()]).await;
    assert_eq!(check.code, Some(0), "{check:?}");
    assert!(check.err.contains("none of its paths falls to the wildcard"), "{}", check.err);
    let routes = command_on(&setup, &["routes"]).await;
    assert!(routes.out.contains(&setup.origin("*.dev")), "{}", routes.out);
    let origin = |host: &str| format!("{}/", setup.origin(host));
    for (url, code) in [(origin("any.dev"), Some(0)), (origin("own.dev") + "x", Some(4))] {
        assert_eq!(command_on(&setup, &["explain", &url]).await.code, code, "{url}");
    }
    for url in [origin("own.dev"), origin("a.b.dev"), origin("dev")] {
        let said = command_on(&setup, &["explain", &url]).await;
        assert!(!matches!(said.code, Some(0 | 4)), "{url}: {said:?}");
    }
}
