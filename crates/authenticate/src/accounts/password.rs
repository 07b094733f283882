//! What a new password may be, and its hash.
//!
//! Refuses: what is shorter than twelve or longer than 256 characters, holds the account's address or the name
//! in it, is one character or one word over and over, or stands at the top of the lists attackers try first.

use std::sync::LazyLock;

use argon2::password_hash::{PasswordHash, SaltString};
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use aws_lc_rs::rand;
use doorward_identity::Email;
use zeroize::Zeroizing;

use crate::AuthenticateError;

/// Fewest characters of a password.
const SHORTEST: usize = 12;
/// The shortest local part that a password may not hold; "eve" would forbid "seventeen".
const SHORTEST_NAME: usize = 4;
/// Most characters of a password; hashing takes longer with each.
const LONGEST: usize = 256;
/// OWASP's first choice for argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// The fifty most used passwords that are long enough to get this far, in lower case.
const COMMON: [&str; 50] = [
    "123456789012",
    "1234567890123",
    "12345678901234",
    "1234567891011",
    "123456123456",
    "123123123123",
    "1234512345678",
    "012345678901",
    "0123456789012",
    "987654321098",
    "qwertyuiopas",
    "qwertyuiop12",
    "qwertyuiop123",
    "qwertyuiop[]",
    "qwerty123456",
    "qwerty1234567",
    "qwertyuiopasdf",
    "qwertyuiopasdfghjkl",
    "1qaz2wsx3edc",
    "1qaz2wsx3edc4rfv",
    "q1w2e3r4t5y6",
    "1q2w3e4r5t6y",
    "1q2w3e4r5t6y7u8i",
    "zxcvbnm12345",
    "zxcvbnmasdfghjkl",
    "asdfghjkl123",
    "asdfghjklzxcvbnm",
    "abcdefghijkl",
    "abcdefgh1234",
    "abcdefgh12345678",
    "abc123456789",
    "a123456789012",
    "password1234",
    "password12345",
    "password123456",
    "password1234!",
    "passw0rd1234",
    "p@ssw0rd1234",
    "mypassword123",
    "iloveyou1234",
    "iloveyou12345",
    "letmein12345",
    "welcome12345",
    "welcome123456",
    "administrator",
    "changeme1234",
    "changeme12345",
    "correcthorsebatterystaple",
    "correct horse battery staple",
    "trustno1trustno1",
];

/// Why a new password will not do. Each displays as a sentence for the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    /// Fewer than twelve characters.
    #[error("The password is too short: it needs at least {SHORTEST} characters.")]
    TooShort,
    /// More than 256 characters.
    #[error("The password is too long: it may have at most {LONGEST} characters.")]
    TooLong,
    /// The e-mail address, or the name before its `@`, is in it.
    #[error("The password must not contain your e-mail address or the name in it.")]
    ContainsEmail,
    /// The same character or few characters over and over.
    #[error("The password repeats the same thing over and over; that is guessed at once.")]
    Repetitive,
    /// On the lists attackers try first.
    #[error("This is one of the passwords that are tried first; choose another.")]
    Common,
}

/// Whether a new password will do for this account.
///
/// # Errors
/// [`WeakPassword`] says why not.
pub(crate) fn check(password: &str, email: &Email) -> Result<(), WeakPassword> {
    let length = password.chars().count();
    if length < SHORTEST {
        return Err(WeakPassword::TooShort);
    }
    if length > LONGEST {
        return Err(WeakPassword::TooLong);
    }
    let folded = Zeroizing::new(password.to_lowercase());
    let local = email.local_part();
    if folded.contains(email.as_str()) || (local.len() >= SHORTEST_NAME && folded.contains(local)) {
        return Err(WeakPassword::ContainsEmail);
    }
    if COMMON.contains(&folded.as_str()) {
        return Err(WeakPassword::Common);
    }
    if is_repetitive(&folded) {
        return Err(WeakPassword::Repetitive);
    }
    Ok(())
}

/// Fewer than five different characters, or one short word again and again.
fn is_repetitive(text: &str) -> bool {
    let characters: Vec<char> = text.chars().collect();
    let mut different = characters.clone();
    different.sort_unstable();
    different.dedup();
    let repeats_every = |period: usize| characters.iter().zip(characters.iter().skip(period)).all(|(a, b)| a == b);
    different.len() < 5 || (1..=characters.len() / 2).any(repeats_every)
}

/// The hash of a password as a PHC string, with a new salt. Slow and memory-hungry on purpose.
///
/// # Errors
/// [`AuthenticateError::Cryptography`] when the system has no randomness.
pub(crate) fn hash(password: &str) -> Result<String, AuthenticateError> {
    let mut salt = [0; 16];
    rand::fill(&mut salt).map_err(|_| AuthenticateError::Cryptography)?;
    let salt = SaltString::encode_b64(&salt).map_err(|_| AuthenticateError::Cryptography)?;
    let hash = hasher()?.hash_password(password.as_bytes(), &salt).map_err(|_| AuthenticateError::Cryptography)?;
    Ok(hash.to_string())
}

/// Whether the password is the one the hash was made of. Without a hash it is compared with a made-up one, so
/// that an account that does not exist, or has no password yet, takes as long to refuse.
pub(crate) fn verify(password: &str, hash: Option<&str>) -> bool {
    let known = hash.is_some();
    let Some(hash) = hash.or(DUMMY.as_deref()) else { return false };
    // Cut off, not refused: the answer must not tell by its time that a hash was never reached.
    let password: Zeroizing<String> = Zeroizing::new(password.chars().take(LONGEST + 1).collect());
    let matches = PasswordHash::new(hash)
        .is_ok_and(|parsed| hasher().is_ok_and(|argon| argon.verify_password(password.as_bytes(), &parsed).is_ok()));
    matches && known
}

/// Makes the made-up hash ahead of its first use, which would otherwise take twice as long.
pub(crate) fn warm_up() {
    LazyLock::force(&DUMMY);
}

static DUMMY: LazyLock<Option<String>> = LazyLock::new(|| hash("nobody has this password").ok());

fn hasher() -> Result<Argon2<'static>, AuthenticateError> {
    let parameters = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| AuthenticateError::Cryptography)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(password: &str) -> Result<(), WeakPassword> {
        check(password, &Email::parse("Amina.Diallo@example.com").unwrap())
    }

    #[test]
    fn good_passwords_pass() {
        for password in ["four unrelated words", "Tr0ub4dor&3xyz", "дверь и ключ от неё", "🦀🔑🚪🏠🌲🌊🔥🎈🍎🎲🧭🪵"]
        {
            assert_eq!(judge(password), Ok(()), "{password}");
        }
    }

    #[test]
    fn weak_ones_are_refused_with_the_reason() {
        let long = "abcdefg hijklm ".repeat(20);
        for (password, why) in [
            ("", WeakPassword::TooShort),
            ("elevenchars", WeakPassword::TooShort),
            ("ééééééééééé", WeakPassword::TooShort),
            (long.as_str(), WeakPassword::TooLong),
            ("amina.diallo@example.com", WeakPassword::ContainsEmail),
            ("AMINA.DIALLO@EXAMPLE.COM!", WeakPassword::ContainsEmail),
            ("my-Amina.Diallo-pass", WeakPassword::ContainsEmail),
            ("Password1234", WeakPassword::Common),
            ("CORRECTHORSEBATTERYSTAPLE", WeakPassword::Common),
            ("aaaaaaaaaaaaaaaa", WeakPassword::Repetitive),
            ("abababababababab", WeakPassword::Repetitive),
            ("dragonfly1dragonfly1", WeakPassword::Repetitive),
        ] {
            assert_eq!(judge(password), Err(why), "{password}");
        }
    }

    #[test]
    fn a_short_name_forbids_only_the_whole_address() {
        let email = Email::parse("jo@example.com").unwrap();
        assert_eq!(check("major league baseball", &email), Ok(()));
        assert_eq!(check("x jo@example.com x", &email), Err(WeakPassword::ContainsEmail));
    }

    #[test]
    fn the_list_holds_only_what_would_otherwise_pass() {
        let email = Email::parse("zz@x.test").unwrap();
        for (index, password) in COMMON.iter().enumerate() {
            assert!(password.chars().count() >= SHORTEST, "{password}");
            assert_eq!(*password, password.to_lowercase());
            assert!(!COMMON[..index].contains(password), "{password} twice");
            assert_eq!(check(password, &email), Err(WeakPassword::Common));
        }
    }

    #[test]
    fn hashes_are_argon2id_salted_and_checked() {
        let one = hash("four unrelated words").unwrap();
        let two = hash("four unrelated words").unwrap();
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        assert_ne!(one, two);
        assert!(verify("four unrelated words", Some(&one)) && verify("four unrelated words", Some(&two)));
        assert!(!verify("four unrelated word", Some(&one)));
        assert!(!verify("four unrelated words", Some("$argon2id$broken")));
        assert!(!verify("nobody has this password", None), "the made-up hash opens nothing");
    }

    #[test]
    fn an_unknown_account_takes_as_long_as_a_known_one() {
        let known = hash("four unrelated words").unwrap();
        warm_up();
        let time = |hash: Option<&str>| {
            let mut fastest = std::time::Duration::MAX;
            for _ in 0..5 {
                let began = std::time::Instant::now();
                assert!(!verify("wrong password here", hash));
                fastest = fastest.min(began.elapsed());
            }
            fastest
        };
        let (with, without) = (time(Some(&known)), time(None));
        let ratio = with.as_secs_f64() / without.as_secs_f64();
        assert!((0.1..10.0).contains(&ratio), "{with:?} against {without:?}");
    }
}
