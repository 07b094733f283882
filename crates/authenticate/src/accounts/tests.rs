use super::*;

const GOOD: &str = "four unrelated words";

fn email(text: &str) -> Email {
    Email::parse(text).unwrap()
}

fn accounts() -> (tempfile::TempDir, Accounts) {
    let directory = tempfile::tempdir().unwrap();
    let accounts = Accounts::open(directory.path()).unwrap();
    (directory, accounts)
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn set(accounts: &Accounts, token: &str, at: SystemTime) -> Account {
    match accounts.set_password(token, GOOD, at).unwrap() {
        SetPassword::Set(account) => account,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_invitation_becomes_a_password_once() {
    let (directory, accounts) = accounts();
    let amina = email("Amina@example.com");
    let token = accounts.invite(&amina, now()).unwrap();
    assert_eq!(token.expose().len(), 43);
    assert!(accounts.verify(&amina, GOOD).unwrap().is_none(), "no password yet");
    // Looking (a link preview does) uses nothing up.
    for _ in 0..3 {
        assert_eq!(accounts.invited(token.expose(), now()).unwrap(), Some(amina.clone()));
    }
    let account = set(&accounts, token.expose(), now());
    assert_eq!(account.email, amina);
    assert_eq!(accounts.verify(&email("AMINA@example.com"), GOOD).unwrap(), Some(account.clone()));
    assert!(accounts.verify(&amina, "four unrelated wordz").unwrap().is_none());
    assert!(accounts.verify(&email("other@example.com"), GOOD).unwrap().is_none());
    assert_eq!(accounts.invited(token.expose(), now()).unwrap(), None);
    assert!(matches!(
        accounts.set_password(token.expose(), "another good one", now()).unwrap(),
        SetPassword::NoInvitation
    ));
    assert!(accounts.verify(&amina, GOOD).unwrap().is_some(), "the second try changed nothing");

    let text = std::fs::read_to_string(directory.path().join("accounts.json")).unwrap();
    assert!(!text.contains(token.expose()) && !text.contains(GOOD));
    let again = Accounts::open(directory.path()).unwrap();
    assert_eq!(again.verify(&amina, GOOD).unwrap(), Some(account));
}

#[test]
fn an_invitation_expires_and_is_replaced() {
    let (_directory, accounts) = accounts();
    let amina = email("amina@example.com");
    let first = accounts.invite(&amina, now()).unwrap();
    let second = accounts.invite(&amina, now()).unwrap();
    assert_eq!(accounts.invited(first.expose(), now()).unwrap(), None);
    let last_moment = now() + INVITATION_LIFE - Duration::from_millis(1);
    assert!(accounts.invited(second.expose(), last_moment).unwrap().is_some());
    let too_late = now() + INVITATION_LIFE;
    assert!(matches!(accounts.set_password(second.expose(), GOOD, too_late).unwrap(), SetPassword::NoInvitation));
    for nonsense in ["", "x", &"A".repeat(43), &"A".repeat(100_000), "\0"] {
        assert_eq!(accounts.invited(nonsense, now()).unwrap(), None);
    }
}

#[test]
fn a_weak_password_leaves_the_invitation_open() {
    let (_directory, accounts) = accounts();
    let token = accounts.invite(&email("amina@example.com"), now()).unwrap();
    assert!(matches!(
        accounts.set_password(token.expose(), "short", now()).unwrap(),
        SetPassword::Weak(WeakPassword::TooShort)
    ));
    assert!(matches!(
        accounts.set_password(token.expose(), "my-amina-password", now()).unwrap(),
        SetPassword::Weak(WeakPassword::ContainsEmail)
    ));
    set(&accounts, token.expose(), now());
}

#[test]
fn of_two_who_use_an_invitation_at_once_one_wins() {
    let (_directory, accounts) = accounts();
    let token = accounts.invite(&email("amina@example.com"), now()).unwrap();
    let wins: usize = std::thread::scope(|scope| {
        let tries: Vec<_> =
            (0..4).map(|_| scope.spawn(|| accounts.set_password(token.expose(), GOOD, now()).unwrap())).collect();
        tries.into_iter().map(|try_| usize::from(matches!(try_.join().unwrap(), SetPassword::Set(_)))).sum()
    });
    assert_eq!(wins, 1);
}

#[test]
fn a_new_password_or_a_removed_account_vouches_for_no_older_session() {
    let (directory, accounts) = accounts();
    let amina = email("amina@example.com");
    let token = accounts.invite(&amina, now()).unwrap();
    let account = set(&accounts, token.expose(), now());
    assert!(accounts.vouches_for(&account.id, now()));
    assert!(!accounts.vouches_for(&account.id, now() - Duration::from_secs(1)));
    assert!(!accounts.vouches_for("somebody else", now()));

    // Another process (the command line) invites and removes; this one sees it.
    let other = Accounts::open(directory.path()).unwrap();
    let later = now() + Duration::from_secs(10);
    let token = other.invite(&amina, later).unwrap();
    assert!(accounts.refresh().unwrap());
    assert!(accounts.vouches_for(&account.id, now()), "an open invitation ends nothing");
    assert_eq!(set(&accounts, token.expose(), later).id, account.id, "the subject stays");
    assert!(!accounts.vouches_for(&account.id, now()));
    assert!(accounts.vouches_for(&account.id, later));
    assert!(other.remove(&amina).unwrap() && !other.remove(&amina).unwrap());
    assert!(accounts.refresh().unwrap());
    assert!(!accounts.refresh().unwrap());
    assert!(!accounts.vouches_for(&account.id, later));
    assert!(accounts.verify(&amina, GOOD).unwrap().is_none());
}

#[test]
fn the_list_says_who_is_still_invited() {
    let (_directory, accounts) = accounts();
    let token = accounts.invite(&email("b@example.com"), now()).unwrap();
    accounts.invite(&email("a@example.com"), now()).unwrap();
    set(&accounts, token.expose(), now());
    let list = accounts.list(now());
    let shown: Vec<_> = list.iter().map(|one| (one.email.as_str(), one.has_password, one.invited_until)).collect();
    assert_eq!(shown, [("a@example.com", false, Some(now() + INVITATION_LIFE)), ("b@example.com", true, None)]);
    assert!(accounts.list(now() + INVITATION_LIFE)[0].invited_until.is_none());
}

#[test]
fn nothing_secret_is_in_debug_output() {
    let (_directory, accounts) = accounts();
    let token = accounts.invite(&email("a@example.com"), now()).unwrap();
    assert_eq!(format!("{token:?}"), "InviteToken(..)");
    let content = accounts.file.read().unwrap();
    let shown = format!("{accounts:?} {content:?}");
    assert!(!shown.contains(&fingerprint_of(token.expose()).unwrap()), "{shown}");
}
