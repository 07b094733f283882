//! Request headers that are put together for each request: of what is known of the visitor, of the client's
//! certificate, and of the visitor's own headers.
//!
//! Refuses half a header: where one part has nothing to say, the header says nothing, and is not sent. Refuses to tell
//! of a certificate that is not believed, and of anybody who is not signed in.

use doorward_assertion::{Introduction, Told};
use doorward_config::{HeaderContent, HeaderPart};
use doorward_identity::{ClientCertificate, Presented};
use doorward_sessions::{Token, Tokens};
use http::{HeaderMap, HeaderName, HeaderValue};

/// The longest value put together, in bytes: longer ones upstreams refuse, and then the person is locked out.
const LONGEST: usize = 16 * 1024;

/// What headers are put together of.
#[derive(Clone, Copy)]
pub(super) struct Sources<'a> {
    /// The visitor, if signed in.
    pub(super) told: Option<Told<'a>>,
    /// What the identity provider issued for them.
    pub(super) tokens: Option<&'a Tokens>,
    /// What the upstream is told of them.
    pub(super) introduction: Option<&'a Introduction>,
    /// What the client showed.
    pub(super) certificate: &'a Presented,
    /// The visitor's headers, without those in which only we may speak, and without our cookies.
    pub(super) headers: &'a HeaderMap,
}

impl Sources<'_> {
    /// The header's value for this request; `None` when there is nothing to say.
    pub(super) fn filled(&self, content: &HeaderContent) -> Option<HeaderValue> {
        let parts = match content {
            HeaderContent::Fixed(value) => return Some(value.clone()),
            HeaderContent::Assembled(parts) => parts,
        };
        let mut bytes = Vec::new();
        for part in parts {
            let before = bytes.len();
            self.add(part, &mut bytes)?;
            let said_nothing = bytes.len() == before && !matches!(part, HeaderPart::Text(_));
            if said_nothing || bytes.len() > LONGEST {
                return None;
            }
        }
        let mut value = HeaderValue::from_bytes(bytes.trim_ascii()).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Writes what the part stands for.
    fn add(&self, part: &HeaderPart, to: &mut Vec<u8>) -> Option<()> {
        match part {
            HeaderPart::Text(text) => to.extend_from_slice(text.as_bytes()),
            HeaderPart::Assertion => to.extend_from_slice(self.introduction?.assertion.as_bytes()),
            HeaderPart::AccessToken => add_token(self.tokens?.access_token.as_ref()?, to)?,
            HeaderPart::IdToken => add_token(self.tokens?.id_token.as_ref()?, to)?,
            HeaderPart::Claim(claim) => to.extend_from_slice(self.told?.text(claim)?.as_bytes()),
            HeaderPart::RequestHeader(name) => self.add_header(name, to),
            HeaderPart::CertificateFingerprint => to.extend_from_slice(self.believed()?.fingerprint.as_bytes()),
            HeaderPart::CertificateSanDns => to.extend_from_slice(listed(&self.believed()?.san_dns).as_bytes()),
            HeaderPart::CertificateSanEmail => to.extend_from_slice(listed(&self.believed()?.san_email).as_bytes()),
        }
        Some(())
    }

    /// The lines of a header as one (RFC 9110 §5.3).
    fn add_header(&self, name: &HeaderName, to: &mut Vec<u8>) {
        for (place, line) in self.headers.get_all(name).iter().enumerate() {
            if place > 0 {
                to.extend_from_slice(b", ");
            }
            to.extend_from_slice(line.as_bytes());
        }
    }

    fn believed(&self) -> Option<&ClientCertificate> {
        match self.certificate {
            Presented::Accepted(certificate) => Some(certificate),
            Presented::Refused { .. } | Presented::Nothing => None,
        }
    }
}

/// As it was issued: a token that had to be encoded would be none any more.
fn add_token(token: &Token, to: &mut Vec<u8>) -> Option<()> {
    let token = token.expose();
    token.bytes().all(|byte| byte.is_ascii_graphic()).then(|| to.extend_from_slice(token.as_bytes()))
}

/// Joined by commas; a name that holds one could pass for two, and is left out, as Pomerium has it. So is one that no
/// header can carry.
fn listed(names: &[String]) -> String {
    let whole: Vec<_> = names
        .iter()
        .filter(|name| !name.contains(',') && name.bytes().all(|byte| byte.is_ascii_graphic()))
        .map(String::as_str)
        .collect();
    whole.join(",")
}
