//! The provider's endpoints (OpenID Connect Core, Discovery, RP-Initiated Logout).

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine};
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::fault::{Fault, Misdeed};
use super::keys;
use super::{CLIENT_ID, CLIENT_SECRET, Code, Person, Shared};

/// What a page of the provider may try on ours.
const SCRIPT: &str = "<script>alert('from the provider')</script>";

type Parameters = Vec<(String, String)>;

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(answer).with_state(shared)
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let query = parts.uri.query().unwrap_or_default().as_bytes();
    let parameters: Parameters =
        form_urlencoded::parse(query).into_owned().chain(form_urlencoded::parse(&body).into_owned()).collect();
    shared.state.lock().unwrap().requests.push(super::Request { path: path.clone(), parameters: parameters.clone() });
    for fault in shared.faults() {
        if let Fault::Endpoint(endpoint, misdeed) = fault
            && endpoint == path
        {
            return do_misdeed(misdeed).await;
        }
    }
    match path.as_str() {
        "/.well-known/openid-configuration" => discovery(&shared),
        "/jwks" => published_keys(&shared),
        "/authorize" => authorize(&shared, &parameters),
        "/token" => token(&shared, &parameters, &parts.headers),
        "/userinfo" => userinfo(&shared, &parts.headers),
        "/end_session" => end_session(&parameters),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn do_misdeed(misdeed: Misdeed) -> Response {
    match misdeed {
        Misdeed::Html => {
            ([(header::CONTENT_TYPE, "text/html")], format!("<html>{SCRIPT}<h1>Welcome</h1></html>")).into_response()
        }
        Misdeed::Huge => {
            let start = futures_util::stream::iter([Ok::<_, std::io::Error>(bytes::Bytes::from("{\"padding\":\""))]);
            let piece = bytes::Bytes::from(vec![b'a'; 1 << 20]);
            let more = futures_util::stream::iter((0..64).map(move |_| Ok(piece.clone())));
            let body = Body::from_stream(futures_util::StreamExt::chain(start, more));
            ([(header::CONTENT_TYPE, "application/json")], body).into_response()
        }
        Misdeed::Slow => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            StatusCode::OK.into_response()
        }
        Misdeed::Redirect(to) => (StatusCode::FOUND, [(header::LOCATION, to)]).into_response(),
        Misdeed::Status(status) => {
            let body = json!({ "error": "server_error", "error_description": SCRIPT }).to_string();
            (StatusCode::from_u16(status).unwrap(), [(header::CONTENT_TYPE, "application/json")], body).into_response()
        }
        Misdeed::Empty => StatusCode::OK.into_response(),
        Misdeed::OtherJson => axum::Json(json!(["something", { "else": 1 }])).into_response(),
    }
}

fn discovery(shared: &Shared) -> Response {
    let issuer = &shared.issuer;
    let mut document = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "jwks_uri": format!("{issuer}/jwks"),
        "end_session_endpoint": format!("{issuer}/end_session"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "email", "profile", "groups"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
    });
    for fault in shared.faults() {
        if let Fault::Discovery(name, value) = fault {
            document[name] = value;
        }
    }
    axum::Json(document).into_response()
}

fn published_keys(shared: &Shared) -> Response {
    let (_, newest) = shared.signing_key();
    let keys: Vec<Value> = (0..=newest).map(|number| keys::numbered(number).jwk(&keys::name(number))).collect();
    axum::Json(json!({ "keys": keys })).into_response()
}

fn parameter<'a>(parameters: &'a Parameters, name: &str) -> Option<&'a str> {
    parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

fn refuse(error: &str) -> Response {
    (StatusCode::BAD_REQUEST, axum::Json(json!({ "error": error }))).into_response()
}

/// Sends the person of the hour back with a code, without asking.
fn authorize(shared: &Shared, parameters: &Parameters) -> Response {
    let get = |name| parameter(parameters, name).map(ToOwned::to_owned);
    let (Some(redirect_uri), Some(state)) = (get("redirect_uri"), get("state")) else {
        return refuse("invalid_request");
    };
    if get("client_id").as_deref() != Some(CLIENT_ID) || get("response_type").as_deref() != Some("code") {
        return refuse("unauthorized_client");
    }
    let value = random();
    let mut back = vec![("code", value.clone()), ("state", state), ("iss", shared.issuer.clone())];
    for fault in shared.faults() {
        match fault {
            Fault::CallbackIssuer(issuer) => {
                back.retain(|(name, _)| *name != "iss");
                back.extend(issuer.map(|issuer| ("iss", issuer.to_owned())));
            }
            Fault::CallbackState(state) => state.clone_into(&mut back[1].1),
            Fault::CallbackError(error, description) => {
                back[0] = ("error", error.to_owned());
                back.push(("error_description", description.to_owned()));
            }
            _ => {}
        }
    }
    let mut all = shared.state.lock().unwrap();
    let (nonce, challenge) = (get("nonce"), get("code_challenge"));
    all.secrets.push(value.clone());
    let person = all.person.clone();
    all.codes.push(Code { value, person, redirect_uri: redirect_uri.clone(), nonce, challenge });
    drop(all);
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(back).finish();
    (StatusCode::FOUND, [(header::LOCATION, format!("{redirect_uri}?{query}"))]).into_response()
}

fn token(shared: &Shared, parameters: &Parameters, headers: &HeaderMap) -> Response {
    let get = |name| parameter(parameters, name);
    if !is_our_client(parameters, headers) {
        return (StatusCode::UNAUTHORIZED, axum::Json(json!({ "error": "invalid_client" }))).into_response();
    }
    let mut state = shared.state.lock().unwrap();
    let found = state.codes.iter().position(|code| Some(code.value.as_str()) == get("code"));
    let Some(code) = found.map(|found| state.codes.remove(found)) else { return refuse("invalid_grant") };
    drop(state);
    let proof =
        get("code_verifier").map(|verifier| BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes())));
    if get("redirect_uri") != Some(&code.redirect_uri) || proof.is_none() || proof != code.challenge {
        return refuse("invalid_grant");
    }
    let access_token = format!("{}.{}", random(), person_key(&code.person));
    let id_token = id_token(shared, &code, &access_token);
    let mut answer =
        json!({ "access_token": access_token, "token_type": "Bearer", "expires_in": 3600, "id_token": id_token });
    if shared.has(&Fault::NoIdToken) {
        answer.as_object_mut().unwrap().remove("id_token");
    }
    shared.state.lock().unwrap().secrets.extend([access_token, id_token]);
    ([(header::CACHE_CONTROL, "no-store")], axum::Json(answer)).into_response()
}

fn is_our_client(parameters: &Parameters, headers: &HeaderMap) -> bool {
    let by_form = parameter(parameters, "client_id") == Some(CLIENT_ID)
        && parameter(parameters, "client_secret") == Some(CLIENT_SECRET);
    let expected = format!("Basic {}", BASE64_STANDARD.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}")));
    by_form || headers.get(header::AUTHORIZATION).is_some_and(|value| value.as_bytes() == expected.as_bytes())
}

fn id_token(shared: &Shared, code: &Code, access_token: &str) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let mut claims: Map<String, Value> = code.person.claims.clone();
    claims.insert("iss".into(), json!(shared.issuer));
    claims.insert("aud".into(), json!(CLIENT_ID));
    claims.insert("iat".into(), json!(now));
    claims.insert("exp".into(), json!(now + 300));
    claims.insert("at_hash".into(), json!(half_hash(access_token)));
    claims.extend(code.nonce.as_ref().map(|nonce| ("nonce".to_owned(), json!(nonce))));
    let (mut key, number) = shared.signing_key();
    let mut head = json!({ "alg": "RS256", "typ": "JWT", "kid": keys::name(number) });
    for fault in shared.faults() {
        match fault {
            Fault::Claim(name, value) => drop(claims.insert(name.into(), value)),
            Fault::NoClaim(name) => drop(claims.remove(name)),
            Fault::ForeignKey => key = keys::foreign(),
            Fault::UnknownKey => {
                key = keys::foreign();
                head["kid"] = json!("a-key-nobody-published");
            }
            Fault::KeyInHeader => {
                key = keys::foreign();
                head["jwk"] = key.jwk("mine");
                head["kid"] = json!("mine");
            }
            Fault::Unsigned => head["alg"] = json!("none"),
            Fault::SignedWithPublicKey => head["alg"] = json!("HS256"),
            _ => {}
        }
    }
    let part = |value: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(value);
    let head = part(head.to_string().as_bytes());
    let message = format!("{head}.{}", part(&serde_json::to_vec(&claims).unwrap()));
    if shared.has(&Fault::Unsigned) {
        return format!("{message}.");
    }
    if shared.has(&Fault::SignedWithPublicKey) {
        return format!("{message}.{}", key.confuse(&message));
    }
    let signature = key.sign(&message);
    if shared.has(&Fault::Tampered) {
        claims.insert("email".into(), json!("admin@example.com"));
        return format!("{head}.{}.{signature}", part(&serde_json::to_vec(&claims).unwrap()));
    }
    format!("{message}.{signature}")
}

/// The left half of the SHA-256 (OpenID Connect Core §3.1.3.6).
fn half_hash(access_token: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(&digest(&SHA256, access_token.as_bytes()).as_ref()[..16])
}

/// The access token carries the claims, so that userinfo needs to remember nobody.
fn person_key(person: &Person) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(&person.claims).unwrap())
}

fn userinfo(shared: &Shared, headers: &HeaderMap) -> Response {
    let claims = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer ")?.split('.').nth(1))
        .and_then(|part| serde_json::from_slice::<Map<String, Value>>(&BASE64_URL_SAFE_NO_PAD.decode(part).ok()?).ok());
    let Some(mut claims) = claims else { return StatusCode::UNAUTHORIZED.into_response() };
    for fault in shared.faults() {
        if let Fault::Userinfo(name, value) = fault {
            claims.insert(name.into(), value);
        }
    }
    axum::Json(claims).into_response()
}

fn end_session(parameters: &Parameters) -> Response {
    let Some(back) = parameter(parameters, "post_logout_redirect_uri") else {
        return "signed out at the provider".into_response();
    };
    let state = parameter(parameters, "state").map(|state| format!("?state={state}")).unwrap_or_default();
    (StatusCode::FOUND, [(header::LOCATION, format!("{back}{state}"))]).into_response()
}

fn random() -> String {
    let mut bytes = [0; 24];
    aws_lc_rs::rand::fill(&mut bytes).unwrap();
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}
