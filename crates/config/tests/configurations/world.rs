//! A world to read configurations in: environment and files that are not the machine's own.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::certificates::FILES;
use doorward_config::{Env, Files, Loaded, Overrides, Problems, Severity, Source, load};

/// 2027-01-15, when the certificates among the fixtures are valid.
pub(crate) fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

#[derive(Default)]
pub(crate) struct World {
    pub(crate) variables: HashMap<String, String>,
    pub(crate) files: HashMap<PathBuf, Vec<u8>>,
    pub(crate) overrides: Overrides,
    pub(crate) now: Option<SystemTime>,
}

impl World {
    /// With certificates and keys of every kind below `certs/`.
    pub(crate) fn with_certificates() -> Self {
        FILES.iter().fold(Self::default(), |world, (name, text)| world.file(&format!("certs/{name}"), text.as_str()))
    }

    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    pub(crate) fn file(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path.into(), content.into());
        self
    }

    pub(crate) fn load(&self, text: &str) -> Result<Loaded, Problems> {
        let now = self.now.unwrap_or_else(now);
        load(&Source::new("config.yaml", text), &self.overrides, self, self, now)
    }

    /// Everything said of a configuration, and whether it is taken.
    pub(crate) fn report(&self, text: &str) -> String {
        match self.load(text) {
            Ok(loaded) if loaded.hints.is_empty() => "taken".into(),
            Ok(loaded) => {
                let hints: Vec<_> = loaded.hints.iter().map(ToString::to_string).collect();
                format!("{}\ntaken", hints.join("\n"))
            }
            Err(problems) => {
                assert!(problems.count(Severity::Error) > 0, "refused without a reason: {text:?}");
                format!("{problems}\nrefused")
            }
        }
    }
}

impl Env for World {
    fn get(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }
}

impl Files for World {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        match self.files.get(path) {
            Some(bytes) => Ok(bytes.clone()),
            None if path.starts_with("forbidden") => Err(io::ErrorKind::PermissionDenied.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

/// A route that has nothing wrong with it, for configurations about something else.
pub(crate) const ROUTE: &str = "\
routes:
  - from: https://code.example.com
    to: http://code-server:8080
    allow_websockets: true
    preserve_host_header: true
    policy:
      - allow: {or: [{email: {is: you@example.com}}]}
";

/// The same with the lines given in it.
pub(crate) fn route_with(lines: &str) -> String {
    let mut text = String::from("routes:\n  - from: https://code.example.com\n");
    for line in lines.lines() {
        text.push_str("    ");
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// The same that allows somebody and forwards to somewhere.
pub(crate) fn forwarding(lines: &str) -> String {
    route_with(&format!("to: http://app:8080\nallow_any_authenticated_user: true\n{lines}"))
}

/// As one text for a snapshot: each case's name, its text, and what is said of it.
pub(crate) fn book(world: &World, cases: &[(&str, String)]) -> String {
    let mut book = String::new();
    for (name, text) in cases {
        let shown = if text.len() > 2000 { "(long)" } else { text.trim_end() };
        write!(book, "### {name}\n\n{shown}\n\n=>\n{}\n\n", world.report(text)).unwrap();
    }
    book
}
