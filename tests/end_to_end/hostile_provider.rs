//! A provider that lies, fails or floods: nobody is signed in, a page says so, nothing falls over, and no secret
//! gets into the log.

mod answers;
mod callback;
mod claims;
mod id_token;

use crate::harness::browser::{Answer, Browser};
use crate::harness::doorward::Doorward;
use crate::harness::hostile_provider::{Fault, Provider};
use crate::harness::scene::{ANYBODY_SIGNED_IN, Scene};
use crate::harness::setup::Setup;
use crate::harness::upstream::Upstream;

/// Tries to sign in, and holds that it comes to nothing: a page of ours, no session, nothing at the application.
async fn assert_nobody_gets_in(scene: &mut Scene, what: &str) -> Answer {
    let before = scene.arrivals();
    let mut browser = Browser::new();
    let page = browser.visit(&scene.url("app", "/secret")).await;
    let way = browser.trail_as_text();
    let status = page.status.as_u16();
    assert!((400..600).contains(&status) && status != 500, "{what}: {status}\n{way}{}", page.text());
    assert_eq!(page.header("x-doorward-intercepted-response"), Some("true"), "{what}: not a page of ours\n{way}");
    assert!(page.text().contains("<h1>"), "{what}: no page: {}", page.text());
    assert!(!page.text().contains("<script"), "{what}: {}", page.text());
    let session = browser.jar.all().find(|cookie| cookie.name == "__Host-doorward");
    assert!(session.is_none(), "{what}: a session was given\n{way}");
    assert_eq!(scene.arrivals(), before, "{what}: the application was reached");
    assert!(scene.door.is_running(), "{what}: doorward is gone");
    page
}

/// The same for each fault in turn; then that the provider's honesty is enough again.
async fn assert_each_is_refused(scene: &mut Scene, faults: Vec<(&str, Fault)>) {
    for (what, fault) in faults {
        scene.provider.fault(fault);
        assert_nobody_gets_in(scene, what).await;
    }
    scene.provider.honest();
    let mut browser = Browser::new();
    let answer = browser.visit(&scene.url("app", "/")).await;
    assert_eq!(answer.status, 200, "an honest provider afterwards:\n{}{}", browser.trail_as_text(), answer.text());
    assert_no_secret_in_log(&scene.door, &scene.provider).await;
}

async fn assert_no_secret_in_log(door: &Doorward, provider: &Provider) {
    let log = door.log.settled().await;
    for secret in provider.secrets() {
        assert!(!log.contains(&secret), "{secret} is in the log:\n{log}");
    }
}

/// Doorward with a provider that has a fault from the beginning.
async fn with_fault(fault: Fault) -> Scene {
    let provider = Provider::with(fault).await;
    let upstream = Upstream::start().await;
    let setup = Setup::new().with(&provider.keys()).route("app", &upstream.url(), ANYBODY_SIGNED_IN);
    Scene { door: setup.start().await, provider, upstream }
}
