//! Signing in to mod_auth_openidc: a provider whose word the browser itself carries (`form_post`), so that none has to run.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use url::Url;
use url::form_urlencoded::Serializer;

use super::Peer;
use crate::stage::HOST;

pub(crate) const ISSUER: &str = "https://127.0.0.1:9";
pub(crate) const SECRET: &str = "a-secret-of-the-bench-that-is-long-enough-for-hs256";

/// Signs in as a browser does; what its `Cookie` then says.
pub(crate) async fn sign_in(peer: &Peer) -> Result<String, String> {
    let visit = async |method: &str, path: &str, cookie: &str, form: &str| {
        let connection = peer.target.connect(HOST).await.map_err(|error| error.to_string())?;
        let mut request = super::head(method, path, HOST, cookie).replace("*/*", "text/html");
        if !form.is_empty() {
            let length = form.len();
            write!(request, "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n").unwrap();
        }
        connection.head(format!("{request}\r\n{form}").as_bytes()).await.map_err(|error| error.to_string())
    };
    let sent_off = visit("GET", "/", "none=0", "").await?;
    let to = Url::parse(&header(&sent_off, "location")?).map_err(|error| format!("{error}: {sent_off}"))?;
    let parameter =
        |wanted: &str| to.query_pairs().find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned());
    let (Some(state), Some(nonce)) = (parameter("state"), parameter("nonce")) else {
        return Err(format!("no state and nonce in {to}"));
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = serde_json::json!({
        "iss": ISSUER, "sub": "person-0", "aud": "bench", "iat": now, "exp": now + 36_000, "nonce": nonce,
        "email": "person0@example.com", "groups": ["editors", "everybody"],
    });
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let id_token = encode(&Header::new(Algorithm::HS256), &claims, &key).map_err(|error| error.to_string())?;
    let mut form = Serializer::new(String::new());
    form.append_pair("state", &state).append_pair("id_token", &id_token);
    let back = visit("POST", "/oidc", &cookie(&sent_off)?, &form.finish()).await?;
    let session = cookie(&back)?;
    if session.starts_with("mod_auth_openidc_session=") { Ok(session) } else { Err(back) }
}

/// The last cookie that is set to something.
fn cookie(head: &str) -> Result<String, String> {
    let set = head.lines().filter(|line| line.to_ascii_lowercase().starts_with("set-cookie:"));
    let pairs = set.filter_map(|line| line.split_once(':')?.1.split(';').next().map(|pair| pair.trim().to_owned()));
    pairs.rev().find(|pair| !pair.ends_with('=')).ok_or_else(|| format!("no cookie in {head}"))
}

fn header(head: &str, name: &str) -> Result<String, String> {
    let of = |line: &str| {
        let (this, value) = line.split_once(':')?;
        this.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    };
    head.lines().find_map(of).ok_or_else(|| format!("no {name} in {head}"))
}
