//! Against a real name server (BIND), hostile ones, an acme-dns server and programs.

mod acme_dns;
mod exec;
mod hostile;
mod named;
mod rfc2136;

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use doorward_config::{Dns, DnsUpdater, Rfc2136, Secret, TsigAlgorithm, TsigKey};
use doorward_hygiene::Hostname;
use hickory_proto::rr::{Name, RData, RecordType};

use super::client::{ANSWER_WITHIN, ask, question};
use super::{DnsError, DnsSolver};

/// A value as the authorities have it: 43 characters.
const VALUE: &str = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA";
const OTHER: &str = "7Dt3juxGJ-PCt92wr-oAevaGxfADs6pSRb2LAv9IZf1";
const SECRET: [u8; 32] = [0x5a; 32];
/// Longer than any of these tests takes; none waits for it to be over.
const PATIENCE: Duration = Duration::from_secs(60);

fn host(name: &str) -> Hostname {
    Hostname::parse(name).unwrap()
}

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

fn key(name: &str, algorithm: TsigAlgorithm) -> TsigKey {
    TsigKey { name: name.into(), algorithm, secret: Secret::new(SECRET) }
}

fn updates(server: SocketAddr, zone: Option<&str>, key: Option<TsigKey>) -> Dns {
    let updater = DnsUpdater::Rfc2136(Rfc2136 { server, zone: zone.map(host), key });
    Dns { updater, resolvers: Vec::new(), propagation: PATIENCE }
}

/// A solver that asks no resolver of the machine the tests run on.
fn solver(settings: &Dns) -> DnsSolver {
    solver_at(settings, SystemTime::now)
}

fn solver_at(settings: &Dns, clock: fn() -> SystemTime) -> DnsSolver {
    DnsSolver::with(settings, &[], Vec::new, clock).unwrap()
}

/// The TXT records that this server has under the name, in order.
async fn texts(server: SocketAddr, at: &str) -> Vec<String> {
    let answer = ask(server, &question(&name(at), RecordType::TXT), ANSWER_WITHIN).await.unwrap();
    let mut texts: Vec<_> = answer
        .answers
        .iter()
        .filter_map(|record| match &record.data {
            RData::TXT(text) => Some(String::from_utf8(text.txt_data.concat()).unwrap()),
            _ => None,
        })
        .collect();
    texts.sort();
    texts
}

/// What a refused update says.
async fn refusal(solver: &DnsSolver, host_name: &str) -> String {
    let error = solver.present(&host(host_name), VALUE).await.unwrap_err();
    assert!(
        !format!("{error:?}").contains("5a5a") && !format!("{solver:?}").contains("90, 90"),
        "{error:?} {solver:?}"
    );
    error.to_string()
}

#[test]
fn an_address_and_a_name_without_room_for_the_label_cannot_be_proved() {
    for text in ["192.0.2.1".to_owned(), "[::1]".to_owned(), format!("{}com", "abcdefghi.".repeat(24))] {
        let error = super::challenge_name(&host(&text)).unwrap_err();
        assert!(matches!(error, DnsError::NoName { .. }), "{error}");
    }
    assert_eq!(super::plain(&super::challenge_name(&host("a.example.com")).unwrap()), "_acme-challenge.a.example.com");
}
