//! What of a request's form is taken.

use super::{At, Reading, Section};

#[derive(Debug)]
pub(crate) struct RawRequests {
    pub(crate) escaped_slashes: Option<At<String>>,
    pub(crate) underscores: Option<At<String>>,
}

impl RawRequests {
    pub(super) fn read(section: &mut Section, reading: &mut Reading<'_>) -> Self {
        Self {
            escaped_slashes: section.text("path_with_escaped_slashes_action", reading),
            underscores: section.text("headers_with_underscores_action", reading),
        }
    }
}
