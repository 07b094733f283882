//! Rules whose operators, or whose other criteria, make something else of them.

use super::expect_all;

#[test]
fn several_operators_below_one_action() {
    let joined = "several operators below one `allow` are joined by \"or\": each of them allows by itself";
    expect_all(&[
        (
            "- allow:\n    and: [{domain: {is: example.com}}]\n    not: [{email: {is: mallory@example.com}}]",
            &[("5:9 warning", joined, "- deny:\n    or:\n      - email: {is: mallory@example.com}")],
        ),
        (
            "- allow:\n    and: [{domain: {is: example.com}}]\n    or: [{groups: {has: a}}, {groups: {has: b}}]",
            &[(
                "5:9 warning",
                joined,
                "- allow:\n    and:\n      - domain: {is: example.com}\n      - groups: {has: a}\n\
                 - allow:\n    and:\n      - domain: {is: example.com}\n      - groups: {has: b}\nWhere each shall do",
            )],
        ),
        (
            "- allow: {or: [{domain: {is: example.com}}], nor: [{groups: {has: a}}, {groups: {has: b}}]}",
            &[("5:9 warning", joined, "- deny:\n    and:\n      - groups: {has: a}\n      - groups: {has: b}")],
        ),
        (
            "- allow: {or: [{email: {is: a@example.com}}]}\n- deny: {or: [{user: x}], not: [{domain: {is: example.com}}]}",
            &[(
                "6:9 warning",
                "several operators below one `deny`",
                "- deny:\n    or:\n      - user: {is: x}\n- deny:\n    not:\n      - domain: {is: example.com}",
            )],
        ),
        (
            "- allow: {or: [{user: \"1\"}]}\n- allow:\n    and: [{domain: example.com}]\n    not: [{email: a@example.com}]",
            &[("6:9 warning", joined, "The `deny` holds against the other rules as well.")],
        ),
        // Too many to be pasted: in words.
        (
            "- allow:\n    or: [{user: a}, {user: b}, {user: c}, {user: d}, {user: e}, {user: f}, {user: g}, {user: h}, {user: i}]\n    \
             and: [{domain: example.com}]",
            &[("5:9 warning", joined, "put their criteria under one `and`")],
        ),
    ]);
}

#[test]
fn not_and_nor() {
    expect_all(&[
        (
            "- allow: {or: [{domain: example.com}]}\n- deny: {not: [{groups: {has: a}}, {groups: {has: b}}]}",
            &[(
                "6:16 hint",
                "`not` holds when none of its criteria does: this keeps out",
                "- deny:\n    nor:\n      - groups: {has: a}",
            )],
        ),
        (
            "- allow: {or: [{domain: example.com}]}\n- deny: {nor: [{groups: {has: a}}, {groups: {has: b}}]}",
            &[(
                "6:16 warning",
                "`nor` holds when at least one of its criteria does not",
                "- deny:\n    not:\n      - groups: {has: a}",
            )],
        ),
        (
            "- allow: {nor: [{groups: {has: a}}, {groups: {has: b}}]}",
            &[(
                "5:17 warning",
                "`nor` holds when at least one",
                "- deny:\n    or:\n      - groups: {has: a}\n      - groups: {has: b}",
            )],
        ),
        (
            "- allow: {not: [{email: {is: mallory@example.com}}]}",
            &[(
                "5:17 warning",
                "this lets in everybody but those named",
                "- deny:\n    or:\n      - email: {is: mallory@example.com}",
            )],
        ),
        (
            "- allow: {not: [{email: a@example.com}, {groups: guests}]}",
            &[("5:17 warning", "this lets in everybody but those named", "      - groups: {has: guests}")],
        ),
        (
            "- allow: {or: [{email: {not: mallory@example.com}}]}",
            &[(
                "5:22 warning",
                "this lets in everybody but those named",
                "- deny:\n    or:\n      - email: {is: mallory@example.com}",
            )],
        ),
        (
            "- allow: {and: [{groups: {exclude: guests}}]}",
            &[(
                "5:23 warning",
                "this lets in everybody but those named",
                "- deny:\n    or:\n      - groups: {has: guests}",
            )],
        ),
        (
            "- allow: {not: [{email: {not: a@example.com}}]}",
            &[(
                "5:23 warning",
                "`email not a@example.com` under `not` is turned round twice",
                "- allow:\n    and:\n      - email: {is: a@example.com}",
            )],
        ),
    ]);
}

#[test]
fn criteria_that_never_hold_together() {
    expect_all(&[
        (
            "- allow: {and: [{email: a@example.com}, {email: b@example.com}]}",
            &[(
                "5:47 warning",
                "`email is a@example.com` and `email is b@example.com` never hold together, so this rule lets nobody in",
                "- allow:\n    or:\n      - email: {is: a@example.com}\n      - email: {is: b@example.com}",
            )],
        ),
        (
            "- allow: {and: [{email: a@example.org}, {domain: example.com}]}",
            &[(
                "5:47 warning",
                "`email is a@example.org` and `domain is example.com` never hold together",
                "- allow:\n    or:",
            )],
        ),
        (
            "- allow: {and: [{domain: example.com}, {user: a}, {user: b}]}",
            &[(
                "5:57 warning",
                "`user is a` and `user is b` never hold together",
                "- allow:\n    and:\n      - domain: {is: example.com}\n      - user: {is: a}\n- allow:\n    and:\n      - domain: {is: example.com}\n      - user: {is: b}",
            )],
        ),
        (
            "- allow: {and: [{groups: {is: a}}, {groups: {is: b}}]}",
            &[("5:42 warning", "`groups is a` and `groups is b` never hold together", "- allow:\n    or:")],
        ),
        (
            "- allow: {or: [{email: {is: a@example.com, not: a@example.com}}]}",
            &[(
                "5:22 warning",
                "`email is a@example.com and not a@example.com` never holds: its tests contradict",
                "in: [ONE, OTHER]",
            )],
        ),
        (
            "- allow: {or: [{groups: {is: a, exclude: a}}]}",
            &[("5:22 warning", "`groups is a and exclude a` never holds", "one criterion for each, under `or`")],
        ),
        (
            "- allow: {or: [{email: a@example.com}]}\n- deny: {or: [{email: {not: a@example.com}}, {email: {not: b@example.com}}]}",
            &[(
                "6:52 warning",
                "one of `email not a@example.com` and `email not b@example.com` always holds, so this rule keeps out everybody",
                "- deny:\n    or:\n      - email: {not_in: [a@example.com, b@example.com]}",
            )],
        ),
        (
            "- allow: {or: [{email: {not: a@example.com}}, {email: {not: b@example.com}}]}",
            &[(
                "5:53 warning",
                "one of `email not a@example.com` and `email not b@example.com` always holds, so this rule lets in everybody",
                "- deny:\n    or:\n      - email: {in: [a@example.com, b@example.com]}",
            )],
        ),
        (
            "- allow: {or: [{domain: example.com}]}\n- deny: {nor: [{email: a@example.com}, {email: b@example.com}]}",
            &[(
                "6:46 warning",
                "one of `email is a@example.com` and `email is b@example.com` always fails, so this `nor` keeps out everybody",
                "- deny:\n    not:\n      - email: {is: a@example.com}",
            )],
        ),
    ]);
}

#[test]
fn accept_and_reject_where_they_decide() {
    expect_all(&[
        (
            "- allow: {and: [{email: a@example.com}, {reject: true}]}",
            &[(
                "5:47 warning",
                "this rule never holds, because of `reject` under `and`: it lets nobody in",
                "- allow:\n    and:\n      - email: {is: a@example.com}",
            )],
        ),
        (
            "- allow: {or: [{accept: true}, {email: a@example.com}]}",
            &[(
                "5:22 warning",
                "`accept` lets everybody in, signed in or not, so the criteria beside it change nothing",
                "- allow:\n    or:\n      - email: {is: a@example.com}\nIf everybody is meant:\n- allow:\n    or:\n      - accept: true",
            )],
        ),
        (
            "- allow: {not: [{accept: true}]}",
            &[("5:23 warning", "this rule never holds, because of `accept` under `not`", "Remove the rule.")],
        ),
        (
            "- allow: {and: [{accept: true}]}",
            &[("5:23 warning", "`and` of `accept` always holds here", "- allow:\n    or:\n      - accept: true")],
        ),
        (
            "- allow: {and: [{accept: true}, {email: a@example.com}]}",
            &[(
                "5:23 hint",
                "`accept` changes nothing under this `and`",
                "- allow:\n    and:\n      - email: {is: a@example.com}",
            )],
        ),
        (
            "- allow: {or: [{email: a@example.com}]}\n- deny: {or: [{accept: true}]}",
            &[(
                "6:21 warning",
                "this `deny` always holds, because of `accept`",
                "- allow:\n    or:\n      - reject: true",
            )],
        ),
        (
            "- allow: {or: [{email: a@example.com}]}\n- deny: {or: [{reject: true}]}",
            &[(
                "6:21 warning",
                "this rule never holds, because of `reject` under `or`: it keeps nobody out",
                "Remove the rule.",
            )],
        ),
    ]);
}

#[test]
fn what_is_there_twice_or_undone() {
    expect_all(&[
        (
            "- allow: {or: [{email: a@example.com}, {user: x}, {email: {is: A@example.com}}]}",
            &[("5:57 hint", "`email is a@example.com` stands in this rule twice", "Remove one")],
        ),
        (
            "- allow: {or: [{email: a@example.com}, {user: x}]}\n- allow: {or: [{user: x}, {email: a@example.com}]}",
            &[("6:17 hint", "this rule stands here twice: line 5 says the same", "Remove one")],
        ),
        (
            "- allow: {or: [{authenticated_user: true}, {email: a@example.com}]}",
            &[(
                "5:50 hint",
                "`email is a@example.com` lets in nobody whom `authenticated_user` does not let in already",
                "- allow:\n    or:\n      - email: {is: a@example.com}",
            )],
        ),
        (
            "- allow: {or: [{domain: example.com}]}\n- allow: {and: [{domain: example.com}, {groups: admins}]}",
            &[(
                "6:17 hint",
                "this rule lets in nobody whom `domain is example.com` does not let in already: allow rules are joined",
                "- allow:\n    and:\n      - domain: {is: example.com}\n      - groups: {has: admins}",
            )],
        ),
        (
            "- allow: {or: [{email: a@example.com}]}\n- deny: {or: [{email: a@example.com}]}",
            &[("5:22 warning", "`email is a@example.com` is allowed here and denied on line 6: deny wins", "Remove")],
        ),
    ]);
}
