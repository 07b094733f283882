//! A name server that takes updates, and the key that signs them.
//!
//! Refuses: names where addresses have to stand, half a key, and algorithms that are no longer to be used.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::Secret;
use crate::compile::Compiler;
use crate::domain::acme::{Rfc2136, TsigAlgorithm, TsigKey};
use crate::problem::Place;
use crate::raw::At;
use crate::raw::acme::RawRfc2136;

const LONGEST_KEY_NAME: usize = 253;

impl Compiler<'_> {
    pub(super) fn rfc2136(&mut self, raw: &RawRfc2136) -> Option<Rfc2136> {
        let server = match &raw.server {
            Some(text) => self.name_server("server", text),
            None => self.missing(&raw.place, "rfc2136", "server", "`server: 192.0.2.53:53`"),
        };
        let zone = raw.zone.as_ref().map(|text| {
            let absolute = text.value.strip_suffix('.').unwrap_or(&text.value);
            self.hostname("zone", &At::new(absolute.to_owned(), &text.place))
        });
        let key = self.tsig_key(raw);
        // One that is given, but wrong, has been complained of.
        Some(Rfc2136 { server: server?, zone: zone.flatten(), key })
    }

    fn tsig_key(&mut self, raw: &RawRfc2136) -> Option<TsigKey> {
        let algorithm = raw.algorithm.as_ref().map(|text| (self.tsig_algorithm(text), &text.place));
        let name = raw.key_name.as_ref();
        let secret = raw.secret.place().cloned();
        match (name, &secret) {
            (Some(name), Some(_)) => {
                let named = self.tsig_key_name(name);
                let secret = self.tsig_secret(raw);
                let algorithm = algorithm.map_or(Some(TsigAlgorithm::HmacSha256), |(algorithm, _)| algorithm);
                Some(TsigKey { name: named?, algorithm: algorithm?, secret: secret? })
            }
            (None, None) => {
                if let Some((_, place)) = algorithm {
                    self.half_a_key(place, "tsig_algorithm", "`tsig_key_name` and `tsig_secret`");
                }
                None
            }
            (Some(name), None) => {
                self.half_a_key(&name.place, "tsig_key_name", "`tsig_secret` (or `tsig_secret_file`)");
                None
            }
            (None, Some(place)) => {
                self.half_a_key(place, "tsig_secret", "`tsig_key_name`");
                None
            }
        }
    }

    fn half_a_key(&mut self, place: &Place, key: &str, other: &str) {
        self.problems.error(
            place,
            format!("`{key}` is given without {other}"),
            "A key that signs updates is a name and a secret, as the name server has them.",
        );
    }

    fn tsig_key_name(&mut self, text: &At<String>) -> Option<String> {
        let name = text.value.strip_suffix('.').unwrap_or(&text.value);
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        if name.len() <= LONGEST_KEY_NAME && name.split('.').all(is_label) {
            return Some(name.to_ascii_lowercase());
        }
        self.problems.error(
            &text.place,
            "`tsig_key_name` is no name of a key",
            "Write it as the name server has it, as in `doorward` or `doorward.example.com`.",
        );
        None
    }

    fn tsig_algorithm(&mut self, text: &At<String>) -> Option<TsigAlgorithm> {
        let name = text.value.to_ascii_lowercase();
        let what = match name.strip_suffix('.').unwrap_or(&name) {
            "hmac-sha256" => return Some(TsigAlgorithm::HmacSha256),
            "hmac-sha384" => return Some(TsigAlgorithm::HmacSha384),
            "hmac-sha512" => return Some(TsigAlgorithm::HmacSha512),
            "hmac-md5" | "hmac-md5.sig-alg.reg.int" | "hmac-sha1" => {
                "`tsig_algorithm` is one that is no longer to be used (RFC 8945 §6)"
            }
            _ => "`tsig_algorithm` is none that there is",
        };
        self.problems.error(
            &text.place,
            what,
            "Make a key with `tsig-keygen -a hmac-sha256 NAME`; `hmac-sha256`, `hmac-sha384` and `hmac-sha512` are supported.",
        );
        None
    }

    fn tsig_secret(&mut self, raw: &RawRfc2136) -> Option<Secret> {
        let (text, place) = self.secret_text(&raw.secret, "tsig_secret", "tsig_secret_file")?;
        match STANDARD.decode(text.as_slice()).map(Zeroizing::new) {
            Ok(key) if !key.is_empty() => Some(Secret::new(key.as_slice())),
            _ => {
                self.problems.error(
                    &place,
                    "`tsig_secret` is not base64, or has white space around it",
                    "It is what stands behind `secret` in the name server's configuration.",
                );
                None
            }
        }
    }
}
