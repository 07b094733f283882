//! What fuzz targets call: reading the answers of name servers. No part of what this crate offers.

use std::time::{Duration, UNIX_EPOCH};

use doorward_config::{Secret, TsigAlgorithm, TsigKey};
use hickory_proto::rr::{Name, RecordType};

use super::answer::{alias, has_text, is_informed, parse, zone_of};
use super::client::question;
use super::refusal::{Refusal, Subject};
use super::signer::Signer;

/// Reads these bytes as the answer to a question, unsigned and signed; must neither panic nor take long.
pub fn dns_answer(bytes: &[u8]) {
    let Ok(name) = Name::from_ascii("_acme-challenge.example.com.") else { return };
    let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let mut asked = question(&name, RecordType::TXT);
    // The number that the bytes have, so that reading goes on after it was compared.
    if let Some([high, low]) = bytes.first_chunk() {
        asked.metadata.id = u16::from_be_bytes([*high, *low]);
    }
    let key = TsigKey { name: "key.".into(), algorithm: TsigAlgorithm::HmacSha256, secret: Secret::new([7; 32]) };
    let expected = Signer::new(&key).and_then(|signer| signer.sign(&mut asked, now));
    let Ok(answer) = parse(bytes, &asked) else { return };
    let _ = (has_text(&answer, "value"), alias(&answer, &name), is_informed(&answer), zone_of(&answer, &name));
    let subject = Subject { key: Some("key".into()), name: "example.com".into(), zone: "com".into() };
    let _ = Refusal::of_key(&answer, &subject, now).map(|why| why.to_string());
    let _ = Refusal::of_code(answer.metadata.response_code, &subject).map(|why| why.to_string());
    if let Ok(expected) = expected {
        let _ = expected.check(bytes, &answer);
    }
}
