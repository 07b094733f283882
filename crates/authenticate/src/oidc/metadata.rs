//! What a provider says about itself (OpenID Connect Discovery §3).
//!
//! Refuses: a provider that calls itself something else than configured, endpoints that are not https, and one
//! that signs with nothing we would trust (shared-secret algorithms and `none` never count).

use doorward_config::ProviderKind;
use openidconnect::core::CoreJwsSigningAlgorithm as Alg;
use serde::Deserialize;
use url::Url;

use super::http::{HttpClient, may_be_asked};
use super::issuer::Issuer;
use crate::AuthenticateError;
use crate::shorten::shorten;

/// The signing algorithms an ID token may use, those that need no shared secret.
const TRUSTED: [(&str, Alg); 9] = [
    ("RS256", Alg::RsaSsaPkcs1V15Sha256),
    ("RS384", Alg::RsaSsaPkcs1V15Sha384),
    ("RS512", Alg::RsaSsaPkcs1V15Sha512),
    ("PS256", Alg::RsaSsaPssSha256),
    ("PS384", Alg::RsaSsaPssSha384),
    ("PS512", Alg::RsaSsaPssSha512),
    ("ES256", Alg::EcdsaP256Sha256),
    ("ES384", Alg::EcdsaP384Sha384),
    ("EdDSA", Alg::EdDsa),
];

/// The scope that asks for a refresh token.
pub(super) const OFFLINE_ACCESS: &str = "offline_access";

/// The algorithm of this name (RFC 7518 §3.1), if it is one to trust.
pub(super) fn algorithm(name: &str) -> Option<Alg> {
    TRUSTED.into_iter().find(|(known, _)| *known == name).map(|(_, algorithm)| algorithm)
}

/// The document as it is served; what is not needed here is not read.
#[derive(Debug, Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    end_session_endpoint: Option<String>,
    revocation_endpoint: Option<String>,
    id_token_signing_alg_values_supported: Option<Vec<String>>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    scopes_supported: Vec<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// A provider whose document has been checked.
#[derive(Debug, Clone)]
pub(crate) struct Metadata {
    pub(crate) issuer: Issuer,
    pub(crate) authorization_endpoint: Url,
    pub(crate) token_endpoint: Url,
    pub(crate) jwks_uri: Url,
    pub(crate) userinfo_endpoint: Option<Url>,
    pub(crate) end_session_endpoint: Option<Url>,
    pub(crate) revocation_endpoint: Option<Url>,
    pub(crate) algorithms: Vec<Alg>,
    /// Whether the client secret goes into the form, not into the Authorization header.
    pub(crate) secret_in_form: bool,
    /// Whether `offline_access` is a scope there (OpenID Connect Core §11).
    pub(crate) knows_offline_access: bool,
    /// Whether every answer names the issuer (RFC 9207 §3).
    pub(crate) names_issuer_in_answers: bool,
}

impl Metadata {
    /// Asks the provider.
    ///
    /// # Errors
    /// [`AuthenticateError::ProviderUnreachable`], or [`AuthenticateError::Untrusted`] with what is wrong.
    pub(crate) async fn discover(
        http: &HttpClient,
        kind: ProviderKind,
        issuer: &str,
    ) -> Result<Self, AuthenticateError> {
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let document: Document = http.get_json("discovery document", &url, None).await?;
        Self::check(document, kind, issuer)
    }

    fn check(document: Document, kind: ProviderKind, configured: &str) -> Result<Self, AuthenticateError> {
        let Some(issuer) = Issuer::new(kind, configured, &document.issuer) else {
            return Err(AuthenticateError::Untrusted(format!(
                "it calls itself {:?}, and `idp_provider_url` says {configured:?}; the two have to be the same, \
                 to the last slash",
                shorten(&document.issuer)
            )));
        };
        let algorithms = match document.id_token_signing_alg_values_supported {
            // What Discovery §3 makes every provider support.
            None => vec![Alg::RsaSsaPkcs1V15Sha256],
            Some(names) => TRUSTED
                .into_iter()
                .filter(|(name, _)| names.iter().any(|offered| offered == name))
                .map(|(_, algorithm)| algorithm)
                .collect(),
        };
        if algorithms.is_empty() {
            return Err(AuthenticateError::Untrusted(
                "it signs ID tokens with no public-key algorithm; have it use RS256 or ES256".into(),
            ));
        }
        let secret_in_form = document.token_endpoint_auth_methods_supported.is_some_and(|methods| {
            let offers = |name: &str| methods.iter().any(|method| method == name);
            offers("client_secret_post") && !offers("client_secret_basic")
        });
        Ok(Self {
            issuer,
            authorization_endpoint: endpoint("authorization endpoint", &document.authorization_endpoint)?,
            token_endpoint: endpoint("token endpoint", &document.token_endpoint)?,
            jwks_uri: endpoint("key set", &document.jwks_uri)?,
            userinfo_endpoint: document.userinfo_endpoint.map(|url| endpoint("userinfo endpoint", &url)).transpose()?,
            end_session_endpoint: document
                .end_session_endpoint
                .map(|url| endpoint("end-session endpoint", &url))
                .transpose()?,
            revocation_endpoint: document
                .revocation_endpoint
                .map(|url| endpoint("revocation endpoint", &url))
                .transpose()?,
            algorithms,
            secret_in_form,
            knows_offline_access: document.scopes_supported.iter().any(|scope| scope == OFFLINE_ACCESS),
            names_issuer_in_answers: document.authorization_response_iss_parameter_supported,
        })
    }
}

fn endpoint(what: &str, text: &str) -> Result<Url, AuthenticateError> {
    Url::parse(text)
        .ok()
        .filter(|url| may_be_asked(url) && url.fragment().is_none())
        .ok_or_else(|| AuthenticateError::Untrusted(format!("its {what} is no https URL")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn check(change: impl FnOnce(&mut Value)) -> Result<Metadata, String> {
        let mut document = json!({
            "issuer": "https://idp.example/realm",
            "authorization_endpoint": "https://idp.example/auth",
            "token_endpoint": "https://idp.example/token",
            "jwks_uri": "https://idp.example/jwks",
            "id_token_signing_alg_values_supported": ["RS256"],
        });
        change(&mut document);
        let document = serde_json::from_value(document).map_err(|error| error.to_string())?;
        Metadata::check(document, ProviderKind::Oidc, "https://idp.example/realm").map_err(|error| error.to_string())
    }

    #[test]
    fn a_plain_document_is_enough() {
        let metadata = check(|_| ()).unwrap();
        assert_eq!(metadata.algorithms, [Alg::RsaSsaPkcs1V15Sha256]);
        assert!(!metadata.secret_in_form && !metadata.names_issuer_in_answers);
        assert!(metadata.userinfo_endpoint.is_none());
    }

    #[test]
    fn another_issuer_is_refused_to_the_last_slash() {
        for issuer in ["https://idp.example/realm/", "https://idp.example/Realm", "https://evil.example/realm", ""] {
            let error = check(|document| document["issuer"] = json!(issuer)).unwrap_err();
            assert!(error.contains("calls itself"), "{error}");
        }
    }

    #[test]
    fn shared_secrets_and_none_are_no_signatures() {
        for offered in [json!(["none"]), json!(["HS256", "HS512"]), json!([]), json!(["ES512", "X"])] {
            let change = |document: &mut Value| document["id_token_signing_alg_values_supported"] = offered.clone();
            assert!(check(change).unwrap_err().contains("public-key"), "{offered}");
        }
        let mixed = |document: &mut Value| {
            document["id_token_signing_alg_values_supported"] = json!(["none", "HS256", "EdDSA", "ES256", "RS256"]);
        };
        assert_eq!(check(mixed).unwrap().algorithms, [Alg::RsaSsaPkcs1V15Sha256, Alg::EcdsaP256Sha256, Alg::EdDsa]);
    }

    #[test]
    fn endpoints_in_cleartext_are_refused() {
        for name in [
            "authorization_endpoint",
            "token_endpoint",
            "jwks_uri",
            "userinfo_endpoint",
            "end_session_endpoint",
            "revocation_endpoint",
        ] {
            for url in ["http://idp.example/x", "javascript:alert(1)", "x", "https://idp.example/x#y"] {
                assert!(check(|document| document[name] = json!(url)).is_err(), "{name} {url}");
            }
        }
    }

    #[test]
    fn the_secret_goes_into_the_form_only_where_it_must() {
        let with = |methods: Value| {
            check(|document| document["token_endpoint_auth_methods_supported"] = methods).unwrap().secret_in_form
        };
        assert!(with(json!(["client_secret_post"])));
        assert!(!with(json!(["client_secret_post", "client_secret_basic"])));
        assert!(!with(json!([])));
    }
}
