//! Patterns match the whole text or nothing, in bounded memory and linear time, and fold ASCII letters alone.

use proptest::prelude::*;

use super::*;

fn regex(text: &str) -> Pattern {
    Pattern::regex(text, Case::Sensitive).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn glob(text: &str) -> Pattern {
    Pattern::glob(text, Case::Sensitive).unwrap()
}

#[test]
fn the_whole_text_has_to_match() {
    for (pattern, text, matched) in [
        ("a|b", "a", true),
        ("a|b", "b", true),
        ("a|b", "ab", false),
        ("a|b", "xb", false),
        ("a|ab", "ab", true),
        ("", "", true),
        ("", "a", false),
        ("^a$", "a", true),
        ("^a$", "a\n", false),
        ("(?m)^a$", "a\nb", false),
        ("(?m)^a$|x", "x\na", false),
        ("a.c", "a\nc", false),
        ("(?s)a.c", "a\nc", true),
        (r"\Aa\z|b", "bb", false),
        ("a|", "", true),
        ("a|", "b", false),
        ("[)]", ")", true),
        (r"\)", ")", true),
        ("(?x) a b # ) | .*", "ab", true),
        ("(?x) a b # ) | .*", "xyz", false),
        ("(?x) a # one\n | b", "b", true),
        ("(?-u:a)", "a", true),
        ("(?P<name>a)b", "ab", true),
        ("(?U)a+", "aaa", true),
        (r"\x41\u{42}", "AB", true),
        (".", "é", true),
    ] {
        assert_eq!(regex(pattern).matches(text), matched, "{pattern:?} / {text:?}");
    }
}

#[test]
fn nothing_breaks_out_of_the_anchors() {
    for pattern in [
        "a)|(.*",
        "a)|.*|(?:b",
        ")",
        "(",
        "a)",
        "(a",
        r"a\",
        "[a",
        "a{2",
        "(?i",
        "*",
        "+a",
        "a**{",
        "(?x) a # (\n )",
        r"(?-u:.)",
        r"\xFF(?-u:\xFF)",
        "(?=a)",
        "(?!a)",
        r"(a)\1",
        "(?<=a)b",
        r"\p{Nonsense}",
        "[z-a]",
    ] {
        assert!(
            matches!(Pattern::regex(pattern, Case::Sensitive), Err(InvalidPattern::Syntax(_))),
            "{pattern:?} was taken"
        );
    }
}

#[test]
fn an_error_shows_what_was_written() {
    let Err(InvalidPattern::Syntax(text)) = Pattern::regex("a)|(.*", Case::Insensitive) else { panic!("taken") };
    assert!(text.contains("a)|(.*") && !text.contains(r"\A"), "{text}");
    let Err(InvalidPattern::Syntax(text)) = Pattern::regex(r"\p{Nonsense}", Case::Sensitive) else { panic!("taken") };
    assert!(text.contains(r"\p{Nonsense}") && !text.contains(r"\A"), "{text}");
}

#[test]
fn what_takes_too_much_memory_is_refused() {
    for pattern in
        ["(a{1000}){1000}", r"\w{2000}", r"(?:\pL{500}){500}", "((((a{100}){100}){100}){100}){100}", r"[\s\S]{9999}"]
    {
        assert_eq!(Pattern::regex(pattern, Case::Sensitive), Err(InvalidPattern::TooLarge), "{pattern}");
        assert_eq!(Pattern::regex(pattern, Case::Insensitive), Err(InvalidPattern::TooLarge), "{pattern}");
    }
    let longest = "a".repeat(LONGEST_PATTERN);
    assert!(Pattern::regex(&longest, Case::Insensitive).is_ok() && Pattern::glob(&longest, Case::Insensitive).is_ok());
    let longer = format!("{longest}a");
    assert_eq!(Pattern::regex(&longer, Case::Sensitive), Err(InvalidPattern::TooLong));
    assert_eq!(Pattern::glob(&longer, Case::Sensitive), Err(InvalidPattern::TooLong));
    // Parsing must not overflow the stack either.
    let nested = format!("{}a{}", "(".repeat(400), ")".repeat(400));
    assert!(matches!(Pattern::regex(&nested, Case::Sensitive), Err(InvalidPattern::Syntax(_))));
    assert!(matches!(Pattern::regex(&"[".repeat(900), Case::Insensitive), Err(InvalidPattern::Syntax(_))));
    let deep = format!("{}a{}", "(".repeat(45), ")".repeat(45));
    assert!(Pattern::regex(&deep, Case::Insensitive).unwrap().matches("A"));
}

#[test]
fn many_stars_make_a_glob_no_slower_than_its_text() {
    let text = "a/".repeat(2000);
    // Backtracking would not come to an end.
    assert!(!glob(&format!("{}b", "**a".repeat(30))).matches(&text));
    assert!(!glob(&format!("{}b", "*a".repeat(30))).matches(&"a".repeat(4000)));
}

#[test]
fn expressions_that_are_cruel_to_backtracking_are_not_to_us() {
    let text = format!("{}!", "a".repeat(32_000));
    for pattern in ["(a*)*b", "(a+)+", "(a|a)*", "(a|aa)+$", "(.*a){10}b", "(?:a?){30}a{30}", "([a-z]+)*[0-9]"] {
        assert!(!regex(pattern).matches(&text), "{pattern}");
    }
}

#[test]
fn globs_stand_for_what_they_say() {
    for (pattern, text, matched) in [
        ("*", "abc", true),
        ("*", "", true),
        ("*", "a/b", false),
        ("**", "a/b\nc", true),
        ("***", "a/b", true),
        ("/a/**", "/a/", true),
        ("/a/**", "/a", false),
        ("/a/**", "/b/a/c", false),
        ("/a/**/b", "/a/x/y/b", true),
        ("/a/**/b", "/a/b", false),
        ("/a/*/b", "/a//b", true),
        ("a?c", "abc", true),
        ("a?c", "a/c", false),
        ("a?c", "aéc", true),
        ("a?c", "ac", false),
        ("?", "\n", true),
        ("a.c", "abc", false),
        ("[ab]", "a", false),
        ("[ab]", "[ab]", true),
        ("{a,b}", "{a,b}", true),
        (r"\*", r"\x", true),
        ("(?i)a", "A", false),
        ("a|b", "a", false),
        ("^a$", "^a$", true),
        ("a b#c", "a b#c", true),
        ("", "", true),
        ("", "a", false),
        ("*.example.com", "x.example.com", true),
        ("*.example.com", "x.y.example.com", true),
        ("*.example.com", "example.com", false),
        ("*.example.com", "x.example.com.evil.test", false),
        ("*.example.com", "xexample.com", false),
    ] {
        assert_eq!(glob(pattern).matches(text), matched, "{pattern:?} / {text:?}");
    }
}

#[test]
fn case_is_folded_in_ascii_alone() {
    for (pattern, text, matched) in [
        ("(?i)kim", "KIM", true),
        ("(?i)kim", "\u{212a}im", false),
        ("(?i)[a-z]+", "\u{212a}", false),
        ("(?i)[a-z]+", "AbC", true),
        ("(?i)[^k]", "K", false),
        ("(?i)[^k]", "\u{212a}", true),
        ("(?i)[^a-y]", "Z", true),
        ("(?i)[^a-y]", "B", false),
        ("(?i)sam", "\u{17f}am", false),
        ("(?i)é", "É", false),
        ("a(?i)b", "aB", true),
        ("a(?i)b", "AB", false),
        ("a(?i)b|c", "C", true),
        ("(?:(?i)a)b", "Ab", true),
        ("(?:(?i)a)b", "AB", false),
        ("(?i:a)b", "Ab", true),
        ("(?i:a)b", "aB", false),
        ("(?i)a(?-i)b", "Ab", true),
        ("(?i)a(?-i)b", "AB", false),
        ("(?is-x:a.)b", "A\nb", true),
        ("(?i-s)a.", "A\n", false),
        ("(?s-i)a.", "a\n", true),
        ("(?i)[[:upper:]]", "a", true),
        ("(?i)[[:^lower:]]", "A", false),
        ("(?i)[Y-b]", "A", true),
        ("(?i)[Y-b]", "z", true),
        ("(?i)[Y-b]", "c", false),
        ("(?i)[a-z&&[^k]]", "K", false),
        ("(?i)[a-z--k]", "K", false),
        ("(?i)[[a-c]x]", "B", true),
        ("(?i)\\x61", "A", true),
        ("(?i)a{2}", "aA", true),
        ("(?i)[\\--a]", "A", true),
    ] {
        assert_eq!(regex(pattern).matches(text), matched, "{pattern:?} / {text:?}");
    }
    for (pattern, text, matched) in [
        ("kim", "KIM", true),
        ("kim", "\u{212a}im", false),
        ("(?-i)kim", "KIM", false),
        ("K.*", "k\u{212a}", true),
        ("\u{212a}", "k", false),
        ("\u{212a}", "\u{212a}", true),
    ] {
        assert_eq!(
            Pattern::regex(pattern, Case::Insensitive).unwrap().matches(text),
            matched,
            "{pattern:?} / {text:?}"
        );
        assert!(pattern.contains('.') || Pattern::glob(pattern, Case::Insensitive).is_ok());
    }
    assert!(Pattern::glob("*/KIM", Case::Insensitive).unwrap().matches("a/kim"));
    assert!(!Pattern::glob("*/kim", Case::Insensitive).unwrap().matches("a/\u{212a}im"));
}

/// Pieces of expressions, well-formed more often than not.
fn expression() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "B",
        "k",
        "s",
        ".",
        "[a-c]",
        "[^k]",
        "[^A-K]",
        "[[:upper:]]",
        r"\w",
        r"\d",
        "(",
        "(?:",
        "(?i)",
        "(?-i)",
        "(?i:",
        ")",
        "|",
        "*",
        "+",
        "?",
        "{2}",
        "^",
        "$",
        r"\x4b",
        r"\n",
        "é",
    ]);
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn without_flags_it_is_the_expression_of_the_crate(expression in expression(), text in "[aAbBkK1é\n]{0,4}") {
        prop_assume!(!expression.contains("(?i") && !expression.contains("(?-i"));
        let reference = Regex::new(&expression).and_then(|_| Regex::new(&format!(r"\A(?:{expression})\z")));
        match (Pattern::regex(&expression, Case::Sensitive), reference) {
            (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours.matches(&text), theirs.is_match(&text)),
            (Err(_), Err(_)) => {}
            (ours, theirs) => prop_assert!(false, "{:?} {:?}", ours, theirs),
        }
    }

    /// On ASCII texts, folding ASCII and folding Unicode are the same.
    #[test]
    fn on_ascii_it_folds_as_the_crate_does(expression in expression(), text in "[aAbBkKsS1]{0,4}") {
        let reference = RegexBuilder::new(&expression).case_insensitive(true).build().and_then(|_| {
            RegexBuilder::new(&format!(r"\A(?:{expression})\z")).case_insensitive(true).build()
        });
        match (Pattern::regex(&expression, Case::Insensitive), reference) {
            (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours.matches(&text), theirs.is_match(&text)),
            (Err(_), Err(_)) => {}
            (ours, theirs) => prop_assert!(false, "{:?} {:?}", ours, theirs),
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,80}", value in ".{0,40}") {
        for case in [Case::Sensitive, Case::Insensitive] {
            if let Ok(pattern) = Pattern::regex(&text, case) {
                pattern.matches(&value);
            }
            prop_assert!(Pattern::glob(&text, case).is_ok());
        }
    }

    #[test]
    fn a_text_without_stars_is_a_glob_of_itself(text in "[^*?]{0,30}", other in "[^*?]{0,30}") {
        prop_assert!(glob(&text).matches(&text));
        prop_assert_eq!(glob(&text).matches(&other), text == other);
    }
}
