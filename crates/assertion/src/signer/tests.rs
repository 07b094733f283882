use super::*;
use std::time::UNIX_EPOCH;

use doorward_config::{ClaimHeader, IssuerFormat};
use doorward_identity::{Claims, Email, Groups, Identity, Subject, VerifiedEmail};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};

use crate::{Keyring, PUBLISH_AHEAD, ROTATE_EVERY, Terms};

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
}

fn alice() -> Identity {
    let claims = json!({"team": "blue", "roles": ["a,b", "c"], "realm": {"n": 3}, "iss": "evil", "aud": "evil", "exp": 1,
        "groups": ["evil"], "email": "evil@example.com", "sid": "evil"});
    let Value::Object(claims) = claims else { panic!("an object") };
    Identity {
        subject: Subject { issuer: "https://idp.example".to_owned(), id: "alice-1".to_owned() },
        email: VerifiedEmail::Verified(Email::parse("alice@example.com").unwrap()),
        name: Some("Alice Ünal".to_owned()),
        groups: Groups::new(["editors".to_owned(), "night shift".to_owned()]),
        claims: Claims::new(claims),
        authenticated_at: at(0),
    }
}

struct Scene {
    signer: Signer,
    keys: Arc<SigningKeys>,
    terms: Terms,
}

/// A signer that tells these claims.
fn scene(claims: &[&str], pomerium_compatibility: bool) -> Scene {
    let keys = Arc::new(SigningKeys::of_ring(&Keyring::generate(at(0)).unwrap()).unwrap());
    let header = |(number, claim): (usize, &&str)| ClaimHeader {
        header: HeaderName::try_from(format!("x-claim-{number}")).unwrap(),
        claim: (*claim).to_owned(),
    };
    let claim_headers = claims.iter().enumerate().map(header).collect();
    let settings = Assertion { signing_key: None, claim_headers, pomerium_compatibility };
    Scene { signer: Signer::new(Arc::clone(&keys), &settings), keys, terms: Terms::default() }
}

impl Scene {
    fn sign(
        &self,
        who: &Identity,
        session: (&str, u64),
        audience: &str,
        now: SystemTime,
    ) -> Result<HeaderValue, SignError> {
        self.sign_as_of(0, who, session, audience, now)
    }

    fn sign_as_of(
        &self,
        revision: u64,
        who: &Identity,
        (session_id, lasts): (&str, u64),
        audience: &str,
        now: SystemTime,
    ) -> Result<HeaderValue, SignError> {
        let told = Told { who, session_id, terms: &self.terms };
        let visit = Visit { told, expires_at: at(lasts), revision };
        self.signer.introduce(&visit, audience, now).map(|introduction| introduction.assertion.clone())
    }

    fn claims(&self, token: &HeaderValue, audience: &str) -> Value {
        verify(token, &self.jwks(), audience).unwrap()
    }

    fn jwks(&self) -> JwkSet {
        serde_json::from_slice(&self.keys.published().body).unwrap()
    }
}

/// As an upstream does it, but for the time, which the tests set.
fn verify(token: &HeaderValue, jwks: &JwkSet, audience: &str) -> jsonwebtoken::errors::Result<Value> {
    let token = token.to_str().unwrap();
    let key = jwks.find(&decode_header(token)?.kid.unwrap()).ok_or(jsonwebtoken::errors::ErrorKind::InvalidToken)?;
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_audience(&[audience]);
    validation.set_required_spec_claims(&["exp", "iat", "iss", "aud", "sub"]);
    validation.validate_exp = false;
    Ok(decode::<Value>(token, &DecodingKey::from_jwk(key)?, &validation)?.claims)
}

#[test]
fn an_upstream_verifies_it_with_the_published_keys() {
    let scene = scene(&[], false);
    let token = scene.sign(&alice(), ("sid-1", 86_400), "code.example", at(0)).unwrap();
    assert!(token.is_sensitive());
    let header = decode_header(token.to_str().unwrap()).unwrap();
    assert_eq!((header.alg, header.typ.as_deref()), (Algorithm::ES256, Some("JWT")));
    let mut claims = scene.claims(&token, "code.example");
    let jti = claims.as_object_mut().unwrap().remove("jti").unwrap();
    assert_eq!(jti.as_str().unwrap().len(), 22);
    let expected = json!({
        "iss": "code.example", "aud": "code.example", "iat": 1_800_000_000_u64, "exp": 1_800_000_300_u64,
        "sub": "alice-1", "user": "alice-1", "email": "alice@example.com", "name": "Alice Ünal",
        "groups": ["editors", "night shift"], "sid": "sid-1",
    });
    assert_eq!(claims, expected);
}

#[test]
fn configured_claims_are_stated_as_the_provider_said_them_and_never_instead_of_ours() {
    let names = ["team", "roles", "realm.n", "missing", "iss", "aud", "exp", "groups", "email", "sid", "sub", "user"];
    let scene = scene(&names, false);
    let claims = scene.claims(&scene.sign(&alice(), ("s", 86_400), "code.example", at(0)).unwrap(), "code.example");
    assert_eq!(
        (&claims["team"], &claims["roles"], &claims["realm.n"]),
        (&json!("blue"), &json!(["a,b", "c"]), &json!(3))
    );
    assert_eq!(claims.get("missing"), None);
    assert!(!claims.to_string().contains("evil"), "{claims}");
}

#[test]
fn in_pomeriums_place_configured_claims_are_texts() {
    let scene = scene(&["team", "roles", "realm.n", "realm"], true);
    let claims = scene.claims(&scene.sign(&alice(), ("s", 86_400), "code.example", at(0)).unwrap(), "code.example");
    assert_eq!(
        (&claims["team"], &claims["roles"], &claims["realm.n"]),
        (&json!("blue"), &json!("a%2Cb,c"), &json!("3"))
    );
    assert_eq!(claims["realm"], json!("{\"n\":3}"));
    assert_eq!(claims["groups"], json!(["editors", "night shift"]));
}

#[test]
fn a_route_has_its_own_issuer_and_groups() {
    let mut scene = scene(&[], false);
    let plain = scene.sign(&alice(), ("sid-1", 86_400), "code.example", at(0)).unwrap();
    scene.terms = Terms::new(IssuerFormat::Uri, Some(Arc::from(["editors".to_owned()])));
    let token = scene.sign(&alice(), ("sid-1", 86_400), "code.example", at(0)).unwrap();
    assert_ne!(token, plain, "what was made on other terms is not given out");
    let claims = scene.claims(&token, "code.example");
    assert_eq!((&claims["iss"], &claims["groups"]), (&json!("https://code.example/"), &json!(["editors"])));
}

#[test]
fn it_is_for_one_audience_and_one_key() {
    let scene = scene(&[], false);
    let token = scene.sign(&alice(), ("sid-1", 86_400), "code.example", at(0)).unwrap();
    assert!(verify(&token, &scene.jwks(), "other.example").is_err());
    let mut altered = token.to_str().unwrap().to_owned().into_bytes();
    let middle = altered.len() / 2;
    altered[middle] = if altered[middle] == b'A' { b'B' } else { b'A' };
    assert!(verify(&HeaderValue::from_bytes(&altered).unwrap(), &scene.jwks(), "code.example").is_err());
    let strangers = self::scene(&[], false).jwks();
    assert!(verify(&token, &strangers, "code.example").is_err());
    let key = DecodingKey::from_jwk(&strangers.keys[0]).unwrap();
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_audience(&["code.example"]);
    validation.validate_exp = false;
    assert!(decode::<Value>(token.to_str().unwrap(), &key, &validation).is_err());
}

#[test]
fn an_address_nobody_vouches_for_is_not_asserted() {
    let scene = scene(&[], false);
    let unverified = VerifiedEmail::Unverified(Email::parse("ceo@example.com").unwrap());
    for (session, email) in [("sid-1", unverified), ("sid-2", VerifiedEmail::Absent)] {
        let who = Identity { email, name: None, groups: Groups::default(), ..alice() };
        let token = scene.sign(&who, (session, 86_400), "code.example", at(0)).unwrap();
        let claims = scene.claims(&token, "code.example");
        assert_eq!(claims.get("email"), None);
        assert_eq!(claims.get("name"), None);
        assert_eq!(claims["groups"], json!([]), "never null");
    }
}

#[test]
fn it_is_reused_while_more_than_a_minute_is_left() {
    let scene = scene(&[], false);
    let sign = |session, audience, now| scene.sign(&alice(), (session, 86_400), audience, now).unwrap();
    let first = sign("sid-1", "code.example", at(0));
    assert_eq!(sign("sid-1", "code.example", at(239)), first);
    assert_ne!(sign("sid-2", "code.example", at(0)), first);
    assert_ne!(sign("sid-1", "other.example", at(0)), first);
    // A boundary moved between the two is another pair.
    assert_ne!(sign("sid-1c", "ode.example", at(0)), sign("sid-1", "code.example", at(0)));
    let second = sign("sid-1", "code.example", at(240));
    assert_ne!(second, first);
    assert_eq!(sign("sid-1", "code.example", at(241)), second);
    assert_ne!(sign("sid-1", "code.example", at(100)), second, "the clock was set back");
}

#[test]
fn what_the_provider_says_anew_is_stated_at_once() {
    let scene = scene(&[], false);
    let sign =
        |revision, who: &Identity| scene.sign_as_of(revision, who, ("sid-1", 86_400), "code.example", at(0)).unwrap();
    let before = sign(7, &alice());
    let demoted = Identity { groups: Groups::default(), ..alice() };
    let after = sign(8, &demoted);
    assert_ne!(after, before);
    assert_eq!(scene.claims(&after, "code.example")["groups"], json!([]));
    assert_eq!(sign(8, &demoted), after);
    // A request that began before the refresh states what it knows, and changes nothing for those after it.
    assert_eq!(scene.claims(&sign(7, &alice()), "code.example")["groups"], json!(["editors", "night shift"]));
    assert_eq!(scene.claims(&sign(8, &demoted), "code.example")["groups"], json!([]));
}

#[test]
fn many_requests_at_once_sign_once() {
    let scene = scene(&[], false);
    let barrier = std::sync::Barrier::new(8);
    let tokens: Vec<_> = std::thread::scope(|scope| {
        let sign = || {
            barrier.wait();
            scene.sign(&alice(), ("sid-1", 86_400), "code.example", at(0)).unwrap()
        };
        let all: Vec<_> = (0..8).map(|_| scope.spawn(sign)).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(tokens.iter().all(|token| *token == tokens[0]));
}

#[test]
fn it_does_not_outlive_the_session() {
    let scene = scene(&[], false);
    let token = scene.sign(&alice(), ("sid-1", 90), "code.example", at(0)).unwrap();
    assert_eq!(scene.claims(&token, "code.example")["exp"], 1_800_000_090_u64);
    assert_eq!(scene.sign(&alice(), ("sid-1", 90), "code.example", at(89)).unwrap(), token, "the last one");
    for late in [at(90), at(91)] {
        let refused = scene.sign(&alice(), ("sid-1", 90), "code.example", late);
        assert!(matches!(refused, Err(SignError::SessionOver)));
    }
}

#[test]
fn through_a_rotation_everything_handed_out_can_be_verified() {
    let scene = scene(&[], false);
    let mut ring = Keyring::generate(at(0)).unwrap();
    scene.keys.replace(&ring, at(0)).unwrap();
    let lasts = 100 * 86_400;
    let begin = ROTATE_EVERY.as_secs() - 2 * PUBLISH_AHEAD.as_secs();
    // What an upstream has that asks for the keys as seldom as it may, and verifies when a token is about to expire.
    let (mut cached, mut cached_at) = (scene.jwks(), 0);
    let mut kids = Vec::new();
    for minute in 0..4 * 60 {
        let second = begin + minute * 60;
        if ring.due(at(second)) {
            ring.rotate(at(second)).unwrap();
            scene.keys.replace(&ring, at(second)).unwrap();
        }
        if cached_at + 300 < second {
            (cached, cached_at) = (scene.jwks(), second);
        }
        let token = scene.sign(&alice(), ("sid-1", lasts), "code.example", at(second)).unwrap();
        assert!(verify(&token, &cached, "code.example").is_ok(), "at minute {minute}");
        kids.push(decode_header(token.to_str().unwrap()).unwrap().kid.unwrap());
    }
    kids.dedup();
    assert_eq!(kids.len(), 2, "one change of keys");
}

#[test]
fn a_token_of_a_key_that_is_gone_is_not_handed_out_again() {
    let scene = scene(&[], false);
    let token = scene.sign(&alice(), ("sid-1", 86_400), "code.example", at(0)).unwrap();
    scene.keys.replace(&Keyring::generate(at(0)).unwrap(), at(0)).unwrap();
    let again = scene.sign(&alice(), ("sid-1", 86_400), "code.example", at(1)).unwrap();
    assert!(verify(&token, &scene.jwks(), "code.example").is_err());
    assert!(verify(&again, &scene.jwks(), "code.example").is_ok());
}
