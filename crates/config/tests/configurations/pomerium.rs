//! Pomerium's policy language, row by row: what it says (its grammar, how rules are evaluated, each criterion, each
//! matcher) beside what Doorward makes of it. A row that begins with "differs" says where that is another thing on
//! purpose, and why.

mod asked;
mod criteria;
mod matchers;
mod more_criteria;
mod order;

use asked::{Ask, anna, ben, nobody};

use crate::world::{World, route_with};

/// What is said, the policy, who asks for what, and what is decided: the verdict and every reason.
type Row<'a> = (&'a str, &'a str, Ask, &'a str);

/// Everything of a table that is not so, at once.
fn check(rows: &[Row<'_>]) {
    let wrong: Vec<_> = rows
        .iter()
        .filter_map(|(says, policy, ask, expected)| {
            let decided = ask.decide(policy);
            (decided != *expected).then(|| format!("{says}\n    {policy}\n    {decided}, not {expected}"))
        })
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// What Pomerium refuses, Doorward refuses, naming what is wrong.
fn check_refused(rows: &[(&str, &str, &str)]) {
    let wrong: Vec<_> = rows
        .iter()
        .filter_map(|(says, policy, named)| match World::default().load(&route(policy)) {
            Ok(_) => Some(format!("{says}: taken: {policy}")),
            Err(problems) if !problems.to_string().contains(named) => {
                Some(format!("{says}: nothing said of {named}: {problems}"))
            }
            Err(_) => None,
        })
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// A route of this policy. Lines that begin with a key are the route's, so that older keys can be given beside it.
fn route(policy: &str) -> String {
    let bare = policy.starts_with(['-', '{', '[']);
    let keys = if bare { format!("policy:\n  {}", policy.replace('\n', "\n  ")) } else { policy.to_owned() };
    route_with(&format!("to: http://app:8080\n{keys}"))
}

#[test]
fn grammar() {
    check(&[
        (
            "§2.1 policy := [rules, ...]",
            "- allow: {or: [{email: {is: ben@example.com}}]}\n- allow: {or: [{email: {is: anna@example.com}}]}",
            anna(),
            "allow email-ok",
        ),
        ("§2.1 policy := rules", "{allow: {or: [{accept: true}]}}", nobody(), "allow accept"),
        (
            "§2.1 rules := { (allow|deny): body, ... }: both in one block",
            "- allow: {or: [{accept: true}]}\n  deny: {or: [{accept: true}]}",
            anna(),
            "deny accept",
        ),
        ("§2.1 body: `and`", "- allow: {and: [{accept: true}]}", nobody(), "allow accept"),
        ("§2.1 body: `or`", "- allow: {or: [{accept: true}]}", nobody(), "allow accept"),
        ("§2.1 body: `not`", "- allow: {not: [{reject: true}]}", nobody(), "allow reject"),
        (
            "§2.1 body: `nor` (Pomerium's JSON schema forgets it)",
            "- allow: {nor: [{reject: true}]}",
            nobody(),
            "allow reject",
        ),
        (
            "§2.1 the key `action` is tolerated in a body",
            "- allow: {action: allow, or: [{accept: true}]}",
            nobody(),
            "allow accept",
        ),
        (
            "§2.1 criterion := { name/sub_path: data }",
            "- allow: {or: [{claim/department: security}]}",
            anna(),
            "allow claim-ok",
        ),
        (
            "§2.1 YAML becomes JSON first: flow and block are one",
            "[{\"allow\": {\"or\": [{\"accept\": null}]}}]",
            nobody(),
            "allow accept",
        ),
    ]);
    check_refused(&[
        ("§2.1 rules: any other key is an error", "- permit: {or: [{accept: true}]}", "`permit`"),
        ("§2.1 rules: a criterion is no action", "- or: [{accept: true}]", "`or`"),
        ("§2.1 body: any other key is an error", "- allow: {xor: [{accept: true}]}", "`xor`"),
        ("§2.1 body is a map", "- allow: [{accept: true}]", "`allow`"),
        ("§2.1 criteria are arrays", "- allow: {or: {accept: true}}", "`or`"),
        ("§2.1 criteria are arrays, no scalars", "- allow: {or: accept}", "`or`"),
        (
            "§2.1 criterion: exactly one key",
            "- allow:\n    or:\n      - accept: true\n        reject: true",
            "one name",
        ),
        ("§2.1 criterion: not none", "- allow: {or: [{}]}", "criterion"),
        ("§2.1 criterion is a map", "- allow: {or: [accept]}", "criterion"),
        ("§2.1 an unknown criterion is an error", "- allow: {or: [{frobnicate: true}]}", "`frobnicate`"),
        (
            "§2.1 policy is no scalar; a text would be the name of one of `policies`",
            "policy: allow",
            "no policy `allow`",
        ),
        (
            "§2.3 `pomerium_routes` was taken out of Pomerium too",
            "- allow: {or: [{pomerium_routes: true}]}",
            "`pomerium_routes`",
        ),
        ("§2.4 an unknown test is an error", "- allow: {or: [{email: {equals: anna@example.com}}]}", "`equals`"),
        ("§2.4 an unknown test of a list is an error", "- allow: {or: [{groups: {equals: staff}}]}", "`equals`"),
        (
            "§2.4 an unknown test of a certificate is an error",
            "- allow: {or: [{client_certificate: {serial: 1}}]}",
            "`serial`",
        ),
        ("§2.4 a certificate's matcher is a map", "- allow: {or: [{client_certificate: abc}]}", "`client_certificate`"),
    ]);
}

#[test]
fn operators() {
    let mut rows: Vec<Row<'_>> = Vec::new();
    // Two criteria that need nobody, of every pair of answers.
    for (policy, expected) in [
        ("- allow: {and: [{accept: 1}, {accept: 1}]}", "allow accept"),
        ("- allow: {and: [{accept: 1}, {reject: 1}]}", "deny reject"),
        ("- allow: {and: [{reject: 1}, {reject: 1}]}", "deny reject"),
        ("- allow: {or: [{accept: 1}, {accept: 1}]}", "allow accept"),
        ("- allow: {or: [{accept: 1}, {reject: 1}]}", "allow accept"),
        ("- allow: {or: [{reject: 1}, {reject: 1}]}", "deny reject"),
        // `not` is none of them, a NOR.
        ("- allow: {not: [{accept: 1}, {accept: 1}]}", "deny accept"),
        ("- allow: {not: [{accept: 1}, {reject: 1}]}", "deny accept"),
        ("- allow: {not: [{reject: 1}, {reject: 1}]}", "allow reject"),
        // `nor` is not all of them, a NAND.
        ("- allow: {nor: [{accept: 1}, {accept: 1}]}", "deny accept"),
        ("- allow: {nor: [{accept: 1}, {reject: 1}]}", "allow reject"),
        ("- allow: {nor: [{reject: 1}, {reject: 1}]}", "allow reject"),
    ] {
        rows.push(("§2.2 and: all, or: any, not: none, nor: not all", policy, nobody(), expected));
    }
    rows.extend([
        (
            "§2.2 several operators in one body are OR-ed: everybody who is not Ben gets in",
            "- allow: {and: [{groups: admins}], not: [{email: ben@example.com}]}",
            anna(),
            "allow email-unauthorized",
        ),
        (
            "§2.2 several operators in one body are OR-ed: and so does Ben, if he is an admin",
            "- allow: {and: [{groups: staff}], not: [{email: ben@example.com}]}",
            ben(),
            "allow groups-ok",
        ),
        (
            "§2.2 several rules with one action are OR-ed: the first will do",
            "- allow: {or: [{email: anna@example.com}]}\n- allow: {or: [{domain: example.org}]}",
            anna(),
            "allow email-ok",
        ),
        (
            "§2.2 several rules with one action are OR-ed: the second will do",
            "- allow: {or: [{email: ben@example.com}]}\n- allow: {or: [{domain: example.com}]}",
            anna(),
            "allow domain-ok",
        ),
        (
            "§2.2 several deny rules are OR-ed too",
            "- allow: {or: [{accept: 1}]}\n- deny: {or: [{reject: 1}]}\n- deny: {or: [{email: anna@example.com}]}",
            anna(),
            "deny email-ok",
        ),
        ("§2.2 an empty `and` contributes nothing", "- allow: {and: []}", anna(), "deny no-rule"),
        ("§2.2 an empty `or` contributes nothing", "- allow: {or: []}", anna(), "deny no-rule"),
        (
            "§2.2 an empty `not` contributes nothing: it is not true of everybody",
            "- allow: {not: []}",
            anna(),
            "deny no-rule",
        ),
        ("§2.2 an empty `nor` contributes nothing", "- allow: {nor: []}", anna(), "deny no-rule"),
        (
            "§2.2 an empty `and` in a deny rule denies nobody",
            "- allow: {or: [{accept: 1}]}\n- deny: {and: []}",
            nobody(),
            "allow accept",
        ),
        ("§2.2 no rule at all: denied by default", "policy: []", anna(), "deny no-rule"),
        ("§2.2 no rule at all: denied by default, strangers too", "policy: []", nobody(), "deny no-rule"),
        (
            "§2.2 only deny rules, none of which holds: denied by default",
            "- deny: {or: [{email: ben@example.com}]}",
            anna(),
            "deny no-rule",
        ),
    ]);
    check(&rows);
}

#[test]
fn reasons() {
    check(&[
        (
            "§2.2 true: the union of the reasons of those that are true",
            "- allow: {or: [{email: anna@example.com}, {domain: example.org}, {groups: staff}]}",
            anna(),
            "allow email-ok,groups-ok",
        ),
        (
            "§2.2 false: the union of the reasons of those that are false",
            "- allow: {and: [{email: anna@example.com}, {domain: example.org}, {groups: admins}]}",
            anna(),
            "deny domain-unauthorized,groups-unauthorized",
        ),
        (
            "§2.2 the same among rules, true",
            "- allow: {or: [{email: anna@example.com}]}\n- allow: {or: [{domain: example.org}]}\n- allow: {or: [{groups: staff}]}",
            anna(),
            "allow email-ok,groups-ok",
        ),
        (
            "§2.2 the same among rules, false",
            "- allow: {or: [{email: ben@example.com}]}\n- allow: {and: [{accept: 1}, {groups: admins}]}",
            anna(),
            "deny email-unauthorized,groups-unauthorized",
        ),
        (
            "§2.2 turned round, a criterion keeps its own reason",
            "- allow: {not: [{email: ben@example.com}, {groups: admins}]}",
            anna(),
            "allow email-unauthorized,groups-unauthorized",
        ),
    ]);
}
