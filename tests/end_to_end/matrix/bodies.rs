//! Bodies arrive whole, byte for byte, with or without a length, in both directions.

use aws_lc_rs::digest::{SHA256, digest};

use super::{Pair, for_each_pair};
use crate::harness::scripted::{NONCE, Report, bytes_of};
use crate::harness::visitor::{fed, full, nothing, streamed};
use crate::harness::wire::hex;
use crate::harness::within;

const SIZES: [usize; 4] = [0, 1, 64 * 1024, 5 << 20];

#[tokio::test]
async fn uploads_arrive_whole() {
    for_each_pair("", |pair| async move {
        let mut visitor = pair.visitor().await;
        for size in SIZES {
            for says_length in [true, false] {
                let case = format!("{size} bytes, length {says_length}");
                let nonce = pair.nonce();
                let bytes = bytes_of(&nonce, size);
                let expected = hex(digest(&SHA256, &bytes).as_ref());
                let body = if says_length { full(bytes) } else { streamed(bytes, None) };
                let request = visitor.request("POST", "/report/x?a=b%20c").header(NONCE, &nonce).body(body).unwrap();
                let answer = visitor.exchange(request).await.expect(&case);
                assert_eq!(answer.status, 200, "{case}");
                let report: Report = serde_json::from_slice(&answer.body).expect(&case);
                assert_eq!((report.length, &report.sha256), (size as u64, &expected), "{case}");
                assert_eq!((report.method.as_str(), report.target.as_str()), ("POST", "/report/x?a=b%20c"), "{case}");
                assert_version(&pair, &report, &case);
                assert_framing(&report, size, says_length, &case);
            }
        }
    })
    .await;
}

fn assert_version(pair: &Pair, report: &Report, case: &str) {
    let expected = if pair.application().speaks().is_http2() { "HTTP/2.0" } else { "HTTP/1.1" };
    assert_eq!(report.version, expected, "{case}");
}

/// One way of saying where the body ends, and none that belongs to the other leg.
fn assert_framing(report: &Report, size: usize, says_length: bool, case: &str) {
    let all = |name: &str| -> Vec<&str> {
        report.headers.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    };
    let (length, coding) = (all("content-length"), all("transfer-encoding"));
    if says_length && size > 0 {
        assert_eq!((length, coding.len()), (vec![size.to_string().as_str()], 0), "{case}");
    } else if report.version == "HTTP/2.0" {
        assert!(coding.is_empty(), "{case}: {coding:?} in HTTP/2");
    } else if size > 0 {
        assert_eq!((length.len(), coding), (0, vec!["chunked"]), "{case}");
    }
    for name in ["connection", "keep-alive", "proxy-connection", "upgrade"] {
        assert!(all(name).is_empty(), "{case}: {name}: {:?}", all(name));
    }
}

#[tokio::test]
async fn downloads_arrive_whole() {
    for_each_pair("", |pair| async move {
        let mut visitor = pair.visitor().await;
        for size in SIZES {
            for framing in ["length", "streamed"] {
                let case = format!("{size} bytes, {framing}");
                let nonce = pair.nonce();
                let answer = visitor.get(&format!("/bytes/{size}/{framing}"), &nonce).await.expect(&case);
                assert_eq!(answer.status, 200, "{case}");
                assert!(answer.body == bytes_of(&nonce, size), "{case}: {} other bytes", answer.body.len());
                if framing == "length" {
                    assert_eq!(answer.headers["content-length"], size.to_string(), "{case}");
                }
                assert_eq!(answer.headers[NONCE], nonce.as_str(), "{case}");
            }
        }
        // All of them on one connection.
        assert!(visitor.is_open());
    })
    .await;
}

#[tokio::test]
async fn what_goes_up_comes_down() {
    for_each_pair("", |pair| async move {
        for size in SIZES {
            for says_length in [true, false] {
                let case = format!("{size} bytes, length {says_length}");
                let nonce = pair.nonce();
                let bytes = bytes_of(&nonce, size);
                let body = if says_length { full(bytes.clone()) } else { streamed(bytes.clone(), None) };
                let answer = pair.exchange("PUT", "/echo", &nonce, body).await.expect(&case);
                assert_eq!(answer.status, 200, "{case}");
                assert!(answer.body == bytes, "{case}: {} bytes came back", answer.body.len());
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_conversation_goes_to_and_fro() {
    use http_body_util::BodyExt;
    for_each_pair("", |pair| async move {
        let mut visitor = pair.visitor().await;
        let (feed, body) = fed();
        let request = visitor.request("POST", "/echo").header(NONCE, pair.nonce()).body(body).unwrap();
        let answer = visitor.send(request);
        feed.send("hello 0".into()).await.unwrap();
        let mut answer = within("the head of the answer", answer).await.unwrap().into_body();
        for round in 0..20 {
            let mut said = Vec::new();
            while said.len() < format!("hello {round}").len() {
                let frame = within("an echo", answer.frame()).await.expect("more").unwrap();
                said.extend_from_slice(frame.data_ref().expect("data"));
            }
            assert_eq!(said, format!("hello {round}").as_bytes(), "nothing is held back");
            feed.send(format!("hello {}", round + 1).into()).await.unwrap();
        }
        drop(feed);
        let rest = within("the end", answer.collect()).await.unwrap().to_bytes();
        assert_eq!(rest, "hello 20");
    })
    .await;
}

#[tokio::test]
async fn every_method_passes_without_a_body() {
    for_each_pair("", |pair| async move {
        for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND"] {
            let answer = pair.exchange(method, "/report", &pair.nonce(), nothing()).await.expect(method);
            let report: Report = serde_json::from_slice(&answer.body).expect(method);
            assert_eq!((report.method.as_str(), report.length), (method, 0));
        }
    })
    .await;
}
