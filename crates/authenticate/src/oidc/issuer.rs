//! Who the provider is, byte for byte (OpenID Connect Discovery §4.3).
//!
//! Refuses: any other spelling. The one exception is Entra ID for several tenants, whose document has
//! `{tenantid}` in place of the tenant; there each token must name the issuer of its own `tid`.

use doorward_config::ProviderKind;

const TEMPLATE: &str = "{tenantid}";
/// The tenant names of Entra ID that stand for many tenants.
const MANY_TENANTS: [&str; 2] = ["common", "organizations"];

/// An issuer identifier, or Entra ID's pattern of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Issuer {
    /// This and no other.
    One(String),
    /// What stands before and behind the tenant's id.
    Tenants { before: String, behind: String },
}

impl Issuer {
    /// The issuer that `discovered` names, if it is the one that is configured.
    pub(crate) fn new(kind: ProviderKind, configured: &str, discovered: &str) -> Option<Self> {
        if discovered == configured {
            return Some(Self::One(configured.to_owned()));
        }
        if kind != ProviderKind::Azure {
            return None;
        }
        let (before, behind) = discovered.split_once(TEMPLATE)?;
        let tenant = configured.strip_prefix(before)?.strip_suffix(behind)?;
        MANY_TENANTS.contains(&tenant).then(|| Self::Tenants { before: before.to_owned(), behind: behind.to_owned() })
    }

    /// The issuer a token of this tenant (its `tid` claim) must name.
    pub(crate) fn of_tenant(&self, tenant: Option<&str>) -> Option<String> {
        match self {
            Self::One(issuer) => Some(issuer.clone()),
            Self::Tenants { before, behind } => {
                tenant.filter(|tenant| is_tenant_id(tenant)).map(|tenant| format!("{before}{tenant}{behind}"))
            }
        }
    }

    /// Whether `iss` in an authorization answer (RFC 9207) is this provider.
    pub(crate) fn is(&self, answered: &str) -> bool {
        match self {
            Self::One(issuer) => issuer == answered,
            Self::Tenants { before, behind } => answered
                .strip_prefix(before.as_str())
                .and_then(|rest| rest.strip_suffix(behind.as_str()))
                .is_some_and(is_tenant_id),
        }
    }

    /// Whether anybody's tenant may be behind it, so that an address it names proves nothing.
    pub(crate) fn is_many(&self) -> bool {
        matches!(self, Self::Tenants { .. })
    }
}

/// A UUID in lower case.
fn is_tenant_id(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATED: &str = "https://login.microsoftonline.com/{tenantid}/v2.0";
    const TENANT: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

    #[test]
    fn one_issuer_is_itself_and_nothing_else() {
        let issuer = Issuer::new(ProviderKind::Oidc, "https://a.test", "https://a.test").unwrap();
        assert_eq!(issuer.of_tenant(Some(TENANT)).as_deref(), Some("https://a.test"));
        assert!(issuer.is("https://a.test") && !issuer.is("https://a.test/") && !issuer.is_many());
        assert_eq!(Issuer::new(ProviderKind::Oidc, "https://a.test", "https://a.test/"), None);
    }

    #[test]
    fn a_token_of_many_tenants_names_its_own() {
        for tenant in MANY_TENANTS {
            let configured = TEMPLATED.replace(TEMPLATE, tenant);
            let issuer = Issuer::new(ProviderKind::Azure, &configured, TEMPLATED).unwrap();
            assert!(issuer.is_many());
            let own = TEMPLATED.replace(TEMPLATE, TENANT);
            assert_eq!(issuer.of_tenant(Some(TENANT)), Some(own.clone()));
            assert!(issuer.is(&own) && !issuer.is(&configured) && !issuer.is(TEMPLATED));
            for forged in [None, Some(""), Some("common"), Some("x/../y"), Some(&TENANT.to_uppercase()[..])] {
                assert_eq!(issuer.of_tenant(forged), None, "{forged:?}");
            }
        }
    }

    #[test]
    fn a_pattern_is_believed_of_entra_id_alone_and_only_when_asked_for() {
        let common = TEMPLATED.replace(TEMPLATE, "common");
        assert_eq!(Issuer::new(ProviderKind::Oidc, &common, TEMPLATED), None);
        for configured in [TEMPLATED.replace(TEMPLATE, TENANT), "https://evil.example/common/v2.0".to_owned()] {
            assert_eq!(Issuer::new(ProviderKind::Azure, &configured, TEMPLATED), None);
        }
    }
}
