//! Sessions, their cookie, and where they are kept.

use super::duration::Span;
use super::secrets::RawSecrets;
use super::{At, RawSecret, Reading, Section};
use crate::Limit;
use crate::problem::Severity;

#[derive(Debug)]
pub(crate) struct RawSessions {
    pub(crate) shared_secret: RawSecrets,
    pub(crate) cookie_secret: RawSecrets,
    pub(crate) cookie_name: Option<At<String>>,
    pub(crate) cookie_domain: Option<At<String>>,
    pub(crate) cookie_expire: Option<At<Limit>>,
    pub(crate) cookie_same_site: Option<At<String>>,
    pub(crate) idle_timeout: Option<At<Limit>>,
    pub(crate) store_grace: Option<At<Span>>,
    pub(crate) store: RawStore,
}

/// Which store, and how to reach it.
#[derive(Debug)]
pub(crate) struct RawStore {
    pub(crate) kind: Option<At<String>>,
    pub(crate) address: RawSecret,
    /// Whether the address is written, but could not be read.
    pub(crate) unreadable: bool,
}

impl RawSessions {
    pub(super) fn read(section: &mut Section, reading: &mut Reading<'_>) -> Self {
        Self {
            shared_secret: section.secrets("shared_secret", "shared_secret_file", reading),
            cookie_secret: section.secrets("cookie_secret", "cookie_secret_file", reading),
            cookie_name: section.text("cookie_name", reading),
            cookie_domain: section.text("cookie_domain", reading),
            cookie_expire: section.limit("cookie_expire", reading),
            cookie_same_site: section.text("cookie_same_site", reading),
            idle_timeout: section.limit("session_idle_timeout", reading),
            store_grace: section.span("session_store_grace", reading),
            store: RawStore::read(section, reading),
        }
    }
}

impl RawStore {
    fn read(section: &mut Section, reading: &mut Reading<'_>) -> Self {
        let kind = section.text("databroker_storage_type", reading);
        let before = reading.problems.count(Severity::Error);
        let address = section.secret(
            "databroker_storage_connection_string",
            "databroker_storage_connection_string_file",
            reading,
        );
        Self { kind, address, unreadable: reading.problems.count(Severity::Error) > before }
    }
}
