//! What happens within the server, each script as one step.

use std::fmt::Write as _;
use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use crate::Expected;

/// A script, and the name the server knows it by once it has seen it.
pub(super) struct Script {
    pub(super) text: &'static str,
    pub(super) name: String,
}

impl Script {
    fn new(text: &'static str) -> Self {
        // The server's choice, and no promise of secrecy.
        let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
        let name = hash.as_ref().iter().fold(String::with_capacity(40), |mut name, byte| {
            // Writing to a string does not fail.
            let _ = write!(name, "{byte:02x}");
            name
        });
        Self { text, name }
    }
}

/// Answers the version written, or 0 when the record is not as expected.
pub(super) static PUT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("put.lua")));
/// Answers 1 when it removed the record, else 0.
pub(super) static REMOVE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("remove.lua")));
/// Answers how many of the records it removed: those that are still due.
pub(super) static SWEEP: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("sweep.lua")));

/// The expectation as the scripts read it.
pub(super) fn expected(expected: Expected) -> Vec<u8> {
    match expected {
        Expected::Absent => b"absent".to_vec(),
        Expected::Any => b"any".to_vec(),
        Expected::Version(version) => version.0.to_string().into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_named_as_the_server_names_it() {
        assert_eq!(Script::new("return 1").name, "e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
    }
}
