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

#[tokio::test]
async fn who_is_signed_out_goes_where_the_configuration_says_and_nowhere_else() {
    let provider = Provider::start().await;
    let goodbye = "https://www.example.com/goodbye?a=b";
    let door = Door::with(&provider).change(|settings| settings.sign_in.signed_out = Some(goodbye.into()));
    let mut browser = signed_in(&door, &provider).await;
    let csrf = browser.open(&door, SIGN_OUT).await.field("csrf");
    let answer = browser.post(&door, SIGN_OUT, &[("csrf", &csrf)]).await;
    let query: std::collections::HashMap<_, _> = answer.location().query_pairs().into_owned().collect();
    assert_eq!(query["post_logout_redirect_uri"], format!("{AUTH}/.doorward/signed_out"), "providers know this one");
    for query in ["?state=provider", "", "?state=x&return=https://evil.example&url=//evil.example"] {
        let back = browser.open(&door, &format!("{AUTH}/.doorward/signed_out{query}")).await;
        assert_eq!((back.status().as_u16(), back.location().as_str()), (302, goodbye), "{query}");
    }

    provider.set().end_session = false;
    let door = Door::with(&provider).change(|settings| settings.sign_in.signed_out = Some(goodbye.into()));
    let mut browser = signed_in(&door, &provider).await;
    let csrf = browser.open(&door, SIGN_OUT).await.field("csrf");
    let answer = browser.post(&door, SIGN_OUT, &[("csrf", &csrf)]).await;
    assert_eq!(answer.location().as_str(), goodbye, "straight there");
    assert_eq!(browser.open(&door, SIGN_OUT).await.location().as_str(), goodbye, "nothing is left to sign out of");
}

#[tokio::test]
async fn a_program_signs_out_in_json_and_gets_no_token() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let mut browser = signed_in(&door, &provider).await;
    let asked = browser.fetch(&door, SIGN_OUT).await.json();
    assert_eq!(asked["error"], "confirmation-required");
    let answer = browser.fetch_post(&door, SIGN_OUT, &[("csrf", asked["csrf"].as_str().unwrap())]).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let said = answer.json();
    assert_eq!((&said["signed_out"], &said["sessions_ended"]), (&true.into(), &1.into()));
    let location = said["location"].as_str().unwrap();
    assert!(location.starts_with(&format!("{}/end?", provider.issuer())), "{location}");
    assert!(!location.contains("id_token_hint") && !said.to_string().contains("eyJ"));
    assert!(browser.ticket("code.example.com").is_none());
    assert_eq!(
        browser.fetch_post(&door, SIGN_OUT, &[("csrf", "x")]).await.json()["signed_out"],
        true,
        "no error twice"
    );
}

#[tokio::test]
async fn the_refresh_token_goes_back_to_the_provider() {
    let provider = Provider::start().await;
    let url = format!("{}/revoke", provider.issuer());
    provider.set().document.insert("revocation_endpoint".into(), url.into());
    let door = Door::with(&provider);
    let mut browser = signed_in(&door, &provider).await;
    let csrf = browser.open(&door, SIGN_OUT).await.field("csrf");
    browser.post(&door, SIGN_OUT, &[("csrf", &csrf)]).await;
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    let (form, authorized) = loop {
        if let Some(revoked) = provider.set().revocations.pop() {
            break revoked;
        }
        assert!(std::time::Instant::now() < deadline, "nothing was given back");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    assert!(authorized, "with our own credentials");
    assert_eq!((form["token"].as_str(), form["token_type_hint"].as_str()), ("refresh-token-1", "refresh_token"));
}

#[tokio::test]
async fn a_provider_that_cannot_take_a_token_back_keeps_nobody_signed_in() {
    let provider = Provider::start().await;
    let url = format!("{}/no-such-place", provider.issuer());
    provider.set().document.insert("revocation_endpoint".into(), url.into());
    let door = Door::with(&provider);
    let mut browser = signed_in(&door, &provider).await;
    let session = door.sessions_of(&browser).await;
    let csrf = browser.open(&door, SIGN_OUT).await.field("csrf");
    assert_eq!(browser.post(&door, SIGN_OUT, &[("csrf", &csrf)]).await.status(), 303);
    assert!(session.ended().is_cancelled());
}
