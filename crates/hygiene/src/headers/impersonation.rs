//! Names by which somebody who is believed acts as somebody else at a Kubernetes API server.

use http::{HeaderMap, HeaderName};

const FAMILY: &[u8] = b"impersonate";

/// Whether a header says whom to act as: `Impersonate-User`, `Impersonate-Group`, `Impersonate-Uid`,
/// `Impersonate-Extra-*`, and whatever else may come to begin so. `_` and `.` count as `-`.
pub fn is_impersonation(name: &HeaderName) -> bool {
    match name.as_str().as_bytes().split_at_checked(FAMILY.len()) {
        Some((start, rest)) => start == FAMILY && matches!(rest.first(), None | Some(b'-' | b'_' | b'.')),
        None => false,
    }
}

/// Removes every header that [`is_impersonation`].
pub fn strip_impersonation(headers: &mut HeaderMap) {
    let forged: Vec<HeaderName> = headers.keys().filter(|name| is_impersonation(name)).cloned().collect();
    for name in forged {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_one_and_nothing_else() {
        let is = |name: &str| is_impersonation(&name.parse().unwrap());
        for name in [
            "Impersonate-User",
            "impersonate_user",
            "IMPERSONATE.GROUP",
            "Impersonate-Uid",
            "Impersonate-Extra-Scopes",
            "impersonate_extra-acme.com%2fproject",
            "impersonate-",
            "impersonate",
        ] {
            assert!(is(name), "{name}");
        }
        for name in ["impersonated", "impersonator-user", "x-impersonate-user", "imp", "authorization"] {
            assert!(!is(name), "{name}");
        }
    }
}
