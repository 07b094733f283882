//! Values that nothing can be, or that anybody's are like.

use super::expect_all;

#[test]
fn addresses_domains_and_ids() {
    let no_address = "`email` is compared with something that is no e-mail address, so it never is one: `";
    let at = "`domain` is compared with something that holds an `@`, which no domain does: `";
    expect_all(&[
        (
            "- allow: {or: [{email: {is: \"@example.com\"}}, {domain: \"@example.org\"}]}",
            &[
                ("5:22 warning", no_address, "`domain: {is: example.com}`"),
                ("5:53 warning", at, "`domain: {is: example.org}`"),
            ],
        ),
        ("- allow: {or: [{email: {in: [a@example.com, bob]}}]}", &[("5:22 warning", no_address, "`user: {is: bob}`")]),
        ("- allow: {or: [{email: \"*@example.com\"}]}", &[("5:22 warning", no_address, "`domain: {is: example.com}`")]),
        ("- allow: {or: [{email: example.com}]}", &[("5:22 warning", no_address, "`domain: {is: example.com}`")]),
        ("- allow: {or: [{domain: a@example.com}]}", &[("5:22 warning", at, "`email: {is: a@example.com}`")]),
        (
            "- allow: {or: [{domain: \"*.example.com\"}]}",
            &[("5:22 warning", "`domain` is compared with a wildcard", "`domain: {ends_with: .example.com}`")],
        ),
        (
            "- allow: {or: [{domain: .example.com}]}",
            &[(
                "5:22 warning",
                "`domain` is compared with what no domain begins with, a dot",
                "`domain: {ends_with: .example.com}`",
            )],
        ),
        (
            "- allow: {or: [{domain: https://example.com/}]}",
            &[("5:22 warning", "`domain` is compared with a URL", "`domain: {is: example.com}`")],
        ),
        (
            "- allow: {or: [{user: a@example.com}]}",
            &[("5:22 warning", "`user` is compared with an e-mail address", "`email: {is: a@example.com}`")],
        ),
        (
            "- allow: {or: [{claim/email: a@example.com}]}",
            &[("5:22 warning", "`claim/email` is whatever the provider was told", "`email: {is: a@example.com}`")],
        ),
        (
            "- allow: {or: [{claim/groups: {has: staff}}]}",
            &[("5:22 hint", "`claim/groups` asks for the claim", "`groups: {has: staff}`")],
        ),
    ]);
}

#[test]
fn parts_that_anybody_can_have() {
    expect_all(&[
        (
            "- allow: {or: [{domain: {starts_with: example}}]}",
            &[(
                "5:22 warning",
                "`domain starts_with example` lets in whoever has a domain of their own such as `example.evil.example`",
                "`domain: {is: example.com}`",
            )],
        ),
        (
            "- allow: {or: [{domain: {contains: example.com}}]}",
            &[(
                "5:22 warning",
                "`domain contains example.com`",
                "- domain: {is: example.com}\n- domain: {ends_with: .example.com}",
            )],
        ),
        (
            "- allow: {or: [{domain: {ends_with: example.com}}]}",
            &[(
                "5:22 warning",
                "`domain ends_with example.com` holds of `evilexample.com`, too",
                "- domain: {is: example.com}\n- domain: {ends_with: .example.com}",
            )],
        ),
        (
            "- allow: {or: [{email: {ends_with: example.com}}]}",
            &[(
                "5:22 warning",
                "`email ends_with example.com` holds of `you@evilexample.com`",
                "`domain: {is: example.com}`",
            )],
        ),
        (
            "- allow: {or: [{email: {contains: \"@example.com\"}}]}",
            &[("5:22 warning", "`email contains @example.com` lets in whoever", "`domain: {is: example.com}`")],
        ),
        (
            "- allow: {or: [{email: {starts_with: admin@}}]}",
            &[("5:22 warning", "`email starts_with admin@` lets in whoever", "`email: {in: [admin@example.com]}`")],
        ),
        // Here it lets in too many as well.
        (
            "- allow: {or: [{user: x}]}\n- deny: {not: [{domain: {ends_with: example.com}}]}",
            &[("6:22 warning", "`domain ends_with example.com` holds of", "- domain: {ends_with: .example.com}")],
        ),
    ]);
}
