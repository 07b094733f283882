//! What the process says: a line before it tries something, and a line once that was answered.

use doorward_sessions::{RecordKey, RecordKind};

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    /// Record `name` is being written, with content that follows from `content`.
    Writing { name: u8, content: u64 },
    /// It was answered that the record has this version now.
    Written { name: u8, version: u64 },
    /// Record `name` is being removed, by name or by a sweep.
    Removing { name: u8 },
    /// It was answered that it is gone.
    Removed { name: u8 },
    /// A session of this ticket has begun and was granted.
    Granted { ticket: String },
    /// It is being ended.
    Ending { ticket: String },
    /// It was answered that it has ended.
    Ended { ticket: String },
}

impl Word {
    pub(crate) fn to_line(&self) -> String {
        match self {
            Self::Writing { name, content } => format!("writing {name} {content}\n"),
            Self::Written { name, version } => format!("written {name} {version}\n"),
            Self::Removing { name } => format!("removing {name}\n"),
            Self::Removed { name } => format!("removed {name}\n"),
            Self::Granted { ticket } => format!("granted {ticket}\n"),
            Self::Ending { ticket } => format!("ending {ticket}\n"),
            Self::Ended { ticket } => format!("ended {ticket}\n"),
        }
    }

    pub(crate) fn parse(line: &str) -> Self {
        let words: Vec<_> = line.split(' ').collect();
        let name = |text: &str| text.parse().unwrap();
        match *words {
            ["writing", of, content] => Self::Writing { name: name(of), content: content.parse().unwrap() },
            ["written", of, version] => Self::Written { name: name(of), version: version.parse().unwrap() },
            ["removing", of] => Self::Removing { name: name(of) },
            ["removed", of] => Self::Removed { name: name(of) },
            ["granted", ticket] => Self::Granted { ticket: ticket.to_owned() },
            ["ending", ticket] => Self::Ending { ticket: ticket.to_owned() },
            ["ended", ticket] => Self::Ended { ticket: ticket.to_owned() },
            _ => panic!("the process said {line:?}"),
        }
    }
}

/// The record of a name: scattered over the file, as hashes are.
pub(crate) fn key(name: u8) -> RecordKey {
    RecordKey { kind: RecordKind::Grant, id: [name.wrapping_mul(151); 32] }
}

/// The bytes of a content: between none and a few pages of the file.
pub(crate) fn bytes(content: u64) -> Vec<u8> {
    let length = usize::try_from(content % 9_000).unwrap();
    content.to_le_bytes().iter().copied().cycle().take(length).collect()
}
