//! Whom to ask, as a link where it can be one.
//!
//! Refuses: links that are neither a web page nor a mail to exactly one plain address.

use std::borrow::Cow;

use crate::{Blocked, Denied};

/// A name, an e-mail address or an http(s) URL, as the operator wrote it.
#[derive(Debug, Clone, Copy)]
struct Contact<'a>(Option<&'a str>);

impl<'a> Contact<'a> {
    /// Where a link to it leads; none when it is just a name.
    fn link(self) -> Option<Cow<'a, str>> {
        let contact = self.0.filter(|contact| is_one_word(contact))?;
        if self.is_page() {
            return Some(Cow::Borrowed(contact));
        }
        // Nothing that could begin a header of the mail, or hide another address.
        let (local, domain) = contact.split_once('@')?;
        let plain = |text: &str, others: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || others.contains(c))
        };
        (plain(local, ".!#$'*+/=_-") && plain(domain, ".-"))
            .then(|| Cow::Owned(format!("mailto:{}", local.replace('#', "%23").replace('/', "%2F") + "@" + domain)))
    }

    /// Whether it is a page, at which one asks, and not somebody.
    fn is_page(self) -> bool {
        let is_page = |contact: &str| ["https://", "http://"].iter().any(|scheme| contact.starts_with(scheme));
        self.0.is_some_and(|contact| is_one_word(contact) && is_page(contact))
    }
}

macro_rules! asks_somebody {
    ($($page:ident)*) => {$(
        impl<'a> $page<'a> {
            /// Where a link to whom to ask leads; none when it is just a name.
            pub(crate) fn contact_link(&self) -> Option<Cow<'a, str>> {
                Contact(self.support_contact).link()
            }

            /// Whether whom to ask is a page, at which one asks, and not somebody.
            pub(crate) fn is_contact_a_page(&self) -> bool {
                Contact(self.support_contact).is_page()
            }
        }
    )*};
}

asks_somebody! { Denied Blocked }

fn is_one_word(text: &str) -> bool {
    !text.contains(|c: char| c.is_whitespace() || c.is_control())
}
