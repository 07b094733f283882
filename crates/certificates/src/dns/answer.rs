//! Reading what a name server answered.
//!
//! Refuses: what is no DNS message, is larger than any answer we ask for, or answers something else than was asked.

use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::{Name, RData};
use hickory_proto::serialize::binary::DecodeError;

/// The largest answer that is read: some two hundred TXT records under one name.
pub(crate) const LARGEST: usize = 16 * 1024;
/// Where the number of questions stands in a message (RFC 1035 §4.1.1).
const QUESTIONS: std::ops::Range<usize> = 4..6;

/// Why an answer is not believed.
#[derive(Debug, thiserror::Error)]
pub enum BadAnswer {
    /// It is too large.
    #[error("it is larger than {LARGEST} bytes")]
    TooLarge,
    /// It cannot be read.
    #[error("it is no DNS message ({0})")]
    Malformed(Box<DecodeError>),
    /// It answers somebody else, or another question.
    #[error("it does not answer what was asked ({0})")]
    NotOurs(&'static str),
    /// It says of itself that something is missing, though it came by TCP.
    #[error("it is truncated, though it came by TCP")]
    Truncated,
    /// It is not signed as it must be.
    #[error("{0}")]
    Signature(&'static str),
}

/// The answer to `asked`, of these bytes.
pub(crate) fn parse(bytes: &[u8], asked: &Message) -> Result<Message, BadAnswer> {
    if bytes.len() > LARGEST {
        return Err(BadAnswer::TooLarge);
    }
    // Before the parser makes room for as many as are said to follow.
    if bytes.get(QUESTIONS).is_some_and(|count| count != [0, 0] && count != [0, 1]) {
        return Err(BadAnswer::NotOurs("it repeats more than one question"));
    }
    let answer = Message::from_vec(bytes).map_err(|error| BadAnswer::Malformed(Box::new(error)))?;
    if answer.metadata.id != asked.metadata.id {
        return Err(BadAnswer::NotOurs("its number is another"));
    }
    if answer.metadata.message_type != MessageType::Response || answer.metadata.op_code != asked.metadata.op_code {
        return Err(BadAnswer::NotOurs("it is a question, or of another kind"));
    }
    // What could not be read or is an update need not be repeated (RFC 1035 §4.1.1, RFC 2136 §3.8).
    let may_be_left_out =
        asked.metadata.op_code == OpCode::Update || answer.metadata.response_code != ResponseCode::NoError;
    if answer.queries != asked.queries && !(may_be_left_out && answer.queries.is_empty()) {
        return Err(BadAnswer::NotOurs("its question is another"));
    }
    if answer.metadata.truncation {
        return Err(BadAnswer::Truncated);
    }
    Ok(answer)
}

/// Whether one of the TXT records of an answer is this value. Whose name it stands under does not matter: behind a
/// CNAME it is another than the one asked for.
pub(crate) fn has_text(answer: &Message, value: &str) -> bool {
    answer.answers.iter().any(|record| match &record.data {
        RData::TXT(text) => text.txt_data.concat() == value.as_bytes(),
        _ => false,
    })
}

/// Where the CNAME record of this very name leads.
pub(crate) fn alias<'a>(answer: &'a Message, name: &Name) -> Option<&'a Name> {
    answer.answers.iter().find_map(|record| match &record.data {
        RData::CNAME(target) if record.name == *name => Some(&target.0),
        _ => None,
    })
}

/// Whether the server that gives this answer is one for the name, or has asked one.
pub(crate) fn is_informed(answer: &Message) -> bool {
    let told = matches!(answer.metadata.response_code, ResponseCode::NoError | ResponseCode::NXDomain);
    told && (answer.metadata.authoritative || answer.metadata.recursion_available)
}

/// The zone that a name is in, when an authoritative answer to a question for SOA tells it: the owner of the SOA
/// record, which stands among the answers, or with the reason why there are none (RFC 2308 §3).
pub(crate) fn zone_of(answer: &Message, name: &Name) -> Option<Name> {
    if !answer.metadata.authoritative {
        return None;
    }
    answer
        .answers
        .iter()
        .chain(&answer.authorities)
        .find(|record| matches!(record.data, RData::SOA(_)) && record.name.zone_of(name))
        .map(|record| record.name.clone())
}
