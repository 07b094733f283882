//! Signing in with a provider that does everything right.

use std::time::Duration;

use doorward_config::ProviderKind;
use jsonwebtoken::Algorithm;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::door::{AUTH, Browser, CODE, Door, WIKI};
use crate::provider::{Key, Provider, unused_address};

#[tokio::test]
async fn a_page_load_ends_where_it_began_with_the_very_address() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let mut browser = Browser::default();
    let url = format!("{CODE}/edit/x%20y?folder=/home/coder&q=a%26b");
    let answer = browser.visit(&door, Some(&provider), &url).await;
    assert_eq!(answer.url.as_str(), url);
    assert_eq!(answer.text(), "upstream for amina@example.com");
    assert_eq!(browser.ticket("code.example.com").unwrap().len(), 64);
    assert_ne!(browser.ticket("code.example.com"), browser.ticket("auth.example.com"));
    assert!(browser.cookies("code.example.com", "attempt").is_empty(), "attempts are cleared");
    assert!(browser.cookies("auth.example.com", "attempt").is_empty());

    // The second host needs no provider: the sign-in host knows the visitor already.
    let answer = browser.visit(&door, None, &format!("{WIKI}/page")).await;
    assert_eq!(answer.text(), "upstream for amina@example.com");
    assert_eq!(provider.set().token_requests, 1);
}

#[tokio::test]
async fn the_request_to_the_provider_is_complete_and_secret() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let mut browser = Browser::default();
    let hop = browser.open(&door, &format!("{CODE}/secret-path")).await;
    assert_eq!(hop.status(), 302);
    let hop = browser.open(&door, hop.location().as_str()).await;
    let url = hop.location();
    assert!(url.as_str().starts_with(&format!("{}/authorize?", provider.issuer())));
    let query: std::collections::HashMap<_, _> = url.query_pairs().into_owned().collect();
    assert_eq!(query["redirect_uri"], format!("{AUTH}/oauth2/callback"));
    assert_eq!(query["scope"], "openid email profile");
    assert_eq!(query["prompt"], "select_account");
    assert!(!url.as_str().contains("secret-path"), "the provider learns nothing of where one was going");
    // Two attempts share nothing.
    let other = browser.open(&door, &format!("{AUTH}/.doorward/sign_in")).await.location();
    let other: std::collections::HashMap<_, _> = other.query_pairs().into_owned().collect();
    for name in ["state", "nonce", "code_challenge"] {
        assert_ne!(query[name], other[name], "{name}");
    }
}

#[tokio::test]
async fn what_is_no_page_load_gets_401_and_no_cookie() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    for (name, value) in [("accept", "*/*"), ("sec-fetch-mode", "cors"), ("x-requested-with", "XMLHttpRequest")] {
        let request = http::Request::get(format!("{CODE}/api")).header(name, value).body(String::new()).unwrap();
        let answer = Browser::default().send(&door, request).await;
        assert_eq!(answer.status(), 401, "{name}");
        assert!(answer.set_cookies().is_empty());
        let json = answer.json();
        assert_eq!(json["sign_in_url"], format!("{CODE}/.doorward/sign_in"));
        assert_eq!(json["request_id"], "req-1");
        assert!(json["error"].is_string() && json["message"].is_string());
    }
    // That address starts a sign-in when opened.
    let mut browser = Browser::default();
    let answer = browser.visit(&door, Some(&provider), &format!("{CODE}/.doorward/sign_in")).await;
    assert_eq!((answer.url.as_str(), answer.status().as_u16()), (format!("{CODE}/").as_str(), 200));
}

#[tokio::test]
async fn several_tabs_at_once_each_arrive() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let mut browser = Browser::default();
    let mut tabs = Vec::new();
    for tab in 0..4 {
        let hop = browser.open(&door, &format!("{CODE}/tab/{tab}")).await;
        let hop = browser.open(&door, hop.location().as_str()).await;
        tabs.push(provider.authorize(&hop.location()));
    }
    // They come back in another order than they left.
    for tab in [2, 0, 3, 1] {
        let answer = browser.visit(&door, Some(&provider), tabs[tab].as_str()).await;
        assert_eq!(answer.url.path(), format!("/tab/{tab}"));
        assert_eq!(answer.status(), 200);
    }
    let answer = browser.open(&door, &format!("{CODE}/x")).await;
    assert_eq!(answer.text(), "upstream for amina@example.com");
}

#[tokio::test]
async fn userinfo_completes_the_identity() {
    let provider = Provider::start().await;
    provider.set().userinfo =
        Some(json!({"sub": "user-1", "email": "new@example.com", "groups": "ops;dev", "iss": "evil", "extra": 1}));
    let door = Door::with(&provider);
    let mut browser = Browser::default();
    browser.visit(&door, Some(&provider), CODE).await;
    let user = browser.open(&door, &format!("{CODE}/.doorward/user")).await.json();
    assert_eq!(user["email"], "new@example.com");
    assert_eq!(user["groups"], json!(["ops", "dev"]));
    assert_eq!(user["issuer"], provider.issuer());
    assert_eq!(user["claims"]["extra"], 1);
}

#[tokio::test]
async fn an_unverified_address_stays_unverified() {
    let provider = Provider::start().await;
    provider.set().claims.insert("email_verified".into(), json!("false"));
    let door = Door::with(&provider);
    let mut browser = Browser::default();
    browser.visit(&door, Some(&provider), CODE).await;
    let user = browser.open(&door, &format!("{CODE}/.doorward/user")).await.json();
    assert_eq!((&user["email"], &user["email_verified"]), (&json!("amina@example.com"), &json!(false)));
}

#[tokio::test]
async fn every_announced_public_key_algorithm_works() {
    for algorithm in [Algorithm::ES256, Algorithm::EdDSA, Algorithm::PS256] {
        let provider = Provider::start().await;
        let key = Key::new("k", algorithm);
        provider.sign_with(key);
        let announced = json!(["PS256", "ES256", "EdDSA"]);
        provider.set().document.insert("id_token_signing_alg_values_supported".into(), announced);
        let answer = Browser::default().visit(&Door::with(&provider), Some(&provider), CODE).await;
        assert_eq!(answer.status(), 200, "{algorithm:?}: {}", answer.text());
    }
}

#[tokio::test]
async fn new_keys_are_fetched_when_a_token_needs_them_and_not_for_nothing() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    Browser::default().visit(&door, Some(&provider), CODE).await;
    assert_eq!(provider.set().key_fetches, 1);
    // Twice in a row, at once after the other.
    for (round, kid) in ["two", "three"].into_iter().enumerate() {
        let key = Key::new(kid, Algorithm::ES256);
        provider.sign_with(key);
        let answer = Browser::default().visit(&door, Some(&provider), CODE).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert_eq!(provider.set().key_fetches, 2 + round);
    }
    // A key that is never published is asked for once, then not for ten seconds.
    provider.set().signing = Key::new("unpublished", Algorithm::ES256);
    for _ in 0..5 {
        assert_eq!(Browser::default().visit(&door, Some(&provider), CODE).await.status(), 502);
    }
    assert_eq!(provider.set().key_fetches, 4);
    let key = provider.set().signing.jwk.clone();
    provider.set().published.push(key);
    door.wait(11);
    assert_eq!(Browser::default().visit(&door, Some(&provider), CODE).await.status(), 200);
}

#[tokio::test]
async fn the_last_good_keys_outlive_an_outage_of_the_key_set() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    Browser::default().visit(&door, Some(&provider), CODE).await;
    let good = provider.set().signing.clone();
    provider.set().signing = Key::new("other", Algorithm::ES256);
    provider.set().published.clear();
    assert_eq!(Browser::default().visit(&door, Some(&provider), CODE).await.status(), 502);
    provider.set().signing = good;
    assert_eq!(Browser::default().visit(&door, Some(&provider), CODE).await.status(), 200);
}

#[tokio::test]
async fn a_provider_that_is_down_is_a_clear_page_and_then_works() {
    let address = unused_address().await;
    let door = Door::build(Door::oidc(format!("http://{address}"), ProviderKind::Oidc), AUTH, None, None);
    let mut browser = Browser::default();
    let hop = browser.open(&door, &format!("{CODE}/x")).await;
    let answer = browser.open(&door, hop.location().as_str()).await;
    assert_eq!(answer.status(), 503);
    assert!(answer.text().contains("cannot be reached") && answer.text().contains("Try again"));
    assert_eq!(answer.answer.headers()["retry-after"], "5");
    assert!(answer.set_cookies().is_empty());

    let provider = Provider::start_on(address).await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    let answer = browser.visit(&door, Some(&provider), hop.location().as_str()).await;
    assert_eq!((answer.url.path(), answer.status().as_u16()), ("/x", 200));
}

#[tokio::test]
async fn the_background_finds_the_provider_without_a_visitor() {
    let address = unused_address().await;
    let door = Door::build(Door::oidc(format!("http://{address}"), ProviderKind::Oidc), AUTH, None, None);
    let stop = CancellationToken::new();
    door.authenticator.start(stop.clone());
    tokio::time::sleep(Duration::from_millis(50)).await;
    let provider = Provider::start_on(address).await;
    tokio::time::timeout(Duration::from_secs(5), async {
        while provider.set().key_fetches == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("the provider was not asked again");
    stop.cancel();
}

#[tokio::test]
async fn an_announced_iss_parameter_is_needed_and_has_to_match() {
    let provider = Provider::start().await;
    provider.set().document.insert("authorization_response_iss_parameter_supported".into(), json!(true));
    let door = Door::with(&provider);
    assert_eq!(Browser::default().visit(&door, Some(&provider), CODE).await.status(), 502);
    provider.set().answers_with_issuer = Some("https://evil.example".into());
    assert_eq!(Browser::default().visit(&door, Some(&provider), CODE).await.status(), 502);
    assert_eq!(provider.set().token_requests, 0, "the code of another provider was redeemed");
    provider.set().answers_with_issuer = Some(provider.issuer());
    assert_eq!(Browser::default().visit(&door, Some(&provider), CODE).await.status(), 200);
}

#[tokio::test]
async fn a_wrong_iss_parameter_is_refused_even_unannounced() {
    let provider = Provider::start().await;
    provider.set().answers_with_issuer = Some(format!("{}/", provider.issuer()));
    let answer = Browser::default().visit(&Door::with(&provider), Some(&provider), CODE).await;
    assert_eq!(answer.status(), 502);
    assert_eq!(provider.set().token_requests, 0);
}

#[tokio::test]
async fn one_sign_in_begins_one_new_session_whatever_cookie_was_there() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let mut attacker = Browser::default();
    attacker.visit(&door, Some(&provider), CODE).await;
    let planted = attacker.ticket("auth.example.com").unwrap().to_owned();
    attacker.visit(&door, None, &format!("{AUTH}/.doorward/")).await;

    // The victim's browser carries the attacker's ticket when it comes back from the provider.
    let mut victim = Browser::default();
    provider.set().claims.insert("sub".into(), json!("user-2"));
    provider.set().claims.insert("email".into(), json!("victim@example.com"));
    let hop = victim.open(&door, &format!("{CODE}/x")).await;
    let hop = victim.open(&door, hop.location().as_str()).await;
    let back = provider.authorize(&hop.location());
    victim.jar.entry("auth.example.com".into()).or_default().insert("__Host-doorward".into(), planted.clone());
    let answer = victim.visit(&door, None, back.as_str()).await;
    assert_eq!(answer.text(), "upstream for victim@example.com");
    assert_ne!(victim.ticket("auth.example.com").unwrap(), planted);
    // And the attacker's session has not become the victim's.
    let answer = attacker.open(&door, &format!("{AUTH}/.doorward/user")).await;
    assert!(!answer.text().contains("victim@example.com"));
}

#[tokio::test]
async fn a_session_of_another_provider_is_none() {
    let (first, second) = (Provider::start().await, Provider::start().await);
    let door = Door::with(&first);
    let mut browser = Browser::default();
    browser.visit(&door, Some(&first), CODE).await;
    let door = door.change(|settings| settings.sign_in.provider = Door::oidc(second.issuer(), ProviderKind::Oidc));
    let answer = browser.open(&door, &format!("{CODE}/x")).await;
    assert_eq!(answer.status(), 302, "{}", answer.text());
}

#[tokio::test]
async fn a_shared_domain_has_one_secure_cookie() {
    let provider = Provider::start().await;
    let door = Door::with(&provider)
        .change(|settings| settings.cookie.domain = Some(doorward_hygiene::Hostname::parse("example.com").unwrap()));
    let mut browser = Browser::default();
    let answer = browser.visit(&door, Some(&provider), CODE).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(browser.cookies(".example.com", "__Secure-doorward").len(), 1);
    let answer = browser.open(&door, &format!("{WIKI}/")).await;
    assert_eq!(answer.text(), "upstream for amina@example.com", "no hop at all");
}

#[tokio::test]
async fn the_issuer_is_compared_to_the_last_slash() {
    let provider = Provider::start().await;
    let slashed = Door::oidc(format!("{}/", provider.issuer()), ProviderKind::Oidc);
    let door = Door::build(slashed, AUTH, None, None);
    let answer = Browser::default().visit(&door, Some(&provider), CODE).await;
    assert_eq!(answer.status(), 502);
}

#[tokio::test]
async fn entra_id_for_many_tenants_vouches_for_its_own_tenant_alone() {
    const TENANT: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
    let provider = Provider::start().await;
    let issuer = |tenant: &str| json!(format!("{}/{tenant}/v2.0", provider.issuer()));
    provider.set().document.insert("issuer".into(), issuer("{tenantid}"));
    let common = format!("{}/common/v2.0", provider.issuer());
    let door = Door::build(Door::oidc(common.clone(), ProviderKind::Azure), AUTH, None, None);
    for (tid, iss, passes) in [
        (json!(TENANT), issuer(TENANT), true),
        (json!(TENANT), issuer("00000000-0000-0000-0000-000000000000"), false),
        (json!(TENANT), issuer("{tenantid}"), false),
        (json!("common"), issuer("common"), false),
        (json!("x/../evil"), issuer("x/../evil"), false),
        (json!(null), issuer(TENANT), false),
    ] {
        provider.set().claims.insert("tid".into(), tid.clone());
        provider.set().claims.insert("iss".into(), iss.clone());
        let answer = Browser::default().visit(&door, Some(&provider), CODE).await;
        assert_eq!(answer.status() == 200, passes, "{tid} {iss}: {}", answer.text());
    }
    // Anybody can have a tenant and write any address into it, so without a word about it none counts.
    provider.set().claims.insert("tid".into(), json!(TENANT));
    provider.set().claims.insert("iss".into(), issuer(TENANT));
    provider.set().claims.remove("email_verified");
    let mut browser = Browser::default();
    browser.visit(&door, Some(&provider), CODE).await;
    assert_eq!(browser.open(&door, &format!("{CODE}/.doorward/user")).await.json()["email_verified"], false);
    // Any other provider that answers with a pattern is refused.
    let door = Door::build(Door::oidc(common, ProviderKind::Oidc), AUTH, None, None);
    assert_eq!(Browser::default().visit(&door, Some(&provider), CODE).await.status(), 502);
}

#[tokio::test]
async fn a_strict_cookie_is_carried_on_by_a_page_not_a_redirect() {
    let provider = Provider::start().await;
    let door = Door::with(&provider).change(|settings| settings.cookie.same_site = doorward_config::SameSite::Strict);
    let mut browser = Browser::default();
    let page = browser.visit(&door, Some(&provider), &format!("{CODE}/x?a=b&c=d")).await;
    assert_eq!((page.url.path(), page.status().as_u16()), ("/.doorward/callback", 200));
    assert!(
        page.text()
            .contains("http-equiv=\"refresh\" content=\"0;url=/.doorward/arrived?to=%2Fx%3Fa%3Db%26c%3Dd&#38;stamp="),
        "{}",
        page.text()
    );
    assert!(page.set_cookies().iter().any(|line| line.contains("SameSite=Strict")));
    assert_eq!(browser.open(&door, &format!("{CODE}/x?a=b&c=d")).await.status(), 200);
}
