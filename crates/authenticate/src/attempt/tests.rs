use std::collections::BTreeMap;
use std::sync::Arc;

use doorward_sessions::{MemoryStore, Sessions};

use super::*;

fn attempts_with(secret: u8) -> Attempts {
    let sessions = Sessions::new(Arc::new(MemoryStore::new()), [secret; 32], Duration::from_secs(60));
    Attempts::new(sessions.sealer("attempt"), "doorward")
}

fn attempts() -> Attempts {
    attempts_with(1)
}

fn host() -> Hostname {
    Hostname::parse("code.example.com").unwrap()
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn waiting(path: &str) -> Attempt {
    Attempt::Waiting { path: Path(ReturnTo::parse(path).unwrap()), verifier: [7; 32] }
}

/// A browser's cookies of one host.
#[derive(Default)]
struct Jar(BTreeMap<String, String>);

impl Jar {
    fn take(&mut self, lines: &[HeaderValue]) {
        for line in lines {
            let cookie = Cookie::parse(line.to_str().unwrap().to_owned()).unwrap();
            if cookie.max_age().unwrap().is_zero() {
                self.0.remove(cookie.name());
            } else {
                self.0.insert(cookie.name().to_owned(), cookie.value().to_owned());
            }
        }
    }

    fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

fn begin(attempts: &Attempts, jar: &mut Jar, at: SystemTime) -> AttemptId {
    let kept = attempts.begin(&host(), jar.iter(), at, |_| waiting("/a?b=c")).unwrap();
    jar.take(&kept.set_cookies);
    kept.id
}

#[test]
fn what_was_begun_is_found_again() {
    let (attempts, mut jar) = (attempts(), Jar::default());
    let id = begin(&attempts, &mut jar, now());
    let Some(Attempt::Waiting { path, verifier }) = attempts.open(&id, &host(), jar.iter(), now()) else {
        panic!("lost")
    };
    assert_eq!((path.0.as_str(), verifier), ("/a?b=c", [7; 32]));
}

#[test]
fn the_cookie_is_bound_to_host_name_and_secret_and_is_private() {
    let (attempts, mut jar) = (attempts(), Jar::default());
    let kept = attempts.begin(&host(), jar.iter(), now(), |_| waiting("/secret-path")).unwrap();
    let line = kept.set_cookies[0].to_str().unwrap();
    for part in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax", "Max-Age=600"] {
        assert!(line.split("; ").any(|other| other == part), "{part}: {line}");
    }
    assert!(line.starts_with("__Host-doorward-attempt-") && !line.contains("secret-path"), "{line}");
    jar.take(&kept.set_cookies);

    let other_host = Hostname::parse("evil.example.com").unwrap();
    assert!(attempts.open(&kept.id, &other_host, jar.iter(), now()).is_none());
    assert!(attempts_with(2).open(&kept.id, &host(), jar.iter(), now()).is_none());
    let value = jar.0.values().next().unwrap().clone();
    // Under another id of the same browser, or altered, it opens nothing.
    let other = AttemptId::new(now()).unwrap();
    let moved = (format!("__Host-doorward-attempt-{other}"), value.clone());
    assert!(attempts.open(&other, &host(), [(moved.0.as_str(), moved.1.as_str())].into_iter(), now()).is_none());
    let name = jar.0.keys().next().unwrap();
    for altered in [value.replacen('A', "B", 1) + "A", value[1..].to_owned(), String::new(), "x".repeat(5000)] {
        let cookies = [(name.as_str(), altered.as_str())];
        assert!(attempts.open(&kept.id, &host(), cookies.into_iter(), now()).is_none());
    }
    // A forged cookie beside the real one hides nothing.
    let both = [(name.as_str(), "forged"), (name.as_str(), value.as_str())];
    assert!(attempts.open(&kept.id, &host(), both.into_iter(), now()).is_some());
}

#[test]
fn ten_minutes_are_all_there_is() {
    let (attempts, mut jar) = (attempts(), Jar::default());
    let id = begin(&attempts, &mut jar, now());
    assert!(attempts.open(&id, &host(), jar.iter(), now() + LIFE - Duration::from_secs(1)).is_some());
    assert!(attempts.open(&id, &host(), jar.iter(), now() + LIFE).is_none());
}

#[test]
fn a_browser_has_five_and_the_oldest_go() {
    let (attempts, mut jar) = (attempts(), Jar::default());
    let ids: Vec<_> = (0..20).map(|number| begin(&attempts, &mut jar, now() + Duration::from_secs(number))).collect();
    assert_eq!(jar.0.len(), 5);
    for (index, id) in ids.iter().enumerate() {
        let found = attempts.open(id, &host(), jar.iter(), now() + Duration::from_secs(20)).is_some();
        assert_eq!(found, index >= 15, "{index}");
    }
}

#[test]
fn junk_under_our_name_is_cleared_and_never_repeated_unchecked() {
    let (attempts, mut jar) = (attempts(), Jar::default());
    for number in 0..10 {
        jar.0.insert(format!("__Host-doorward-attempt-junk{number}"), "x".into());
    }
    jar.0.insert("__Host-doorward-attempt-a;b\r\nSet-Cookie: x".into(), "x".into());
    let kept = attempts.begin(&host(), jar.iter(), now(), |_| waiting("/")).unwrap();
    assert!(kept.set_cookies.iter().all(|line| !line.to_str().unwrap().contains('\r')));
    jar.take(&kept.set_cookies);
    assert!(jar.0.len() <= 6, "{:?}", jar.0.keys());
    assert!(attempts.open(&kept.id, &host(), jar.iter(), now()).is_some());
}

#[test]
fn the_longest_attempt_fits_a_cookie() {
    let long = format!("/{}", "a".repeat(2047));
    let target = Target::Here(Path(ReturnTo::parse(&long).unwrap()));
    let attempt =
        Attempt::AtProvider { nonce: "n".repeat(43), verifier: "v".repeat(43), target, asked: Asked::default() };
    let kept = attempts().begin(&host(), std::iter::empty(), now(), |_| attempt).unwrap();
    assert!(kept.set_cookies[0].len() < 4096, "{}", kept.set_cookies[0].len());
}

#[test]
fn ids_have_one_form() {
    let id = AttemptId::new(now()).unwrap();
    assert_eq!(AttemptId::parse(id.as_str()), Some(id.clone()));
    assert_eq!(id.created(), Some(now()));
    let text = id.as_str();
    let upper = text.replacen(|c: char| c.is_ascii_hexdigit(), "G", 1);
    for wrong in ["", "x", &text[1..], &format!("{text}A"), &upper, &text.replace(&text[10..12], "!!"), &"é".repeat(16)]
    {
        assert_eq!(AttemptId::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn a_way_back_in_a_cookie_is_checked_again() {
    assert!(serde_json::from_str::<Path>("\"//evil.example\"").is_err());
    assert!(serde_json::from_str::<Path>("\"/fine\"").is_ok());
}

#[test]
fn nothing_of_an_attempt_is_in_debug_output() {
    let target = Target::Host { authority: "h".into(), attempt: AttemptId::new(now()).unwrap(), challenge: [9; 32] };
    let attempt = Attempt::AtProvider {
        nonce: "nonce".into(),
        verifier: "verifier".into(),
        target: target.clone(),
        asked: Asked::default(),
    };
    assert_eq!(format!("{attempt:?}"), "Attempt(..)");
    assert!(!format!("{target:?}").contains('9'));
}
