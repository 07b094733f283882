//! Names of headers with an underscore, which CGI-like upstreams take for a hyphen.

use http::{HeaderMap, HeaderName};

/// What becomes of a header whose name has an underscore.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Underscored {
    /// The request is refused.
    #[default]
    Refuse,
    /// The header is taken off.
    Drop,
    /// It passes as any other does.
    Pass,
}

/// Whether any name has an underscore.
pub(crate) fn has_underscored(headers: &HeaderMap) -> bool {
    headers.keys().any(is_underscored)
}

/// Removes headers whose names have an underscore.
pub(crate) fn strip_underscored(headers: &mut HeaderMap) {
    let names: Vec<HeaderName> = headers.keys().filter(|name| is_underscored(name)).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

fn is_underscored(name: &HeaderName) -> bool {
    name.as_str().contains('_')
}
