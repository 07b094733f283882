//! Upstreams that speak HTTP/2 in the clear: what they get, what comes back, and what happens when they give up.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use doorward_config::{
    Balancing, HeaderContent, LookupFamily, Target, Upstream, UpstreamScheme, UpstreamTls, UpstreamUrl,
};
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::super::upstreams::tests::{dial_error, exchange_error, exchange_error_of};
use super::support::*;

pub(super) fn h2c(address: SocketAddr) -> Upstream {
    let at = UpstreamUrl { scheme: UpstreamScheme::H2c, host: address.ip().to_string(), port: address.port() };
    Upstream {
        addresses: vec![at],
        lookup: LookupFamily::default(),
        tls: UpstreamTls::default(),
        balancing: Balancing::default(),
    }
}

async fn front(address: SocketAddr) -> Front {
    Front::start(route(Target::Upstream(h2c(address)))).await
}

/// An upstream that speaks HTTP/2: `talk` gets each connection and its number.
async fn connections<F, Fut>(talk: F) -> (SocketAddr, Arc<AtomicUsize>)
where
    F: Fn(TcpStream, usize) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(talk(stream, counted.fetch_add(1, Ordering::SeqCst)));
        }
    });
    (address, count)
}

/// One that answers each request by itself.
pub(super) async fn answering<F, Fut>(most: u32, answer: F) -> (SocketAddr, Arc<AtomicUsize>)
where
    F: Fn(Request<RecvStream>, SendResponse<Bytes>, usize) -> Fut + Send + Sync + Clone + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    connections(move |stream, number| {
        let answer = answer.clone();
        async move {
            let mut connection =
                h2::server::Builder::new().max_concurrent_streams(most).handshake(stream).await.unwrap();
            while let Some(Ok((request, respond))) = connection.accept().await {
                tokio::spawn(answer(request, respond, number));
            }
        }
    })
    .await
}

/// All of a request's body, and its trailers.
async fn body(mut stream: RecvStream) -> Result<(String, Option<HeaderMap>), h2::Error> {
    let mut all = Vec::new();
    while let Some(data) = stream.data().await {
        let data = data?;
        stream.flow_control().release_capacity(data.len())?;
        all.extend_from_slice(&data);
    }
    Ok((String::from_utf8(all).unwrap(), stream.trailers().await?))
}

pub(super) fn say(mut respond: SendResponse<Bytes>, text: &str) {
    if let Ok(mut stream) = respond.send_response(Response::new(()), false) {
        let _gone = stream.send_data(Bytes::copy_from_slice(text.as_bytes()), true);
    }
}

#[tokio::test]
async fn a_request_becomes_one_of_http2_and_its_answer_one_of_http1() {
    let seen = Seen::default();
    let notes = seen.clone();
    let (address, _) = answering(100, move |request, mut respond, _| {
        let notes = notes.clone();
        async move {
            let (parts, stream) = request.into_parts();
            let (body, trailers) = body(stream).await.unwrap();
            notes.push(format!("{} {} {:?} {body:?} {trailers:?}", parts.method, parts.uri, parts.headers));
            let head = Response::builder().status(201).header("trailer", "x-sum").body(()).unwrap();
            let mut stream = respond.send_response(head, false).unwrap();
            stream.send_data(Bytes::from_static(b"done"), false).unwrap();
            stream.send_trailers([("x-sum".parse().unwrap(), "4".parse().unwrap())].into_iter().collect()).unwrap();
        }
    })
    .await;
    let front = front(address).await;
    let mut connection = front.connect().await;
    connection
        .send(
            "POST /a%20b?c HTTP/1.1\r\nhost: app.test\r\nconnection: close, x-hop\r\nx-hop: 1\r\nkeep-alive: 5\r\n\
             te: trailers, gzip\r\ntrailer: x-end\r\ncookie: a=1\r\ncookie: b=2\r\ntransfer-encoding: chunked\r\n\r\n\
             5\r\nhello\r\n0\r\nx-end: 1\r\nx-doorward-jwt-assertion: forged\r\n\r\n",
        )
        .await;
    let reply = connection.reply().await;
    assert_eq!(reply.status, 201);
    assert!(reply.body.ends_with("4\r\ndone\r\n0\r\nx-sum: 4\r\n\r\n"), "{reply:?}");
    let seen = seen.only();
    assert!(seen.starts_with(&format!("POST http://{address}/a%20b?c ")), "{seen}");
    assert!(seen.contains(r#""te": "trailers""#) && seen.contains(r#""cookie": "a=1; b=2""#), "{seen}");
    for gone in ["connection", "keep-alive", "transfer-encoding", "x-hop", "\"host\"", "forged"] {
        assert!(!seen.contains(gone), "{gone}: {seen}");
    }
    assert!(seen.contains(r#""hello""#) && seen.contains(r#"Some({"x-end": "1"})"#), "{seen}");
}

#[tokio::test]
async fn trailers_say_nothing_anew_that_the_head_or_the_route_has_said() {
    let seen = Seen::default();
    let notes = seen.clone();
    let (address, _) = answering(100, move |request, respond, _| {
        let notes = notes.clone();
        async move {
            let (_, trailers) = body(request.into_body()).await.unwrap();
            notes.push(format!("{trailers:?}"));
            say(respond, "ok");
        }
    })
    .await;
    let mut app = route(Target::Upstream(h2c(address)));
    app.set_request_headers = vec![("x-tenant".parse().unwrap(), HeaderContent::Fixed("ours".parse().unwrap()))];
    app.remove_request_headers = vec!["x-debug".parse().unwrap()];
    let front = Front::start(app).await;
    let mut connection = front.connect().await;
    connection
        .send(
            "POST / HTTP/1.1\r\nhost: app.test\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n\
             5\r\nhello\r\n0\r\nx-tenant: forged\r\nX-Debug: forged\r\nhost: forged\r\ncontent-length: 9\r\n\
             authorization: forged\r\ncookie: forged\r\nx-end: 1\r\n\r\n",
        )
        .await;
    assert_eq!(connection.reply().await.status, 200);
    assert_eq!(seen.only(), r#"Some({"x-end": "1"})"#);
}

#[tokio::test]
async fn a_visitor_of_http2_gets_trailers_unannounced_and_sends_a_known_length() {
    let (address, _) = answering(100, |request, mut respond, _| async move {
        let length = request.headers().get("content-length").map(|value| value.to_str().unwrap().to_owned());
        let said = body(request.into_body()).await.unwrap().0;
        let mut stream = respond.send_response(Response::new(()), false).unwrap();
        stream.send_data(Bytes::from(format!("{length:?} {said}")), false).unwrap();
        let trailers = [("grpc-status".parse().unwrap(), "0".parse().unwrap())];
        stream.send_trailers(trailers.into_iter().collect()).unwrap();
    })
    .await;
    let front = front(address).await;
    let mut sender = http2_sender(&front).await;
    let request = http2_get("/").method("POST").header("content-length", "3").body("abc".to_owned()).unwrap();
    let answer = sender.send_request(request).await.unwrap().into_body().collect().await.unwrap();
    assert_eq!(answer.trailers().unwrap()["grpc-status"], "0");
    assert_eq!(answer.to_bytes(), r#"Some("3") abc"#);
}

#[tokio::test]
async fn a_crowd_shares_one_connection() {
    let together = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&together);
    let (address, connections) = answering(100, move |_, respond, _| {
        let count = Arc::clone(&count);
        async move {
            // Nobody is answered before all are here: so they were under way at once.
            count.fetch_add(1, Ordering::SeqCst);
            eventually("all have come", || count.load(Ordering::SeqCst) >= 60).await;
            say(respond, "ok");
        }
    })
    .await;
    let front = front(address).await;
    let replies = futures_util::future::join_all((0..60).map(|_| front.get("/"))).await;
    assert!(replies.iter().all(|reply| reply.status == 200));
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    assert_eq!(front.get("/").await.status, 200);
    assert_eq!(connections.load(Ordering::SeqCst), 1, "it is kept");
}

#[tokio::test]
async fn more_requests_than_an_upstream_takes_at_once_get_more_connections() {
    let together = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&together);
    let (address, connections) = answering(2, move |_, respond, _| {
        let count = Arc::clone(&count);
        async move {
            count.fetch_add(1, Ordering::SeqCst);
            eventually("all have come", || count.load(Ordering::SeqCst) >= 5).await;
            say(respond, "ok");
        }
    })
    .await;
    let front = front(address).await;
    let replies = futures_util::future::join_all((0..5).map(|_| front.get("/"))).await;
    assert!(replies.iter().all(|reply| reply.status == 200));
    assert_eq!(connections.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn what_was_refused_unread_is_sent_again_and_nothing_else() {
    for (reason, expected, tries) in [(Reason::REFUSED_STREAM, 200, 2), (Reason::INTERNAL_ERROR, 502, 1)] {
        for (method, text) in [("GET", ""), ("POST", "the body")] {
            let seen = Seen::default();
            let notes = seen.clone();
            let (address, connections) = answering(100, move |request, mut respond, number| {
                let notes = notes.clone();
                async move {
                    notes.push(number.to_string());
                    if number == 0 {
                        respond.send_reset(reason);
                        return;
                    }
                    say(respond, &body(request.into_body()).await.unwrap().0);
                }
            })
            .await;
            let front = front(address).await;
            let reply = front.ask(&format!("{method} / HTTP/1.1"), text).await;
            assert_eq!(reply.status, expected, "{method} {reason:?}");
            assert_eq!((seen.all().len(), connections.load(Ordering::SeqCst)), (tries, tries), "{method} {reason:?}");
            if expected == 200 {
                assert!(reply.body.contains(text), "{reply:?}");
            }
        }
    }
}

#[tokio::test]
async fn one_that_refuses_everything_is_asked_twice_and_told_of() {
    let (address, connections) = answering(100, |_, mut respond, _| async move {
        respond.send_reset(Reason::REFUSED_STREAM);
    })
    .await;
    assert_eq!(front(address).await.get("/").await.status, 502);
    let asked = connections.load(Ordering::SeqCst);
    assert!(asked <= 2, "{asked}");
    let said = exchange_error(&h2c(address)).await.unwrap();
    assert!(said.contains("took no more requests (REFUSED_STREAM)"), "{said}");
}

#[tokio::test]
async fn an_upstream_that_says_goodbye_loses_no_request() {
    let (address, connections) = connections(|stream, _| async move {
        let mut connection = h2::server::handshake(stream).await.unwrap();
        while let Some(Ok((_, respond))) = connection.accept().await {
            // Each connection serves one request, and says so before it answers.
            connection.graceful_shutdown();
            say(respond, "ok");
        }
    })
    .await;
    let front = front(address).await;
    for turn in 1..=5 {
        assert_eq!(front.get("/").await.status, 200, "{turn}");
    }
    let replies = futures_util::future::join_all((0..20).map(|_| front.get("/"))).await;
    assert!(replies.iter().all(|reply| reply.status == 200), "{replies:?}");
    assert!(connections.load(Ordering::SeqCst) >= 5);
}

#[tokio::test]
async fn an_answer_given_up_in_the_middle_never_looks_whole() {
    for reason in [Reason::NO_ERROR, Reason::CANCEL, Reason::INTERNAL_ERROR] {
        let (address, _) = answering(100, move |request, mut respond, _| async move {
            let mut stream = respond.send_response(Response::new(()), false).unwrap();
            stream.send_data(Bytes::from_static(b"half"), false).unwrap();
            // The rest of the request comes once the first half was read.
            let _rest = body(request.into_body()).await;
            stream.send_reset(reason);
        })
        .await;
        let front = front(address).await;

        let mut connection = front.connect().await;
        connection.send("POST / HTTP/1.1\r\nhost: app.test\r\ncontent-length: 1\r\n\r\n").await;
        connection.head().await;
        connection.until("half\r\n").await;
        connection.send("x").await;
        let rest = connection.rest().await;
        assert!(!rest.contains("0\r\n"), "{reason:?}: {rest:?}");

        let mut sender = http2_sender(&front).await;
        let (upload, frames) = tokio::sync::mpsc::channel(1);
        let request = http2_get("/").method("POST").body(frames_of(frames)).unwrap();
        let mut answer = sender.send_request(request).await.unwrap().into_body();
        assert_eq!(answer.frame().await.unwrap().unwrap().into_data().unwrap(), "half");
        drop(upload);
        assert!(answer.frame().await.unwrap().is_err(), "{reason:?}");
    }
}

type Frames = tokio::sync::mpsc::Receiver<Bytes>;

fn frames_of(
    frames: Frames,
) -> StreamBody<impl futures_util::Stream<Item = Result<Frame<Bytes>, std::io::Error>> + Unpin> {
    StreamBody::new(Box::pin(futures_util::stream::unfold(frames, |mut frames| async move {
        Some((Ok(Frame::data(frames.recv().await?)), frames))
    })))
}

#[tokio::test]
async fn an_upload_given_up_in_the_middle_never_looks_whole() {
    for reason in [Reason::NO_ERROR, Reason::CANCEL] {
        let begun = Arc::new(Notify::new());
        let ended = Seen::default();
        let (notes, begins) = (ended.clone(), Arc::clone(&begun));
        let (h2_address, _) = answering(100, move |request, respond, _| {
            let (notes, begins) = (notes.clone(), Arc::clone(&begins));
            async move {
                let mut upload = request.into_body();
                upload.data().await.unwrap().unwrap();
                begins.notify_one();
                notes.push(format!("{:?}", body(upload).await));
                drop(respond);
            }
        })
        .await;
        let plain = Seen::default();
        let (lines, begins) = (plain.clone(), Arc::clone(&begun));
        let (h1_address, _) = raw_upstream(move |mut connection, _| {
            let (lines, begins) = (lines.clone(), Arc::clone(&begins));
            async move {
                connection.until("half\r\n").await;
                begins.notify_one();
                lines.push(connection.rest().await);
            }
        })
        .await;
        for (target, seen) in [(Target::Upstream(h2c(h2_address)), &ended), (upstream_at(h1_address), &plain)] {
            let front = Front::start(route(target)).await;
            let stream = TcpStream::connect(front.address).await.unwrap();
            let (mut sender, connection) = h2::client::handshake(stream).await.unwrap();
            tokio::spawn(connection);
            let request = http2_get("/").method("POST").body(()).unwrap();
            let (_answer, mut upload) = sender.send_request(request, false).unwrap();
            upload.send_data(Bytes::from_static(b"half"), false).unwrap();
            timeout(PATIENCE, begun.notified()).await.expect("the upstream has the first half");
            upload.send_reset(reason);
            eventually("the upstream has heard the end", || !seen.all().is_empty()).await;
            let heard = seen.only();
            assert!(heard.starts_with("Err") || heard.is_empty(), "{heard}");
        }
    }
}

#[tokio::test]
async fn a_visitor_who_leaves_ends_the_stream_and_not_the_connection() {
    let left = Arc::new(Notify::new());
    let notify = Arc::clone(&left);
    let (address, connections) = answering(100, move |request, mut respond, _| {
        let notify = Arc::clone(&notify);
        async move {
            if request.uri().path() != "/long" {
                return say(respond, "ok");
            }
            let mut stream = respond.send_response(Response::new(()), false).unwrap();
            stream.send_data(Bytes::from_static(b"first"), false).unwrap();
            let reason = std::future::poll_fn(|cx| stream.poll_reset(cx)).await.unwrap();
            assert_eq!(reason, Reason::CANCEL);
            notify.notify_one();
        }
    })
    .await;
    let front = front(address).await;
    let mut connection = front.connect().await;
    connection.send(&request("GET /long HTTP/1.1", "", false)).await;
    connection.until("first\r\n").await;
    drop(connection);
    timeout(PATIENCE, left.notified()).await.expect("the upstream is told");
    assert_eq!(front.get("/").await.status, 200);
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn visitors_who_do_not_read_hold_up_nobody_else() {
    let (address, connections) = answering(100, |request, mut respond, _| async move {
        if request.uri().path() != "/big" {
            return say(respond, &"x".repeat(1 << 20));
        }
        let mut stream = respond.send_response(Response::new(()), false).unwrap();
        loop {
            stream.reserve_capacity(1 << 20);
            let Some(Ok(room)) = std::future::poll_fn(|cx| stream.poll_capacity(cx)).await else { return };
            if stream.send_data(Bytes::from(vec![0; room]), false).is_err() {
                return;
            }
        }
    })
    .await;
    let front = front(address).await;
    let mut slow = Vec::new();
    for _ in 0..40 {
        let mut connection = front.connect().await;
        connection.send(&request("GET /big HTTP/1.1", "", false)).await;
        connection.head().await;
        slow.push(connection);
    }
    // Long enough that whatever windows there are have filled up.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let reply = timeout(PATIENCE, front.get("/")).await.expect("others are served");
    assert!(reply.body.len() > 1 << 20);
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_answer_that_comes_before_the_upload_is_over_passes() {
    let (address, _) = answering(100, |request, mut respond, _| async move {
        let mut stream = respond.send_response(Response::builder().status(413).body(()).unwrap(), false).unwrap();
        stream.send_data(Bytes::from_static(b"too much"), true).unwrap();
        // RFC 9113 §8.1: the rest is not wanted.
        drop((request, stream));
    })
    .await;
    let front = front(address).await;
    let mut connection = front.connect().await;
    connection.send("POST / HTTP/1.1\r\nhost: app.test\r\ncontent-length: 1000000\r\n\r\nbegun").await;
    assert_eq!(connection.head().await.status, 413);
    connection.until("too much\r\n0\r\n\r\n").await;

    let mut sender = http2_sender(&front).await;
    let (upload, frames) = tokio::sync::mpsc::channel(1);
    upload.send(Bytes::from_static(b"begun")).await.unwrap();
    let request = http2_get("/").method("POST").body(frames_of(frames)).unwrap();
    let answer = timeout(PATIENCE, sender.send_request(request)).await.unwrap().unwrap();
    assert_eq!(answer.status(), 413);
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "too much");
}

#[tokio::test]
async fn what_does_not_speak_http2_is_told_plainly() {
    let (http1, _) = raw_upstream(|mut connection, _| async move {
        connection.send("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
        connection.rest().await;
    })
    .await;
    let said = dial_error(&h2c(http1)).await.unwrap();
    assert_eq!(
        said,
        format!("{http1} answers in HTTP/1.1, not in HTTP/2: write `http://` instead of `h2c://` in `to`")
    );
    let (closing, _) = raw_upstream(|connection, _| async move { drop(connection) }).await;
    let said = dial_error(&h2c(closing)).await.unwrap();
    assert!(said.starts_with(&format!("{closing} closed the connection instead of beginning HTTP/2")), "{said}");
    let (silent, _) = raw_upstream(|mut connection, _| async move { drop(connection.rest().await) }).await;
    let said = dial_error(&h2c(silent)).await.unwrap();
    assert!(said.starts_with(&format!("{silent} sent no HTTP/2 settings within 2 s")), "{said}");
    assert_eq!(front(http1).await.get("/").await.status, 502);
}

#[tokio::test]
async fn a_crowd_before_a_dead_upstream_shares_its_failure() {
    let (address, connections) = raw_upstream(|connection, _| async move {
        tokio::time::sleep(Duration::from_millis(200)).await;
        drop(connection);
    })
    .await;
    let front = front(address).await;
    let replies = futures_util::future::join_all((0..20).map(|_| front.get("/"))).await;
    assert!(replies.iter().all(|reply| reply.status == 502));
    assert!(connections.load(Ordering::SeqCst) <= 2, "{connections:?}");
}

#[tokio::test]
async fn whoever_waits_for_a_continue_gets_it_and_no_other_interim_answer() {
    let (address, _) = answering(100, |request, mut respond, _| async move {
        let early = Response::builder().status(103).header("link", "</style>; rel=preload").body(()).unwrap();
        respond.send_informational(early).unwrap();
        say(respond, &body(request.into_body()).await.unwrap().0);
    })
    .await;
    let front = front(address).await;
    let mut connection = front.connect().await;
    let head =
        "POST / HTTP/1.1\r\nhost: app.test\r\nexpect: 100-continue\r\nconnection: close\r\ncontent-length: 4\r\n\r\n";
    connection.send(head).await;
    assert_eq!(connection.head().await.status, 100);
    connection.send("body").await;
    let reply = connection.reply().await;
    assert_eq!((reply.status, reply.header("link")), (200, None));
    assert!(reply.body.contains("body"), "{reply:?}");

    let mut sender = http2_sender(&front).await;
    let request = http2_get("/").method("POST").header("expect", "100-continue").body("body".to_owned()).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "body");
}

/// Answers `/huge` with a head of so many KiB; everything else with the number of the connection, the first connection never.
async fn with_huge_heads(kib: usize) -> (SocketAddr, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let waiting = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&waiting);
    let (address, connections) = answering(100, move |request, mut respond, number| {
        let waiting = Arc::clone(&counted);
        async move {
            if request.uri().path() == "/huge" {
                let mut head = Response::new(());
                for _ in 0..kib / 8 {
                    head.headers_mut().append("x-large", "x".repeat(8 << 10).parse().unwrap());
                }
                drop(respond.send_response(head, true));
            } else if number == 0 && request.uri().path() != "/" {
                waiting.fetch_add(1, Ordering::SeqCst);
                std::future::pending::<()>().await;
            } else {
                say(respond, &format!("of {number}"));
            }
        }
    })
    .await;
    (address, connections, waiting)
}

#[tokio::test]
async fn an_answer_with_too_large_a_head_is_not_passed_on_and_is_nobody_elses_loss() {
    for kib in [72, 512] {
        let (address, connections, waiting) = with_huge_heads(kib).await;
        let front = front(address).await;
        assert!(front.get("/").await.body.contains("of 0"));
        let mut other = front.connect().await;
        other.send(&request("GET /other HTTP/1.1", "", true)).await;
        eventually("the other one is under way", || waiting.load(Ordering::SeqCst) == 1).await;
        assert_eq!(front.get("/huge").await.status, 502, "{kib} KiB");
        assert!(front.get("/").await.body.contains("of 0"), "{kib} KiB: the same connection is used");
        assert!(!other.closes_within(Duration::from_millis(100)).await, "{kib} KiB");
        assert_eq!((connections.load(Ordering::SeqCst), waiting.load(Ordering::SeqCst)), (1, 1), "{kib} KiB");
        let (address, ..) = with_huge_heads(kib).await;
        let said = exchange_error_of(&h2c(address), "/huge").await.unwrap();
        let reason = "sent an answer that cannot be passed on: its head is larger than 64 KiB";
        assert_eq!(said, format!("h2c://{address} {reason}"));
    }
}

#[tokio::test]
async fn a_head_without_measure_ends_its_connection_and_who_asked_for_nothing_to_be_done_is_answered_on_another() {
    let (address, connections, waiting) = with_huge_heads(4096).await;
    let front = front(address).await;
    assert!(front.get("/").await.body.contains("of 0"));
    let mut others = Vec::new();
    for number in 0..8 {
        let mut other = front.connect().await;
        let method = if number == 7 { "POST" } else { "GET" };
        other.send(&request(&format!("{method} /other HTTP/1.1"), "", true)).await;
        others.push(other);
    }
    eventually("the others are under way", || waiting.load(Ordering::SeqCst) == 8).await;
    let mut huge = front.connect().await;
    huge.send(&request("POST /huge HTTP/1.1", "", false)).await;
    assert_eq!(huge.head().await.status, 502);
    let posted = others.pop().unwrap().reply().await;
    assert_eq!(posted.status, 502, "nobody knows whether it was done");
    for mut other in others {
        let answer = other.reply().await;
        assert!(answer.status == 200 && answer.body.contains("of 1"), "{answer:?}");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 2);
    let (address, ..) = with_huge_heads(4096).await;
    let said = exchange_error_of(&h2c(address), "/huge").await.unwrap();
    let reason = "answered this request, or another on the same connection, with a head of a megabyte and more";
    assert!(said.starts_with(&format!("h2c://{address} {reason}")), "{said}");
}

#[tokio::test]
async fn an_answer_of_http1_with_too_much_of_a_head_is_named_too() {
    let many: &'static str = String::leak("x-one: 1\r\n".repeat(200));
    let large: &'static str = String::leak(format!("x-large: {}\r\n", "x".repeat(65 << 10)));
    for lines in [many, large] {
        let answer: &'static str = String::leak(format!("HTTP/1.1 200 OK\r\n{lines}content-length: 0\r\n\r\n"));
        let (address, _) = upstream_saying(answer).await;
        let Target::Upstream(upstream) = upstream_at(address) else { panic!("an upstream") };
        let said = exchange_error(&upstream).await.unwrap_or_else(|| panic!("{} bytes", lines.len()));
        let expected = format!("http://{address} answered with a head of more than 64 KiB or 100 lines");
        assert!(said.starts_with(&expected), "{said}");
        assert_eq!(Front::start(route(upstream_at(address))).await.get("/").await.status, 502);
    }
}
