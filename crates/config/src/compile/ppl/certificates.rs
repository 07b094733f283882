//! The criteria about client certificates.

use doorward_authorize::{CertificateMatcher, Criterion, TextSet};

use crate::compile::Compiler;
use crate::raw::nearest;
use crate::yaml::{Content, Entry, Node, shown};

const TESTS: [&str; 2] = ["fingerprint", "spki_hash"];
/// Those that Pomerium has besides. Names say nothing of a certificate that nobody believes, and the criterion does not
/// ask whether it is believed.
const NAMES: [&str; 3] = ["san_dns", "san_email", "san_uri"];

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
        let (mut fingerprints, mut hashes, mut whole) = (None, None, true);
        for entry in entries {
            let read = match entry.key.as_str() {
                "fingerprint" => self.fingerprints(&entry.value).map(|list| fingerprints = Some(list)),
                "spki_hash" => self.spki_hashes(&entry.value).map(|list| hashes = Some(list)),
                _ => {
                    self.other_certificate_test(entry);
                    None
                }
            };
            whole &= read.is_some();
        }
        whole.then(|| {
            Criterion::ClientCertificate(CertificateMatcher {
                fingerprints: fingerprints.map(TextSet::new),
                spki_hashes: hashes.map(TextSet::new),
                ..CertificateMatcher::default()
            })
        })
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
            Content::List(items) => items.iter().map(AsRef::as_ref).collect(),
            _ => vec![node],
        };
        if nodes.is_empty() {
            self.problems.error(&node.place, format!("`{key}` has nothing to compare with"), mend);
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

    fn other_certificate_test(&mut self, entry: &Entry) {
        if NAMES.contains(&entry.key.as_str()) {
            self.problems.error(
                &entry.place,
                format!("`client_certificate` cannot be compared by `{}` here", entry.key),
                "Names are asked for by `match_subject_alt_names` in `downstream_mtls`, of certificates that are believed.",
            );
            return;
        }
        let mend = match nearest(&entry.key, &TESTS) {
            Some(meant) => format!("Did you mean `{meant}`?"),
            None => format!("It can be compared by: {}.", TESTS.join(", ")),
        };
        self.problems.error(
            &entry.place,
            format!("`client_certificate` cannot be compared by `{}`", shown(&entry.key)),
            mend,
        );
    }
}
