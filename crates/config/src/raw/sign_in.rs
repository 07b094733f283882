//! The sign-in host, the identity provider, built-in accounts.

use super::duration::Span;
use super::unsupported::NONE;
use super::{At, Pairs, RawSecret, Reading, Section};
use crate::yaml::Content;

#[derive(Debug)]
pub(crate) struct RawSignIn {
    pub(crate) authenticate_service_url: Option<At<String>>,
    pub(crate) idp_provider: Option<At<String>>,
    pub(crate) idp_provider_url: Option<At<String>>,
    pub(crate) idp_client_id: Option<At<String>>,
    pub(crate) idp_client_secret: RawSecret,
    pub(crate) idp_scopes: Option<At<Vec<At<String>>>>,
    pub(crate) idp_request_params: Option<At<Pairs>>,
    pub(crate) idp_groups_claim: Option<At<String>>,
    pub(crate) idp_refresh_interval: Option<At<Span>>,
    pub(crate) signout_redirect_url: Option<At<String>>,
    pub(crate) users: Option<At<Vec<RawUser>>>,
}

/// One item of `users`.
#[derive(Debug)]
pub(crate) struct RawUser {
    pub(crate) email: Option<At<String>>,
    pub(crate) name: Option<At<String>>,
    pub(crate) groups: Option<At<Vec<At<String>>>>,
}

impl RawSignIn {
    pub(super) fn read(section: &mut Section, reading: &mut Reading<'_>) -> Self {
        Self {
            authenticate_service_url: section.text("authenticate_service_url", reading),
            idp_provider: section.text("idp_provider", reading),
            idp_provider_url: section.text("idp_provider_url", reading),
            idp_client_id: section.text("idp_client_id", reading),
            idp_client_secret: section.secret("idp_client_secret", "idp_client_secret_file", reading),
            idp_scopes: section.texts("idp_scopes", reading),
            idp_request_params: section.pairs("idp_request_params", reading),
            idp_groups_claim: section.text("idp_groups_claim", reading),
            idp_refresh_interval: section.span("idp_refresh_interval", reading),
            signout_redirect_url: section.text("signout_redirect_url", reading),
            users: users(section, reading),
        }
    }
}

fn users(section: &mut Section, reading: &mut Reading<'_>) -> Option<At<Vec<RawUser>>> {
    let items = section.blocks("users", reading)?;
    let users = items
        .value
        .iter()
        .filter_map(|item| {
            if let Content::Scalar(_) = item.content {
                return Some(RawUser { email: reading.text("users", item), name: None, groups: None });
            }
            let mut user = Section::of(item, "an item of `users`", reading)?;
            let raw = RawUser {
                email: user.text("email", reading),
                name: user.text("name", reading),
                groups: user.texts("groups", reading),
            };
            if user.place_of("email").is_none() {
                reading.problems.error(&user.place, "this user has no `email`", "Add `email: you@example.com`.");
            }
            user.close("an item of `users`", NONE, reading);
            Some(raw)
        })
        .collect();
    Some(At::new(users, &items.place))
}
