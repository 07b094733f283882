//! A Kubernetes API server behind a route: it believes Doorward, and acts for nobody but who has signed in.

use doorward_config::Route;
use doorward_identity::{Groups, VerifiedEmail};
use doorward_sessions::Tokens;
use http::HeaderValue;

use super::support::*;

const FORGED: &str = "Authorization: Bearer mine\r\nImpersonate-User: forged\r\nimpersonate_user: forged\r\n\
                      Impersonate.Group: forged\r\nImpersonate-Group: forged\r\nimpersonate-uid: forged\r\n\
                      IMPERSONATE-EXTRA-scopes: forged\r\nConnection: authorization, impersonate-user";

async fn front(change: impl FnOnce(&mut Route)) -> (Front, Seen) {
    let (address, seen) = upstream_saying(OK).await;
    let mut route = route(upstream_at(address));
    route.kubernetes = Some(HeaderValue::from_static("Bearer of-the-account"));
    change(&mut route);
    let front = Front::start(route).await;
    let mut alice = identity(ALICE);
    alice.groups = Groups::new(["dev", "ops, all", "system:masters", " system:masters", ""].map(str::to_owned));
    front.visitors.sign_in_as(ALICE, alice.clone(), Tokens::default()).await;
    alice.email = VerifiedEmail::Unverified(alice.email.for_display().unwrap().clone());
    alice.subject.id = "1234".into();
    front.visitors.sign_in_as("unverified", alice.clone(), Tokens::default()).await;
    alice.subject.id = BOB.into();
    front.visitors.sign_in_as("chosen", alice.clone(), Tokens::default()).await;
    alice.subject.id = "system:admin".into();
    front.visitors.sign_in_as("system", alice, Tokens::default()).await;
    (front, seen)
}

fn all<'a>(got: &'a str, name: &str) -> Vec<&'a str> {
    let lines = got.split("\r\n\r\n").next().unwrap().lines().skip(1).filter_map(|line| line.split_once(": "));
    lines.filter(|(this, _)| this.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
}

fn asking(who: &str) -> String {
    format!("GET /api/v1/pods HTTP/1.1\r\ncookie: __Host-doorward={who}\r\n{FORGED}")
}

#[tokio::test]
async fn the_visitor_is_named_with_their_groups_each_on_a_line() {
    let (front, seen) = front(|_| {}).await;
    assert_eq!(front.ask(&asking(ALICE), "").await.status, 200);
    let got = seen.only();
    assert_eq!(all(&got, "authorization"), ["Bearer of-the-account"], "{got}");
    assert_eq!(all(&got, "impersonate-user"), [ALICE]);
    assert_eq!(all(&got, "impersonate-group"), ["dev", "ops, all"], "the cluster's own groups are nobody's to give");
    assert!(!got.contains("forged") && !got.contains("mine") && !got.contains("impersonate-uid"), "{got}");
}

#[tokio::test]
async fn an_address_nobody_vouches_for_names_nobody() {
    let (front, seen) = front(|_| {}).await;
    assert_eq!(front.ask(&asking("unverified"), "").await.status, 200);
    assert_eq!(all(&seen.only(), "impersonate-user"), ["1234"]);
}

#[tokio::test]
async fn the_groups_told_are_those_the_application_may_hear_of() {
    let (front, seen) = front(|route| route.jwt_groups_filter = Some(["dev".to_owned()].into())).await;
    assert_eq!(front.ask(&asking(ALICE), "").await.status, 200);
    assert_eq!(all(&seen.only(), "impersonate-group"), ["dev"]);
}

#[tokio::test]
async fn strangers_and_those_who_cannot_be_named_get_no_token_and_pass_none() {
    let (front, seen) = front(|_| {}).await;
    // Where people choose what the provider calls them, it may be somebody else's address.
    for head in [asking("nobody"), asking("system"), asking("chosen"), format!("GET / HTTP/1.1\r\n{FORGED}")] {
        assert_eq!(front.ask(&head, "").await.status, 200);
    }
    for got in seen.all() {
        let lower = got.to_lowercase();
        assert!(!lower.contains("bearer") && !lower.contains("impersonate"), "{got}");
    }
    assert_eq!(seen.all().len(), 4);
}

#[tokio::test]
async fn nobody_is_impersonated_by_trailers() {
    let (front, seen) = front(|_| {}).await;
    let head = format!("POST / HTTP/1.1\r\ncookie: __Host-doorward={ALICE}\r\ntransfer-encoding: chunked");
    let mut connection = front.connect().await;
    connection.send(&request(&format!("{head}\r\nconnection: close"), "", false)).await;
    connection.send("3\r\nabc\r\n0\r\nimpersonate-user: forged\r\nImpersonate_Group: forged\r\n\r\n").await;
    assert_eq!(connection.reply().await.status, 200);
    assert!(!seen.only().contains("forged"), "{:?}", seen.all());
}

#[tokio::test]
async fn other_routes_leave_such_headers_to_the_visitor() {
    let (front, seen) = front(|route| route.kubernetes = None).await;
    assert_eq!(
        front.ask("GET / HTTP/1.1\r\nAuthorization: Bearer mine\r\nImpersonate-User: bob", "").await.status,
        200
    );
    let got = seen.only();
    assert_eq!((all(&got, "authorization"), all(&got, "impersonate-user")), (vec!["Bearer mine"], vec!["bob"]));
}
