use std::time::{Duration, SystemTime};

use doorward_authorize::{Decision, Facts, Policy, RouteId, Visitor};
use doorward_config::{Balancing, LookupFamily, Upstream, UpstreamScheme, UpstreamTls, UpstreamUrl};
use doorward_hygiene::{Hostname, NormalPath};
use http::{HeaderMap, Method, Request};

use super::dial::{Offer, dial};
use super::wire::Wire;
use super::{Outgoing, UpstreamLimits, Upstreams};
use crate::body::Upload;
use crate::tests::support;

fn clients(upstream: &Upstream, previous: Option<&Upstreams>) -> Upstreams {
    let limits = UpstreamLimits { connect: Duration::from_secs(2), ..UpstreamLimits::default() };
    Upstreams::build(std::iter::once(upstream), previous, limits).unwrap()
}

/// What the log says when a connection is tried, or nothing when it comes about.
pub(crate) async fn dial_error(upstream: &Upstream) -> Option<String> {
    let client = clients(upstream, None).client(upstream).unwrap();
    let dialed = client.members.get(0).unwrap().address.endpoint.connect(Duration::from_secs(2), false).await;
    dialed.err().map(|error| error.to_string())
}

/// What the log says when a request is sent, or nothing when it is answered.
pub(crate) async fn exchange_error(upstream: &Upstream) -> Option<String> {
    exchange_error_of(upstream, "/").await
}

/// The same of a request for this path.
pub(crate) async fn exchange_error_of(upstream: &Upstream, target: &'static str) -> Option<String> {
    let client = clients(upstream, None).client(upstream).unwrap();
    let (host, path) = (Hostname::parse("app.test").unwrap(), NormalPath::parse("/").unwrap());
    let (method, headers) = (Method::GET, HeaderMap::new());
    let facts = Facts {
        method: &method,
        host: &host,
        path: &path,
        query: None,
        headers: &headers,
        source_ip: std::net::Ipv4Addr::LOCALHOST.into(),
        client_certificate: &doorward_identity::Presented::Nothing,
        websocket: false,
        now: SystemTime::now(),
    };
    let policy = Policy::new(RouteId::new("app"), support::everybody());
    let Decision::Allow(permit) = policy.decide(&facts, Visitor::Anonymous) else { panic!("everybody may") };
    let mut request = Request::new(Upload::nothing());
    *request.uri_mut() = http::Uri::from_static(target);
    let outgoing = Outgoing { request, within: None, upgrade: false, key: 0 };
    client.forward(permit, &RouteId::new("app"), outgoing).await.err().map(|error| error.to_string())
}

/// Why an upstream cannot be put into service.
pub(crate) fn build_error(upstream: &Upstream) -> String {
    Upstreams::build(std::iter::once(upstream), None, UpstreamLimits::default()).unwrap_err().to_string()
}

fn http(host: &str, port: u16) -> Upstream {
    Upstream {
        addresses: vec![UpstreamUrl { scheme: UpstreamScheme::Http, host: host.into(), port }],
        lookup: LookupFamily::default(),
        tls: UpstreamTls::default(),
        balancing: Balancing::default(),
    }
}

#[tokio::test]
async fn what_is_wrong_with_an_address_is_said_plainly() {
    let dead = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert_eq!(
        dial_error(&http("127.0.0.1", dead.port())).await.unwrap(),
        format!("{dead} refused the connection: nothing listens there")
    );
    let unknown = dial_error(&http("no-such-host.invalid", 80)).await.unwrap();
    assert!(unknown.starts_with("the name no-such-host.invalid cannot be looked up: "), "{unknown}");
}

#[tokio::test]
async fn a_connection_is_probed_before_anybody_on_its_way_forgets_it() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = http("127.0.0.1", listener.local_addr().unwrap().port());
    let client = clients(&upstream, None).client(&upstream).unwrap();
    let target = &client.members.get(0).unwrap().address.endpoint.target;
    let dialled = dial(target, Duration::from_secs(2), Offer::Http1).await.unwrap();
    let Wire::Tcp(stream) = dialled.wire else { panic!("a connection over the network") };
    let socket = socket2::SockRef::from(&stream);
    assert!(socket.keepalive().unwrap() && stream.nodelay().unwrap());
    assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(45));
    assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(15));
    assert_eq!(socket.tcp_keepalive_retries().unwrap(), 4);
}

#[tokio::test]
async fn both_families_of_a_name_are_tried() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    assert_eq!(dial_error(&http("localhost", listener.local_addr().unwrap().port())).await, None);
}

#[tokio::test]
async fn a_permit_opens_the_door_of_its_own_route_only() {
    let (address, seen) = support::upstream_saying(support::OK).await;
    let upstream = http("127.0.0.1", address.port());
    let client = clients(&upstream, None).client(&upstream).unwrap();
    let (host, path) = (Hostname::parse("app.test").unwrap(), NormalPath::parse("/").unwrap());
    let facts = Facts {
        method: &Method::GET,
        host: &host,
        path: &path,
        query: None,
        headers: &HeaderMap::new(),
        source_ip: address.ip(),
        client_certificate: &doorward_identity::Presented::Nothing,
        websocket: false,
        now: SystemTime::now(),
    };
    let policy = Policy::new(RouteId::new("app"), support::everybody());
    for (route, arrives) in [("other", false), ("app", true)] {
        let Decision::Allow(permit) = policy.decide(&facts, Visitor::Anonymous) else { panic!("everybody may") };
        let request = Request::new(Upload::nothing());
        let outgoing = Outgoing { request, within: None, upgrade: false, key: 0 };
        let answer = client.forward(permit, &RouteId::new(route), outgoing).await;
        assert_eq!(answer.is_ok(), arrives, "{route}");
        assert_eq!(seen.all().len(), usize::from(arrives), "{route}");
    }
}

#[test]
fn an_upstream_keeps_its_connections_only_when_nothing_about_it_changed() {
    let before = http("127.0.0.1", 80);
    let first = clients(&before, None);
    let client = |clients: &Upstreams, upstream: &Upstream| std::sync::Arc::as_ptr(&clients.client(upstream).unwrap());
    let again = clients(&before, Some(&first));
    assert_eq!(client(&first, &before), client(&again, &before));
    for changed in [
        http("127.0.0.1", 81),
        Upstream { tls: UpstreamTls { server_name: Some("x".into()), ..UpstreamTls::default() }, ..before.clone() },
        Upstream { tls: UpstreamTls { skip_verify: true, ..UpstreamTls::default() }, ..before.clone() },
    ] {
        let next = clients(&changed, Some(&first));
        assert_ne!(client(&first, &before), client(&next, &changed));
        assert!(next.client(&before).is_none(), "what is no longer wanted is let go");
    }
}
