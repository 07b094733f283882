//! How the names of applications are looked up.

use super::Compiler;
use crate::domain::dns::LookupFamily;
use crate::raw::At;

impl Compiler<'_> {
    pub(super) fn lookup_family(&mut self, given: Option<&At<String>>) -> LookupFamily {
        let Some(text) = given else { return LookupFamily::default() };
        LookupFamily::named(&text.value).unwrap_or_else(|| {
            self.problems.error(
                &text.place,
                "`dns_lookup_family` is none that there is",
                "Write `V4_PREFERRED`, `AUTO` (IPv6 first), `ALL`, `V4_ONLY` or `V6_ONLY`.",
            );
            LookupFamily::default()
        })
    }
}
