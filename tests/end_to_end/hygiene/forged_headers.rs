//! Nobody but us speaks for us: what the application is told about the visitor comes from here alone.

use crate::harness::browser::{Ask, Browser};
use crate::harness::scene::{ANYBODY_SIGNED_IN, EVERYBODY, Scene};
use crate::harness::upstream::{Arrived, Reply};

/// Names under which some application somewhere believes what it is told.
const FORGED: [&str; 52] = [
    "X-Doorward-Jwt-Assertion",
    "X-Doorward-Claim-Email",
    "X-Doorward-Claim-Groups",
    "X-Doorward-Claim-Anything",
    "X-Doorward-User",
    "x-doorward-x",
    "X_Doorward_Claim_Email",
    "X-Doorward_Claim-Email",
    "X_DOORWARD_JWT_ASSERTION",
    "X-Pomerium-Jwt-Assertion",
    "X-Pomerium-Claim-Email",
    "X_Pomerium_Claim_Email",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Forwarded-Port",
    "X-Forwarded-Server",
    "X-Forwarded-Prefix",
    "X-Forwarded-User",
    "X-Forwarded-Email",
    "X-Forwarded-Groups",
    "X-Forwarded-Preferred-Username",
    "X-Forwarded-Access-Token",
    "X-Forwarded-Uri",
    "X-Forwarded-Method",
    "X-Forwarded-Ssl",
    "X-Forwarded-Scheme",
    "X_Forwarded_For",
    "X-Forwarded_For",
    "Forwarded",
    "X-Real-IP",
    "X_Real_IP",
    "True-Client-IP",
    "X-Client-IP",
    "X-Cluster-Client-IP",
    "X-Original-URL",
    "X-Rewrite-URL",
    "X-Original-Forwarded-For",
    "CF-Connecting-IP",
    "X-Request-Id",
    "X.Forwarded.For",
    "X-HTTP-Method-Override",
    "Remote-User",
    "Remote_User",
    "X-Remote-User",
    "X-Auth-Request-Email",
    "X-WEBAUTH-USER",
    "Cf-Access-Authenticated-User-Email",
    "Tailscale-User-Login",
    "X-Goog-Authenticated-User-Email",
    "X-Ssl-Client-Verify",
    // A CGI program takes it for the proxy to use itself.
    "Proxy",
];

const VALUE: &str = "forged-by-a-visitor";

fn assert_nothing_forged(arrived: &Arrived, what: &str) {
    for (name, value) in &arrived.headers {
        assert!(!value.contains("forged"), "{what}: {name}: {value}");
    }
    assert_eq!(arrived.all("x-forwarded-for"), ["127.0.0.1"], "{what}");
    assert_eq!(arrived.all("x-forwarded-proto"), ["https"], "{what}");
    assert_eq!(arrived.all("x-request-id").len(), 1, "{what}");
}

#[tokio::test]
async fn headers_that_speak_for_us_are_dropped_in_every_spelling() {
    let scene = Scene::with(|setup, upstream| {
        let told = "pass_identity_headers: true";
        setup
            .with("headers_with_underscores_action: ALLOW")
            .route("app", upstream, &format!("{ANYBODY_SIGNED_IN}\n{told}"))
            .route("open", upstream, &format!("{EVERYBODY}\n{told}"))
            .route("quiet", upstream, EVERYBODY)
    })
    .await;
    let signed_in = scene.door.signed_in("app").await;
    for protocol in ["http/1.1", "h2"] {
        for host in ["app", "open", "quiet"] {
            let mut browser = Browser::speaking(protocol);
            for cookie in signed_in.jar.all() {
                browser.jar.plant(&cookie.domain, &cookie.name, &cookie.value);
            }
            let ask = FORGED.iter().fold(Ask::fetch(&scene.url(host, "/")), |ask, name| ask.header(name, VALUE));
            assert_eq!(browser.send(ask).await.status, 200, "{host} by {protocol}");
            assert_nothing_forged(&scene.upstream.last(), &format!("{host} by {protocol}"));
        }
    }
}

#[tokio::test]
async fn twice_in_capitals_and_in_trailers_they_are_dropped_too() {
    let scene = Scene::with(|setup, upstream| setup.route("open", upstream, EVERYBODY)).await;
    for lines in [
        "X-Doorward-Claim-Email: forged\r\nx-doorward-claim-email: forged\r\n",
        "X-DOORWARD-CLAIM-EMAIL: forged\r\n",
        "X-Forwarded-For: forged\r\nX-Forwarded-For: forged\r\nx-forwarded-for: forged, forged\r\n",
        "X-Doorward-Claim-Email:\r\nX-Doorward-Claim-Email: forged\r\n",
        "Connection: X-Forwarded-For\r\nX-Forwarded-For: forged\r\n",
    ] {
        let answer = scene.door.exchange("open", &format!("GET / HTTP/1.1\r\nHost: HOST\r\n{lines}\r\n")).await;
        assert_eq!(answer.status, 200, "{lines}");
        assert_nothing_forged(&scene.upstream.last(), lines);
    }
    let chunked = "POST / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\nTrailer: X-Doorward-Claim-Email, X-Sum\r\n\r\n3\r\nabc\r\n0\r\nX-Doorward-Claim-Email: forged\r\nX_Doorward_Claim_Email: forged\r\nX-Sum: 6\r\n\r\n";
    assert_eq!(scene.door.exchange("open", chunked).await.status, 200);
    let arrived = scene.upstream.last();
    assert_nothing_forged(&arrived, "trailers");
    assert!(arrived.trailers.iter().all(|(_, value)| value != "forged"), "{:?}", arrived.trailers);
}

#[tokio::test]
async fn what_we_say_cannot_be_talked_away() {
    let scene = Scene::with_app(&format!("{ANYBODY_SIGNED_IN}\npass_identity_headers: true")).await;
    let browser = scene.door.signed_in("app").await;
    let cookie = browser.jar.header(&scene.url("app", "/").parse().unwrap()).unwrap();
    for connection in [
        "Connection: X-Doorward-Jwt-Assertion, X-Doorward-Claim-Email, X-Forwarded-For, X-Forwarded-Proto",
        "Connection: close\r\nConnection: x-doorward-jwt-assertion\r\nConnection: x-doorward-claim-email, x-forwarded-for",
        "Connection: Host, Cookie, Content-Length, X-Request-Id, X-Doorward-Claim-Email",
        "Keep-Alive: timeout=5\r\nConnection: keep-alive, X_Doorward_Claim_Email",
    ] {
        let head = format!("GET / HTTP/1.1\r\nHost: HOST\r\nCookie: {cookie}\r\nAccept: */*\r\n{connection}\r\n\r\n");
        let answer = scene.door.exchange("app", &head).await;
        assert_eq!(answer.status, 200, "{connection}: {}", answer.text());
        let arrived = scene.upstream.last();
        for name in [
            "x-doorward-jwt-assertion",
            "x-doorward-claim-email",
            "x-forwarded-for",
            "x-forwarded-proto",
            "x-request-id",
            "host",
        ] {
            assert_eq!(arrived.all(name).len(), 1, "{connection}: {name}");
        }
    }
}

#[tokio::test]
async fn what_is_meant_for_us_goes_no_further() {
    let scene = Scene::with_app(EVERYBODY).await;
    let head = "GET / HTTP/1.1\r\nHost: HOST\r\nConnection: keep-alive, X-Secret, Upgrade, HTTP2-Settings\r\nConnection: X-Other\r\nX-Secret: 1\r\nX-Other: 2\r\nX-Kept: 3\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: Basic eDp5\r\nTE: gzip\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n";
    let answer = scene.door.exchange("app", head).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let arrived = scene.upstream.last();
    for name in [
        "x-secret",
        "x-other",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "te",
        "upgrade",
        "http2-settings",
    ] {
        assert_eq!(arrived.header(name), None, "{name}: {:?}", arrived.headers);
    }
    assert_eq!(arrived.header("x-kept"), Some("3"));
    // A list, of which the same may be asked twice.
    let arrived = {
        let head = "GET / HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer mine\r\nX-List: a\r\nX-List: b\r\n\r\n";
        scene.door.exchange("app", head).await;
        scene.upstream.last()
    };
    assert_eq!(arrived.all("x-list"), ["a", "b"]);
    assert_eq!(arrived.header("authorization"), Some("Bearer mine"), "the visitor's own business with the application");
}

#[tokio::test]
async fn our_cookies_stay_here_and_all_others_pass() {
    let scene = Scene::with_app(ANYBODY_SIGNED_IN).await;
    let browser = scene.door.signed_in("app").await;
    let ticket = browser.jar.get("app.example.test", "__Host-doorward").unwrap().value.clone();
    let line = format!(
        "theme=dark; __Host-doorward={ticket}; __Host-doorward-attempt-0=x; __Secure-doorward=y; doorward=z; a=\"b c\"; doorwardx=kept"
    );
    for (what, lines) in [
        ("one line", format!("Cookie: {line}\r\n")),
        ("a line each", line.split("; ").map(|pair| format!("Cookie: {pair}\r\n")).collect()),
        ("odd spaces", format!("Cookie: {}\r\n", line.replace("; ", ";"))),
    ] {
        let answer = scene.door.exchange("app", &format!("GET / HTTP/1.1\r\nHost: HOST\r\n{lines}\r\n")).await;
        assert_eq!(answer.status, 200, "{what}");
        let arrived = scene.upstream.last();
        assert_eq!(arrived.all("cookie"), ["theme=dark; a=\"b c\"; doorwardx=kept"], "{what}");
    }
    let alone = format!("GET / HTTP/1.1\r\nHost: HOST\r\nCookie: __Host-doorward={ticket}\r\n\r\n");
    assert_eq!(scene.door.exchange("app", &alone).await.status, 200);
    assert_eq!(scene.upstream.last().header("cookie"), None);
}

#[tokio::test]
async fn an_application_cannot_speak_for_us_either() {
    let scene = Scene::with_app(EVERYBODY).await;
    let lines = [
        ("Set-Cookie", "__Host-doorward=evil; Path=/; Secure"),
        ("Set-Cookie", "__Secure-doorward=evil; Path=/; Secure"),
        ("Set-Cookie", "__Host-doorward-attempt-1=evil; Path=/; Secure"),
        ("Set-Cookie", "theirs=1; Path=/"),
        ("X-Doorward-Intercepted-Response", "true"),
        ("X-Request-Id", "evil"),
        ("Connection", "X-Hop"),
        ("X-Hop", "1"),
        ("Keep-Alive", "timeout=5"),
        ("Proxy-Authenticate", "Basic"),
        ("Alt-Svc", "h3=\":443\""),
        ("X-Theirs", "2"),
    ];
    scene
        .upstream
        .reply_with(Reply::EchoWith(lines.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()));
    for protocol in ["h2", "http/1.1"] {
        let mut browser = Browser::speaking(protocol);
        let answer = browser.fetch(&scene.url("app", "/")).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.all("set-cookie"), ["theirs=1; Path=/"], "{protocol}");
        assert_eq!(answer.header("x-theirs"), Some("2"));
        for name in ["x-doorward-intercepted-response", "x-hop", "keep-alive", "proxy-authenticate", "alt-svc"] {
            assert_eq!(answer.header(name), None, "{protocol}: {name}");
        }
        assert_eq!(answer.all("x-request-id").len(), 1);
        assert_ne!(answer.header("x-request-id"), Some("evil"));
    }
}
