//! Bodies whose end two readers would see in two places (RFC 9112 §6, §11.2).
//!
//! Each attack carries a second request where one of the readings has the body. It must never arrive as a request.

use super::open_door;
use crate::harness::doorward::Doorward;
use crate::harness::upstream::Upstream;

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: HOST\r\n\r\n";

/// Sends the bytes and more of nothing; gives every status that came back until the connection closed or fell silent.
async fn statuses(door: &Doorward, bytes: &[u8]) -> Vec<u16> {
    let mut raw = door.raw("app").await;
    if raw.try_send(bytes).await.is_err() {
        return Vec::new();
    }
    let mut statuses = Vec::new();
    let quiet = std::time::Duration::from_millis(1200);
    while let Ok(Ok(answer)) = tokio::time::timeout(quiet, raw.answer_to("GET")).await {
        statuses.push(answer.status);
        if statuses.len() > 3 {
            break;
        }
    }
    statuses
}

fn with_host(door: &Doorward, text: &str) -> Vec<u8> {
    text.replace("HOST", &door.authority("app")).into_bytes()
}

fn assert_nothing_smuggled(upstream: &Upstream, what: &str) {
    for arrived in upstream.arrived() {
        assert!(!arrived.line.contains("smuggled"), "{what}: {} arrived", arrived.line);
        let framings = arrived.all("content-length").len() + arrived.all("transfer-encoding").len();
        assert!(framings <= 1, "{what}: two framings arrived: {:?}", arrived.headers);
    }
}

/// Whoever keeps a body back (`Expect: 100-continue`) and is refused first may send it or not: what comes is no request.
#[tokio::test]
async fn a_body_that_was_kept_back_and_refused_is_no_request() {
    let (upstream, door) = open_door().await;
    let smuggled = String::from_utf8(with_host(&door, SMUGGLED)).unwrap();
    for (length, path) in [(smuggled.len(), "/a%2Fb"), (10, "/a%2Fb"), (10, "/a%00b")] {
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: HOST\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n");
        let head = String::from_utf8(with_host(&door, &head)).unwrap();
        for after in [smuggled.clone(), smuggled.repeat(3)] {
            let mut raw = door.raw("app").await;
            raw.send(&head).await;
            let answer = raw.any_answer_to("POST").await.unwrap();
            assert!(answer.status >= 400, "{path}: {}", answer.status);
            assert_eq!(answer.header("connection"), Some("close"), "{path}");
            let _closed_already = raw.try_send(&after).await;
            assert!(raw.rest().await.is_empty(), "{path}: {after}");
        }
        assert_eq!(statuses(&door, format!("{head}{}", smuggled.repeat(3)).as_bytes()).await.len(), 1, "{path}");
    }
    assert_nothing_smuggled(&upstream, "a body that was kept back");
    assert!(upstream.arrived().is_empty());
}

/// Every one of these has to be refused with 400 (or 501 for a coding nobody knows), and the connection given up.
/// One that has a length besides chunks may be read as chunks, the length dropped, if nothing is read after it
/// (RFC 9112 §6.1).
#[tokio::test]
async fn a_body_framed_in_two_ways_is_refused() {
    let (upstream, door) = open_door().await;
    let length = SMUGGLED.replace("HOST", &door.authority("app")).len();
    let heads = [
        format!("Content-Length: {length}\r\nTransfer-Encoding: chunked"),
        format!("Transfer-Encoding: chunked\r\nContent-Length: {length}"),
        "Transfer-Encoding: chunked\r\nContent-Length: 0".to_owned(),
        format!("Content-Length: {length}\r\nTransfer-encoding: chunked"),
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity".into(),
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked".into(),
        "Transfer-Encoding: chunked, identity".into(),
        "Transfer-Encoding: identity".into(),
        "Transfer-Encoding: xchunked".into(),
        "Transfer-Encoding: chunked, chunked".into(),
        "Transfer-Encoding: gzip".into(),
        "Transfer-Encoding: \"chunked\"".into(),
        "Transfer-Encoding:".into(),
        "Transfer-Encoding : chunked".into(),
        "Transfer-Encoding\t: chunked".into(),
        " Transfer-Encoding: chunked".into(),
        "X: y\r\n Transfer-Encoding: chunked".into(),
        "X: y\r\n\tchunked".into(),
        "Transfer-Encoding: chunked\u{b}".into(),
        "Content-Length: 5\r\nContent-Length: 6".into(),
        format!("Content-Length: 0\r\nContent-Length: {length}"),
        format!("Content-Length: 0, {length}"),
        "Content-Length: +5".into(),
        "Content-Length: -5".into(),
        "Content-Length: 0x5".into(),
        "Content-Length: 5 5".into(),
        "Content-Length: 5;".into(),
        "Content-Length:".into(),
        "Content-Length: five".into(),
        "Content-Length: 99999999999999999999999".into(),
        "Content-Length : 5".into(),
        "X-A: b\r\nContent-Length: 5\r\nContent-Length: ".into(),
    ];
    let mut seen = 0;
    for method in ["POST", "GET"] {
        for head in &heads {
            // For readers of chunks the second request comes after the last one.
            let text = format!("{method} / HTTP/1.1\r\nHost: HOST\r\n{head}\r\n\r\n0\r\n\r\n{SMUGGLED}");
            let statuses = statuses(&door, &with_host(&door, &text)).await;
            assert!(statuses.len() <= 1, "{method} with {head:?}: answered {statuses:?}");
            let refused = statuses.first().is_none_or(|status| matches!(status, 400 | 501));
            let folded = head.to_lowercase();
            let has_both = folded.contains("content-length: ") && folded.contains("transfer-encoding: chunked");
            assert!(refused || has_both, "{method} with {head:?}: {statuses:?}");
            let arrived = upstream.arrived();
            assert_eq!(arrived.len(), seen + usize::from(!refused), "{method} with {head:?}: {arrived:?}");
            assert_nothing_smuggled(&upstream, head);
            assert!(arrived.iter().all(|arrived| arrived.body_length == 0), "{method} with {head:?}: {arrived:?}");
            seen = arrived.len();
        }
    }
}

/// A head that is not HTTP is refused whole.
#[tokio::test]
async fn a_head_that_is_not_http_is_refused() {
    let (upstream, door) = open_door().await;
    let heads: [&[u8]; 29] = [
        b"GET / HTTP/1.1\r\nHost: HOST\r\nX: a\rb\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: HOST\r\nX: a\0b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: HOST\r\nX Y: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: HOST\r\n: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: HOST\r\nX\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: HOST\r\nX(: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: HOST\r\nX\xff: a\r\n\r\n",
        b"GET / HTTP/1.1\r\n Host: HOST\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost:\r\n HOST\r\n\r\n",
        b"GET  / HTTP/1.1\r\nHost: HOST\r\n\r\n",
        b"GET /  HTTP/1.1\r\nHost: HOST\r\n\r\n",
        b"GET\t/\tHTTP/1.1\r\nHost: HOST\r\n\r\n",
        b" GET / HTTP/1.1\r\nHost: HOST\r\n\r\n",
        b"GET / HTTP/1.1 \r\nHost: HOST\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: HOST\r\n\r\n",
        b"GET / HTTP/1.2\r\nHost: HOST\r\n\r\n",
        b"GET / HTTP/11\r\nHost: HOST\r\n\r\n",
        b"GET / http/1.1\r\nHost: HOST\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP\r\nHost: HOST\r\n\r\n",
        b"G\0ET / HTTP/1.1\r\nHost: HOST\r\n\r\n",
        b"G(T / HTTP/1.1\r\nHost: HOST\r\n\r\n",
        b"GET / HTTP/1.0\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /\x01 HTTP/1.1\r\nHost: HOST\r\n\r\n",
        b"GET /\x7f HTTP/1.1\r\nHost: HOST\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: HOST\r\n\r\n",
        b"\0\0\0\0\0\0\0\0\r\n\r\n",
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ];
    for head in heads {
        let text = head.escape_ascii().to_string();
        let bytes = replace(head, b"HOST", door.authority("app").as_bytes());
        let statuses = statuses(&door, &bytes).await;
        let refused = statuses.first().is_none_or(|status| matches!(status, 400 | 405 | 505));
        assert!(refused && statuses.len() <= 1, "{text}: {statuses:?}");
        assert_eq!(upstream.arrived().len(), 0, "{text}: {:?}", upstream.arrived());
    }
}

/// A line may end without CR (RFC 9112 §2.2); what arrives then has all of them.
#[tokio::test]
async fn lines_that_end_in_lf_alone_are_no_way_around() {
    let (upstream, door) = open_door().await;
    let text = "POST /first HTTP/1.1\nHost: HOST\nX: y\nContent-Length: 5\n\nhello";
    let seen = statuses(&door, &with_host(&door, text)).await;
    assert!(matches!(seen[..], [] | [200 | 400]), "{seen:?}");
    for arrived in upstream.arrived() {
        assert_eq!((arrived.line.as_str(), arrived.body_length), ("POST /first HTTP/1.1", 5));
        assert_eq!(arrived.header("x"), Some("y"));
    }
}

/// The framing of chunks is held to as closely.
#[tokio::test]
async fn chunks_that_are_not_chunks_end_the_request() {
    let (upstream, door) = open_door().await;
    let chunks: [&[u8]; 14] = [
        b"0x5\r\nabcde\r\n0\r\n\r\n",
        b"-5\r\nabcde\r\n0\r\n\r\n",
        b"+5\r\nabcde\r\n0\r\n\r\n",
        b"5 \n abcde\r\n0\r\n\r\n",
        b"g\r\nabcde\r\n0\r\n\r\n",
        b"\r\nabcde\r\n0\r\n\r\n",
        b"ffffffffffffffffff\r\nabcde\r\n0\r\n\r\n",
        b"fffffffffffffff0\r\nabcde\r\n0\r\n\r\n",
        b"5\r\nabcdefg\r\n0\r\n\r\n",
        b"5\nabcde\n0\n\n",
        b"5\r\nabcde0\r\n\r\n",
        b"5;a=\nb\r\nabcde\r\n0\r\n\r\n",
        b"5\rabcde\r\n0\r\n\r\n",
        b"1_0\r\nabcde\r\n0\r\n\r\n",
    ];
    for chunk in chunks {
        let text = chunk.escape_ascii().to_string();
        let mut bytes = with_host(&door, "POST /first HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n");
        bytes.extend(chunk);
        bytes.extend(with_host(&door, SMUGGLED));
        let statuses = statuses(&door, &bytes).await;
        assert!(statuses.iter().all(|status| *status >= 400), "{text}: {statuses:?}");
        // Its head may have gone out before the body was seen to be broken; a whole request it never was.
        assert_eq!(upstream.arrived().len(), 0, "{text}: {:?}", upstream.arrived());
    }
}

/// Where a reading is clear, what arrives is that reading and nothing besides.
#[tokio::test]
async fn what_looks_like_a_request_in_a_body_stays_a_body() {
    let (upstream, door) = open_door().await;
    let inner = SMUGGLED.replace("HOST", &door.authority("app"));
    let chunked = format!("{:x};ext=\"a\"\r\n{inner}\r\n0\r\n\r\n", inner.len());
    for (head, body) in [
        (format!("Content-Length: {}", inner.len()), inner.clone()),
        (format!("content-length: {}", inner.len()), inner.clone()),
        ("Transfer-Encoding: chunked".into(), chunked.clone()),
        ("transfer-encoding: Chunked".into(), chunked.clone()),
        ("Transfer-Encoding:\tchunked ".into(), chunked.clone()),
    ] {
        for method in ["POST", "GET", "DELETE", "OPTIONS"] {
            let before = upstream.arrived().len();
            let text = format!("{method} /first HTTP/1.1\r\nHost: HOST\r\n{head}\r\n\r\n{body}");
            let statuses = statuses(&door, &with_host(&door, &text)).await;
            assert_eq!(statuses, [200], "{method} with {head}");
            let arrived = upstream.arrived();
            assert_eq!(arrived.len(), before + 1, "{method} with {head}: {arrived:?}");
            assert_eq!(arrived[before].body_length, inner.len() as u64, "{method} with {head}");
        }
    }
    assert_nothing_smuggled(&upstream, "clear readings");
}

/// Requests one after the other on one connection stay apart, and one that is refused ends it.
#[tokio::test]
async fn pipelined_requests_stay_apart() {
    let (upstream, door) = open_door().await;
    let one = "POST /one HTTP/1.1\r\nHost: HOST\r\nContent-Length: 3\r\n\r\nabc";
    let two = "GET /two HTTP/1.1\r\nHost: HOST\r\n\r\n";
    let bad = "GET /bad HTTP/1.1\r\nHost: HOST\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(statuses(&door, &with_host(&door, &format!("{one}{two}{two}"))).await, [200, 200, 200]);
    let lines: Vec<_> = upstream.arrived().into_iter().map(|arrived| arrived.line).collect();
    assert_eq!(lines, ["POST /one HTTP/1.1", "GET /two HTTP/1.1", "GET /two HTTP/1.1"]);
    let seen = statuses(&door, &with_host(&door, &format!("{one}{bad}{SMUGGLED}"))).await;
    assert!(seen.first() == Some(&200) && seen.len() <= 2, "{seen:?}");
    assert_nothing_smuggled(&upstream, "after a refused request");
}

/// An upstream that answers in two readings does not get to answer somebody else's request.
#[tokio::test]
async fn an_answer_framed_in_two_ways_does_not_spill_over() {
    use crate::harness::upstream::Reply;
    let (upstream, door) = open_door().await;
    let second = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned";
    for head in [
        "Content-Length: 3\r\nContent-Length: 4",
        "Content-Length: 3\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: chunked, gzip",
        "Content-Length: -3",
        "Content-Length: 3\r\nX: a\0b",
    ] {
        upstream.reply_with(Reply::Raw(
            format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n3\r\nabc\r\n0\r\n\r\n{second}").into_bytes(),
        ));
        let mut raw = door.raw("app").await;
        raw.send(with_host(&door, "GET / HTTP/1.1\r\nHost: HOST\r\n\r\n")).await;
        if let Ok(answer) = raw.answer_to("GET").await {
            assert!(!answer.text().contains("poisoned"), "{head}: {}", answer.text());
        }
        upstream.reply_with(Reply::Echo);
        let answer = door.exchange("app", "GET /next HTTP/1.1\r\nHost: HOST\r\n\r\n").await;
        assert!(
            answer.status == 200 && answer.text().contains("/next"),
            "after {head}: {} {}",
            answer.status,
            answer.text()
        );
    }
}

/// What an upstream says without having been asked is nobody's answer.
#[tokio::test]
async fn an_answer_nobody_asked_for_is_not_the_next_ones() {
    use crate::harness::upstream::Reply;
    let (upstream, door) = open_door().await;
    for second in ["HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned", "garbage", "\r\n\r\n"] {
        for _ in 0..5 {
            let bytes = format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok{second}");
            upstream.reply_with(Reply::RawOpen(bytes.into_bytes()));
            let answer = door.exchange("app", "GET /first HTTP/1.1\r\nHost: HOST\r\n\r\n").await;
            assert_eq!((answer.status, answer.text().as_str()), (200, "ok"));
            upstream.reply_with(Reply::Echo);
            let answer = door.exchange("app", "GET /next HTTP/1.1\r\nHost: HOST\r\n\r\n").await;
            assert!(answer.status == 200 && answer.text().contains("/next"), "{} {}", answer.status, answer.text());
        }
    }
}

fn replace(bytes: &[u8], what: &[u8], with: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = bytes;
    while let Some(at) = rest.windows(what.len()).position(|window| window == what) {
        out.extend(&rest[..at]);
        out.extend(with);
        rest = &rest[at + what.len()..];
    }
    out.extend(rest);
    out
}
