//! Signing in again for one route.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use url::Url;

use crate::door::{AUTH, Browser, CODE, Door, WIKI};
use crate::provider::{Provider, seconds};

const HOUR: Duration = Duration::from_secs(3600);

fn door(provider: &Provider) -> Door {
    let mut door = Door::with(provider);
    door.max_age = Some(HOUR);
    door
}

/// Says when the person signed in, as seen from the door's clock.
fn signed_in(provider: &Provider, at: i64) {
    provider.set().claims.insert("auth_time".into(), seconds(at));
}

/// Its tokens are as late as the door is.
fn late(provider: &Provider, by: i64) {
    provider.set().spoil = Some(Arc::new(move |claims, _| {
        claims.insert("iat".into(), seconds(by));
        claims.insert("exp".into(), seconds(by + 300));
    }));
}

fn query(url: &Url) -> HashMap<String, String> {
    url.query_pairs().into_owned().collect()
}

/// Opens a page and goes on until the provider is asked; then says what it is asked.
async fn until_asked(browser: &mut Browser, door: &Door, url: &str) -> Url {
    let mut answer = browser.open(door, url).await;
    for _ in 0..5 {
        let next = answer.location();
        if next.host_str() == Some("127.0.0.1") {
            return next;
        }
        answer = browser.open(door, next.as_str()).await;
    }
    panic!("the provider is not asked");
}

#[tokio::test]
async fn an_old_sign_in_is_made_anew_and_the_other_hosts_keep_theirs() {
    let provider = Provider::start().await;
    let door = door(&provider);
    let mut browser = Browser::default();
    signed_in(&provider, 0);
    assert_eq!(browser.visit(&door, Some(&provider), CODE).await.status(), 200);
    assert_eq!(browser.visit(&door, Some(&provider), WIKI).await.status(), 200);
    let (code, wiki) = (
        browser.ticket("code.example.com").unwrap().to_owned(),
        browser.ticket("wiki.example.com").unwrap().to_owned(),
    );
    let before = door.sessions_of(&browser).await;

    door.wait(3601);
    assert_eq!(browser.open(&door, &format!("{WIKI}/page")).await.status(), 200, "only one route asks for it");
    let asked = until_asked(&mut browser, &door, &format!("{CODE}/page")).await;
    assert_eq!(query(&asked)["max_age"], "3570", "{asked}");
    assert_eq!(query(&asked)["prompt"], "select_account");
    signed_in(&provider, 3601);
    late(&provider, 3601);
    let answer = browser.visit(&door, Some(&provider), &format!("{CODE}/page")).await;
    assert_eq!((answer.status().as_u16(), answer.url.path()), (200, "/page"));

    let after = door.sessions_of(&browser).await;
    assert_ne!(before.id(), after.id());
    assert_ne!(browser.ticket("code.example.com").unwrap(), code);
    // The old ticket is the old sign-in, here and there.
    assert_eq!(browser.ticket("wiki.example.com").unwrap(), wiki);
    let find = async |ticket: &str, host: &str| door.sessions.find(ticket, host, door.now()).await.unwrap().unwrap();
    for session in [find(&code, "code.example.com").await, find(&wiki, "wiki.example.com").await] {
        assert_eq!(session.id(), before.id());
        assert!(session.known().identity.authenticated_at < after.known().identity.authenticated_at - HOUR);
    }
    assert_eq!(browser.open(&door, &format!("{WIKI}/page")).await.status(), 200);
    // Who takes the old ticket back a third time within a minute is told that it did not help.
    browser.jar.get_mut("code.example.com").unwrap().insert("__Host-doorward".into(), code);
    let page = browser.open(&door, &format!("{CODE}/page")).await;
    assert!(page.status() == 400 && page.text().contains("Signing in again did not help"), "{}", page.text());
}

#[tokio::test]
async fn a_stranger_is_asked_for_a_recent_sign_in_at_once() {
    let provider = Provider::start().await;
    let door = door(&provider);
    let asked = until_asked(&mut Browser::default(), &door, CODE).await;
    assert_eq!(query(&asked)["max_age"], "3570");
    let asked = until_asked(&mut Browser::default(), &door, WIKI).await;
    assert!(!query(&asked).contains_key("max_age"), "{asked}");
}

#[tokio::test]
async fn a_session_of_the_sign_in_host_that_is_recent_enough_will_do() {
    let provider = Provider::start().await;
    let door = door(&provider);
    let mut browser = Browser::default();
    signed_in(&provider, 0);
    browser.visit(&door, Some(&provider), WIKI).await;
    door.wait(3000);
    // Hearing of a person anew is no sign-in.
    let sign_ins = || {
        let provider = provider.set();
        provider.token_requests - provider.refreshes.requests
    };
    let before = sign_ins();
    assert_eq!(browser.visit(&door, Some(&provider), CODE).await.status(), 200);
    assert_eq!(sign_ins(), before, "nobody was asked");
}

#[tokio::test]
async fn a_provider_that_does_not_listen_is_asked_once_more_and_then_named() {
    let provider = Provider::start().await;
    for said in [None, Some(json!(null)), Some(seconds(0)), Some(seconds(900_000))] {
        let door = door(&provider);
        door.wait(7200);
        match &said {
            Some(said) => provider.set().claims.insert("auth_time".into(), said.clone()),
            None => provider.set().claims.remove("auth_time"),
        };
        late(&provider, 7200);
        let mut browser = Browser::default();
        let first = until_asked(&mut browser, &door, &format!("{CODE}/page")).await;
        let again = browser.open(&door, provider.authorize(&first).as_str()).await;
        assert!(again.status().is_redirection(), "{said:?}: {}", again.text());
        let again = again.location();
        assert_eq!((query(&again)["prompt"].as_str(), query(&again)["max_age"].as_str()), ("login", "3570"));
        assert_ne!(query(&again)["state"], query(&first)["state"]);
        let page = browser.open(&door, provider.authorize(&again).as_str()).await;
        assert_eq!(page.status(), 403, "{said:?}: {}", page.text());
        assert!(page.text().contains("did not sign you in anew"), "{said:?}");
        assert!(
            browser.ticket("auth.example.com").is_none() && browser.cookies("auth.example.com", "attempt").is_empty()
        );
        // Asked a second time, it listens.
        let second = until_asked(&mut browser, &door, &format!("{CODE}/page")).await;
        let again = browser.open(&door, provider.authorize(&second).as_str()).await.location();
        signed_in(&provider, 7200);
        let done = browser.visit(&door, Some(&provider), provider.authorize(&again).as_str()).await;
        assert_eq!((done.status().as_u16(), done.url.path()), (200, "/page"), "{said:?}");
    }
}

#[tokio::test]
async fn a_script_is_told_where_to_sign_in_again_and_gets_no_cookie() {
    let provider = Provider::start().await;
    let door = door(&provider);
    let mut browser = Browser::default();
    signed_in(&provider, 0);
    browser.visit(&door, Some(&provider), CODE).await;
    door.wait(3601);
    let fetch =
        http::Request::get(format!("{CODE}/api")).header("accept", "application/json").body(String::new()).unwrap();
    let answer = browser.send(&door, fetch).await;
    assert_eq!((answer.status().as_u16(), answer.set_cookies().len()), (401, 0));
    let url = answer.json()["sign_in_url"].as_str().unwrap().to_owned();
    assert_eq!(url, format!("{CODE}/.doorward/sign_in?fresh=3600"));
    let asked = until_asked(&mut browser, &door, &format!("{url}&return=%2Fapi")).await;
    assert_eq!(query(&asked)["max_age"], "3570");
}

#[tokio::test]
async fn altering_what_is_asked_for_gains_nothing_and_makes_no_circle() {
    let provider = Provider::start().await;
    let door = door(&provider);
    let mut browser = Browser::default();
    signed_in(&provider, 0);
    browser.visit(&door, Some(&provider), CODE).await;
    door.wait(3601);
    // The visitor takes the wish out of every address on the way.
    let mut answers = 0;
    let mut answer = browser.open(&door, &format!("{CODE}/page")).await;
    while answer.status().is_redirection() {
        answers += 1;
        assert!(answers < 12, "a circle");
        let mut next = answer.location();
        let kept: Vec<_> = next.query_pairs().into_owned().filter(|(name, _)| name != "fresh").collect();
        if next.query().is_some() {
            next.query_pairs_mut().clear().extend_pairs(kept);
        }
        answer = browser.open(&door, next.as_str()).await;
    }
    assert_eq!(answer.status(), 400);
    assert!(answer.text().contains("Signing in again did not help"), "{}", answer.text());
    // Nor can anybody be made to sign in over and over by a link, or the door be upset.
    for fresh in ["0", "1", "60"] {
        let mut browser = Browser::default();
        signed_in(&provider, 0);
        let door = Door::with(&provider);
        browser.visit(&door, Some(&provider), &format!("{AUTH}/.doorward/")).await;
        let passed = browser.open(&door, &format!("{AUTH}/.doorward/sign_in?fresh={fresh}")).await;
        assert_eq!(passed.location().path(), "/", "{fresh}: signed in just now");
    }
    for fresh in ["-1", "x", "99999999999999999999", "1&fresh=2"] {
        let answer = Browser::default().open(&door, &format!("{AUTH}/.doorward/sign_in?fresh={fresh}")).await;
        assert_eq!(answer.status(), 400, "{fresh}");
    }
}

#[tokio::test]
async fn built_in_accounts_get_their_form_again() {
    let mut door = Door::with_accounts();
    door.max_age = Some(HOUR);
    let accounts = door.accounts.clone().unwrap();
    let email = doorward_identity::Email::parse("amina@example.com").unwrap();
    let token = accounts.invite(&email, door.now()).unwrap();
    let mut browser = Browser::default();
    let password = "a quiet harbour at dawn";
    let fields = [("token", token.expose()), ("password", password), ("again", password)];
    browser.post(&door, &format!("{CODE}/.doorward/welcome"), &fields).await;
    assert_eq!(browser.open(&door, &format!("{CODE}/page")).await.status(), 200);
    let before = door.sessions_of(&browser).await;
    door.wait(3601);
    let form = browser.visit(&door, None, &format!("{CODE}/page")).await;
    assert!(form.status() == 200 && form.text().contains("name=\"password\""), "{}", form.text());
    let fields = [("email", "amina@example.com"), ("password", password), ("attempt", &form.field("attempt"))];
    let answer = browser.post(&door, &format!("{CODE}/.doorward/sign_in"), &fields).await;
    let landed = browser.visit(&door, None, answer.location().as_str()).await;
    assert_eq!((landed.status().as_u16(), landed.url.path()), (200, "/page"));
    assert_ne!(door.sessions_of(&browser).await.id(), before.id());
}
