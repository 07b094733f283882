use doorward_sessions::{MemoryStore, SecretRing, SessionStore};
use rustls::server::ProducesTickets as _;

use super::*;

const HOUR: Duration = Duration::from_secs(60 * 60);

fn at(hours: u32) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000) + HOUR * hours
}

fn next(schedule: &Schedule, now: SystemTime) -> Schedule {
    schedule.due(now, Entry::random).unwrap().unwrap_or_else(|| schedule.clone())
}

fn sealing(schedule: &Schedule, now: SystemTime) -> [u8; TICKET_KEY_NAME] {
    schedule.0.iter().rfind(|entry| entry.from() <= now).unwrap().name
}

#[test]
fn a_key_is_known_before_it_seals_and_opens_for_half_a_day_after() {
    let mut schedule = next(&Schedule::default(), at(0));
    assert_eq!(schedule.0.len(), 2, "one for now and one for later");
    let first = sealing(&schedule, at(0));
    for minute in 0..48 * 60 {
        let now = at(0) + Duration::from_secs(60) * minute;
        let before = schedule.clone();
        schedule = next(&schedule, now);
        let known = before.0.iter().find(|entry| entry.name == sealing(&schedule, now)).expect("it was known before");
        assert!(minute == 0 || before.0.iter().any(|entry| entry.name == known.name));
        let opens = schedule.0.iter().any(|entry| entry.name == first);
        assert_eq!(opens, now < at(18), "minute {minute}");
        assert!(schedule.0.len() <= 5, "minute {minute}: {schedule:?}");
        let sealed_since = now.duration_since(known.from()).unwrap();
        assert!(sealed_since <= SEALS, "minute {minute}: {sealed_since:?}");
        let (_, others) = schedule.ring(now).unwrap().unwrap();
        assert_eq!(others.len(), schedule.0.len() - 1);
    }
}

#[test]
fn after_a_day_without_anybody_all_keys_are_new() {
    let old = next(&Schedule::default(), at(0));
    assert!(old.ring(at(40)).is_none(), "what is over seals nothing");
    let fresh = next(&old, at(40));
    assert!(fresh.0.iter().all(|entry| old.0.iter().all(|other| other.name != entry.name)));
    assert!(fresh.ring(at(40)).is_some());
}

#[test]
fn a_schedule_is_read_as_it_was_written_and_nothing_else_is() {
    let schedule = next(&Schedule::default(), at(0));
    let bytes = schedule.write();
    let read = Schedule::read(&bytes).unwrap();
    assert_eq!(read.write().as_slice(), bytes.as_slice());
    for wrong in [&bytes[..bytes.len() - 1], &bytes[1..], &[], &[FORMAT + 1]] {
        assert!(Schedule::read(wrong).is_none());
    }
    let endless = Schedule(vec![schedule.0[0].clone(); MOST_TICKET_KEYS + 1]);
    assert!(Schedule::read(&endless.write()).is_none());
    assert_eq!(format!("{schedule:?}"), "Schedule { keys: 2 }");
}

fn rotation(vault: Option<Vault>) -> Rotation {
    Rotation { keys: own_keys().unwrap(), vault, clock: || at(0), news: Arc::default() }
}

#[tokio::test]
async fn replicas_that_start_together_open_each_others_tickets() {
    let store: Arc<dyn SessionStore> = Arc::new(MemoryStore::new());
    let ring = SecretRing::from([7; 32]);
    let replicas: Vec<_> = (0..4).map(|_| rotation(Some(Vault::new(store.clone(), ring.clone())))).collect();
    let looks = replicas.iter().map(|replica| async {
        let schedule = replica.look(&Schedule::default(), at(0)).await.unwrap();
        replica.put_in_use(&schedule, at(0));
    });
    futures_util::future::join_all(looks).await;
    for sealing in &replicas {
        let ticket = sealing.keys.encrypt(b"state").unwrap();
        for opening in &replicas {
            assert_eq!(opening.keys.decrypt(&ticket).as_deref(), Some(b"state".as_slice()));
        }
    }
    let alone = rotation(None);
    let schedule = alone.look(&Schedule::default(), at(0)).await.unwrap();
    alone.put_in_use(&schedule, at(0));
    assert_eq!(alone.keys.decrypt(&replicas[0].keys.encrypt(b"state").unwrap()), None, "one that shares nothing");
}

#[tokio::test]
async fn without_an_answer_of_the_store_the_keys_that_are_known_go_on_until_they_are_over() {
    let store: Arc<dyn SessionStore> = Arc::new(MemoryStore::new());
    let vault = Vault::new(store.clone(), SecretRing::from([7; 32]));
    let known = rotation(Some(vault)).look(&Schedule::default(), at(0)).await.unwrap();
    // Another secret cannot open the store, which is as good as no answer.
    let cut_off = rotation(Some(Vault::new(store, SecretRing::from([8; 32]))));
    let own = cut_off.keys.encrypt(b"state").unwrap();
    assert!(cut_off.look(&Schedule::default(), at(0)).await.is_err());
    cut_off.put_in_use(&Schedule::default(), at(0));
    assert!(cut_off.keys.decrypt(&own).is_some(), "its own key stays");
    cut_off.put_in_use(&known, at(5));
    let shared = cut_off.keys.encrypt(b"state").unwrap();
    cut_off.put_in_use(&known, at(13));
    assert!(cut_off.keys.decrypt(&shared).is_some());
    cut_off.put_in_use(&known, at(40));
    assert!(cut_off.keys.decrypt(&shared).is_none(), "over is over");
}

#[tokio::test]
async fn a_record_that_nobody_can_read_is_made_anew() {
    let store: Arc<dyn SessionStore> = Arc::new(MemoryStore::new());
    let vault = Vault::new(store, SecretRing::from([7; 32]));
    let (kind, bytes) = (RecordKind::Server, b"of a program of another time");
    vault.write(kind, PLACE.0, PLACE.1, Expected::Absent, bytes, None, at(0)).await.unwrap();
    let schedule = rotation(Some(vault.clone())).look(&Schedule::default(), at(0)).await.unwrap();
    let kept = vault.read(kind, PLACE.0, PLACE.1, at(0)).await.unwrap().unwrap();
    assert_eq!(schedule.write().as_slice(), kept.bytes.as_slice());
}
