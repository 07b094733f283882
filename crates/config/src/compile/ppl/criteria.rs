//! Criteria: the name says what is asked, and what stands behind it how.
//!
//! Refuses: names that are no criteria, and those of Pomerium that ask for what there is not here.

use doorward_authorize::{Case, Criterion};

use crate::compile::Compiler;
use crate::raw::nearest;
use crate::yaml::{Content, Entry, Node, shown};

/// Those that are understood.
const KNOWN: [&str; 24] = [
    "accept",
    "authenticated_user",
    "authentication_age",
    "authentication_method",
    "claim",
    "client_certificate",
    "cors_preflight",
    "date",
    "day_of_week",
    "domain",
    "email",
    "groups",
    "http_header",
    "http_method",
    "http_path",
    "http_query",
    "identity_provider",
    "invalid_client_certificate",
    "reject",
    "source_ip",
    "time_of_day",
    "user",
    "user_agent",
    "websocket",
];

/// Those with a name behind a slash.
const WITH_PATH: [&str; 3] = ["claim", "http_header", "http_query"];

const NO_SSH: &str = "Doorward forwards HTTP, not SSH";

/// Those that Pomerium has besides: why they are not here, and what to do instead.
const REFUSED: [(&str, &str, &str); 9] = [
    (
        "device",
        "Doorward knows no devices that people have registered",
        "A client certificate names a device: see `downstream_mtls`, and the criterion `client_certificate`.",
    ),
    (
        "mcp_tool",
        "Doorward does not look into the bodies of requests, where a tool would be named",
        "Remove it, if you can do without; `http_path` tells the server that is asked.",
    ),
    ("pomerium_routes", "Pomerium itself has taken it out again", "Remove it. Doorward's own pages need no rule."),
    (
        "record",
        "there are no records of other systems in Doorward",
        "What the identity provider says of a person is `groups` and `claim/NAME`.",
    ),
    ("ssh_ca", NO_SSH, "Remove the rule."),
    ("ssh_publickey", NO_SSH, "Remove the rule."),
    ("ssh_username", NO_SSH, "Remove the rule."),
    ("ssh_username_matches_claim", NO_SSH, "Remove the rule."),
    ("ssh_username_matches_email", NO_SSH, "Remove the rule."),
];

/// Whether a criterion of this name exists, here or in Pomerium.
pub(super) fn is_known(name: &str) -> bool {
    KNOWN.contains(&name) || REFUSED.iter().any(|(refused, ..)| *refused == name)
}

impl Compiler<'_> {
    pub(super) fn ppl_criterion(&mut self, node: &Node) -> Option<Criterion> {
        let Content::Map(entries) = &node.content else {
            let mend = match &node.content {
                Content::Scalar(scalar) if is_known(&scalar.text) => format!("Write `- {}: true`.", scalar.text),
                _ => self
                    .misplaced_name(node)
                    .unwrap_or_else(|| "Write `- NAME: VALUE`, as in `- email: {is: you@example.com}`.".into()),
            };
            let what = format!("a criterion is a name with a value, but here is {}", node.kind());
            self.problems.error(&node.place, what, mend);
            return None;
        };
        let [entry] = entries.as_slice() else {
            let (what, place) = match entries.get(1) {
                Some(second) => ("a criterion has one name, but here are several", &second.place),
                None => ("here is a criterion without a name", &node.place),
            };
            self.problems.error(place, what, "Put `- ` before each, so that every item of the list is one criterion.");
            return None;
        };
        let (name, path) = match entry.key.split_once('/') {
            Some((name, path)) => (name, Some(path)),
            None => (entry.key.as_str(), None),
        };
        if !KNOWN.contains(&name) {
            self.unknown_criterion(name, entry);
            return None;
        }
        if path.is_some() && !WITH_PATH.contains(&name) {
            self.problems.error(
                &entry.place,
                format!("`{name}` has nothing below it that `/` could lead to"),
                format!("Write `{name}`. Names stand behind `claim/`, `http_header/` and `http_query/`."),
            );
            return None;
        }
        let data = &entry.value;
        match name {
            "accept" => Some(self.plain(entry, Criterion::Accept)),
            "reject" => Some(self.plain(entry, Criterion::Reject)),
            "authenticated_user" => Some(self.plain(entry, Criterion::AuthenticatedUser)),
            "cors_preflight" => Some(self.plain(entry, Criterion::CorsPreflight)),
            "client_certificate" => self.client_certificate(data),
            "invalid_client_certificate" => Some(self.plain(entry, Criterion::InvalidClientCertificate)),
            "user" => self.string_matcher(name, data, Case::Sensitive).map(Criterion::User),
            "email" => self.string_matcher(name, data, Case::Insensitive).map(Criterion::Email),
            "domain" => self.string_matcher(name, data, Case::Insensitive).map(Criterion::Domain),
            "groups" => self.list_matcher(name, data).map(Criterion::Groups),
            "authentication_age" => self.authentication_age(data),
            "authentication_method" => self.list_matcher(name, data).map(Criterion::AuthenticationMethod),
            "identity_provider" => self.string_matcher(name, data, Case::Sensitive).map(Criterion::IdentityProvider),
            "http_method" => self.string_matcher(name, data, Case::Sensitive).map(Criterion::HttpMethod),
            "http_path" => self.string_matcher(name, data, Case::Sensitive).map(Criterion::HttpPath),
            "http_header" => self.http_header(path, entry),
            "http_query" => self.http_query(path, entry),
            "user_agent" => self.string_matcher(name, data, Case::Sensitive).map(Criterion::UserAgent),
            "source_ip" => self.source_ip(data),
            "websocket" => self.websocket(data),
            "date" => self.date(data),
            "day_of_week" => self.day_of_week(data),
            "time_of_day" => self.time_of_day(data),
            _ => self.claim(path, entry),
        }
    }

    fn unknown_criterion(&mut self, name: &str, entry: &Entry) {
        if let Some((_, why, mend)) = REFUSED.iter().find(|(refused, ..)| *refused == name) {
            self.problems.error(&entry.place, format!("the criterion `{name}` is not supported: {why}"), *mend);
            return;
        }
        // Looking for the nearest name takes its time.
        let meant = if self.problems.are_too_many() { None } else { nearest(name, &KNOWN) };
        let mend = match meant {
            Some(meant) => format!("Did you mean `{meant}`?"),
            None => format!("The criteria are: {}.", KNOWN.join(", ")),
        };
        self.problems.error(&entry.place, format!("there is no criterion `{}`", shown(&entry.key)), mend);
    }

    /// A criterion whose value says nothing. Pomerium takes `false` for `true` here.
    fn plain(&mut self, entry: &Entry, criterion: Criterion) -> Criterion {
        let off = match &entry.value.content {
            Content::Scalar(scalar) => scalar.text.eq_ignore_ascii_case("false"),
            _ => false,
        };
        if off {
            self.problems.warning(
                &entry.value.place,
                format!(
                    "`{0}: false` means the same as `{0}: true`: what stands behind it is not looked at",
                    entry.key
                ),
                "Remove the criterion; to turn one round, put it under `not`.",
            );
        }
        criterion
    }
}
