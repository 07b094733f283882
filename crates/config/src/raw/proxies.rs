//! What stands before us, and what is believed of it.

use super::{At, Reading, Section};

#[derive(Debug)]
pub(crate) struct RawProxies {
    pub(crate) use_proxy_protocol: Option<At<bool>>,
    pub(crate) trusted_proxies: Option<At<Vec<At<String>>>>,
    pub(crate) xff_num_trusted_hops: Option<At<u16>>,
    pub(crate) skip_xff_append: Option<At<bool>>,
}

impl RawProxies {
    pub(super) fn read(section: &mut Section, reading: &mut Reading<'_>) -> Self {
        Self {
            use_proxy_protocol: section.flag("use_proxy_protocol", reading),
            trusted_proxies: section.texts("trusted_proxies", reading),
            xff_num_trusted_hops: section.number("xff_num_trusted_hops", reading),
            skip_xff_append: section.flag("skip_xff_append", reading),
        }
    }
}
