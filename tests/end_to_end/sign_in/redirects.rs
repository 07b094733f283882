//! Wherever a redirect target can be slipped in, it leads to hosts of ours, or nowhere.

use url::Url;

use crate::harness::browser::{Ask, Browser};
use crate::harness::scene::Scene;

/// Targets that some reader somewhere takes for another host, or for a script.
const ELSEWHERE: [&str; 38] = [
    "https://evil.example/",
    "HTTPS://EVIL.EXAMPLE/",
    "http://evil.example/",
    "//evil.example/",
    "///evil.example/",
    "////evil.example/",
    "/\\evil.example/",
    "\\\\evil.example/",
    "\\/evil.example/",
    "/\\/evil.example/",
    "/%5cevil.example/",
    "/%2fevil.example/",
    "/%09/evil.example/",
    "/\t/evil.example/",
    "/\n/evil.example/",
    "/\r\n/evil.example/",
    "\thttps://evil.example/",
    " https://evil.example/",
    "https:evil.example/",
    "https:/evil.example/",
    "https:\\\\evil.example/",
    "https://app.example.test@evil.example/",
    "https://app.example.test:pw@evil.example/",
    "https://app.example.test.evil.example/",
    "https://evil.example\\@app.example.test/",
    "https://evil.example#@app.example.test/",
    "https://evil.example?@app.example.test/",
    "https://evil.example%00.app.example.test/",
    "https://xapp.example.test/",
    "https://app.example.test:1/",
    "/..//evil.example/",
    "/.//evil.example/",
    "/x/..//evil.example/",
    "/;@evil.example/",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "/\r\nLocation: https://evil.example/",
    "/ok\r\nSet-Cookie: __Host-doorward=evil",
];

/// Names under which some proxy takes a target.
const NAMES: [&str; 8] = ["return", "return_to", "redirect_uri", "pomerium_redirect_uri", "rd", "next", "url", "host"];

/// Asserts that no hop of the last visit left our hosts and the provider.
fn assert_at_home(browser: &Browser, scene: &Scene, what: &str) {
    let provider = Url::parse(&scene.provider.issuer()).unwrap().origin();
    let ours = ["app", "code"].map(|host| Url::parse(&scene.url(host, "/")).unwrap().origin());
    for hop in &browser.trail {
        assert_ne!(hop.status, 500, "{what}: {}", hop.url);
        assert!(!hop.headers.contains_key("refresh"), "{what}");
        let Some(next) = hop.location() else { continue };
        let at_home = next.origin() == provider || ours.contains(&next.origin());
        assert!(at_home, "{what}: {} leads to {next} by {:?}", hop.url, hop.header("location"));
        let path = next.path();
        assert!(!path.starts_with("//") && !path.contains('\\'), "{what}: {next}");
    }
}

fn query(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

#[tokio::test]
async fn signing_in_never_leads_elsewhere() {
    let scene = Scene::with_two_hosts().await;
    for target in ELSEWHERE {
        for host in ["app", "code"] {
            let mut browser = Browser::new();
            let url = scene.url(host, &format!("/.doorward/sign_in?{}", query(&[("return", target)])));
            browser.visit(&url).await;
            assert_at_home(&browser, &scene, &format!("return={target:?} on {host}"));
        }
    }
}

#[tokio::test]
async fn somebody_who_is_signed_in_is_not_led_elsewhere_either() {
    let scene = Scene::with_two_hosts().await;
    let mut browser = scene.door.signed_in("app").await;
    browser.visit(&scene.url("code", "/")).await;
    for path in ["sign_in", "sign_out", "signed_out", "callback", "", "oauth2/callback"] {
        for target in ELSEWHERE {
            let pairs = NAMES.map(|name| (name, target));
            let url = scene.url("app", &format!("/.doorward/{path}?{}", query(&pairs)));
            browser.visit(&url).await;
            assert_at_home(&browser, &scene, &format!("{path} with {target:?}"));
        }
    }
    assert_eq!(browser.jar.get("app.example.test", "__Host-doorward").unwrap().value.len(), 64);
}

#[tokio::test]
async fn the_sign_in_host_hands_nobody_over_to_a_stranger() {
    let scene = Scene::with_two_hosts().await;
    let mut browser = scene.door.signed_in("app").await;
    // The question that a host of ours asks the sign-in host, host and all.
    let question = browser.send(Ask::page(&scene.url("code", "/"))).await.location().unwrap();
    let authority = scene.door.authority("code");
    let named = |pair: &(String, String)| pair.1.contains(&authority) || pair.1.contains("code.example.test");
    let pairs: Vec<(String, String)> = question.query_pairs().into_owned().collect();
    assert!(pairs.iter().any(named), "the question names no host: {question}");
    let strangers =
        ["evil.example", "evil.example:443", "code.example.test.evil.example", "code.example.test@evil.example"];
    for stranger in strangers.into_iter().chain(ELSEWHERE) {
        let mut url = question.clone();
        let changed = pairs.iter().map(|pair| {
            let value = if named(pair) { stranger } else { pair.1.as_str() };
            (pair.0.as_str(), value)
        });
        url.query_pairs_mut().clear().extend_pairs(changed);
        browser.follow(Ask::page(url.as_str())).await;
        assert_at_home(&browser, &scene, &format!("host {stranger:?}"));
        let codes =
            |hop: &crate::harness::browser::Answer| hop.header("location").is_some_and(|to| to.contains("code="));
        assert!(!browser.trail.iter().any(codes), "a code was made for {stranger:?}");
    }
}

#[tokio::test]
async fn a_deep_link_cannot_be_made_to_lead_elsewhere() {
    let scene = Scene::with_two_hosts().await;
    for path in [
        "//evil.example/",
        "//evil.example/%2e%2e",
        "/;//evil.example",
        "/?//evil.example",
        "///evil.example",
        "/@evil.example",
    ] {
        let mut browser = Browser::new();
        browser.visit(&scene.url("code", path)).await;
        assert_at_home(&browser, &scene, path);
    }
}

#[tokio::test]
async fn a_deep_link_comes_back_with_all_it_had() {
    let scene = Scene::with_two_hosts().await;
    for path in [
        "/?folder=/home/project&x=%2F%2e%2e%2F",
        "/a/b;c=d/?q=a+b&r=%E2%82%AC",
        "/search?q=https://evil.example/",
        "/a%20b?x=()*!",
        "/empty?",
    ] {
        for host in ["app", "code"] {
            let mut browser = Browser::new();
            let answer = browser.visit(&scene.url(host, path)).await;
            assert_eq!(answer.status, 200, "{path}\n{}{}", browser.trail_as_text(), answer.text());
            assert_eq!(scene.upstream.last().target(), path, "on {host}");
        }
    }
}
