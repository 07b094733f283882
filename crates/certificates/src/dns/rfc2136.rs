//! Updates of a zone on its primary name server (RFC 2136), signed by TSIG (RFC 8945).
//!
//! Refuses: touching a record that is not ours (values are added beside others, and taken out one by one), and
//! answers that are not signed though the update was.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use doorward_config::Rfc2136;
use hickory_proto::op::{Message, OpCode, Query};
use hickory_proto::rr::rdata::TXT;
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

use super::client::{ANSWER_WITHIN, exchange, question};
use super::refusal::{Refusal, Subject};
use super::signer::Signer;
use super::{DnsError, answer, plain};

/// How long others may remember the record, in seconds: not past the next order.
const TTL: u32 = 60;

/// A name server that takes updates.
#[derive(Debug)]
pub(crate) struct UpdateServer {
    address: SocketAddr,
    zone: Option<Name>,
    signer: Option<Signer>,
    clock: fn() -> SystemTime,
    within: Duration,
}

impl UpdateServer {
    pub(crate) fn new(settings: &Rfc2136, clock: fn() -> SystemTime) -> Result<Self, DnsError> {
        let zone = settings.zone.as_ref().map(|zone| {
            Name::from_ascii(format!("{zone}."))
                .map_err(|_| DnsError::Settings { what: format!("`zone` {zone} is no name of a zone") })
        });
        let signer = settings.key.as_ref().map(Signer::new);
        Ok(Self {
            address: settings.server,
            zone: zone.transpose()?,
            signer: signer.transpose()?,
            clock,
            within: ANSWER_WITHIN,
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds this value to what is there (RFC 2136 §2.5.1); one that is there already is left alone.
    pub(crate) async fn add(&self, name: &Name, value: &str) -> Result<(), DnsError> {
        self.update(text_record(name, value)).await
    }

    /// Takes this value out (RFC 2136 §2.5.4); none is no error.
    pub(crate) async fn remove(&self, name: &Name, value: &str) -> Result<(), DnsError> {
        let mut record = text_record(name, value);
        record.dns_class = DNSClass::NONE;
        record.ttl = 0;
        self.update(record).await
    }

    async fn update(&self, record: Record) -> Result<(), DnsError> {
        let zone = self.zone_of(&record.name).await?;
        let subject = self.subject(&record.name, &zone);
        let mut message = Message::query();
        message.metadata.op_code = OpCode::Update;
        message.metadata.recursion_desired = false;
        message.add_query(Query::query(zone, RecordType::SOA));
        message.add_authority(record);
        let answer = self.ask(message, &subject).await?;
        match Refusal::of_code(answer.metadata.response_code, &subject) {
            None => Ok(()),
            Some(why) => Err(DnsError::Refused { server: self.address, why }),
        }
    }

    /// The zone to be updated: the configured one, or the one the server says that the name is in.
    async fn zone_of(&self, name: &Name) -> Result<Name, DnsError> {
        if let Some(zone) = &self.zone {
            return if zone.zone_of(name) {
                Ok(zone.clone())
            } else {
                Err(DnsError::OutsideZone { name: plain(name), zone: plain(zone) })
            };
        }
        let mut place = name.clone();
        while !place.is_root() {
            let answer = self.ask(question(&place, RecordType::SOA), &self.subject(name, &place)).await?;
            if let Some(zone) = answer::zone_of(&answer, name) {
                return Ok(zone);
            }
            place = place.base_name();
        }
        Err(DnsError::NoZone { server: self.address, name: plain(name) })
    }

    /// The server's answer, which is signed when our message is. Only a refusal may come unsigned: a server that does
    /// not know the key cannot sign (RFC 8945 §5.2.1).
    async fn ask(&self, mut message: Message, subject: &Subject) -> Result<Message, DnsError> {
        let (server, now) = (self.address, (self.clock)());
        let expected = self.signer.as_ref().map(|signer| signer.sign(&mut message, now)).transpose()?;
        let bytes = exchange(server, &message, self.within).await?;
        let answer = answer::parse(&bytes, &message).map_err(|why| DnsError::Answer { server, why })?;
        if let Some(why) = Refusal::of_key(&answer, subject, now) {
            return Err(DnsError::Refused { server, why });
        }
        if let Some(Err(why)) = expected.map(|expected| expected.check(&bytes, &answer)) {
            return Err(match Refusal::of_code(answer.metadata.response_code, subject) {
                Some(why) => DnsError::Refused { server, why },
                None => DnsError::Answer { server, why },
            });
        }
        Ok(answer)
    }

    fn subject(&self, name: &Name, zone: &Name) -> Subject {
        Subject { key: self.signer.as_ref().map(Signer::name), name: plain(name), zone: plain(zone) }
    }
}

fn text_record(name: &Name, value: &str) -> Record {
    Record::from_rdata(name.clone(), TTL, RData::TXT(TXT::new(vec![value.to_owned()])))
}
