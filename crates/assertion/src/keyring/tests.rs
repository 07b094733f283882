use super::*;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
}

const DAY: u64 = 24 * 3600;

fn kids(ring: &Keyring) -> Vec<String> {
    ring.turns().iter().map(|(_, key)| key.kid().to_owned()).collect()
}

/// The longest an upstream may keep a JWKS, in seconds.
fn max_age() -> u64 {
    crate::JWKS_CACHE_CONTROL.rsplit('=').next().unwrap().parse().unwrap()
}

#[test]
fn a_key_is_known_to_everybody_before_it_signs_and_until_all_it_signed_is_over() {
    let mut ring = Keyring::generate(at(0)).unwrap();
    let first = kids(&ring);
    let (mut published_at, mut dropped_at) = (None, None);
    for minute in 0..40 * 24 * 60 {
        let now = at(minute * 60);
        if ring.due(now) {
            ring.rotate(now).unwrap();
            assert!(!ring.due(now), "once is enough");
            if published_at.is_none() {
                published_at = Some(minute * 60);
                assert_eq!(kids(&ring).first(), first.first());
            } else if dropped_at.is_none() {
                dropped_at = Some(minute * 60);
                assert!(!kids(&ring).contains(&first[0]));
            }
        }
    }
    let second_signs_from = ring.turns()[0].0.duration_since(at(0)).unwrap().as_secs();
    let (published_at, dropped_at) = (published_at.unwrap(), dropped_at.unwrap());
    assert_eq!(second_signs_from, 30 * DAY);
    assert!(second_signs_from - published_at >= 2 * max_age(), "known ahead by {}", second_signs_from - published_at);
    assert!(dropped_at >= second_signs_from + LIFETIME.as_secs() + SKEW.as_secs());
    assert!(dropped_at < second_signs_from + DAY, "and is dropped then");
    assert_eq!(ring.turns().len(), 1);
}

#[test]
fn after_a_long_sleep_the_next_key_is_still_published_before_it_signs() {
    let mut ring = Keyring::generate(at(0)).unwrap();
    let late = at(100 * DAY);
    assert!(ring.due(late));
    ring.rotate(late).unwrap();
    assert_eq!(ring.turns().len(), 2, "the old one signs until then");
    assert_eq!(ring.turns()[1].0, late + PUBLISH_AHEAD);
}

#[test]
fn a_clock_that_was_ahead_does_not_stop_the_turns() {
    let mut ring = Keyring::generate(at(4000 * DAY)).unwrap();
    assert!(ring.due(at(0)));
    ring.rotate(at(0)).unwrap();
    assert_eq!(ring.turns()[0].0, at(0));
    assert!(!ring.due(at(0)));
    assert!(ring.due(at(30 * DAY)));
    // Another replica's clock that is a little off is no cause for anything but a small correction.
    let mut theirs = Keyring::generate(at(120)).unwrap();
    theirs.rotate(at(0)).unwrap();
    assert!(!theirs.due(at(120)) && !theirs.due(at(0)));
}

#[test]
fn a_record_gives_back_the_same_ring() {
    let mut ring = Keyring::generate(at(0)).unwrap();
    ring.rotate(at(30 * DAY)).unwrap();
    let record = ring.to_record().unwrap();
    let again = Keyring::from_record(&record).unwrap();
    assert_eq!((kids(&again), again.turns().len()), (kids(&ring), 2));
    assert_eq!(again.turns()[1].0, ring.turns()[1].0);
    assert_eq!(again.to_record().unwrap(), record);
    let shown = format!("{ring:?}");
    assert!(shown.contains(&kids(&ring)[0]), "{shown}");
    let record: serde_json::Value = serde_json::from_slice(&record).unwrap();
    assert!(!shown.contains(record["keys"][0]["pkcs8"].as_str().unwrap()));
}

#[test]
fn what_is_no_ring_is_refused() {
    let good = Keyring::generate(at(0)).unwrap().to_record().unwrap();
    let good: serde_json::Value = serde_json::from_slice(&good).unwrap();
    let changed = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut record = good.clone();
        change(&mut record);
        serde_json::to_vec(&record).unwrap()
    };
    assert!(Keyring::from_record(&changed(&|_| {})).is_ok());
    for (what, record) in [
        ("nothing", Vec::new()),
        ("no JSON", b"hello".to_vec()),
        ("no keys", changed(&|record| record["keys"] = serde_json::json!([]))),
        ("another version", changed(&|record| record["version"] = 2.into())),
        ("more than we know", changed(&|record| record["more"] = 2.into())),
        ("no key", changed(&|record| record["keys"][0]["pkcs8"] = "AAAA".into())),
        ("no base64", changed(&|record| record["keys"][0]["pkcs8"] = "!".into())),
        ("a time beyond times", changed(&|record| record["keys"][0]["signs_from"] = u64::MAX.into())),
        ("too many keys", changed(&|record| record["keys"] = vec![record["keys"][0].clone(); MOST_KEYS + 1].into())),
        (
            "turns out of order",
            changed(&|record| {
                let mut earlier = record["keys"][0].clone();
                earlier["signs_from"] = 1.into();
                record["keys"] = vec![record["keys"][0].clone(), earlier].into();
            }),
        ),
        ("too long", changed(&|record| record["keys"][0]["pkcs8"] = "A".repeat(LONGEST_RECORD).into())),
    ] {
        assert!(matches!(Keyring::from_record(&record), Err(SignError::RecordDamaged)), "{what}");
    }
}
