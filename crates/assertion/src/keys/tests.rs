use super::*;
use std::time::Duration;

use base64::Engine as _;
use serde_json::Value;

use crate::{PUBLISH_AHEAD, ROTATE_EVERY};

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn jwks(keys: &SigningKeys) -> Value {
    serde_json::from_slice(&keys.published().body).unwrap()
}

fn kids(keys: &SigningKeys) -> Vec<String> {
    jwks(keys)["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

fn signing(keys: &SigningKeys, now: SystemTime) -> String {
    keys.current().signing(now).kid().to_owned()
}

#[test]
fn only_the_public_half_is_published_and_the_kid_is_the_thumbprint() {
    let keys = SigningKeys::of_ring(&Keyring::generate(now()).unwrap()).unwrap();
    let jwks = jwks(&keys);
    let key = jwks["keys"][0].as_object().unwrap();
    let mut names: Vec<_> = key.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
    assert_eq!(
        (&key["kty"], &key["crv"], &key["alg"], &key["use"]),
        (&"EC".into(), &"P-256".into(), &"ES256".into(), &"sig".into())
    );
    // RFC 7638 §3: the required members in the order of their names, without white space.
    let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#, key["x"], key["y"]);
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, canonical.as_bytes());
    assert_eq!(key["kid"], base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(hash).as_str());
}

#[test]
fn each_key_signs_in_its_turn_and_the_tag_follows_the_keys() {
    let mut ring = Keyring::generate(now()).unwrap();
    let keys = SigningKeys::of_ring(&ring).unwrap();
    let before = keys.published();
    let later = now() + ROTATE_EVERY;
    ring.rotate(later).unwrap();
    keys.replace(&ring, later).unwrap();
    let after = keys.published();
    assert_ne!(before.etag, after.etag);
    let both = kids(&keys);
    assert_eq!(both.len(), 2);
    assert_eq!(signing(&keys, later), both[0], "it is published, and does not sign yet");
    assert_eq!(signing(&keys, later + PUBLISH_AHEAD), both[1]);
    assert_eq!(signing(&keys, now() - Duration::from_secs(60)), both[0], "the clock was set back");
    let epoch = keys.current().epoch;
    keys.replace(&ring, later).unwrap();
    assert_eq!((keys.current().epoch, keys.published().etag), (epoch, after.etag), "the same ring changes nothing");
}

#[test]
fn a_configured_key_signs_alone_and_those_before_stay_as_long_as_they_are_needed() {
    let ring = Keyring::generate(now()).unwrap();
    let keys = SigningKeys::of_ring(&ring).unwrap();
    let old = kids(&keys);
    let fixed = SigningKey::generate().unwrap();
    keys.replace_by_fixed(&fixed, now()).unwrap();
    let new = signing(&keys, now());
    assert_eq!(kids(&keys), [new.clone(), old[0].clone()]);
    let later = now() + KEEP_AFTER;
    keys.replace_by_fixed(&fixed, later - Duration::from_secs(1)).unwrap();
    assert_eq!(kids(&keys).len(), 2);
    keys.replace_by_fixed(&fixed, later).unwrap();
    assert_eq!(kids(&keys), std::slice::from_ref(&new));
    assert_eq!(signing(&keys, later + 10 * ROTATE_EVERY), new, "nothing rotates");
    // And back.
    keys.replace(&ring, later).unwrap();
    assert_eq!(signing(&keys, later), old[0]);
    assert_eq!(kids(&keys), [old[0].clone(), new]);
    keys.replace(&ring, later + KEEP_AFTER).unwrap();
    assert_eq!(kids(&keys), old);
}

#[test]
fn a_key_that_is_gone_from_the_ring_is_gone_at_once() {
    let (stolen, fresh) = (Keyring::generate(now()).unwrap(), Keyring::generate(now()).unwrap());
    let keys = SigningKeys::of_ring(&stolen).unwrap();
    let gone = kids(&keys);
    keys.replace(&fresh, now()).unwrap();
    assert!(!kids(&keys).contains(&gone[0]));
}

#[test]
fn what_is_no_p256_key_is_refused_and_changes_nothing() {
    let keys = SigningKeys::of_ring(&Keyring::generate(now()).unwrap()).unwrap();
    let before = keys.published().etag;
    let ed25519 = aws_lc_rs::signature::Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new()).unwrap();
    for bad in [b"".as_slice(), b"no key", ed25519.as_ref()] {
        assert!(matches!(keys.replace_by_fixed(bad, now()), Err(SignError::NoKey)));
        assert!(matches!(SigningKeys::fixed(bad), Err(SignError::NoKey)));
    }
    assert_eq!(keys.published().etag, before);
}
