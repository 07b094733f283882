//! The harness itself, held to what it promises before the program is judged with it.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::authority::Authority;
use super::browser::{Ask, Browser};
use super::certified_provider::CertifiedProvider;
use super::hostile_provider::{CLIENT_ID, Fault, Provider};
use super::raw::Raw;
use super::upstream::{Reply, Upstream};
use super::websocket;

fn address(url: &str) -> std::net::SocketAddr {
    url.split("://").nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn the_application_shows_exactly_what_arrived() {
    let upstream = Upstream::start().await;
    let mut raw = Raw::plain(address(&upstream.url())).await;
    raw.send("POST /a?b HTTP/1.1\r\nHost: x\r\nX-One: 1\r\nx-one: 2\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    raw.send("3\r\nabc\r\n2;x\r\nde\r\n0\r\nX-Trailer: yes\r\n\r\n").await;
    let answer = raw.answer().await;
    let told: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(told["line"], "POST /a?b HTTP/1.1");
    assert_eq!(told["body_length"], 5);
    let arrived = upstream.last();
    assert_eq!(arrived.all("X-One"), ["1", "2"]);
    assert_eq!(arrived.body_sha256, "36bbe50ed96841d10443bcb670d6554f0a34b761be67ec9c4a8ad2c0c44ca42c");
    assert_eq!(arrived.trailers, [("X-Trailer".into(), "yes".into())]);
    raw.send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(raw.answer_to("HEAD").await.unwrap().status, 200);
    assert_eq!(upstream.connections(), 1);
}

#[tokio::test]
async fn the_application_streams_and_closes_as_it_is_told() {
    let upstream = Upstream::replying(Reply::Stream { chunks: 3, every: Duration::from_millis(1) }).await;
    let mut raw = Raw::plain(address(&upstream.url())).await;
    raw.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(raw.answer().await.text(), "data: 0\n\ndata: 1\n\ndata: 2\n\n");
    upstream.reply_with(Reply::Raw(b"HTTP/1.1 204 No\r\n\r\n".to_vec()));
    raw.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(raw.answer().await.status, 204);
    assert!(raw.rest().await.is_empty());
}

#[tokio::test]
async fn the_application_speaks_websocket_and_tls() {
    let upstream = Upstream::with_tls(&Authority::shared().issue(&["localhost"])).await;
    let raw = Raw::tls(address(&upstream.url()), "localhost").await;
    let mut socket = websocket::over(raw, "localhost", "/", &[]).await.unwrap();
    socket.send(Message::text("hello")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("hello"));
    upstream.wait_for_tunnels(1).await;
    drop(socket);
    upstream.wait_for_tunnels(0).await;
}

#[tokio::test]
async fn the_hostile_provider_is_strict_while_it_is_honest() {
    let provider = Provider::start().await;
    let mut browser = Browser::speaking("http/1.1");
    let discovery = browser.fetch(&format!("{}/.well-known/openid-configuration", provider.issuer())).await.json();
    assert_eq!(discovery["issuer"], provider.issuer());
    let back = "https://app.example.test/callback";
    // The challenge of RFC 7636, Appendix B.
    let query = format!(
        "client_id={CLIENT_ID}&response_type=code&redirect_uri={back}&state=s&nonce=n&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    );
    let code = async |browser: &mut Browser| {
        let answer = browser.send(Ask::page(&format!("{}/authorize?{query}", provider.issuer()))).await;
        let location = answer.location().unwrap();
        location.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned()
    };
    let token = |code: &str, verifier: &str| {
        let fields = [
            ("code", code),
            ("code_verifier", verifier),
            ("redirect_uri", back),
            ("client_id", CLIENT_ID),
            ("client_secret", super::hostile_provider::CLIENT_SECRET),
        ];
        Ask::post(&format!("{}/token", provider.issuer()), &fields)
    };
    let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let first = code(&mut browser).await;
    assert_eq!(browser.send(token(&first, "x")).await.status, 400);
    let second = code(&mut browser).await;
    let answer = browser.send(token(&second, verifier)).await;
    assert_eq!(answer.status, 200);
    let tokens = answer.json();
    assert_eq!(browser.send(token(&second, verifier)).await.status, 400);
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let userinfo = Ask::fetch(&format!("{}/userinfo", provider.issuer())).header("authorization", &bearer);
    assert_eq!(browser.send(userinfo.clone()).await.json()["email"], "alice@example.com");
    provider.fault(Fault::Userinfo("sub", json!("somebody")));
    assert_eq!(browser.send(userinfo).await.json()["sub"], "somebody");

    let keys = browser.fetch(&format!("{}/jwks", provider.issuer())).await.json();
    let keys: jsonwebtoken::jwk::JwkSet = serde_json::from_value(keys).unwrap();
    let key = jsonwebtoken::DecodingKey::from_jwk(&keys.keys[0]).unwrap();
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
    validation.set_audience(&[CLIENT_ID]);
    let claims = jsonwebtoken::decode::<Value>(tokens["id_token"].as_str().unwrap(), &key, &validation).unwrap().claims;
    assert_eq!(claims["nonce"], "n");
}

#[tokio::test]
async fn the_certified_provider_signs_people_in() {
    let Some(provider) = CertifiedProvider::start().await else { return };
    let setup = super::setup::Setup::new();
    provider.client(&setup, "app", "/callback").await;
    let mut browser = Browser::speaking("http/1.1");
    let back = format!("{}/callback", setup.origin("app"));
    let url = format!(
        "{}/auth?client_id=doorward&response_type=code&scope=openid&redirect_uri={back}&state=s&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256",
        provider.issuer
    );
    let page = browser.visit(&url).await;
    assert!(provider.asks(&page));
    let mut ask = page.form().filled(&page.url, &[("login", "alice")]);
    let location = loop {
        let next = browser.send(ask).await.location().unwrap();
        if next.as_str().starts_with(&back) {
            break next;
        }
        ask = Ask::page(next.as_str());
    };
    assert!(location.query().unwrap().contains("code="));
    assert_eq!(provider.count("discovery").await, 0);
}
