//! Holds the documents to what the program understands: every YAML block is a configuration that loads, and every
//! link between documents leads somewhere.
//!
//! A block fenced as `yaml` is a whole configuration. One whose first line is `# fragment` is part of one: top-level
//! keys, keys of a route, or whole routes; what is missing is added here. Other YAML (a compose file) is fenced with a
//! second word, as in `yaml compose`, and not looked at.
#![allow(clippy::unwrap_used, clippy::panic, reason = "all of this file is tests")]

use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::SystemTime;

use doorward_authorize::Reason;
use doorward_config::{Env, Files, Loaded, Overrides, Problems, Source, load};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// README, and everything below docs/.
fn documents() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    for entry in std::fs::read_dir(root()).unwrap() {
        let path = entry.unwrap().path();
        found.extend(path.extension().is_some_and(|extension| extension == "md").then_some(path));
    }
    found.sort();
    found
}

/// A fenced block: the line it begins on, the words behind the fence, and its text.
struct Block {
    line: usize,
    words: String,
    text: String,
}

fn blocks(markdown: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<(Block, usize)> = None;
    for (index, line) in markdown.lines().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let fence = line.trim_start().strip_prefix("```");
        match (&mut open, fence) {
            (None, Some(words)) => {
                let block = Block { line: index + 1, words: words.trim().to_owned(), text: String::new() };
                open = Some((block, indent));
            }
            (Some(_), Some("")) => blocks.extend(open.take().map(|(block, _)| block)),
            (Some((block, indent)), _) => {
                block.text += line.get(*indent..).unwrap_or_default();
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    blocks
}

/// The machine a document's configuration would run on: every secret and certificate it names is there.
struct Imagined<'a> {
    text: &'a str,
}

impl Env for Imagined<'_> {
    /// What the text asks for by `${NAME}`; no variable stands over a key.
    fn get(&self, name: &str) -> Option<String> {
        self.text.contains(&format!("${{{name}}}")).then(|| "imagined".to_owned())
    }
}

impl Files for Imagined<'_> {
    fn read(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        let name = path.file_name().unwrap().to_string_lossy();
        let (certificate, key) = pair();
        match name.as_ref() {
            name if name.contains("mac_key") => Ok(b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n".to_vec()),
            name if name.contains("key") => Ok(key.clone().into_bytes()),
            _ if path.extension().is_some_and(|extension| extension == "crl") => Ok(revocation_list().into_bytes()),
            _ if path.extension().is_some_and(|extension| extension == "pem" || extension == "crt") => {
                Ok(certificate.clone().into_bytes())
            }
            name if name.contains("secret") || name.contains("password") => {
                Ok(b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n".to_vec())
            }
            _ => Err(Error::new(ErrorKind::NotFound, "documents name no such file")),
        }
    }
}

fn pair() -> &'static (String, String) {
    static PAIR: OnceLock<(String, String)> = OnceLock::new();
    PAIR.get_or_init(|| {
        let names = ["example.com", "*.example.com"].map(String::from);
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    })
}

/// A list of nothing, by an authority of its own.
fn revocation_list() -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::default();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    authority.key_usages = vec![rcgen::KeyUsagePurpose::CrlSign];
    let list = rcgen::CertificateRevocationListParams {
        this_update: rcgen::date_time_ymd(2026, 1, 1),
        next_update: rcgen::date_time_ymd(4000, 1, 1),
        crl_number: rcgen::SerialNumber::from(1_u64),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: rcgen::KeyIdMethod::Sha256,
    };
    list.signed_by(&rcgen::Issuer::new(authority, key)).unwrap().pem().unwrap()
}

fn load_text(name: &str, text: &str) -> Result<Loaded, Problems> {
    let imagined = Imagined { text };
    load(&Source::new(name, text), &Overrides::default(), &imagined, &imagined, SystemTime::now())
}

const ROUTE: &str = "from: https://fragment.example.com\nto: http://127.0.0.1:8080\n";

fn indent(text: &str, by: &str) -> String {
    text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("{by}{line}\n") }).collect()
}

/// The ways a fragment may be meant, each made whole.
fn completed(fragment: &str) -> Vec<String> {
    let has = |key: &str| fragment.lines().any(|line| line.starts_with(&format!("{key}:")));
    let route = format!("routes:\n  -\n{}", indent(ROUTE, "    "));
    // A key about the identity provider takes the others that belong to it.
    let provider = "idp_provider: oidc\nidp_provider_url: https://idp.example.com\nidp_client_id: doorward\n";
    let idp: String = if fragment.lines().any(|line| line.starts_with("idp_")) {
        missing_of(provider, fragment)
    } else {
        String::new()
    };
    let fragment = &format!("{idp}{fragment}");
    let mut ways = vec![if has("routes") { fragment.to_owned() } else { format!("{fragment}{route}") }];
    ways.push(format!("routes:\n{}", indent(fragment, "  ")));
    ways.push(format!("routes:\n  -\n{}", indent(&format!("{}{fragment}", missing_of(ROUTE, fragment)), "    ")));
    ways
}

/// Those of these lines whose key the text does not have.
fn missing_of(lines: &str, text: &str) -> String {
    let has = |line: &str| text.lines().any(|own| own.split(':').next() == line.split(':').next());
    lines.lines().filter(|line| !has(line)).flat_map(|line| [line, "\n"]).collect()
}

#[test]
fn the_example_of_replicas_is_a_configuration_that_loads_and_names_files_that_are_there() {
    let folder = root().join("deploy/replicas");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let config = ExampleOfReplicas;
    let loaded = load(
        &Source::new("deploy/replicas/config.yaml", &read("config.yaml")),
        &Overrides::default(),
        &config,
        &config,
        SystemTime::now(),
    );
    let loaded = loaded.unwrap_or_else(|problems| panic!("{problems}"));
    assert!(loaded.hints.iter().all(|hint| hint.to_string().contains("without TLS")), "the network is its own");
    assert_eq!(loaded.config.sessions.secrets.len(), 1);
    // Every file of the folder that the compose file mounts is there, or made by the commands at its top.
    let compose = read("compose.yaml");
    let made: Vec<&str> =
        compose.lines().filter_map(|line| line.strip_prefix('#')?.split_once("> ")).map(|made| made.1).collect();
    assert_eq!(made, ["cookie_secret", "store_password", "store_address", "client_secret"]);
    let named = compose.lines().filter(|line| !line.starts_with('#')).flat_map(|line| line.split("./").skip(1));
    let mut looked_at = 0;
    for name in named.map(|rest| rest.split([':', ' ', '"']).next().unwrap()).filter(|name| *name != "..") {
        looked_at += 1;
        assert!(made.contains(&name) || folder.join(name).exists(), "{name}");
    }
    assert_eq!(looked_at, 6);
    // Both replicas are behind both doors of the balancer, where they listen and tell their health.
    let balancer = read("haproxy.cfg");
    for (port, name) in [(443, "doorward-1"), (443, "doorward-2"), (80, "doorward-1"), (80, "doorward-2")] {
        assert!(compose.contains(&format!("  {name}: *doorward\n")));
        assert!(balancer.contains(&format!(" {name}:{port} check port 28080\n")), "{name}:{port}");
    }
    assert_eq!(loaded.config.listeners.addresses[0].port(), 443);
    assert_eq!(loaded.config.listeners.redirect.map(|address| address.port()), Some(80));
    assert_eq!(loaded.config.health.map(|address| address.port()), Some(28080));
}

/// The container of the example, with its secrets in it.
struct ExampleOfReplicas;

impl Env for ExampleOfReplicas {
    fn get(&self, _: &str) -> Option<String> {
        None
    }
}

impl Files for ExampleOfReplicas {
    fn read(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        match path.to_str().unwrap() {
            "/run/secrets/cookie_secret" => Ok(b"l6TqxV8h5XsmdHVnKBjQqd3I31pcPuVwHhIBaEUm1dE=\n".to_vec()),
            "/run/secrets/store_address" => Ok(b"redis://:password@valkey:6379\n".to_vec()),
            "/run/secrets/client_secret" => Ok(b"secret\n".to_vec()),
            _ => Err(Error::new(ErrorKind::NotFound, "the example names no such file")),
        }
    }
}

#[test]
fn every_block_of_yaml_is_a_configuration_that_loads() {
    let mut failed = Vec::new();
    let mut looked_at = 0;
    for path in documents() {
        let markdown = std::fs::read_to_string(&path).unwrap();
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        for block in blocks(&markdown).into_iter().filter(|block| block.words == "yaml") {
            looked_at += 1;
            let at = format!("{name} (block at line {})", block.line);
            let problems = if block.text.starts_with("# fragment") {
                let ways = completed(&block.text);
                let tries: Vec<_> = ways.iter().map(|text| load_text(&at, text)).collect();
                if tries.iter().any(Result::is_ok) {
                    continue;
                }
                tries
                    .into_iter()
                    .filter_map(Result::err)
                    .map(|problems| problems.to_string())
                    .collect::<Vec<_>>()
                    .join("\n  or\n")
            } else {
                match load_text(&at, &block.text) {
                    Ok(_) => continue,
                    Err(problems) => problems.to_string(),
                }
            };
            failed.push(format!("{at}:\n{problems}"));
        }
    }
    assert!(looked_at > 0, "no document shows any configuration");
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

#[test]
fn the_example_configuration_loads_without_a_hint() {
    let text = std::fs::read_to_string(root().join("config.example.yaml")).unwrap();
    let loaded = load_text("config.example.yaml", &text).unwrap_or_else(|problems| panic!("{problems}"));
    let hints: Vec<_> = loaded.hints.iter().map(ToString::to_string).collect();
    assert!(hints.is_empty(), "{}", hints.join("\n"));
}

#[test]
fn every_reason_is_explained() {
    let text = std::fs::read_to_string(root().join("docs/policy.md")).unwrap();
    let missing: Vec<_> = Reason::ALL.into_iter().filter(|reason| !text.contains(&format!("`{reason}`"))).collect();
    assert!(missing.is_empty(), "docs/policy.md says nothing of {missing:?}");
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let mut broken = Vec::new();
    for path in documents() {
        let markdown = std::fs::read_to_string(&path).unwrap();
        let folder = path.parent().unwrap();
        for link in links(&markdown) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { path.clone() } else { folder.join(file) };
            let found = target.exists() && (anchor.is_empty() || has_heading(&target, anchor));
            if !found {
                broken.push(format!("{}: {link}", path.strip_prefix(root()).unwrap().display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// The targets of links that stay within the repository.
fn links(markdown: &str) -> Vec<&str> {
    let is_elsewhere = |target: &&str| target.contains("://") || target.starts_with("mailto:");
    markdown
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|target| !target.contains(char::is_whitespace) && !is_elsewhere(target))
        .collect()
}

fn has_heading(path: &Path, anchor: &str) -> bool {
    let Ok(text) = std::fs::read_to_string(path) else { return false };
    let headings = text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let mut slugs = headings.map(|heading| {
        let kept = heading.to_lowercase().replace(' ', "-");
        kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect::<String>()
    });
    slugs.any(|slug| slug == anchor)
}

#[test]
fn fragments_and_fences_are_read_as_documented() {
    let text = "```yaml\na: b\n```\n\n- x\n  ```yaml compose\n  services:\n    a: b\n  ```\n";
    let found = blocks(text);
    assert_eq!(
        found.iter().map(|block| (block.line, block.words.as_str())).collect::<Vec<_>>(),
        [(1, "yaml"), (6, "yaml compose")]
    );
    assert_eq!(found.iter().map(|block| block.text.as_str()).collect::<Vec<_>>(), ["a: b\n", "services:\n  a: b\n"]);
    for fragment in [
        "cookie_expire: 1h\n",
        "allow_any_authenticated_user: true\n",
        "- from: https://a.example.com\n  to: http://b\n",
    ] {
        assert!(completed(fragment).iter().any(|text| load_text("x", text).is_ok()), "{fragment}");
    }
    assert!(completed("no_such_key: 1\n").iter().all(|text| load_text("x", text).is_err()));
}
