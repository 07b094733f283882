//! What a browser holds while it signs in: little, only where it helps, and not for long.

use http::Request;

use crate::door::{AUTH, Answer, Browser, CODE, Door, WIKI};
use crate::provider::Provider;

/// The bytes of a `Cookie` header with everything of ours for this host.
fn bytes(browser: &Browser, host: &str) -> usize {
    let cookies = browser.jar.get(host).into_iter().flatten();
    cookies.map(|(name, value)| name.len() + value.len() + "=; ".len()).sum()
}

async fn ask(door: &Door, browser: &mut Browser, method: &str, url: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    browser.send(door, request.body(String::new()).unwrap()).await
}

#[tokio::test]
async fn nothing_is_begun_for_what_is_no_page_load() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let html = ("accept", "text/html,*/*");
    for headers in [
        vec![("accept", "*/*")],
        vec![html, ("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")],
        vec![html, ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")],
        vec![html, ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "frame")],
        vec![html, ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "object")],
        vec![html, ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")],
        vec![html, ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "script")],
        vec![html, ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document"), ("sec-purpose", "prefetch")],
        vec![
            html,
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
            ("sec-purpose", "prefetch;prerender"),
        ],
        vec![html, ("purpose", "prefetch")],
        vec![html, ("x-moz", "prefetch")],
        vec![html, ("x-requested-with", "XMLHttpRequest")],
    ] {
        for url in [CODE, &format!("{CODE}/favicon.ico"), &format!("{WIKI}/a?b")] {
            let answer = ask(&door, &mut Browser::default(), "GET", url, &headers).await;
            assert_eq!((answer.status().as_u16(), answer.set_cookies().len()), (401, 0), "{url} {headers:?}");
        }
        if headers.iter().any(|(name, _)| name.starts_with("sec-")) {
            let url = format!("{AUTH}/.doorward/sign_in");
            let answer = ask(&door, &mut Browser::default(), "GET", &url, &headers).await;
            assert_eq!((answer.status().as_u16(), answer.set_cookies().len()), (400, 0), "{headers:?}");
        }
    }
    // Who only asks for the head is told the way, and nothing is begun.
    for url in
        [CODE.to_owned(), WIKI.to_owned(), format!("{CODE}/.doorward/sign_in"), format!("{AUTH}/.doorward/sign_in")]
    {
        let answer = ask(&door, &mut Browser::default(), "HEAD", &url, &[html]).await;
        assert!(matches!(answer.status().as_u16(), 302 | 401), "{url}: {}", answer.status());
        assert!(answer.set_cookies().is_empty(), "{url}");
    }
}

#[tokio::test]
async fn twenty_expired_fetches_begin_nothing() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let mut browser = Browser::default();
    browser.visit(&door, Some(&provider), CODE).await;
    door.wait(60_000);
    let before = browser.jar.clone();
    for number in 0..20 {
        let answer =
            ask(&door, &mut browser, "GET", &format!("{CODE}/api/{number}"), &[("sec-fetch-mode", "cors")]).await;
        assert_eq!((answer.status().as_u16(), answer.set_cookies().len()), (401, 0));
    }
    assert_eq!(browser.jar, before);
}

#[tokio::test]
async fn five_tabs_arrive_and_a_sixth_takes_the_place_of_the_oldest() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let mut browser = Browser::default();
    let mut tabs = Vec::new();
    for tab in 0..6 {
        let hop = browser.open(&door, &format!("{CODE}/tab/{tab}")).await;
        let hop = browser.open(&door, hop.location().as_str()).await;
        tabs.push(provider.authorize(&hop.location()));
        // Attempts begun within one second have no order among themselves.
        door.wait(1);
    }
    for host in ["code.example.com", "auth.example.com"] {
        assert_eq!(browser.cookies(host, "attempt").len(), 5);
    }
    for (tab, url) in tabs.iter().enumerate().rev() {
        let answer = browser.visit(&door, Some(&provider), url.as_str()).await;
        if tab == 0 {
            assert_eq!(answer.status(), 400);
            assert!(answer.text().contains("could not be finished") && answer.text().contains("Start again"));
        } else {
            assert_eq!((answer.status().as_u16(), answer.url.path()), (200, format!("/tab/{tab}").as_str()));
        }
    }
    for host in ["code.example.com", "auth.example.com"] {
        assert!(browser.cookies(host, "attempt").is_empty(), "{host}");
    }
}

#[tokio::test]
async fn everything_of_ours_in_a_browser_is_small() {
    let provider = Provider::start().await;
    for sign_in in [CODE, AUTH] {
        let oidc = Door::oidc(provider.issuer(), doorward_config::ProviderKind::Oidc);
        let door = Door::build(oidc, sign_in, None, None);
        for length in [1, 100, 700, 2000] {
            let mut browser = Browser::default();
            for tab in 0..8 {
                let hop = browser.open(&door, &format!("{CODE}/{tab}{}", "a".repeat(length))).await;
                browser.open(&door, hop.location().as_str()).await;
            }
            browser.jar.entry("code.example.com".into()).or_default();
            // Signed in as well, and having been round before.
            let mut other = Browser::default();
            other.visit(&Door::with(&provider), Some(&provider), CODE).await;
            for (host, cookies) in other.jar {
                browser.jar.entry(host).or_default().extend(cookies);
            }
            for host in ["code.example.com", "auth.example.com"] {
                let bytes = bytes(&browser, host);
                assert!(bytes < 4096, "{host}, paths of {length}: {bytes}");
            }
            let session = browser.ticket("code.example.com").unwrap();
            assert!("__Host-doorward=".len() + session.len() < 100);
        }
    }
}
