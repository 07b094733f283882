//! What an upstream gets, what a visitor gets, and over which connections.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use doorward_config::{
    Balancing, HeaderContent, HostHeader, Limit, LookupFamily, PathRule, Target, Upstream, UpstreamScheme, UpstreamTls,
    UpstreamUrl,
};
use http_body_util::{BodyExt, Empty, Full};
use tokio::io::AsyncWriteExt;

use super::support::*;

#[tokio::test]
async fn a_request_arrives_as_it_was_sent_and_so_does_its_answer() {
    let (address, seen) = upstream_saying(
        "HTTP/1.1 201 Created\r\ncontent-length: 4\r\nx-app: yes\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n\r\nmade",
    )
    .await;
    let front = Front::start(route(upstream_at(address))).await;
    let reply =
        front.ask("POST /things/a%20b?q=%2F&r HTTP/1.1\r\nauthorization: Basic eA==\r\nx-mine: 1", "hello").await;
    assert_eq!((reply.status, reply.body.as_str()), (201, "made"));
    assert_eq!(reply.header("x-app"), Some("yes"));
    assert!(reply.head.contains("set-cookie: a=1\r\n") && reply.head.contains("set-cookie: b=2\r\n"));
    let got = seen.only();
    assert!(got.starts_with("POST /things/a%20b?q=%2F&r HTTP/1.1\r\n"), "{got}");
    assert_eq!(header(&got, "authorization"), Some("Basic eA=="));
    assert_eq!(header(&got, "x-mine"), Some("1"));
    assert_eq!(header(&got, "host"), Some(address.to_string().as_str()));
    assert_eq!(header(&got, "x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(header(&got, "x-forwarded-proto"), Some("https"));
    assert_eq!(header(&got, "x-forwarded-host"), Some("app.test"));
    assert_eq!(header(&got, "x-forwarded-port"), Some("443"));
    assert_eq!(header(&got, "x-request-id"), reply.header("x-request-id"));
    assert_eq!(header(&got, "x-request-id").unwrap().len(), 24);
    assert!(got.ends_with("\r\n\r\nhello"));
}

#[tokio::test]
async fn the_host_header_is_the_upstreams_the_visitors_or_a_fixed_one() {
    let (address, seen) = upstream_saying(OK).await;
    let mut front = Front::start(route(upstream_at(address))).await;
    let mut preserved = route(upstream_at(address));
    preserved.host_header = HostHeader::Preserve;
    front.reload(vec![preserved.clone()]);
    for host in ["app.test", "APP.test", "app.test:443", "app.test:8443"] {
        assert_eq!(front.ask(&format!("GET / HTTP/1.1\r\nHost: {host}"), "").await.status, 200);
    }
    preserved.host_header = HostHeader::Fixed("inner.test".parse().unwrap());
    front.reload(vec![preserved]);
    assert_eq!(front.get("/").await.status, 200);
    let hosts: Vec<_> = seen.all().iter().map(|got| header(got, "host").unwrap().to_owned()).collect();
    assert_eq!(hosts, ["app.test", "app.test", "app.test:443", "app.test:8443", "inner.test"]);
}

#[tokio::test]
async fn a_routes_own_headers_and_rewriting_are_done_last() {
    let (address, seen) = upstream_saying("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nserver: theirs\r\n\r\n").await;
    let mut route = route(upstream_at(address));
    route.path = PathRule::Prefix("/app".into());
    route.prefix_rewrite = Some("/".into());
    route.remove_request_headers = vec!["x-gone".parse().unwrap(), "x-set".parse().unwrap()];
    route.set_request_headers = vec![("x-set".parse().unwrap(), HeaderContent::Fixed("by the route".parse().unwrap()))];
    route.set_response_headers = vec![("server".parse().unwrap(), "ours".parse().unwrap())];
    let front = Front::start(route).await;
    let reply = front.ask("GET /app/x%20y?z HTTP/1.1\r\nx-gone: 1\r\nx-set: by the visitor", "").await;
    assert_eq!(reply.header("server"), Some("ours"));
    let got = seen.only();
    assert!(got.starts_with("GET /x%20y?z HTTP/1.1\r\n"), "{got}");
    assert_eq!((header(&got, "x-gone"), header(&got, "x-set")), (None, Some("by the route")));
}

#[tokio::test]
async fn one_connection_serves_many_requests_and_a_reload_keeps_it() {
    let (address, connections) = raw_upstream(|mut connection, _| async move {
        while connection.request().await.is_some() {
            connection.send(OK).await;
        }
    })
    .await;
    let mut front = Front::start(route(upstream_at(address))).await;
    for round in 0..20 {
        if round % 5 == 0 {
            let mut same_upstream = route(upstream_at(address));
            same_upstream.timeout = Limit::Never;
            front.reload(vec![same_upstream]);
        }
        assert_eq!(front.get("/").await.body, "ok");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_connection_that_a_visitor_signed_in_on_serves_nobody_else() {
    // As Windows servers do: whoever signed in on a connection is who asks on it from then on.
    let (address, connections) = raw_upstream(|mut connection, _| async move {
        let mut who = "nobody".to_owned();
        while let Some(request) = connection.request().await {
            if let Some(name) = header(&request, "authorization").filter(|name| !name.starts_with("Basic")) {
                name.clone_into(&mut who);
            }
            connection.send(&format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{who}", who.len())).await;
        }
    })
    .await;
    let front = Front::start(route(upstream_at(address))).await;
    for scheme in ["NTLM", "Negotiate", "kerberos"] {
        // There is a kept connection, which the visitor gets.
        assert_eq!(front.get("/").await.body, "nobody");
        let signed_in = format!("{scheme} alice");
        assert_eq!(front.ask(&format!("GET / HTTP/1.1\r\nauthorization: {signed_in}"), "").await.body, signed_in);
        assert_eq!(front.get("/").await.body, "nobody", "{scheme}: that is for alice alone");
    }
    // Other schemes say so of one request.
    let before = connections.load(Ordering::SeqCst);
    assert_eq!(front.ask("GET / HTTP/1.1\r\nauthorization: Basic eA==", "").await.body, "nobody");
    assert_eq!(front.get("/").await.body, "nobody");
    assert_eq!((before, connections.load(Ordering::SeqCst)), (4, 4));
}

#[tokio::test]
async fn a_connection_the_upstream_has_closed_costs_nobody_a_request() {
    // Says nothing of closing, and closes after every answer.
    let (address, connections) = raw_upstream(|mut connection, _| async move {
        if connection.request().await.is_some() {
            connection.send(OK).await;
        }
    })
    .await;
    let front = Front::start(route(upstream_at(address))).await;
    for _ in 0..30 {
        assert_eq!(front.ask("POST / HTTP/1.1", "x").await.status, 200);
    }
    assert_eq!(connections.load(Ordering::SeqCst), 30);
}

#[tokio::test]
async fn an_idle_connection_is_closed_before_the_upstream_does_it() {
    let (address, connections) = raw_upstream(|mut connection, _| async move {
        while connection.request().await.is_some() {
            connection.send(OK).await;
        }
    })
    .await;
    let mut settings = FrontSettings::of(vec![route(upstream_at(address))]);
    settings.limits.pool.idle = Duration::from_millis(100);
    let front = Front::start_with(settings).await;
    assert_eq!(front.get("/").await.status, 200);
    assert_eq!(front.get("/").await.status, 200);
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(front.get("/").await.status, 200);
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn several_addresses_take_turns_and_a_dead_one_is_passed_over() {
    let (first, seen_first) = upstream_saying(OK).await;
    let (second, seen_second) = upstream_saying(OK).await;
    let dead = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let addresses = [first, dead, second].map(|at| UpstreamUrl {
        scheme: UpstreamScheme::Http,
        host: at.ip().to_string(),
        port: at.port(),
    });
    let target = Target::Upstream(Upstream {
        addresses: addresses.into(),
        lookup: LookupFamily::default(),
        tls: UpstreamTls::default(),
        balancing: Balancing::default(),
    });
    let front = Front::start(route(target)).await;
    for _ in 0..6 {
        assert_eq!(front.get("/").await.status, 200);
    }
    // Each of the living has the same share of the dead one's.
    assert_eq!((seen_first.all().len(), seen_second.all().len()), (3, 3));
    let got = seen_second.all();
    assert!(got.iter().all(|got| header(got, "host") == Some(second.to_string().as_str())));
}

#[tokio::test]
async fn http2_is_forwarded_as_http1_with_its_cookies_joined() {
    let (address, seen) = upstream_saying(OK).await;
    let front = Front::start(route(upstream_at(address))).await;
    let mut sender = http2_sender(&front).await;
    let request = http2_get("/two")
        .method("POST")
        .header("cookie", "a=1")
        .header("cookie", "__Host-doorward=alice@example.com")
        .header("cookie", "b=2")
        .body(Full::new(Bytes::from_static(b"from http2")).boxed())
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "ok");
    let got = seen.only();
    assert!(got.starts_with("POST /two HTTP/1.1\r\n"), "{got}");
    assert_eq!(header(&got, "cookie"), Some("a=1; b=2"));
    assert_eq!(header(&got, "x-forwarded-host"), Some("app.test"));
    assert!(got.ends_with("from http2"), "{got}");
}

#[tokio::test]
async fn an_http2_body_of_unknown_length_is_chunked_also_for_get() {
    let (address, seen) = upstream_saying(OK).await;
    let front = Front::start(route(upstream_at(address))).await;
    let mut sender = http2_sender(&front).await;
    for method in ["GET", "PUT"] {
        let body = http_body_util::StreamBody::new(futures_util::stream::iter([Ok::<_, std::io::Error>(
            http_body::Frame::data(Bytes::from_static(b"unsized")),
        )]));
        let request = http2_get("/").method(method).body(BodyExt::boxed(body)).unwrap();
        assert_eq!(sender.send_request(request).await.unwrap().status(), 200);
    }
    for got in seen.all() {
        assert_eq!(header(&got, "transfer-encoding"), Some("chunked"), "{got}");
        assert!(got.contains("unsized"), "{got}");
    }
}

#[tokio::test]
async fn an_http2_get_without_a_body_announces_none() {
    let (address, seen) = upstream_saying(OK).await;
    let front = Front::start(route(upstream_at(address))).await;
    let mut sender = http2_sender(&front).await;
    let request = http2_get("/").body(Empty::<Bytes>::new()).unwrap();
    assert_eq!(sender.send_request(request).await.unwrap().status(), 200);
    let got = seen.only();
    assert_eq!((header(&got, "transfer-encoding"), header(&got, "content-length")), (None, None), "{got}");
}

#[tokio::test]
async fn answers_without_a_body_keep_their_head_and_their_connection() {
    let (address, connections) = raw_upstream(|mut connection, _| async move {
        while let Some(got) = connection.request().await {
            let answer = match got.split(' ').nth(1).unwrap() {
                "/head" => "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n",
                "/empty" => "HTTP/1.1 204 No Content\r\n\r\n",
                "/same" => "HTTP/1.1 304 Not Modified\r\netag: \"x\"\r\ncontent-length: 5\r\n\r\n",
                _ => "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n!",
            };
            connection.send(answer).await;
        }
    })
    .await;
    let front = Front::start(route(upstream_at(address))).await;
    let head = front.ask("HEAD /head HTTP/1.1", "").await;
    assert_eq!((head.status, head.header("content-length"), head.body.as_str()), (200, Some("5"), ""));
    assert_eq!(front.get("/empty").await.status, 204);
    let same = front.get("/same").await;
    assert_eq!((same.status, same.header("etag"), same.body.as_str()), (304, Some("\"x\""), ""));
    let hinted = front.get("/hinted").await;
    assert_eq!((hinted.status, hinted.header("link"), hinted.body.as_str()), (200, None, "!"));
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_answer_of_http_1_0_ends_with_its_connection_and_is_answered_in_1_1() {
    let (address, _) = raw_upstream(|mut connection, _| async move {
        connection.request().await;
        connection.send("HTTP/1.0 200 OK\r\n\r\nuntil the end").await;
        drop(connection.stream.shutdown().await);
    })
    .await;
    let front = Front::start(route(upstream_at(address))).await;
    let reply = front.get("/").await;
    assert!(reply.head.starts_with("HTTP/1.1 200 OK\r\n"), "{}", reply.head);
    assert!(reply.body.contains("until the end"));
}

#[tokio::test]
async fn expect_100_continue_gets_its_continue_and_the_body_follows() {
    let (address, seen) = upstream_saying(OK).await;
    let front = Front::start(route(upstream_at(address))).await;
    let mut connection = front.connect().await;
    let head =
        "POST / HTTP/1.1\r\nhost: app.test\r\nexpect: 100-continue\r\ncontent-length: 4\r\nconnection: close\r\n\r\n";
    connection.send(head).await;
    assert_eq!(connection.head().await.status, 100);
    connection.send("body").await;
    assert_eq!(connection.reply().await.status, 200);
    assert!(seen.only().ends_with("\r\n\r\nbody"));
}

#[tokio::test]
async fn trailers_pass_both_ways_except_those_only_we_may_say() {
    let (address, connections) = raw_upstream(|mut connection, _| async move {
        let got = connection.request().await.unwrap();
        assert!(got.contains("x-sum: up\r\n"), "{got}");
        assert!(!got.to_lowercase().contains("forged"), "{got}");
        assert_eq!(header(&got, "te"), Some("trailers"));
        let answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum, x-doorward-user\r\n\r\n2\r\nok\r\n0\r\n\
                      x-sum: down\r\nx-doorward-user: forged\r\nset-cookie: forged=1\r\n\r\n";
        connection.send(answer).await;
    })
    .await;
    let front = Front::start(route(upstream_at(address))).await;
    let mut connection = front.connect().await;
    connection
        .send(
            "POST / HTTP/1.1\r\nhost: app.test\r\nte: trailers\r\nconnection: te, close\r\ntransfer-encoding: chunked\r\n\
             trailer: x-sum, x-forwarded-for\r\n\r\n2\r\nhi\r\n0\r\nx-sum: up\r\nx-forwarded-for: forged\r\n\r\n",
        )
        .await;
    let reply = connection.reply().await;
    assert_eq!(reply.header("trailer"), Some("x-sum"));
    assert!(reply.body.contains("x-sum: down\r\n"), "{}", reply.body);
    assert!(!reply.body.contains("forged"), "{}", reply.body);
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn the_access_line_says_who_what_and_why() {
    let (address, _) = upstream_saying(OK).await;
    let front = Front::start(with_policy(route(upstream_at(address)), only(ALICE))).await;
    front.visitors.sign_in(ALICE).await;
    let head = format!("GET /page?secret=1 HTTP/1.1\r\nuser-agent: test\r\ncookie: __Host-doorward={ALICE}");
    let id = front.ask(&head, "").await.header("x-request-id").unwrap().to_owned();
    let lines = front.access_lines();
    for part in [
        &format!(r#""request-id":"{id}""#),
        r#""method":"GET""#,
        r#""host":"app.test""#,
        r#""path":"/page""#,
        r#""status":200"#,
        r#""route":"app""#,
        r#""user":"alice@example.com""#,
        r#""decision":"allow""#,
        r#""reason":"email-ok""#,
        &format!(r#""upstream":"http://{address}""#),
        r#""user-agent":"test""#,
    ] {
        assert!(lines.contains(part), "{part} in {lines}");
    }
    assert!(!lines.contains("secret"));
}
