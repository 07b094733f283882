//! Policies that are as they should be, of which nothing is said.

use std::path::Path;

use crate::world::{ROUTE, World, route_with};

use super::policy;

#[test]
fn nothing_is_said_of_good_policies() {
    for lines in [
        "- allow: {or: [{accept: true}]}",
        "- allow: {or: [{reject: true}]}",
        "- allow: {or: [{authenticated_user: true}]}",
        "- allow: {or: [{email: you@example.com}]}",
        "- allow: {and: [{email: you@example.com}]}",
        "- allow: {or: [{email: {in: [a@example.com, b@example.com]}}, {domain: example.org}, {user: \"1234\"}]}",
        "- allow: {or: [{domain: example.com}, {groups: contractors}]}\n- deny: {or: [{email: former@example.com}]}",
        "- allow: {and: [{domain: example.com}, {groups: admins}]}",
        "- allow: {and: [{domain: example.com}, {email: {not: former@example.com}}]}",
        "- allow: {and: [{authenticated_user: true}, {email: you@example.com}]}",
        "- allow: {and: [{groups: a}, {groups: b}]}",
        "- allow: {and: [{groups: {has: a, exclude: b}}]}",
        "- allow: {and: [{claim/department: security}, {claim/level: \"3\"}]}",
        "- allow: {or: [{domain: {ends_with: .example.com}}, {domain: example.com}]}",
        "- allow: {or: [{email: {ends_with: \"@example.com\"}}]}",
        "- allow: {or: [{email: {starts_with: admin., ends_with: \"@example.com\"}}]}",
        "- allow: {or: [{email: {ends_with: .example.com}}]}",
        "- allow: {or: [{email: {starts_with: a, in: [ab@example.com, ac@example.com]}}]}",
        "- allow: {or: [{domain: example.com}]}\n- deny: {not: [{groups: staff}]}",
        "- allow: {or: [{domain: example.com}]}\n- deny: {or: [{domain: {contains: test}}]}",
        "- allow: {or: [{domain: example.com}]}\n- deny: {or: [{email: {not_in: [a@example.com, b@example.com]}}]}",
        "- allow: {or: [{domain: example.com}]}\n- deny: {or: [invalid_client_certificate: true]}",
        "- allow: {or: [{accept: true}]}\n- deny: {or: [invalid_client_certificate: true]}",
        "- allow: {or: [{cors_preflight: true}, {domain: example.com}]}",
        "- allow: {or: [{domain: example.com}]}\n- allow: {and: [{domain: example.org}, {groups: admins}]}",
        "- allow: {or: [{email: a@example.com}]}\n- allow: {and: [{domain: example.com}, {groups: admins}]}",
        "- allow: {and: [{email: a@example.com}, {domain: example.com}]}",
        "- allow: {or: [{groups: {is: a}}, {groups: {is: b}}]}",
        "- allow: {or: [{groups: {has: a}}, {groups: {has: b}}]}",
        "- allow: {nor: [{client_certificate: {fingerprint: \"0000000000000000000000000000000000000000000000000000000000000000\"}}]}",
        "- allow: {or: [{claim/email_verified: \"true\"}]}",
        "- allow: {or: [{user: auth0|1234}]}",
    ] {
        assert_eq!(World::default().report(&policy(lines)), "taken", "{lines}");
    }
}

#[test]
fn nothing_is_said_of_good_routes() {
    assert_eq!(World::default().report(ROUTE), "taken");
    for lines in [
        "to: http://code-server:8080\nallowed_users: [you@example.com, \"1234\"]",
        "to: http://code-server:8080\npolicy: [{allow: {or: [{email: {in: [a@example.com, b@example.com]}}]}}]",
        "to: http://ttyd:7681\npolicy: [{allow: {and: [{domain: example.com}, {groups: admins}]}}]",
        "to: http://wiki:3000\nallowed_domains: [example.com]\ncors_allow_preflight: true",
        "to: http://wiki:3000\nallow_public_unauthenticated_access: true\ncors_allow_preflight: true",
        "to: http://grafana:8080\nallow_websockets: true\npreserve_host_header: true\nallowed_domains: [example.com]",
        "to: http://payments:3000\ndescription: Takes money at the terminal\nallowed_domains: [example.com]",
        "to: http://shellfish:3000\nname: Codes of practice\nallowed_domains: [example.com]",
    ] {
        // The host of other routes is called `code`, which is a word for editors.
        let text = route_with(lines).replace("code.example.com", "app.example.com");
        assert_eq!(World::default().report(&text), "taken", "{lines}");
    }
}

/// Every example that people copy.
#[test]
fn nothing_is_said_of_the_policies_in_the_documents() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let mut documents = vec![root.join("README.md")];
    documents.extend(std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path()));
    documents.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    let mut examples =
        vec![("config.example.yaml".to_owned(), std::fs::read_to_string(root.join("config.example.yaml")).unwrap())];
    for document in documents {
        let text = std::fs::read_to_string(&document).unwrap();
        let blocks = text.split("```yaml\n").skip(1).filter_map(|block| block.split("```").next());
        examples.extend(blocks.map(|block| (document.display().to_string(), block.to_owned())));
    }
    let mut seen = 0;
    for (document, example) in examples.iter().filter(|(_, example)| example.contains("routes:")) {
        // Files and variables they name are not there; only what is said of policies counts.
        let Ok(loaded) = World::default().load(example) else { continue };
        let said: Vec<_> = loaded.hints.iter().map(ToString::to_string).collect();
        assert!(said.is_empty(), "{document}\n{}", said.join("\n"));
        seen += 1;
    }
    assert!(seen >= 5, "only {seen} examples found");
}
