//! Names that a visitor could use to speak for us, or for another proxy in front of the upstream.
//!
//! An upstream behind us may trust any of these, so none is taken from a visitor. `_` and `.` count as `-`:
//! CGI-like upstreams cannot tell them apart (`X_Forwarded_For` and `X-Forwarded-For` are both
//! `HTTP_X_FORWARDED_FOR` to them).
//!
//! The families, by first part of the name:
//!
//! | what it would claim | names |
//! |---|---|
//! | to be us | `x-doorward-*`, `x-pomerium-*` |
//! | where the request came from | `x-forwarded-*`, `x-forwarded`, `forwarded`, `forwarded-for`, `x-original-forwarded-for`, `x-real-ip`, `x-client-ip`, `client-ip`, `x-cluster-client-ip`, `x-remote-*`, `true-client-ip`, `cf-connecting-ip*`, `fastly-client-ip`, `x-appengine-user-ip`, `x-envoy-*`, `forwarded-host`, `forwarded-proto` |
//! | another host or path than policy saw | `x-original-url`, `x-original-uri`, `x-original-host`, `x-original-method`, `x-rewrite-url`, `x-host`, `x-http-host-override` |
//! | another method than policy saw | `x-http-method-override`, `x-http-method`, `x-method-override` |
//! | who the visitor is | `remote-user`, `remote-name`, `remote-email`, `remote-groups`, `x-auth-request-*`, `x-authentik-*`, `x-authelia-*`, `x-vouch-*`, `x-token-user-*`, `x-webauth-*`, `x-goog-authenticated-user-*`, `x-goog-iap-*`, `x-amzn-ava-*`, `x-amzn-oidc-*`, `x-ms-client-principal*`, `x-ms-token-*`, `cf-access-*`, `oidc-*`, `tailscale-*`, `teleport-*` |
//! | a client certificate | `x-client-cert*`, `x-client-dn`, `x-client-verify`, `x-ssl-*`, `ssl-client-*`, `client-cert*`, `x-arr-clientcert` |
//! | which request this is | `x-request-id` |

use http::{HeaderMap, HeaderName};

/// Every name that starts so; written with `-`, in lower case, sorted.
const FAMILIES: [&str; 26] = [
    "cf-access-",
    "cf-connecting-ip",
    "client-cert",
    "oidc-",
    "ssl-client-",
    "tailscale-",
    "teleport-",
    "x-amzn-ava-",
    "x-amzn-oidc-",
    "x-auth-request-",
    "x-authelia-",
    "x-authentik-",
    "x-client-cert",
    "x-doorward-",
    "x-envoy-",
    "x-forwarded-",
    "x-goog-authenticated-user-",
    "x-goog-iap-",
    "x-ms-client-principal",
    "x-ms-token-",
    "x-pomerium-",
    "x-remote-",
    "x-ssl-",
    "x-token-user-",
    "x-vouch-",
    "x-webauth-",
];

/// These names and no longer ones; sorted.
const NAMES: [&str; 31] = [
    "client-ip",
    "fastly-client-ip",
    "forwarded",
    "forwarded-for",
    "forwarded-host",
    "forwarded-proto",
    "remote-email",
    "remote-groups",
    "remote-name",
    "remote-user",
    "true-client-ip",
    "x-appengine-user-ip",
    "x-arr-clientcert",
    "x-client-dn",
    "x-client-ip",
    "x-client-verify",
    "x-cluster-client-ip",
    "x-forwarded",
    "x-host",
    "x-http-host-override",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-forwarded-for",
    "x-original-host",
    "x-original-method",
    "x-original-uri",
    "x-original-url",
    "x-real-ip",
    "x-request-id",
    "x-rewrite-url",
];

/// The longest name that is looked at; no name above is as long.
const LOOKED_AT: usize = 48;

/// Whether a visitor may not send a header of this name.
pub fn is_reserved(name: &HeaderName) -> bool {
    let name = name.as_str().as_bytes();
    // Spares most headers the rest: nothing above starts otherwise.
    if !matches!(name.first(), Some(b'c' | b'f' | b'o' | b'r' | b's' | b't' | b'x')) {
        return false;
    }
    let mut plain = [0; LOOKED_AT];
    for (to, from) in plain.iter_mut().zip(name) {
        *to = if matches!(from, b'_' | b'.') { b'-' } else { *from };
    }
    let plain = plain.get(..name.len()).unwrap_or(&plain);
    if NAMES.binary_search_by(|known| known.as_bytes().cmp(plain)).is_ok() {
        return true;
    }
    // No family is the start of another, so only the last one not behind the name can be the start of it.
    let behind = FAMILIES.partition_point(|family| family.as_bytes() <= plain);
    behind.checked_sub(1).and_then(|last| FAMILIES.get(last)).is_some_and(|last| plain.starts_with(last.as_bytes()))
}

/// Removes every header that [`is_reserved`].
pub fn strip_reserved(headers: &mut HeaderMap) {
    let forged: Vec<HeaderName> = headers.keys().filter(|name| is_reserved(name)).cloned().collect();
    for name in forged {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    fn reserved(name: &str) -> bool {
        is_reserved(&name.parse().unwrap())
    }

    #[test]
    fn the_tables_can_be_searched() {
        assert!(NAMES.is_sorted());
        assert!(FAMILIES.is_sorted());
        for (family, next) in FAMILIES.iter().zip(FAMILIES.iter().skip(1)) {
            assert!(!next.starts_with(family), "{next} is of the family {family}");
        }
        for name in NAMES.iter().chain(&FAMILIES) {
            assert!(name.len() < LOOKED_AT && !name.contains(['_', '.']) && *name == name.to_lowercase());
            assert!(reserved(name), "{name}");
        }
    }

    #[test]
    fn every_spelling_is_reserved() {
        for name in [
            "X-Doorward-Jwt-Assertion",
            "x_doorward_jwt_assertion",
            "X.Doorward.Claim.Email",
            "x-doorward_claim-email",
            "x-doorward-",
            "X-Pomerium-Claim-Groups",
            "x_pomerium_jwt_assertion",
            "X-Forwarded-For",
            "X_Forwarded_For",
            "x-forwarded-anything-at-all-and-quite-a-lot-longer-than-we-look-at",
            "X-Forwarded",
            "Forwarded",
            "X-Real-IP",
            "X_Real_IP",
            "X-Request-Id",
            "x_request_id",
            "True-Client-IP",
            "Remote-User",
            "REMOTE_USER",
            "X-Remote-User",
            "X-WEBAUTH-USER",
            "X-Auth-Request-Email",
            "Cf-Access-Jwt-Assertion",
            "X-Goog-Iap-Jwt-Assertion",
            "OIDC_CLAIM_email",
            "Tailscale-User-Login",
            "X-Original-URL",
            "X-Rewrite-URL",
            "X-HTTP-Method-Override",
            "X-authentik-username",
            "Client-Cert-Chain",
        ] {
            assert!(reserved(name), "{name}");
        }
    }

    #[test]
    fn what_applications_use_passes() {
        for name in [
            "host",
            "cookie",
            "authorization",
            "content-type",
            "x-requested-with",
            "x-csrf-token",
            "x-forward",
            "x-real-ip-address",
            "x-request-id-2",
            "x-doorwards-y",
            "forwarded-not",
            "remote",
            "sec-fetch-mode",
            "sec-websocket-key",
            "traceparent",
            "x-api-key",
            "origin",
            "referer",
            "cf-ray",
            "c",
            "x-",
        ] {
            assert!(!reserved(name), "{name}");
        }
    }

    #[test]
    fn all_lines_of_a_forged_name_go() {
        let mut headers = HeaderMap::new();
        for name in ["x-forwarded-for", "x_forwarded_for", "x-forwarded-for", "accept"] {
            headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_static("evil"));
        }
        strip_reserved(&mut headers);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["accept"]);
    }

    proptest! {
        #[test]
        fn spelling_never_matters(name in "(x-doorward-|x-forwarded-|x-real-ip|x|oidc-|forwarded)[a-z-]{0,50}", marks in "[-_.]{64}") {
            let mut mark = marks.chars();
            let spelled: String = name.chars().map(|c| if c == '-' { mark.next().unwrap_or(c) } else { c }).collect();
            prop_assert_eq!(reserved(&name), reserved(&spelled));
            let plain = name.starts_with("x-doorward-") || name.starts_with("x-forwarded-") || name == "x-real-ip";
            prop_assert!(!plain || reserved(&spelled));
        }
    }
}
