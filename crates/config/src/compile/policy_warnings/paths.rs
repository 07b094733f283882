//! Paths and methods that no request has, and beginnings of paths that reach further than they seem to.

use doorward_authorize::{Case, Criterion, StringMatcher, StringTest};
use doorward_hygiene::NormalPath;

use super::addresses::whole;
use super::{opens, quoted, yaml};
use crate::compile::ppl::PlacedRule;
use crate::problem::{Place, Problems};

/// Of one criterion, so many values are told of.
const MOST_TOLD: usize = 3;

pub(super) fn criterion(problems: &mut Problems, placed: &PlacedRule, criterion: &Criterion, place: &Place) {
    match criterion {
        Criterion::HttpMethod(matcher) if matcher.case() == Case::Sensitive => methods(problems, matcher, place),
        Criterion::HttpPath(matcher) => {
            for (asked, text) in anchored(matcher).take(MOST_TOLD) {
                wrong(problems, asked, text, place);
            }
            if opens(placed) {
                beginnings(problems, matcher, place);
            }
        }
        _ => {}
    }
}

fn methods(problems: &mut Problems, matcher: &StringMatcher, place: &Place) {
    let lower = |text: &&str| text.bytes().any(|byte| byte.is_ascii_lowercase());
    for text in whole(matcher).filter(lower).take(MOST_TOLD) {
        problems.warning(
            place,
            format!("methods are written in capitals, so none ever is `{}`", quoted(text)),
            format!("Write `http_method: {{is: {}}}`.", yaml::scalar(&text.to_ascii_uppercase())),
        );
    }
}

/// The tests that say how a path begins, with their names.
fn anchored(matcher: &StringMatcher) -> impl Iterator<Item = (&'static str, &str)> {
    let begins = matcher.tests().iter().filter_map(|asked| match asked {
        StringTest::StartsWith(text) => Some(("starts_with", text.as_str())),
        StringTest::Glob(pattern) if !pattern.as_str().starts_with('*') => Some(("glob", pattern.as_str())),
        _ => None,
    });
    whole(matcher).map(|text| ("is", text)).chain(begins)
}

fn wrong(problems: &mut Problems, asked: &'static str, text: &str, place: &Place) {
    let write = |path: &str| format!("Write `http_path: {{{asked}: {}}}`.", yaml::scalar(path));
    if let Some((_, rest)) = text.split_once("://") {
        let path = rest.find('/').and_then(|slash| rest.get(slash..)).unwrap_or("/");
        let path = path.split(['?', '#']).next().unwrap_or("/");
        problems.warning(
            place,
            format!("`http_path` is compared with a whole URL, so it never is `{}`", quoted(text)),
            write(path),
        );
    } else if let Some((path, query)) = text.split_once('?').filter(|_| asked != "glob") {
        let name = query.split(['=', '&']).next().filter(|name| !name.is_empty()).unwrap_or("NAME");
        problems.warning(
            place,
            format!("a path has no query, so `http_path` never is `{}`", quoted(text)),
            format!("{} What stands behind `?` is asked by `http_query/{}`.", write(path), quoted(name)),
        );
    } else if !text.starts_with('/') && (asked != "glob" || !text.starts_with(['?', '*'])) {
        problems.warning(
            place,
            format!("every path begins with `/`, so `http_path` never is `{}`", quoted(text)),
            write(&format!("/{text}")),
        );
    } else if let Some(decoded) = decoded(text) {
        problems.warning(
            place,
            format!("`http_path` is compared with the decoded path, in which `{}` does not stand", quoted(text)),
            write(&decoded),
        );
    } else if asked != "glob" && text.contains('*') {
        let glob = if text.ends_with("/*") { format!("{text}*") } else { text.to_owned() };
        problems.warning(
            place,
            format!("`{asked}` takes `*` for itself, as in `{}`", quoted(text)),
            format!(
                "Write `http_path: {{glob: {}}}`: `**` stands for anything, `*` for anything but `/`.",
                yaml::scalar(&glob)
            ),
        );
    }
}

/// The text without percent-encoding, if it has any.
fn decoded(text: &str) -> Option<String> {
    let path = NormalPath::parse(text).ok().filter(|_| text.contains('%'))?;
    (path.decoded() != text).then(|| path.decoded().to_owned())
}

/// `/admin` is the beginning of `/administrator`.
fn beginnings(problems: &mut Problems, matcher: &StringMatcher, place: &Place) {
    let bounded = matcher.tests().iter().any(|asked| {
        matches!(asked, StringTest::Is(_) | StringTest::In(_) | StringTest::Glob(_) | StringTest::Matches(_))
    });
    if bounded {
        return;
    }
    for asked in matcher.tests() {
        let StringTest::StartsWith(path) = asked else { continue };
        let word = path.ends_with(|last: char| last.is_alphanumeric());
        if path.starts_with('/') && word && !path.contains(['?', '*', '%']) {
            problems.warning(
                place,
                format!("`http_path starts_with {0}` holds of `{0}-other`, too", quoted(path)),
                format!(
                    "Write two criteria, under `or` (or under `not`):\n- http_path: {{is: {}}}\n- http_path: {{starts_with: {}}}",
                    yaml::scalar(path),
                    yaml::scalar(&format!("{path}/"))
                ),
            );
        }
    }
}
