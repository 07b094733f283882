//! Several tabs that sign in at once do not get in each other's way.

use crate::harness::browser::{Answer, Ask, Browser};
use crate::harness::scene::Scene;

/// Opens the URLs and takes every tab one redirect further in turn, until all have arrived.
async fn open_at_once(browser: &mut Browser, urls: &[String]) -> Vec<Answer> {
    let mut tabs: Vec<(String, Option<Answer>)> = urls.iter().map(|url| (url.clone(), None)).collect();
    for _ in 0..20 {
        for (next, arrived) in tabs.iter_mut().filter(|(_, arrived)| arrived.is_none()) {
            let answer = browser.send(Ask::page(next)).await;
            match answer.location() {
                Some(location) => *next = location.into(),
                None => *arrived = Some(answer),
            }
        }
    }
    tabs.into_iter().map(|(url, answer)| answer.unwrap_or_else(|| panic!("still on its way at {url}"))).collect()
}

#[tokio::test]
async fn three_tabs_on_two_hosts_all_arrive_where_they_were_going() {
    let scene = Scene::with_two_hosts().await;
    let mut browser = Browser::new();
    let urls = [scene.url("app", "/one?a"), scene.url("code", "/two?b"), scene.url("code", "/three?c")];
    let answers = open_at_once(&mut browser, &urls).await;
    for (answer, url) in answers.iter().zip(&urls) {
        assert_eq!(answer.status, 200, "{url}: {}", answer.text());
        assert_eq!(answer.url.as_str(), url);
    }
}

#[tokio::test]
async fn a_dozen_tabs_never_end_in_a_server_error_and_one_more_try_helps() {
    let scene = Scene::with_two_hosts().await;
    let mut browser = Browser::new();
    let urls: Vec<_> = (0..12).map(|number| scene.url("code", &format!("/{number}"))).collect();
    let answers = open_at_once(&mut browser, &urls).await;
    for answer in &answers {
        assert!(matches!(answer.status.as_u16(), 200 | 400), "{} {}: {}", answer.status, answer.url, answer.text());
    }
    for url in &urls {
        assert_eq!(browser.visit(url).await.status, 200);
    }
}
