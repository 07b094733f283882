use doorward_config::ChallengeKind;

use super::super::records::Renewal;
use super::*;

const DAY: Duration = Duration::from_secs(86_400);
const CA: &str = "https://ca.example/directory";

fn day(number: u32) -> SystemTime {
    SystemTime::UNIX_EPOCH + DAY * 20_000 + DAY * number
}

fn name(text: &str) -> HostPattern {
    HostPattern::parse(text).unwrap()
}

fn acme(names: &[&str], on_demand: &[&str]) -> Acme {
    let parsed = |names: &[&str]| names.iter().map(|text| name(text)).collect();
    let (names, on_demand) = (parsed(names), parsed(on_demand));
    Acme {
        directory: CA.parse().unwrap(),
        contact: None,
        external_account: None,
        trusted: Vec::new(),
        profile: None,
        folder: "/nowhere".into(),
        names,
        on_demand,
        challenges: vec![ChallengeKind::Http01],
        dns: None,
    }
}

#[allow(clippy::unnecessary_wraps, reason = "as an entry has it")]
fn owned(from: u32, until: u32) -> Option<Owned> {
    let leaf = CertificateDer::from(vec![0]);
    let owned = Owned { directory: CA.into(), leaf, not_before: day(from), not_after: day(until) };
    Some(owned)
}

#[test]
fn what_is_due_follows_from_what_is_known() {
    let mut entry = Entry::default();
    assert_eq!(entry.due(CA, day(0)), Some(Due::Order), "nothing is there");
    entry.attempts.next = Some(stamp(day(1)));
    assert_eq!(entry.due(CA, day(0)), None, "not before its time");
    assert_eq!(entry.due(CA, day(1)), Some(Due::Order));
    entry.attempts.next = None;
    entry.certificate = owned(0, 90);
    assert_eq!(entry.due(CA, day(59)), Some(Due::Check), "when to renew is not known yet");
    assert_eq!(entry.due(CA, day(60)), Some(Due::Order), "two thirds");
    entry.attempts.renewal = Some(Renewal { at: stamp(day(30)), check: stamp(day(10)), explanation: None });
    assert_eq!(entry.due(CA, day(9)), None);
    assert_eq!(entry.due(CA, day(10)), Some(Due::Check));
    assert_eq!(entry.due(CA, day(30)), Some(Due::Order));
    assert_eq!(entry.due("https://other.example/", day(1)), Some(Due::Order), "another authority's is replaced");
    entry.attempts.next = Some(stamp(day(31)));
    assert_eq!(entry.due(CA, day(30)), None, "a failed renewal waits too");
}

#[test]
fn a_name_on_demand_is_ordered_only_when_asked_for() {
    let book = Book::default();
    let acme = acme(&["www.example.com"], &["*.dev.example.com"]);
    let host = |text: &str| Hostname::parse(text).unwrap();
    for refused in ["www.example.com", "example.com", "a.b.dev.example.com", "10.0.0.1"] {
        assert!(!book.ask(&acme, &host(refused), day(0)), "{refused}");
    }
    assert!(book.adjust(&acme).is_empty());
    assert!(book.ask(&acme, &host("a.dev.example.com"), day(0)));
    assert!(!book.ask(&acme, &host("a.dev.example.com"), day(0)), "known already");
    let due = book.due(CA, day(0));
    assert_eq!(due, [(name("a.dev.example.com"), Due::Order), (name("www.example.com"), Due::Order)]);
    book.entries().get_mut(&name("a.dev.example.com")).unwrap().asked = false;
    assert_eq!(book.due(CA, day(0)).len(), 1);
    let asked = (0..100).filter(|number| book.ask(&acme, &host(&format!("h{number}.dev.example.com")), day(0)));
    assert_eq!(asked.count(), 4, "five at once in all");
    let gone = book.adjust(&self::acme(&["www.example.com"], &[]));
    assert_eq!(gone.len(), 5);
    assert_eq!(book.report(day(0)).len(), 1);
}

#[test]
fn the_report_says_what_is_wrong_and_since_when() {
    let book = Book::default();
    book.adjust(&acme(&["a.example.com"], &[]));
    let report = |now| book.report(now).remove(0);
    assert_eq!(report(day(0)).state, OrderState::Waiting);
    *book.gate() =
        Attempts { failures: 2, last_error: Some("away".into()), next: Some(stamp(day(1))), ..Attempts::default() };
    assert_eq!((report(day(0)).state, report(day(0)).last_error.as_deref()), (OrderState::Failing, Some("away")));
    *book.gate() = Attempts::default();
    let change = |change: &dyn Fn(&mut Entry)| change(book.entries().get_mut(&name("a.example.com")).unwrap());
    change(&|entry| entry.certificate = owned(0, 90));
    assert_eq!((report(day(1)).state, report(day(90)).state), (OrderState::Valid, OrderState::Waiting));
    assert_eq!(report(day(1)).next_renewal.unwrap(), stamp(day(60)).to_string());
    change(&|entry| (entry.attempts.failures, entry.attempts.last_error) = (1, Some("caa".into())));
    assert_eq!((report(day(1)).state, report(day(91)).state), (OrderState::RenewalFailing, OrderState::Failing));
    assert_eq!(serde_json::to_value(report(day(1))).unwrap()["state"], "renewal_failing");
}

#[test]
fn a_name_that_was_never_proved_is_forgotten_after_a_week() {
    let book = Book::default();
    let acme = acme(&["www.example.com"], &["*.dev.example.com"]);
    book.adjust(&acme);
    for host in ["a", "b", "c"] {
        assert!(book.ask(&acme, &Hostname::parse(&format!("{host}.dev.example.com")).unwrap(), day(0)));
    }
    let change = |host: &str, change: &dyn Fn(&mut Entry)| {
        change(book.entries().get_mut(&name(&format!("{host}.dev.example.com"))).unwrap());
    };
    change("a", &|entry| entry.asked = false);
    change("b", &|entry| (entry.asked, entry.certificate) = (false, owned(0, 90)));
    assert!(book.hopeless(day(7)).is_empty());
    assert_eq!(book.hopeless(day(8)), [name("a.dev.example.com")]);
    assert_eq!(book.entries().len(), 3, "what is configured, has a certificate, or is asked for stays");
}
