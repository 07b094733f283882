//! A policy in a configuration that is otherwise right: any text is taken, or refused with problems that have a place;
//! what is taken decides, and explains itself the same way. Never a panic.
#![no_main]

use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use doorward_authorize::{Decision, Facts, Policy, Verdict, Visitor};
use doorward_config::{Env, Files, Overrides, Source};
use doorward_hygiene::{Hostname, NormalPath};
use doorward_identity::Presented;
use http::{HeaderMap, Method};
use libfuzzer_sys::fuzz_target;

struct Nothing;

impl Env for Nothing {
    fn get(&self, _: &str) -> Option<String> {
        None
    }
}

impl Files for Nothing {
    fn read(&self, _: &Path) -> io::Result<Vec<u8>> {
        Err(io::ErrorKind::NotFound.into())
    }
}

fn decide(policy: &Policy) {
    let (Ok(host), Ok(path)) = (Hostname::parse("a.example"), NormalPath::parse("/a//b")) else { return };
    let facts = Facts {
        method: &Method::GET,
        host: &host,
        path: &path,
        query: Some("a=1&a=2"),
        headers: &HeaderMap::new(),
        source_ip: Ipv4Addr::LOCALHOST.into(),
        client_certificate: &Presented::Nothing,
        websocket: false,
        now: UNIX_EPOCH + Duration::from_secs(1_800_000_000),
    };
    let decided = match policy.decide(&facts, Visitor::Anonymous) {
        Decision::Allow(_) => Verdict::Allow,
        Decision::SignIn(_) => Verdict::SignIn,
        Decision::Deny(_) => Verdict::Deny,
    };
    assert_eq!(policy.explain(&facts, Visitor::Anonymous).verdict, decided);
}

fuzz_target!(|text: &str| {
    let indented = text.replace('\n', "\n      ");
    let whole = format!(
        "people: {{a: [b@example.com, b], b: [c]}}\n\
         policies: {{team: [{{allow: {{or: [{{email: {{in_people: a}}}}]}}}}]}}\n\
         routes:\n  - from: https://a.example\n    to: http://b\n    policy:\n      {indented}\n"
    );
    let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let source = Source::new("fuzz.yaml", &whole);
    match doorward_config::load(&source, &Overrides::default(), &Nothing, &Nothing, now) {
        Ok(loaded) => loaded.config.routes.iter().for_each(|route| decide(&route.policy)),
        Err(problems) => assert!(problems.to_string().contains("fuzz.yaml")),
    }
});
