//! The certificate that is shown to an upstream: `tls_client_cert` and `tls_client_key`.
//!
//! Refuses: one without the other, and a key that does not belong to its certificate.

use rustls_pki_types::PrivateKeyDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::Compiler;
use super::certificate::Text;
use crate::Secret;
use crate::domain::upstream::ClientCertificatePair;
use crate::raw::route::RawUpstreamTls;

impl Compiler<'_> {
    /// `over_tls` says whether any address of the upstream is one that asks for certificates.
    pub(super) fn client_pair(&mut self, raw: &RawUpstreamTls, over_tls: bool) -> Option<ClientCertificatePair> {
        let (given, missing) = match (raw.client_cert.place(), raw.client_key.place()) {
            (None, None) => return None,
            (Some(_), Some(_)) => return self.whole_client_pair(raw, over_tls),
            (Some(place), None) => ((place, "tls_client_cert"), "tls_client_key"),
            (None, Some(place)) => ((place, "tls_client_key"), "tls_client_cert"),
        };
        let (place, key) = given;
        self.problems.error(
            place,
            format!("`{key}` is given without `{missing}`"),
            format!("Add `{missing}_file: FILE`: a certificate is shown along with the proof of its private key."),
        );
        None
    }

    fn whole_client_pair(&mut self, raw: &RawUpstreamTls, over_tls: bool) -> Option<ClientCertificatePair> {
        let cert = self.pem(&raw.client_cert, "tls_client_cert", "tls_client_cert_file");
        let key = self.pem(&raw.client_key, "tls_client_key", "tls_client_key_file");
        let (cert, key) = (cert?, key?);
        let pair = self.pair(&cert, &key)?;
        if !over_tls {
            self.problems.hint(&cert.place, "`tls_client_cert` has no effect with an http `to`", "Remove it.");
        }
        let (_, leaf) = X509Certificate::from_der(pair.chain.first()?).ok()?;
        self.validity(&leaf, &cert, "Applications");
        self.purpose(&leaf, &cert);
        let key = match &pair.key {
            PrivateKeyDer::Pkcs1(der) => der.secret_pkcs1_der(),
            PrivateKeyDer::Sec1(der) => der.secret_sec1_der(),
            PrivateKeyDer::Pkcs8(der) => der.secret_pkcs8_der(),
            _ => return None,
        };
        Some(ClientCertificatePair { key: Secret::new(key), chain: pair.chain })
    }

    /// A certificate that says what it is for has to say that it is for clients (RFC 5280 §4.2.1.12).
    fn purpose(&mut self, leaf: &X509Certificate<'_>, cert: &Text) {
        let Ok(Some(usage)) = leaf.extended_key_usage() else { return };
        if usage.value.client_auth || usage.value.any {
            return;
        }
        self.problems.warning(
            &cert.place,
            format!("the certificate in {} is not meant for showing to servers (its extended key usage has no `clientAuth`)", cert.name),
            "Applications refuse it. Have it issued again for TLS clients.",
        );
    }
}
