//! Where a configuration comes from: its text, the environment, other files, the command line.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::problem::{Place, Problems};

/// The longest configuration text, in bytes.
pub(crate) const LONGEST_TEXT: usize = 4 << 20;

/// The longest file a configuration may refer to, in bytes.
const LONGEST_FILE: u64 = 1 << 20;

/// A configuration's text and its name.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// What to call it in messages: the path as the user gave it.
    pub name: &'a str,
    /// The YAML.
    pub text: &'a str,
}

impl<'a> Source<'a> {
    /// A source of this text.
    pub fn new(name: &'a str, text: &'a str) -> Self {
        Self { name, text }
    }

    /// A source from what stood in a file.
    ///
    /// # Errors
    /// A [`Problems`] of one when there are more than 4 MiB or the bytes are not UTF-8.
    pub fn from_bytes(name: &'a str, bytes: &'a [u8]) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        if bytes.len() > LONGEST_TEXT {
            too_long(name, &mut problems);
            return Err(problems);
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Self::new(name, text)),
            Err(error) => {
                let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
                not_utf8(name, bytes, before, &mut problems);
                Err(problems)
            }
        }
    }
}

impl fmt::Debug for Source<'_> {
    /// Without the text: there are secrets in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("name", &self.name).finish_non_exhaustive()
    }
}

pub(crate) fn too_long(name: &str, problems: &mut Problems) {
    problems.error(
        &Place::Whole(name.into()),
        "the file is longer than 4 MiB, which no configuration is",
        "Check that this is the right file.",
    );
}

fn not_utf8(name: &str, bytes: &[u8], before: &[u8], problems: &mut Problems) {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        problems.error(&Place::Whole(name.into()), "the file is UTF-16, not UTF-8", "Save it again as UTF-8.");
        return;
    }
    let number = |count: usize| u32::try_from(count + 1).unwrap_or(u32::MAX);
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |position| position + 1);
    let in_line = before.get(line_start..).unwrap_or_default();
    let place = Place::Text {
        name: name.into(),
        line: number(before.split(|byte| *byte == b'\n').count() - 1),
        column: number(String::from_utf8_lossy(in_line).chars().count()),
    };
    problems.error(&place, "here is a byte that is not UTF-8 text", "Save the file again as UTF-8.");
}

/// What the command line says over the file.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--cert`, with or without a file.
    pub cert: Option<CertificateFlag>,
    /// `--cert-key FILE`.
    pub cert_key: Option<PathBuf>,
    /// `--cert-host NAME`, as often as given.
    pub cert_hosts: Vec<String>,
}

/// What `--cert` was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateFlag {
    /// `--cert` alone: a self-signed certificate, whatever the file says.
    SelfSigned,
    /// `--cert FILE`: this one, whatever the file says.
    File(PathBuf),
}

/// The environment.
pub trait Env {
    /// The value of a variable; none when unset or not Unicode.
    fn get(&self, name: &str) -> Option<String>;
}

/// The files a configuration refers to.
pub trait Files {
    /// The whole of a file, at most 1 MiB.
    ///
    /// # Errors
    /// The system's, or one of kind [`std::io::ErrorKind::FileTooLarge`].
    fn read(&self, path: &Path) -> std::io::Result<Vec<u8>>;
}

/// The environment of the process.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessEnv;

impl Env for ProcessEnv {
    fn get(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

/// The files on disk.
#[derive(Debug, Clone, Copy, Default)]
pub struct DiskFiles;

impl DiskFiles {
    /// The bytes of a configuration file, at most just over the 4 MiB that [`Source::from_bytes`] takes.
    ///
    /// # Errors
    /// The system's.
    pub fn read_configuration(path: &Path) -> std::io::Result<Vec<u8>> {
        read_up_to(path, LONGEST_TEXT as u64 + 1)
    }
}

impl Files for DiskFiles {
    fn read(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        // Asked before opening, because opening a named pipe waits for somebody to write to it.
        let kind = std::fs::metadata(path)?;
        if !kind.is_file() && !kind.is_dir() {
            return Err(std::io::Error::other("this is not a regular file"));
        }
        let bytes = read_up_to(path, LONGEST_FILE + 1)?;
        if bytes.len() as u64 > LONGEST_FILE {
            return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, "the file is longer than 1 MiB"));
        }
        Ok(bytes)
    }
}

fn read_up_to(path: &Path, most: u64) -> std::io::Result<Vec<u8>> {
    let file = std::fs::File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(std::io::Error::new(std::io::ErrorKind::IsADirectory, "this is a directory"));
    }
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}
