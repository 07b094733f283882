//! Each test of the matchers.

use super::asked::anna;
use super::check;

/// Rows of one criterion each, and whether it holds for Anna.
fn check_criteria(says: &str, criteria: &[(&str, bool)], yes: &str, no: &str) {
    let policies: Vec<_> =
        criteria.iter().map(|(criterion, _)| format!("- allow: {{or: [{{{criterion}}}]}}")).collect();
    let expected = |held: bool| if held { yes } else { no };
    let rows: Vec<_> = policies
        .iter()
        .zip(criteria)
        .map(|(policy, (_, held))| (says, policy.as_str(), anna(), expected(*held)))
        .collect();
    check(&rows);
}

#[test]
fn matchers_of_text() {
    let tests = [
        ("user: u-anna", true),
        ("user: {is: u-anna}", true),
        ("user: {is: u-ann}", false),
        ("user: {not: u-ben}", true),
        ("user: {not: u-anna}", false),
        ("user: {contains: an}", true),
        ("user: {contains: be}", false),
        ("user: {starts_with: u-}", true),
        ("user: {starts_with: anna}", false),
        ("user: {ends_with: anna}", true),
        ("user: {ends_with: u-}", false),
        ("user: {in: [u-ben, u-anna]}", true),
        ("user: {in: [u-ben]}", false),
        ("user: {not_in: [u-ben]}", true),
        ("user: {not_in: [u-ben, u-anna]}", false),
        ("user: {starts_with: u-, ends_with: anna}", true),
        ("user: {starts_with: u-, ends_with: ben}", false),
        ("user: {starts_with: u-, not: u-anna}", false),
    ];
    let says = "§2.4 string: a bare value is `is`; several keys are AND-ed";
    check_criteria(says, &tests, "allow user-ok", "deny user-unauthorized");
    check(&[(
        "differs §2.4 string: an address and a domain compare without regard to case under every test",
        "- allow: {or: [{email: {starts_with: ANNA, in: [Anna@Example.com]}}]}",
        anna(),
        "allow email-ok",
    )]);
}

#[test]
fn matchers_of_lists() {
    let tests = [
        ("claim/roles: writer", true),
        ("claim/roles: {has: writer}", true),
        ("claim/roles: {has: owner}", false),
        ("claim/roles: {is: writer}", false),
        ("claim/department: {is: security}", true),
        ("claim/department: {is: sales}", false),
        ("claim/roles: {exclude: owner}", true),
        ("claim/roles: {exclude: writer}", false),
        ("claim/nothing: {exclude: writer}", true),
        ("claim/nothing: {is: writer}", false),
        ("claim/roles: {has: writer, exclude: owner}", true),
        ("claim/roles: {has: writer, exclude: reader}", false),
    ];
    let says = "§2.4 string list: a bare value is `has`; `is` is exactly one element; several keys are AND-ed";
    check_criteria(says, &tests, "allow claim-ok", "deny claim-unauthorized");
}
