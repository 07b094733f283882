//! gRPC: what it looks like when we answer it ourselves.

use bytes::Bytes;
use doorward_config::Limit;
use http_body_util::Full;
use hyper::client::conn::http2::SendRequest;
use tokio::net::TcpListener;

use super::support::*;

async fn call(sender: &mut SendRequest<Full<Bytes>>, path: &str) -> (u16, String, String) {
    let request =
        http2_get(path).method("POST").header("content-type", "application/grpc+proto").header("te", "trailers");
    let answer = sender.send_request(request.body(Full::from("\0\0\0\0\0")).unwrap()).await.unwrap();
    let headers = answer.headers();
    let said = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    assert!(!said("x-request-id").is_empty());
    (answer.status().as_u16(), said("grpc-status"), said("grpc-message"))
}

#[tokio::test]
async fn refusals_are_told_in_its_own_terms() {
    let dead = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (silent, _) = raw_upstream(|mut connection, _| async move { drop(connection.rest().await) }).await;
    let (broken, _) = upstream_saying("nonsense\r\n\r\n").await;
    let mut hasty = route(upstream_at(silent));
    hasty.timeout = Limit::After(std::time::Duration::from_millis(100));
    for (route, path, code, words) in [
        (with_policy(route(upstream_at(dead)), only(ALICE)), "/", "16", "Sign in first."),
        (with_policy(route(upstream_at(dead)), Vec::new()), "/", "7", "Access denied"),
        (route(upstream_at(dead)), "/", "14", "The application cannot be reached"),
        (hasty, "/", "4", "The application did not answer in time"),
        (route(upstream_at(broken)), "/", "14", "The application gave no usable answer"),
        (route(upstream_at(dead)), "/a/../b%2fc", "13", "This request was not understood"),
    ] {
        let front = Front::start(route).await;
        let mut sender = http2_sender(&front).await;
        assert_eq!(call(&mut sender, path).await, (200, code.into(), words.into()), "{path}");
        let line = front.access_lines();
        assert!(line.contains(r#""status":200"#), "{line}");
    }
}

#[tokio::test]
async fn an_address_without_a_route_is_unimplemented() {
    let (address, _) = upstream_saying(OK).await;
    let mut somewhere = route(upstream_at(address));
    somewhere.path = doorward_config::PathRule::Prefix("/there".into());
    let front = Front::start(somewhere).await;
    let mut sender = http2_sender(&front).await;
    assert_eq!(call(&mut sender, "/elsewhere").await.1, "12");
}
