//! Sessions and their cookie.

use super::{At, RawSecret, Reading, Section};
use crate::Limit;

#[derive(Debug)]
pub(crate) struct RawSessions {
    pub(crate) shared_secret: RawSecret,
    pub(crate) cookie_secret: RawSecret,
    pub(crate) cookie_name: Option<At<String>>,
    pub(crate) cookie_domain: Option<At<String>>,
    pub(crate) cookie_expire: Option<At<Limit>>,
    pub(crate) cookie_same_site: Option<At<String>>,
}

impl RawSessions {
    pub(super) fn read(section: &mut Section, reading: &mut Reading<'_>) -> Self {
        Self {
            shared_secret: section.secret("shared_secret", "shared_secret_file", reading),
            cookie_secret: section.secret("cookie_secret", "cookie_secret_file", reading),
            cookie_name: section.text("cookie_name", reading),
            cookie_domain: section.text("cookie_domain", reading),
            cookie_expire: section.limit("cookie_expire", reading),
            cookie_same_site: section.text("cookie_same_site", reading),
        }
    }
}
