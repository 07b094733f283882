//! The criterion about client certificates.
//!
//! Refuses: fingerprints and hashes that no certificate can have.

use doorward_authorize::{Case, CertificateMatcher, Criterion, StringMatcher, TextSet};

use crate::compile::Compiler;
use crate::yaml::{Content, Node};

const TESTS: [&str; 5] = ["fingerprint", "spki_hash", "san_dns", "san_email", "san_uri"];

impl Compiler<'_> {
    pub(super) fn client_certificate(&mut self, node: &Node) -> Option<Criterion> {
        let entries = match &node.content {
            Content::Map(entries) if !entries.is_empty() => entries,
            Content::Map(_) | Content::Null => {
                self.no_certificate_test(node, "`client_certificate` has nothing to compare with".into());
                return None;
            }
            Content::Scalar(_) | Content::List(_) => {
                self.no_certificate_test(
                    node,
                    format!("`client_certificate` says by what it compares, but here is {}", node.kind()),
                );
                return None;
            }
        };
        let (mut matcher, mut whole) = (CertificateMatcher::default(), true);
        for entry in entries {
            let value = &entry.value;
            let read = match entry.key.as_str() {
                "fingerprint" => self.fingerprints(value).map(|list| matcher.fingerprints = Some(TextSet::new(list))),
                "spki_hash" => self.spki_hashes(value).map(|list| matcher.spki_hashes = Some(TextSet::new(list))),
                name @ "san_dns" => self.certificate_name(name, value).map(|names| matcher.san_dns = Some(names)),
                name @ "san_email" => self.certificate_name(name, value).map(|names| matcher.san_email = Some(names)),
                name @ "san_uri" => self.certificate_name(name, value).map(|names| matcher.san_uri = Some(names)),
                _ => {
                    self.no_test("client_certificate", entry, &TESTS, &[]);
                    None
                }
            };
            whole &= read.is_some();
        }
        whole.then_some(Criterion::ClientCertificate(matcher))
    }

    /// One of the names of a certificate.
    fn certificate_name(&mut self, key: &str, node: &Node) -> Option<StringMatcher> {
        self.string_matcher(key, node, Case::Sensitive)
    }

    fn fingerprints(&mut self, node: &Node) -> Option<Vec<String>> {
        self.one_or_more(
            "fingerprint",
            node,
            CertificateMatcher::fingerprint,
            "a SHA-256 fingerprint",
            "It has 64 hexadecimal digits: `openssl x509 -noout -fingerprint -sha256 -in FILE` shows it.",
        )
    }

    fn spki_hashes(&mut self, node: &Node) -> Option<Vec<String>> {
        self.one_or_more(
            "spki_hash",
            node,
            CertificateMatcher::spki_hash,
            "the SHA-256 hash of a public key in base64",
            "It has 44 characters: `openssl x509 -noout -pubkey -in FILE | openssl pkey -pubin -outform der | openssl \
             dgst -sha256 -binary | base64` shows it.",
        )
    }

    fn one_or_more(
        &mut self,
        key: &str,
        node: &Node,
        read: fn(&str) -> Option<String>,
        what: &str,
        mend: &str,
    ) -> Option<Vec<String>> {
        let nodes = match &node.content {
            Content::List(items) => items.iter().map(AsRef::as_ref).collect::<Vec<&Node>>(),
            _ => vec![node],
        };
        if nodes.is_empty() {
            self.problems.error(&node.place, format!("`{key}` has nothing to compare with"), mend);
            return None;
        }
        if !self.is_list_short_enough(key, nodes.len(), &node.place) {
            return None;
        }
        let mut values = Vec::new();
        let mut whole = true;
        for node in nodes {
            let text = match &node.content {
                Content::Scalar(_) => self.reading().text(key, node).map(|text| text.value),
                Content::Null | Content::List(_) | Content::Map(_) => Some(String::new()),
            };
            let Some(text) = text else {
                whole = false;
                continue;
            };
            if let Some(value) = read(text.trim()) {
                values.push(value);
            } else {
                whole = false;
                self.problems.error(&node.place, format!("`{key}` is not {what}"), mend);
            }
        }
        whole.then_some(values)
    }

    fn no_certificate_test(&mut self, node: &Node, what: String) {
        let mend = "Write `client_certificate: {fingerprint: SHA256}`; whether one is believed is said by \
                    `invalid_client_certificate`.";
        self.problems.error(&node.place, what, mend);
    }
}
