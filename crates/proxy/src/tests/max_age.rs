//! A route that asks for a recent sign-in: before it lets anybody in, and while it holds something open.

use std::time::{Duration, SystemTime};

use doorward_authorize::Verdict;
use doorward_config::Route;

use super::long_answers::{event_source, listening};
use super::support::*;

const HOUR: Duration = Duration::from_secs(3600);

fn asking(mut route: Route, max_age: Duration) -> Route {
    route.policy = route.policy.with_max_age(Some(max_age));
    route
}

#[tokio::test]
async fn whoever_signed_in_too_long_ago_is_sent_to_sign_in_and_nothing_reaches_the_upstream() {
    let (address, seen) = upstream_saying(OK).await;
    let front = Front::start(asking(with_policy(route(upstream_at(address)), only(ALICE)), Duration::ZERO)).await;
    front.visitors.sign_in(ALICE).await;
    let cookie = format!("cookie: __Host-doorward={ALICE}");
    let page = front.ask(&format!("GET / HTTP/1.1\r\n{cookie}\r\naccept: text/html"), "").await;
    assert_eq!((page.status, page.body.contains("again after 0 s")), (302, true));
    assert_eq!(front.ask(&format!("GET / HTTP/1.1\r\n{cookie}"), "").await.status, 401);
    assert!(seen.all().is_empty());
    let counted = front.snapshot.load().decisions();
    let counted: Vec<_> = counted.iter().map(|count| (count.decision, count.reason, count.count)).collect();
    assert_eq!(counted, [(Verdict::SignIn, "authentication-too-old", 2)]);
    assert!(front.access_lines().contains("authentication-too-old"), "{}", front.access_lines());
    // A stranger is asked for a recent one at once.
    let page = front.ask("GET / HTTP/1.1\r\naccept: text/html", "").await;
    assert!(page.body.contains("again after 0 s"));
}

#[tokio::test]
async fn what_is_held_open_ends_when_the_sign_in_is_too_old() {
    let front = Front::start(asking(with_policy(route(upstream_at(event_source().await)), only(ALICE)), HOUR)).await;
    front.visitors.sign_in(ALICE).await;
    let mut connection = listening(&front).await;
    let (snapshot, now) = (front.snapshot.load_full(), SystemTime::now());
    assert_eq!(front.tunnels.redecide_by_time(&snapshot, now + HOUR - Duration::from_secs(60)), 0);
    assert_eq!(front.tunnels.redecide_by_time(&snapshot, now + HOUR + Duration::from_secs(1)), 1);
    assert!(connection.closes_within(PATIENCE).await);
}
