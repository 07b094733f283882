//! Regular expressions that say more, or less, than is meant.

use doorward_authorize::{Criterion, ListMatcher, ListTest, Pattern, StringMatcher, StringTest};

use super::texts::{list_matcher_of, matcher_of};
use super::{quoted, yaml};
use crate::problem::{Place, Problems};

pub(super) fn criterion(problems: &mut Problems, criterion: &Criterion, place: &Place) {
    let secret = matches!(criterion, Criterion::HttpHeader { .. } | Criterion::HttpQuery { .. });
    for pattern in patterns(criterion).filter(|_| !secret) {
        let text = pattern.as_str();
        let bare = without_anchors(text);
        let names = matches!(criterion, Criterion::Domain(_) | Criterion::Email(_));
        let closed = if names { with_dots_escaped(bare.unwrap_or(text)) } else { None };
        let write = |pattern: &str| format!("Write `{}: {{matches: {}}}`.", criterion.name(), yaml::scalar(pattern));
        if let Some(closed) = closed {
            problems.warning(
                place,
                format!("a `.` in `{}` stands for any character: it matches other domains, too", quoted(text)),
                write(&closed),
            );
        } else if let Some(bare) = bare {
            problems.hint(
                place,
                format!("`matches` is always of the whole text, so `^` and `$` in `{}` change nothing", quoted(text)),
                write(bare),
            );
        }
    }
}

fn patterns(criterion: &Criterion) -> impl Iterator<Item = &Pattern> {
    let texts = matcher_of(criterion).into_iter().flat_map(StringMatcher::tests).filter_map(|asked| match asked {
        StringTest::Matches(pattern) => Some(pattern),
        _ => None,
    });
    let lists = list_matcher_of(criterion).into_iter().flat_map(ListMatcher::tests).filter_map(|asked| match asked {
        ListTest::Matches(pattern) => Some(pattern),
        _ => None,
    });
    texts.chain(lists)
}

/// Each character, whether a backslash stands before it, and whether it is between brackets.
fn marked(pattern: &str) -> Vec<(char, bool, bool)> {
    let (mut escaped, mut depth) = (false, 0_usize);
    let mut all = Vec::with_capacity(pattern.len());
    for character in pattern.chars() {
        let inside = depth > 0;
        all.push((character, escaped, inside));
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    all
}

/// The pattern without `^` and `$`, if it has them and means the same without.
fn without_anchors(pattern: &str) -> Option<&str> {
    let marked = marked(pattern);
    if marked.iter().any(|(character, escaped, inside)| *character == '|' && !escaped && !inside)
        && !in_one_group(&marked)
    {
        return None;
    }
    let begun = pattern.strip_prefix('^').unwrap_or(pattern);
    let ends = marked.last().is_some_and(|(character, escaped, inside)| *character == '$' && !escaped && !inside);
    let bare = if ends { begun.strip_suffix('$').unwrap_or(begun) } else { begun };
    (bare.len() < pattern.len() && !bare.is_empty()).then_some(bare)
}

/// Whether every `|` stands between parentheses.
fn in_one_group(marked: &[(char, bool, bool)]) -> bool {
    let mut depth = 0_usize;
    for (character, _, _) in marked.iter().filter(|(_, escaped, inside)| !escaped && !inside) {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            '|' if depth == 0 => return false,
            _ => {}
        }
    }
    true
}

/// The pattern with a backslash before each `.` that stands where a domain has one; none where there is no such.
fn with_dots_escaped(pattern: &str) -> Option<String> {
    let marked = marked(pattern);
    let mut closed = String::with_capacity(pattern.len() + 4);
    for (index, (character, escaped, inside)) in marked.iter().enumerate() {
        let before_a_letter = marked.get(index + 1).is_some_and(|(next, _, _)| next.is_alphanumeric());
        if *character == '.' && !escaped && !inside && before_a_letter {
            closed.push('\\');
        }
        closed.push(*character);
    }
    (closed.len() > pattern.len()).then_some(closed)
}
