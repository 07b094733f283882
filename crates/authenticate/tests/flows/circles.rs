//! Whatever a browser does with cookies, and whatever the clocks and stores are like: nobody is sent round in circles.

use std::time::Duration;

use doorward_config::SameSite;
use doorward_hygiene::Hostname;
use url::Url;

use crate::door::{AUTH, Answer, Browser, CODE, Door, WIKI};
use crate::jars::{Jar, Walker};
use crate::provider::Provider;

/// As many answers of ours as any walk may take.
const MOST: usize = 12;

fn door(provider: &Provider, sign_in: &str, domain: Option<&str>, same_site: SameSite) -> Door {
    let mut oidc = Door::oidc(provider.issuer(), doorward_config::ProviderKind::Oidc);
    if let doorward_config::Provider::Oidc(oidc) = &mut oidc
        && sign_in == CODE
    {
        oidc.redirect_path = "/.doorward/oauth2/callback";
    }
    Door::build(oidc, sign_in, None, None).change(|settings| {
        settings.cookie.domain = domain.map(|domain| Hostname::parse(domain).unwrap());
        settings.cookie.same_site = same_site;
    })
}

fn is_page(answer: &Answer) -> bool {
    answer.status().is_client_error() && !answer.answer.headers().contains_key("location")
}

/// The heading of a page.
fn heading(answer: &Answer) -> String {
    let text = answer.text();
    text.split("<h1>").nth(1).unwrap_or(&text).split("</h1>").next().unwrap().replace("&#39;", "'")
}

/// Where the page offers to try again.
fn try_again(answer: &Answer) -> String {
    let text = answer.text();
    let button = text.split("<a class=\"button\" href=\"").nth(1).unwrap_or_else(|| panic!("no button: {text}"));
    answer.url.join(&button.split('"').next().unwrap().replace("&#38;", "&")).unwrap().into()
}

#[tokio::test]
async fn every_jar_ends_on_a_page_and_whoever_mends_it_gets_in() {
    let provider = Provider::start().await;
    for sign_in in [CODE, AUTH] {
        for domain in [None, Some("example.com")] {
            for same_site in [SameSite::Lax, SameSite::Strict] {
                let door = door(&provider, sign_in, domain, same_site);
                for jar in Jar::ALL {
                    let case = format!("{jar:?}, {sign_in}, {domain:?}, {same_site:?}");
                    let mut walker = Walker::new(jar);
                    let answer = walker.walk(&[&door], &provider, &format!("{CODE}/x?a=b"), MOST).await;
                    let arrives = answer.status() == 200;
                    assert!(arrives || is_page(&answer), "{case}: {}", answer.status());
                    if matches!(jar, Jar::Honest | Jar::DropsTrail | Jar::NeverRemoves | Jar::TossedFirst(_)) {
                        assert!(arrives, "{case}: {}", heading(&answer));
                    }
                    if arrives || matches!(jar, Jar::TossedFirst(_) | Jar::ForeignFirst | Jar::NeverUpdates) {
                        continue;
                    }
                    walker.mend();
                    let again = walker.walk(&[&door], &provider, &try_again(&answer), MOST).await;
                    assert_eq!(again.status(), 200, "{case}: after {}", heading(&answer));
                }
            }
        }
    }
}

#[tokio::test]
async fn the_page_names_the_cause_it_found() {
    let provider = Provider::start().await;
    let shared = Some("example.com");
    for (jar, sign_in, domain, expected) in [
        (Jar::DropsAll, CODE, None, "Your browser returned no cookies"),
        (Jar::DropsAll, AUTH, None, "Your browser returned no cookies"),
        (Jar::DropsSession, CODE, None, "Your browser does not keep you signed in"),
        (Jar::DropsBothOfSession, CODE, None, "Your browser does not keep you signed in"),
        (Jar::DropsSession, AUTH, None, "Your browser does not keep you signed in"),
        (Jar::DropsSession, CODE, shared, "Your browser does not keep you signed in"),
        (Jar::Truncates(20), CODE, None, "This sign-in began on another server"),
    ] {
        let door = door(&provider, sign_in, domain, SameSite::Lax);
        let answer = Walker::new(jar).walk(&[&door], &provider, &format!("{CODE}/x"), MOST).await;
        let text = answer.text();
        assert_eq!(heading(&answer), expected, "{jar:?} {sign_in} {domain:?}");
        assert_eq!(answer.status(), 400);
        assert!(text.contains("req-1") && text.contains("class=\"button\""), "{text}");
        assert_eq!(text.contains("cookie_domain"), domain.is_some(), "{text}");
    }
}

#[tokio::test]
async fn replicas_that_share_no_store_are_found_out() {
    let provider = Provider::start().await;
    for sign_in in [CODE, AUTH] {
        // The same secrets, and a store each.
        let [one, other] = [(); 2].map(|()| door(&provider, sign_in, None, SameSite::Lax));
        for doors in [[&one, &other], [&other, &one]] {
            for url in [format!("{CODE}/x"), format!("{WIKI}/x")] {
                let answer = Walker::new(Jar::Honest).walk(&doors, &provider, &url, MOST).await;
                assert!(is_page(&answer) || answer.status() == 200, "{sign_in}: {}", answer.status());
            }
        }
        let answer = Walker::new(Jar::Honest).walk(&[&one, &one, &other], &provider, CODE, MOST).await;
        assert!(is_page(&answer) || answer.status() == 200, "{}", heading(&answer));
    }
    let [one, other] = [(); 2].map(|()| door(&provider, CODE, None, SameSite::Lax));
    // Page, sign-in, the provider's answer by one; the arrival by the other.
    let answer = Walker::new(Jar::Honest).walk(&[&one, &one, &one, &other], &provider, CODE, MOST).await;
    assert_eq!(heading(&answer), "The server does not know your session");
}

#[tokio::test]
async fn replicas_whose_clocks_differ_make_no_circle() {
    let provider = Provider::start().await;
    for sign_in in [CODE, AUTH] {
        let door = door(&provider, sign_in, None, SameSite::Lax);
        for ahead in [30, 120, 3600, 50_400, 200_000] {
            let twin = door.twin(Duration::from_secs(ahead));
            for doors in
                [vec![&door, &twin], vec![&twin, &door], vec![&door, &door, &door, &twin], vec![&twin, &twin, &door]]
            {
                for jar in [Jar::Honest, Jar::DropsSession, Jar::NeverUpdates] {
                    let answer = Walker::new(jar).walk(&doors, &provider, CODE, MOST).await;
                    assert!(
                        is_page(&answer) || answer.status() == 200 || answer.status() == 502,
                        "{ahead}: {}",
                        answer.status()
                    );
                }
            }
        }
        let twin = door.twin(Duration::from_secs(3600));
        let answer = Walker::new(Jar::DropsSession).walk(&[&door, &door, &door, &twin], &provider, CODE, MOST).await;
        if sign_in == CODE {
            assert_eq!(heading(&answer), "Two clocks differ");
        }
    }
}

#[tokio::test]
async fn a_session_that_is_over_at_once_is_told_so() {
    let provider = Provider::start().await;
    let mut door = door(&provider, CODE, None, SameSite::Lax);
    door = door.change(|settings| {
        let store = std::sync::Arc::new(doorward_sessions::MemoryStore::new());
        settings.sessions = std::sync::Arc::new(doorward_sessions::Sessions::new(store, [7; 32], Duration::ZERO));
    });
    door.sessions = std::sync::Arc::clone(&door.settings.sessions);
    let answer = Walker::new(Jar::Honest).walk(&[&door], &provider, CODE, MOST).await;
    assert!(is_page(&answer) || answer.status().is_server_error(), "{}", answer.status());
}

#[tokio::test]
async fn a_browser_that_has_mended_it_counts_from_the_beginning() {
    let provider = Provider::start().await;
    let door = door(&provider, CODE, None, SameSite::Lax);
    // Signed in twice within a minute, and gone again each time: the third time a page asks what is wrong.
    let mut browser = Browser::default();
    for _ in 0..2 {
        assert_eq!(browser.visit(&door, Some(&provider), &format!("{CODE}/x")).await.status(), 200);
        browser.jar.get_mut("code.example.com").unwrap().remove("__Host-doorward");
    }
    let page = browser.open(&door, &format!("{CODE}/x")).await;
    assert!(is_page(&page), "{}", page.status());
    assert_eq!(heading(&page), "Your browser does not keep you signed in");
    assert_eq!(browser.visit(&door, Some(&provider), &try_again(&page)).await.text(), "upstream for amina@example.com");
    // And a person who signs out each time is never suspected.
    for _ in 0..4 {
        let page = browser.open(&door, &format!("{CODE}/.doorward/sign_out")).await;
        let csrf = page.field("csrf");
        assert_eq!(browser.post(&door, &format!("{CODE}/.doorward/sign_out"), &[("csrf", &csrf)]).await.status(), 303);
        assert_eq!(browser.visit(&door, Some(&provider), &format!("{CODE}/x")).await.status(), 200);
    }
}

#[tokio::test]
async fn an_application_that_sends_signed_in_people_to_sign_in_is_named() {
    let provider = Provider::start().await;
    for sign_in in [CODE, AUTH] {
        let door = door(&provider, sign_in, None, SameSite::Lax);
        let mut browser = Browser::default();
        browser.visit(&door, Some(&provider), &format!("{CODE}/x")).await;
        let mut answer = browser.open(&door, &format!("{CODE}/.doorward/sign_in?return=%2Fx")).await;
        for _ in 0..MOST {
            if !answer.status().is_redirection() {
                break;
            }
            assert_eq!(answer.location().as_str(), format!("{CODE}/x"));
            answer = browser.open(&door, &format!("{CODE}/.doorward/sign_in?return=%2Fx")).await;
        }
        assert_eq!(heading(&answer), "The application asks you to sign in, and you are");
        assert_eq!(try_again(&answer), format!("{CODE}/x"));
    }
}

#[tokio::test]
async fn an_address_of_the_last_step_is_worth_nothing_by_itself() {
    let provider = Provider::start().await;
    let door = door(&provider, CODE, None, SameSite::Lax);
    for query in
        ["", "?to=%2Fx", "?to=%2F%2Fevil.example&stamp=x", "?to=https:%2F%2Fevil.example&stamp=x", "?to=%2Fx&stamp=x"]
    {
        let mut browser = Browser::default();
        let answer = browser.open(&door, &format!("{CODE}/.doorward/arrived{query}")).await;
        assert!(is_page(&answer) && answer.set_cookies().is_empty(), "{query}: {}", answer.status());
        browser.visit(&door, Some(&provider), CODE).await;
        let answer = browser.open(&door, &format!("{CODE}/.doorward/arrived{query}")).await;
        let leads = answer.answer.headers().get("location").map(|_| answer.location());
        assert!(leads.is_none_or(|url: Url| url.as_str() == format!("{CODE}/x")), "{query}");
    }
}
