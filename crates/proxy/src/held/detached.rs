//! Facts that are kept for as long as a tunnel, in memory of their own.
//!
//! What a request's head holds shares the buffer that it was read into, eight kilobytes and more. A tunnel needs a
//! few hundred bytes of it, for hours.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Uri};

use super::HeldFacts;

impl HeldFacts {
    /// The same facts, sharing nothing with the request.
    pub(crate) fn detached(self) -> Self {
        let path = self.path.detached();
        Self { path, uri: target(&self.uri), headers: self.headers.as_ref().map(headers), ..self }
    }
}

/// Path and query alone: nobody asks for more, and the authority is kept elsewhere.
fn target(uri: &Uri) -> Uri {
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    Uri::from_maybe_shared(Bytes::copy_from_slice(target.as_bytes())).unwrap_or_default()
}

/// All values in one piece.
fn headers(shared: &HeaderMap) -> HeaderMap {
    let mut buffer = BytesMut::with_capacity(shared.values().map(HeaderValue::len).sum());
    let mut own = HeaderMap::with_capacity(shared.len());
    for (name, value) in shared {
        buffer.extend_from_slice(value.as_bytes());
        let copied = HeaderValue::from_maybe_shared(buffer.split().freeze());
        let mut copied = copied.unwrap_or_else(|_| value.clone());
        copied.set_sensitive(value.is_sensitive());
        own.append(name, copied);
    }
    own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_and_nothing_is_shared() {
        let buffer = Bytes::from_static(b"/a?b=c\0value\0\xff").slice(..);
        let mut shared = HeaderMap::new();
        for (name, range) in [("x-a", 7..12), ("x-a", 8..10), ("x-b", 13..14), ("x-c", 7..7)] {
            shared.append(name, HeaderValue::from_maybe_shared(buffer.slice(range)).unwrap());
        }
        let own = headers(&shared);
        assert_eq!(own, shared);
        let of = |value: &HeaderValue| value.as_bytes().as_ptr() as usize;
        let foreign = buffer.as_ptr() as usize..buffer.as_ptr() as usize + buffer.len();
        assert!(own.values().filter(|value| !value.is_empty()).all(|value| !foreign.contains(&of(value))));
        assert_eq!(target(&Uri::from_static("https://a.test/a?b=c")), "/a?b=c");
        assert_eq!(target(&Uri::from_static("/a%20b?")), "/a%20b?");
    }
}
