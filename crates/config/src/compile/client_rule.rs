//! The rule that turns away visitors without a certificate that is believed.

use doorward_authorize::{Action, Criterion, Operator, Origin, Policy, Rule, Shadow};
use doorward_hygiene::HostPattern;

use super::route::Routes;
use crate::domain::client_certificates::Enforcement;
use crate::domain::tls::Tls;

/// Puts the rule first that denies visitors without a certificate that is believed, in every route of a host and in the
/// policy that is tried beside its own, unless
/// its routes' policies decide alone. Where the handshake fails without one, the rule still speaks when a certificate
/// ends, or is taken back, while its connection is open.
pub(super) fn deny_without_client_certificate(routes: &mut Routes, tls: &Tls) {
    for route in &mut routes.list {
        if !is_denied(tls, &route.from.host) {
            continue;
        }
        let rule = Rule {
            action: Action::Deny,
            operator: Operator::Or,
            criteria: vec![Criterion::InvalidClientCertificate],
            origin: Origin::ClientCertificates,
            line: route.line,
        };
        route.policy = with_first(&rule, &route.policy);
        route.policy_shadow = route.policy_shadow.take().map(|shadow| Shadow::new(with_first(&rule, shadow.policy())));
    }
}

/// The policy with this rule before all others.
fn with_first(rule: &Rule, policy: &Policy) -> Policy {
    let rules = std::iter::once(rule).chain(policy.rules()).cloned().collect();
    Policy::new(policy.route().clone(), rules)
}

/// Whether any trust that may be asked for on these hosts wants the rule.
fn is_denied(tls: &Tls, host: &HostPattern) -> bool {
    let own = tls
        .client_certificates_by_host
        .iter()
        .filter(|(pattern, _)| pattern == host || host.exact().is_some_and(|exact| pattern.matches(exact)));
    own.map(|(_, trust)| trust).chain(&tls.client_certificates).any(|trust| trust.enforcement != Enforcement::Policy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::client_certificates::ClientCertificates;

    fn trust(enforcement: Enforcement) -> ClientCertificates {
        ClientCertificates {
            authorities: Vec::new(),
            revoked: Vec::new(),
            enforcement,
            names: Vec::new(),
            max_verify_depth: None,
        }
    }

    #[test]
    fn a_host_below_a_wildcard_is_not_let_in_by_a_route_of_its_own() {
        let pattern = |text: &str| HostPattern::parse(text).unwrap();
        let mut tls = Tls {
            certificates: Vec::new(),
            hosts: Vec::new(),
            extra_hosts: Vec::new(),
            self_signed: true,
            acme: None,
            client_certificates: None,
            client_certificates_by_host: vec![(
                pattern("*.dev.example.com"),
                trust(Enforcement::PolicyWithDefaultDeny),
            )],
        };
        for (host, denied) in [
            ("*.dev.example.com", true),
            ("anna.dev.example.com", true),
            ("dev.example.com", false),
            ("*.example.com", false),
            ("a.b.dev.example.com", false),
        ] {
            assert_eq!(is_denied(&tls, &pattern(host)), denied, "{host}");
        }
        tls.client_certificates = Some(trust(Enforcement::Policy));
        assert!(!is_denied(&tls, &pattern("example.com")));
        tls.client_certificates = Some(trust(Enforcement::RejectConnection));
        assert!(is_denied(&tls, &pattern("example.com")));
    }
}
