//! What is known of signed-in people stays current, and nobody is signed out by the way it does.

mod answers;
mod replicas;
mod store;

use std::sync::Arc;
use std::time::{Duration, Instant};

use doorward_sessions::{LiveSession, SessionStore, Sessions};
use serde_json::json;
use tokio_util::sync::{CancellationToken, DropGuard};

use self::replicas::same_jar;
pub(crate) use self::store::SharedStore;
use crate::door::{Browser, CODE, Door};
use crate::provider::Provider;

/// How long sessions last.
pub(crate) const LIFE: Duration = Duration::from_secs(50_400);

/// A Doorward on this store, as one replica.
fn replica(provider: &Provider, store: &Arc<SharedStore>) -> Door {
    let mut door = Door::with(provider);
    let store = Arc::clone(store) as Arc<dyn SessionStore>;
    let sessions = Arc::new(Sessions::new(store, [7; 32], LIFE));
    door.sessions = Arc::clone(&sessions);
    door.change(|settings| settings.sessions = sessions)
}

/// The work of the background, until dropped.
fn started(door: &Door) -> DropGuard {
    let stop = CancellationToken::new();
    door.authenticator.start(stop.clone());
    stop.drop_guard()
}

/// Waits until it is so.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < end, "{what} does not come about");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn signed_in(door: &Door, provider: &Provider) -> (Browser, Arc<LiveSession>) {
    let mut browser = Browser::default();
    let answer = browser.visit(door, Some(provider), CODE).await;
    assert_eq!(answer.text(), "upstream for amina@example.com");
    let session = door.sessions_of(&browser).await;
    (browser, session)
}

async fn is_signed_in(door: &Door, browser: &mut Browser) -> bool {
    browser.open(door, CODE).await.status() == 200
}

#[tokio::test]
async fn a_session_in_use_is_refreshed_in_the_background_and_changed_claims_take_effect() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let _running = started(&door);
    let (mut browser, session) = signed_in(&door, &provider).await;
    assert_eq!(session.known().revision, 1);
    provider.set().claims.insert("groups".into(), json!(["editors"]));
    provider.set().claims.insert("email".into(), json!("amina@new.example"));
    door.wait(601);
    assert_eq!(browser.open(&door, CODE).await.text(), "upstream for amina@example.com", "the request does not wait");
    until("the refresh", || session.known().revision == 2).await;
    assert_eq!(session.known().identity.groups.as_slice(), ["editors"]);
    assert_eq!(browser.open(&door, CODE).await.text(), "upstream for amina@new.example");
    assert_eq!(provider.set().refreshes.requests, 1);
    let cards = door.sessions.of_person(&session.subject(), door.now()).await.unwrap();
    assert_eq!(cards[0].user, "amina@new.example", "lists show it too");
    // The next one goes with the token the first one brought.
    door.wait(601);
    assert!(is_signed_in(&door, &mut browser).await);
    until("the next refresh", || session.known().revision == 3).await;
    assert_eq!(provider.asked(), (2, 0));
}

#[tokio::test]
async fn a_session_nobody_uses_is_left_alone_and_heard_of_before_it_goes_on() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let _running = started(&door);
    let (mut browser, session) = signed_in(&door, &provider).await;
    door.wait(1201);
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(provider.set().refreshes.requests, 0, "nobody uses it");
    provider.set().claims.insert("groups".into(), json!([]));
    assert!(is_signed_in(&door, &mut browser).await);
    assert!(session.known().identity.groups.is_empty(), "the very request is decided by what is true now");
    assert_eq!(provider.set().refreshes.requests, 1);
}

#[tokio::test]
async fn a_provider_that_is_down_signs_nobody_out_and_is_not_asked_all_the_time() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let (mut browser, session) = signed_in(&door, &provider).await;
    provider.set().broken = Some((http::StatusCode::SERVICE_UNAVAILABLE, "down".into()));
    door.wait(1201);
    for _ in 0..20 {
        assert!(is_signed_in(&door, &mut browser).await);
    }
    assert_eq!(provider.set().token_requests, 2, "one sign-in, and one try");
    // Five seconds, then ten, less a quarter at most.
    for (seconds, requests) in [(3, 2), (3, 3), (7, 3), (4, 4)] {
        door.wait(seconds);
        for _ in 0..3 {
            assert!(is_signed_in(&door, &mut browser).await);
        }
        assert_eq!(provider.set().token_requests, requests);
    }
    provider.set().broken = None;
    door.wait(21);
    assert!(is_signed_in(&door, &mut browser).await);
    assert_eq!(session.known().revision, 2, "it has recovered");
    // The hard end holds, whatever is down.
    provider.set().broken = Some((http::StatusCode::SERVICE_UNAVAILABLE, "down".into()));
    door.wait(50_400);
    assert!(!is_signed_in(&door, &mut browser).await);
}

#[tokio::test]
async fn a_provider_that_hangs_holds_a_request_up_for_five_seconds_and_no_longer() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let (mut browser, _) = signed_in(&door, &provider).await;
    provider.set().refreshes.delay = Duration::from_secs(60);
    door.wait(1201);
    let began = Instant::now();
    assert!(is_signed_in(&door, &mut browser).await);
    assert!(began.elapsed() >= Duration::from_secs(4), "it has waited");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[tokio::test]
async fn one_session_with_a_hundred_requests_keeps_no_other_from_being_heard_of() {
    let provider = Provider::start().await;
    let door = Arc::new(Door::with(&provider));
    let (greedy, _) = signed_in(&door, &provider).await;
    let (mut other, session) = signed_in(&door, &provider).await;
    provider.set().refreshes.delay = Duration::from_secs(60);
    door.wait(1201);
    let hanging: Vec<_> = (0..100)
        .map(|_| {
            let (mut browser, door) = (same_jar(&greedy), Arc::clone(&door));
            tokio::spawn(async move { browser.open(&door, CODE).await.status() })
        })
        .collect();
    until("the first question", || provider.set().refreshes.begun == 1).await;
    provider.set().refreshes.delay = Duration::ZERO;
    assert!(is_signed_in(&door, &mut other).await);
    assert_eq!(session.known().revision, 2, "the other one is heard of at once");
    for request in hanging {
        assert_eq!(request.await.unwrap(), 200, "and nobody is signed out");
    }
    assert_eq!(provider.set().refreshes.begun, 2);
}

#[tokio::test]
async fn without_a_refresh_token_people_stay_who_they_were() {
    let provider = Provider::start().await;
    provider.set().refreshes.none = true;
    let door = Door::with(&provider);
    let (mut browser, session) = signed_in(&door, &provider).await;
    provider.set().claims.insert("groups".into(), json!([]));
    door.wait(20_000);
    assert!(is_signed_in(&door, &mut browser).await);
    assert_eq!((session.known().revision, provider.asked().0), (1, 0));
    assert_eq!(session.known().identity.groups.len(), 2);
}

#[tokio::test]
async fn a_refresh_goes_on_when_the_request_that_wanted_it_is_given_up() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let (mut browser, session) = signed_in(&door, &provider).await;
    provider.set().refreshes.delay = Duration::from_millis(400);
    door.wait(1201);
    let given_up = tokio::time::timeout(Duration::from_millis(100), browser.open(&door, CODE)).await;
    assert!(given_up.is_err());
    until("the refresh", || session.known().revision == 2).await;
    assert!(is_signed_in(&door, &mut browser).await);
    assert_eq!(provider.asked(), (1, 0));
}

#[tokio::test]
async fn a_refresh_token_is_asked_for_where_the_provider_knows_how() {
    for (supported, given, kind, expected) in [
        (json!(["openid", "offline_access"]), false, "oidc", "openid email profile offline_access"),
        (json!(["openid"]), false, "oidc", "openid email profile"),
        (serde_json::Value::Null, false, "oidc", "openid email profile"),
        (json!(["openid", "offline_access"]), true, "oidc", "openid email profile"),
        (json!(["openid", "offline_access"]), false, "keycloak", "openid email profile"),
    ] {
        let provider = Provider::start().await;
        if !supported.is_null() {
            provider.set().document.insert("scopes_supported".into(), supported.clone());
        }
        let door = Door::with(&provider).change(|settings| {
            let doorward_config::Provider::Oidc(oidc) = &mut settings.sign_in.provider else { panic!("another one") };
            oidc.scopes_given = given;
            if kind == "keycloak" {
                oidc.kind = doorward_config::ProviderKind::Keycloak;
            }
        });
        let mut browser = Browser::default();
        let hop = browser.open(&door, &format!("{}/.doorward/sign_in", crate::door::AUTH)).await;
        let location = hop.location();
        let scope = location.query_pairs().find(|(name, _)| name == "scope").unwrap().1;
        assert_eq!(scope, expected, "{supported} {given} {kind}");
    }
}

#[tokio::test]
async fn after_a_refresh_that_changed_the_groups_a_page_load_brings_a_new_ticket_and_the_old_one_goes() {
    let provider = Provider::start().await;
    let mut door = Door::with(&provider);
    door.replaces_tickets = true;
    let (mut browser, session) = signed_in(&door, &provider).await;
    let old = browser.ticket("code.example.com").unwrap().to_owned();
    // A refresh that changes nothing changes no ticket.
    door.wait(1201);
    assert!(browser.open(&door, CODE).await.set_cookies().is_empty());
    assert_eq!(session.known().revision, 2);

    provider.set().claims.insert("groups".into(), json!(["editors"]));
    door.wait(1201);
    let mut stolen = Browser { jar: browser.jar.clone(), ..Browser::default() };
    assert!(browser.fetch(&door, CODE).await.set_cookies().is_empty(), "a script's request changes no cookie");
    let answer = browser.open(&door, CODE).await;
    assert_eq!(answer.set_cookies().len(), 1);
    let new = browser.ticket("code.example.com").unwrap().to_owned();
    assert!(new != old && new.len() == 64);
    assert!(is_signed_in(&door, &mut stolen).await, "requests under way");
    stolen.jar.get_mut("code.example.com").unwrap().insert("__Host-doorward".into(), old.clone());
    door.wait(61);
    assert_eq!(stolen.fetch(&door, CODE).await.status(), 401, "whoever had the old one in their hands has nothing");
    assert!(is_signed_in(&door, &mut browser).await);
    assert_eq!(browser.ticket("code.example.com"), Some(new.as_str()));
    assert!(!session.is_over(door.now()));
}
