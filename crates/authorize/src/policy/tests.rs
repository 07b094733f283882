//! The semantics of PPL as a table, and what must hold of every policy as properties.

mod arbitrary;
mod certificates;
mod max_age;
mod naive;
mod properties;
mod table;
mod told;
mod unclear;

use std::net::{IpAddr, Ipv4Addr};
use std::time::SystemTime;

use doorward_hygiene::{Hostname, NormalPath};
use doorward_identity::{Claims, ClientCertificate, Email, Groups, Identity, Presented, Subject, VerifiedEmail};
use http::{HeaderMap, Method};

use super::*;
use crate::{Case, CertificateMatcher, ListMatcher, ListTest, StringMatcher, StringTest, TextSet, Verdict};
use Action::{Allow, Deny};
use Operator::{And, Nor, Not, Or};

fn person(email: VerifiedEmail, groups: &[&str]) -> Identity {
    let claims = serde_json::from_str(r#"{"department":"security","nested":{"level":[1,2]}}"#).unwrap();
    Identity {
        subject: Subject { issuer: "https://idp.test".into(), id: "u-1".into() },
        email,
        name: None,
        groups: Groups::new(groups.iter().map(|&group| group.to_owned())),
        claims: Claims::new(claims),
        authenticated_at: SystemTime::UNIX_EPOCH,
    }
}

fn verified(email: &str) -> Identity {
    person(VerifiedEmail::Verified(Email::parse(email).unwrap()), &["staff"])
}

fn with_facts<R>(method: &Method, headers: &HeaderMap, run: impl FnOnce(&Facts<'_>) -> R) -> R {
    with_certificate(&Presented::Nothing, method, headers, run)
}

fn with_certificate<R>(
    client_certificate: &Presented,
    method: &Method,
    headers: &HeaderMap,
    run: impl FnOnce(&Facts<'_>) -> R,
) -> R {
    let host = Hostname::parse("code.example.test").unwrap();
    let path = NormalPath::parse("/").unwrap();
    run(&Facts {
        method,
        host: &host,
        path: &path,
        query: None,
        headers,
        source_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
        client_certificate,
        websocket: false,
        now: SystemTime::UNIX_EPOCH,
    })
}

fn verdict(rules: &[Rule], visitor: Visitor<'_>) -> Verdict {
    let policy = Policy::new(RouteId::new("test"), rules.to_vec());
    with_facts(&Method::GET, &HeaderMap::new(), |facts| match policy.decide(facts, visitor) {
        Decision::Allow(_) => Verdict::Allow,
        Decision::SignIn(_) => Verdict::SignIn,
        Decision::Deny(_) => Verdict::Deny,
    })
}

fn rule(action: Action, operator: Operator, criteria: Vec<Criterion>) -> Rule {
    Rule { action, operator, criteria, origin: Origin::Route, line: 1 }
}

fn email(address: &str) -> Criterion {
    Criterion::Email(StringMatcher::new(vec![StringTest::Is(address.into())], Case::Insensitive))
}

fn domain(name: &str) -> Criterion {
    Criterion::Domain(StringMatcher::new(vec![StringTest::Is(name.into())], Case::Insensitive))
}

fn group(name: &str) -> Criterion {
    Criterion::Groups(ListMatcher::new(vec![ListTest::Has(name.into())], Case::Sensitive))
}

fn claim(path: &str, value: &str) -> Criterion {
    Criterion::Claim {
        path: path.into(),
        matcher: ListMatcher::new(vec![ListTest::Has(value.into())], Case::Sensitive),
    }
}

fn certificate(fingerprint: &str) -> ClientCertificate {
    ClientCertificate {
        fingerprint: fingerprint.into(),
        spki_hash: "key".into(),
        subject: "CN=laptop".into(),
        san_dns: Vec::new(),
        san_email: Vec::new(),
        san_uri: Vec::new(),
        not_after: SystemTime::UNIX_EPOCH,
    }
}

fn presented() -> [Presented; 3] {
    let shown = Arc::new(certificate("ab"));
    [
        Presented::Nothing,
        Presented::Refused { certificate: Arc::clone(&shown), reason: "it was revoked".into() },
        Presented::Accepted(shown),
    ]
}

fn decided(rules: &[Rule], shown: &Presented, visitor: Visitor<'_>) -> (Verdict, Vec<&'static str>) {
    let policy = Policy::new(RouteId::new("test"), rules.to_vec());
    with_certificate(shown, &Method::GET, &HeaderMap::new(), |facts| {
        let told = policy.explain(facts, visitor);
        (told.verdict, told.reasons)
    })
}

fn fingerprint(is: &str) -> Criterion {
    Criterion::ClientCertificate(CertificateMatcher {
        fingerprints: Some(TextSet::new([is.to_owned(), "cd".to_owned()])),
        ..CertificateMatcher::default()
    })
}
