//! Name servers that lie, are broken, or say nothing.

use std::io;
use std::sync::Arc;

use doorward_config::TsigAlgorithm::HmacSha256;
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{CNAME, SOA, TXT};
use hickory_proto::rr::{Record, TSigResponseContext, TSigner, rdata::tsig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::super::answer::{self, BadAnswer, LARGEST};
use super::*;

type Bytes = Vec<u8>;
type SignedLie = fn(&Message) -> Bytes;

/// A server that answers each question with what `lie` makes of it; it is sent with its true length.
async fn server(lie: impl Fn(Message) -> Bytes + Send + Sync + 'static) -> SocketAddr {
    raw_server(move |asked| {
        let answer = lie(asked);
        [&u16::try_from(answer.len()).unwrap().to_be_bytes(), answer.as_slice()].concat()
    })
    .await
}

/// A server that sends these bytes, and then holds the connection open.
async fn raw_server(lie: impl Fn(Message) -> Bytes + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let lie = Arc::new(lie);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let lie = Arc::clone(&lie);
            tokio::spawn(async move {
                let length = stream.read_u16().await?;
                let mut asked = vec![0; usize::from(length)];
                stream.read_exact(&mut asked).await?;
                stream.write_all(&lie(Message::from_vec(&asked).unwrap())).await?;
                stream.read_u8().await?;
                io::Result::Ok(())
            });
        }
    });
    address
}

/// An honest answer without records.
fn reply(asked: &Message) -> Message {
    let mut answer = asked.clone();
    answer.signature = None;
    answer.authorities.clear();
    answer.metadata.message_type = MessageType::Response;
    answer.metadata.authoritative = true;
    answer
}

/// The answer to an update, signed by this key for this request, as the server's clock has it.
fn signed(asked: &Message, secret: &[u8], key_name: &str, clock: u64, rcode: ResponseCode) -> Bytes {
    let signer = TSigner::new(secret.to_vec(), tsig::TsigAlgorithm::HmacSha256, name(key_name), 300).unwrap();
    let request = &asked.signature.as_ref().unwrap().data;
    let mut answer = reply(asked);
    answer.metadata.response_code = rcode;
    let context = TSigResponseContext::new(asked.metadata.id, clock, signer, request.mac.clone(), None);
    let record = context.sign(&answer.to_vec().unwrap()).unwrap();
    answer.set_signature(record);
    answer.to_vec().unwrap()
}

fn time_of(asked: &Message) -> u64 {
    asked.signature.as_ref().unwrap().data.time
}

async fn update_against(lie: impl Fn(Message) -> Bytes + Send + Sync + 'static) -> Result<(), DnsError> {
    let mut settings = updates(server(lie).await, Some("example.com"), Some(key("doorward", HmacSha256)));
    settings.propagation = Duration::ZERO;
    solver(&settings).clean_up(&host("code.example.com"), VALUE).await
}

#[tokio::test]
async fn success_counts_only_when_it_is_signed_for_our_update_now_by_our_key() {
    let honest = |asked: Message| match asked.metadata.op_code {
        OpCode::Update => signed(&asked, &SECRET, "doorward.", time_of(&asked), ResponseCode::NoError),
        _ => reply(&asked).to_vec().unwrap(),
    };
    update_against(honest).await.unwrap();

    let lies: [(&str, SignedLie); 8] = [
        ("not signed", |asked| reply(asked).to_vec().unwrap()),
        ("not of the key", |asked| signed(asked, &[1; 32], "doorward.", time_of(asked), ResponseCode::NoError)),
        ("not of the key", |asked| signed(asked, &SECRET, "other.", time_of(asked), ResponseCode::NoError)),
        ("not of now", |asked| signed(asked, &SECRET, "doorward.", time_of(asked) - 301, ResponseCode::NoError)),
        ("not of now", |asked| signed(asked, &SECRET, "doorward.", time_of(asked) + 301, ResponseCode::NoError)),
        ("of 1970", |asked| signed(asked, &SECRET, "doorward.", 12, ResponseCode::NoError)),
        ("not of the key", |asked| {
            let mut signed = signed(asked, &SECRET, "doorward.", time_of(asked), ResponseCode::Refused);
            signed[3] &= 0xf0; // REFUSED becomes NOERROR
            signed
        }),
        ("not for our message", |asked| {
            let mut earlier = asked.clone();
            let mac = &mut earlier.signature.as_mut().unwrap().data.mac;
            mac[0] ^= 1;
            signed(&earlier, &SECRET, "doorward.", time_of(asked), ResponseCode::NoError)
        }),
    ];
    for (expected, lie) in lies {
        let result = update_against(move |asked| match asked.metadata.op_code {
            OpCode::Update => lie(&asked),
            _ => reply(&asked).to_vec().unwrap(),
        })
        .await;
        let error = result.unwrap_err();
        assert!(matches!(error, DnsError::Answer { why: BadAnswer::Signature(_), .. }), "{expected}: {error}");
        assert!(error.to_string().contains(expected), "{expected}: {error}");
    }
}

#[tokio::test]
async fn each_refusal_is_told_in_words() {
    for (code, expected) in [
        (ResponseCode::NotZone, "is not in the zone example.com (NOTZONE)"),
        (ResponseCode::NotAuth, "not the primary server of the zone example.com (NOTAUTH)"),
        (ResponseCode::NotImp, "takes no updates"),
        (ResponseCode::ServFail, "its log says why"),
        (ResponseCode::FormErr, "answered `"),
    ] {
        let result = update_against(move |asked| {
            let mut answer = reply(&asked);
            if asked.metadata.op_code == OpCode::Update {
                answer.metadata.response_code = code;
            }
            answer.to_vec().unwrap()
        })
        .await;
        let said = result.unwrap_err().to_string();
        assert!(said.contains(expected), "{said}");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_answer_to_our_question_is_not_believed() {
    type Lie = fn(Message) -> Bytes;
    let lies: [(&str, Lie); 9] = [
        ("its number is another", |asked| {
            let mut answer = reply(&asked);
            answer.metadata.id ^= 1;
            answer.to_vec().unwrap()
        }),
        ("its question is another", |asked| {
            let mut answer = reply(&asked);
            answer.queries = vec![Query::query(name("_acme-challenge.example.org."), RecordType::TXT)];
            answer.to_vec().unwrap()
        }),
        ("its question is another", |asked| {
            let mut answer = reply(&asked);
            answer.queries.clear();
            answer.to_vec().unwrap()
        }),
        ("more than one question", |asked| {
            let mut answer = reply(&asked).to_vec().unwrap();
            answer[4..6].copy_from_slice(&[0xff, 0xff]);
            answer
        }),
        ("it is a question", |asked| asked.to_vec().unwrap()),
        ("truncated", |asked| {
            let mut answer = reply(&asked);
            answer.metadata.truncation = true;
            answer.to_vec().unwrap()
        }),
        ("not believed", |_| b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
        ("no DNS message", |_| Vec::new()),
        ("larger than", |_| vec![0; LARGEST + 1]),
    ];
    for (expected, lie) in lies {
        let address = server(lie).await;
        let asked = question(&name("_acme-challenge.example.com."), RecordType::TXT);
        let error = ask(address, &asked, PATIENCE).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{expected}: {error}");
    }
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up() {
    for sent in [vec![], vec![0], vec![0xff, 0xff], vec![0, 200, 1, 2, 3]] {
        let address = raw_server(move |_| sent.clone()).await;
        let asked = question(&name("_acme-challenge.example.com."), RecordType::TXT);
        let error = ask(address, &asked, Duration::from_millis(200)).await.unwrap_err();
        assert!(matches!(error, DnsError::Unreachable { .. } | DnsError::Answer { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_closed_port_is_told_with_the_address() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let said = refusal(&solver(&updates(address, None, None)), "code.example.com").await;
    assert!(said.contains(&format!("{address} did not answer by TCP (Connection refused")), "{said}");
}

#[tokio::test]
async fn every_resolver_that_answers_must_see_the_record() {
    let with = server(|asked| {
        let mut answer = reply(&asked);
        let (at, text) = (asked.queries[0].name().clone(), TXT::new(vec![VALUE[..20].into(), VALUE[20..].into()]));
        answer.add_answer(Record::from_rdata(at, 1, RData::TXT(text)));
        answer.to_vec().unwrap()
    })
    .await;
    let without = server(|asked| reply(&asked).to_vec().unwrap()).await;
    let broken = server(|_| vec![7; 40]).await;
    let at = name("_acme-challenge.example.com.");
    let wait =
        async |servers: &[SocketAddr], patience| super::super::visible::wait(&at, VALUE, servers, patience).await;
    assert!(wait(&[with, broken], PATIENCE).await);
    for servers in [&[with, without][..], &[broken], &[]] {
        assert!(!wait(servers, Duration::from_millis(300)).await, "{servers:?}");
    }
}

#[test]
fn whatever_the_bytes_are_reading_them_comes_to_an_end() {
    let mut honest = reply(&question(&name("_acme-challenge.example.com."), RecordType::TXT));
    let at = name("_acme-challenge.example.com.");
    honest.add_answer(Record::from_rdata(at.clone(), 1, RData::CNAME(CNAME(name("a.example.org.")))));
    honest.add_answer(Record::from_rdata(at.clone(), 1, RData::TXT(TXT::new(vec![VALUE.into()]))));
    let soa = SOA::new(name("ns.example.com."), name("admin.example.com."), 1, 60, 60, 600, 60);
    honest.add_authority(Record::from_rdata(name("example.com."), 1, RData::SOA(soa)));
    assert_eq!(answer::alias(&honest, &at), Some(&name("a.example.org.")));
    assert_eq!(answer::zone_of(&honest, &at), Some(name("example.com.")));
    assert_eq!(answer::zone_of(&honest, &name("example.org.")), None);
    let bytes = honest.to_vec().unwrap();
    for end in 0..bytes.len() {
        super::super::fuzzing::dns_answer(&bytes[..end]);
    }
    for place in 0..bytes.len() {
        for flip in [1, 0x80, 0xc0, 0xff] {
            let mut broken = bytes.clone();
            broken[place] ^= flip;
            super::super::fuzzing::dns_answer(&broken);
        }
    }
    // A name that leads to itself.
    let mut circle = bytes[..12].to_vec();
    circle.extend([0xc0, 12, 0, 16, 0, 1]);
    super::super::fuzzing::dns_answer(&circle);
}
