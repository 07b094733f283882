use base64::Engine as _;
use http::StatusCode;

use super::*;

const ATTACK: &str = r#"<script>alert(1)</script>"'><img src=x onerror=alert(1)>{{7*7}}"#;

fn cards(text: &str, url: &str) -> Vec<RouteCard> {
    vec![RouteCard { name: text.to_owned(), description: text.to_owned(), address: RouteAddress::Url(url.to_owned()) }]
}

pub(crate) fn entry(text: &str, is_current: bool) -> SessionEntry {
    let [id, browser, client, provider] = [text; 4].map(str::to_owned);
    let when = When { at: text.to_owned(), words: text.to_owned() };
    let last_seen = when.clone();
    SessionEntry { id, browser, client, provider, signed_in: when, last_seen, is_current, is_in_this_browser: true }
}

/// Calls `check` with every page, once with an error or option and once without, all text being `text`.
fn every_page(text: &str, mut check: impl FnMut(&str, &Page<'_>)) {
    let groups = [text.to_owned(), "staff".to_owned()];
    let cards = cards(text, "https://code.example.com/");
    let sessions = [entry(text, true), entry(text, false)];
    for filled in [true, false] {
        let some = filled.then_some(text);
        let problem = Problem {
            status: StatusCode::BAD_GATEWAY,
            title: text,
            explanation: text,
            advice: some,
            link: filled.then_some(("/again", text)),
        };
        check("problem", &Page::Problem(problem));
        check("sign_in_required", &Page::SignInRequired(SignInRequired { sign_in_url: "https://a.test/" }));
        let sign_in = SignIn { action: "/a", attempt: text, host: text, email: some.unwrap_or(""), error: some };
        check("sign_in", &Page::SignIn(sign_in));
        check("set_password", &Page::SetPassword(SetPassword { action: "/a", token: text, email: text, error: some }));
        let denied = Denied {
            host: text,
            who: some,
            needed: some,
            support_contact: some,
            sign_out: "/out",
            sign_in_again: filled,
        };
        check("denied", &Page::Denied(denied));
        check("client_certificate", &Page::ClientCertificate(ClientCertificate { host: text, refused: some }));
        check("blocked", &Page::Blocked(Blocked { support_contact: some }));
        check("signed_in", &Page::SignedIn(SignedIn { who: text, script: "/signed_in.js", home: "/home" }));
        check("sign_out", &Page::SignOutConfirm(SignOutConfirm { action: "/a", csrf: text, who: text }));
        check("onward", &Page::Onward(Onward { url: "/x?y=z&a=b" }));
        check("signed_out", &Page::SignedOut(SignedOut { provider_too: filled, everywhere: !filled, sign_in: "/in" }));
        let user = UserInfo {
            who: text,
            name: some,
            subject: text,
            provider: text,
            groups: if filled { &groups } else { &[] },
            signed_in_at: text,
            expires_at: text,
            sessions: filled.then_some(SessionList { sessions: &sessions, hidden: 3, action: "/end", csrf: text }),
            routes: "/routes",
            sign_out: "/out",
        };
        check("user_info", &Page::UserInfo(user));
        let routes = Routes { who: text, routes: if filled { &cards } else { &[] }, user: "/u", sign_out: "/out" };
        check("routes", &Page::Routes(routes));
    }
}

pub(crate) fn html_of(page: &Page<'_>) -> String {
    String::from_utf8(respond(page, Format::Html, "req-1").into_body()).unwrap()
}

/// The opening tags of a page: name, and the rest up to `>` with its leading space.
fn tags(html: &str) -> impl Iterator<Item = (&str, &str)> {
    html.split('<').skip(1).filter(|tag| !tag.starts_with(['/', '!'])).map(|tag| {
        let tag = tag.split('>').next().unwrap();
        tag.split_at(tag.find(char::is_whitespace).unwrap_or(tag.len()))
    })
}

fn attribute<'a>(rest: &'a str, name: &str) -> Option<&'a str> {
    rest.split(&format!("{name}=\"")).nth(1)?.split('"').next()
}

#[test]
fn the_policy_names_the_hash_of_the_very_style_that_is_sent() {
    every_page("plain", |name, page| {
        let answer = respond(page, Format::Html, "req-1");
        let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
        let html = String::from_utf8(answer.into_body()).unwrap();
        assert_eq!(html.matches("<style").count(), 1, "{name}");
        let style = html.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, style.as_bytes());
        let hash = base64::engine::general_purpose::STANDARD.encode(digest);
        assert!(policy.contains(&format!("style-src 'sha256-{hash}'")), "{name}: {policy} lacks {hash}");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        assert!(policy.contains("base-uri 'none'") && !policy.contains("unsafe"));
        assert_eq!(policy.contains("script-src 'self'"), name == "signed_in", "{name}");
        assert_eq!(policy.contains("script-src"), html.contains("<script"), "{name}");
        assert_eq!(policy.contains("form-action 'none'"), !html.contains("<form"), "{name}");
    });
}

#[test]
fn nothing_said_from_outside_becomes_markup() {
    every_page(ATTACK, |name, page| {
        let html = html_of(page);
        assert!(!html.contains("<script>") && !html.contains("<img"), "{name}");
        assert!(!html.contains("\"'>"), "{name}");
        for (_, rest) in tags(&html) {
            assert!(!rest.contains(" style="), "{name}: the policy would refuse an inline style");
        }
        let json = respond(page, Format::Json, "req-1");
        serde_json::from_slice::<serde_json::Value>(json.body()).unwrap();
    });
}

#[test]
fn every_page_is_a_whole_accessible_document() {
    every_page("plain", |name, page| {
        let html = html_of(page);
        assert!(html.starts_with("<!doctype html>"), "{name}");
        assert!(html.contains("<html lang=\"en\">") && html.contains("name=\"viewport\""), "{name}");
        let title = html.split("<title>").nth(1).unwrap().split("</title>").next().unwrap();
        assert!(title.len() > " · Doorward".len() && title.ends_with(" · Doorward"), "{name}: {title}");
        assert_eq!(tags(&html).filter(|(tag, _)| *tag == "h1").count(), 1, "{name}");
        assert_eq!(tags(&html).filter(|(tag, _)| *tag == "main").count(), 1, "{name}");
        assert!(html.contains("<code>req-1</code>"), "{name}: the request id is shown");

        let ids: Vec<&str> = tags(&html).filter_map(|(_, rest)| attribute(rest, " id")).collect();
        let labelled: Vec<&str> =
            tags(&html).filter(|(tag, _)| *tag == "label").filter_map(|(_, rest)| attribute(rest, " for")).collect();
        for (index, id) in ids.iter().enumerate() {
            assert!(!ids[..index].contains(id), "{name}: id {id} twice");
        }
        for (_, rest) in tags(&html).filter(|(tag, _)| *tag == "input") {
            if attribute(rest, " type") != Some("hidden") {
                let id = attribute(rest, " id").unwrap();
                assert!(labelled.contains(&id), "{name}: {id} has no label");
                assert!(rest.contains("autocomplete="), "{name}: {id} tells password managers nothing");
            }
        }
        for (_, rest) in tags(&html) {
            for described in attribute(rest, " aria-describedby").into_iter().flat_map(str::split_whitespace) {
                assert!(html.contains(&format!("id=\"{described}\"")), "{name}: {described} describes nothing");
            }
        }
        for void in [
            "p", "main", "form", "section", "h2", "button", "div", "time", "em", "dl", "dt", "dd", "ul", "li", "label",
            "footer", "strong", "span", "a",
        ] {
            let opened = tags(&html).filter(|(tag, _)| *tag == void).count();
            assert_eq!(opened, html.matches(&format!("</{void}>")).count(), "{name}: <{void}> is not closed");
        }
    });
}

#[test]
fn no_page_loads_anything_from_elsewhere() {
    every_page("plain", |name, page| {
        let html = html_of(page);
        for (tag, rest) in tags(&html) {
            if (name, tag) == ("signed_in", "script") {
                assert_eq!(rest, " src=\"/signed_in.js\" defer", "a file of this host, and nothing in the page");
                continue;
            }
            assert!(!matches!(tag, "script" | "link" | "img" | "iframe" | "object" | "base"), "{name}: {tag}");
            assert!(attribute(rest, " src").is_none(), "{name}");
        }
        assert!(!STYLE.contains("url(") && !STYLE.contains("@import"));
    });
}

#[test]
fn a_script_never_becomes_a_link() {
    for href in ["javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "//evil.test/", "/\\evil.test", "x"]
    {
        let problem = Problem {
            status: StatusCode::NOT_FOUND,
            title: "t",
            explanation: "e",
            advice: None,
            link: Some((href, "text")),
        };
        assert!(!html_of(&Page::Problem(problem)).contains("href="), "{href}");
        let cards = cards("Some app", href);
        let onward = html_of(&Page::Onward(Onward { url: href }));
        assert!(onward.contains("content=\"0;url=/\"") && onward.matches("href=\"/\"").count() == 1, "{href}");
        let page = Page::Routes(Routes { who: "w", routes: &cards, user: "/u", sign_out: "/o" });
        assert!(!html_of(&page).contains("Some app"), "{href}");
    }
}

#[test]
fn a_pattern_of_hosts_is_shown_and_never_a_link() {
    let card = |address| RouteCard { name: "Workspaces".into(), description: String::new(), address };
    let cards = [
        card(RouteAddress::Pattern("https://*.dev.example.com/".into())),
        card(RouteAddress::Url("https://code.example.com/".into())),
    ];
    let page = Page::Routes(Routes { who: "w", routes: &cards, user: "/u", sign_out: "/o" });
    let html = html_of(&page);
    assert!(html.contains("<div><strong>Workspaces</strong><span>https://*.dev.example.com/</span></div>"), "{html}");
    assert!(html.contains("<a href=\"https://code.example.com/\"><strong>"), "{html}");
    let json: serde_json::Value = serde_json::from_slice(respond(&page, Format::Json, "r").body()).unwrap();
    assert_eq!(json["routes"][0]["pattern"], "https://*.dev.example.com/");
    assert_eq!(json["routes"][0].get("url"), None);
    assert_eq!(json["routes"][1]["url"], "https://code.example.com/");
}

#[test]
fn answers_are_never_kept_framed_or_sniffed() {
    every_page("plain", |name, page| {
        for format in [Format::Html, Format::Json, Format::Text] {
            let answer = respond(page, format, "req-1");
            assert_eq!(answer.status(), page.status(), "{name}");
            let header = |name: &str| answer.headers()[name].to_str().unwrap();
            assert_eq!(header("content-type"), format.content_type());
            assert_eq!(header("cache-control"), "no-store");
            assert_eq!(header("x-content-type-options"), "nosniff");
            assert_eq!(header("x-frame-options"), "DENY");
            assert_eq!(header("referrer-policy"), "same-origin");
            assert_eq!(header("x-request-id"), "req-1");
            assert_eq!(header(INTERCEPTED.as_str()), "true");
            assert!(!answer.body().is_empty());
        }
    });
}

#[test]
fn programs_read_a_name_a_message_and_the_request_id() {
    let json = |page: &Page<'_>| -> serde_json::Value {
        serde_json::from_slice(respond(page, Format::Json, "req-1").body()).unwrap()
    };
    let problem =
        Problem { status: StatusCode::BAD_GATEWAY, title: "t", explanation: "down", advice: None, link: None };
    assert_eq!(
        json(&Page::Problem(problem)),
        serde_json::json!({"error": "bad-gateway", "message": "down", "request_id": "req-1"})
    );
    let required = json(&Page::SignInRequired(SignInRequired { sign_in_url: "https://a.test/in" }));
    assert_eq!(required["error"], "sign-in-required");
    assert_eq!(required["sign_in_url"], "https://a.test/in");
    assert_eq!(required["request_id"], "req-1");
    let message = "The rules of this site do not allow this request.";
    assert_eq!(
        json(&Page::Denied(DENIED)),
        serde_json::json!({"error": "forbidden", "message": message, "request_id": "req-1"})
    );
    let told = Denied { needed: Some("You need more."), support_contact: Some("Ops"), ..DENIED };
    assert_eq!(
        json(&Page::Denied(told)),
        serde_json::json!({
            "error": "forbidden", "message": message, "needed": "You need more.", "support_contact": "Ops", "request_id": "req-1"
        })
    );
    let text = String::from_utf8(respond(&Page::Denied(told), Format::Text, "req-1").into_body()).unwrap();
    assert!(
        text.contains("\nYou need more.\n") && text.contains("ask\nOps\n") && text.contains("Request: req-1"),
        "{text}"
    );
}

const DENIED: Denied<'static> =
    Denied { host: "h", who: None, needed: None, support_contact: None, sign_out: "/o", sign_in_again: false };

#[test]
fn whom_to_ask_is_a_link_only_where_it_can_be_one() {
    let page = |contact| html_of(&Page::Denied(Denied { support_contact: Some(contact), ..DENIED }));
    for (contact, ask, link) in [
        ("it@example.com", "ask", "mailto:it@example.com"),
        ("first.last+tag@sub.example.com", "ask", "mailto:first.last+tag@sub.example.com"),
        ("https://help.example.com/access?team=a&b", "ask at", "https://help.example.com/access?team=a&#38;b"),
        ("http://help.example.com", "ask at", "http://help.example.com"),
    ] {
        assert!(page(contact).contains(&format!("{ask} <a href=\"{link}\">")), "{contact}: {}", page(contact));
    }
    for contact in [
        "Amina in IT",
        "Amina <it@example.com>",
        "javascript:alert(1)",
        "javascript:x@example.com",
        "it@example.com?bcc=eve@evil.test",
        "it@example.com%0d%0abcc:eve",
        "a@b@c",
        "@example.com",
        "it@",
        "https://help.example.com and more",
        "//evil.test",
        "<b>x</b>",
    ] {
        assert!(!page(contact).contains("<a href"), "{contact}: {}", page(contact));
    }
    assert!(html_of(&Page::Denied(DENIED)).contains("ask whoever runs this site and"));
}

#[test]
fn the_denied_page_offers_the_sign_in_that_would_help() {
    let page = |sign_in_again| html_of(&Page::Denied(Denied { who: Some("eve@example.com"), sign_in_again, ..DENIED }));
    assert!(page(false).contains("<a href=\"/o\">Sign in as somebody else</a>"));
    assert!(page(true).contains("<a class=\"button\" href=\"/o\">Sign in again</a>"));
}

#[test]
fn statuses_follow_what_happened() {
    let form = SignIn { action: "/a", attempt: "", host: "h", email: "", error: None };
    assert_eq!(Page::SignIn(form).status(), StatusCode::OK);
    assert_eq!(Page::SignIn(SignIn { error: Some("no"), ..form }).status(), StatusCode::UNAUTHORIZED);
    let set = SetPassword { action: "/a", token: "t", email: "e", error: Some("short") };
    assert_eq!(Page::SetPassword(set).status(), StatusCode::UNPROCESSABLE_ENTITY);
}

#[test]
fn the_password_rule_on_the_page_is_announced_with_its_error() {
    let page = SetPassword { action: "/a", token: "t", email: "e@x.test", error: Some("too short") };
    let html = html_of(&Page::SetPassword(page));
    assert!(html.contains("aria-describedby=\"rule error\"") && html.contains("role=\"alert\""));
    assert!(html.contains("autocomplete=\"new-password\"") && html.contains("autocomplete=\"username\""));
}

/// Writes every page to the folder named by `DOORWARD_PAGES_OUT`, to look at them; without it, to nowhere.
#[test]
fn every_page_can_be_written_out() {
    let folder = std::env::var_os("DOORWARD_PAGES_OUT").map(std::path::PathBuf::from);
    let mut written = 0;
    every_page("Amina Example", |name, page| {
        let html = html_of(page);
        assert!(html.ends_with("</html>"));
        if let Some(folder) = &folder {
            std::fs::write(folder.join(format!("{name}-{}.html", written / 13)), html).unwrap();
        }
        written += 1;
    });
    assert_eq!(written, 26);
}
