//! Where and how people sign in.

use std::collections::HashSet;

use doorward_hygiene::{HostPattern, Origin, Scheme};
use doorward_identity::Email;
use rustls_pki_types::CertificateDer;
use url::Url;

use super::provider::{WrongScheme, wrong_with_scheme};
use super::{Compiler, from};
use crate::domain::route::Route;
use crate::domain::sign_in::{BuiltInUser, Provider, SignIn};
use crate::problem::Place;
use crate::raw::At;
use crate::raw::sign_in::{RawSignIn, RawUser};

/// The longest URL of ours that browsers and everything between are sure to take, in bytes.
const LONGEST_URL: usize = 2048;

/// The two ways to sign in that do not need somebody else's service.
const TWO_WAYS: &str = "Either use your own identity provider: `authenticate_service_url` at a host of yours \
     (or leave it out: the host of the first route without a `*` is taken), and `idp_provider`, `idp_client_id`, `idp_client_secret`.\n\
     Or use built-in accounts: leave out `authenticate_service_url` and every `idp_…` key, and list people under `users:`.";

impl Compiler<'_> {
    /// None when there is neither a sign-in host nor a route whose host could be one; that is noted.
    pub(super) fn sign_in(
        &mut self,
        raw: &RawSignIn,
        routes: &[Route],
        authorities: Vec<CertificateDer<'static>>,
        whole: &Place,
    ) -> Option<SignIn> {
        let origin = match &raw.authenticate_service_url {
            Some(url) => self.sign_in_origin(url).or_else(|| routes.iter().find_map(|route| route.from.exact())),
            None => self.first_host(routes, whole),
        };
        let is_route = |origin: &Origin| routes.iter().any(|route| route.from.exact().as_ref() == Some(origin));
        let dedicated = origin.as_ref().is_none_or(|origin| !is_route(origin));
        let redirect_path = if dedicated { "/oauth2/callback" } else { "/.doorward/oauth2/callback" };
        let provider = if let Some(name) = &raw.idp_provider {
            self.users_are_not_for(raw);
            self.provider(name, raw, authorities, redirect_path).map(Provider::Oidc)
        } else {
            self.keys_without_provider(raw);
            Some(Provider::BuiltIn(self.users(raw.users.as_ref())))
        };
        let signed_out = raw.signout_redirect_url.as_ref().and_then(|url| self.signed_out(url));
        let (origin, provider) = (origin?, provider?);
        let mut seen = HashSet::new();
        let all = routes.iter().map(|route| route.from.clone()).chain([origin.clone().into()]);
        let known_origins = all.filter(|known| seen.insert(known.clone())).collect();
        Some(SignIn { origin, dedicated, provider, known_origins, signed_out })
    }

    /// The first route that is for one host: a wildcard names none where people could be sent.
    fn first_host(&mut self, routes: &[Route], whole: &Place) -> Option<Origin> {
        let first = routes.iter().find_map(|route| route.from.exact());
        if let (None, Some(HostPattern::Below(parent))) = (&first, routes.first().map(|route| &route.from.host)) {
            self.problems.error(
                whole,
                "every route is for a wildcard of hosts, so there is no host where people could sign in",
                format!("Add `authenticate_service_url: https://HOST` with a host of its own, as `auth.{parent}`."),
            );
        }
        first
    }

    fn sign_in_origin(&mut self, url: &At<String>) -> Option<Origin> {
        if is_hosted(&url.value) {
            self.problems.error(
                &url.place,
                "`authenticate_service_url` is Pomerium's hosted sign-in service, which Doorward cannot use yet",
                TWO_WAYS,
            );
            return None;
        }
        match from::parse(&url.value) {
            Ok(parsed) if parsed.origin.scheme == Scheme::Https => {
                let origin = parsed.origin.exact();
                if origin.is_none() {
                    let (what, mend) = from::Refused::one_host("authenticate_service_url");
                    self.problems.error(&url.place, what, mend);
                }
                origin
            }
            Ok(_) => {
                self.problems.error(
                    &url.place,
                    "`authenticate_service_url` has to begin with `https://`",
                    "The session cookie goes over TLS only. Write `https://`.",
                );
                None
            }
            Err(refused) => {
                let (what, mend) = refused.in_words("authenticate_service_url", &url.value);
                self.problems.error(&url.place, what, mend);
                None
            }
        }
    }

    /// Where a browser goes after signing out, as a URL that can stand in a header.
    fn signed_out(&mut self, url: &At<String>) -> Option<String> {
        let reason = match Url::parse(&url.value) {
            _ if url.value.len() > LONGEST_URL => "this is longer than 2048 bytes",
            _ if url.value.chars().any(|character| character.is_control() || character.is_whitespace()) => {
                "this holds white space or a control character"
            }
            _ if url.value.contains('\\') => "this holds a `\\`",
            Err(_) => "this is no URL",
            Ok(parsed) if !parsed.username().is_empty() || parsed.password().is_some() => {
                "this holds a user name or password"
            }
            Ok(parsed) => match wrong_with_scheme(&parsed) {
                None => return Some(parsed.into()),
                Some(WrongScheme::NoHost) => "this has no host",
                Some(WrongScheme::Cleartext) => "this is not https: anybody on the way could lead people elsewhere",
                Some(WrongScheme::Other) => "this is not https",
            },
        };
        self.problems.error(
            &url.place,
            format!("`signout_redirect_url` is where people go after signing out, but {reason}"),
            "Write a whole URL, as `https://www.example.com/goodbye`; without the key, Doorward shows a page of its own.",
        );
        None
    }

    /// `hosted` as a provider is refused with the same words.
    pub(super) fn hosted_provider(&mut self, name: &At<String>) {
        self.problems.error(
            &name.place,
            "`idp_provider: hosted` is Pomerium's hosted identity provider, which Doorward cannot use yet",
            TWO_WAYS,
        );
    }

    fn users_are_not_for(&mut self, raw: &RawSignIn) {
        if let Some(users) = &raw.users {
            self.problems.error(
                &users.place,
                "`users` are built-in accounts, which there are none of with an `idp_provider`",
                "Remove one of the two.",
            );
        }
    }

    fn keys_without_provider(&mut self, raw: &RawSignIn) {
        let secret = &raw.idp_client_secret;
        let given = [
            ("idp_provider_url", raw.idp_provider_url.as_ref().map(|at| &at.place)),
            ("idp_client_id", raw.idp_client_id.as_ref().map(|at| &at.place)),
            ("idp_client_secret", secret.inline.as_ref().map(|at| &at.place)),
            ("idp_client_secret_file", secret.file.as_ref().map(|at| &at.place)),
            ("idp_scopes", raw.idp_scopes.as_ref().map(|at| &at.place)),
            ("idp_request_params", raw.idp_request_params.as_ref().map(|at| &at.place)),
            ("idp_groups_claim", raw.idp_groups_claim.as_ref().map(|at| &at.place)),
            ("idp_refresh_interval", raw.idp_refresh_interval.as_ref().map(|at| &at.place)),
        ];
        for (key, place) in given {
            if let Some(place) = place {
                self.problems.error(
                    place,
                    format!("`{key}` is given without `idp_provider`"),
                    "Add `idp_provider: oidc` (or the provider's own name), or remove the key to use built-in accounts.",
                );
            }
        }
    }

    fn users(&mut self, raw: Option<&At<Vec<RawUser>>>) -> Vec<BuiltInUser> {
        let mut users: Vec<BuiltInUser> = Vec::new();
        for user in raw.iter().flat_map(|users| &users.value) {
            let Some(text) = &user.email else { continue };
            let email = match Email::parse(&text.value) {
                Ok(email) => email,
                Err(error) => {
                    self.problems.error(
                        &text.place,
                        format!("a user is named by an e-mail address, but {error}"),
                        "Write `- you@example.com`.",
                    );
                    continue;
                }
            };
            if users.iter().any(|other| other.email == email) {
                self.problems.error(&text.place, format!("`{email}` is listed twice in `users`"), "Keep one of them.");
                continue;
            }
            let groups = user.groups.iter().flat_map(|groups| &groups.value).map(|group| group.value.clone()).collect();
            users.push(BuiltInUser { email, name: user.name.as_ref().map(|name| name.value.clone()), groups });
        }
        users
    }
}

/// Whether a URL is at the domain of Pomerium's hosted service.
fn is_hosted(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default().split(':').next().unwrap_or_default();
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host == "pomerium.app" || host.ends_with(".pomerium.app")
}
