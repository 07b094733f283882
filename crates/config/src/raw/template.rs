//! What stands between `${doorward.` (or `${pomerium.`) and `}` in the value of a request header.
//!
//! Refuses: names there are none of, and headers of the visitor's request that never reach an application.

use doorward_hygiene::headers::is_reserved;
use http::HeaderName;

use super::{OF_THE_CONNECTION, nearest};
use crate::domain::route::HeaderPart;

/// What may stand there, as people are told it.
const NAMES: [&str; 12] = [
    "access_token",
    "claim.NAME",
    "client_cert_fingerprint",
    "client_cert_san_dns",
    "client_cert_san_email",
    "email",
    "groups",
    "id_token",
    "jwt",
    "name",
    "request.headers[\"NAME\"]",
    "user",
];

const LONGEST_CLAIM: usize = 256;

/// Why a template means nothing: what is wrong, and how to mend it.
pub(super) struct Meaningless {
    pub(super) what: &'static str,
    pub(super) mend: String,
}

/// What a template stands for. Nothing of what was written is repeated: it may be a piece of a secret.
pub(super) fn part(name: &str) -> Result<HeaderPart, Meaningless> {
    Ok(match name {
        "jwt" => HeaderPart::Assertion,
        "access_token" => HeaderPart::AccessToken,
        "id_token" => HeaderPart::IdToken,
        "email" | "user" | "name" | "groups" => HeaderPart::Claim(name.into()),
        "client_cert_fingerprint" => HeaderPart::CertificateFingerprint,
        "client_cert_san_dns" => HeaderPart::CertificateSanDns,
        "client_cert_san_email" => HeaderPart::CertificateSanEmail,
        _ => match (name.strip_prefix("claim."), name.strip_prefix("request.headers")) {
            (Some(claim), _) => HeaderPart::Claim(claim_name(claim)?.into()),
            (None, Some(header)) => HeaderPart::RequestHeader(header_name(header)?),
            (None, None) => return Err(unknown(name)),
        },
    })
}

fn unknown(name: &str) -> Meaningless {
    let mend = nearest(name, &NAMES).map_or_else(
        || format!("There are: {}. To mean the characters `${{` themselves, write `$${{`.", NAMES.join(", ")),
        |meant| format!("Did you mean `${{doorward.{meant}}}`?"),
    );
    Meaningless { what: "a template that does not exist", mend }
}

fn claim_name(claim: &str) -> Result<&str, Meaningless> {
    let is_name = !claim.is_empty() && claim.len() <= LONGEST_CLAIM && !claim.contains(char::is_control);
    is_name.then_some(claim).ok_or_else(|| Meaningless {
        what: "a template without the name of a claim",
        mend: "Write `${doorward.claim.NAME}`; a claim inside another is `${doorward.claim.OUTER.INNER}`.".into(),
    })
}

/// `["NAME"]`, with quotation marks of either kind.
fn header_name(text: &str) -> Result<HeaderName, Meaningless> {
    let quoted = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let name = quoted
        .and_then(|quoted| ['"', '\''].into_iter().find_map(|mark| quoted.strip_prefix(mark)?.strip_suffix(mark)));
    let Some(name) = name.and_then(|name| HeaderName::from_bytes(name.as_bytes()).ok()) else {
        return Err(Meaningless {
            what: "a template that names no header",
            mend: "Write `${doorward.request.headers[\"NAME\"]}`.".into(),
        });
    };
    let never_passes = [http::header::HOST, http::header::COOKIE].contains(&name)
        || is_reserved(&name)
        || OF_THE_CONNECTION.contains(&name.as_str());
    if never_passes {
        return Err(Meaningless {
            what: "a template with a header of the visitor's that Doorward does not pass on so",
            mend: "Name another. Cookies go to the application as they are; what Doorward sets is not taken from visitors."
                .into(),
        });
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_that_people_are_told_means_something() {
        for name in NAMES {
            assert!(part(name).is_ok(), "{name}");
        }
        assert!(part("claim.realm_access.roles") == Ok(HeaderPart::Claim("realm_access.roles".into())));
        assert!(part("request.headers['x-a']") == Ok(HeaderPart::RequestHeader("x-a".parse().unwrap())));
    }

    #[test]
    fn what_only_doorward_may_say_is_not_taken_from_a_visitor() {
        for name in ["Cookie", "Host", "X-Doorward-Jwt-Assertion", "x_pomerium_claim_email", "X-Forwarded-For", "TE"] {
            assert!(part(&format!("request.headers[\"{name}\"]")).is_err(), "{name}");
        }
        for text in ["request.headers", "request.headers[]", "request.headers[\"\"]", "request.headers[x]", "claim."] {
            assert!(part(text).is_err(), "{text}");
        }
    }

    impl PartialEq for Meaningless {
        fn eq(&self, other: &Self) -> bool {
            self.what == other.what && self.mend == other.mend
        }
    }
}
