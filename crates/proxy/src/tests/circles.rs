//! Redirects of the proxy's own never lead back to where they came from.

use doorward_transport::Arrival;

use super::support::*;

#[tokio::test]
async fn what_came_by_https_already_is_not_sent_there_again() {
    let (address, seen) = upstream_saying(OK).await;
    for arrival in [Arrival::PlainOnTlsPort, Arrival::RedirectPort] {
        let mut settings = FrontSettings::of(vec![route(upstream_at(address))]);
        settings.arrival = arrival;
        let front = Front::start_with(settings).await;
        for said in ["https", "HTTPS", "http\r\nx-forwarded-proto: https"] {
            let ask = format!("GET /x HTTP/1.1\r\nhost: app.test\r\naccept: text/html\r\nx-forwarded-proto: {said}");
            let reply = front.ask(&ask, "").await;
            assert_eq!((reply.status, reply.header("location")), (400, None), "{said}");
            assert!(reply.body.contains("go round in circles"), "{}", reply.body);
        }
        let reply = front.ask("GET /x HTTP/1.1\r\nhost: app.test\r\nx-forwarded-proto: http", "").await;
        assert_eq!((reply.status, reply.header("location")), (301, Some("https://app.test/x")));
        assert!(front.access_lines().contains("tls-taken-off"));
    }
    assert!(seen.all().is_empty());
}
