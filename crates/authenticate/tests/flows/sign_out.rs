//! Signing out: everywhere at once, and only when the person means it.

use crate::door::{AUTH, Browser, CODE, Door, WIKI};
use crate::provider::Provider;

const SIGN_OUT: &str = "https://code.example.com/.doorward/sign_out";

async fn signed_in(door: &Door, provider: &Provider) -> Browser {
    let mut browser = Browser::default();
    browser.visit(door, Some(provider), CODE).await;
    browser.visit(door, Some(provider), WIKI).await;
    browser
}

#[tokio::test]
async fn signing_out_ends_the_session_on_every_host_and_at_the_provider() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let mut browser = signed_in(&door, &provider).await;
    let form = browser.open(&door, SIGN_OUT).await;
    assert_eq!(form.status(), 200, "asking ends nothing");
    assert_eq!(browser.open(&door, &format!("{CODE}/x")).await.status(), 200);

    let session = door.sessions_of(&browser).await;
    let answer = browser.post(&door, SIGN_OUT, &[("csrf", &form.field("csrf"))]).await;
    assert_eq!(answer.status(), 303);
    assert!(session.ended().is_cancelled(), "tunnels under it end");
    let url = answer.location();
    assert!(url.as_str().starts_with(&format!("{}/end?realm=a%20b&id_token_hint=", provider.issuer())), "{url}");
    let query: std::collections::HashMap<_, _> = url.query_pairs().into_owned().collect();
    assert_eq!(query["post_logout_redirect_uri"], format!("{AUTH}/.doorward/signed_out"));
    assert_eq!(query["client_id"], crate::provider::CLIENT_ID);
    assert!(browser.ticket("code.example.com").is_none());
    for host in [CODE, WIKI] {
        assert_eq!(browser.open(&door, &format!("{host}/x")).await.status(), 302, "{host}");
    }
    let answer = browser.open(&door, &format!("{AUTH}/.doorward/")).await;
    assert_eq!(answer.status(), 302, "the sign-in host's cookie is worth nothing either");

    let page = browser.open(&door, &format!("{AUTH}/.doorward/signed_out?state=provider")).await;
    assert!(page.status() == 200 && page.text().contains("identity provider has ended too"));
}

#[tokio::test]
async fn without_an_end_session_endpoint_our_own_page_is_the_end() {
    let provider = Provider::start().await;
    provider.set().end_session = false;
    let door = Door::with(&provider);
    let mut browser = signed_in(&door, &provider).await;
    let csrf = browser.open(&door, SIGN_OUT).await.field("csrf");
    let answer = browser.post(&door, SIGN_OUT, &[("csrf", &csrf)]).await;
    assert_eq!(answer.location().as_str(), format!("{CODE}/.doorward/signed_out"));
    let page = browser.open(&door, answer.location().as_str()).await;
    assert!(page.text().contains("You are signed out") && page.text().contains("Sign in again"));
}

#[tokio::test]
async fn nobody_else_signs_a_person_out() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let mut browser = signed_in(&door, &provider).await;
    let mut other = signed_in(&door, &provider).await;
    let mine = browser.open(&door, SIGN_OUT).await.field("csrf");
    let theirs = other.open(&door, SIGN_OUT).await.field("csrf");
    let of_wiki = browser.open(&door, &format!("{WIKI}/.doorward/sign_out")).await.field("csrf");
    for csrf in [theirs.as_str(), of_wiki.as_str(), "", "x", &mine[1..], &"A".repeat(10_000)] {
        assert_eq!(browser.post(&door, SIGN_OUT, &[("csrf", csrf)]).await.status(), 403, "{csrf}");
    }
    assert_eq!(browser.post(&door, SIGN_OUT, &[]).await.status(), 400);
    for headers in [
        [("origin", "https://evil.example")],
        [("origin", "null")],
        [("origin", WIKI)],
        [("sec-fetch-site", "cross-site")],
        [("sec-fetch-site", "same-site")],
    ] {
        let answer = browser.post_from(&door, SIGN_OUT, &[("csrf", &mine)], &headers).await;
        assert_eq!(answer.status(), 403, "{headers:?}");
        assert!(answer.set_cookies().is_empty());
    }
    let session = door.sessions_of(&browser).await;
    assert!(!session.ended().is_cancelled());
    assert_eq!(browser.post(&door, SIGN_OUT, &[("csrf", &mine)]).await.status(), 303);
}

#[tokio::test]
async fn without_a_session_signing_out_is_no_error() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let mut browser = Browser::default();
    let page = browser.open(&door, SIGN_OUT).await;
    assert!(page.status() == 200 && page.text().contains("You are signed out"));
    let answer = browser.post(&door, SIGN_OUT, &[("csrf", "stale")]).await;
    assert_eq!((answer.status().as_u16(), answer.location().path()), (303, "/.doorward/signed_out"));
}

#[tokio::test]
async fn an_expired_session_is_signed_out_everywhere() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let mut browser = signed_in(&door, &provider).await;
    door.wait(50_399);
    assert_eq!(browser.open(&door, &format!("{CODE}/x")).await.status(), 200);
    door.wait(1);
    for host in [CODE, WIKI] {
        assert_eq!(browser.open(&door, &format!("{host}/x")).await.status(), 302);
    }
}
