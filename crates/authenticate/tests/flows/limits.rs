//! How fast who may try: sign-ins, codes, and cookies that nobody knows.

use doorward_authenticate::{NotRecognised, RefusedFor};
use http::Request;

use crate::door::{AUTH, Browser, CODE, Door};
use crate::provider::Provider;

async fn door() -> (Provider, Door) {
    let provider = Provider::start().await;
    let door = Door::with(&provider).change(|settings| {
        settings.limits.begun_per_address = 5;
        settings.limits.failures_per_address = 3;
        settings.limits.unknown_sessions_per_address = 4;
    });
    (provider, door)
}

#[tokio::test]
async fn sign_ins_are_begun_so_often_and_the_answer_says_why_and_when() {
    let (_provider, door) = door().await;
    let url = format!("{AUTH}/.doorward/sign_in");
    for _ in 0..5 {
        assert_eq!(Browser::default().open(&door, &url).await.status(), 302);
    }
    let answer = Browser::default().open(&door, &url).await;
    assert_eq!(answer.status(), 429);
    assert_eq!(answer.answer.extensions().get(), Some(&RefusedFor("too-many-sign-ins")));
    let seconds: u64 = answer.answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=13).contains(&seconds), "{seconds}");
    assert!(answer.text().contains("Too many sign-ins"), "{}", answer.text());
}

#[tokio::test]
async fn wrong_codes_do_not_reach_the_provider_for_ever() {
    let (provider, door) = door().await;
    let mut last = None;
    for _ in 0..5 {
        let mut browser = Browser::default();
        let to_provider = browser.open(&door, &format!("{AUTH}/.doorward/sign_in")).await.location();
        let state = to_provider.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
        let iss = format!("&iss={}", provider.issuer());
        last = Some(browser.open(&door, &format!("{AUTH}/oauth2/callback?code=wrong&state={state}{iss}")).await);
    }
    let last = last.unwrap();
    assert_eq!(last.status(), 429, "{}", last.text());
    assert_eq!(last.answer.extensions().get(), Some(&RefusedFor("too-many-failed-sign-ins")));
    assert_eq!(provider.set().token_requests, 3, "the provider was asked more often than that");
}

#[tokio::test]
async fn cookies_nobody_knows_are_looked_up_so_often_and_known_ones_cost_nothing() {
    let (provider, door) = door().await;
    let mut browser = Browser::default();
    browser.visit(&door, Some(&provider), CODE).await;
    let ticket = browser.ticket("code.example.com").unwrap().to_owned();
    let ask = async |door: &Door, value: &str| {
        let request = Request::get("/").header("cookie", format!("__Host-doorward={value}"));
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        parts.headers.insert("host", "code.example.com".parse().unwrap());
        let arrived = doorward_hygiene::ArrivedOn {
            client: doorward_hygiene::ForwardedChain::direct("192.0.2.7".parse().unwrap()),
            sni: Some(doorward_hygiene::Hostname::parse("code.example.com").unwrap()),
            over_tls: true,
        };
        let head = doorward_hygiene::CleanHead::inspect(parts, &arrived).unwrap();
        door.authenticator.find(&head, door.now()).await
    };
    let junk = |number: usize| format!("{number:064x}");
    for number in 0..20 {
        assert!(ask(&door, &junk(number)).await.unwrap().is_none(), "{number}");
    }
    let mut refused = 0;
    for number in 20..40 {
        refused += usize::from(matches!(ask(&door, &junk(number)).await, Err(NotRecognised::TooManyUnknown { .. })));
    }
    assert!(refused >= 10, "only {refused} of twenty were refused");
    assert!(ask(&door, &junk(3)).await.unwrap().is_none(), "what is known to be nothing is not asked about");
    assert!(ask(&door, &ticket).await.unwrap().is_some(), "nor is who is known");
}
