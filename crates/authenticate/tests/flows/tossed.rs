//! Cookies of our name that somebody put beside the real one, where hosts share a cookie.

use std::net::{IpAddr, Ipv4Addr};

use doorward_hygiene::Hostname;
use doorward_identity::{Claims, Email, Groups, Identity, Subject, VerifiedEmail};
use doorward_sessions::{NewSession, Tokens};
use http::Request;

use crate::door::{Browser, CODE, Door};
use crate::provider::Provider;

const NAME: &str = "__Secure-doorward";

fn sharing(provider: &Provider) -> Door {
    Door::with(provider).change(|settings| settings.cookie.domain = Some(Hostname::parse("example.com").unwrap()))
}

/// A ticket of somebody of this name.
async fn ticket(door: &Door, provider: &Provider, name: &str) -> String {
    let identity = Identity {
        subject: Subject { issuer: provider.issuer(), id: name.to_owned() },
        email: VerifiedEmail::Verified(Email::parse(&format!("{name}@example.com")).unwrap()),
        name: None,
        groups: Groups::default(),
        claims: Claims::default(),
        authenticated_at: door.now(),
    };
    let new = NewSession {
        identity,
        provider: provider.issuer(),
        tokens: Tokens::default(),
        tokens_expire_at: None,
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        user_agent: None,
        browser: None,
    };
    let session = door.sessions.begin(new, door.now()).await.unwrap();
    door.sessions.grant(&session, "example.com", door.now()).await.unwrap().to_cookie_value()
}

/// What a page load with these cookies is answered with.
async fn answer(door: &Door, values: &[&str]) -> (u16, String) {
    let cookies: Vec<_> = values.iter().map(|value| format!("{NAME}={value}")).collect();
    let request = Request::get(format!("{CODE}/")).header("accept", "text/html").header("cookie", cookies.join("; "));
    let answer = door.request(request.body(String::new()).unwrap()).await;
    (answer.status().as_u16(), answer.text())
}

#[tokio::test]
async fn junk_in_front_of_the_real_cookie_changes_nothing() {
    let provider = Provider::start().await;
    let door = sharing(&provider);
    let real = ticket(&door, &provider, "alice").await;
    let junk: Vec<_> = (0..100).map(|number| format!("{number:0>64}")).collect();
    for number in [1, 5, 100] {
        let values: Vec<&str> = junk.iter().take(number).map(String::as_str).chain([real.as_str()]).collect();
        for _ in 0..3 {
            assert_eq!(answer(&door, &values).await, (200, "upstream for alice@example.com".to_owned()), "{number}");
        }
    }
    let malformed = ["x", "", "signed-in", &real];
    assert_eq!(answer(&door, &malformed).await.0, 200);
}

#[tokio::test]
async fn an_attacker_s_own_ticket_beside_the_real_one_makes_nobody_act_as_the_attacker() {
    let provider = Provider::start().await;
    let door = sharing(&provider);
    let (real, tossed) = (ticket(&door, &provider, "alice").await, ticket(&door, &provider, "mallory").await);
    for values in [[tossed.as_str(), &real], [&real, &tossed]] {
        for _ in 0..2 {
            let (status, text) = answer(&door, &values).await;
            assert_eq!(status, 302, "asked to sign in: {text}");
        }
    }
    assert_eq!(answer(&door, &[&real]).await.0, 200, "neither session was ended");
    assert_eq!(answer(&door, &[&tossed]).await.0, 200);
}

#[tokio::test]
async fn after_a_sign_in_the_browser_s_own_cookie_alone_counts() {
    let provider = Provider::start().await;
    let door = sharing(&provider);
    let mut browser = Browser::default();
    let answer = browser.visit(&door, Some(&provider), &format!("{CODE}/")).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
}

/// A sign-in at a browser that brings somebody else's good ticket, on a walk of its own.
#[tokio::test]
async fn whoever_signs_in_beside_somebody_else_s_cookie_is_told_so_and_signing_out_ends_both() {
    let provider = Provider::start().await;
    let door = sharing(&provider);
    let (real, tossed) = (ticket(&door, &provider, "alice").await, ticket(&door, &provider, "mallory").await);
    let both = format!("{NAME}={tossed}; {NAME}={real}");
    let page = |url: String| Request::get(url).header("accept", "text/html").header("cookie", &both);
    assert_eq!(answer(&door, &[&tossed, &real]).await.0, 302);
    // Where every sign-in ends; with a stamp or without, the cause is looked for in what the browser returned.
    let mut browser = Browser::default();
    let mut hop = browser.open(&door, &format!("{CODE}/")).await;
    while !hop.location().path().starts_with("/.doorward/arrived") {
        let next = hop.location();
        let next = if next.host_str() == Some("127.0.0.1") { provider.authorize(&next) } else { next };
        hop = browser.open(&door, next.as_str()).await;
    }
    let arrived = door.request(page(hop.location().into()).body(String::new()).unwrap()).await;
    assert_eq!(arrived.status(), 400);
    assert!(arrived.text().contains("signed in as two people"), "{}", arrived.text());

    let question = door.request(page(format!("{CODE}/.doorward/sign_out")).body(String::new()).unwrap()).await;
    assert!(question.text().contains("several people at once"), "{}", question.text());
    let post = |origin: &str, site: &str| {
        let request = Request::post(format!("{CODE}/.doorward/sign_out")).header("accept", "text/html");
        let request = request.header("content-type", "application/x-www-form-urlencoded").header("cookie", &both);
        request.header("origin", origin).header("sec-fetch-site", site).body("csrf=".to_owned()).unwrap()
    };
    assert_eq!(door.request(post("https://evil.example.com", "same-site")).await.status(), 403);
    assert_eq!(answer(&door, &[&real]).await.0, 200, "a sibling cannot sign anybody out");
    let gone = door.request(post(CODE, "same-origin")).await;
    assert_eq!(gone.status(), 303, "{}", gone.text());
    assert!(gone.set_cookies().iter().any(|line| line.starts_with(NAME) && line.contains("Max-Age=0")));
    assert!(gone.location().path().ends_with("/signed_out"), "{}", gone.location());
    for left in [&real, &tossed] {
        assert_eq!(answer(&door, &[left]).await.0, 302, "both are over");
    }
}
