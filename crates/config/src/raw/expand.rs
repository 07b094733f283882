//! `${NAME}` in a value becomes the environment variable of that name.
//!
//! `$${` stands for `${` itself; a `$` before anything else is only a `$`, so that passwords and regular
//! expressions need no care.

use crate::source::Env;

/// Why a value could not be completed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unexpanded {
    /// `${` without `}`.
    Unclosed,
    /// Between the braces stands no name of a variable.
    NoName,
    /// The variable is not set.
    Unset(String),
}

impl Unexpanded {
    /// What is wrong and how to mend it.
    pub(crate) fn in_words(&self) -> (String, String) {
        let literal = "To mean the characters `${` themselves, write `$${`.";
        match self {
            Self::Unclosed => ("a `${` has no `}`".into(), format!("Write `${{NAME}}`. {literal}")),
            Self::NoName => ("between `${` and `}` stands no name of an environment variable".into(), literal.into()),
            Self::Unset(name) => (
                format!("the environment variable `{name}` is not set"),
                format!("Set it where Doorward is started. {literal}"),
            ),
        }
    }

    /// The same about a secret: the variable is named only when the value is nothing but a reference to it,
    /// because else what looks like a name may be a piece of the secret.
    pub(crate) fn in_words_for_secret(&self, text: &str) -> (String, String) {
        match self {
            Self::Unset(name) if text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) == Some(name) => {
                self.in_words()
            }
            Self::Unset(_) => (
                "`${…}` names an environment variable that is not set".into(),
                "Set it where Doorward is started. To mean the characters `${` themselves, write `$${`.".into(),
            ),
            Self::Unclosed | Self::NoName => self.in_words(),
        }
    }
}

/// The text with every `${NAME}` replaced.
pub(crate) fn expand(text: &str, env: &dyn Env) -> Result<String, Unexpanded> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(dollar) = rest.find("${") {
        let (before, from_dollar) = rest.split_at(dollar);
        let after = from_dollar.get(2..).unwrap_or_default();
        if let Some(before) = before.strip_suffix('$') {
            expanded.push_str(before);
            expanded.push_str("${");
            rest = after;
            continue;
        }
        expanded.push_str(before);
        let (name, after) = after.split_once('}').ok_or(Unexpanded::Unclosed)?;
        if !is_name(name) {
            return Err(Unexpanded::NoName);
        }
        expanded.push_str(&env.get(name).ok_or_else(|| Unexpanded::Unset(name.to_owned()))?);
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

/// A text cut where Pomerium's templates stand, which are ours too: what is between them is still to be expanded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Cut<'a> {
    /// Something to be expanded, never empty.
    Text(&'a str),
    /// What stands behind `${pomerium.` or `${doorward.`, up to the `}`.
    Template(&'a str),
}

/// Cuts a text at its templates. `$${` begins none.
pub(crate) fn cut(text: &str) -> Vec<Cut<'_>> {
    let mut cuts = Vec::new();
    let (mut rest, mut from) = (text, 0);
    while let Some(at) = rest.get(from..).and_then(|rest| rest.find("${")).map(|at| at + from) {
        let (before, after) = rest.split_at(at);
        let template = ["${pomerium.", "${doorward."]
            .into_iter()
            .find_map(|opening| after.strip_prefix(opening))
            .filter(|_| !before.ends_with('$'))
            .and_then(|inside| inside.split_once('}'));
        let Some((name, behind)) = template else {
            from = at + 2;
            continue;
        };
        if !before.is_empty() {
            cuts.push(Cut::Text(before));
        }
        cuts.push(Cut::Template(name));
        (rest, from) = (behind, 0);
    }
    if !rest.is_empty() {
        cuts.push(Cut::Text(rest));
    }
    cuts
}

fn is_name(name: &str) -> bool {
    name.len() <= 128
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    struct One;

    impl Env for One {
        fn get(&self, name: &str) -> Option<String> {
            (name == "A").then(|| "${A}é".to_owned())
        }
    }

    #[test]
    fn variables_are_replaced_once_and_dollars_are_kept() {
        for (text, expanded) in [
            ("", ""),
            ("a$b$$c$", "a$b$$c$"),
            ("${A}", "${A}é"),
            ("x${A}y${A}", "x${A}éy${A}é"),
            ("$${A}", "${A}"),
            ("ü$${A}${A}", "ü${A}${A}é"),
            ("^/a$", "^/a$"),
        ] {
            assert_eq!(expand(text, &One).as_deref(), Ok(expanded), "{text}");
        }
        assert_eq!(expand("${B}", &One), Err(Unexpanded::Unset("B".into())));
        assert_eq!(expand("${A", &One), Err(Unexpanded::Unclosed));
        assert_eq!(expand("${}", &One), Err(Unexpanded::NoName));
        assert_eq!(expand("${pomerium.jwt}", &One), Err(Unexpanded::NoName));
    }

    #[test]
    fn templates_are_cut_out_unless_they_are_escaped() {
        use Cut::{Template, Text};
        for (text, cuts) in [
            ("", vec![]),
            ("a${B}c", vec![Text("a${B}c")]),
            ("${pomerium.x}", vec![Template("x")]),
            ("a ${B} ${doorward.x}${pomerium.y}é", vec![Text("a ${B} "), Template("x"), Template("y"), Text("é")]),
            ("$${pomerium.x}${pomerium.y}", vec![Text("$${pomerium.x}"), Template("y")]),
            ("${pomerium.x", vec![Text("${pomerium.x")]),
            ("${other.x}", vec![Text("${other.x}")]),
        ] {
            assert_eq!(cut(text), cuts, "{text}");
        }
    }

    #[test]
    fn a_piece_of_a_secret_is_not_named() {
        let words = |text: &str| expand(text, &One).unwrap_err().in_words_for_secret(text).0;
        assert!(words("${SECRET}").contains("SECRET"));
        assert!(!words("hunter${two}").contains("two"));
    }
}
