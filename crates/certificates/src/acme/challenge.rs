//! The answers to pending challenges: in memory for whoever orders, in the store for every other replica.
//!
//! Refuses: answers after their time, to another token, and by another way than the pending one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use aws_lc_rs::digest::{SHA256, digest};
use doorward_config::ChallengeKind;
use doorward_hygiene::{HostPattern, Hostname};
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use rustls::crypto::aws_lc_rs as provider;
use rustls::sign::CertifiedKey;
use rustls_pki_types::PrivateKeyDer;

use super::records::{ChallengeRecord, Read, key_of, read, write};
use crate::store::{CertificateStore, RecordKind, StoreError};

/// The challenges this process answers.
#[derive(Default)]
pub(crate) struct Pending(Mutex<HashMap<Hostname, Arc<Answer>>>);

/// The answer to one challenge.
pub(crate) struct Answer {
    record: ChallengeRecord,
    /// For a challenge by handshake: the certificate that answers it.
    certificate: Option<Arc<CertifiedKey>>,
}

impl Pending {
    /// Answers this challenge from now on, here and on every replica.
    pub(crate) async fn put(
        &self,
        store: &dyn CertificateStore,
        host: &Hostname,
        record: ChallengeRecord,
    ) -> Result<(), StoreError> {
        self.lock().insert(host.clone(), Arc::new(Answer::of(record.clone(), host)));
        if let Ok(key) = key_of(RecordKind::Challenge, &HostPattern::Exact(host.clone())) {
            write(store, &key, &record).await?;
        }
        Ok(())
    }

    /// Answers it no longer.
    pub(crate) async fn take_out(&self, store: &dyn CertificateStore, host: &Hostname) {
        self.lock().remove(host);
        if let Ok(key) = key_of(RecordKind::Challenge, &HostPattern::Exact(host.clone()))
            && let Err(error) = store.remove(&key).await
        {
            tracing::warn!(%host, %error, "the answer to a challenge that is over could not be removed");
        }
    }

    /// The answer for this host, from memory or from the store.
    pub(crate) async fn of(&self, store: &dyn CertificateStore, host: &Hostname) -> Option<Arc<Answer>> {
        if let Some(answer) = self.lock().get(host) {
            return Some(Arc::clone(answer));
        }
        let key = key_of(RecordKind::Challenge, &HostPattern::Exact(host.clone())).ok()?;
        match read::<ChallengeRecord>(store, &key).await {
            Ok(Read::Some(record)) if record.name == host.as_str() => Some(Arc::new(Answer::of(record, host))),
            Ok(_) => None,
            Err(error) => {
                tracing::warn!(%host, %error, "the answer to a challenge could not be read");
                None
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Hostname, Arc<Answer>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answer {
    fn of(record: ChallengeRecord, host: &Hostname) -> Self {
        let by_handshake = record.way == Some(ChallengeKind::TlsAlpn01);
        let certificate = by_handshake.then(|| certificate(host, &record.key_authorization)).and_then(|made| {
            made.inspect_err(|error| tracing::error!(%host, %error, "no certificate for a challenge could be made"))
                .ok()
        });
        Self { record, certificate }
    }

    /// The key authorization (RFC 8555 §8.3).
    pub(crate) fn http01(&self, token: &str, now: SystemTime) -> Option<String> {
        let asked =
            self.record.way == Some(ChallengeKind::Http01) && self.record.token == token && self.is_pending(now);
        asked.then(|| self.record.key_authorization.clone())
    }

    /// The certificate (RFC 8737 §3).
    pub(crate) fn tls_alpn01(&self, now: SystemTime) -> Option<Arc<CertifiedKey>> {
        if self.is_pending(now) { self.certificate.clone() } else { None }
    }

    fn is_pending(&self, now: SystemTime) -> bool {
        now < SystemTime::from(self.record.until)
    }
}

/// A self-signed certificate for exactly this host, with the digest of the key authorization in a critical
/// extension (RFC 8737 §3).
fn certificate(host: &Hostname, key_authorization: &str) -> Result<Arc<CertifiedKey>, Box<dyn std::error::Error>> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(vec![host.to_string()])?;
    params.distinguished_name = DistinguishedName::new();
    let digest = digest(&SHA256, key_authorization.as_bytes());
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest.as_ref())];
    let certificate = params.self_signed(&key)?;
    let private = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let chain = vec![certificate.der().clone()];
    // Not `from_der`: it reads the certificate, and does not know the critical extension.
    let private = provider::default_provider().key_provider.load_private_key(private)?;
    Ok(Arc::new(CertifiedKey::new(chain, private)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::records::stamp;
    use super::*;
    use crate::store::FileCertificateStore;

    fn record(way: ChallengeKind, now: SystemTime) -> ChallengeRecord {
        ChallengeRecord {
            name: "a.example".into(),
            way: Some(way),
            token: "token".into(),
            key_authorization: "token.thumb".into(),
            until: stamp(now + Duration::from_secs(60)),
        }
    }

    #[tokio::test]
    async fn every_replica_answers_until_it_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let store = FileCertificateStore::new(folder.path());
        let (host, now) =
            (Hostname::parse("a.example").unwrap(), SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 30));
        let (ours, other) = (Pending::default(), Pending::default());
        assert!(other.of(&store, &host).await.is_none());
        ours.put(&store, &host, record(ChallengeKind::Http01, now)).await.unwrap();
        for replica in [&ours, &other] {
            let answer = replica.of(&store, &host).await.unwrap();
            assert_eq!(answer.http01("token", now).as_deref(), Some("token.thumb"));
            assert_eq!(answer.http01("other", now), None);
            assert_eq!(answer.http01("token", now + Duration::from_secs(60)), None, "over");
            assert!(answer.tls_alpn01(now).is_none(), "another way");
        }
        ours.take_out(&store, &host).await;
        assert!(ours.of(&store, &host).await.is_none() && other.of(&store, &host).await.is_none());
    }

    #[test]
    fn the_certificate_of_a_challenge_is_what_the_standard_wants() {
        let (host, now) =
            (Hostname::parse("a.example").unwrap(), SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 30));
        let answer = Answer::of(record(ChallengeKind::TlsAlpn01, now), &host);
        let key = answer.tls_alpn01(now).unwrap();
        assert!(answer.http01("token", now).is_none());
        let (_, parsed) = x509_parser::parse_x509_certificate(key.end_entity_cert().unwrap()).unwrap();
        let names = &parsed.subject_alternative_name().unwrap().unwrap().value.general_names;
        assert_eq!(format!("{names:?}"), r#"[DNSName("a.example")]"#);
        let extension = parsed.extensions().iter().find(|one| one.oid.to_id_string() == "1.3.6.1.5.5.7.1.31").unwrap();
        let mut expected = vec![0x04, 32];
        expected.extend_from_slice(digest(&SHA256, b"token.thumb").as_ref());
        assert!(extension.critical);
        assert_eq!(extension.value, expected);
    }
}
