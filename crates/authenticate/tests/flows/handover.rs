//! From the sign-in host to another host of ours, and everything somebody might try on the way.

use http::Request;
use url::Url;

use crate::door::{AUTH, Browser, CODE, Door, WIKI};
use crate::provider::Provider;

/// A browser signed in on the sign-in host, on its way to `/page` of the wiki: the address that takes it there.
async fn on_the_way(door: &Door, provider: &Provider) -> (Browser, Url) {
    let mut browser = Browser::default();
    browser.visit(door, Some(provider), CODE).await;
    let hop = browser.open(door, &format!("{WIKI}/page?x=1")).await;
    let hop = browser.open(door, hop.location().as_str()).await;
    (browser, hop.location())
}

#[tokio::test]
async fn the_code_leads_to_the_page_asked_for() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let (mut browser, url) = on_the_way(&door, &provider).await;
    assert!(url.as_str().starts_with(&format!("{WIKI}/.doorward/callback?code=")), "{url}");
    let answer = browser.open(&door, url.as_str()).await;
    assert_eq!(answer.arrives_at().as_str(), format!("{WIKI}/page?x=1"));
    assert_eq!(answer.answer.headers()["referrer-policy"], "no-referrer");
    let session = answer.set_cookies().into_iter().find(|line| line.starts_with("__Host-doorward=")).unwrap();
    assert!(session.len() < 200 && session.contains("SameSite=Lax"), "{session}");
}

#[tokio::test]
async fn a_code_works_once_and_going_back_is_no_error() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let (mut browser, url) = on_the_way(&door, &provider).await;
    let mut copy = Browser { jar: browser.jar.clone(), ..Browser::default() };
    assert_eq!(browser.open(&door, url.as_str()).await.arrives_at().path(), "/page");
    // Reloaded: the browser is signed in, so it is sent to the front page.
    assert_eq!(browser.open(&door, url.as_str()).await.location().path(), "/");
    // Replayed with the attempt's cookie, before which nothing was used up in this jar: the code is gone.
    let answer = copy.open(&door, url.as_str()).await;
    assert_eq!(answer.status(), 400);
    assert!(answer.text().contains("Try again") && answer.text().contains("/page?x=1"));
    assert!(copy.ticket("wiki.example.com").is_none());
}

#[tokio::test]
async fn a_code_is_worth_nothing_elsewhere() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    // In another browser, whoever sends the link.
    let (_, url) = on_the_way(&door, &provider).await;
    let mut victim = Browser::default();
    let answer = victim.open(&door, url.as_str()).await;
    assert_eq!(answer.status(), 400);
    assert!(victim.ticket("wiki.example.com").is_none() && answer.answer.headers().get("location").is_none());
    // In another browser that has an attempt of its own.
    let (_, theirs) = on_the_way(&door, &provider).await;
    let (mut victim, mine) = on_the_way(&door, &provider).await;
    let code = |url: &Url| url.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    let swapped = mine.as_str().replace(&code(&mine), &code(&theirs));
    assert_eq!(victim.open(&door, &swapped).await.status(), 400);
    assert!(victim.ticket("wiki.example.com").is_none());
    // On another host.
    let (mut browser, url) = on_the_way(&door, &provider).await;
    let moved = url.as_str().replace(WIKI, AUTH);
    assert_eq!(browser.open(&door, &moved).await.location().path(), "/", "signed in there already");
    assert!(browser.ticket("wiki.example.com").is_none());
    // A minute later.
    let (mut browser, url) = on_the_way(&door, &provider).await;
    door.wait(61);
    assert_eq!(browser.open(&door, url.as_str()).await.status(), 400);
}

#[tokio::test]
async fn broken_callbacks_are_pages_and_never_redirects() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let (_, url) = on_the_way(&door, &provider).await;
    let attempt = url.query_pairs().find(|(name, _)| name == "attempt").unwrap().1.into_owned();
    for query in [
        String::new(),
        "?code=x".into(),
        format!("?attempt={attempt}"),
        format!("?code=x&attempt={attempt}"),
        format!("?code=&attempt={attempt}"),
        format!("?code=x&code=y&attempt={attempt}"),
        "?code=x&attempt=../../x".into(),
        "?code=%00&attempt=%00".into(),
        format!("?code={}&attempt={attempt}", "A".repeat(10_000)),
    ] {
        let answer = Browser::default().open(&door, &format!("{WIKI}/.doorward/callback{query}")).await;
        assert_eq!(answer.status(), 400, "{query}");
        assert!(answer.set_cookies().is_empty());
    }
}

#[tokio::test]
async fn only_our_own_hosts_are_gone_on_to() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let (mut browser, _) = on_the_way(&door, &provider).await;
    let hop = browser.open(&door, &format!("{WIKI}/page")).await;
    let ask = hop.location();
    assert_eq!(ask.host_str(), Some("auth.example.com"));
    let with_host = |host: &str| {
        let mut url = ask.clone();
        let pairs: Vec<_> = ask.query_pairs().into_owned().filter(|(name, _)| name != "handover").collect();
        url.query_pairs_mut().clear().extend_pairs(pairs).append_pair("handover", host);
        url
    };
    assert_eq!(browser.open(&door, with_host("wiki.example.com:8443").as_str()).await.status(), 302);
    for host in [
        "evil.example",
        "wiki.example.com",
        "wiki.example.com:443",
        "wiki.example.com:8443.evil.example",
        "wiki.example.com:8443@evil.example",
        "evil.example#wiki.example.com:8443",
        "evil.example/wiki.example.com:8443",
        "https://wiki.example.com:8443",
        "//evil.example",
        "evil.example\\.wiki.example.com:8443",
        "wiki.example.com.:8443",
        "wiki.example.com:8443\r\nx: y",
        "auth.example.com",
        "",
        "*",
        "*.dev.example.com",
        "dev.example.com",
        ".dev.example.com",
        "a.b.dev.example.com",
        "xdev.example.com",
        "a.xdev.example.com",
        "a.dev.example.com.",
        "a.dev.example.com.evil.com",
        "a.dev.example.com:8443",
        "a.dev.example.com:80",
        "evil.com/.dev.example.com",
        "evil.com#.dev.example.com",
        "evil.com?.dev.example.com",
        "evil.com\\.dev.example.com",
        "evil.com%2f.dev.example.com",
        "evil.com@a.dev.example.com",
        "evil.com .dev.example.com",
        "evil.com\0.dev.example.com",
    ] {
        let answer = browser.open(&door, with_host(host).as_str()).await;
        assert_eq!(answer.status(), 400, "{host}");
    }
    for (name, value) in [("challenge", "short"), ("challenge", ""), ("attempt", "x"), ("return", "/")] {
        let mut url = ask.clone();
        let pairs: Vec<_> = ask.query_pairs().into_owned().filter(|(other, _)| other != name).collect();
        url.query_pairs_mut().clear().extend_pairs(pairs).append_pair(name, value);
        assert_eq!(browser.open(&door, url.as_str()).await.status(), 400, "{name}={value}");
    }
    // And only the sign-in host does it.
    let elsewhere = ask.as_str().replace(AUTH, CODE);
    assert_eq!(browser.open(&door, &elsewhere).await.status(), 400);
}

#[tokio::test]
async fn every_host_of_a_wildcard_gets_a_ticket_of_its_own() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let mut browser = Browser::default();
    for host in ["anna.dev.example.com", "ben.dev.example.com"] {
        let answer = browser.visit(&door, Some(&provider), &format!("https://{host}/page?x=1")).await;
        assert_eq!((answer.url.as_str(), answer.status().as_u16()), (format!("https://{host}/page?x=1").as_str(), 200));
        assert_eq!(answer.text(), "upstream for amina@example.com");
    }
    let (anna, ben) = ("anna.dev.example.com", "ben.dev.example.com");
    assert_ne!(browser.ticket(anna).unwrap(), browser.ticket(ben).unwrap());
    // One host's ticket is worth nothing on the next.
    let ticket = browser.ticket(anna).unwrap().to_owned();
    let request = Request::get(format!("https://{ben}/"))
        .header("cookie", format!("__Host-doorward={ticket}"))
        .body(String::new())
        .unwrap();
    assert_eq!(door.request(request).await.status(), 401);
}

#[tokio::test]
async fn a_code_for_one_host_of_a_wildcard_is_worth_nothing_on_another() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let mut browser = Browser::default();
    browser.visit(&door, Some(&provider), CODE).await;
    let hop = browser.open(&door, "https://anna.dev.example.com/").await;
    let hop = browser.open(&door, hop.location().as_str()).await;
    let url = hop.location();
    assert!(url.as_str().starts_with("https://anna.dev.example.com/.doorward/callback?code="), "{url}");
    // Somebody who has the next host, with the cookies of this very attempt.
    let jar = browser.jar["anna.dev.example.com"].clone();
    let mut thief = Browser::default();
    thief.jar.insert("ben.dev.example.com".into(), jar);
    let moved = url.as_str().replace("anna.", "ben.");
    assert_eq!(thief.open(&door, &moved).await.status(), 400);
    assert!(thief.ticket("ben.dev.example.com").is_none());
    assert_eq!(browser.open(&door, url.as_str()).await.arrives_at().as_str(), "https://anna.dev.example.com/");
}

#[tokio::test]
async fn hosts_beside_a_wildcard_are_none_of_ours() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    for host in ["dev.example.com", "a.b.dev.example.com", "xdev.example.com", "a.dev.example.com.evil.com", "evil.com"]
    {
        for path in ["/", "/.doorward/sign_in", "/.doorward/callback?code=x&attempt=y"] {
            let answer = Browser::default().open(&door, &format!("https://{host}{path}")).await;
            assert_eq!(answer.status(), 404, "{host}{path}");
            assert!(answer.set_cookies().is_empty() && answer.answer.headers().get("location").is_none(), "{host}");
        }
    }
}

#[tokio::test]
async fn the_way_back_is_a_path_of_the_sign_in_host() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let mut browser = Browser::default();
    browser.visit(&door, Some(&provider), CODE).await;
    for (back, expected) in
        [("/.doorward/routes", 302), ("//evil.example", 400), ("https://evil.example", 400), ("/\\evil", 400)]
    {
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("return", back).finish();
        let answer = browser.open(&door, &format!("{AUTH}/.doorward/sign_in?{query}")).await;
        assert_eq!(answer.status(), expected, "{back}");
        if expected == 302 {
            assert_eq!(answer.location().as_str(), format!("{AUTH}{back}"));
        }
    }
}

#[tokio::test]
async fn a_ticket_of_one_host_is_nothing_on_another() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let mut browser = Browser::default();
    browser.visit(&door, Some(&provider), CODE).await;
    for host in ["code.example.com", "auth.example.com"] {
        let stolen = browser.ticket(host).unwrap().to_owned();
        let mut thief = Browser::default();
        thief.jar.entry("wiki.example.com".into()).or_default().insert("__Host-doorward".into(), stolen);
        assert_eq!(thief.open(&door, &format!("{WIKI}/")).await.status(), 302, "{host}");
    }
}

#[tokio::test]
async fn tossed_cookies_beside_the_real_one_sign_nobody_out() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let mut browser = Browser::default();
    browser.visit(&door, Some(&provider), CODE).await;
    let real = browser.ticket("code.example.com").unwrap().to_owned();
    let request = |cookies: String| {
        Request::get(format!("{CODE}/x"))
            .header("accept", "text/html")
            .header("cookie", cookies)
            .body(String::new())
            .unwrap()
    };
    let tossed = "__Host-doorward=".to_owned() + &"A".repeat(64);
    for before in [0, 1, 4, 5, 100] {
        let cookies = format!("{}__Host-doorward={real}", format!("{tossed}; ").repeat(before));
        assert_eq!(door.request(request(cookies)).await.status(), 200, "{before} before");
    }
    for junk in ["", "x", &"é".repeat(40), &"A".repeat(100_000)] {
        let request = Request::get(format!("{CODE}/x"))
            .header("accept", "text/html")
            .header("cookie", http::HeaderValue::from_bytes(format!("__Host-doorward={junk}").as_bytes()).unwrap())
            .body(String::new())
            .unwrap();
        assert_eq!(door.request(request).await.status(), 302);
    }
}
