//! What a visitor, a page in their browser, or an upstream would try.

use std::sync::atomic::Ordering;

use doorward_authorize::{Action, Rule};

use super::support::*;

/// A route of Alice's whose upstream is told who asks.
async fn front_telling_who() -> (Front, Seen) {
    let (address, seen) = upstream_saying(OK).await;
    let mut route = with_policy(route(upstream_at(address)), only(ALICE));
    route.pass_identity_headers = true;
    let front = Front::start(route).await;
    front.visitors.sign_in(ALICE).await;
    (front, seen)
}

fn as_alice(headers: &str) -> String {
    format!("GET / HTTP/1.1\r\ncookie: __Host-doorward={ALICE}\r\n{headers}")
}

#[tokio::test]
async fn the_upstream_is_told_who_asks_and_never_gets_our_cookie() {
    let (front, seen) = front_telling_who().await;
    let reply = front.ask(&as_alice("cookie: app=1; __Host-doorward-attempt-x=secret; doorward=y"), "").await;
    assert_eq!(reply.status, 200);
    let got = seen.only();
    assert_eq!(header(&got, "x-doorward-claim-email"), Some(ALICE));
    assert_eq!(header(&got, "x-doorward-claim-groups"), Some("staff"));
    assert_eq!(header(&got, "x-doorward-jwt-assertion").unwrap().split('.').count(), 3);
    assert_eq!(header(&got, "cookie"), Some("app=1"));
    assert!(!got.contains("secret"));
}

#[tokio::test]
async fn a_connection_line_cannot_take_away_what_we_say() {
    let (front, seen) = front_telling_who().await;
    let named = "connection: x-doorward-jwt-assertion, X-Doorward-Claim-Email\r\n\
                 connection: x-forwarded-for, x-request-id, host, cookie, authorization\r\nauthorization: Basic eA==";
    assert_eq!(front.ask(&as_alice(named), "").await.status, 200);
    let got = seen.only();
    assert!(header(&got, "x-doorward-jwt-assertion").is_some(), "{got}");
    assert_eq!(header(&got, "x-doorward-claim-email"), Some(ALICE));
    assert_eq!(header(&got, "x-forwarded-for"), Some("127.0.0.1"));
    assert!(header(&got, "x-request-id").is_some());
    assert!(header(&got, "host").is_some());
    assert!(header(&got, "connection").is_none(), "{got}");
}

#[tokio::test]
async fn nobody_speaks_for_us_in_whatever_spelling() {
    let (address, seen) = upstream_saying(OK).await;
    let front = Front::start(route(upstream_at(address))).await;
    let forged = "x-doorward-jwt-assertion: forged\r\nx_doorward_jwt_assertion: forged\r\nX-Doorward_Claim-Email: forged\r\n\
                  x-forwarded-for: forged\r\nx_forwarded_for: forged\r\nx-forwarded-host: forged\r\nx-forwarded-proto: forged\r\n\
                  x-forwarded-port: forged\r\nforwarded: for=forged\r\nx-real-ip: forged\r\nx-request-id: forged\r\n\
                  x-pomerium-claim-email: forged\r\nx-original-url: /forged\r\nproxy: forged\r\nte: forged\r\n\
                  keep-alive: forged\r\nupgrade: forged\r\nproxy-authorization: forged";
    let reply = front.ask(&format!("GET / HTTP/1.1\r\n{forged}"), "").await;
    assert_eq!(reply.status, 200);
    let got = seen.only();
    assert!(!got.contains("forged"), "{got}");
    assert!(!got.to_lowercase().contains("doorward"), "an anonymous visitor has no identity headers: {got}");
    assert_ne!(reply.header("x-request-id"), Some("forged"));
}

#[tokio::test]
async fn an_upstream_cannot_speak_for_us_either() {
    let (address, _) = upstream_saying(
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nset-cookie: __Host-doorward=stolen\r\nset-cookie: app=1\r\n\
         x-doorward-intercepted-response: true\r\nx-request-id: theirs\r\nalt-svc: h3=\":443\"\r\nconnection: x-inner\r\n\
         x-inner: 1\r\nkeep-alive: timeout=5\r\n\r\nok",
    )
    .await;
    let front = Front::start(route(upstream_at(address))).await;
    let reply = front.get("/").await;
    let head = reply.head.to_lowercase();
    assert!(head.contains("set-cookie: app=1\r\n"));
    for gone in ["stolen", "x-doorward", "theirs", "alt-svc", "x-inner", "keep-alive"] {
        assert!(!head.contains(gone), "{gone} in {head}");
    }
}

#[tokio::test]
async fn what_policy_let_one_visitor_see_stays_out_of_shared_caches() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\ncache-control: public, max-age=31536000\r\n\r\n";
    let (address, _) = upstream_saying(answer).await;
    let mut front = Front::start(with_policy(route(upstream_at(address)), only(ALICE))).await;
    front.visitors.sign_in(ALICE).await;
    let reply = front.ask(&as_alice("x: y"), "").await;
    assert_eq!(reply.header("cache-control"), Some("private, max-age=31536000"));
    front.reload(vec![route(upstream_at(address))]);
    assert_eq!(front.get("/").await.header("cache-control"), Some("public, max-age=31536000"));

    // Everybody but Bob: what Alice saw is not for whoever asks a cache.
    let mut rules = everybody();
    rules.extend(only(BOB).into_iter().map(|rule| Rule { action: Action::Deny, ..rule }));
    front.reload(vec![with_policy(route(upstream_at(address)), rules)]);
    let reply = front.ask(&as_alice("x: y"), "").await;
    assert_eq!((reply.status, reply.header("cache-control")), (200, Some("private, max-age=31536000")));
}

#[tokio::test]
async fn answers_that_are_none_are_not_passed_on() {
    for (answer, why) in [
        (
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nleak",
            "an upgrade nobody asked for",
        ),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n4\r\nleak\r\n0\r\n\r\n", "a coding nobody undoes"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\nleak", "two lengths"),
        ("leak\r\n\r\n", "no HTTP"),
        ("HTTP/1.1 200 OK\r\nbad header: leak\r\n\r\n", "a header that is none"),
        ("SSH-2.0-OpenSSH_9.2p1 leak\r\n", "another protocol"),
    ] {
        let (address, _) = upstream_saying(answer).await;
        let front = Front::start(route(upstream_at(address))).await;
        let reply = front.get("/").await;
        assert_eq!(reply.status, 502, "{why}: {reply:?}");
        assert!(!reply.body.contains("leak") && !reply.head.contains("leak"), "{why}: {reply:?}");
        assert_eq!(reply.header("x-doorward-intercepted-response"), Some("true"), "{why}");
    }
}

#[tokio::test]
async fn a_second_answer_smuggled_behind_the_first_reaches_nobody() {
    let (address, connections) = raw_upstream(|mut connection, number| async move {
        while connection.request().await.is_some() {
            let smuggled = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison";
            connection.send(&if number == 0 { format!("{OK}{smuggled}") } else { OK.to_owned() }).await;
        }
    })
    .await;
    let front = Front::start(route(upstream_at(address))).await;
    for _ in 0..5 {
        assert_eq!(front.get("/").await.body, "ok");
    }
    assert!(
        connections.load(Ordering::SeqCst) >= 2,
        "the connection with something behind its answer is not used again"
    );
}

#[tokio::test]
async fn two_lengths_in_one_answer_end_its_connection() {
    let (address, connections) = raw_upstream(|mut connection, _| async move {
        while connection.request().await.is_some() {
            let answer =
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 40\r\n\r\n2\r\nok\r\n0\r\n\r\n";
            connection.send(answer).await;
        }
    })
    .await;
    let front = Front::start(route(upstream_at(address))).await;
    for _ in 0..3 {
        let reply = front.get("/").await;
        assert_eq!((reply.status, reply.header("content-length")), (200, None));
    }
    assert_eq!(connections.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_path_is_not_read_twice() {
    let (address, seen) = upstream_saying(OK).await;
    let mut admin = with_policy(route(upstream_at(address)), only(ALICE));
    admin.id = doorward_authorize::RouteId::new("admin");
    admin.path = doorward_config::PathRule::Prefix("/admin".into());
    let admin = with_policy(admin, only(ALICE));
    let front = Front::start_with(FrontSettings::of(vec![route(upstream_at(address)), admin])).await;
    for path in
        ["//admin", "/;x/admin", "/admin;x", "/x/../admin", "/x/%2e%2e/admin", "/%2fadmin", "/admin%00", "/\\admin"]
    {
        assert_eq!(front.get(path).await.status, 400, "{path}");
    }
    assert_eq!(front.get("/admin").await.status, 401);
    assert_eq!(front.get("/%61dmin").await.status, 401);
    assert!(seen.all().is_empty(), "{:?}", seen.all());
}
