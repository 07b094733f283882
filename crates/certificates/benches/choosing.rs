//! What choosing a certificate costs, and how much memory one takes: `cargo bench -p doorward-certificates`.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "a bench prints, and ends when it cannot")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use doorward_certificates::{Certificates, LeafFacts, Sources};
use doorward_hygiene::{HostPattern, Hostname};
use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::sign::CertifiedKey;
use rustls_pki_types::PrivateKeyDer;

const CHOICES: usize = 200_000;

fn main() {
    println!("certificates  ns per choice  memory per certificate");
    // The first round is for the process to warm up, and is not told.
    for (round, many) in [100, 1, 100, 10_000].into_iter().enumerate() {
        let before = resident();
        let certificates = Certificates::new(Sources { pairs: &[], hosts: &[], authority: None }, now()).unwrap();
        let names: Vec<_> =
            (0..many).map(|number| Hostname::parse(&format!("host{number}.example")).unwrap()).collect();
        for name in &names {
            let key = KeyPair::generate().unwrap();
            let certificate = CertificateParams::new(vec![name.to_string()]).unwrap().self_signed(&key).unwrap();
            let facts = LeafFacts::of(certificate.der()).unwrap();
            let der = PrivateKeyDer::Pkcs8(key.serialize_der().into());
            let chain = vec![certificate.der().clone()];
            let key = CertifiedKey::from_der(chain, der, &aws_lc_rs::default_provider()).unwrap();
            certificates.obtained().publish(&HostPattern::from(name.clone()), Arc::new(key), facts);
        }
        let memory = resident().saturating_sub(before).checked_div(many).unwrap_or_default();
        let started = Instant::now();
        for name in names.iter().cycle().take(CHOICES) {
            assert!(black_box(certificates.choose(Some(black_box(name.as_str())))).is_some());
        }
        let each = started.elapsed().as_nanos() / u128::try_from(CHOICES).unwrap();
        if round > 0 {
            println!("{many:>12}  {each:>13}  {memory:>20} B");
        }
    }
}

fn now() -> SystemTime {
    SystemTime::now()
}

/// The process's memory in bytes, where the system tells.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap_or_default() * 1024
}
