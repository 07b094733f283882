//! Health checks, of real sockets.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use doorward_config::{Balancing, CheckKind, GrpcCheck, HealthCheck, HttpCheck};
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::{dead, spread};
use crate::tests::support::{ALICE, Front, OK, Seen, eventually, header, raw_upstream, upstream_saying};

const UNWELL: &str = "HTTP/1.1 503 Unwell\r\ncontent-length: 0\r\n\r\n";

fn check(kind: CheckKind) -> HealthCheck {
    HealthCheck {
        timeout: Duration::from_secs(2),
        interval: Duration::from_millis(100),
        initial_jitter: Duration::ZERO,
        interval_jitter: Duration::ZERO,
        unhealthy_threshold: 1,
        healthy_threshold: 1,
        kind,
    }
}

fn http(path: &str) -> HealthCheck {
    check(CheckKind::Http(HttpCheck {
        host: None,
        path: path.into(),
        method: Method::GET,
        expected: vec![(200, 300)],
        http2: false,
    }))
}

fn checking(checks: Vec<HealthCheck>, panic_threshold: u8) -> Balancing {
    Balancing { health_checks: checks, panic_threshold, ..Balancing::default() }
}

fn unhealthy(front: &Front) -> usize {
    front.snapshot.load().upstreams().iter().filter(|figure| !figure.healthy).count()
}

/// An application whose `/healthz` says what the switch says; what it gets is noted.
async fn switched() -> (SocketAddr, Arc<AtomicBool>, Seen) {
    let (well, seen) = (Arc::new(AtomicBool::new(true)), Seen::default());
    let (shared, notes) = (Arc::clone(&well), seen.clone());
    let (address, _) = raw_upstream(move |mut connection, _| {
        let (well, notes) = (Arc::clone(&shared), notes.clone());
        async move {
            while let Some(got) = connection.request().await {
                let unwell = got.starts_with("GET /healthz ") && !well.load(Ordering::SeqCst);
                notes.push(got);
                connection.send(if unwell { UNWELL } else { OK }).await;
            }
        }
    })
    .await;
    (address, well, seen)
}

fn visits(seen: &Seen) -> usize {
    seen.all().iter().filter(|got| got.starts_with("GET /page ")).count()
}

#[tokio::test]
async fn an_address_that_is_unwell_is_passed_over_until_it_is_well() {
    let (first, first_well, seen_first) = switched().await;
    let (second, _, seen_second) = switched().await;
    let front = Front::start(spread(&[first, second], checking(vec![http("/healthz")], 50))).await;
    first_well.store(false, Ordering::SeqCst);
    eventually("the first is found unwell", || unhealthy(&front) == 1).await;
    for _ in 0..6 {
        assert_eq!(front.get("/page").await.status, 200);
    }
    assert_eq!((visits(&seen_first), visits(&seen_second)), (0, 6));
    first_well.store(true, Ordering::SeqCst);
    eventually("it is well again", || unhealthy(&front) == 0).await;
    for _ in 0..6 {
        assert_eq!(front.get("/page").await.status, 200);
    }
    assert_eq!((visits(&seen_first), visits(&seen_second)), (3, 9));
}

#[tokio::test]
async fn with_too_few_well_all_are_used_unless_forbidden() {
    let (address, _, seen) = switched().await;
    let never = checking(vec![http("/healthz"), check(CheckKind::Tcp)], 50);
    let front = Front::start(spread(&[address, dead().await], never)).await;
    eventually("the dead one is found", || unhealthy(&front) == 1).await;
    assert_eq!(front.get("/page").await.status, 200);

    let (unwell, switch, seen_unwell) = switched().await;
    switch.store(false, Ordering::SeqCst);
    for (panic_threshold, status) in [(50, 200), (1, 200), (0, 503)] {
        let front = Front::start(spread(&[unwell], checking(vec![http("/healthz")], panic_threshold))).await;
        eventually("it is found unwell", || unhealthy(&front) == 1).await;
        let answer = front.get("/page").await;
        assert_eq!(answer.status, status, "panic below {panic_threshold} %");
        if status == 503 {
            assert_eq!(answer.header("retry-after"), Some("5"));
            assert!(front.access_lines().contains(r#""reason":"upstream-unhealthy""#));
        }
    }
    assert_eq!((visits(&seen), visits(&seen_unwell)), (1, 2));
}

#[tokio::test]
async fn a_check_says_nothing_of_anybody() {
    let (address, _, seen) = switched().await;
    let mut route = spread(&[address], checking(vec![http("/healthz?x=1")], 50));
    route.pass_identity_headers = true;
    let front = Front::start(route).await;
    front.visitors.sign_in(ALICE).await;
    front.ask(&format!("GET /page HTTP/1.1\r\ncookie: __Host-doorward={ALICE}; a=b"), "").await;
    eventually("two checks", || seen.all().len() >= 3).await;
    let checks: Vec<_> = seen.all().into_iter().filter(|got| got.starts_with("GET /healthz?x=1 ")).collect();
    assert!(checks.len() >= 2);
    for got in checks {
        let lines: Vec<_> = got.trim_end().lines().skip(1).map(|line| line.split(':').next().unwrap()).collect();
        assert_eq!(lines, ["user-agent", "host"], "{got}");
        assert_eq!(header(&got, "host"), Some(address.to_string().as_str()));
    }
}

#[tokio::test]
async fn checks_go_on_over_a_reload_and_end_with_their_route() {
    let (address, connections) = raw_upstream(|mut connection, _| async move {
        while connection.request().await.is_some() {
            connection.send(OK).await;
        }
    })
    .await;
    let count = || connections.load(Ordering::SeqCst);
    let slow = HealthCheck { interval: Duration::from_secs(3600), ..http("/healthz") };
    let with = |panic| vec![spread(&[address], checking(vec![slow.clone()], panic))];
    let mut front = Front::start_with(crate::tests::support::FrontSettings::of(with(50))).await;
    eventually("the first check", || count() == 1).await;
    // Were a check begun anew, it would come at once, and then not for an hour.
    for panic in [50, 40, 30, 50] {
        front.reload(with(panic));
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(count(), 1);

    front.reload(vec![spread(&[address], checking(vec![http("/healthz")], 50))]);
    eventually("other checks", || count() >= 4).await;
    front.reload(vec![spread(&[address], Balancing::default())]);
    tokio::time::sleep(Duration::from_millis(150)).await;
    let before = count();
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(count(), before, "nobody asks any more");
}

#[tokio::test]
async fn what_does_not_answer_or_connect_is_unwell() {
    let (silent, _) = raw_upstream(|mut connection, _| async move {
        connection.request().await;
        std::future::pending::<()>().await;
    })
    .await;
    let (garbled, _) = upstream_saying("SSH-2.0-OpenSSH\r\n").await;
    let quick = HealthCheck { timeout: Duration::from_millis(200), ..http("/") };
    for (address, check) in [
        (silent, quick.clone()),
        (garbled, quick),
        (dead().await, check(CheckKind::Tcp)),
        (garbled, check(CheckKind::Grpc(GrpcCheck::default()))),
    ] {
        let front = Front::start(spread(&[address], checking(vec![check.clone()], 0))).await;
        eventually(&format!("unwell by {check:?}"), || unhealthy(&front) == 1).await;
    }
    let (listens, _) = raw_upstream(|_, _| std::future::pending::<()>()).await;
    let front = Front::start(spread(&[listens], checking(vec![check(CheckKind::Tcp)], 0))).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(unhealthy(&front), 0);
}

/// A gRPC server whose health is a byte of an answer; 0 answers with an error.
async fn grpc_server(status: Arc<AtomicUsize>) -> (SocketAddr, Seen) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Seen::default();
    let notes = seen.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (status, notes) = (Arc::clone(&status), notes.clone());
            let service = hyper::service::service_fn(move |request: Request<Incoming>| {
                let (status, notes) = (Arc::clone(&status), notes.clone());
                async move {
                    let (head, body) = request.into_parts();
                    let body = body.collect().await.unwrap().to_bytes();
                    notes.push(format!("{} {} {:?} {body:?}", head.method, head.uri, head.headers));
                    let status = u8::try_from(status.load(Ordering::SeqCst)).unwrap();
                    let code = if status == 0 { "5" } else { "0" };
                    let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), code.parse().unwrap())]);
                    let message = Bytes::copy_from_slice(&[0, 0, 0, 0, 2, 8, status]);
                    let frames = [Ok::<_, Infallible>(Frame::data(message)), Ok(Frame::trailers(trailers))];
                    let body = StreamBody::new(futures_util::stream::iter(frames));
                    Ok::<_, Infallible>(
                        Response::builder().header("content-type", "application/grpc").body(body).unwrap(),
                    )
                }
            });
            let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::spawn(builder.serve_connection(TokioIo::new(stream), service));
        }
    });
    (address, seen)
}

#[tokio::test]
async fn grpc_servers_are_asked_in_their_own_words() {
    let status = Arc::new(AtomicUsize::new(1));
    let (address, seen) = grpc_server(Arc::clone(&status)).await;
    let asked = GrpcCheck { service: "app.Editor".into(), authority: Some("app.internal".into()) };
    let front = Front::start(spread(&[address], checking(vec![check(CheckKind::Grpc(asked))], 0))).await;
    eventually("a call", || !seen.all().is_empty()).await;
    let call = seen.all()[0].clone();
    assert!(call.starts_with("POST http://app.internal/grpc.health.v1.Health/Check "), "{call}");
    assert!(call.contains(r#""content-type": "application/grpc""#) && call.contains(r#""te": "trailers""#), "{call}");
    assert!(call.ends_with(r#"b"\0\0\0\0\x0c\n\napp.Editor""#), "{call}");
    assert_eq!(unhealthy(&front), 0);
    // NOT_SERVING, and an error.
    for unwell in [2, 0] {
        status.store(unwell, Ordering::SeqCst);
        eventually("unwell", || unhealthy(&front) == 1).await;
        status.store(1, Ordering::SeqCst);
        eventually("well again", || unhealthy(&front) == 0).await;
    }
}

#[tokio::test]
async fn a_check_may_be_asked_over_http2() {
    let seen = Seen::default();
    let notes = seen.clone();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let notes = notes.clone();
            let service = hyper::service::service_fn(move |request: Request<Incoming>| {
                notes.push(format!("{} {}", request.method(), request.uri()));
                async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) }
            });
            let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            tokio::spawn(builder.serve_connection(TokioIo::new(stream), service));
        }
    });
    let kind = CheckKind::Http(HttpCheck {
        host: Some("app.internal".into()),
        path: "/healthz?a=b".into(),
        method: Method::HEAD,
        expected: vec![(200, 201)],
        http2: true,
    });
    let front = Front::start(spread(&[address], checking(vec![check(kind)], 0))).await;
    eventually("two checks", || seen.all().len() >= 2).await;
    assert_eq!(seen.all()[0], "HEAD http://app.internal/healthz?a=b");
    assert_eq!(unhealthy(&front), 0);
}
