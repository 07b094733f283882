//! The path an upstream gets: the visitor's own, or with the route's prefix replaced.

use doorward_config::PathRule;
use doorward_hygiene::NormalPath;
use http::uri::{InvalidUri, PathAndQuery};

use super::regex_rewrite::sent_bytes;

/// What replaces the part of `path` that `rule` matched by `with`; the query stays as it is.
///
/// A prefix's place is taken at a segment border, so that neither `//` comes about nor two names grow together:
/// `/app` → `/` makes `/app/x` into `/x`; `/` → `/base` makes `/x` into `/base/x`. An exact path, and whatever a regex
/// matched, is replaced as a whole.
///
/// # Errors
/// When the result is no path, which takes a `with` that is none.
pub(crate) fn rewritten(
    rule: &PathRule,
    with: &str,
    path: &NormalPath,
    query: Option<&str>,
) -> Result<PathAndQuery, InvalidUri> {
    let rest = match rule {
        PathRule::Exact(_) | PathRule::Regex(_) => "",
        // Without its last slash, so that what is left is nothing or begins with one.
        PathRule::Prefix(prefix) => behind(path.raw(), prefix.strip_suffix('/').unwrap_or(prefix).len()),
    };
    let with = if rest.is_empty() { with } else { with.strip_suffix('/').unwrap_or(with) };
    let mut target = String::with_capacity(with.len() + rest.len() + query.map_or(0, str::len) + 1);
    target.push_str(with);
    target.push_str(rest);
    if let Some(query) = query {
        target.push('?');
        target.push_str(query);
    }
    PathAndQuery::try_from(target)
}

/// What of a raw path stands behind as much of it as decodes to `decoded` bytes: rules match on the decoded path,
/// and upstreams get the raw one.
fn behind(raw: &str, decoded: usize) -> &str {
    let mut at = 0;
    for _ in 0..decoded {
        at += sent_bytes(raw, at);
    }
    raw.get(at..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(prefix: &str, with: &str, raw: &str) -> String {
        let path = NormalPath::parse(raw).unwrap();
        rewritten(&PathRule::Prefix(prefix.into()), with, &path, Some("q=%20")).unwrap().to_string()
    }

    #[test]
    fn a_prefix_is_replaced_at_a_segment_border() {
        for (from, with, raw, expected) in [
            ("/", "/base", "/", "/base/?q=%20"),
            ("/", "/base", "/x", "/base/x?q=%20"),
            ("/", "/", "/x", "/x?q=%20"),
            ("/app", "/", "/app", "/?q=%20"),
            ("/app", "/", "/app/", "/?q=%20"),
            ("/app", "/", "/app/x", "/x?q=%20"),
            ("/app", "/new", "/app/x", "/new/x?q=%20"),
            ("/app", "/new/", "/app/x", "/new/x?q=%20"),
            ("/app/", "/new", "/app/x", "/new/x?q=%20"),
            ("/app/", "/", "/app/x", "/x?q=%20"),
            ("/app", "/new", "/app", "/new?q=%20"),
            ("/app/", "/new", "/app/", "/new/?q=%20"),
            ("/app", "/new/", "/app", "/new/?q=%20"),
        ] {
            assert_eq!(prefix(from, with, raw), expected, "{from} → {with} of {raw}");
        }
    }

    #[test]
    fn what_is_left_of_the_path_stays_encoded_as_it_came() {
        assert_eq!(prefix("/a b", "/c", "/a%20b/d%20e%3F"), "/c/d%20e%3F?q=%20");
        assert_eq!(prefix("/ü", "/c", "/%C3%BC/x"), "/c/x?q=%20");
    }

    #[test]
    fn an_exact_path_is_replaced_whole() {
        let path = NormalPath::parse("/old").unwrap();
        let target = rewritten(&PathRule::Exact("/old".into()), "/new", &path, None).unwrap();
        assert_eq!(target, "/new");
    }
}
