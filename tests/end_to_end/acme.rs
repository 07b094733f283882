//! Certificates ordered from a real authority (Pebble), by every challenge, in good times and bad.

mod challenges;
mod counterparts;
mod on_demand;
mod renewal;
mod restarts;
mod troubles;

use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::net::TcpStream;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::harness::acme::Acme;
use crate::harness::doorward::Doorward;
use crate::harness::tls::{Undemanding, shake_hands, trusting};
use crate::harness::within;

/// Long enough for a second attempt, which waits its turn (RFC 8555 leaves that to the client; ours begins with a minute).
const SECOND_ATTEMPT: Duration = Duration::from_secs(4 * 60);

/// A certificate as it was shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown(Vec<u8>);

impl Shown {
    fn pem(&self) -> String {
        let lines: Vec<String> = STANDARD
            .encode(&self.0)
            .as_bytes()
            .chunks(64)
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect();
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
    }

    /// The names it is for.
    pub(crate) fn names(&self) -> Vec<String> {
        let (_, certificate) = X509Certificate::from_der(&self.0).unwrap();
        let names = certificate.subject_alternative_name().unwrap().unwrap();
        names.value.general_names.iter().map(ToString::to_string).collect()
    }

    /// How long it lives, in seconds.
    fn lifetime(&self) -> u64 {
        let (_, certificate) = X509Certificate::from_der(&self.0).unwrap();
        let validity = certificate.validity();
        u64::try_from(validity.not_after.timestamp() - validity.not_before.timestamp()).unwrap()
    }
}

/// What is shown for a name, whoever vouches for it.
async fn shown(door: &Doorward, host: &str) -> Option<Shown> {
    let client = Undemanding::new(&["h2"], rustls::ALL_VERSIONS);
    let stream = TcpStream::connect(door.setup.address()).await.ok()?;
    within("shaking hands", shake_hands(client.config.clone(), stream, Some(host))).await.ok()?;
    client.shown().map(Shown)
}

/// What is shown for a name, if a browser that knows this root alone would be content: name, chain and dates.
pub(crate) async fn trusted(door: &Doorward, host: &str, root: &str) -> Option<Shown> {
    let stream = TcpStream::connect(door.setup.address()).await.ok()?;
    let config = trusting(&[root.to_owned()], &["h2"]);
    let stream = within("shaking hands", shake_hands(config, stream, Some(host))).await.ok()?;
    let chain = stream.get_ref().1.peer_certificates()?;
    chain.first().map(|leaf| Shown(leaf.to_vec()))
}

/// Waits until a name has a certificate of this authority.
pub(crate) async fn obtained(door: &Doorward, host: &str, acme: &Acme) -> Shown {
    let root = acme.root().await;
    let mut found = None;
    let deadline = SystemTime::now() + SECOND_ATTEMPT;
    while found.is_none() {
        assert!(SystemTime::now() < deadline, "no certificate for {host}; the authority said:\n{}", acme.log().await);
        tokio::time::sleep(Duration::from_millis(100)).await;
        found = trusted(door, host, &root).await;
    }
    found.unwrap()
}

/// Asks again until it is so, as long as a second attempt may take.
pub(crate) async fn after_a_while<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let deadline = SystemTime::now() + SECOND_ATTEMPT;
    while !is_so().await {
        assert!(SystemTime::now() < deadline, "{what}: not within {SECOND_ATTEMPT:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Time enough for whatever must not happen to begin.
pub(crate) async fn a_moment() {
    tokio::time::sleep(Duration::from_secs(3)).await;
}
