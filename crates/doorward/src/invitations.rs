//! Invitations: the one-time links with which built-in accounts set their password.

use std::time::SystemTime;

use doorward_authenticate::{Accounts, AuthenticateError};
use doorward_config::BuiltInUser;
use doorward_hygiene::Origin;
use doorward_identity::Email;

/// Makes a new link for this address; one made before stops working.
pub(crate) fn invitation_link(
    accounts: &Accounts,
    sign_in: &Origin,
    email: &Email,
    now: SystemTime,
) -> Result<String, AuthenticateError> {
    Ok(accounts.invite(email, now)?.link(sign_in))
}

/// Who is invited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Invited {
    /// Everybody without a password, for a start: nobody knows any more where an earlier link went.
    Everybody,
    /// Only those without a link that is still good, for a reload: theirs must go on working.
    Newcomers,
}

/// Links for those of the configuration's people who have no password yet.
pub(crate) fn invitations(
    accounts: &Accounts,
    sign_in: &Origin,
    users: &[BuiltInUser],
    invited: Invited,
    now: SystemTime,
) -> Result<Vec<(Email, String)>, AuthenticateError> {
    let known = accounts.list(now);
    let needs_none = |user: &BuiltInUser| {
        known.iter().any(|account| {
            let has_link = invited == Invited::Newcomers && account.invited_until.is_some();
            account.email == user.email && (account.has_password || has_link)
        })
    };
    users
        .iter()
        .filter(|user| !needs_none(user))
        .map(|user| Ok((user.email.clone(), invitation_link(accounts, sign_in, &user.email, now)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reload_leaves_the_links_that_a_start_gave_out() {
        let folder = tempfile::tempdir().unwrap();
        let accounts = Accounts::open(folder.path()).unwrap();
        let sign_in = Origin::parse("https://code.example.test").unwrap();
        let user = |email: &str| BuiltInUser { email: Email::parse(email).unwrap(), name: None, groups: Vec::new() };
        let now = SystemTime::now();
        let invite = |users: &[BuiltInUser], invited| invitations(&accounts, &sign_in, users, invited, now).unwrap();

        let first = invite(&[user("a@example.com")], Invited::Everybody);
        assert!(first[0].1.starts_with("https://code.example.test/.doorward/welcome?token="));
        let (_, token) = first[0].1.split_once("token=").unwrap();
        let newcomers = invite(&[user("a@example.com"), user("b@example.com")], Invited::Newcomers);
        assert_eq!(newcomers.len(), 1);
        assert_eq!(newcomers[0].0.as_str(), "b@example.com");
        assert!(accounts.invited(token, now).unwrap().is_some(), "the first link still works");

        assert_eq!(invite(&[user("a@example.com")], Invited::Everybody).len(), 1);
        assert!(accounts.invited(token, now).unwrap().is_none(), "a newer link replaces an older one");
    }
}
