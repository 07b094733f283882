//! A small OpenID provider on a real socket that does everything right until it is told not to.

pub(crate) mod refreshes;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use aws_lc_rs::{hmac, rand, rsa};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderMap, StatusCode};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use url::Url;

use self::refreshes::Refreshes;

pub(crate) const CLIENT_ID: &str = "door & ward";
pub(crate) const CLIENT_SECRET: &str = "secret: of/the door+ward";

/// A key pair the provider signs with.
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) kid: String,
    pub(crate) algorithm: Algorithm,
    encoding: EncodingKey,
    pub(crate) jwk: Value,
}

impl Key {
    pub(crate) fn new(kid: &str, algorithm: Algorithm) -> Self {
        let random = rand::SystemRandom::new();
        let encoding = match algorithm {
            Algorithm::ES256 => {
                let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
                EncodingKey::from_ec_der(der.as_ref())
            }
            Algorithm::EdDSA => EncodingKey::from_ed_der(Ed25519KeyPair::generate_pkcs8v1(&random).unwrap().as_ref()),
            _ => {
                let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
                let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
                let pem = format!(
                    "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
                    STANDARD.encode(der.as_ref())
                );
                EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap()
            }
        };
        let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&encoding, algorithm).unwrap()).unwrap();
        jwk["kid"] = json!(kid);
        jwk["use"] = json!("sig");
        Self { kid: kid.to_owned(), algorithm, encoding, jwk }
    }

    pub(crate) fn key(&self) -> &EncodingKey {
        &self.encoding
    }
}

/// How a token is spoiled. The claims and the header are changed before it is signed.
pub(crate) type Spoil = Arc<dyn Fn(&mut Map<String, Value>, &mut Header) + Send + Sync>;

/// Makes a whole token of its claims.
pub(crate) type Forge = Arc<dyn Fn(&Map<String, Value>) -> String + Send + Sync>;

/// What the provider does, open to every test.
pub(crate) struct Behaviour {
    pub(crate) signing: Key,
    pub(crate) published: Vec<Value>,
    pub(crate) claims: Map<String, Value>,
    pub(crate) userinfo: Option<Value>,
    pub(crate) spoil: Option<Spoil>,
    /// Makes the whole token by itself from the claims.
    pub(crate) forge: Option<Forge>,
    /// Added to, or replacing parts of, the discovery document.
    pub(crate) document: Map<String, Value>,
    /// What the authorization endpoint answers with in place of a code.
    pub(crate) refuse: Option<Vec<(&'static str, &'static str)>>,
    /// `iss` in the authorization answer.
    pub(crate) answers_with_issuer: Option<String>,
    /// Answers everything with this.
    pub(crate) broken: Option<(StatusCode, String)>,
    /// Answers the token endpoint with this.
    pub(crate) token_answer: Option<(StatusCode, String)>,
    pub(crate) key_fetches: usize,
    pub(crate) token_requests: usize,
    pub(crate) end_session: bool,
    /// What was given back: the form, and whether we were let in to ask.
    pub(crate) revocations: Vec<(HashMap<String, String>, bool)>,
    pub(crate) refreshes: Refreshes,
    codes: HashMap<String, Code>,
}

struct Code {
    nonce: String,
    challenge: String,
    redirect_uri: String,
}

#[derive(Clone)]
pub(crate) struct Provider {
    pub(crate) address: SocketAddr,
    behaviour: Arc<Mutex<Behaviour>>,
}

impl Provider {
    /// On a port of its own.
    pub(crate) async fn start() -> Self {
        Self::start_on("127.0.0.1:0".parse().unwrap()).await
    }

    pub(crate) async fn start_on(address: SocketAddr) -> Self {
        // Made once: making an RSA key takes longer than anything else here.
        static FIRST: LazyLock<Key> = LazyLock::new(|| Key::new("one", Algorithm::RS256));
        let signing = FIRST.clone();
        let claims = json!({"sub": "user-1", "email": "Amina@Example.com", "email_verified": true, "name": "Amina",
            "groups": ["staff", "editors"]});
        let behaviour = Behaviour {
            published: vec![signing.jwk.clone()],
            signing,
            claims: claims.as_object().unwrap().clone(),
            userinfo: None,
            spoil: None,
            forge: None,
            document: Map::new(),
            refuse: None,
            answers_with_issuer: None,
            broken: None,
            token_answer: None,
            key_fetches: 0,
            token_requests: 0,
            end_session: true,
            revocations: Vec::new(),
            refreshes: Refreshes::default(),
            codes: HashMap::new(),
        };
        let listener = TcpListener::bind(address).await.unwrap();
        let provider = Self { address: listener.local_addr().unwrap(), behaviour: Arc::new(Mutex::new(behaviour)) };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/common/v2.0/.well-known/openid-configuration", get(discovery))
            .route("/jwks", get(keys))
            .route("/token", post(token))
            .route("/userinfo", get(userinfo))
            .route("/revoke", post(revoke))
            .with_state(provider.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let service = TowerToHyperService::new(router.clone());
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        provider
    }

    pub(crate) fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn set(&self) -> MutexGuard<'_, Behaviour> {
        self.behaviour.lock().unwrap()
    }

    /// How often a refresh token came, and how often one that was used before.
    pub(crate) fn asked(&self) -> (usize, usize) {
        let behaviour = self.set();
        (behaviour.refreshes.requests, behaviour.refreshes.reused)
    }

    /// Publishes and signs with this key alone.
    pub(crate) fn sign_with(&self, key: Key) {
        let mut behaviour = self.set();
        behaviour.published = vec![key.jwk.clone()];
        behaviour.signing = key;
    }

    /// What a browser gets at the authorization endpoint: where it is sent next.
    pub(crate) fn authorize(&self, url: &Url) -> Url {
        let query: HashMap<_, _> = url.query_pairs().into_owned().collect();
        assert_eq!(query["response_type"], "code");
        assert_eq!(query["client_id"], CLIENT_ID);
        assert_eq!(query["code_challenge_method"], "S256");
        assert!(query["state"].len() >= 22 && query["nonce"].len() >= 20);
        assert!(query["scope"].split(' ').any(|scope| scope == "openid"));
        let mut back = Url::parse(&query["redirect_uri"]).unwrap();
        let mut behaviour = self.set();
        back.query_pairs_mut().append_pair("state", &query["state"]);
        if let Some(issuer) = &behaviour.answers_with_issuer {
            back.query_pairs_mut().append_pair("iss", issuer);
        }
        if let Some(refusal) = &behaviour.refuse {
            back.query_pairs_mut().extend_pairs(refusal);
            return back;
        }
        let code = format!("code-{}", behaviour.codes.len());
        let kept = Code {
            nonce: query["nonce"].clone(),
            challenge: query["code_challenge"].clone(),
            redirect_uri: query["redirect_uri"].clone(),
        };
        behaviour.codes.insert(code.clone(), kept);
        back.query_pairs_mut().append_pair("code", &code);
        back
    }
}

fn broken(behaviour: &Behaviour) -> Option<Response> {
    behaviour.broken.clone().map(IntoResponse::into_response)
}

async fn discovery(State(provider): State<Provider>) -> Response {
    let behaviour = provider.set();
    if let Some(answer) = broken(&behaviour) {
        return answer;
    }
    let issuer = provider.issuer();
    let mut document = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/jwks"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256", "EdDSA", "HS256", "none"],
    });
    if behaviour.userinfo.is_some() {
        document["userinfo_endpoint"] = json!(format!("{issuer}/userinfo"));
    }
    if behaviour.end_session {
        document["end_session_endpoint"] = json!(format!("{issuer}/end?realm=a%20b"));
    }
    document.as_object_mut().unwrap().extend(behaviour.document.clone());
    Json(document).into_response()
}

async fn keys(State(provider): State<Provider>) -> Response {
    let mut behaviour = provider.set();
    behaviour.key_fetches += 1;
    broken(&behaviour).unwrap_or_else(|| Json(json!({"keys": behaviour.published})).into_response())
}

/// How we prove who we are.
fn basic() -> String {
    let encode = |text| url::form_urlencoded::byte_serialize(str::as_bytes(text)).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encode(CLIENT_ID), encode(CLIENT_SECRET))))
}

async fn token(
    State(provider): State<Provider>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    if form["grant_type"] == "refresh_token" {
        let delay = {
            let refreshes = &mut provider.set().refreshes;
            refreshes.begun += 1;
            refreshes.delay
        };
        tokio::time::sleep(delay).await;
    }
    let mut behaviour = provider.set();
    behaviour.token_requests += 1;
    if let Some(answer) = broken(&behaviour).or_else(|| behaviour.token_answer.clone().map(IntoResponse::into_response))
    {
        return answer;
    }
    let authorized = headers.get("authorization").is_some_and(|value| *value == *basic());
    let refuse = |error: &str| (StatusCode::BAD_REQUEST, Json(json!({"error": error}))).into_response();
    if !authorized {
        return refuse("invalid_client");
    }
    if form["grant_type"] == "refresh_token" {
        return refreshes::answer(&provider, &mut behaviour, &form["refresh_token"]);
    }
    let Some(code) = form.get("code").and_then(|code| behaviour.codes.remove(code)) else {
        return refuse("invalid_grant");
    };
    let verifier = URL_SAFE_NO_PAD.encode(digest(&SHA256, form["code_verifier"].as_bytes()));
    if verifier != code.challenge || form["redirect_uri"] != code.redirect_uri {
        return refuse("invalid_grant");
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let access_token = "access-token-1";
    let hash = digest(&SHA256, access_token.as_bytes());
    let mut claims = json!({
        "iss": provider.issuer(), "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": code.nonce,
        "at_hash": URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16]),
    })
    .as_object()
    .unwrap()
    .clone();
    if behaviour.signing.algorithm == Algorithm::EdDSA {
        claims.remove("at_hash");
    }
    claims.extend(behaviour.claims.clone());
    let mut header = Header::new(behaviour.signing.algorithm);
    header.kid = Some(behaviour.signing.kid.clone());
    if let Some(spoil) = behaviour.spoil.clone() {
        spoil(&mut claims, &mut header);
    }
    let id_token = match &behaviour.forge {
        Some(forge) => forge(&claims),
        None => jsonwebtoken::encode(&header, &claims, &behaviour.signing.encoding).unwrap(),
    };
    let mut answer =
        json!({"access_token": access_token, "token_type": "Bearer", "expires_in": 3600, "id_token": id_token});
    if let Some(token) = behaviour.refreshes.issue(None) {
        answer["refresh_token"] = json!(token);
    }
    Json(answer).into_response()
}

async fn revoke(
    State(provider): State<Provider>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> StatusCode {
    let authorized = headers.get("authorization").is_some_and(|value| *value == *basic());
    provider.set().revocations.push((form, authorized));
    StatusCode::OK
}

async fn userinfo(State(provider): State<Provider>, headers: HeaderMap) -> Response {
    assert_eq!(headers["authorization"], "Bearer access-token-1");
    Json(provider.set().userinfo.clone().unwrap()).into_response()
}

/// A token with any header, signed by HMAC with any key, or not at all.
pub(crate) fn by_hand(header: &Value, claims: &Map<String, Value>, key: Option<&[u8]>) -> String {
    let part = |value: String| URL_SAFE_NO_PAD.encode(value);
    let signed = format!("{}.{}", part(header.to_string()), part(Value::Object(claims.clone()).to_string()));
    let signature = key.map(|key| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), signed.as_bytes()));
    format!("{signed}.{}", signature.map(|tag| URL_SAFE_NO_PAD.encode(tag)).unwrap_or_default())
}

/// Seconds since 1970, some time from now.
pub(crate) fn seconds(offset: i64) -> Value {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    json!(i64::try_from(now.as_secs()).unwrap() + offset)
}

/// A port nobody listens on now.
pub(crate) async fn unused_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    tokio::time::sleep(Duration::from_millis(1)).await;
    address
}
