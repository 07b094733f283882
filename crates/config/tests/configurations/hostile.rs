//! Texts made to hurt: none may panic, hang, or take much memory.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use doorward_config::{DiskFiles, Files, Source};
use proptest::prelude::*;

use crate::world::{ROUTE, World};

/// Far above what any of them takes, far below a hang; tests run unoptimised and side by side.
const SOON: Duration = Duration::from_secs(20);

fn refused_soon(text: &str) -> String {
    let begun = Instant::now();
    let report = World::default().report(text);
    assert!(report.ends_with("refused"), "{}", &report[..report.len().min(500)]);
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    report
}

#[test]
fn aliases_cannot_blow_memory_up() {
    let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..30 {
        let uses = vec![format!("*a{}", level - 1); 10].join(", ");
        writeln!(laughs, "a{level}: &a{level} [{uses}]").unwrap();
    }
    assert!(refused_soon(&laughs).contains("unfolds to more than a million values"));
}

#[test]
fn merges_cannot_blow_memory_up() {
    let mut text = String::from("base: &b\n");
    for key in 0..2000 {
        writeln!(text, "  k{key}: v").unwrap();
    }
    text.push_str("all:\n");
    for _ in 0..2000 {
        text.push_str("  - <<: *b\n");
    }
    assert!(refused_soon(&text).contains("copies more than 100000 keys"));
}

#[test]
fn aliases_of_wrong_things_are_told_once() {
    let mut text = String::from("routes: &r\n  - from: nowhere\n");
    for level in 0..1000 {
        writeln!(text, "x{level}: *r").unwrap();
    }
    let report = refused_soon(&text);
    assert_eq!(report.matches("is without `https://`").count(), 1);
}

#[test]
fn more_problems_than_anybody_mends_are_counted() {
    let mut text = String::new();
    for level in 0..5000 {
        writeln!(text, "x{level}: 1").unwrap();
    }
    let report = refused_soon(&text);
    assert!(report.contains("… and 4501 more"), "{}", &report[report.len() - 200..]);
}

#[test]
fn ten_thousand_routes_are_no_trouble() {
    let mut text = String::from("routes:\n");
    for route in 0..10_000 {
        writeln!(
            text,
            "  - from: https://app-{route}.example.com\n    to: http://app-{route}:8080\n    allowed_domains: [example.com]"
        )
        .unwrap();
    }
    let begun = Instant::now();
    let loaded = World::default().load(&text).unwrap();
    assert_eq!(loaded.config.routes.len(), 10_000);
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}

#[test]
fn rules_that_routes_share_cannot_blow_memory_up() {
    let mut text = String::from("policies:\n  all:\n    - allow:\n        or:\n");
    for user in 0..10_000 {
        writeln!(text, "          - user: u{user}").unwrap();
    }
    text.push_str("routes:\n");
    for route in 0..1000 {
        writeln!(text, "  - {{from: \"https://a{route}.example.com\", to: \"http://a\", policy: all}}").unwrap();
    }
    let refused = refused_soon(&text);
    assert!(refused.contains("more than a million criteria"));
    assert!(!refused.contains("denies everyone"), "nine hundred routes are not to blame: {refused}");
}

#[test]
fn lists_that_routes_share_are_kept_once() {
    let mut text = String::from("policies:\n  all: {allow: {or: [{email: {in_people: all}}]}}\npeople:\n  all:\n");
    for person in 0..20_000 {
        writeln!(text, "    - p{person}@example.com").unwrap();
    }
    text.push_str("routes:\n");
    for route in 0..5000 {
        writeln!(text, "  - {{from: \"https://a{route}.example.com\", to: \"http://a\", policy: all}}").unwrap();
    }
    let begun = Instant::now();
    // A hundred million addresses, were they copied.
    assert_eq!(World::default().load(&text).unwrap().config.routes.len(), 5000);
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}

#[test]
fn groups_of_people_may_be_chained_but_not_asked_for_without_end() {
    let mut text = String::from("people:\n");
    for group in 0..20_000 {
        writeln!(text, "  g{group}: [g{}, p{group}@example.com]", group + 1).unwrap();
    }
    text.push_str("  g20000: [g0]\n");
    assert!(refused_soon(&format!("{text}{ROUTE}")).contains("`g0` → `g1` → `g2`"));
    let asked = vec!["{email: {in_people: g0}}"; 51].join(", ");
    let text = text.replace("  g20000: [g0]\n", "  g20000: []\n");
    let route = format!(
        "routes:\n  - {{from: \"https://a.example.com\", to: \"http://a\", policy: {{allow: {{or: [{asked}]}}}}}}\n"
    );
    assert!(refused_soon(&format!("{text}{route}")).contains("more than 100000 people"));
}

#[test]
fn expressions_cannot_blow_memory_up() {
    let bombs = ["(a{1000}){1000}", "((a{100}){100}){100}", "(((((a*)*)*)*)*){999}", "(\\\\w{300}){3}", "(x+x+)+y"];
    let mut text = String::from(
        "routes:\n  - from: https://a.example.com\n    to: http://a\n    policy:\n      - allow:\n          or:\n",
    );
    for number in 0..1100 {
        let pattern = if number < 400 { bombs[number % bombs.len()] } else { "x" };
        writeln!(text, "            - user: {{matches: \"{pattern}{number}\"}}").unwrap();
    }
    let report = refused_soon(&text);
    assert!(report.contains("too much memory") && report.contains("one pattern more than the 1000"), "{report}");
}

#[test]
fn policies_of_aliases_are_read_in_time() {
    let mut text = String::from("x: &c {email: {in: [a, b, c]}}\n");
    let uses = vec!["*c"; 20_000].join(", ");
    writeln!(
        text,
        "routes:\n  - from: https://a.example.com\n    to: http://a\n    policy: {{allow: {{or: [{uses}]}}}}"
    )
    .unwrap();
    refused_soon(&text);
    let deep = "{allow: {or: ".repeat(200);
    assert!(refused_soon(&format!("global_policy: {deep}\n{ROUTE}")).contains("nested too deeply"));
}

#[test]
fn a_long_text_of_nonsense_is_refused_soon() {
    for line in ["k{}: v\n", "- k{}: v\n", "k{}: [a, b, c]\n"] {
        let mut text = String::new();
        let mut number = 0;
        while text.len() < 1 << 20 {
            text.push_str(&line.replace("{}", &number.to_string()));
            number += 1;
        }
        refused_soon(&text);
    }
}

#[test]
fn nesting_ends() {
    for open in ["[", "{a: ", "- ", "? ", "a:\n"] {
        refused_soon(&open.repeat(10_000));
    }
    let mut block = String::new();
    for level in 0..1000 {
        writeln!(block, "{}a:", " ".repeat(level)).unwrap();
    }
    assert!(refused_soon(&block).contains("nested too deeply"));
}

#[test]
fn long_texts_are_refused_unread() {
    let text = format!("# {}\n{ROUTE}", "x".repeat(5 << 20));
    assert!(refused_soon(&text).contains("longer than 4 MiB"));
    assert!(Source::from_bytes("config.yaml", text.as_bytes()).unwrap_err().to_string().contains("4 MiB"));
}

#[test]
fn long_words_are_not_repeated() {
    let report = refused_soon(&format!("{}: 1\n{ROUTE}", "k".repeat(1000)));
    assert!(report.len() < 1000, "{report}");
    let report = refused_soon(&format!("\"a\\u001b[31mb\\n\": 1\n{ROUTE}"));
    assert!(!report.contains('\u{1b}'), "a key must not reach the terminal's controls: {report:?}");
}

#[test]
fn bytes_that_are_no_text_are_placed() {
    let told = |bytes: &[u8]| Source::from_bytes("config.yaml", bytes).unwrap_err().to_string();
    assert!(
        told(b"a: b\nc: \xc3\xa4\xff").starts_with("config.yaml:2:5: error: "),
        "{}",
        told(b"a: b\nc: \xc3\xa4\xff")
    );
    assert!(told(b"\xff\xfea\0:\0").contains("UTF-16"));
    assert!(told(b"\xff").starts_with("config.yaml:1:1: "));
}

#[test]
fn a_byte_order_mark_and_windows_lines_are_no_trouble() {
    assert_eq!(World::default().report(&format!("\u{feff}{ROUTE}")), "taken");
    assert_eq!(World::default().report(&ROUTE.replace('\n', "\r\n")), "taken");
    assert!(World::default().report("address: x\u{feff}\n\u{feff}").ends_with("refused"));
}

#[test]
fn files_that_are_none_are_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let error = DiskFiles.read(folder.path()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::IsADirectory);
    assert!(DiskFiles.read(std::path::Path::new("/dev/zero")).is_err());
    let long = folder.path().join("long");
    std::fs::write(&long, vec![b'x'; (1 << 20) + 1]).unwrap();
    assert_eq!(DiskFiles.read(&long).unwrap_err().kind(), std::io::ErrorKind::FileTooLarge);
    std::fs::write(&long, vec![b'x'; 1 << 20]).unwrap();
    assert_eq!(DiskFiles.read(&long).unwrap().len(), 1 << 20);
}

/// Pieces that configurations are made of, and pieces that break them.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("routes:\n".to_owned()),
        Just("  - from: https://a.example\n".to_owned()),
        Just("    to: http://b\n".to_owned()),
        Just("    policy:\n".to_owned()),
        Just("      - allow: {or: [{email: x}]}\n".to_owned()),
        Just("policy: ".to_owned()),
        Just("users: ".to_owned()),
        Just("certificates: ".to_owned()),
        Just("set_response_headers: ".to_owned()),
        Just("<<: ".to_owned()),
        Just("&a ".to_owned()),
        Just("*a".to_owned()),
        Just("[".to_owned()),
        Just("]".to_owned()),
        Just("{".to_owned()),
        Just("}".to_owned()),
        Just("\n".to_owned()),
        Just("${".to_owned()),
        "[ -~]{0,8}",
        "\\PC{0,4}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn no_text_panics(text in any::<String>()) {
        let _ = World::default().report(&text);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(source) = Source::from_bytes("x", &bytes) {
            let _ = World::default().report(source.text);
        }
    }

    #[test]
    fn nothing_made_of_pieces_panics(pieces in prop::collection::vec(piece(), 0..24)) {
        let _ = World::default().report(&pieces.concat());
    }

    #[test]
    fn nothing_written_into_a_route_panics(key in "from|to|prefix|path|regex|regex_rewrite_substitution|host_rewrite_header|host_path_regex_rewrite_pattern|rewrite_response_headers|regex_priority_order|path_with_escaped_slashes_action|kubernetes_service_account_token|host_rewrite|prefix_rewrite|timeout|redirect|response|policy|policy_shadow|show_error_details|name|tls_client_cert|tls_client_key|tls_downstream_client_ca|tls_upstream_server_name", value in "\\PC{0,40}") {
        let _ = World::default().report(&format!("{ROUTE}    {key}: {value}\n"));
    }

    #[test]
    fn nothing_written_about_certificates_panics(
        key in "autocert_(ca|email|eab_key_id|eab_mac_key|dir|profile|challenges|trusted_ca)|metrics_address|downstream_mtls",
        value in "\\PC{0,40}",
    ) {
        let _ = World::default().report(&format!("autocert: true\n{key}: {value}\n{ROUTE}"));
    }

    #[test]
    fn nothing_written_for_all_routes_panics(key in "policies|people|global_policy|support_contact|idp_groups_claim", value in "\\PC{0,40}") {
        let _ = World::default().report(&format!("{key}: {value}\n{ROUTE}"));
    }

    #[test]
    fn nothing_asked_by_a_policy_panics(
        criterion in "email|user|groups|claim/[a-z/.]{0,12}|source_ip|http_(method|path|query/a|header/\\PC{0,4})|websocket|authentication_age|date|day_of_week|time_of_day|client_certificate",
        inner in prop::option::of("is|in|matches|glob|has_all|in_people|ignore_case|after|before|timezone|days|at_most|san_dns"),
        value in "[-0-9:.apmT+Z/,* ]{0,12}|\\PC{0,12}",
    ) {
        let value = format!("'{}'", value.replace('\'', "''"));
        let value = inner.map_or(value.clone(), |key| format!("{{{key}: {value}}}"));
        let _ = World::default().report(&format!("people: {{a: [b@example.com]}}\nglobal_policy: {{deny: {{or: [{{'{criterion}': {value}}}]}}}}\n{ROUTE}"));
    }

    #[test]
    fn nothing_written_into_a_block_panics(
        block in "autocert_dns: \\{(rfc2136|acme_dns|exec): \\{(server|zone|tsig_secret|url|accounts|command|timeout)|downstream_mtls: \\{match_subject_alt_names: \\{dns",
        value in "\\PC{0,40}",
    ) {
        let _ = World::default().report(&format!("autocert: true\n{block}: {value}}}}}\n{ROUTE}"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_certificate_panics(at in any::<prop::sample::Index>(), byte in any::<u8>(), file in "(chain|client|root)\\.pem|root\\.crl") {
        let world = World::with_certificates();
        let pem = &world.files[&std::path::Path::new("certs").join(file)];
        let spoilt = spoilt(std::str::from_utf8(pem).unwrap(), at, byte);
        let world = world.file("spoilt", spoilt);
        let _ = world.report(&format!("certificate_file: spoilt\ncertificate_key_file: certs/p256.key\n{ROUTE}"));
        let _ = world.report(&format!("downstream_mtls: {{ca_file: spoilt, crl_file: spoilt}}\n{ROUTE}"));
    }
}

/// The text with a byte changed inside its blocks, which stay base64.
fn spoilt(pem: &str, at: prop::sample::Index, byte: u8) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let mut whole = String::new();
    for block in pem.split_inclusive("-----END ").filter(|block| block.contains("-----BEGIN ")) {
        let (_, rest) = block.split_once("-----BEGIN ").unwrap();
        let (label, body) = rest.split_once("-----").unwrap();
        let body = body.strip_suffix("-----END ").unwrap();
        let mut der = STANDARD.decode(body.split_whitespace().collect::<String>()).unwrap();
        let at = at.index(der.len());
        der[at] = byte;
        write!(whole, "-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der)).unwrap();
    }
    whole
}
