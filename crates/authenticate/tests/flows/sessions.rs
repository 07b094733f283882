//! Seeing one's sessions, and ending them: one's own alone.

use std::sync::Arc;

use doorward_identity::Email;
use doorward_sessions::LiveSession;
use serde_json::{Value, json};

use crate::door::{AUTH, Browser, CODE, Door, WIKI};
use crate::provider::Provider;

pub(crate) const HOME: &str = "https://code.example.com/.doorward/";
pub(crate) const LIST: &str = "https://code.example.com/.doorward/sessions";
pub(crate) const END: &str = "https://code.example.com/.doorward/sessions/end";
pub(crate) const SIGN_OUT: &str = "https://code.example.com/.doorward/sign_out";
const FIREFOX: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0";

/// A browser signed in at the code host.
pub(crate) async fn signed_in(door: &Door, provider: &Provider, user_agent: Option<&'static str>) -> Browser {
    let mut browser = Browser { user_agent, ..Browser::default() };
    assert_eq!(browser.visit(door, Some(provider), CODE).await.status(), 200);
    browser
}

/// A browser in which the same person signed in twice, in two tabs at once: its sessions, the older one first.
async fn signed_in_twice(door: &Door, provider: &Provider) -> (Browser, Arc<LiveSession>, Arc<LiveSession>) {
    let mut browser = Browser::default();
    let mut at_provider = Vec::new();
    for tab in ["a", "b"] {
        let hop = browser.open(door, &format!("{CODE}/{tab}")).await;
        at_provider.push(browser.open(door, hop.location().as_str()).await.location());
    }
    let mut sessions = Vec::new();
    for url in at_provider {
        let back = provider.authorize(&url);
        let answer = browser.visit(door, None, back.as_str()).await;
        assert_eq!(answer.status(), 200, "{}", answer.url);
        sessions.push(door.sessions_of(&browser).await);
    }
    let second = sessions.pop().unwrap();
    (browser, sessions.pop().unwrap(), second)
}

pub(crate) async fn list(door: &Door, browser: &mut Browser) -> Value {
    let answer = browser.fetch(door, LIST).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.json()
}

#[tokio::test]
async fn a_person_sees_their_own_sessions_and_which_one_is_this() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let mut here = signed_in(&door, &provider, Some(FIREFOX)).await;
    let _robot = signed_in(&door, &provider, Some("<b>robot</b>\tone")).await;
    provider.set().claims.insert("sub".into(), json!("user-2"));
    provider.set().claims.insert("email".into(), json!("bob@example.com"));
    let mut bob = signed_in(&door, &provider, None).await;

    let listed = list(&door, &mut here).await;
    let sessions = listed["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 2, "{listed}");
    assert_eq!((&sessions[0]["current"], &sessions[1]["current"]), (&json!(true), &json!(false)));
    assert_eq!(sessions[0]["browser"], "Firefox on Windows");
    for session in sessions {
        assert_eq!((&session["client"], &session["provider"]), (&json!("192.0.2.7"), &json!(provider.issuer())));
        assert!(session["signed_in_at"].as_str().unwrap().ends_with('Z'));
    }
    let page = here.open(&door, HOME).await.text();
    assert!(page.contains("Firefox on Windows") && page.contains("This one"), "{page}");
    assert!(page.contains("&#60;b&#62;robot") && !page.contains("<b>robot"), "{page}");
    assert!(page.contains("192.0.2.7") && page.contains("just now"));
    assert_eq!(list(&door, &mut bob).await["sessions"].as_array().unwrap().len(), 1);
    assert!(bob.open(&door, HOME).await.text().contains("A browser without a name"));

    for secret in ["access-token-1", "refresh-token-1", "eyJ", here.ticket("code.example.com").unwrap()] {
        assert!(!page.contains(secret) && !listed.to_string().contains(secret));
    }
    for path in ["/.doorward/sessions", "/.doorward/"] {
        assert_eq!(Browser::default().fetch(&door, &format!("{CODE}{path}")).await.status(), 401, "{path}");
    }
}

#[tokio::test]
async fn any_other_session_is_ended_by_its_button_and_at_once() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let mut here = signed_in(&door, &provider, None).await;
    let mut there = signed_in(&door, &provider, None).await;
    let doomed = door.sessions_of(&there).await;
    let csrf = here.open(&door, HOME).await.field("csrf");
    let answer = here.post(&door, END, &[("csrf", &csrf), ("session", doomed.id())]).await;
    assert_eq!((answer.status().as_u16(), answer.location().as_str()), (303, HOME));
    assert!(doomed.ended().is_cancelled(), "what was open in it closes");
    assert_eq!(there.fetch(&door, &format!("{CODE}/x")).await.status(), 401);
    assert_eq!(here.fetch(&door, &format!("{CODE}/x")).await.status(), 200);
    assert_eq!(list(&door, &mut here).await["sessions"].as_array().unwrap().len(), 1);
    // Once more, as after going back: nothing to end, and no error.
    let again = here.fetch_post(&door, END, &[("csrf", &csrf), ("session", doomed.id())]).await;
    assert_eq!((again.status().as_u16(), &again.json()["sessions_ended"]), (200, &json!(0)));
}

#[tokio::test]
async fn all_others_end_and_this_one_goes_on() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let mut here = signed_in(&door, &provider, None).await;
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(door.sessions_of(&signed_in(&door, &provider, None).await).await);
    }
    let csrf = list(&door, &mut here).await["csrf"].as_str().unwrap().to_owned();
    let answer = here.fetch_post(&door, END, &[("csrf", &csrf), ("others", "all")]).await;
    assert_eq!((answer.status().as_u16(), &answer.json()["sessions_ended"]), (200, &json!(3)));
    assert!(others.iter().all(|session| session.ended().is_cancelled()));
    assert_eq!(here.fetch(&door, &format!("{CODE}/x")).await.status(), 200);
}

#[tokio::test]
async fn to_end_the_session_that_asks_is_to_sign_out() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let mut browser = signed_in(&door, &provider, None).await;
    let session = door.sessions_of(&browser).await;
    let csrf = browser.open(&door, HOME).await.field("csrf");
    let answer = browser.post(&door, END, &[("csrf", &csrf), ("session", session.id())]).await;
    assert!(answer.location().as_str().starts_with(&format!("{}/end?", provider.issuer())), "{}", answer.location());
    assert!(session.ended().is_cancelled() && browser.ticket("code.example.com").is_none());
}

#[tokio::test]
async fn nobody_ends_a_session_of_somebody_else() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let amina = signed_in(&door, &provider, None).await;
    let hers = door.sessions_of(&amina).await;
    provider.set().claims.insert("sub".into(), json!("user-2"));
    let mut mallory = signed_in(&door, &provider, None).await;
    let csrf = list(&door, &mut mallory).await["csrf"].as_str().unwrap().to_owned();
    for id in [hers.id(), "", "x", &"A".repeat(22), "../x", &"A".repeat(8000)] {
        let answer = mallory.fetch_post(&door, END, &[("csrf", &csrf), ("session", id)]).await;
        assert_eq!((answer.status().as_u16(), &answer.json()["sessions_ended"]), (200, &json!(0)), "{id}");
    }
    mallory.fetch_post(&door, END, &[("csrf", &csrf), ("others", "all")]).await;
    let csrf = mallory.open(&door, SIGN_OUT).await.field("csrf");
    mallory.post(&door, SIGN_OUT, &[("csrf", &csrf), ("scope", "everywhere")]).await;
    assert!(!hers.ended().is_cancelled());
}

#[tokio::test]
async fn forms_that_are_not_ours_end_nothing() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let mut here = signed_in(&door, &provider, None).await;
    let mut there = signed_in(&door, &provider, None).await;
    let doomed = door.sessions_of(&there).await;
    let good = here.open(&door, HOME).await.field("csrf");
    let theirs = there.open(&door, HOME).await.field("csrf");
    here.visit(&door, Some(&provider), WIKI).await;
    let of_wiki = here.open(&door, &format!("{WIKI}/.doorward/")).await.field("csrf");
    let target = ("session", doomed.id());
    for csrf in [theirs.as_str(), &of_wiki, "", "x", &good[1..]] {
        assert_eq!(here.post(&door, END, &[("csrf", csrf), target]).await.status(), 403, "{csrf}");
    }
    for headers in [[("origin", "https://evil.example")], [("origin", WIKI)], [("sec-fetch-site", "same-site")]] {
        assert_eq!(here.post_from(&door, END, &[("csrf", &good), target], &headers).await.status(), 403, "{headers:?}");
    }
    for fields in [
        &[("csrf", good.as_str())][..],
        &[target],
        &[("csrf", &good), ("others", "x")],
        &[("csrf", &good), target, ("others", "all")],
    ] {
        assert_eq!(here.post(&door, END, fields).await.status(), 400, "{fields:?}");
    }
    assert_eq!(here.open(&door, &format!("{END}?csrf={good}&session={}", doomed.id())).await.status(), 405);
    assert!(!doomed.ended().is_cancelled());
    assert_eq!(Browser::default().fetch_post(&door, END, &[("csrf", &good), target]).await.status(), 401);
}

#[tokio::test]
async fn signing_out_of_this_browser_ends_every_session_in_it_and_no_other() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let (mut browser, first, second) = signed_in_twice(&door, &provider).await;
    assert!(first.id() != second.id() && first.browser() == second.browser());
    let elsewhere = door.sessions_of(&signed_in(&door, &provider, None).await).await;
    assert_eq!(
        list(&door, &mut browser).await["sessions"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|one| one["this_browser"] == true)
            .count(),
        2
    );
    let form = browser.open(&door, SIGN_OUT).await;
    assert!(form.text().contains("Sign out of this browser") && form.text().contains("Sign out everywhere"));
    browser.post(&door, SIGN_OUT, &[("csrf", &form.field("csrf")), ("scope", "browser")]).await;
    assert!(first.ended().is_cancelled() && second.ended().is_cancelled());
    assert!(!elsewhere.ended().is_cancelled());
}

#[tokio::test]
async fn signing_out_everywhere_ends_every_session_of_the_person() {
    let provider = Provider::start().await;
    provider.set().end_session = false;
    let door = Door::with(&provider);
    let (mut browser, first, second) = signed_in_twice(&door, &provider).await;
    let elsewhere = door.sessions_of(&signed_in(&door, &provider, None).await).await;
    let csrf = browser.open(&door, SIGN_OUT).await.field("csrf");
    assert_eq!(browser.post(&door, SIGN_OUT, &[("csrf", &csrf), ("scope", "galaxy")]).await.status(), 400);
    assert!(!first.ended().is_cancelled());
    let answer = browser.post(&door, SIGN_OUT, &[("csrf", &csrf), ("scope", "everywhere")]).await;
    assert!([first, second, elsewhere].iter().all(|session| session.ended().is_cancelled()));
    let page = browser.open(&door, answer.location().as_str()).await;
    assert!(page.text().contains("in this browser or any other"), "{}", page.text());
}

#[tokio::test]
async fn the_list_is_bounded_and_says_so() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let mut here = signed_in(&door, &provider, None).await;
    let session = door.sessions_of(&here).await;
    door.wait(60);
    for _ in 0..110 {
        let new = doorward_sessions::NewSession {
            identity: session.known().identity.clone(),
            provider: session.provider().to_owned(),
            tokens: doorward_sessions::Tokens::default(),
            tokens_expire_at: None,
            client: session.client(),
            user_agent: None,
            browser: None,
        };
        door.sessions.begin(new, door.now()).await.unwrap();
    }
    let listed = list(&door, &mut here).await;
    assert_eq!((listed["sessions"].as_array().unwrap().len(), &listed["not_shown"]), (100, &json!(11)));
    assert_eq!(listed["sessions"][0]["id"], session.id(), "the one that asks is always there, though the oldest");
    assert!(here.open(&door, HOME).await.text().contains("And 11 more"));
    let csrf = listed["csrf"].as_str().unwrap();
    let answer = here.fetch_post(&door, END, &[("csrf", csrf), ("others", "all")]).await;
    assert_eq!(answer.json()["sessions_ended"], 110, "also those that are not shown");
}

#[tokio::test]
async fn somebody_who_is_blocked_is_told_so_and_whom_to_ask() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let mut before = signed_in(&door, &provider, None).await;
    door.sessions.block(&Email::parse("amina@example.com").unwrap(), door.now()).await.unwrap();
    assert_eq!(before.fetch(&door, &format!("{CODE}/x")).await.status(), 401);
    let mut browser = Browser::default();
    let page = browser.visit(&door, Some(&provider), CODE).await;
    assert_eq!(page.status(), 403);
    assert!(page.text().contains("You may not sign in here"), "{}", page.text());
    assert!(page.text().contains("href=\"mailto:help@example.com\""));
    assert!(!page.text().contains("amina") && !page.text().contains("blocked"), "{}", page.text());
    assert!(browser.ticket("auth.example.com").is_none() && browser.ticket("code.example.com").is_none());
    assert_eq!(page.url.host_str(), Some("auth.example.com"), "{AUTH}");
}
