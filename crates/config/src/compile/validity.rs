//! When certificates are valid.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use x509_parser::certificate::X509Certificate;
use x509_parser::time::ASN1Time;

use super::Compiler;
use super::certificate::Text;

/// How long before its end a certificate is warned of.
const SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// Whether a certificate is valid at this time.
pub(super) fn holds(certificate: &X509Certificate<'_>, now: SystemTime) -> bool {
    let validity = certificate.validity();
    time(validity.not_before) <= now && now <= time(validity.not_after)
}

/// Before 1970 it is 1970, and past what the clock can tell it is never.
pub(super) fn time(time: ASN1Time) -> SystemTime {
    match u64::try_from(time.timestamp()) {
        Ok(seconds) => UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).unwrap_or(UNIX_EPOCH),
        Err(_) => UNIX_EPOCH,
    }
}

impl Compiler<'_> {
    /// Warns of a certificate that has expired, is not valid yet, or expires soon. `refused` says by whom.
    pub(super) fn validity(&mut self, parsed: &X509Certificate<'_>, text: &Text, refused: &str) {
        let (from, until) = (parsed.validity().not_before, parsed.validity().not_after);
        let name = &text.name;
        if time(until) < self.now {
            self.problems.warning(
                &text.place,
                format!("the certificate in {name} expired on {until}"),
                format!("{refused} refuse it. Renew it."),
            );
        } else if time(from) > self.now {
            self.problems.warning(
                &text.place,
                format!("the certificate in {name} is valid only from {from}"),
                "Check this machine's clock, or wait.",
            );
        } else if time(until).duration_since(self.now).is_ok_and(|left| left < SOON) {
            self.problems.warning(
                &text.place,
                format!("the certificate in {name} expires on {until}, which is within 14 days"),
                "Renew it, and see why that has not happened by itself.",
            );
        }
    }
}
