//! Headers of answers whose values begin otherwise for a visitor than an upstream has written them.

use doorward_config::ResponseHeaderRewrite;
use http::{HeaderMap, HeaderValue};

/// Rewrites every line of the headers named, one rewrite after the other. To be done before anything is taken off an
/// answer: what comes out may be anything an upstream could have sent, our cookies included.
pub(super) fn rewrite(headers: &mut HeaderMap, rewrites: &[ResponseHeaderRewrite]) {
    for rewrite in rewrites {
        let begins_so = |line: &HeaderValue| line.as_bytes().starts_with(rewrite.prefix.as_bytes());
        if !headers.get_all(&rewrite.header).iter().any(begins_so) {
            continue;
        }
        if let http::header::Entry::Occupied(mut lines) = headers.entry(&rewrite.header) {
            for line in lines.iter_mut() {
                if let Some(rest) = line.as_bytes().strip_prefix(rewrite.prefix.as_bytes()) {
                    let whole = [rewrite.value.as_bytes(), rest].concat();
                    // Two parts of header values are one.
                    if let Ok(value) = HeaderValue::from_bytes(&whole) {
                        *line = value;
                    }
                }
            }
        }
    }
}
