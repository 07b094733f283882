//! A Kubernetes API server behind the door: asked in the visitor's name, with a token that is replaced while it runs.

use crate::harness::browser::Ask;
use crate::harness::eventually;
use crate::harness::hostile_provider::{Person, Provider};
use crate::harness::scene::ANYBODY_SIGNED_IN;
use crate::harness::setup::Setup;
use crate::harness::upstream::Upstream;

#[tokio::test]
async fn the_visitor_is_named_and_a_rotated_token_is_taken() {
    let (provider, upstream) = (Provider::start().await, Upstream::start().await);
    let setup = Setup::new().with(&provider.keys());
    let token = setup.file("token", "first\n");
    let keys = format!("kubernetes_service_account_token_file: {}\n{ANYBODY_SIGNED_IN}", token.display());
    let door = setup.route("app", &upstream.url(), &keys).start().await;
    provider.person(Person::new("alice@example.com").in_groups(&["dev", "system:masters", "ops, all"]));
    let mut browser = door.signed_in("app").await;
    let url = door.url("app", "/api/v1/pods");
    let forged =
        ["authorization", "impersonate-user", "Impersonate-Group", "impersonate-uid", "Impersonate-Extra-Scopes"];
    let ask = || forged.iter().fold(Ask::fetch(&url), |ask, name| ask.header(name, "forged"));
    assert_eq!(browser.send(ask()).await.status, 200);
    let arrived = upstream.last();
    assert_eq!(arrived.all("authorization"), ["Bearer first"]);
    assert_eq!(arrived.all("impersonate-user"), ["alice@example.com"]);
    let mut groups = arrived.all("impersonate-group");
    groups.sort_unstable();
    assert_eq!(groups, ["dev", "ops, all"]);
    assert!(!arrived.headers.iter().any(|(_, value)| value == "forged"), "{:?}", arrived.headers);

    let beside = token.with_extension("next");
    std::fs::write(&beside, "second\n").unwrap();
    std::fs::rename(beside, &token).unwrap();
    let browser = tokio::sync::Mutex::new(browser);
    let (browser, upstream, ask) = (&browser, &upstream, &ask);
    eventually("the next token", || async move {
        browser.lock().await.send(ask()).await.status == 200
            && upstream.last().all("authorization") == ["Bearer second"]
    })
    .await;
}
