//! A route's rules: those of the global policy first, then those of the older keys, then those of `policy`.

use doorward_authorize::{Action, Case, Criterion, Operator, Origin, Rule, StringMatcher, StringTest};
use doorward_identity::Email;

use super::Compiler;
use super::ppl::PlacedRule;
use crate::problem::Place;
use crate::raw::At;
use crate::raw::policy::RawPolicy;
use crate::yaml::Content;

impl Compiler<'_> {
    /// The rules of a route that begins at `place`.
    pub(super) fn policy(&mut self, raw: &RawPolicy, place: &Place) -> Vec<PlacedRule> {
        let before = self.problems.count(crate::Severity::Error);
        self.exclusive(raw);
        let legacy = self.legacy_rule(raw);
        let mut own: Vec<PlacedRule> = legacy.into_iter().collect();
        if let Some(node) = &raw.policy {
            own.extend(self.policy_of_route("policy", node));
        }
        // A policy that could not be read has been complained of already.
        let unreadable = raw.unreadable || self.shared.unreadable;
        if !allows(&own) && !unreadable && self.problems.count(crate::Severity::Error) == before {
            self.problems.warning(
                raw.policy.as_ref().map_or(place, |node| &node.place),
                "this route denies everyone: no rule allows anybody",
                "Say who may pass, as in `policy: [{allow: {or: [{email: {is: you@example.com}}]}}]`.",
            );
        }
        self.below_global(own, place)
    }

    /// The rules that are tried beside a route's own; none when it has none such.
    pub(super) fn policy_shadow(&mut self, raw: &RawPolicy) -> Option<Vec<PlacedRule>> {
        let node = raw.shadow.as_ref().filter(|node| !matches!(node.content, Content::Null))?;
        let before = self.problems.count(crate::Severity::Error);
        let own = self.policy_of_route("policy_shadow", node);
        if !allows(&own) && !self.shared.unreadable && self.problems.count(crate::Severity::Error) == before {
            self.problems.warning(
                &node.place,
                "this policy would deny everyone: it stands in place of all rules of its route, and no rule of it allows anybody",
                "Say who may pass, as in `policy_shadow: [{allow: {or: [{email: {is: you@example.com}}]}}]`.",
            );
        }
        Some(self.below_global(own, &node.place))
    }

    /// A route is public, or for anybody signed in, or for those on a list.
    fn exclusive(&mut self, raw: &RawPolicy) {
        let on = |flag: &Option<At<bool>>| flag.as_ref().filter(|flag| flag.value).map(|flag| flag.place.clone());
        let listed = |list: &Option<At<Vec<At<String>>>>| {
            list.as_ref().filter(|list| !list.value.is_empty()).map(|list| list.place.clone())
        };
        let any = on(&raw.allow_any_authenticated_user);
        let lists = [("allowed_users", listed(&raw.allowed_users)), ("allowed_domains", listed(&raw.allowed_domains))];
        if let Some(public) = on(&raw.allow_public_unauthenticated_access) {
            let others = [("allow_any_authenticated_user", any.clone())];
            for (key, _) in others.iter().chain(&lists).filter(|(_, given)| given.is_some()) {
                self.contradiction(&public, "allow_public_unauthenticated_access", key);
            }
            if raw.policy.is_some() {
                self.problems.warning(
                    &public,
                    "`allow_public_unauthenticated_access` lets everybody in, so the `allow` rules of `policy` change nothing",
                    "Remove one of the two. Rules that `deny` still count.",
                );
            }
        }
        if let Some(any) = any {
            for (key, _) in lists.iter().filter(|(_, given)| given.is_some()) {
                self.contradiction(&any, "allow_any_authenticated_user", key);
            }
        }
    }

    fn contradiction(&mut self, place: &Place, one: &str, other: &str) {
        self.problems.error(
            place,
            format!("`{one}` and `{other}` contradict each other"),
            "Keep the one that is meant; the first lets in everybody the second lists, and others.",
        );
    }

    /// One rule that allows whom any of the older keys names.
    fn legacy_rule(&mut self, raw: &RawPolicy) -> Option<PlacedRule> {
        let mut criteria = Vec::new();
        let mut places = Vec::new();
        let flags = [
            (&raw.allow_public_unauthenticated_access, Criterion::Accept),
            (&raw.cors_allow_preflight, Criterion::CorsPreflight),
            (&raw.allow_any_authenticated_user, Criterion::AuthenticatedUser),
        ];
        for (flag, criterion) in flags {
            if let Some(flag) = flag.as_ref().filter(|flag| flag.value) {
                criteria.push(criterion);
                places.push(flag.place.clone());
            }
        }
        for domain in raw.allowed_domains.iter().flat_map(|list| &list.value) {
            if self.is_domain(domain) {
                criteria.push(Criterion::Domain(is(&domain.value, Case::Insensitive)));
                places.push(domain.place.clone());
            }
        }
        for user in raw.allowed_users.iter().flat_map(|list| &list.value) {
            // Pomerium looks for the text among e-mail addresses and user ids alike. An address is no user id
            // here: who can choose their own id at a provider could choose somebody else's address.
            let criterion = if user.value.contains('@') {
                self.is_email(user).then(|| Criterion::Email(is(&user.value, Case::Insensitive)))
            } else {
                Some(Criterion::User(is(&user.value, Case::Sensitive)))
            };
            if let Some(criterion) = criterion {
                criteria.push(criterion);
                places.push(user.place.clone());
            }
        }
        let first = places.iter().min()?.clone();
        let rule =
            Rule { action: Action::Allow, operator: Operator::Or, criteria, origin: Origin::Route, line: first.line() };
        Some(PlacedRule { rule, action: first.clone(), operator: first, criteria: places })
    }

    fn is_domain(&mut self, text: &At<String>) -> bool {
        let valid = doorward_hygiene::Hostname::parse(&text.value).is_ok();
        if !valid {
            self.problems.error(
                &text.place,
                "an item of `allowed_domains` is no domain",
                "Write what stands behind the `@` alone, as in `example.com`.",
            );
        }
        valid
    }

    fn is_email(&mut self, text: &At<String>) -> bool {
        match Email::parse(&text.value) {
            Ok(_) => true,
            Err(error) => {
                self.problems.error(
                    &text.place,
                    format!("an item of `allowed_users` is no e-mail address: {error}"),
                    "Write it as in `you@example.com`.",
                );
                false
            }
        }
    }
}

/// Whether any of these lets anybody in.
fn allows(rules: &[PlacedRule]) -> bool {
    rules.iter().any(|placed| placed.rule.action == Action::Allow && !placed.rule.criteria.is_empty())
}

fn is(text: &str, case: Case) -> StringMatcher {
    StringMatcher::new(vec![StringTest::Is(text.to_owned())], case)
}
