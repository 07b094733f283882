//! Holds the crates to their levels (docs/ARCHITECTURE.md, "The tower"): an arrow that points up or sideways fails.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this file is tests")]

use std::process::Command;

use serde_json::Value;

/// Every crate of the workspace and its level. A new crate needs a line here and in docs/ARCHITECTURE.md.
const LEVELS: [(&str, u8); 16] = [
    ("doorward-identity", 0),
    ("doorward-hygiene", 0),
    ("doorward-pages", 0),
    ("doorward-telemetry", 0),
    ("doorward-private-files", 0),
    ("doorward-rates", 0),
    ("doorward-authorize", 1),
    ("doorward-config", 2),
    ("doorward-sessions", 3),
    ("doorward-assertion", 3),
    ("doorward-certificates", 3),
    ("doorward-transport", 3),
    ("doorward-authenticate", 4),
    ("doorward-proxy", 4),
    ("doorward", 5),
    // Above everything: it may look at any crate, and none may look at it.
    ("doorward-tests", 6),
];

/// What the deciding crates must not have: sockets, clocks that tick, files (docs/adr/0001).
const PURE: [&str; 3] = ["doorward-identity", "doorward-hygiene", "doorward-authorize"];
const IMPURE: [&str; 7] = ["tokio", "hyper", "hyper-util", "reqwest", "rustls", "redb", "tracing-subscriber"];

/// One `[dependencies]` line.
struct Arrow {
    from: String,
    to: String,
    only_for_tests: bool,
}

/// The packages of the workspace, as cargo describes them.
fn packages() -> Vec<Value> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--offline", "--no-deps", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

fn arrows() -> Vec<Arrow> {
    let mut arrows = Vec::new();
    for package in packages() {
        let from = package["name"].as_str().unwrap();
        assert!(level(from).is_some(), "{from} has no level: give it one in tests/architecture.rs");
        for dependency in package["dependencies"].as_array().unwrap() {
            arrows.push(Arrow {
                from: from.to_owned(),
                to: dependency["name"].as_str().unwrap().to_owned(),
                only_for_tests: dependency["kind"] == "dev",
            });
        }
    }
    arrows
}

fn level(name: &str) -> Option<u8> {
    LEVELS.iter().find(|(known, _)| *known == name).map(|(_, level)| *level)
}

#[test]
fn arrows_point_down_only() {
    let arrows = arrows();
    let wrong: Vec<String> = arrows
        .iter()
        .filter_map(|arrow| Some((arrow, level(&arrow.from)?, level(&arrow.to)?)))
        .filter(|(_, from, to)| to >= from)
        .map(|(arrow, from, to)| format!("{} (level {from}) uses {} (level {to})", arrow.from, arrow.to))
        .collect();
    assert!(wrong.is_empty(), "these arrows do not point down:\n{}", wrong.join("\n"));
}

#[test]
fn every_level_has_its_crates() {
    let packages = packages();
    let missing: Vec<_> =
        LEVELS.iter().filter(|(name, _)| !packages.iter().any(|package| package["name"] == *name)).collect();
    assert!(missing.is_empty(), "in the table, but not in the workspace: {missing:?}");
}

#[test]
fn what_decides_has_no_socket_and_no_file() {
    let wrong: Vec<String> = arrows()
        .iter()
        .filter(|arrow| !arrow.only_for_tests && PURE.contains(&arrow.from.as_str()))
        .filter(|arrow| IMPURE.contains(&arrow.to.as_str()))
        .map(|arrow| format!("{} uses {}", arrow.from, arrow.to))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
