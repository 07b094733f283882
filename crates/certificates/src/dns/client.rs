//! One question and its answer, by TCP.
//!
//! TCP alone: every server must offer it (RFC 7766 §5), nobody off the path can answer in the server's place, and
//! nothing is cut short. Refuses: to wait for ever.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use hickory_proto::op::{Message, OpCode, Query};
use hickory_proto::rr::{Name, RecordType};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::DnsError;
use super::answer::{self, BadAnswer, LARGEST};

/// How long connecting, asking and being answered may take together.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// A question for one kind of record.
pub(crate) fn question(name: &Name, kind: RecordType) -> Message {
    let mut message = Message::query();
    message.metadata.op_code = OpCode::Query;
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name.clone(), kind));
    message
}

/// What this server answers.
pub(crate) async fn ask(server: SocketAddr, asked: &Message, within: Duration) -> Result<Message, DnsError> {
    let bytes = exchange(server, asked, within).await?;
    answer::parse(&bytes, asked).map_err(|why| DnsError::Answer { server, why })
}

/// The bytes that this server answers with, unread.
pub(crate) async fn exchange(server: SocketAddr, asked: &Message, within: Duration) -> Result<Vec<u8>, DnsError> {
    let bytes = asked.to_vec().map_err(|_| DnsError::Unwritable)?;
    let length = u16::try_from(bytes.len()).map_err(|_| DnsError::Unwritable)?;
    let talk = async {
        let mut stream = TcpStream::connect(server).await?;
        // In one piece, as RFC 7766 §8 asks for.
        stream.write_all(&[&length.to_be_bytes(), bytes.as_slice()].concat()).await?;
        let length = usize::from(stream.read_u16().await?);
        if length > LARGEST {
            return Ok(Err(BadAnswer::TooLarge));
        }
        let mut answer = vec![0; length];
        stream.read_exact(&mut answer).await?;
        Ok(Ok(answer))
    };
    match tokio::time::timeout(within, talk).await {
        Ok(Ok(answer)) => answer.map_err(|why| DnsError::Answer { server, why }),
        Ok(Err(why)) => Err(DnsError::Unreachable { server, why }),
        Err(_) => Err(DnsError::Unreachable { server, why: io::ErrorKind::TimedOut.into() }),
    }
}
