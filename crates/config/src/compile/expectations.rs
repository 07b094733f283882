//! Tests of policies.
//!
//! Refuses: a test of something that cannot be asked, or that expects what cannot be decided, since it would pass or
//! fail for ever.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Duration;

use doorward_authorize::Verdict;
use doorward_identity::{Claims, Email, Groups};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Map, Value};

use super::Compiler;
use crate::domain::expectations::{
    Expectation, Expectations, Person, Question, RequestUrl, known_reasons, point_in_time,
};
use crate::domain::timeouts::Limit;
use crate::problem::{Place, Severity};
use crate::raw::expectations::{RawExpectation, RawExpectations};
use crate::raw::{At, Given, Named, nearest};

impl Compiler<'_> {
    /// A file of tests; what it names is relative to `folder`.
    pub(crate) fn expectations_of(&mut self, raw: &RawExpectations, folder: &Path) -> Expectations {
        Expectations {
            config: raw.config.as_ref().map(|file| folder.join(&file.value)),
            tests: self.expectations(&raw.tests, folder),
        }
    }

    /// The tests that could be made out; the files they name are relative to `folder`.
    pub(super) fn expectations(&mut self, raw: &[RawExpectation], folder: &Path) -> Vec<Expectation> {
        let mut tests = Tests { compiler: self, folder };
        raw.iter().filter_map(|raw| tests.expectation(raw)).collect()
    }
}

/// What making out tests needs.
struct Tests<'t, 'c> {
    compiler: &'t mut Compiler<'c>,
    folder: &'t Path,
}

impl Tests<'_, '_> {
    fn problem(&mut self, place: &Place, what: impl Into<String>, mend: impl Into<String>) {
        self.compiler.problems.error(place, what, mend);
    }

    fn expectation(&mut self, raw: &RawExpectation) -> Option<Expectation> {
        let before = self.compiler.problems.count(Severity::Error);
        let url = self.required(raw, &raw.url, "url", "https://code.example.com/");
        let url = url.and_then(|text| self.url(text));
        let expect = self.required(raw, &raw.expect, "expect", "allow");
        let expect = expect.and_then(|text| self.verdict(text));
        let who = self.person(raw);
        let websocket = raw.websocket.as_ref().is_some_and(|flag| flag.value);
        let method = self.method(raw, websocket);
        let ip = raw.ip.as_ref().map_or(Some(IpAddr::V4(Ipv4Addr::LOCALHOST)), |text| self.address_of(text));
        let headers = self.headers_of(raw.headers.as_ref());
        let time = raw.time.as_ref().and_then(|text| self.time(text));
        let certificate = raw.client_certificate.as_ref().map(|file| self.client_certificate(file));
        let reason = raw.reason.as_ref().and_then(|word| self.reason(word));
        if self.compiler.problems.count(Severity::Error) > before {
            return None;
        }
        let certificate = certificate.unwrap_or_default();
        let question = Question { who, url: url?, method: method?, ip: ip?, headers, websocket, time, certificate };
        let name = raw.name.as_ref().map(|name| name.value.clone());
        Some(Expectation { name, question, expect: expect?, reason, place: raw.place.clone() })
    }

    fn required<'r>(
        &mut self,
        raw: &RawExpectation,
        given: &'r Given<At<String>>,
        key: &str,
        example: &str,
    ) -> Option<&'r At<String>> {
        if given.is_absent() {
            self.problem(&raw.place, format!("this test has no `{key}`"), format!("Add `{key}: {example}`."));
        }
        given.value()
    }

    fn url(&mut self, text: &At<String>) -> Option<RequestUrl> {
        RequestUrl::parse(&text.value)
            .map_err(|error| {
                let what = format!("`url` cannot be asked for: {error}");
                self.problem(&text.place, what, "Write the whole of it, as in `https://code.example.com/path`.");
            })
            .ok()
    }

    fn verdict(&mut self, text: &At<String>) -> Option<Verdict> {
        match text.value.as_str() {
            "allow" => Some(Verdict::Allow),
            "deny" => Some(Verdict::Deny),
            "sign-in" => Some(Verdict::SignIn),
            other => {
                let mend = match nearest(other, &["allow", "deny", "sign-in"]) {
                    Some(meant) => format!("Did you mean `{meant}`?"),
                    None => "Write what is to be decided.".into(),
                };
                self.problem(&text.place, "`expect` is `allow`, `deny` or `sign-in`", mend);
                None
            }
        }
    }

    fn reason(&mut self, text: &At<String>) -> Option<&'static str> {
        let known = known_reasons();
        if let Some(word) = known.iter().find(|word| **word == text.value) {
            return Some(word);
        }
        let mend = match nearest(&text.value, &known) {
            Some(meant) => format!("Did you mean `{meant}`?"),
            None => "`doorward explain` tells the reasons of a decision, as in `email-unauthorized`.".into(),
        };
        self.problem(&text.place, "`reason` is no reason that a decision can have", mend);
        None
    }

    /// Who asks; none for nobody, and for somebody who could not be made out.
    fn person(&mut self, raw: &RawExpectation) -> Option<Person> {
        let Some(who) = &raw.who else {
            let told = [
                ("groups", raw.groups.as_ref().map(|at| &at.place)),
                ("claims", raw.claims.as_ref().map(|at| &at.place)),
                ("user", raw.user.as_ref().map(|at| &at.place)),
                ("unverified", raw.unverified.as_ref().map(|at| &at.place)),
                ("identity_provider", raw.identity_provider.as_ref().map(|at| &at.place)),
                ("authentication_age", raw.authentication_age.as_ref().map(|at| &at.place)),
            ];
            for (key, place) in told {
                if let Some(place) = place {
                    let what = format!("`{key}` is said of nobody: without `as`, nobody has signed in");
                    self.problem(place, what, "Add `as: you@example.com`, or remove it.");
                }
            }
            return None;
        };
        let email = Email::parse(&who.value).map_err(|error| {
            let mend = "Write it as in `as: you@example.com`; leave `as` out for somebody who has not signed in.";
            self.problem(&who.place, format!("`as` is an e-mail address, but {error}"), mend);
        });
        let age = raw.authentication_age.as_ref().map(|limit| self.age(limit));
        let text = |text: &Option<At<String>>| text.as_ref().map(|text| text.value.clone());
        Some(Person {
            verified: !raw.unverified.as_ref().is_some_and(|flag| flag.value),
            user: text(&raw.user).unwrap_or_default(),
            groups: Groups::new(texts(raw.groups.as_ref().map(|groups| &groups.value)).map(str::to_owned)),
            claims: claims(raw.claims.as_ref()),
            identity_provider: text(&raw.identity_provider),
            authentication_age: age.unwrap_or_default(),
            ..Person::new(email.ok()?)
        })
    }

    fn age(&mut self, limit: &At<Limit>) -> Duration {
        limit.value.duration().unwrap_or_else(|| {
            let mend = "Write how long ago, as in `authentication_age: 2h`, or remove it for just now.";
            self.problem(&limit.place, "`authentication_age` is more than nothing, and not for ever", mend);
            Duration::ZERO
        })
    }

    fn method(&mut self, raw: &RawExpectation, websocket: bool) -> Option<Method> {
        let Some(text) = &raw.method else { return Some(Method::GET) };
        let Ok(method) = Method::from_bytes(text.value.to_ascii_uppercase().as_bytes()) else {
            self.problem(&text.place, "`method` is no HTTP method", "Write it as in `method: POST`.");
            return None;
        };
        if websocket && method != Method::GET {
            let what = "a WebSocket is asked for by GET, and by no other method";
            self.problem(&text.place, what, "Remove `method`, or `websocket`.");
            return None;
        }
        Some(method)
    }

    fn address_of(&mut self, text: &At<String>) -> Option<IpAddr> {
        let address = text.value.parse();
        if address.is_err() {
            let mend = "Write one, as in `ip: 192.0.2.7` or `ip: 2001:db8::7`.";
            self.problem(&text.place, "`ip` is no address", mend);
        }
        address.ok()
    }

    fn headers_of(&mut self, raw: Option<&At<Named<Vec<At<String>>>>>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, values) in raw.iter().flat_map(|headers| &headers.value) {
            let Ok(header) = HeaderName::from_bytes(name.value.as_bytes()) else {
                let mend = "A name has letters, digits and hyphens, as in `X-Env`.";
                self.problem(&name.place, "this is not the name of a header", mend);
                continue;
            };
            for value in &values.value {
                if let Ok(value) = HeaderValue::from_str(&value.value) {
                    headers.append(&header, value);
                } else {
                    let mend = "Leave out line breaks and other control characters.";
                    self.problem(&value.place, "a header cannot have this value", mend);
                }
            }
        }
        headers
    }

    fn time(&mut self, text: &At<String>) -> Option<std::time::SystemTime> {
        let time = point_in_time(&text.value);
        if time.is_none() {
            let mend = "Write it as in `time: 2026-11-21T09:30:00+01:00`; `Z` at the end is UTC.";
            self.problem(&text.place, "`time` is no point in time with its offset from UTC", mend);
        }
        time
    }

    fn client_certificate(&mut self, file: &At<String>) -> Vec<CertificateDer<'static>> {
        let path = self.folder.join(&file.value);
        let Some(bytes) = self.compiler.file_at("client_certificate", &path, &file.place) else { return Vec::new() };
        match CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>() {
            Ok(chain) if !chain.is_empty() => chain,
            _ => {
                let what =
                    format!("`client_certificate` names the file `{}`, which is no PEM certificate", path.display());
                let mend = "Name one with the client's certificate and those that lead to its authority.";
                self.problem(&file.place, what, mend);
                Vec::new()
            }
        }
    }
}

fn texts(list: Option<&Vec<At<String>>>) -> impl Iterator<Item = &str> {
    list.into_iter().flatten().map(|text| text.value.as_str())
}

/// A single text stays one: that is how policies tell `is` from `has`, and providers send them.
fn claims(raw: Option<&At<Named<Vec<At<String>>>>>) -> Claims {
    let mut claims = Map::new();
    for (name, values) in raw.iter().flat_map(|claims| &claims.value) {
        let mut values: Vec<Value> = texts(Some(&values.value)).map(Value::from).collect();
        let value = if values.len() == 1 { values.remove(0) } else { Value::Array(values) };
        claims.insert(name.value.clone(), value);
    }
    Claims::new(claims)
}
