//! Every session of a person, seen and ended: all that was open in one closes, wherever it is.

use std::time::Duration;

use crate::harness::browser::{Answer, Ask, Browser};
use crate::harness::scene::{ANYBODY_SIGNED_IN, Scene, WEBSOCKETS};
use crate::harness::upstream::Reply;
use crate::harness::websocket::{echo, ended, open};

/// A second is promised; a machine under load may be late.
const SOON: Duration = Duration::from_secs(4);

async fn scene() -> Scene {
    let keys = format!("{ANYBODY_SIGNED_IN}\n{WEBSOCKETS}");
    Scene::with(|setup, upstream| setup.route("app", upstream, &keys).route("code", upstream, &keys)).await
}

async fn list(scene: &Scene, browser: &mut Browser) -> serde_json::Value {
    let answer = browser.fetch(&scene.url("app", "/.doorward/sessions")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// Posts as a script of ours would.
async fn post(scene: &Scene, browser: &mut Browser, path: &str, fields: &[(&str, &str)]) -> Answer {
    browser.send(Ask::post(&scene.url("app", path), fields).header("accept", "application/json")).await
}

#[tokio::test]
async fn signing_out_everywhere_closes_what_is_open_in_every_browser_of_the_person_and_nobody_elses() {
    let scene = scene().await;
    let mut here = scene.browser_of("alice@example.com").await;
    let mut there = scene.browser_of("alice@example.com").await;
    there.visit(&scene.url("code", "/")).await;
    let mut bob = scene.browser_of("bob@example.com").await;
    let mut mine = open(&scene.door, &here, "app").await.unwrap();
    let mut theirs = open(&scene.door, &there, "code").await.unwrap();
    let mut bobs = open(&scene.door, &bob, "app").await.unwrap();
    scene.upstream.wait_for_tunnels(3).await;
    scene.upstream.reply_with(Reply::Stream { chunks: 1000, every: Duration::from_millis(100) });
    let cookie = there.jar.header(&scene.url("app", "/").parse().unwrap()).unwrap();
    let mut events = scene.door.raw("app").await;
    let authority = scene.door.authority("app");
    events.send(format!("GET /events HTTP/1.1\r\nHost: {authority}\r\nCookie: {cookie}\r\n\r\n")).await;
    events.head().await;
    events.some().await;
    scene.upstream.reply_with(Reply::Echo);

    let question = here.visit(&scene.url("app", "/.doorward/sign_out")).await;
    let page = here.submit(&question, &[("scope", "everywhere")]).await;
    assert_eq!(page.status, 200, "{}{}", here.trail_as_text(), page.text());
    for socket in [&mut mine, &mut theirs] {
        let took = ended(socket).await;
        assert!(took <= SOON, "{took:?} after signing out everywhere");
    }
    let started = std::time::Instant::now();
    events.rest().await;
    assert!(started.elapsed() <= SOON, "the event stream went on for {:?}", started.elapsed());
    for browser in [&mut here, &mut there] {
        assert_eq!(browser.fetch(&scene.url("app", "/")).await.status, 401);
    }
    assert!(echo(&mut bobs, "still here").await, "somebody else's tunnel was cut");
    assert_eq!(bob.fetch(&scene.url("app", "/")).await.status, 200);

    let log = scene.door.log.wait_for("signed out everywhere").await;
    assert!(log.contains("session-revoked") && log.contains("alice@example.com"), "{log}");
    scene.door.log.wait_for("\"signed-out\"").await;
    let door = scene.door.restarted().await;
    assert_eq!(there.fetch(&door.url("code", "/")).await.status, 401, "it came back with a restart");
    assert_eq!(bob.fetch(&door.url("app", "/")).await.status, 200);
}

#[tokio::test]
async fn a_session_ended_from_the_list_is_over_at_once_and_for_good() {
    let scene = scene().await;
    let mut here = scene.browser_of("alice@example.com").await;
    let mut there = scene.browser_of("alice@example.com").await;
    let mut socket = open(&scene.door, &there, "app").await.unwrap();
    let listed = list(&scene, &mut here).await;
    let sessions = listed["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 2, "{listed}");
    assert_eq!(sessions.iter().filter(|session| session["current"] == true).count(), 1);
    let other = sessions.iter().find(|session| session["current"] == false).unwrap()["id"].as_str().unwrap();
    let csrf = listed["csrf"].as_str().unwrap();

    let ask = Ask::post(&scene.url("app", "/.doorward/sessions/end"), &[("csrf", csrf), ("session", other)]);
    let forged = here.send(ask.header("origin", "https://evil.example")).await;
    assert_eq!(forged.status, 403);
    assert!(echo(&mut socket, "still here").await, "another site has ended it");

    let answer = post(&scene, &mut here, "/.doorward/sessions/end", &[("csrf", csrf), ("session", other)]).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["sessions_ended"]), (200, &serde_json::json!(1)));
    let took = ended(&mut socket).await;
    assert!(took <= SOON, "{took:?} after it was ended");
    assert_eq!(there.fetch(&scene.url("app", "/")).await.status, 401);
    assert_eq!(list(&scene, &mut here).await["sessions"].as_array().unwrap().len(), 1);
    scene.door.log.wait_for("ended it from another session").await;
    let door = scene.door.restarted().await;
    assert_eq!(there.fetch(&door.url("app", "/")).await.status, 401, "it came back with a restart");
    assert_eq!(here.fetch(&door.url("app", "/")).await.status, 200);
}

#[tokio::test]
async fn a_person_sees_and_ends_no_session_of_anybody_else() {
    let scene = scene().await;
    let mut alice = scene.browser_of("alice@example.com").await;
    let mut bob = scene.browser_of("bob@example.com").await;
    let hers = list(&scene, &mut alice).await["sessions"][0]["id"].as_str().unwrap().to_owned();
    let his = list(&scene, &mut bob).await;
    assert!(!his.to_string().contains(&hers));
    let csrf = his["csrf"].as_str().unwrap();
    for fields in [[("csrf", csrf), ("session", hers.as_str())], [("csrf", csrf), ("others", "all")]] {
        let answer = post(&scene, &mut bob, "/.doorward/sessions/end", &fields).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["sessions_ended"]), (200, &serde_json::json!(0)));
    }
    assert_eq!(alice.fetch(&scene.url("app", "/")).await.status, 200);
}

#[tokio::test]
async fn the_script_for_single_page_applications_is_there_for_everybody_on_every_host() {
    let scene = scene().await;
    for host in ["app", "code"] {
        let answer = Browser::new().fetch(&scene.url(host, "/.doorward/session.js")).await;
        assert_eq!(answer.status, 200);
        assert!(answer.body.len() < 4096, "{} bytes", answer.body.len());
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert!(answer.header("etag").is_some() && answer.header("cache-control").unwrap().contains("max-age"));
    }
    assert_eq!(scene.arrivals(), 0);
}
