//! Trailers pass both ways, except those in which only we may speak.

use http::{HeaderMap, HeaderValue};

use super::for_each_pair;
use crate::harness::scripted::{NONCE, Report, bytes_of};
use crate::harness::visitor::{nothing, streamed};

fn sum(value: &str) -> HeaderMap {
    let mut map = HeaderMap::new();
    map.insert("x-sum", HeaderValue::from_str(value).unwrap());
    map.insert("x-doorward-claim-email", HeaderValue::from_static("evil@example.com"));
    map
}

#[tokio::test]
async fn trailers_of_requests_arrive() {
    for_each_pair("", |pair| async move {
        for size in [0, 1, 100_000] {
            let nonce = pair.nonce();
            let mut visitor = pair.visitor().await;
            let request = visitor
                .request("POST", "/report")
                .header(NONCE, &nonce)
                .header("trailer", "x-sum, x-doorward-claim-email")
                .body(streamed(bytes_of(&nonce, size), Some(sum(&nonce))))
                .unwrap();
            let answer = visitor.exchange(request).await.unwrap();
            let report: Report = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!(report.length, size as u64);
            assert_eq!(report.trailers, [("x-sum".to_owned(), nonce)], "{size} bytes");
        }
    })
    .await;
}

#[tokio::test]
async fn trailers_of_answers_arrive() {
    for_each_pair("", |pair| async move {
        for size in [0, 1, 100_000] {
            let nonce = pair.nonce();
            let mut visitor = pair.visitor().await;
            let request = visitor.request("GET", &format!("/trailers/{size}"));
            let request = request.header(NONCE, &nonce).header("te", "trailers").body(nothing()).unwrap();
            let answer = visitor.exchange(request).await.unwrap();
            assert!(answer.body == bytes_of(&nonce, size), "{size} bytes");
            let trailers = answer.trailers.expect("trailers");
            assert_eq!(trailers.len(), 1, "{size} bytes: {trailers:?}");
            assert_eq!(trailers["x-sum"], nonce.as_str(), "{size} bytes");
        }
    })
    .await;
}
