//! What is wrong with a configuration, where, and how to mend it.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The configuration works; this may save an hour of searching.
    Hint,
    /// The configuration works, but hardly as meant.
    Warning,
    /// The configuration is not taken.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hint => "hint",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// Where a word of the configuration stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// In a file, at a line and a column, both counted from 1.
    Text {
        /// The name of the file as the user gave it.
        name: Arc<str>,
        /// The line.
        line: u32,
        /// The column, in characters.
        column: u32,
    },
    /// Nowhere in particular in this file.
    Whole(Arc<str>),
    /// In an environment variable.
    Variable(Arc<str>),
    /// On the command line.
    CommandLine,
}

impl Place {
    /// The line in its file; 0 where there are no lines.
    pub fn line(&self) -> u32 {
        match self {
            Self::Text { line, .. } => *line,
            Self::Whole(_) | Self::Variable(_) | Self::CommandLine => 0,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text { name, line, column } => write!(f, "{name}:{line}:{column}"),
            Self::Whole(name) => f.write_str(name),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::CommandLine => f.write_str("command line"),
        }
    }
}

/// One thing that is wrong, or likely to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// Where.
    pub place: Place,
    /// What is wrong. Never holds the value of a secret.
    pub what: String,
    /// How to mend it.
    pub mend: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.place, self.severity, self.what)?;
        for line in self.mend.iter().flat_map(|mend| mend.lines()) {
            write!(f, "\n    {line}")?;
        }
        Ok(())
    }
}

/// How many problems are told one by one; nobody mends more at a time.
const MOST_TOLD: usize = 500;

/// How many are kept until they are sorted, to tell the first ones of the file.
const MOST_KEPT: usize = 20_000;

/// Every problem of one configuration, in the order of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems {
    told: Vec<Problem>,
    untold: usize,
    /// Until they are sorted, those that were noted again are among them.
    errors: usize,
    /// How many errors were noted again.
    repeated: usize,
    /// What was noted, and where.
    known: HashSet<(Place, String, Option<String>)>,
}

impl Problems {
    /// The problems, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.told.iter()
    }

    /// How many of this severity there are; of errors also those past the ones told.
    pub fn count(&self, severity: Severity) -> usize {
        if severity == Severity::Error {
            return self.errors;
        }
        self.told.iter().filter(|problem| problem.severity == severity).count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.told.is_empty()
    }

    /// Whether any of them keeps the configuration from being taken.
    pub(crate) fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Whether so many are noted that another one will hardly be read.
    pub(crate) fn are_too_many(&self) -> bool {
        self.errors > MOST_TOLD
    }

    /// Notes an error and how to mend it.
    pub(crate) fn error(&mut self, place: &Place, what: impl Into<String>, mend: impl Into<String>) {
        self.push(Severity::Error, place, what.into(), Some(mend.into()));
    }

    pub(crate) fn warning(&mut self, place: &Place, what: impl Into<String>, mend: impl Into<String>) {
        self.push(Severity::Warning, place, what.into(), Some(mend.into()));
    }

    pub(crate) fn hint(&mut self, place: &Place, what: impl Into<String>, mend: impl Into<String>) {
        self.push(Severity::Hint, place, what.into(), Some(mend.into()));
    }

    /// The problems sorted by place.
    pub(crate) fn sorted(mut self) -> Self {
        self.told.sort_by(|one, other| one.place.cmp(&other.place));
        self.errors -= std::mem::take(&mut self.repeated);
        self.known = HashSet::new();
        self.untold += self.told.len().saturating_sub(MOST_TOLD);
        self.told.truncate(MOST_TOLD);
        self
    }

    /// The problems as a plain list.
    pub fn into_vec(self) -> Vec<Problem> {
        self.told
    }

    /// Each is told once, however often it is noted: an alias is read wherever it is used, and the rules of a shared
    /// policy are looked at in every route.
    fn push(&mut self, severity: Severity, place: &Place, what: String, mend: Option<String>) {
        let is_error = usize::from(severity == Severity::Error);
        self.errors += is_error;
        let key = (place.clone(), what, mend);
        if self.known.contains(&key) {
            self.repeated += is_error;
        } else if self.told.len() < MOST_KEPT {
            let (place, what, mend) = key.clone();
            self.told.push(Problem { severity, place, what, mend });
            self.known.insert(key);
        } else {
            self.untold += 1;
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.told.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        if self.untold > 0 {
            write!(f, "\n… and {} more", self.untold)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
