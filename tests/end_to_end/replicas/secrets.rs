//! Secrets are changed while people are signed in, and a replica without the right one does not begin.

use super::{Replicas, SECRETS};
use crate::harness::doorward::{command_in, command_on};
use crate::harness::eventually;
use crate::harness::scene::ANYBODY_SIGNED_IN;
use crate::harness::setup::Setup;
use crate::harness::stores::Store;

#[tokio::test]
async fn a_secret_is_replaced_on_every_replica_without_a_restart_and_signs_nobody_out() {
    let Some(store) = Store::redis() else { return };
    let mut replicas = Replicas::start(2, store).await;
    let anna = replicas.browser_of("anna@example.com").await;
    let [old, new] = SECRETS;
    // Known to all before any seals with it; then sealing; then alone.
    for (step, secrets) in [[old, new].join(" "), [new, old].join(" ")].into_iter().enumerate() {
        for door in &replicas.doors {
            let yaml =
                door.setup.yaml().replace(&format!("cookie_secret: {old}"), &format!("cookie_secret: {secrets}"));
            door.replace_config(&yaml);
            let log = &door.log;
            eventually("the new secrets", || async {
                log.text().matches("the secrets of sessions were replaced").count() > step
            })
            .await;
        }
        let ben = replicas.browser_of(&format!("ben-{step}@example.com")).await;
        for index in 0..2 {
            for browser in [&anna, &ben] {
                assert_eq!(replicas.ask(index, browser, "app", "/").await.status, 200, "step {step}");
            }
        }
    }
    // The old one is needed for those who signed in with it, and by nothing else.
    let ben = replicas.browser_of("ben@example.com").await;
    let mut doors = Vec::new();
    for door in replicas.doors.drain(..) {
        door.replace_config(&door.setup.yaml().replace(old, new));
        doors.push(door.restarted_after("KILL").await);
    }
    replicas.doors = doors;
    for index in 0..2 {
        assert_eq!(replicas.ask(index, &ben, "app", "/").await.status, 200, "sealed with the new one");
        assert_eq!(replicas.ask(index, &anna, "app", "/").await.status, 401, "sealed with one that is gone");
    }
}

#[tokio::test]
async fn a_replica_with_another_secret_or_none_says_so_and_ends() {
    let Some(store) = Store::redis() else { return };
    let replicas = Replicas::start(1, store).await;
    let another = |secret: &str| {
        let setup = Setup::new().with(&replicas.provider.keys()).with(&replicas.store.keys()).with(secret).route(
            "app",
            &replicas.upstream.url(),
            ANYBODY_SIGNED_IN,
        );
        setup.write();
        setup
    };
    let said = command_on(&another(&format!("cookie_secret: {}", SECRETS[1])), &["run"]).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("sealed with another secret") && said.err.contains("cookie_secret"), "{said:?}");
    let said = command_on(&another(""), &["run"]).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("Give every replica the same `cookie_secret`"), "{said:?}");
    for secret in SECRETS {
        assert!(!said.err.contains(secret) && !said.out.contains(secret));
    }
    // A reload with a secret that does not open the store changes nothing.
    let door = &replicas.doors[0];
    let browser = replicas.browser_of("anna@example.com").await;
    door.replace_config(&door.setup.yaml().replace(SECRETS[0], SECRETS[1]));
    door.log.wait_for("the configuration was not reloaded").await;
    assert_eq!(replicas.ask(0, &browser, "app", "/").await.status, 200);
}

#[tokio::test]
async fn check_finds_what_the_store_would_not_take_and_shows_nothing_of_it() {
    let provider = crate::harness::hostile_provider::Provider::start().await;
    let check = async |keys: &str, with_provider: bool| {
        let setup = Setup::new().with(keys).route("app", "http://127.0.0.1:1", ANYBODY_SIGNED_IN);
        let setup = if with_provider { setup.with(&provider.keys()) } else { setup };
        let file = setup.write();
        command_in(setup.folder(), &["check", file.to_str().unwrap()]).await
    };
    let secret = format!("cookie_secret: {}\n", SECRETS[0]);
    let redis = "databroker_storage_type: redis\ndatabroker_storage_connection_string: ";
    let postgres = "databroker_storage_type: postgres\ndatabroker_storage_connection_string: ";
    for (store, words) in [
        (format!("{redis}redis://:s3cret@127.0.0.1/first"), "number of a database"),
        (format!("{redis}redis+sentinel://:s3cret@127.0.0.1"), "does not name the master"),
        (format!("{postgres}postgres://door:s3cret@127.0.0.1/door?sslmode=prefer"), "sslmode=prefer"),
    ] {
        let said = check(&format!("{secret}{store}"), true).await;
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(said.err.contains(words) && !said.err.contains("s3cret"), "{said:?}");
    }
    let said = check(&format!("{redis}redis://127.0.0.1"), true).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("Give every replica the same `cookie_secret`"), "{said:?}");
    // Accounts are not shared: said, but no reason not to begin.
    let said = check(&format!("{secret}{redis}redis://127.0.0.1"), false).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.err.contains("built-in accounts") && said.err.contains("idp_provider"), "{said:?}");
}
