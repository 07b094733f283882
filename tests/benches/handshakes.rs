//! What a TLS 1.3 handshake costs with one, a hundred and ten thousand certificates: `make bench`.
//!
//! Fails when ten thousand cost the server more than 1.15 times what one costs. Both sides run in this thread and talk
//! through memory: no network, no resumption, the certificate verified by the client, rounds of every size in turn.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "a bench prints, and ends when it cannot")]

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use doorward_certificates::{Certificates, LeafFacts, Sources};
use doorward_hygiene::{HostPattern, Hostname};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustix::time::{ClockId, clock_gettime};
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::sign::CertifiedKey;
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion, RootCertStore, ServerConfig, ServerConnection,
    version,
};
use rustls_pki_types::{PrivateKeyDer, ServerName};

const SIZES: [usize; 3] = [1, 100, 10_000];
const ROUNDS: usize = 41;
const HANDSHAKES: u32 = 100;
const CHOICES: u32 = 200_000;
/// What ten thousand certificates may cost, in hundredths of what one costs.
const MOST: u128 = 115;

fn main() -> ExitCode {
    let authority = Authority::new();
    // For the process to warm up: what it allocates once is not a certificate's.
    let mut first = Fleet::new(100, &authority);
    first.round(&authority.client);
    let mut fleets = SIZES.map(|many| Fleet::new(many, &authority));
    for round in 0..ROUNDS {
        // Whoever is first differs, so that none is always the one after the largest.
        for place in 0..fleets.len() {
            let next = (round + place) % fleets.len();
            fleets.get_mut(next).unwrap().round(&authority.client);
        }
    }
    println!("TLS 1.3, ECDSA P-256, full handshakes; medians of {ROUNDS} rounds of {HANDSHAKES}; CPU time of one core");
    println!("certificates  handshakes/s  server CPU  both sides  to one  ns per choice  memory per certificate");
    let one = fleets.first().unwrap().server.clone();
    let mut worst = 0;
    for fleet in &fleets {
        let server = median(&fleet.server);
        // Within one round the machine was the same; across rounds it need not have been.
        let ratio = median(&fleet.server.iter().zip(&one).map(|(this, one)| this * 1000 / one).collect::<Vec<_>>());
        println!(
            "{:>12}  {:>12}  {:>7} us  {:>7} us  {:>2}.{:03}  {:>13}  {:>20} B",
            fleet.names.len(),
            1_000_000_000 / server,
            server / 1000,
            median(&fleet.both) / 1000,
            ratio / 1000,
            ratio % 1000,
            fleet.choice(),
            fleet.memory,
        );
        worst = ratio;
    }
    println!(
        "handshakes/s: what one core of the server can do, from its CPU time. Memory of one certificate is not told."
    );
    if worst > MOST * 10 {
        println!("FAILED: 10,000 certificates cost more than {}.{} times what one costs", MOST / 100, MOST % 100);
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Who signs every certificate, and a client that trusts it.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    key: KeyPair,
    client: Arc<ClientConfig>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let mut roots = RootCertStore::empty();
        roots.add(params.self_signed(&key).unwrap().der().clone()).unwrap();
        let mut client = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&version::TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        client.resumption = Resumption::disabled();
        client.alpn_protocols = vec![b"h2".to_vec()];
        Self { issuer: Issuer::new(params, key), key: KeyPair::generate().unwrap(), client: Arc::new(client) }
    }
}

/// A server with so many certificates, and what its rounds cost, in nanoseconds per handshake.
struct Fleet {
    certificates: Certificates,
    config: Arc<ServerConfig>,
    names: Vec<String>,
    next: usize,
    /// Bytes of memory per certificate.
    memory: usize,
    server: Vec<u128>,
    both: Vec<u128>,
}

impl Fleet {
    fn new(many: usize, authority: &Authority) -> Self {
        let before = resident();
        let certificates =
            Certificates::new(Sources { pairs: &[], hosts: &[], authority: None }, SystemTime::now()).unwrap();
        let names: Vec<_> = (0..many).map(|number| format!("host{number}.example")).collect();
        for name in &names {
            let params = CertificateParams::new(vec![name.clone()]).unwrap();
            let certificate = params.signed_by(&authority.key, &authority.issuer).unwrap();
            let facts = LeafFacts::of(certificate.der()).unwrap();
            // The same key, read again for each as it is from files: no certificate shares another's memory.
            let key = PrivateKeyDer::Pkcs8(authority.key.serialize_der().into());
            let chain = vec![certificate.der().clone()];
            let key = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).unwrap();
            let host = HostPattern::from(Hostname::parse(name).unwrap());
            certificates.obtained().publish(&host, Arc::new(key), facts);
        }
        let memory = resident().saturating_sub(before).checked_div(many).unwrap_or_default();
        let config =
            doorward_transport::server_config(certificates.resolver(), None, None, doorward_transport::Versions::Both)
                .unwrap();
        Self { certificates, config, names, next: 0, memory, server: Vec::new(), both: Vec::new() }
    }

    fn round(&mut self, client: &Arc<ClientConfig>) {
        let started = cpu();
        let mut server = Duration::ZERO;
        for _ in 0..HANDSHAKES {
            let name = self.names.get(self.next).unwrap();
            self.next = (self.next + 1) % self.names.len();
            server += handshake(client, &self.config, name);
        }
        self.both.push((cpu().saturating_sub(started) / HANDSHAKES).as_nanos());
        self.server.push((server / HANDSHAKES).as_nanos());
    }

    /// What choosing alone takes, in nanoseconds.
    fn choice(&self) -> u128 {
        let started = Instant::now();
        for name in self.names.iter().cycle().take(usize::try_from(CHOICES).unwrap()) {
            assert!(black_box(self.certificates.choose(Some(black_box(name)))).is_some());
        }
        (started.elapsed() / CHOICES).as_nanos()
    }
}

/// One full handshake; the CPU time the server's side of it took.
fn handshake(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>, name: &str) -> Duration {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(Arc::clone(client), name).unwrap();
    let started = cpu();
    let mut server = ServerConnection::new(Arc::clone(server)).unwrap();
    let mut took = cpu().saturating_sub(started);
    let (mut sent, mut answered) = (Vec::new(), Vec::new());
    while client.is_handshaking() || server.is_handshaking() {
        while client.wants_write() {
            client.write_tls(&mut sent).unwrap();
        }
        let started = cpu();
        let mut unread = sent.as_slice();
        while !unread.is_empty() {
            server.read_tls(&mut unread).unwrap();
            server.process_new_packets().unwrap();
        }
        while server.wants_write() {
            server.write_tls(&mut answered).unwrap();
        }
        took += cpu().saturating_sub(started);
        let mut unread = answered.as_slice();
        while !unread.is_empty() {
            client.read_tls(&mut unread).unwrap();
            client.process_new_packets().unwrap();
        }
        sent.clear();
        answered.clear();
    }
    assert_eq!(server.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    assert_eq!(server.handshake_kind(), Some(HandshakeKind::Full));
    took
}

fn median(of: &[u128]) -> u128 {
    let mut of = of.to_vec();
    of.sort_unstable();
    of.get(of.len() / 2).copied().unwrap()
}

/// This thread's CPU time, which other programs on the machine take nothing from.
fn cpu() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap()
}

/// The process's memory in bytes, where the system tells.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap_or_default() * 1024
}
