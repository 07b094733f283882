//! What single-page applications build on: a 401 that says where to sign in, and two scripts.

use http::Request;

use crate::door::{AUTH, Browser, CODE, Door};
use crate::provider::Provider;

#[tokio::test]
async fn what_is_no_page_load_is_told_where_to_sign_in_and_gets_no_cookie() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let url = format!("{CODE}/api/items?x=y");
    let ask = || Request::get(&url);
    let fetch = || ask().header("sec-fetch-mode", "cors").header("sec-fetch-dest", "empty");
    for (what, request) in [
        ("fetch", fetch().header("accept", "*/*")),
        ("fetch that wants a page", fetch().header("accept", "text/html")),
        ("XMLHttpRequest", ask().header("accept", "*/*").header("x-requested-with", "XMLHttpRequest")),
        ("EventSource", fetch().header("accept", "text/event-stream")),
        ("a program", ask().header("accept", "application/json")),
        ("nothing said", ask()),
        (
            "WebSocket",
            ask()
                .header("connection", "Upgrade")
                .header("upgrade", "websocket")
                .header("sec-websocket-version", "13")
                .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
                .header("origin", CODE),
        ),
        ("a POST", Request::post(&url).header("accept", "*/*").header("content-length", "0")),
    ] {
        let mut browser = Browser::default();
        let answer = browser.send(&door, request.body(String::new()).unwrap()).await;
        assert_eq!(answer.status(), 401, "{what}");
        assert!(answer.set_cookies().is_empty() && !answer.answer.headers().contains_key("location"), "{what}");
        assert_eq!(answer.answer.headers()["x-doorward-intercepted-response"], "true", "{what}");
        if what != "fetch that wants a page" {
            assert_eq!(answer.json()["sign_in_url"], format!("{CODE}/.doorward/sign_in"), "{what}");
        }
    }
}

#[tokio::test]
async fn the_scripts_are_the_same_for_everybody_and_cached() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    for path in ["/.doorward/session.js", "/.doorward/signed_in.js"] {
        for host in [CODE, AUTH] {
            let url = format!("{host}{path}");
            let answer = Browser::default().fetch(&door, &url).await;
            assert_eq!(answer.status(), 200, "{url}: no session is needed");
            assert!(answer.set_cookies().is_empty());
            let headers = &answer.answer.headers();
            assert_eq!(headers["content-type"], "text/javascript; charset=utf-8");
            assert_eq!(headers["x-content-type-options"], "nosniff");
            assert_eq!(headers["cross-origin-resource-policy"], "same-origin");
            assert_eq!(headers["cache-control"], "public, max-age=300");
            let tag = headers["etag"].to_str().unwrap().to_owned();
            for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
                let request = Request::get(&url).header("if-none-match", &known).body(String::new()).unwrap();
                let again = door.request(request).await;
                assert_eq!((again.status().as_u16(), again.text().len()), (304, 0), "{known}");
                assert_eq!(again.answer.headers()["etag"], *tag);
            }
            let request = Request::get(&url).header("if-none-match", "\"other\"").body(String::new()).unwrap();
            assert_eq!(door.request(request).await.status(), 200);
        }
        let request = Request::post(format!("{CODE}{path}")).body(String::new()).unwrap();
        assert_eq!(door.request(request).await.status(), 405);
    }
}

#[tokio::test]
async fn a_sign_in_in_a_pop_up_ends_on_a_page_that_runs_only_our_file() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let mut browser = Browser::default();
    let start = format!("{CODE}/.doorward/sign_in?return=%2F.doorward%2Fsigned_in");
    let page = browser.visit(&door, Some(&provider), &start).await;
    assert_eq!((page.url.path(), page.status().as_u16()), ("/.doorward/signed_in", 200));
    assert!(page.text().contains("<script src=\"/.doorward/signed_in.js\" defer></script>"), "{}", page.text());
    let policy = page.answer.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"), "{policy}");
    assert!(!page.text().contains("eyJ"));
    let stranger = Browser::default().open(&door, &format!("{CODE}/.doorward/signed_in")).await;
    assert_eq!(stranger.status(), 302, "without a session it leads to sign in");
}
