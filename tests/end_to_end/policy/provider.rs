//! Rules about what an identity provider says: groups out of a nested claim, and how somebody signed in.

use serde_json::{Value, json};

use crate::harness::browser::Browser;
use crate::harness::certified_provider::CertifiedProvider;
use crate::harness::hostile_provider::Person;
use crate::harness::scene::{ANYBODY_SIGNED_IN, Scene};
use crate::harness::setup::Setup;
use crate::harness::upstream::Upstream;

const ROLES: &str = "idp_groups_claim: realm_access/roles";

/// Each host, and the criterion that lets in there.
const HOSTS: [(&str, &str); 4] = [
    ("editors", "groups: {has: editor}"),
    ("admins", "groups: {has_any: [admin, root]}"),
    ("mfa", "authentication_method: {has: mfa}"),
    ("gold", "authentication_method: {has: gold}"),
];

/// Who may open which host; everything else is denied.
const PEOPLE: [(&str, &[&str]); 4] =
    [("rita", &["editors", "mfa"]), ("adam", &["editors", "admins", "gold"]), ("flat", &[]), ("odd", &[])];

fn claims(login: &str) -> Value {
    let email = format!("{login}@example.com");
    let mut claims = match login {
        "rita" => json!({"realm_access": {"roles": ["editor"]}, "amr": ["pwd", "mfa"]}),
        "adam" => json!({"realm_access": {"roles": ["admin", "editor"]}, "amr": ["pwd"], "acr": "gold"}),
        // Groups where the configuration does not look for them.
        "flat" => json!({"groups": ["editor", "admin"], "realm_access": {"other": ["editor"]}}),
        _ => json!({"realm_access": "editor", "name": "mfa"}),
    };
    claims["email"] = email.into();
    claims["email_verified"] = true.into();
    claims
}

fn routes(setup: Setup, upstream: &str) -> Setup {
    let policy = |criterion: &str| format!("policy: [{{allow: {{or: [{{{criterion}}}]}}}}]");
    let setup = setup.with(ROLES).route("app", upstream, &format!("{ANYBODY_SIGNED_IN}\npass_identity_headers: true"));
    HOSTS.iter().fold(setup, |setup, (host, criterion)| setup.route(host, upstream, &policy(criterion)))
}

#[tokio::test]
async fn nested_roles_and_ways_of_signing_in_decide() {
    let scene = Scene::with(routes).await;
    for (login, open) in PEOPLE {
        let person = Person::new(&format!("{login}@example.com"));
        let claims = claims(login);
        let person =
            claims.as_object().unwrap().iter().fold(person, |person, (name, value)| person.claim(name, value.clone()));
        scene.provider.person(person);
        let mut browser = scene.door.signed_in("app").await;
        for (host, _) in HOSTS {
            let expected = if open.contains(&host) { 200 } else { 403 };
            assert_eq!(browser.visit(&scene.url(host, "/")).await.status, expected, "{login} on {host}");
        }
    }
}

#[tokio::test]
async fn a_certified_provider_says_the_same() {
    let Some(provider) = CertifiedProvider::start().await else { return };
    let upstream = Upstream::start().await;
    let setup = Setup::new();
    let keys = provider.client(&setup, "app", "/.doorward/oauth2/callback").await;
    let door = routes(setup.with(&keys), &upstream.url()).start().await;
    for (login, open) in PEOPLE {
        let mut person = claims(login);
        person["login"] = login.into();
        provider.command("POST", "/people", &person).await;
        let mut browser = Browser::new();
        let answer = provider.sign_in(&mut browser, &door.url("app", "/"), login).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        for (host, _) in HOSTS {
            let expected = if open.contains(&host) { 200 } else { 403 };
            assert_eq!(browser.visit(&door.url(host, "/")).await.status, expected, "{login} on {host}");
        }
        let told = browser.fetch(&door.url("app", "/.doorward/user")).await.json();
        assert_eq!(
            told["groups"],
            claims(login)["realm_access"]["roles"].as_array().map_or(json!([]), |roles| json!(roles)),
            "{login}"
        );
    }
}
