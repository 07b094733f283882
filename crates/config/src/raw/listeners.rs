//! Sockets, timeouts, the log and the data directory.

use super::{At, Reading, Section};
use crate::Limit;

#[derive(Debug)]
pub(crate) struct RawListeners {
    pub(crate) address: Option<At<Vec<At<String>>>>,
    pub(crate) codec_type: Option<At<String>>,
    pub(crate) http_redirect_addr: Option<At<String>>,
    pub(crate) insecure_server: Option<At<bool>>,
    pub(crate) health_check_addr: Option<At<String>>,
    pub(crate) metrics_address: Option<At<String>>,
    pub(crate) timeout_read: Option<At<Limit>>,
    pub(crate) timeout_idle: Option<At<Limit>>,
    pub(crate) default_upstream_timeout: Option<At<Limit>>,
    pub(crate) data_dir: Option<At<String>>,
    pub(crate) log_level: Option<At<String>>,
}

impl RawListeners {
    pub(super) fn read(section: &mut Section, reading: &mut Reading<'_>) -> Self {
        Self {
            address: section.texts("address", reading),
            codec_type: section.text("codec_type", reading),
            http_redirect_addr: section.text("http_redirect_addr", reading),
            insecure_server: section.flag("insecure_server", reading),
            health_check_addr: section.text_or_empty("health_check_addr", reading),
            metrics_address: section.text("metrics_address", reading),
            timeout_read: section.limit("timeout_read", reading),
            timeout_idle: section.limit("timeout_idle", reading),
            default_upstream_timeout: section.limit("default_upstream_timeout", reading),
            data_dir: section.text("data_dir", reading),
            log_level: section.text("log_level", reading),
        }
    }
}
