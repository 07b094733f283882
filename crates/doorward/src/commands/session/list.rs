//! `doorward session list`: who is signed in, from where, since when.

use std::process::ExitCode;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{config_of, counted, minute, misunderstood};
use crate::admin::{Answer, Listed, Request, perform};
use crate::cli::SessionListArguments;
use crate::commands::Failure;
use crate::terminal::{complain, say, table};

pub(super) fn run(arguments: SessionListArguments) -> Result<ExitCode, Failure> {
    let config = config_of(arguments.config.config)?;
    let request = Request::List { user: arguments.user.clone(), most: arguments.limit.into() };
    let (Answer::Sessions { sessions, total }, _) = perform(&config, &request)? else { return Err(misunderstood()) };
    if arguments.json {
        say(format_args!("{:#}", json!({ "sessions": sessions, "total": total })));
        return Ok(ExitCode::SUCCESS);
    }
    if sessions.is_empty() {
        complain(match &arguments.user {
            Some(user) => format!("no session of {user}"),
            None => "nobody is signed in".to_owned(),
        });
        return Ok(ExitCode::SUCCESS);
    }
    let now = Timestamp::now();
    let rows: Vec<_> = sessions.iter().map(|session| row(session, now)).collect();
    table(["ID", "USER", "FROM", "BROWSER", "SIGNED IN (UTC)", "LAST SEEN", "ENDS (UTC)"], &rows);
    if let Some(more @ 1..) = total.checked_sub(sessions.len()) {
        complain(format_args!("{} more, older ones; --limit shows more, --user those of one person", counted(more)));
    }
    Ok(ExitCode::SUCCESS)
}

fn row(session: &Listed, now: Timestamp) -> [String; 7] {
    [
        session.id.clone(),
        session.user.clone(),
        session.client.to_string(),
        session.user_agent.as_deref().map_or_else(|| "-".to_owned(), browser),
        minute(session.created_at),
        ago(now.duration_since(session.last_seen_at)),
        minute(session.expires_at),
    ]
}

/// How long ago, roughly.
pub(super) fn ago(time: SignedDuration) -> String {
    let minutes = time.as_mins();
    match minutes {
        ..1 => "just now".to_owned(),
        1..60 => format!("{minutes} min ago"),
        60..2880 => format!("{} h ago", minutes / 60),
        _ => format!("{} days ago", minutes / 1440),
    }
}

/// The name by which people know a browser; what calls itself otherwise is shown as it does, cut short.
fn browser(user_agent: &str) -> String {
    // The order matters: most say that they are the ones that come later, too.
    const KNOWN: [(&str, &str); 6] = [
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("CriOS/", "Chrome"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    const SYSTEMS: [(&str, &str); 6] = [
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ];
    const LONGEST: usize = 24;
    let find = |words: &[(&str, &'static str)]| {
        words.iter().find(|(word, _)| user_agent.contains(word)).map(|(_, name)| *name)
    };
    match (find(&KNOWN), find(&SYSTEMS)) {
        (Some(name), Some(system)) if user_agent.starts_with("Mozilla/") => format!("{name}, {system}"),
        _ if user_agent.chars().count() > LONGEST => user_agent.chars().take(LONGEST).chain(['…']).collect(),
        _ => user_agent.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_called_what_people_call_them() {
        let chrome =
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36";
        assert_eq!(browser(chrome), "Chrome, Linux");
        assert_eq!(browser(&format!("{chrome} Edg/140.0")), "Edge, Linux");
        assert_eq!(browser("Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0"), "Firefox, Windows");
        let phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 Version/18.0 Safari/604";
        assert_eq!(browser(phone), "Safari, iPhone");
        assert_eq!(browser("curl/8.5.0"), "curl/8.5.0");
        assert_eq!(browser(&"x".repeat(200)).chars().count(), 25);
    }

    #[test]
    fn the_past_is_told_roughly() {
        let told = [-5, 0, 59, 60, 3599, 3600, 172_799, 172_800].map(|seconds| ago(SignedDuration::from_secs(seconds)));
        assert_eq!(
            told.map(|text| text),
            ["just now", "just now", "just now", "1 min ago", "59 min ago", "1 h ago", "47 h ago", "2 days ago"]
        );
    }
}
