//! What is ours and what is not, and what our pages show.

use doorward_authenticate::{RouteAddress, RouteCard};
use http::Request;

use crate::door::{AUTH, Browser, CODE, Door, WIKI};
use crate::provider::Provider;

#[tokio::test]
async fn pages_about_oneself_never_hold_a_token() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    *door.routes.lock().unwrap() = vec![RouteCard {
        name: "<b>Wiki</b>".into(),
        description: "Notes".into(),
        address: RouteAddress::Url(format!("{WIKI}/")),
    }];
    let mut browser = Browser::default();
    browser.visit(&door, Some(&provider), CODE).await;
    let ticket = browser.ticket("code.example.com").unwrap().to_owned();
    for (path, expected) in
        [("/.doorward/", "amina@example.com"), ("/.doorward/user", "\"staff\""), ("/.doorward/routes", "Notes")]
    {
        let answer = browser.open(&door, &format!("{CODE}{path}")).await;
        assert_eq!(answer.status(), 200, "{path}");
        let text = answer.text();
        assert!(text.contains(expected), "{path}: {text}");
        for secret in ["access-token-1", "refresh-token-1", "eyJ", ticket.as_str(), "nonce", "at_hash"] {
            assert!(!text.contains(secret), "{path} shows {secret}");
        }
        assert!(!text.contains("<b>Wiki"));
        assert_eq!(answer.answer.headers()["cache-control"], "no-store");
    }
    let user = browser.open(&door, &format!("{CODE}/.doorward/user")).await;
    assert_eq!(user.answer.headers()["content-type"], "application/json");
    let user = user.json();
    assert_eq!(user["subject"], "user-1");
    let first = user["session"].as_str().unwrap().to_owned();
    // What the script of a page that waits for a sign-in goes by: times alone are the same within a second.
    let mut other = Browser::default();
    other.visit(&door, Some(&provider), &format!("{CODE}/")).await;
    let again = other.open(&door, &format!("{CODE}/.doorward/user")).await.json();
    assert_ne!(again["session"].as_str().unwrap(), first);
    for name in ["signed_in_at", "expires_at"] {
        assert!(user[name].as_str().unwrap().ends_with('Z'), "{user}");
    }
}

#[tokio::test]
async fn without_a_session_our_pages_ask_as_any_other() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    for path in ["/.doorward/", "/.doorward/user", "/.doorward/routes"] {
        let mut browser = Browser::default();
        let answer = browser.visit(&door, Some(&provider), &format!("{CODE}{path}")).await;
        assert_eq!((answer.url.path(), answer.status().as_u16()), (path, 200));
        let request = Request::get(format!("{CODE}{path}")).body(String::new()).unwrap();
        let answer = Browser::default().send(&door, request).await;
        assert_eq!(answer.status(), 401, "{path}");
        assert!(answer.json()["sign_in_url"].is_string() && answer.set_cookies().is_empty());
    }
}

#[tokio::test]
async fn unknown_paths_are_404_and_unknown_methods_405() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    for path in
        ["/.doorward/x", "/.doorward/user/", "/.doorward/USER", "/.doorward/oauth2/callback", "/.doorward//user"]
    {
        assert_eq!(Browser::default().open(&door, &format!("{CODE}{path}")).await.status(), 404, "{path}");
    }
    for (method, path) in [
        ("POST", "/.doorward/"),
        ("POST", "/.doorward/user"),
        ("PUT", "/.doorward/sign_in"),
        ("DELETE", "/.doorward/sign_out"),
        ("PATCH", "/.doorward/callback"),
        ("OPTIONS", "/.doorward/user"),
        ("FOO", "/.doorward/routes"),
    ] {
        let request = Request::builder().method(method).uri(format!("{CODE}{path}")).body(String::new()).unwrap();
        let answer = door.request(request).await;
        assert_eq!(answer.status(), 405, "{method} {path}");
        assert!(answer.answer.headers().contains_key("allow"), "{method} {path}");
        assert_eq!(answer.json()["error"], "method-not-allowed");
    }
}

#[tokio::test]
async fn everything_below_our_prefix_is_ours_in_every_reading() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    for path in
        ["/.doorward", "/.doorward/x/y", "/%2edoorward/user", "//.doorward/user", "/.doorward;x/user", "/.%64oorward/"]
    {
        let request = Request::get(format!("{CODE}{path}")).body(String::new()).unwrap();
        let answer = door.request(request).await;
        assert_ne!(answer.status(), 200, "{path}");
        assert!(
            answer.answer.headers().contains_key("x-doorward-intercepted-response") || answer.status() == 302,
            "{path}"
        );
    }
    // These are an application's, and it is asked to be let in to them.
    for path in ["/.doorwards", "/x/.doorward/", "/.Doorward/user"] {
        let answer = Browser::default().open(&door, &format!("{CODE}{path}")).await;
        assert_eq!(answer.location().host_str(), Some("auth.example.com"), "{path}");
    }
}

#[tokio::test]
async fn a_dedicated_sign_in_host_leads_to_our_own_pages() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let mut browser = Browser::default();
    let answer = browser.visit(&door, Some(&provider), &format!("{AUTH}/")).await;
    assert_eq!((answer.url.as_str(), answer.status().as_u16()), (format!("{AUTH}/.doorward/").as_str(), 200));
    // The callback's path is an application's on every other host.
    let answer = browser.open(&door, &format!("{WIKI}/oauth2/callback?code=x&state=y")).await;
    assert_eq!(answer.location().host_str(), Some("auth.example.com"));
    assert!(answer.location().path().ends_with("/sign_in"));
}

#[tokio::test]
async fn a_frame_or_script_begins_nothing() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    for destination in ["iframe", "image", "empty", "script", "embed"] {
        let request = Request::get(format!("{AUTH}/.doorward/sign_in"))
            .header("sec-fetch-dest", destination)
            .header("accept", "text/html")
            .body(String::new())
            .unwrap();
        let answer = door.request(request).await;
        assert_eq!(answer.status(), 400, "{destination}");
        assert!(answer.set_cookies().is_empty());
    }
}

#[tokio::test]
async fn attempts_never_pile_up_in_a_browser() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let mut browser = Browser::default();
    for number in 0..30 {
        let hop = browser.open(&door, &format!("{CODE}/{number}")).await;
        browser.open(&door, hop.location().as_str()).await;
    }
    assert_eq!(browser.cookies("code.example.com", "attempt").len(), 5);
    assert_eq!(browser.cookies("auth.example.com", "attempt").len(), 5);
}

#[tokio::test]
async fn a_host_we_do_not_serve_is_sent_nowhere() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    for path in ["/", "/.doorward/sign_in"] {
        let answer = Browser::default().open(&door, &format!("https://evil.example{path}")).await;
        assert_eq!(answer.status(), 404);
        assert!(answer.set_cookies().is_empty());
    }
}
