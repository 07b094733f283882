//! Operators see who is signed in, sign them out and keep them out, while the program runs.

use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use serde_json::Value;

use crate::harness::browser::Browser;
use crate::harness::doorward::{Doorward, Said};
use crate::harness::hostile_provider::Person;
use crate::harness::scene::{ANYBODY_SIGNED_IN, Scene, WEBSOCKETS};
use crate::harness::websocket::{self, Socket, echo, open};

/// What the issue asks for, from the command's last word on.
const WITHIN: Duration = Duration::from_secs(1);

async fn scene() -> Scene {
    Scene::with(|setup, upstream| setup.route("app", upstream, &format!("{ANYBODY_SIGNED_IN}\n{WEBSOCKETS}"))).await
}

async fn sessions(door: &Doorward, arguments: &[&str]) -> Vec<Value> {
    let said = door.command(&[&["session", "list", "--json"], arguments].concat()).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let listed: Value = serde_json::from_str(&said.out).unwrap();
    listed["sessions"].as_array().unwrap().clone()
}

fn id_of(session: &Value) -> &str {
    session["id"].as_str().unwrap()
}

async fn is_signed_in(scene: &Scene, browser: &mut Browser) -> bool {
    browser.fetch(&scene.url("app", "/")).await.status == 200
}

/// Runs a command that ends this socket's session, and tells how long after it the socket had ended.
async fn ended_by(door: &Doorward, arguments: &[&str], socket: &mut Socket) -> (Said, Duration) {
    assert!(echo(socket, "before").await);
    let started = Instant::now();
    let (said, open_for) =
        tokio::join!(door.command(arguments).map(|said| (said, started.elapsed())), websocket::ended(socket));
    let (said, commanded) = said;
    (said, open_for.saturating_sub(commanded))
}

#[tokio::test]
async fn who_is_signed_in_is_listed_and_shown_without_what_opens_anything() {
    let scene = scene().await;
    assert_eq!(sessions(&scene.door, &[]).await, Vec::<Value>::new());
    let said = scene.door.command(&["session", "list"]).await;
    assert!(said.code == Some(0) && said.err.contains("nobody is signed in"), "{said:?}");

    let alice = scene.browser_of("alice@example.com").await;
    let _bob = scene.browser_of("bob@example.com").await;
    let all = sessions(&scene.door, &[]).await;
    let users: Vec<_> = all.iter().map(|session| session["user"].as_str().unwrap()).collect();
    assert_eq!(users, ["bob@example.com", "alice@example.com"], "the newest first");
    assert_eq!(sessions(&scene.door, &["--limit", "1"]).await.len(), 1);
    let hers = sessions(&scene.door, &["--user", "ALICE@example.com"]).await;
    assert_eq!(hers.len(), 1);
    assert_eq!((&hers[0]["client"], &hers[0]["subject"]), (&"127.0.0.1".into(), &"sub-alice".into()));

    let table = scene.door.command(&["session", "list"]).await;
    let shown = scene.door.command(&["session", "show", id_of(&hers[0])]).await;
    for (said, words) in [
        (&table, ["ID", "LAST SEEN", "alice@example.com", "bob@example.com", id_of(&hers[0]), "just now"]),
        (&shown, ["signed in", "issuer", "alice@example.com", "sub-alice", id_of(&hers[0]), "127.0.0.1"]),
    ] {
        assert_eq!(said.code, Some(0), "{said:?}");
        assert!(words.iter().all(|word| said.out.contains(word)), "{words:?}: {}", said.out);
        for cookie in alice.jar.all() {
            assert!(!said.out.contains(&cookie.value) && !said.err.contains(&cookie.value), "{}", said.out);
        }
    }
    let none = scene.door.command(&["session", "show", "AAAAAAAAAAAAAAAAAAAAAA"]).await;
    assert!(none.code == Some(1) && none.err.contains("there is no session AAAA"), "{none:?}");
}

#[tokio::test]
async fn a_revoked_session_ends_everywhere_within_a_second() {
    let scene = scene().await;
    let mut alice = scene.browser_of("alice@example.com").await;
    let mut bob = scene.browser_of("bob@example.com").await;
    let mut socket = open(&scene.door, &alice, "app").await.unwrap();
    let mut other = open(&scene.door, &bob, "app").await.unwrap();
    let hers = sessions(&scene.door, &["--user", "alice@example.com"]).await;
    let id = id_of(&hers[0]);

    let (said, late) = ended_by(&scene.door, &["session", "revoke", id], &mut socket).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.out.contains(&format!("ended {id}  alice@example.com")), "{said:?}");
    assert!(late < WITHIN, "the WebSocket lived on for {late:?}");
    println!("the WebSocket ended {late:?} after the command");
    assert!(!is_signed_in(&scene, &mut alice).await && is_signed_in(&scene, &mut bob).await);
    assert!(echo(&mut other, "still here").await);
    // She is not blocked.
    assert_eq!(alice.visit(&scene.url("app", "/")).await.status, 200);

    let again = scene.door.command(&["session", "revoke", id]).await;
    assert!(again.code == Some(1) && again.err.contains(&format!("there is no session {id}")), "{again:?}");
}

#[tokio::test]
async fn revoking_a_person_also_blocks_them_until_they_are_unblocked() {
    let scene = scene().await;
    let mut alice = scene.browser_of("alice@example.com").await;
    let mut elsewhere = scene.browser_of("alice@example.com").await;
    let mut bob = scene.browser_of("bob@example.com").await;
    let mut socket = open(&scene.door, &alice, "app").await.unwrap();
    let revoke = ["session", "revoke", "--user", "Alice@example.com"];
    let (said, late) = ended_by(&scene.door, &revoke, &mut socket).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(said.out.matches("ended ").count(), 2, "{said:?}");
    assert!(said.out.contains("alice@example.com is blocked now"), "{said:?}");
    assert!(said.out.contains("doorward user unblock alice@example.com"), "{said:?}");
    assert!(late < WITHIN, "the WebSocket lived on for {late:?}");
    assert!(!is_signed_in(&scene, &mut alice).await && !is_signed_in(&scene, &mut elsewhere).await);
    assert!(is_signed_in(&scene, &mut bob).await);

    scene.provider.person(Person::new("alice@example.com"));
    let refused = alice.visit(&scene.url("app", "/")).await;
    assert_eq!(refused.status, 403, "{}{}", alice.trail_as_text(), refused.text());
    assert!(refused.text().contains("You may not sign in"), "{}", refused.text());
    let blocked = scene.door.command(&["user", "blocked"]).await;
    assert!(blocked.code == Some(0) && blocked.out.contains("alice@example.com"), "{blocked:?}");

    let again = scene.door.command(&["user", "block", "alice@example.com"]).await;
    assert!(again.code == Some(0) && again.out.contains("was blocked already"), "{again:?}");
    let unblocked = scene.door.command(&["user", "unblock", "alice@example.com"]).await;
    assert_eq!(unblocked.code, Some(0), "{unblocked:?}");
    assert_eq!(alice.visit(&scene.url("app", "/")).await.status, 200);
    let twice = scene.door.command(&["user", "unblock", "alice@example.com"]).await;
    assert!(twice.code == Some(1) && twice.err.contains("is not blocked"), "{twice:?}");
}

#[tokio::test]
async fn a_person_can_be_signed_out_without_being_blocked() {
    let scene = scene().await;
    let mut alice = scene.browser_of("alice@example.com").await;
    let revoke = ["session", "revoke", "--user", "alice@example.com", "--no-block"];
    let said = scene.door.command(&revoke).await;
    assert!(said.code == Some(0) && !said.out.contains("blocked"), "{said:?}");
    assert!(!is_signed_in(&scene, &mut alice).await);
    assert_eq!(alice.visit(&scene.url("app", "/")).await.status, 200);
    scene.door.command(&revoke).await;
    let nothing = scene.door.command(&revoke).await;
    assert!(nothing.code == Some(0) && nothing.err.contains("not signed in"), "{nothing:?}");
}

#[tokio::test]
async fn everybody_is_signed_out_only_when_that_is_said_twice() {
    let scene = scene().await;
    let mut alice = scene.browser_of("alice@example.com").await;
    let mut bob = scene.browser_of("bob@example.com").await;
    let unsure = scene.door.command(&["session", "revoke", "--all"]).await;
    assert!(unsure.code == Some(1) && unsure.err.contains("--yes"), "{unsure:?}");
    assert!(is_signed_in(&scene, &mut alice).await);
    for unclear in [&["session", "revoke"][..], &["session", "revoke", "x", "--all"], &["session", "revoke", "--yes"]] {
        assert_eq!(scene.door.command(unclear).await.code, Some(2), "{unclear:?}");
    }
    let said = scene.door.command(&["session", "revoke", "--all", "--yes"]).await;
    assert!(said.code == Some(0) && said.out.matches("ended ").count() == 2, "{said:?}");
    assert!(!is_signed_in(&scene, &mut alice).await && !is_signed_in(&scene, &mut bob).await);
    assert_eq!(bob.visit(&scene.url("app", "/")).await.status, 200, "accounts stay as they are");
    let status = scene.door.health("/status").await;
    let status: Value = serde_json::from_str(&status.text()).unwrap();
    assert_eq!((&status["sessions"]["store"], &status["sessions"]["begun"]), (&"file".into(), &3.into()), "{status}");
    assert_eq!(status["sessions"]["store_failing_since"], Value::Null);
}
