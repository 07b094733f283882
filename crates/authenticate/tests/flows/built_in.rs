//! Built-in accounts: from the invitation to the next sign-in.

use std::sync::Arc;
use std::time::Duration;

use doorward_authenticate::{Accounts, RouteAddress, RouteCard};
use doorward_hygiene::Origin;
use doorward_identity::Email;
use tokio_util::sync::CancellationToken;

use crate::door::{Answer, Browser, CODE, Door, WIKI};

const PASSWORD: &str = "four unrelated words";
const SIGN_IN: &str = "https://code.example.com/.doorward/sign_in";
const WELCOME: &str = "https://code.example.com/.doorward/welcome";

fn amina() -> Email {
    Email::parse("amina@example.com").unwrap()
}

fn invite(door: &Door) -> String {
    let token = door.accounts.as_ref().unwrap().invite(&amina(), door.now()).unwrap();
    token.link(&Origin::parse(CODE).unwrap())
}

async fn set_password(door: &Door, browser: &mut Browser, link: &str, password: &str) -> Answer {
    let form = browser.open(door, link).await;
    assert_eq!(form.status(), 200, "{}", form.text());
    let token = form.field("token");
    browser.post(door, WELCOME, &[("token", &token), ("password", password), ("again", password)]).await
}

/// A door whose one account has its password.
async fn door() -> Door {
    let door = Door::with_accounts();
    let answer = set_password(&door, &mut Browser::default(), &invite(&door), PASSWORD).await;
    assert_eq!(answer.status(), 303);
    door
}

/// Somebody signed in with their account.
pub(crate) async fn signed_in() -> (Door, Browser, Arc<doorward_sessions::LiveSession>) {
    let (door, mut browser) = (Door::with_accounts(), Browser::default());
    assert_eq!(set_password(&door, &mut browser, &invite(&door), PASSWORD).await.status(), 303);
    let session = door.sessions_of(&browser).await;
    (door, browser, session)
}

async fn sign_in(door: &Door, browser: &mut Browser, email: &str, password: &str) -> Answer {
    let form = browser.open(door, SIGN_IN).await;
    let attempt = form.field("attempt");
    browser.post(door, SIGN_IN, &[("email", email), ("password", password), ("attempt", &attempt)]).await
}

#[tokio::test]
async fn an_invitation_ends_signed_in_at_the_one_route_there_is() {
    let door = Door::with_accounts();
    let link = invite(&door);
    let mut browser = Browser::default();
    let form = browser.open(&door, &link).await;
    assert!(form.text().contains("amina@example.com") && form.text().contains("autocomplete=\"new-password\""));
    assert_eq!(form.answer.headers()["referrer-policy"], "same-origin");

    *door.routes.lock().unwrap() = vec![RouteCard {
        name: "Wiki".into(),
        description: String::new(),
        address: RouteAddress::Url(format!("{WIKI}/")),
    }];
    let answer = set_password(&door, &mut browser, &link, PASSWORD).await;
    assert_eq!((answer.status().as_u16(), answer.location().as_str()), (303, format!("{WIKI}/").as_str()));
    let answer = browser.visit(&door, None, answer.location().as_str()).await;
    assert_eq!(answer.text(), "upstream for amina@example.com");
    let user = browser.open(&door, &format!("{CODE}/.doorward/user")).await.json();
    assert_eq!(user["name"], "Amina Diallo");
    assert_eq!(user["groups"], serde_json::json!(["staff"]));
    assert_eq!(user["email_verified"], true);
    assert_eq!(user["issuer"], "doorward");

    // The link is used up.
    let again = Browser::default().open(&door, &link).await;
    assert_eq!(again.status(), 404);
    assert!(again.text().contains("does not work any more"));
}

#[tokio::test]
async fn with_no_or_several_routes_the_portal_is_next_and_foreign_addresses_never() {
    let at = |address| RouteCard { name: "x".into(), description: String::new(), address };
    let card = |url: &str| at(RouteAddress::Url(url.into()));
    let pattern = at(RouteAddress::Pattern("https://*.dev.example.com/".into()));
    let foreign = |url: &str| vec![card(url)];
    for routes in [
        vec![],
        vec![card(CODE), card(WIKI)],
        vec![pattern],
        foreign("https://evil.example/"),
        foreign("//evil"),
        foreign("https://dev.example.com/"),
        foreign("https://a.b.dev.example.com/"),
        foreign("https://xdev.example.com/"),
        foreign("https://a.dev.example.com.evil.com/"),
        foreign("https://a.dev.example.com:8443/"),
        foreign("http://a.dev.example.com/"),
    ] {
        let door = Door::with_accounts();
        door.routes.lock().unwrap().clone_from(&routes);
        let answer = set_password(&door, &mut Browser::default(), &invite(&door), PASSWORD).await;
        assert_eq!(answer.location().as_str(), format!("{CODE}/.doorward/routes"), "{routes:?}");
    }
}

#[tokio::test]
async fn a_password_that_will_not_do_is_explained_and_the_link_stays_good() {
    let door = Door::with_accounts();
    let link = invite(&door);
    let mut browser = Browser::default();
    for (password, why) in [
        ("short", "at least 12"),
        ("amina@example.com", "e-mail"),
        ("aaaaaaaaaaaaaaaaaa", "over and over"),
        ("password1234", "tried first"),
    ] {
        let answer = set_password(&door, &mut browser, &link, password).await;
        assert_eq!(answer.status(), 422, "{password}");
        assert!(answer.text().contains(why), "{}", answer.text());
    }
    let token = browser.open(&door, &link).await.field("token");
    let unequal = [("token", token.as_str()), ("password", PASSWORD), ("again", "something else entirely")];
    assert_eq!(browser.post(&door, WELCOME, &unequal).await.status(), 422);
    assert!(browser.ticket("code.example.com").is_none());
    assert_eq!(set_password(&door, &mut browser, &link, PASSWORD).await.status(), 303);
}

#[tokio::test]
async fn the_next_time_e_mail_and_password_do() {
    let door = door().await;
    let mut browser = Browser::default();
    let form = browser.visit(&door, None, &format!("{WIKI}/page?x=1")).await;
    assert_eq!((form.status().as_u16(), form.url.host_str()), (200, Some("code.example.com")));
    assert!(form.text().contains("wiki.example.com:8443"), "it says where one is going");
    let attempt = form.field("attempt");
    let fields = [("email", " Amina@Example.com "), ("password", PASSWORD), ("attempt", attempt.as_str())];
    let answer = browser.post(&door, SIGN_IN, &fields).await;
    assert_eq!(answer.status(), 303);
    let answer = browser.visit(&door, None, answer.location().as_str()).await;
    assert_eq!(answer.url.as_str(), format!("{WIKI}/page?x=1"));
    assert_eq!(answer.text(), "upstream for amina@example.com");
    assert!(browser.cookies("code.example.com", "attempt").is_empty());
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_look_the_same() {
    let door = door().await;
    let strip = |answer: &Answer, attempt: &str, email: &str| answer.text().replace(attempt, "").replace(email, "");
    let mut pages = Vec::new();
    for (email, password) in
        [("amina@example.com", "wrong password!"), ("nobody@example.com", PASSWORD), ("no address", PASSWORD)]
    {
        let mut browser = Browser::default();
        let answer = sign_in(&door, &mut browser, email, password).await;
        assert_eq!(answer.status(), 401);
        assert!(browser.ticket("code.example.com").is_none());
        assert!(!answer.text().contains(password), "the password is never written back");
        pages.push(strip(&answer, &answer.field("attempt"), email));
    }
    assert!(pages.windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test]
async fn too_many_failures_get_429_even_for_the_right_password() {
    let door = door().await;
    let mut browser = Browser::default();
    for _ in 0..10 {
        assert_eq!(sign_in(&door, &mut browser, "amina@example.com", "wrong password!").await.status(), 401);
    }
    let answer = sign_in(&door, &mut browser, "AMINA@example.com", PASSWORD).await;
    assert_eq!(answer.status(), 429);
    let retry: u64 = answer.answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=900).contains(&retry));
    // Configuration reloaded: what was counted still counts.
    let reloaded = doorward_authenticate::Authenticator::new(door.settings.clone(), Some(&door.authenticator)).unwrap();
    let door = Door { authenticator: reloaded, ..door };
    assert_eq!(sign_in(&door, &mut browser, "amina@example.com", PASSWORD).await.status(), 429);
    door.wait(901);
    assert_eq!(sign_in(&door, &mut browser, "amina@example.com", PASSWORD).await.status(), 303);
}

#[tokio::test]
async fn a_form_needs_its_attempt_and_its_own_origin() {
    let door = door().await;
    let fields = |attempt: &str| {
        vec![
            ("email", "amina@example.com".to_owned()),
            ("password", PASSWORD.to_owned()),
            ("attempt", attempt.to_owned()),
        ]
    };
    let post = async |browser: &mut Browser, attempt: &str, headers: &[(&str, &str)]| {
        let fields = fields(attempt);
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        browser.post_from(&door, SIGN_IN, &fields, headers).await
    };
    // Another browser's attempt: nobody is signed in as somebody else behind their back.
    let mut attacker = Browser::default();
    let theirs = attacker.open(&door, SIGN_IN).await.field("attempt");
    let mut victim = Browser::default();
    for attempt in [theirs.as_str(), "", "x"] {
        let answer = post(&mut victim, attempt, &[]).await;
        assert_eq!(answer.status(), 400, "{attempt}");
        assert!(victim.ticket("code.example.com").is_none());
    }
    let mine = victim.open(&door, SIGN_IN).await.field("attempt");
    for headers in [
        [("origin", "https://evil.example")],
        [("origin", "null")],
        [("origin", WIKI)],
        [("origin", "http://code.example.com")],
        [("sec-fetch-site", "cross-site")],
        [("sec-fetch-site", "same-site")],
    ] {
        assert_eq!(post(&mut victim, &mine, &headers).await.status(), 403, "{headers:?}");
    }
    // Ten minutes later it is over; and after it has worked it is over too.
    door.wait(601);
    assert_eq!(post(&mut victim, &mine, &[]).await.status(), 400);
    let mine = victim.open(&door, &format!("{SIGN_IN}?return=/x")).await.field("attempt");
    assert_eq!(post(&mut victim, &mine, &[]).await.arrives_at().path(), "/x");
    assert_eq!(post(&mut victim, &mine, &[]).await.status(), 400);
}

#[tokio::test]
async fn malformed_forms_are_refused() {
    let door = door().await;
    let send = async |content_type: &str, body: String| {
        let request = http::Request::post(SIGN_IN)
            .header("content-type", content_type)
            .header("accept", "text/html")
            .body(body)
            .unwrap();
        door.request(request).await.status().as_u16()
    };
    let form = "application/x-www-form-urlencoded";
    assert_eq!(send(form, String::new()).await, 400);
    assert_eq!(send(form, "email=a&email=b&password=c&attempt=d".into()).await, 400);
    assert_eq!(send(form, "email=%ff&password=c&attempt=d".into()).await, 400);
    assert_eq!(send("application/json", r#"{"email":"a","password":"b","attempt":"c"}"#.into()).await, 400);
    assert_eq!(send("text/plain", "email=a&password=b&attempt=c".into()).await, 400);
    assert_eq!(send(form, format!("email={}", "a".repeat(16 * 1024))).await, 413);
}

#[tokio::test]
async fn a_removed_account_or_a_new_password_ends_sessions_within_seconds() {
    for new_password in [false, true] {
        let door = door().await;
        let stop = CancellationToken::new();
        door.authenticator.start(stop.clone());
        let mut browser = Browser::default();
        sign_in(&door, &mut browser, "amina@example.com", PASSWORD).await;
        assert_eq!(browser.open(&door, &format!("{CODE}/x")).await.status(), 200);
        let session = door.sessions_of(&browser).await;
        assert!(!session.ended().is_cancelled());
        if new_password {
            door.wait(1);
            let mut other = Browser::default();
            assert_eq!(
                set_password(&door, &mut other, &invite(&door), "five quite different words").await.status(),
                303
            );
            assert_eq!(other.open(&door, &format!("{CODE}/x")).await.status(), 200, "the new session stays");
        } else {
            // Another process does it, as the command line would.
            let accounts: &Arc<Accounts> = door.accounts.as_ref().unwrap();
            let other = Accounts::open(door.data_dir()).unwrap();
            assert!(other.remove(&amina()).unwrap());
            assert_eq!(accounts.list(door.now()).len(), 1, "not known here yet");
        }
        tokio::time::timeout(Duration::from_secs(3), session.ended().cancelled()).await.expect("it lives on");
        assert_eq!(browser.open(&door, &format!("{CODE}/x")).await.status(), 302);
        stop.cancel();
    }
}

#[tokio::test]
async fn a_session_that_slept_through_the_removal_is_none() {
    let door = door().await;
    let mut browser = Browser::default();
    sign_in(&door, &mut browser, "amina@example.com", PASSWORD).await;
    // Nothing runs in the background here; the look at the account is made when the session is.
    door.accounts.as_ref().unwrap().remove(&amina()).unwrap();
    assert_eq!(browser.open(&door, &format!("{CODE}/x")).await.status(), 302);
}

#[tokio::test]
async fn invitations_and_passwords_are_taken_on_the_sign_in_host_alone() {
    let door = Door::with_accounts();
    let link = invite(&door).replace(CODE, WIKI);
    assert_eq!(Browser::default().open(&door, &link).await.status(), 400);
    let answer = Browser::default()
        .post(&door, &format!("{WIKI}/.doorward/sign_in"), &[("email", "a"), ("password", "b"), ("attempt", "c")])
        .await;
    assert_eq!(answer.status(), 400);
}

#[tokio::test]
async fn an_account_that_is_blocked_learns_so_by_its_password_alone() {
    let door = door().await;
    let mut before = Browser::default();
    sign_in(&door, &mut before, "amina@example.com", PASSWORD).await;
    door.sessions.block(&amina(), door.now()).await.unwrap();
    assert_eq!(before.fetch(&door, &format!("{CODE}/x")).await.status(), 401, "what was open is closed");
    let mut browser = Browser::default();
    let wrong = sign_in(&door, &mut browser, "amina@example.com", "another four unrelated words").await;
    assert_eq!(wrong.status(), 401);
    assert!(!wrong.text().contains("may not sign in"), "nobody else learns that the account is blocked");
    let right = sign_in(&door, &mut browser, "amina@example.com", PASSWORD).await;
    assert_eq!(right.status(), 403);
    assert!(right.text().contains("You may not sign in here") && right.text().contains("help@example.com"));
    assert!(browser.ticket("code.example.com").is_none());
    door.sessions.unblock(&amina(), door.now()).await.unwrap();
    assert_eq!(sign_in(&door, &mut browser, "amina@example.com", PASSWORD).await.status(), 303);
}

#[tokio::test]
async fn an_account_signs_out_of_one_browser_or_of_all() {
    let door = door().await;
    let mut browsers = [Browser::default(), Browser::default(), Browser::default()];
    for browser in &mut browsers {
        assert_eq!(sign_in(&door, browser, "amina@example.com", PASSWORD).await.status(), 303);
    }
    let out = format!("{CODE}/.doorward/sign_out");
    let [one, two, three] = &mut browsers;
    let csrf = one.open(&door, &out).await.field("csrf");
    let answer = one.post(&door, &out, &[("csrf", &csrf), ("scope", "browser")]).await;
    assert_eq!(answer.location().as_str(), format!("{CODE}/.doorward/signed_out"));
    assert_eq!(one.fetch(&door, &format!("{CODE}/x")).await.status(), 401);
    assert_eq!(two.fetch(&door, &format!("{CODE}/x")).await.status(), 200);
    let csrf = two.open(&door, &out).await.field("csrf");
    let answer = two.post(&door, &out, &[("csrf", &csrf), ("scope", "everywhere")]).await;
    assert!(two.open(&door, answer.location().as_str()).await.text().contains("in this browser or any other"));
    assert_eq!(three.fetch(&door, &format!("{CODE}/x")).await.status(), 401);
}
