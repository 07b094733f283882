//! What comes out of patterns, and what must not.

use super::*;
use proptest::prelude::*;
use proptest::sample::select;
use regex::Regex;

use SubstitutionPart::{Group, Text};

fn rewrite(pattern: &str, substitution: &[SubstitutionPart]) -> RegexRewrite {
    RegexRewrite { pattern: Regex::new(pattern).unwrap(), substitution: substitution.to_vec() }
}

fn text(text: &str) -> SubstitutionPart {
    Text(text.into())
}

fn path(rewrite: &RegexRewrite, raw: &str) -> Result<Option<String>, NoRewrite> {
    let path = NormalPath::parse(raw).unwrap();
    rewritten_path(rewrite, &path, Some("q=%2F")).map(|target| target.map(|target| target.to_string()))
}

#[test]
fn groups_move_and_stay_encoded_as_they_came() {
    let swap = rewrite("^/service/([^/]+)(/.*)$", &[Group(2), text("/instance/"), Group(1)]);
    for (raw, expected) in [
        ("/service/foo/v1/api", Some("/v1/api/instance/foo?q=%2F")),
        ("/service/f%20o/v1/%61", Some("/v1/%61/instance/f%20o?q=%2F")),
        ("/%73ervice/%C3%BC/x", Some("/x/instance/%C3%BC?q=%2F")),
        ("/service/%252F/x", Some("/x/instance/%252F?q=%2F")),
        ("/other/x", None),
    ] {
        assert_eq!(path(&swap, raw).unwrap().as_deref(), expected, "{raw}");
    }
}

#[test]
fn every_match_is_replaced() {
    let all = rewrite("one", &[text("two")]);
    assert_eq!(path(&all, "/one/x/one").unwrap().unwrap(), "/two/x/two?q=%2F");
    let optional = rewrite("^/a(/b)?(/c)?$", &[text("/z"), Group(1), Group(2)]);
    assert_eq!(path(&optional, "/a/c").unwrap().unwrap(), "/z/c?q=%2F");
}

#[test]
fn a_result_that_is_no_path_or_a_doubtful_one_is_none() {
    for (rewrite, raw, why) in [
        (rewrite("^/x", &[]), "/x", NoRewrite::Path(InvalidPath::Start)),
        (rewrite("^/x/", &[]), "/x/y", NoRewrite::Path(InvalidPath::Start)),
        (rewrite("^/x(.*)$", &[text("/"), Group(1)]), "/x/y", NoRewrite::Loose),
        (rewrite("-", &[text(".")]), "/a/--/b", NoRewrite::Path(InvalidPath::DotSegment)),
        (rewrite("x", &[text(".")]), "/xx;a", NoRewrite::Path(InvalidPath::DotSegment)),
        (rewrite("a", &[text("%")]), "/x/a2f", NoRewrite::Path(InvalidPath::EncodedSlash)),
        (rewrite("a", &[text("?")]), "/a", NoRewrite::Path(InvalidPath::NotOnlyPath)),
    ] {
        assert_eq!(path(&rewrite, raw), Err(why), "{raw}");
    }
}

#[test]
fn what_a_pattern_may_cost_is_bounded() {
    let each = rewrite("a", &[Group(0), Group(0)]);
    assert!(path(&each, &format!("/{}", "a".repeat(MOST_MATCHES))).is_ok());
    assert_eq!(path(&each, &format!("/{}", "a".repeat(MOST_MATCHES + 1))), Err(NoRewrite::TooManyMatches));
    let longer = rewrite("^.*$", &[Group(0), Group(0)]);
    let long = format!("/{}", "a".repeat(LONGEST / 2));
    assert_eq!(path(&longer, &long), Err(NoRewrite::Path(InvalidPath::TooLong)));
}

#[test]
fn a_host_is_one_or_none() {
    let host = rewrite("^/tenants/([^/]+)/.*$", &[Group(1), text(".internal:8080")]);
    for (raw, expected) in [
        ("/tenants/acme/x", Some("acme.internal:8080")),
        ("/tenants/ACME/x", Some("acme.internal:8080")),
        ("/tenants/%61cme/x", Some("acme.internal:8080")),
        ("/tenants/a%20b/x", None),
        ("/tenants/a:1@evil/x", None),
        ("/tenants/a,b/x", None),
        ("/other", None),
    ] {
        let path = NormalPath::parse(raw).unwrap();
        assert_eq!(host_of_path(&host, &path).map(|host| host.to_string()).as_deref(), expected, "{raw}");
    }
}

proptest! {
    #[test]
    fn what_comes_out_has_one_reading_whatever_went_in(
        raw in "(/|[ab]|\\.|%61|%2e|%3B|;|%C3%BC|%2561){0,12}",
        literal in "[/ab.;%2e]{0,3}",
        pattern in select(vec!["a", "b", "/", r"\.", "ü", "^/a"]),
    ) {
        if let Ok(path) = NormalPath::parse(&format!("/{raw}")) {
            let rewrite = rewrite(&format!("({pattern})"), &[text(&literal), Group(1)]);
            if let Ok(Some(target)) = rewritten_path(&rewrite, &path, None) {
                let result = NormalPath::parse(target.path()).unwrap();
                prop_assert!(path.loose().is_some() || result.loose().is_none());
            }
        }
    }

    #[test]
    fn a_match_put_back_changes_nothing(raw in "(/|[ab]|%61|%C3%BC|%2561|%252F){0,12}", pattern in select(vec!["a", "b", "ü", "/a", "%2F", "."])) {
        if let Ok(path) = NormalPath::parse(&format!("/{raw}")) {
            let same = rewrite(pattern, &[Group(0)]);
            if let Ok(Some(target)) = rewritten_path(&same, &path, None) {
                prop_assert_eq!(target.path(), path.raw());
            }
        }
    }
}
