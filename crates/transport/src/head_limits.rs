//! How many lines a head may have, and how long its first one may be, in both versions of HTTP.
//!
//! The size of the whole head is the HTTP library's to look after, and so is the number of lines under HTTP/1.1, which it
//! refuses before anybody sees the request.

use http::{Request, StatusCode};

use crate::limits::Limits;

/// What a request line of HTTP/1.1 has besides the method and the target: two spaces and the version.
const BESIDES: usize = 10;

/// The limits of heads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HeadLimits {
    lines: usize,
    first_line: usize,
}

/// Which limit a head is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OverLimit {
    FirstLine,
    Lines,
}

impl HeadLimits {
    pub(crate) fn of(limits: &Limits) -> Self {
        Self { lines: limits.header_count, first_line: limits.request_line_bytes }
    }

    /// The limit that this head is over, if any.
    pub(crate) fn exceeded<B>(self, request: &Request<B>) -> Option<OverLimit> {
        let uri = request.uri();
        let target = uri.path_and_query().map_or(0, |target| target.as_str().len());
        let authority = uri.authority().map_or(0, |authority| authority.as_str().len());
        if request.method().as_str().len() + target + authority + BESIDES > self.first_line {
            return Some(OverLimit::FirstLine);
        }
        (request.headers().len() > self.lines).then_some(OverLimit::Lines)
    }
}

impl OverLimit {
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::FirstLine => StatusCode::URI_TOO_LONG,
            Self::Lines => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        }
    }

    pub(crate) fn in_words(self) -> &'static str {
        match self {
            Self::FirstLine => "The address is too long.\n",
            Self::Lines => "The request has too many headers.\n",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_that_fits_passes() {
        let limits = HeadLimits { lines: 2, first_line: 20 };
        let request = |path: &str, lines: usize| {
            let mut request = Request::get(path);
            for line in 0..lines {
                request = request.header(format!("x-{line}"), "y");
            }
            limits.exceeded(&request.body(()).unwrap())
        };
        // `GET /123456 HTTP/1.1` has 20 bytes.
        assert_eq!(request("/123456", 2), None);
        assert_eq!(request("/1234567", 2), Some(OverLimit::FirstLine));
        assert_eq!(request("/12345?7", 0), Some(OverLimit::FirstLine));
        assert_eq!(request("/", 3), Some(OverLimit::Lines));
    }
}
