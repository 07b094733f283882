//! Who asks, and for what: the facts of a request, put together word by word.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use doorward_authorize::{Decision, Facts, Visitor};
use doorward_hygiene::{Hostname, NormalPath};
use doorward_identity::{ClientCertificate, Email, Groups, Identity, Presented, Subject, VerifiedEmail};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::route;
use crate::world::World;

/// The SHA-256 of the certificate that [`Ask::showing`] shows.
pub(super) const FINGERPRINT: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90";
/// That of its public key.
pub(super) const SPKI_HASH: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

const CLAIMS: &str = r#"{
    "department": "security", "roles": ["reader", "writer"], "level": 3, "employed": true,
    "realm_access": {"roles": ["admin"]}, "https://x.example/roles": "owner",
    "a": {"b": {"c": {"d": {"e": "deep", "f": {"g": "deeper"}}}}}
}"#;

/// A request.
pub(super) struct Ask {
    identity: Option<Box<Identity>>,
    method: Method,
    path: &'static str,
    query: Option<&'static str>,
    headers: HeaderMap,
    source_ip: IpAddr,
    client_certificate: Presented,
    now: SystemTime,
}

/// GET / of nobody known, from 192.0.2.1, in 1970.
pub(super) fn nobody() -> Ask {
    Ask {
        identity: None,
        method: Method::GET,
        path: "/",
        query: None,
        headers: HeaderMap::new(),
        source_ip: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        client_certificate: Presented::Nothing,
        now: UNIX_EPOCH,
    }
}

/// The same of Anna, who is on the staff.
pub(super) fn anna() -> Ask {
    person("anna", VerifiedEmail::Verified, &["staff", "editors"])
}

/// The same of Ben, who is on the staff.
pub(super) fn ben() -> Ask {
    person("ben", VerifiedEmail::Verified, &["staff"])
}

/// Somebody whose provider does not vouch for the address, which is Anna's.
pub(super) fn unverified() -> Ask {
    person("anna", VerifiedEmail::Unverified, &[])
}

fn person(name: &str, email: fn(Email) -> VerifiedEmail, groups: &[&str]) -> Ask {
    let identity = Identity {
        subject: Subject { issuer: "https://idp.example".into(), id: format!("u-{name}") },
        email: email(Email::parse(&format!("{name}@example.com")).unwrap()),
        name: None,
        groups: Groups::new(groups.iter().map(|&group| group.to_owned())),
        claims: serde_yaml::from_str(CLAIMS).unwrap(),
        authenticated_at: UNIX_EPOCH,
    };
    Ask { identity: Some(Box::new(identity)), ..nobody() }
}

impl Ask {
    pub(super) fn with_id(mut self, id: &str) -> Self {
        self.identity.as_mut().unwrap().subject.id = id.into();
        self
    }

    pub(super) fn without_address(mut self) -> Self {
        self.identity.as_mut().unwrap().email = VerifiedEmail::Absent;
        self
    }

    pub(super) fn method(self, method: &str) -> Self {
        Self { method: method.parse().unwrap(), ..self }
    }

    pub(super) fn at(self, path: &'static str) -> Self {
        Self { path, ..self }
    }

    pub(super) fn query(self, query: &'static str) -> Self {
        Self { query: Some(query), ..self }
    }

    pub(super) fn from(self, address: &str) -> Self {
        Self { source_ip: address.parse().unwrap(), ..self }
    }

    /// At this time of this day, in UTC.
    pub(super) fn when(self, year: i32, month: u8, day: u8, time: &str) -> Self {
        let (hours, minutes) = time.split_once(':').unwrap();
        let minutes = hours.parse::<u64>().unwrap() * 60 + minutes.parse::<u64>().unwrap();
        let midnight = SystemTime::from(rcgen::date_time_ymd(year, month, day));
        Self { now: midnight + Duration::from_secs(minutes * 60), ..self }
    }

    pub(super) fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        self
    }

    pub(super) fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    pub(super) fn pre_flight(self) -> Self {
        let origin = self.method("OPTIONS").header("origin", "https://app.example.com");
        origin.header("access-control-request-method", "PUT")
    }

    /// With a certificate that is believed.
    pub(super) fn showing(self) -> Self {
        Self { client_certificate: Presented::Accepted(certificate()), ..self }
    }

    /// With one that is not.
    pub(super) fn showing_refused(self) -> Self {
        let reason = "it was signed by nobody we trust".into();
        Self { client_certificate: Presented::Refused { certificate: certificate(), reason }, ..self }
    }

    /// What a route of this policy decides: the verdict, and the reasons.
    pub(super) fn decide(&self, policy: &str) -> String {
        self.decide_in(&World::default(), &route(policy))
    }

    /// What the first route of a configuration decides.
    pub(super) fn decide_in(&self, world: &World, configuration: &str) -> String {
        let loaded = world.load(configuration).unwrap_or_else(|problems| panic!("{configuration}\n{problems}"));
        let facts = Facts {
            method: &self.method,
            host: &Hostname::parse("code.example.com").unwrap(),
            path: &NormalPath::parse(self.path).unwrap(),
            query: self.query,
            headers: &self.headers,
            source_ip: self.source_ip,
            client_certificate: &self.client_certificate,
            websocket: false,
            now: self.now,
        };
        let visitor = self.identity.as_deref().map_or(Visitor::Anonymous, Visitor::Known);
        let decision: Decision = loaded.config.routes[0].policy.decide(&facts, visitor);
        format!("{} {}", decision.verdict().as_str(), decision.grounds().reasons)
    }
}

fn certificate() -> Arc<ClientCertificate> {
    Arc::new(ClientCertificate {
        fingerprint: FINGERPRINT.into(),
        spki_hash: SPKI_HASH.into(),
        subject: "CN=anna".into(),
        san_dns: vec!["laptop.example.com".into()],
        san_email: vec!["anna@example.com".into()],
        san_uri: vec!["spiffe://example.com/anna".into()],
        not_after: UNIX_EPOCH,
    })
}
