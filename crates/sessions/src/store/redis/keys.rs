//! The names of things in the server.
//!
//! What a script touches together must live in one place of a cluster: the part between braces decides that.

use super::super::change::hex;
use crate::{RecordKey, RecordKind};

/// How many places the records of a kind are spread over: one for each first digit of an id.
pub(super) const BUCKETS: u8 = 16;

/// Makes names.
pub(super) struct Keys {
    prefix: String,
}

impl Keys {
    pub(super) fn new(prefix: String) -> Self {
        Self { prefix }
    }

    /// The hash of a record: version, expires, sealed.
    pub(super) fn record(&self, key: &RecordKey) -> String {
        self.record_of(key.kind, bucket(key), &hex(&key.id))
    }

    pub(super) fn record_of(&self, kind: RecordKind, bucket: u8, id: &str) -> String {
        format!("{}{id}", self.place(kind, bucket))
    }

    /// The sorted set of ids, for reading them in order.
    pub(super) fn names(&self, kind: RecordKind, bucket: u8) -> String {
        format!("{}names", self.place(kind, bucket))
    }

    /// The sorted set of ids by expiry, for sweeping.
    pub(super) fn expiries(&self, kind: RecordKind, bucket: u8) -> String {
        format!("{}expiries", self.place(kind, bucket))
    }

    /// What the scripts about one record touch.
    pub(super) fn all_of(&self, key: &RecordKey) -> Vec<String> {
        vec![self.record(key), self.names(key.kind, bucket(key)), self.expiries(key.kind, bucket(key))]
    }

    /// Where changes are published.
    pub(super) fn channel(&self) -> String {
        format!("{}changes", self.prefix)
    }

    fn place(&self, kind: RecordKind, bucket: u8) -> String {
        format!("{}{{{}{bucket:x}}}:", self.prefix, kind.tag())
    }
}

fn bucket(key: &RecordKey) -> u8 {
    key.id.first().map_or(0, |byte| byte >> 4)
}

/// The bucket of an id as it is spelt.
pub(super) fn bucket_of(id: &str) -> Option<u8> {
    id.get(..1).and_then(|digit| u8::from_str_radix(digit, 16).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_together_lies_together() {
        let keys = Keys::new("doorward:".to_owned());
        let key = RecordKey { kind: RecordKind::Grant, id: [0xab; 32] };
        let [record, names, expiries] = keys.all_of(&key).try_into().unwrap();
        assert_eq!(record, format!("doorward:{{2a}}:{}", "ab".repeat(32)));
        assert_eq!((names.as_str(), expiries.as_str()), ("doorward:{2a}:names", "doorward:{2a}:expiries"));
        assert_eq!(bucket_of(&hex(&key.id)), Some(bucket(&key)));
        assert_eq!(keys.channel(), "doorward:changes");
    }
}
