//! Which protocols a request may switch to.

use super::{At, Reading, Section};

/// What a route says of upgrades besides `allow_websockets`.
#[derive(Debug)]
pub(crate) struct RawUpgrades {
    pub(crate) spdy: Option<At<bool>>,
    pub(crate) list: Option<At<Vec<At<String>>>>,
}

impl RawUpgrades {
    pub(super) fn read(section: &mut Section, reading: &mut Reading<'_>) -> Self {
        Self { spdy: section.flag("allow_spdy", reading), list: section.texts("allow_upgrades", reading) }
    }
}
