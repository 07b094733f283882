//! Claims that try to be more than words about a person.

use serde_json::json;

use crate::harness::browser::{Ask, Browser};
use crate::harness::hostile_provider::Person;
use crate::harness::scene::{ANYBODY_SIGNED_IN, Scene, only};

#[tokio::test]
async fn claims_never_become_headers_or_markup() {
    let scene = Scene::with_app(&format!("{ANYBODY_SIGNED_IN}\npass_identity_headers: true")).await;
    let nasty = "x\r\nX-Injected: yes\r\n\r\nGET /smuggled HTTP/1.1\r\n\u{0}<script>alert(1)</script>";
    let person = Person::new("alice@example.com")
        .claim("name", json!(nasty))
        .claim("sub", json!(format!("sub-{nasty}")))
        .claim("groups", json!([nasty, "a,b", "", "ü"]))
        .claim("picture", json!(nasty));
    scene.provider.person(person);
    let mut browser = Browser::new();
    let answer = browser.visit(&scene.url("app", "/")).await;
    if answer.status != 200 {
        // Refusing such a person is as good; then nothing may have happened at all.
        assert!((400..503).contains(&answer.status.as_u16()), "{}", answer.status);
        assert_eq!(scene.arrivals(), 0);
        return;
    }
    let arrived = scene.upstream.last();
    assert_eq!(scene.arrivals(), 1);
    assert_eq!(arrived.all("x-injected"), [""; 0]);
    for (name, value) in &arrived.headers {
        assert!(value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()), "{name}: {value:?}");
    }
    for path in ["/.doorward/", "/.doorward/sign_out", "/.doorward/routes"] {
        let page = browser.visit(&scene.url("app", path)).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(!page.text().contains("<script"), "{path}: {}", page.text());
    }
    let log = scene.door.log.settled().await;
    let stray = log.lines().find(|line| line.starts_with("X-Injected") || line.starts_with("GET /smuggled"));
    assert_eq!(stray, None);
}

#[tokio::test]
async fn claims_of_the_wrong_kind_match_no_rule() {
    let groups = "policy: [{allow: {or: [{groups: {has: wheel}}, {email: {is: alice@example.com}}]}}]";
    let scene = Scene::with_app(groups).await;
    let nobody = || Person::new("bob@example.com");
    for (what, person) in [
        ("groups is an object", nobody().claim("groups", json!({ "wheel": true }))),
        ("groups is text that holds it", nobody().claim("groups", json!("not-wheel"))),
        ("groups in groups", nobody().claim("groups", json!([["wheel"]]))),
        ("groups in another case", nobody().in_groups(&["Wheel", " wheel", "wheel "])),
        ("an address in a list", nobody().claim("email", json!(["alice@example.com"]))),
        ("an address in an object", nobody().claim("email", json!({ "is": "alice@example.com" }))),
        ("two addresses", nobody().claim("email", json!("alice@example.com,bob@example.com"))),
        ("an address with a name", nobody().claim("email", json!("Alice <alice@example.com>"))),
        ("an address with NUL", nobody().claim("email", json!("alice@example.com\u{0}"))),
        ("a domain below", nobody().claim("email", json!("alice@example.com.evil.example"))),
        ("not verified", Person::new("alice@example.com").unverified()),
        ("verified is not true", Person::new("alice@example.com").claim("email_verified", json!("yes"))),
        ("verified is no", Person::new("alice@example.com").claim("email_verified", json!("false"))),
        ("verified is a number", Person::new("alice@example.com").claim("email_verified", json!(1))),
    ] {
        scene.provider.person(person);
        let mut browser = Browser::new();
        let answer = browser.visit(&scene.url("app", "/")).await;
        assert!((400..503).contains(&answer.status.as_u16()), "{what}: {}\n{}", answer.status, answer.text());
        assert_ne!(answer.status, 500, "{what}");
        assert_eq!(scene.arrivals(), 0, "{what} got in");
    }
    scene.provider.person(nobody().in_groups(&["staff", "wheel"]));
    assert_eq!(Browser::new().visit(&scene.url("app", "/")).await.status, 200);
}

#[tokio::test]
async fn addresses_compare_without_case_and_subjects_with() {
    let scene = Scene::with(|setup, upstream| {
        setup.route("app", upstream, &only("Alice@Example.com")).route(
            "user",
            upstream,
            "policy: [{allow: {or: [{user: {is: sub-alice}}]}}]",
        )
    })
    .await;
    scene.provider.person(Person::new("aLICE@exAMPLE.COM").claim("sub", json!("SUB-ALICE")));
    let mut browser = Browser::new();
    assert_eq!(browser.visit(&scene.url("app", "/")).await.status, 200);
    assert_eq!(browser.visit(&scene.url("user", "/")).await.status, 403);
}

#[tokio::test]
async fn what_the_provider_says_at_the_next_sign_in_replaces_what_it_said_before() {
    let scene = Scene::with_app("policy: [{allow: {or: [{groups: {has: wheel}}]}}]").await;
    let sign_out = async |browser: &mut Browser| {
        let question = browser.visit(&scene.url("app", "/.doorward/sign_out")).await;
        browser.submit(&question, &[]).await;
    };
    let mut browser = Browser::new();
    for (groups, expected) in [(vec!["wheel"], 200), (vec![], 403), (vec!["staff", "wheel"], 200), (vec!["staff"], 403)]
    {
        scene.provider.person(Person::new("alice@example.com").in_groups(&groups));
        let answer = browser.visit(&scene.url("app", "/")).await;
        assert_eq!(answer.status.as_u16(), expected, "{groups:?}");
        sign_out(&mut browser).await;
    }
}

#[tokio::test]
async fn no_page_of_ours_gives_a_token_away() {
    let scene = Scene::with_two_hosts().await;
    let mut browser = scene.door.signed_in("app").await;
    browser.visit(&scene.url("code", "/")).await;
    let mut secrets = scene.provider.secrets();
    secrets.extend(browser.jar.all().map(|cookie| cookie.value.clone()));
    for path in [
        "",
        "user",
        "routes",
        "sessions",
        "sign_in",
        "signed_in",
        "sign_out",
        "signed_out",
        "callback",
        "session.js",
        "nothing",
    ] {
        for accept in ["text/html", "application/json", "*/*"] {
            let ask = Ask::page(&scene.url("app", &format!("/.doorward/{path}"))).header("accept", accept);
            let answer = browser.send(ask).await;
            for secret in &secrets {
                assert!(!answer.text().contains(secret), "{path} as {accept} shows {secret}");
                let shown = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).contains(secret);
                assert!(!answer.headers.values().any(shown), "{path} as {accept}: {:?}", answer.headers);
            }
        }
    }
}
