//! How a decision came about, drawn for a person.
//!
//! Refuses to pass on what would break a line or steer a terminal: what was found is a stranger's.

use doorward_authorize::{CriterionExplanation, Explanation, RuleExplanation, Verdict};
use doorward_config::{Person, Question};

use crate::judge::{Answer, Ruling};

/// Where the rules of a global policy come from, as explanations name it.
const GLOBAL: &str = "global_policy";
/// The same of a route's own rules, and of those that stand in place of them on trial.
const OWN: &str = "policy";
const TRIAL: &str = "policy_shadow";

/// The reason to ask somebody to sign in.
const STRANGER: &str = "user-unauthenticated";
/// The reason to ask somebody to sign in again.
const TOO_OLD: &str = "authentication-too-old";

/// The rules of a policy, each with its criteria, below a title; then what was decided. `file` is where they stand.
pub(crate) fn lines(answer: &Answer, file: &str) -> Vec<String> {
    let Some(found) = &answer.found else {
        return vec![format!("decision  {}: {}", in_words(answer.ruling.verdict), listed(&answer.ruling))];
    };
    let mut lines = policy("policy", &found.explanation, file);
    lines.push(match found.refused {
        Some(why) => format!("decision  deny: {why}, {}", listed(&answer.ruling)),
        None => format!("decision  {}", decision(&found.explanation, file)),
    });
    if let Some(shadow) = &found.shadow {
        let mut shadow = shadow.clone();
        for rule in shadow.rules.iter_mut().filter(|rule| rule.origin == OWN) {
            TRIAL.clone_into(&mut rule.origin);
        }
        let shadow = &shadow;
        lines.extend(policy("policy_shadow, which decides nothing", shadow, file));
        let told = decision(shadow, file);
        lines.push(if shadow.verdict == found.explanation.verdict {
            format!("shadow    would change nothing: {told}")
        } else {
            format!("shadow    would change {} to {told}", in_words(found.explanation.verdict))
        });
    }
    lines.iter().map(|line| harmless(line)).collect()
}

/// Which rule decided and why, in one line.
pub(super) fn decision(explanation: &Explanation, file: &str) -> String {
    let by = decided_by(explanation, file);
    let reasons = explanation.reasons.join(", ");
    let comma = if reasons.is_empty() { "" } else { ", " };
    format!("{}: {by}{comma}{reasons}", in_words(explanation.verdict))
}

/// The rule that decided, or why there is none.
pub(super) fn decided_by(explanation: &Explanation, file: &str) -> String {
    let deciding = explanation.deciding_rule.and_then(|number| explanation.rules.get(number.checked_sub(1)?));
    deciding.map_or_else(
        || asking(explanation, file).unwrap_or_else(|| no_rule(explanation).to_owned()),
        |rule| format!("rule {} ({})", rule.number, origin(rule, file)),
    )
}

/// Who has to sign in although a rule lets everybody in is told which other one has to know them.
fn asking(explanation: &Explanation, file: &str) -> Option<String> {
    let asks = |rule: &&RuleExplanation| rule.criteria.iter().any(|criterion| criterion.reasons.contains(&STRANGER));
    let is_held = explanation.rules.iter().any(|rule| rule.held);
    let rule = explanation.rules.iter().find(asks).filter(|_| is_held && explanation.verdict == Verdict::SignIn)?;
    Some(format!("rule {} ({}) has to know who it is", rule.number, origin(rule, file)))
}

/// What to say where no rule decided.
fn no_rule(explanation: &Explanation) -> &'static str {
    if explanation.reasons.contains(&TOO_OLD) {
        return "`authentication_max_age` asks for a newer sign-in";
    }
    let own = |rule: &&RuleExplanation| rule.action == "allow" && rule.origin != GLOBAL;
    if explanation.rules.iter().filter(own).any(|rule| rule.held) {
        "the global policy lets only others in"
    } else if explanation.rules.is_empty() {
        "there are no rules"
    } else {
        "no rule held"
    }
}

fn policy(title: &str, explanation: &Explanation, file: &str) -> Vec<String> {
    let mut lines = vec![title.to_owned()];
    if explanation.rules.is_empty() {
        lines.push("└─ no rules, so nobody is let in".to_owned());
    }
    for (index, rule) in explanation.rules.iter().enumerate() {
        let (branch, below) = branches(index, explanation.rules.len());
        let mark = mark(rule.held, false);
        lines.push(format!("{branch} {mark} rule {}: {}  ({})", rule.number, condition(rule), origin(rule, file)));
        for (index, asked) in rule.criteria.iter().enumerate() {
            let (branch, _) = branches(index, rule.criteria.len());
            lines.push(format!("{below}{branch} {}", criterion(asked)));
        }
    }
    lines
}

/// How the line of a thing begins, and those of what is below it.
fn branches(index: usize, of: usize) -> (&'static str, &'static str) {
    if index + 1 == of { ("└─", "   ") } else { ("├─", "│  ") }
}

fn condition(rule: &RuleExplanation) -> String {
    let is_required = rule.action == "allow" && rule.origin == GLOBAL;
    let action = if is_required { "allow only" } else { rule.action.as_str() };
    let joined = match (rule.operator.as_str(), rule.criteria.len()) {
        ("and" | "or", 1) => "if this holds",
        ("not" | "nor", 1) => "if this does not hold",
        ("and", _) => "if all of these hold",
        ("or", _) => "if one of these holds",
        ("not", _) => "if none of these holds",
        _ => "if one of these does not hold",
    };
    format!("{action} {joined}")
}

fn origin(rule: &RuleExplanation, file: &str) -> String {
    if rule.line == 0 { rule.origin.clone() } else { format!("{}, {file}:{}", rule.origin, rule.line) }
}

fn criterion(criterion: &CriterionExplanation) -> String {
    let found = if criterion.found.is_empty() { String::new() } else { format!(" — found: {}", criterion.found) };
    let unclear = if criterion.unclear { " (unclear: it can be read in several ways)" } else { "" };
    format!("{} {}{found}{unclear}", mark(criterion.held, criterion.unclear), criterion.asked)
}

fn mark(held: bool, unclear: bool) -> char {
    match (held, unclear) {
        (_, true) => '?',
        (true, false) => '✓',
        (false, false) => '✗',
    }
}

fn in_words(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allow => "allow",
        Verdict::SignIn => "sign in first",
        Verdict::Deny => "deny",
    }
}

fn listed(ruling: &Ruling) -> String {
    ruling.reasons.join(", ")
}

/// Who asks, in a few words.
pub(super) fn who(person: Option<&Person>) -> String {
    let Some(person) = person else { return "nobody has signed in".to_owned() };
    let vouched = if person.verified { "" } else { ", for whom the provider does not vouch" };
    let groups: Vec<_> = person.groups.iter().collect();
    let groups = if groups.is_empty() { String::new() } else { format!(", in {}", groups.join(", ")) };
    harmless(&format!("{}{vouched}{groups}", person.email))
}

/// A test that has no name, by what it asks.
pub(super) fn described(question: &Question) -> String {
    let who = question.who.as_ref().map_or_else(|| "nobody signed in".to_owned(), |person| person.email.to_string());
    let websocket = if question.websocket { " (WebSocket)" } else { "" };
    harmless(&format!("{who}: {} {}{websocket}", question.method, question.url.text))
}

pub(super) fn harmless(line: &str) -> String {
    line.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(number: usize, action: &str, origin: &str, held: bool, criteria: &[(&str, bool, bool)]) -> RuleExplanation {
        let criteria = criteria.iter().map(|(asked, held, unclear)| CriterionExplanation {
            asked: (*asked).to_owned(),
            found: "x\u{1b}[2J".to_owned(),
            held: *held,
            unclear: *unclear,
            reasons: Vec::new(),
        });
        RuleExplanation {
            number,
            line: 7,
            origin: origin.to_owned(),
            action: action.to_owned(),
            operator: "or".to_owned(),
            held,
            criteria: criteria.collect(),
        }
    }

    #[test]
    fn a_tree_has_marks_branches_and_places() {
        let explanation = Explanation {
            route: "a".into(),
            verdict: Verdict::Deny,
            reasons: vec!["email-unauthorized"],
            deciding_rule: None,
            rules: vec![
                rule(
                    1,
                    "allow",
                    "global_policy",
                    false,
                    &[("email is a", false, false), ("http_path is /", false, true)],
                ),
                rule(2, "allow", "policies/team", true, &[("accept", true, false)]),
            ],
        };
        assert_eq!(
            policy("policy", &explanation, "c.yaml"),
            [
                "policy",
                "├─ ✗ rule 1: allow only if one of these holds  (global_policy, c.yaml:7)",
                "│  ├─ ✗ email is a — found: x\u{1b}[2J",
                "│  └─ ? http_path is / — found: x\u{1b}[2J (unclear: it can be read in several ways)",
                "└─ ✓ rule 2: allow if this holds  (policies/team, c.yaml:7)",
                "   └─ ✓ accept — found: x\u{1b}[2J",
            ]
        );
        assert_eq!(decision(&explanation, "c.yaml"), "deny: the global policy lets only others in, email-unauthorized");
        assert_eq!(harmless("x\u{1b}[2J\n"), "x [2J ");
    }
}
