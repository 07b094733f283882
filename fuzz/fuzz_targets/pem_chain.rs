//! Certificates from a file: any bytes are refused, or judged; with nobody trusted, never accepted; never a panic.
#![no_main]

use std::time::{Duration, UNIX_EPOCH};

use doorward_certificates::inspect::{Subject, inspect, read};
use doorward_hygiene::Hostname;
use libfuzzer_sys::fuzz_target;
use rustls::RootCertStore;

fuzz_target!(|bytes: &[u8]| {
    let Ok(chain) = read(bytes) else { return };
    let host = Hostname::parse("a.example").ok();
    let subject = Subject { chain: &chain, host: host.as_ref(), system: &RootCertStore::empty(), local: &[] };
    if let Ok(found) = inspect(&subject, UNIX_EPOCH + Duration::from_secs(1_800_000_000)) {
        assert!(!found.acceptable);
        assert!(found.findings.iter().all(|finding| !finding.what.contains('\u{1b}')));
        assert_eq!(found.chain.len(), chain.len());
    }
});
