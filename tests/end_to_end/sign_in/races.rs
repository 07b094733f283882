//! What works once works once also when everybody tries in the same moment.

use futures_util::future::join_all;

use super::gives_session;
use crate::harness::browser::{Answer, Ask, Browser};
use crate::harness::scene::{ANYBODY_SIGNED_IN, Scene};
use crate::harness::setup::Setup;
use crate::harness::upstream::Upstream;

/// Browsers that have the same cookies as this one.
fn copies(browser: &Browser, count: usize) -> Vec<Browser> {
    let copy = |_| {
        let mut copy = Browser::new();
        for cookie in browser.jar.all() {
            copy.jar.plant(&cookie.domain, &cookie.name, &cookie.value);
        }
        copy
    };
    (0..count).map(copy).collect()
}

async fn all_at_once(browsers: Vec<Browser>, ask: &Ask) -> Vec<Answer> {
    join_all(browsers.into_iter().map(|mut browser| async move { browser.send(ask.clone()).await })).await
}

#[tokio::test]
async fn a_hand_over_is_taken_once() {
    let scene = Scene::with_two_hosts().await;
    let mut browser = scene.door.signed_in("app").await;
    let mut next = scene.url("code", "/");
    while !next.contains("/.doorward/callback?") {
        next = browser.send(Ask::page(&next)).await.location().unwrap().into();
    }
    let answers = all_at_once(copies(&browser, 8), &Ask::page(&next)).await;
    let given = answers.iter().filter(|answer| gives_session(answer)).count();
    assert_eq!(given, 1, "{:?}", answers.iter().map(|answer| answer.status).collect::<Vec<_>>());
    assert!(answers.iter().all(|answer| answer.status.as_u16() < 500));
}

#[tokio::test]
async fn an_invitation_is_accepted_once() {
    let upstream = Upstream::start().await;
    let door = Setup::new().route("app", &upstream.url(), ANYBODY_SIGNED_IN).start().await;
    let said = door.command(&["user", "add", "ann@example.com"]).await;
    let link = said.out.split_whitespace().find(|word| word.starts_with("https://")).unwrap().to_owned();
    let mut browser = Browser::new();
    let form = browser.visit(&link).await;
    let password = "violet tractor sings at noon";
    let ask = form.form().filled(&form.url, &[("password", password), ("again", password)]);
    let answers = all_at_once(copies(&browser, 6), &ask).await;
    let given = answers.iter().filter(|answer| gives_session(answer)).count();
    assert_eq!(given, 1, "{:?}", answers.iter().map(|answer| answer.status).collect::<Vec<_>>());
    // Hashing is done for a few at a time; whoever has to wait too long is told to come again.
    assert!(answers.iter().all(|answer| answer.status.as_u16() < 500 || answer.status == 503));
}

#[tokio::test]
async fn many_people_sign_in_at_once() {
    let scene = Scene::with_two_hosts().await;
    let url = scene.url("code", "/x");
    let answers = join_all((0..20).map(|_| async { Browser::new().visit(&url).await })).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    assert_eq!(scene.arrivals(), 20);
}
