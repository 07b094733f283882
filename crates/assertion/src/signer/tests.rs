use doorward_identity::{Claims, Email, Groups, Subject, VerifiedEmail};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};

use super::*;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
}

fn alice() -> Identity {
    Identity {
        subject: Subject { issuer: "https://idp.example".to_owned(), id: "alice-1".to_owned() },
        email: VerifiedEmail::Verified(Email::parse("Alice@example.com").unwrap()),
        name: Some("Alice Ünal".to_owned()),
        groups: Groups::new(["editors".to_owned(), "night shift".to_owned()]),
        claims: Claims::default(),
        authenticated_at: at(0),
    }
}

fn signer() -> (Signer, JwkSet) {
    let folder = tempfile::tempdir().unwrap();
    let keys = SigningKeys::open(folder.path()).unwrap();
    let jwks = serde_json::from_value(keys.jwks()).unwrap();
    (Signer::new(Arc::new(keys), "auth.example"), jwks)
}

/// As an upstream does it, but for the time, which the tests set.
fn verify(token: &HeaderValue, jwks: &JwkSet, audience: &str) -> jsonwebtoken::errors::Result<Value> {
    let token = token.to_str().unwrap();
    let key = jwks.find(&decode_header(token)?.kid.unwrap()).unwrap();
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_audience(&[audience]);
    validation.set_issuer(&["auth.example"]);
    validation.set_required_spec_claims(&["exp", "iat", "iss", "aud", "sub"]);
    validation.validate_exp = false;
    Ok(decode::<Value>(token, &DecodingKey::from_jwk(key)?, &validation)?.claims)
}

#[test]
fn an_upstream_verifies_it_with_the_published_keys() {
    let (signer, jwks) = signer();
    let token = signer.sign(&alice(), "sid-1", at(86_400), "code.example", at(0)).unwrap();
    assert!(token.is_sensitive());
    let mut claims = verify(&token, &jwks, "code.example").unwrap();
    let jti = claims.as_object_mut().unwrap().remove("jti").unwrap();
    assert_eq!(jti.as_str().unwrap().len(), 22);
    let expected = json!({
        "iss": "auth.example", "aud": "code.example", "iat": 1_800_000_000_u64, "exp": 1_800_000_300_u64,
        "sub": "alice-1", "user": "alice-1", "email": "alice@example.com", "name": "Alice Ünal",
        "groups": ["editors", "night shift"], "sid": "sid-1",
    });
    assert_eq!(claims, expected);
}

#[test]
fn it_is_for_one_audience_and_one_key() {
    let (signer, jwks) = signer();
    let token = signer.sign(&alice(), "sid-1", at(86_400), "code.example", at(0)).unwrap();
    assert!(verify(&token, &jwks, "other.example").is_err());
    let mut altered = token.to_str().unwrap().to_owned().into_bytes();
    let middle = altered.len() / 2;
    altered[middle] = if altered[middle] == b'A' { b'B' } else { b'A' };
    assert!(verify(&HeaderValue::from_bytes(&altered).unwrap(), &jwks, "code.example").is_err());
    let (_, strangers) = self::signer();
    let key = DecodingKey::from_jwk(&strangers.keys[0]).unwrap();
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_audience(&["code.example"]);
    validation.validate_exp = false;
    assert!(decode::<Value>(token.to_str().unwrap(), &key, &validation).is_err());
}

#[test]
fn an_address_nobody_vouches_for_is_not_asserted() {
    let (signer, jwks) = signer();
    let unverified = VerifiedEmail::Unverified(Email::parse("ceo@example.com").unwrap());
    for (session, email) in [("sid-1", unverified), ("sid-2", VerifiedEmail::Absent)] {
        let who = Identity { email, name: None, groups: Groups::default(), ..alice() };
        let token = signer.sign(&who, session, at(86_400), "code.example", at(0)).unwrap();
        let claims = verify(&token, &jwks, "code.example").unwrap();
        assert_eq!(claims.get("email"), None);
        assert_eq!(claims.get("name"), None);
        assert_eq!(claims["groups"], json!([]), "never null");
    }
}

#[test]
fn it_is_reused_while_more_than_a_minute_is_left() {
    let (signer, _) = signer();
    let sign = |session, audience, now| signer.sign(&alice(), session, at(86_400), audience, now).unwrap();
    let first = sign("sid-1", "code.example", at(0));
    assert_eq!(sign("sid-1", "code.example", at(239)), first);
    assert_ne!(sign("sid-2", "code.example", at(0)), first);
    assert_ne!(sign("sid-1", "other.example", at(0)), first);
    let second = sign("sid-1", "code.example", at(240));
    assert_ne!(second, first);
    assert_eq!(sign("sid-1", "code.example", at(241)), second);
    assert_ne!(sign("sid-1", "code.example", at(100)), second, "the clock was set back");
}

#[test]
fn it_does_not_outlive_the_session() {
    let (signer, jwks) = signer();
    let token = signer.sign(&alice(), "sid-1", at(90), "code.example", at(0)).unwrap();
    assert_eq!(verify(&token, &jwks, "code.example").unwrap()["exp"], 1_800_000_090_u64);
    assert_eq!(signer.sign(&alice(), "sid-1", at(90), "code.example", at(89)).unwrap(), token, "the last one");
    for late in [at(90), at(91)] {
        let refused = signer.sign(&alice(), "sid-1", at(90), "code.example", late);
        assert!(matches!(refused, Err(SignError::SessionOver)));
    }
}
