use doorward_authorize::Shadow;
use doorward_config::{DiskFiles, Env, Overrides, RequestUrl, Source, load, load_expectations};

use super::*;
use crate::commands::drawn;

struct Nothing;

impl Env for Nothing {
    fn get(&self, _: &str) -> Option<String> {
        None
    }
}

fn config(keys: &str) -> Config {
    let yaml = format!("routes: [{{from: 'https://a.example.com', to: 'http://b', {keys}}}]");
    let source = Source::new("c.yaml", &yaml);
    load(&source, &Overrides::default(), &Nothing, &DiskFiles, SystemTime::now()).unwrap().config
}

fn asked(keys: &str) -> Question {
    let text = format!("- {{url: 'https://a.example.com/', expect: allow, {keys}}}");
    let read = load_expectations(&Source::new("t.yaml", &text), &Nothing, &DiskFiles).unwrap();
    read.tests[0].question.clone()
}

#[test]
fn a_shadow_is_told_beside_the_policy_and_decides_nothing() {
    let mut config = config("allow_any_authenticated_user: true");
    let shadow = self::config("allowed_users: [alice@example.com]").routes[0].policy.clone();
    config.routes[0].policy_shadow = Some(Shadow::new(shadow));
    let judge = Judge::new(&config).unwrap();
    let answer = judge.answer(&asked("as: bob@example.com"), SystemTime::now());
    assert_eq!(answer.ruling.verdict, Verdict::Allow);
    let told = drawn(&answer, "c.yaml");
    assert_eq!(
        told[4..],
        [
            "policy_shadow, which decides nothing",
            "└─ ✗ rule 1: allow if this holds  (policy_shadow, c.yaml:1)",
            "   └─ ✗ email is alice@example.com — found: bob@example.com",
            "shadow    would change allow to deny: no rule held, email-unauthorized",
        ]
    );
    let answer = judge.answer(&asked("as: alice@example.com"), SystemTime::now());
    let told = drawn(&answer, "c.yaml");
    assert_eq!(
        told.last().unwrap(),
        "shadow    would change nothing: allow: rule 1 (policy_shadow, c.yaml:1), email-ok"
    );
}

#[test]
fn what_is_told_in_short_is_what_is_told_in_full() {
    for keys in [
        "allow_any_authenticated_user: true",
        "allow_public_unauthenticated_access: true",
        "allowed_users: [alice@example.com]",
        "path: /elsewhere, allow_public_unauthenticated_access: true",
        "policy: [{allow: {not: [{email: alice@example.com}]}}, {deny: {or: [{groups: wheel}]}}]",
    ] {
        let config = config(keys);
        let judge = Judge::new(&config).unwrap();
        for who in ["", "websocket: true", "as: alice@example.com", "as: bob@example.com, groups: [wheel]"] {
            let (question, now) = (asked(who), SystemTime::now());
            assert_eq!(judge.rule(&question, now), judge.answer(&question, now).ruling, "{keys} / {who}");
        }
    }
}

#[test]
fn somebody_is_known_as_a_sign_in_would_have_made_them() {
    let yaml = "users: [{email: a@example.com, groups: [wheel]}]\n\
                routes: [{from: 'https://a.example.com', to: 'http://b', allow_any_authenticated_user: true}]";
    let source = Source::new("c.yaml", yaml);
    let config = load(&source, &Overrides::default(), &Nothing, &DiskFiles, SystemTime::now()).unwrap().config;
    let judge = Judge::new(&config).unwrap();
    let now = SystemTime::now();
    let person = asked("as: A@example.com, groups: [staff], authentication_age: 2h").who.unwrap();
    let identity = judge.identity(&person, now);
    assert_eq!(identity.groups.as_slice(), ["staff", "wheel"]);
    assert_eq!(identity.subject.issuer, "doorward");
    assert_eq!(now.duration_since(identity.authenticated_at).unwrap().as_secs(), 7200);
    let person =
        asked("as: b@example.com, identity_provider: 'https://idp.example.com', unverified: true").who.unwrap();
    let identity = judge.identity(&person, now);
    assert!(identity.groups.as_slice().is_empty() && identity.email.verified().is_none());
    assert_eq!(identity.subject.issuer, "https://idp.example.com");
}

#[test]
fn own_pages_are_own_only_on_hosts_of_ours() {
    let config = config("allowed_users: [alice@example.com]");
    let judge = Judge::new(&config).unwrap();
    for (url, reason) in [
        ("https://a.example.com/.doorward", "own-endpoint"),
        ("https://a.example.com/.doorward/user", "own-endpoint"),
        ("https://a.example.com//.doorward/user", "own-endpoint"),
        ("https://a.example.com/.well-known/doorward/jwks.json", "own-endpoint"),
        ("https://a.example.com/.doorwardx", "user-unauthenticated"),
        ("https://b.example.com/.doorward/", "no-route"),
    ] {
        let question = Question { url: RequestUrl::parse(url).unwrap(), ..asked("") };
        assert_eq!(judge.rule(&question, SystemTime::now()).reasons, [reason], "{url}");
    }
}
