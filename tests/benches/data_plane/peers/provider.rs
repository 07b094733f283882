//! The smallest OpenID provider that mod_auth_openidc signs somebody in with, and the browser that does so.
//!
//! Refuses nothing: it is asked once, by a bench on loopback.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use url::Url;

use super::Peer;
use crate::stage::{HOST, at};

pub(crate) const SECRET: &str = "a-secret-of-the-bench-that-is-long-enough-for-hs256";

/// Starts it on a thread; its issuer.
pub(crate) fn start() -> String {
    let listener = TcpListener::bind(at(0)).unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let this = issuer.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut asked = Vec::new();
            let mut buffer = [0; 4096];
            // The code is the nonce, so nothing has to be remembered; it is the form's last and ends it.
            while !String::from_utf8_lossy(&asked).contains("code=") {
                match stream.read(&mut buffer) {
                    Ok(read @ 1..) => asked.extend_from_slice(&buffer[..read]),
                    _ => break,
                }
            }
            let asked = String::from_utf8_lossy(&asked).into_owned();
            let code = asked.split("code=").nth(1).unwrap_or_default().split('&').next().unwrap_or_default().trim();
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
            let claims = serde_json::json!({
                "iss": this, "sub": "person-0", "aud": "bench", "iat": now, "exp": now + 36_000, "nonce": code,
                "email": "person0@example.com", "groups": ["editors", "everybody"],
            });
            let key = EncodingKey::from_secret(SECRET.as_bytes());
            let id_token = encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap();
            let answer = serde_json::json!({
                "access_token": "an-access-token", "token_type": "Bearer", "expires_in": 36_000, "id_token": id_token,
            })
            .to_string();
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
            let _gone = write!(stream, "{head}Content-Length: {}\r\n\r\n{answer}", answer.len());
        }
    });
    issuer
}

/// Signs in as a browser does; what its `Cookie` then says.
pub(crate) async fn sign_in(peer: &Peer) -> Result<String, String> {
    let authority = format!("{HOST}:{}", peer.target.address.port());
    let visit = async |path: &str, cookie: &str| {
        let connection = peer.target.connect(HOST).await.map_err(|error| error.to_string())?;
        let request = super::head("GET", path, &authority, cookie).replace("*/*", "text/html") + "\r\n";
        connection.head(request.as_bytes()).await.map_err(|error| error.to_string())
    };
    let sent_off = visit("/", "none=0").await?;
    let to = Url::parse(&header(&sent_off, "location")?).map_err(|error| error.to_string())?;
    let parameter =
        |wanted: &str| to.query_pairs().find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned());
    let (Some(state), Some(nonce)) = (parameter("state"), parameter("nonce")) else {
        return Err(format!("no state and nonce in {to}"));
    };
    let state: String = url::form_urlencoded::byte_serialize(state.as_bytes()).collect();
    let nonce: String = url::form_urlencoded::byte_serialize(nonce.as_bytes()).collect();
    let back = visit(&format!("/oidc?code={nonce}&state={state}"), &cookie(&sent_off)?).await?;
    let session = cookie(&back)?;
    if session.starts_with("mod_auth_openidc_session=") { Ok(session) } else { Err(back) }
}

/// The last cookie that is set to something.
fn cookie(head: &str) -> Result<String, String> {
    let set = head.lines().filter(|line| line.to_ascii_lowercase().starts_with("set-cookie:"));
    let mut pairs = set.filter_map(|line| line.split_once(':')?.1.split(';').next().map(|pair| pair.trim().to_owned()));
    pairs.rfind(|pair| !pair.ends_with('=')).ok_or_else(|| format!("no cookie in {head}"))
}

fn header(head: &str, name: &str) -> Result<String, String> {
    let of = |line: &str| {
        let (this, value) = line.split_once(':')?;
        this.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    };
    head.lines().find_map(of).ok_or_else(|| format!("no {name} in {head}"))
}
