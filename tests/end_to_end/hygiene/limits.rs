//! Everything from outside has a limit.

use std::time::{Duration, Instant};

use super::open_door;
use crate::harness::raw::Raw;
use crate::harness::raw_http2::RawHttp2;
use crate::harness::scene::EVERYBODY;
use crate::harness::setup::Setup;
use crate::harness::upstream::Upstream;

#[tokio::test]
async fn a_head_that_is_too_big_is_refused() {
    let (upstream, door) = open_door().await;
    let many: String = (0..200).map(|number| format!("X-{number}: y\r\n")).collect();
    for (what, head, expected) in [
        ("a long header", format!("X: {}\r\n", "y".repeat(100_000)), &[431][..]),
        ("many headers", many, &[431]),
        ("a long name", format!("{}: y\r\n", "X".repeat(100_000)), &[431, 400]),
        ("many cookies", format!("Cookie: {}\r\n", "a=b; ".repeat(20_000)), &[431]),
    ] {
        let answer = door.exchange("app", &format!("GET / HTTP/1.1\r\nHost: HOST\r\n{head}\r\n")).await;
        assert!(expected.contains(&answer.status), "{what}: {}", answer.status);
    }
    for length in [20_000, 70_000] {
        let path = "x".repeat(length);
        let answer = door.exchange("app", &format!("GET /{path} HTTP/1.1\r\nHost: HOST\r\n\r\n")).await;
        assert!(matches!(answer.status, 414 | 431), "a path of {length} bytes: {}", answer.status);
    }
    assert_eq!(upstream.arrived().len(), 0);
    // What code-server and browsers really send is far below.
    let usual = format!("Cookie: {}\r\nX: {}\r\n", "a=b; ".repeat(1500), "y".repeat(8000));
    let answer =
        door.exchange("app", &format!("GET /{} HTTP/1.1\r\nHost: HOST\r\n{usual}\r\n", "x".repeat(2000))).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn heads_are_held_to_the_limits_of_the_file() {
    let upstream = Upstream::start().await;
    let limits = "limits: {header_count: 20, request_line_bytes: 1KiB, header_bytes: 8KiB}";
    let door = Setup::new().with(limits).route("app", &upstream.url(), EVERYBODY).start().await;
    let lines = |count| (0..count).map(|number| format!("X-{number}: y\r\n")).collect::<String>();
    for (what, path, head, expected) in [
        ("all within them", "x".repeat(500), lines(10), 200),
        ("too many lines", String::new(), lines(30), 431),
        ("too long a line at first", "x".repeat(1500), String::new(), 414),
        ("too many bytes", String::new(), format!("X: {}\r\n", "y".repeat(10_000)), 431),
    ] {
        let answer = door.exchange("app", &format!("GET /{path} HTTP/1.1\r\nHost: HOST\r\n{head}\r\n")).await;
        assert_eq!(answer.status, expected, "{what}");
    }
    assert_eq!(upstream.arrived().len(), 1);
}

#[tokio::test]
async fn http2_heads_have_the_same_limits() {
    let (upstream, door) = open_door().await;
    let authority = door.authority("app");
    let mut lines = vec![(":method", "GET"), (":scheme", "https"), (":authority", authority.as_str()), (":path", "/")];
    lines.extend(std::iter::repeat_n(("x-a", "b"), 300));
    let mut connection = RawHttp2::connect(door.setup.address(), "app.example.test").await;
    let outcome = connection.request(&lines).await;
    assert!(outcome.is_refusal(), "{outcome:?}");
    assert_eq!(upstream.arrived().len(), 0);
}

#[tokio::test]
async fn whoever_is_slow_or_silent_is_shown_out() {
    let upstream = Upstream::start().await;
    let setup = Setup::new().with("timeout_read: 1s\ntimeout_idle: 1s").route("app", &upstream.url(), EVERYBODY);
    let door = setup.start().await;
    let limit = Duration::from_secs(12);

    let started = Instant::now();
    let mut slow = door.raw("app").await;
    slow.send("GET / HTTP/1.1\r\nHost: ").await;
    slow.rest().await;
    assert!(started.elapsed() < limit, "half a head is kept for {:?}", started.elapsed());

    let started = Instant::now();
    let mut kept = door.raw("app").await;
    kept.send(format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", door.authority("app"))).await;
    assert_eq!(kept.answer().await.status, 200);
    kept.rest().await;
    assert!(started.elapsed() < limit, "an idle connection is kept for {:?}", started.elapsed());

    let started = Instant::now();
    let mut silent = Raw::plain(door.setup.address()).await;
    silent.rest().await;
    assert!(started.elapsed() < limit, "a silent connection is kept for {:?}", started.elapsed());
}

#[tokio::test]
async fn a_form_that_never_comes_is_not_waited_for() {
    let upstream = Upstream::start().await;
    let setup =
        Setup::new().with("timeout_read: 1s").route("app", &upstream.url(), "allow_any_authenticated_user: true");
    let door = setup.start().await;
    let started = Instant::now();
    let mut raw = door.raw("app").await;
    let host = door.authority("app");
    raw.send(format!("POST /.doorward/sign_in HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nemail=")).await;
    let answer = raw.answer_to("POST").await;
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    assert!(answer.as_ref().is_ok_and(|answer| (400..500).contains(&answer.status)), "{answer:?}");
    let huge = format!(
        "POST /.doorward/sign_in HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100000000\r\n\r\n{}",
        "x".repeat(100_000)
    );
    let answer = door.exchange("app", &huge).await;
    assert!((400..500).contains(&answer.status), "{}", answer.status);
}

#[tokio::test]
async fn an_answer_with_a_huge_head_is_no_answer() {
    use crate::harness::upstream::Reply;
    let (upstream, door) = open_door().await;
    for head in
        [format!("X: {}\r\n", "y".repeat(2 << 20)), (0..20_000).map(|number| format!("X-{number}: y\r\n")).collect()]
    {
        upstream.reply_with(Reply::Raw(format!("HTTP/1.1 200 OK\r\n{head}Content-Length: 0\r\n\r\n").into_bytes()));
        let answer = door.exchange("app", "GET / HTTP/1.1\r\nHost: HOST\r\n\r\n").await;
        assert_eq!(answer.status, 502);
    }
    assert!(door.memory("VmHWM") < 150_000, "{} kB", door.memory("VmHWM"));
}
