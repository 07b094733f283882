//! An authority that checks a name over plain HTTP.

use std::sync::Arc;

use doorward_hygiene::Hostname;
use doorward_transport::Arrival;
use futures_util::future::BoxFuture;

use super::support::*;
use crate::AnswerChallenges;

struct Expects;

impl AnswerChallenges for Expects {
    fn http01<'a>(&'a self, host: &'a Hostname, token: &'a str) -> BoxFuture<'a, Option<String>> {
        Box::pin(
            async move { (host.as_str() == "app.test" && token == "to-Ken_1").then(|| format!("{token}.thumbprint")) },
        )
    }
}

async fn front(arrival: Arrival) -> Front {
    let (address, _) = upstream_saying(OK).await;
    let mut settings = FrontSettings::of(vec![with_policy(route(upstream_at(address)), only(ALICE))]);
    settings.arrival = arrival;
    settings.challenges = Some(Arc::new(Expects));
    Front::start_with(settings).await
}

#[tokio::test]
async fn an_expected_token_is_answered_where_the_rest_is_redirected() {
    for arrival in [Arrival::RedirectPort, Arrival::PlainOnTlsPort] {
        let front = front(arrival).await;
        let reply = front.get("/.well-known/acme-challenge/to-Ken_1").await;
        assert_eq!((reply.status, reply.body.as_str()), (200, "to-Ken_1.thumbprint"));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        for path in [
            "/.well-known/acme-challenge/other",
            "/.well-known/acme-challenge/",
            "/.well-known/acme-challenge/to-Ken_1/x",
            "/.well-known/acme-challenge/to-Ken%5F1",
            "/x/.well-known/acme-challenge/to-Ken_1",
        ] {
            assert_eq!(front.get(path).await.status, 301, "{path}");
        }
        let posted = front.ask("POST /.well-known/acme-challenge/to-Ken_1 HTTP/1.1", "x").await;
        assert_eq!(posted.status, 301);
    }
}

#[tokio::test]
async fn over_tls_the_path_is_the_applications() {
    let sni = Some(Hostname::parse("app.test").unwrap());
    let reply = front(Arrival::Tls { sni }).await.get("/.well-known/acme-challenge/to-Ken_1").await;
    assert_eq!(reply.status, 401);
}
