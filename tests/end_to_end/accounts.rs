//! Built-in accounts: invited by a link that works once, signed in by password, removed with everything they had.

use std::time::Instant;

use crate::harness::browser::{Answer, Ask, Browser};
use crate::harness::doorward::Doorward;
use crate::harness::eventually;
use crate::harness::scene::{ANYBODY_SIGNED_IN, only};
use crate::harness::setup::Setup;
use crate::harness::upstream::Upstream;

const EMAIL: &str = "ann@example.com";
const PASSWORD: &str = "violet tractor sings at noon";

async fn start() -> (Upstream, Doorward) {
    let upstream = Upstream::start().await;
    let door = Setup::new()
        .route("app", &upstream.url(), ANYBODY_SIGNED_IN)
        .route("code", &upstream.url(), &only(EMAIL))
        .start()
        .await;
    (upstream, door)
}

/// The link in a text, as it is printed.
fn link_in(text: &str) -> String {
    let link =
        text.split_whitespace().find(|word| word.starts_with("https://")).unwrap_or_else(|| panic!("no link: {text}"));
    link.trim_end_matches(['"', '.']).to_owned()
}

async fn invite(door: &Doorward, email: &str) -> String {
    let said = door.command(&["user", "add", email]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    link_in(&said.out)
}

/// Opens the link and sets the password.
async fn accept(browser: &mut Browser, link: &str, password: &str) -> Answer {
    let form = browser.visit(link).await;
    assert_eq!(form.status, 200, "{}", form.text());
    browser.submit(&form, &[("password", password), ("again", password)]).await
}

/// Opens a page and fills in the sign-in form.
async fn sign_in(door: &Doorward, browser: &mut Browser, email: &str, password: &str) -> Answer {
    let form = browser.visit(&door.url("code", "/wanted?q")).await;
    assert!(form.text().contains("name=\"password\""), "{} {}", form.status, form.text());
    browser.submit(&form, &[("email", email), ("password", password)]).await
}

#[tokio::test]
async fn an_invited_person_sets_a_password_and_is_in() {
    let (upstream, door) = start().await;
    let link = invite(&door, EMAIL).await;
    assert!(link.starts_with(&door.url("app", "/.doorward/")), "{link}");
    let mut browser = Browser::new();
    let answer = accept(&mut browser, &link, PASSWORD).await;
    assert!(answer.status.is_success(), "{}{}", browser.trail_as_text(), answer.text());
    assert_eq!(browser.jar.refused, [""; 0]);
    let answer = browser.visit(&door.url("code", "/wanted?q")).await;
    assert_eq!((answer.status.as_u16(), upstream.last().target()), (200, "/wanted?q"));

    // Next time by e-mail, in any case, and password.
    let mut browser = Browser::new();
    let answer = sign_in(&door, &mut browser, "ANN@Example.com", PASSWORD).await;
    assert_eq!(answer.status, 200, "{}{}", browser.trail_as_text(), answer.text());
    assert_eq!(answer.json()["line"], "GET /wanted?q HTTP/1.1");
}

#[tokio::test]
async fn a_link_works_once() {
    let (_upstream, door) = start().await;
    let link = invite(&door, EMAIL).await;
    // Looking at it does not use it up: mail scanners do that.
    Browser::new().visit(&link).await;
    let mut browser = Browser::new();
    let form = browser.visit(&link).await;
    accept(&mut browser, &link, PASSWORD).await;
    let mut thief = Browser::new();
    let page = thief.visit(&link).await;
    assert!((400..500).contains(&page.status.as_u16()), "{}", page.status);
    let page =
        thief.submit(&form, &[("password", "something else altogether"), ("again", "something else altogether")]).await;
    assert!((400..500).contains(&page.status.as_u16()), "{}", page.status);
    assert_eq!(thief.jar.all().filter(|cookie| cookie.name == "__Host-doorward").count(), 0);
    let answer = sign_in(&door, &mut Browser::new(), EMAIL, PASSWORD).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_newer_link_replaces_the_older_and_none_can_be_guessed() {
    let (_upstream, door) = start().await;
    let first = invite(&door, EMAIL).await;
    let second = invite(&door, EMAIL).await;
    assert_ne!(first, second);
    let page = Browser::new().visit(&first).await;
    assert!((400..500).contains(&page.status.as_u16()), "{}", page.status);
    for broken in [&second[..second.len() - 1], &format!("{second}A"), second.rsplit_once(['=', '/']).unwrap().0] {
        let page = Browser::new().visit(broken).await;
        assert!((400..500).contains(&page.status.as_u16()), "{broken}: {}", page.status);
    }
    assert_eq!(Browser::new().visit(&second).await.status, 200);
    let on_disk = std::fs::read_to_string(door.setup.data_dir().join("accounts.json")).unwrap();
    let token = second.rsplit(['=', '/']).next().unwrap();
    assert!(token.len() >= 22 && !on_disk.contains(token), "the link is in the file");
}

#[tokio::test]
async fn a_link_expires() {
    let (_upstream, door) = start().await;
    let link = invite(&door, EMAIL).await;
    let file = door.setup.data_dir().join("accounts.json");
    let mut kept: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let until = &mut kept["accounts"][0]["invitation"]["expires_at"];
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let left = u128::from(until.as_u64().unwrap()) - now;
    assert!((1..=24 * 3_600_000).contains(&left), "{left} ms");
    *until = serde_json::json!(1);
    std::fs::write(&file, kept.to_string()).unwrap();
    let url = link.as_str();
    eventually("the link is refused", || async move {
        (400..500).contains(&Browser::new().visit(url).await.status.as_u16())
    })
    .await;
    assert!(door.command(&["user", "list"]).await.out.contains("expired"));
}

#[tokio::test]
async fn poor_passwords_are_refused_and_the_link_goes_on_working() {
    let (_upstream, door) = start().await;
    let link = invite(&door, EMAIL).await;
    let mut browser = Browser::new();
    let long = "x".repeat(5000);
    for (what, password, again) in [
        ("empty", "", ""),
        ("short", "short", "short"),
        ("the address", EMAIL, EMAIL),
        ("the address in capitals", "ANN@EXAMPLE.COM", "ANN@EXAMPLE.COM"),
        ("holds the address", "ann@example.com1", "ann@example.com1"),
        ("not repeated", PASSWORD, "violet tractor sings at moon"),
        ("known to everybody", "correct horse battery staple", "correct horse battery staple"),
        ("endless", long.as_str(), long.as_str()),
    ] {
        let form = browser.visit(&link).await;
        let page = browser.submit(&form, &[("password", password), ("again", again)]).await;
        assert!((400..500).contains(&page.status.as_u16()), "{what}: {}", page.status);
        assert!(!page.text().contains("violet tractor"), "{what}: the password is shown");
        assert_eq!(browser.jar.all().filter(|cookie| cookie.name == "__Host-doorward").count(), 0, "{what}");
    }
    assert!(accept(&mut browser, &link, PASSWORD).await.status.is_success());
}

/// A page without what differs from one answer to the next.
fn essence(page: &Answer, email: &str) -> String {
    let id = page.header("x-request-id").unwrap();
    let form = page.form();
    let attempt = form.value("attempt").unwrap_or("none");
    page.text().replace(id, "ID").replace(attempt, "ATTEMPT").replace(email, "EMAIL")
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_look_the_same() {
    let (_upstream, door) = start().await;
    accept(&mut Browser::new(), &invite(&door, EMAIL).await, PASSWORD).await;
    invite(&door, "invited@example.com").await;
    let mut seen = Vec::new();
    for (email, password) in
        [(EMAIL, "not this one at all"), ("nobody@example.com", PASSWORD), ("invited@example.com", PASSWORD)]
    {
        let mut attempts = Vec::new();
        for _ in 0..2 {
            let started = Instant::now();
            attempts.push((sign_in(&door, &mut Browser::new(), email, password).await, started.elapsed()));
        }
        // The quicker of two: a busy machine makes one of them slow.
        let (page, took) = attempts.into_iter().min_by_key(|(_, took)| *took).unwrap();
        assert!((400..500).contains(&page.status.as_u16()), "{email}: {}", page.status);
        assert!(!page.text().contains(password), "the password is shown");
        seen.push((page.status, essence(&page, email), took));
    }
    assert_eq!((&seen[0].0, &seen[0].1), (&seen[1].0, &seen[1].1), "wrong against unknown");
    assert_eq!((&seen[0].0, &seen[0].1), (&seen[2].0, &seen[2].1), "wrong against invited");
    // Hashing takes its time for an unknown address too: a quarter leaves room for a busy machine.
    assert!(seen[1].2 * 4 > seen[0].2 && seen[2].2 * 4 > seen[0].2, "{seen:?}");
}

#[tokio::test]
async fn guessing_is_slowed_down() {
    let (_upstream, door) = start().await;
    accept(&mut Browser::new(), &invite(&door, EMAIL).await, PASSWORD).await;
    let mut browser = Browser::new();
    let mut form = browser.visit(&door.url("app", "/")).await;
    let mut tries = 0;
    let limited = loop {
        tries += 1;
        assert!(tries <= 30, "thirty guesses in a row");
        let page = browser.submit(&form, &[("email", EMAIL), ("password", &format!("guess number {tries}"))]).await;
        if page.status == 429 {
            break page;
        }
        assert_eq!(page.status, 401, "{}", page.text());
        form = page;
    };
    assert!(tries > 3, "a person who mistypes is locked out after {tries} tries");
    assert!(limited.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().unwrap() > 0));
    // The right password is not a way to find out either.
    let page = browser.submit(&form, &[("email", EMAIL), ("password", PASSWORD)]).await;
    assert_eq!(page.status, 429);
}

#[tokio::test]
async fn a_removed_account_loses_its_session() {
    let (_upstream, door) = start().await;
    let mut browser = Browser::new();
    accept(&mut browser, &invite(&door, EMAIL).await, PASSWORD).await;
    assert_eq!(browser.visit(&door.url("code", "/")).await.status, 200);
    let listed = door.command(&["user", "list"]).await;
    assert!(listed.out.contains(EMAIL), "{listed:?}");
    let removed = door.command(&["user", "remove", EMAIL]).await;
    assert_eq!(removed.code, Some(0), "{removed:?}");
    let started = Instant::now();
    let shared = std::sync::Arc::new(tokio::sync::Mutex::new(browser));
    eventually("the session ends", || {
        let (browser, url) = (shared.clone(), door.url("code", "/"));
        async move { browser.lock().await.fetch(&url).await.status == 401 }
    })
    .await;
    assert!(started.elapsed().as_secs() < 8, "{:?}", started.elapsed());
    let page = sign_in(&door, &mut Browser::new(), EMAIL, PASSWORD).await;
    assert!((400..500).contains(&page.status.as_u16()), "{}", page.status);
    assert!(!door.command(&["user", "list"]).await.out.contains(EMAIL));
    assert_ne!(door.command(&["user", "remove", EMAIL]).await.code, Some(0));
}

#[tokio::test]
async fn a_new_password_ends_the_sessions_of_the_old_one() {
    let (_upstream, door) = start().await;
    let mut old = Browser::new();
    accept(&mut old, &invite(&door, EMAIL).await, PASSWORD).await;
    let mut new = Browser::new();
    accept(&mut new, &invite(&door, EMAIL).await, "another password entirely").await;
    let shared = std::sync::Arc::new(tokio::sync::Mutex::new(old));
    eventually("the old session ends", || {
        let (browser, url) = (shared.clone(), door.url("app", "/"));
        async move { browser.lock().await.fetch(&url).await.status == 401 }
    })
    .await;
    assert_eq!(new.fetch(&door.url("app", "/")).await.status, 200, "the new session has to stay");
    let page = sign_in(&door, &mut Browser::new(), EMAIL, PASSWORD).await;
    assert_eq!(page.status, 401);
}

#[tokio::test]
async fn accounts_of_the_configuration_are_invited_at_start() {
    let upstream = Upstream::start().await;
    let door = Setup::new()
        .with("users:\n  - email: ann@example.com\n    name: Ann\n    groups: [wheel]")
        .route("app", &upstream.url(), "policy: [{allow: {or: [{groups: {has: wheel}}]}}]")
        .start()
        .await;
    let line =
        door.log.wait_for_line("a link", |line| line.contains(EMAIL) || line.contains("/.doorward/welcome")).await;
    let link = if line.contains("https://") { line } else { door.log.wait_for("/.doorward/welcome").await };
    let link = link_in(&link.replace(['"', ','], " "));
    let mut browser = Browser::new();
    accept(&mut browser, &link, PASSWORD).await;
    assert_eq!(browser.visit(&door.url("app", "/")).await.status, 200, "the group of the configuration counts");
    // At the next start there is nothing to invite to.
    let door = door.restarted().await;
    assert!(!door.log.settled().await.contains("/.doorward/welcome"), "{}", door.log.text());
    assert_eq!(browser.fetch(&door.url("app", "/")).await.status, 200);
}

#[tokio::test]
async fn another_site_cannot_sign_anybody_in() {
    let (_upstream, door) = start().await;
    accept(&mut Browser::new(), &invite(&door, EMAIL).await, PASSWORD).await;
    let mut browser = Browser::new();
    let form = browser.visit(&door.url("app", "/")).await;
    let fields = [("email", EMAIL), ("password", PASSWORD)];
    let good = form.form().filled(&form.url, &fields);
    let action = good.url.to_string();
    for (what, ask) in [
        ("no attempt", Ask::post(&action, &fields)),
        ("another attempt", form.form().filled(&form.url, &[fields[0], fields[1], ("attempt", "x")])),
        ("another origin", good.clone().header("origin", "https://evil.example")),
        ("another site", good.clone().header("sec-fetch-site", "cross-site")),
    ] {
        let answer = browser.send(ask).await;
        assert!((400..500).contains(&answer.status.as_u16()), "{what}: {}", answer.status);
        assert_eq!(browser.jar.all().filter(|cookie| cookie.name == "__Host-doorward").count(), 0, "{what}");
    }
    // An attempt belongs to its browser.
    let answer = Browser::new().send(good.clone()).await;
    assert!((400..500).contains(&answer.status.as_u16()), "{}", answer.status);
    assert!(browser.follow(good).await.status.is_success());
}

#[tokio::test]
async fn what_is_kept_of_accounts_is_for_the_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (_upstream, door) = start().await;
    accept(&mut Browser::new(), &invite(&door, EMAIL).await, PASSWORD).await;
    let file = door.setup.data_dir().join("accounts.json");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("$argon2id$") && !text.contains(PASSWORD), "{text}");
    for entry in std::fs::read_dir(door.setup.data_dir()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o077;
        assert_eq!(mode, 0, "{:?} can be read by others", entry.path());
    }
    let log = door.log.settled().await;
    assert!(!log.contains(PASSWORD) && !log.contains("$argon2id$"), "{log}");
}
