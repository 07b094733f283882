//! Which hosts the local authority is made for: those of the configuration that no certificate of its own names.

use std::time::SystemTime;

use doorward_certificates::{CertificatesError, LocalAuthority};
use doorward_config::{CertificatePair, Config};
use doorward_hygiene::HostPattern;

/// Every host a certificate is needed for.
pub(crate) fn hosts(config: &Config) -> Vec<HostPattern> {
    let extra = config.tls.extra_hosts.iter().cloned().map(HostPattern::Exact);
    config.tls.hosts.iter().cloned().chain(extra).collect()
}

/// The configured certificates that are used.
pub(crate) fn pairs(config: &Config) -> &[CertificatePair] {
    if config.tls.self_signed { &[] } else { &config.tls.certificates }
}

/// The local authority of a configuration, made if there is none yet.
///
/// # Errors
/// [`CertificatesError`].
pub(crate) fn open(config: &Config, now: SystemTime) -> Result<LocalAuthority, CertificatesError> {
    let all = hosts(config);
    let is_named = |host: &HostPattern| pairs(config).iter().any(|pair| pair.covers(host));
    let needed: Vec<_> = all.iter().filter(|host| !is_named(host)).cloned().collect();
    LocalAuthority::open_or_create(&config.data_dir, if needed.is_empty() { &all } else { &needed }, now)
}
