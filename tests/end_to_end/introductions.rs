//! What an application can rely on of what it is told: keys it can verify with, claims, tokens, headers of its own.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::harness::browser::{Answer, Ask, Browser};
use crate::harness::counterpart::installed;
use crate::harness::eventually;
use crate::harness::hostile_provider::Person;
use crate::harness::scene::{ANYBODY_SIGNED_IN, EVERYBODY, Scene};
use crate::harness::setup::Setup;
use crate::harness::upstream::Upstream;

const JWKS: &str = "/.well-known/doorward/jwks.json";
const ASSERTION: &str = "x-doorward-jwt-assertion";

/// As docs/upstreams.md tells applications to do it, but with keys that were fetched already.
const VERIFY: &str = r"
const { jwtVerify, createLocalJWKSet } = await import(process.env.JOSE);
const { jwks, token, host } = JSON.parse(process.env.ASKED);
const options = { issuer: host, audience: host, algorithms: ['ES256'] };
const { payload, protectedHeader } = await jwtVerify(token, createLocalJWKSet(jwks), options);
console.log(JSON.stringify({ payload, protectedHeader }));
";

/// What an application makes of a token with jose, a library that is not ours; an error where it refuses it.
fn verified_by_jose(jwks: &Value, token: &str, host: &str) -> Option<Result<Value, String>> {
    let found = installed("bin/node").zip(installed("counterparts/node_modules/jose/dist/webapi/index.js"));
    let Some((node, jose)) = found else {
        crate::harness::skip("Node and jose are not installed: scripts/install.sh");
        return None;
    };
    let output = Command::new(node)
        .args(["--input-type=module", "-e", VERIFY])
        .env("JOSE", jose)
        .env("ASKED", json!({"jwks": jwks, "token": token, "host": host}).to_string())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Some(if output.status.success() {
        Ok(serde_json::from_slice(&output.stdout).unwrap())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    })
}

async fn jwks(scene: &Scene) -> Answer {
    Browser::new().fetch(&scene.url("app", JWKS)).await
}

fn kids(jwks: &Value) -> Vec<&str> {
    jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_application_verifies_the_statement_with_a_library_of_its_own() {
    let scene = Scene::with(|setup, upstream| {
        let told = format!("{ANYBODY_SIGNED_IN}\npass_identity_headers: true");
        setup
            .with("jwt_claims_headers: [department, roles]")
            .route("app", upstream, &told)
            .route("code", upstream, &told)
    })
    .await;
    scene.provider.person(
        Person::new("alice@example.com").claim("department", json!("R&D")).claim("roles", json!(["a,b", "Ü\r\nx"])),
    );
    let mut browser = scene.door.signed_in("app").await;
    let arrived = scene.upstream.last();
    let (keys, token) = (jwks(&scene).await.json(), arrived.header(ASSERTION).unwrap().to_owned());
    assert_eq!(arrived.header("x-doorward-claim-department"), Some("R&D"));
    assert_eq!(arrived.all("x-doorward-claim-roles"), ["a%2Cb,%C3%9C%0D%0Ax"]);
    // The same statement for the next request, not one for each.
    browser.visit(&scene.url("app", "/again")).await;
    assert_eq!(scene.upstream.last().header(ASSERTION), Some(token.as_str()));
    browser.visit(&scene.url("code", "/")).await;
    let other = scene.upstream.last().header(ASSERTION).unwrap().to_owned();

    let Some(verified) = verified_by_jose(&keys, &token, "app.example.test") else { return };
    let verified = verified.unwrap();
    assert_eq!(verified["protectedHeader"]["alg"], "ES256");
    assert_eq!(verified["protectedHeader"]["kid"], kids(&keys)[0]);
    let payload = &verified["payload"];
    assert_eq!((&payload["iss"], &payload["email"]), (&json!("app.example.test"), &json!("alice@example.com")));
    assert_eq!((&payload["department"], &payload["roles"]), (&json!("R&D"), &json!(["a,b", "Ü\r\nx"])));
    // What was said to one application proves nothing to another.
    assert!(verified_by_jose(&keys, &other, "code.example.test").unwrap().is_ok());
    let refused = verified_by_jose(&keys, &other, "app.example.test").unwrap().unwrap_err();
    assert!(refused.contains("JWTClaimValidationFailed"), "{refused}");
}

#[tokio::test]
async fn headers_of_a_routes_own_carry_tokens_and_claims_and_nobody_elses() {
    let scene = Scene::with(|setup, upstream| {
        let own = "set_request_headers:\n  Authorization: Bearer ${doorward.access_token}\n  X-Id: ${pomerium.id_token}\n  \
                   X-Jwt: ${pomerium.jwt}\n  X-Who: ${doorward.email} (${doorward.claim.address.country})\n  \
                   X-Price: $$5\n  X-Key: ${pomerium.request.headers[\"X-Api-Key\"]}";
        setup
            .with("jwt_issuer_format: IssuerURI\njwt_groups_filter: [staff]\nheaders_with_underscores_action: ALLOW")
            .route("app", upstream, &format!("{ANYBODY_SIGNED_IN}\n{own}"))
            .route("open", upstream, &format!("{EVERYBODY}\n{own}"))
    })
    .await;
    let person = Person::new("alice@example.com").in_groups(&["wheel", "staff"]);
    scene.provider.person(person.claim("address", json!({"country": "Österreich"})));
    let mut browser = scene.door.signed_in("app").await;
    let forged = ["authorization", "x-id", "x-jwt", "x-who", "x_doorward_jwt_assertion", "x-pomerium-claim-email"];
    let ask = |url: &str| {
        forged.iter().fold(Ask::page(url).header("x-api-key", "k-1"), |ask, name| ask.header(name, "forged"))
    };
    assert_eq!(browser.send(ask(&scene.url("app", "/"))).await.status, 200);
    let arrived = scene.upstream.last();
    let secrets = scene.provider.secrets();
    let bearer = arrived.header("authorization").unwrap().strip_prefix("Bearer ").unwrap().to_owned();
    assert!(secrets.contains(&bearer) && secrets.contains(&arrived.header("x-id").unwrap().to_owned()));
    assert_eq!(arrived.header("x-who"), Some("alice@example.com (%C3%96sterreich)"));
    assert_eq!((arrived.header("x-price"), arrived.header("x-key")), (Some("$5"), Some("k-1")));
    assert!(!arrived.headers.iter().any(|(_, value)| value == "forged"), "{:?}", arrived.headers);
    assert_eq!(arrived.header(ASSERTION), None, "it was not asked for");
    let token = arrived.header("x-jwt").unwrap().to_owned();
    let payload = jsonwebtoken::dangerous::insecure_decode::<Value>(&token).unwrap().claims;
    assert_eq!((&payload["iss"], &payload["groups"]), (&json!("https://app.example.test/"), &json!(["staff"])));

    // Nobody in particular: nothing is said, and the visitor does not say it instead.
    assert_eq!(Browser::new().send(ask(&scene.url("open", "/"))).await.status, 200);
    let arrived = scene.upstream.last();
    for name in ["authorization", "x-id", "x-jwt", "x-who"] {
        assert_eq!(arrived.header(name), None, "{name}");
    }
    assert_eq!((arrived.header("x-price"), arrived.header("x-key")), (Some("$5"), Some("k-1")));
    assert!(!arrived.headers.iter().any(|(_, value)| value == "forged"), "{:?}", arrived.headers);
}

#[tokio::test]
async fn the_keys_can_be_cached_and_asked_for_again_cheaply() {
    let scene = Scene::with_app(ANYBODY_SIGNED_IN).await;
    let url = scene.url("app", JWKS);
    let answer = jwks(&scene).await;
    assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    let etag = answer.header("etag").unwrap().to_owned();
    for known in [etag.clone(), format!("W/{etag}"), format!("\"x\", {etag}"), "*".to_owned()] {
        let again = Browser::new().send(Ask::new("GET", &url).header("if-none-match", &known)).await;
        assert_eq!((again.status.as_u16(), again.text().as_str()), (304, ""), "{known}");
        assert_eq!(again.header("etag"), Some(etag.as_str()));
    }
    let other = Browser::new().send(Ask::new("GET", &url).header("if-none-match", "\"x\"")).await;
    assert_eq!((other.status.as_u16(), other.json()), (200, answer.json()));
    for method in ["POST", "PUT", "DELETE"] {
        assert_eq!(Browser::new().send(Ask::new(method, &url)).await.status, 405, "{method}");
    }
    // Pomerium's names are an application's own unless they are asked for.
    let strangers = Browser::new().fetch(&scene.url("app", "/.well-known/pomerium/jwks.json")).await;
    assert_eq!(strangers.status, 401);
}

#[tokio::test]
async fn who_comes_from_pomerium_finds_its_names() {
    let scene = Scene::with(|setup, upstream| {
        let told = format!("{ANYBODY_SIGNED_IN}\npass_identity_headers: true");
        setup
            .with("pomerium_compatibility: true\njwt_claims_headers: {X-Mail: email}\nheaders_with_underscores_action: ALLOW").route("app", upstream, &told)
    })
    .await;
    let mut browser = scene.door.signed_in("app").await;
    let forged =
        Ask::page(&scene.url("app", "/")).header("X_Mail", "forged").header("X-Pomerium-Claim-Email", "forged");
    browser.send(forged).await;
    let arrived = scene.upstream.last();
    assert_eq!(arrived.header("x-pomerium-jwt-assertion"), arrived.header(ASSERTION));
    assert_eq!(arrived.all("x-pomerium-claim-email"), arrived.all("x-doorward-claim-email"));
    assert_eq!(arrived.all("x-mail").len(), 1);
    assert!(
        !arrived.headers.iter().any(|(name, value)| value == "forged" || name.contains('_')),
        "{:?}",
        arrived.headers
    );
    let page = Browser::new().fetch(&scene.url("app", "/.well-known/pomerium")).await.json();
    let origin = scene.url("app", "");
    assert_eq!(page["issuer"], format!("{}/", origin.trim_end_matches('/')));
    assert!(page["authentication_callback_endpoint"].as_str().unwrap().ends_with("/oauth2/callback"), "{page}");
    assert!(page["frontchannel_logout_uri"].is_string(), "{page}");
    let theirs = Browser::new().fetch(page["jwks_uri"].as_str().unwrap()).await;
    assert_eq!(theirs.json(), jwks(&scene).await.json());
}

#[tokio::test]
async fn a_configured_key_signs_and_the_one_before_stays_published_for_a_while() {
    let pem = |key: &rcgen::KeyPair| key.serialize_pem();
    let (first, second) = (rcgen::KeyPair::generate().unwrap(), rcgen::KeyPair::generate().unwrap());
    let scene = Scene::with(|setup, upstream| {
        let file = setup.file("signing.pem", &pem(&first));
        let told = format!("{ANYBODY_SIGNED_IN}\npass_identity_headers: true");
        setup.with(&format!("signing_key_file: {}", file.display())).route("app", upstream, &told)
    })
    .await;
    assert!(!scene.door.setup.data_dir().join("assertion").exists(), "no other key is made");
    let mut browser = scene.door.signed_in("app").await;
    let before = jwks(&scene).await.json();
    let signed_by = |token: &str| jsonwebtoken::decode_header(token).unwrap().kid.unwrap();
    assert_eq!(kids(&before), [signed_by(scene.upstream.last().header(ASSERTION).unwrap())]);
    // Files that a configuration names are watched.
    let aside = scene.door.setup.file("signing.pem.new", &pem(&second));
    std::fs::rename(aside, scene.door.setup.folder().join("signing.pem")).unwrap();
    eventually("the new key is published", async || jwks(&scene).await.json() != before).await;
    let after = jwks(&scene).await.json();
    assert_eq!(kids(&after).len(), 2);
    assert_eq!(kids(&after)[1], kids(&before)[0]);
    browser.visit(&scene.url("app", "/")).await;
    let token = scene.upstream.last().header(ASSERTION).unwrap().to_owned();
    assert_eq!(signed_by(&token), kids(&after)[0], "nothing that the old key signed is handed out any more");
    if let Some(verified) = verified_by_jose(&after, &token, "app.example.test") {
        verified.unwrap();
    }
}

#[tokio::test]
async fn a_key_of_before_there_were_rings_goes_on_signing() {
    let upstream = Upstream::start().await;
    let setup = Setup::new().route("app", &upstream.url(), EVERYBODY);
    let folder = setup.data_dir().join("assertion");
    std::fs::DirBuilder::new().recursive(true).create(&folder).unwrap();
    std::fs::set_permissions(setup.data_dir(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    std::fs::write(folder.join("assertion-key.pem"), key.serialize_pem()).unwrap();
    let door = setup.start().await;
    let published = Browser::new().fetch(&door.url("app", JWKS)).await.json();
    assert_eq!(kids(&published).len(), 1);
    // The end of an uncompressed point is its y (SEC 1 §2.3.3).
    let y = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, &key.public_key_raw()[33..]);
    assert_eq!(published["keys"][0]["y"], y);
    let left: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["keyring.json"]);
    let door = door.restarted().await;
    assert_eq!(Browser::new().fetch(&door.url("app", JWKS)).await.json(), published);
}
