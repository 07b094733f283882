//! Parts of a domain or of an address that anybody can have in theirs.

use doorward_authorize::{Criterion, StringMatcher, StringTest};

use super::{opens, quoted, yaml};
use crate::compile::ppl::PlacedRule;
use crate::problem::{Place, Problems};

/// What a test lets through that it should not, and how to write it.
type Loose = fn(&StringTest) -> Option<(String, String)>;

pub(super) fn criterion(problems: &mut Problems, placed: &PlacedRule, criterion: &Criterion, place: &Place) {
    // What holds too often in a rule that closes keeps too many out, which they will say.
    if !opens(placed) {
        return;
    }
    let (matcher, loose): (_, Loose) = match criterion {
        Criterion::Domain(matcher) => (matcher, loose_domain),
        Criterion::Email(matcher) => (matcher, loose_address),
        _ => return,
    };
    if is_bounded(matcher) {
        return;
    }
    for (what, mend) in matcher.tests().iter().filter_map(loose) {
        problems.warning(place, what, mend);
    }
}

/// Whether one of the tests says for certain how it ends.
fn is_bounded(matcher: &StringMatcher) -> bool {
    matcher.tests().iter().any(|asked| match asked {
        StringTest::Is(_) | StringTest::In(_) | StringTest::InPeople(_) => true,
        StringTest::EndsWith(end) => end.starts_with('.') || end.contains('@'),
        StringTest::Glob(glob) => glob.as_str().rsplit('*').next().is_some_and(|end| end.starts_with(['.', '@'])),
        _ => false,
    })
}

/// What a test of a domain lets through that it should not, and how to write it.
fn loose_domain(asked: &StringTest) -> Option<(String, String)> {
    match asked {
        // Of an `@` in a domain there is another warning.
        StringTest::StartsWith(text) | StringTest::EndsWith(text) | StringTest::Contains(text)
            if text.contains('@') =>
        {
            None
        }
        StringTest::StartsWith(text) => Some((
            format!(
                "`domain starts_with {0}` lets in whoever has a domain of their own such as `{1}.evil.example`",
                quoted(text),
                quoted(text.trim_end_matches('.'))
            ),
            anchored(text),
        )),
        StringTest::Contains(text) => Some((
            format!(
                "`domain contains {0}` lets in whoever has a domain of their own such as `{1}.evil.example`",
                quoted(text),
                quoted(text.trim_matches('.'))
            ),
            anchored(text),
        )),
        StringTest::EndsWith(text) if !text.starts_with('.') => {
            Some((format!("`domain ends_with {0}` holds of `evil{0}`, too", quoted(text)), with_those_below(text)))
        }
        StringTest::Glob(glob) => match glob.as_str() {
            text if text.ends_with('*') => Some((
                format!("`domain glob {}` lets in whoever has a domain of their own that begins so", quoted(text)),
                "Write the domains out: `domain: {in: [example.com, example.org]}`.".into(),
            )),
            text if bare_end(text).is_some() => {
                let end = bare_end(text)?;
                Some((format!("`domain glob {}` holds of `evil{end}`, too", quoted(text)), with_those_below(end)))
            }
            _ => None,
        },
        _ => None,
    }
}

fn loose_address(asked: &StringTest) -> Option<(String, String)> {
    match asked {
        StringTest::EndsWith(text) if !text.starts_with('.') && !text.contains('@') => Some((
            format!("`email ends_with {0}` holds of `you@evil{0}`, too", quoted(text)),
            format!("Write `domain: {{is: {}}}`.", yaml::scalar(text)),
        )),
        StringTest::Contains(text) => Some((
            format!("`email contains {}` lets in whoever has an address with that in it, at any domain", quoted(text)),
            of_part(text),
        )),
        StringTest::StartsWith(text) => Some((
            format!(
                "`email starts_with {}` lets in whoever has an address that begins so, at any domain",
                quoted(text)
            ),
            of_part(text),
        )),
        StringTest::Glob(glob) => match glob.as_str() {
            text if text.ends_with('*') => Some((
                format!("`email glob {}` lets in whoever has an address that begins so, at any domain", quoted(text)),
                of_part(text.trim_end_matches('*')),
            )),
            text if bare_end(text).is_some() => {
                let end = bare_end(text)?;
                Some((
                    format!("`email glob {}` holds of `you@evil{end}`, too", quoted(text)),
                    format!("Write `domain: {{is: {}}}`.", yaml::scalar(end)),
                ))
            }
            _ => None,
        },
        _ => None,
    }
}

/// What stands behind the last `*` of a glob, where that is the middle of a word.
fn bare_end(glob: &str) -> Option<&str> {
    let end = glob.rsplit_once('*')?.1;
    end.starts_with(|first: char| first.is_alphanumeric()).then_some(end).filter(|end| !end.contains('@'))
}

fn is_domain(text: &str) -> bool {
    text.contains('.') && doorward_hygiene::Hostname::parse(text).is_ok()
}

/// The whole domain, if that is what it looks like.
fn anchored(text: &str) -> String {
    let bare = text.trim_matches('.');
    if is_domain(bare) {
        return with_those_below(bare);
    }
    let stem = if bare.is_empty() { "example" } else { bare };
    format!("Write the whole of it, as in `domain: {{is: {}}}`.", yaml::scalar(&format!("{stem}.com")))
}

fn with_those_below(domain: &str) -> String {
    format!(
        "Write `domain: {{is: {}}}`; for those below it as well, under `or`:\n- domain: {{is: {}}}\n- domain: {{ends_with: {}}}",
        yaml::scalar(domain),
        yaml::scalar(domain),
        yaml::scalar(&format!(".{domain}"))
    )
}

fn of_part(text: &str) -> String {
    match text.split_once('@') {
        Some(("", domain)) if is_domain(domain) => format!("Write `domain: {{is: {}}}`.", yaml::scalar(domain)),
        Some((_, domain)) if is_domain(domain) => format!("Write `email: {{is: {}}}`.", yaml::scalar(text)),
        None if is_domain(text) => format!("Write `domain: {{is: {}}}`.", yaml::scalar(text)),
        Some((local, _)) if !local.is_empty() => {
            format!("Write whole addresses, as in `email: {{in: [{}@example.com]}}`.", yaml::scalar(local))
        }
        _ => "Write whole addresses, as in `email: {in: [you@example.com, other@example.com]}`; \
              to keep the test, add how it ends: `ends_with: \"@example.com\"`."
            .into(),
    }
}
