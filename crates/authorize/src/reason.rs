//! The words a decision gives for itself.

use std::fmt;

/// Why a criterion held or did not. The kebab-case words are Pomerium's, where Pomerium has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Reason {
    /// `accept` always holds.
    Accept,
    /// `reject` never holds.
    Reject,
    /// The visitor is signed in, or is the user asked for.
    UserOk,
    /// The visitor is another user.
    UserUnauthorized,
    /// The rule needs to know who asks, and nobody has signed in.
    UserUnauthenticated,
    /// The e-mail address matches.
    EmailOk,
    /// The e-mail address does not match.
    EmailUnauthorized,
    /// The provider does not vouch for the e-mail address, so it matches nothing.
    EmailUnverified,
    /// The domain of the e-mail address matches.
    DomainOk,
    /// The domain of the e-mail address does not match.
    DomainUnauthorized,
    /// A group matches.
    GroupsOk,
    /// No group matches.
    GroupsUnauthorized,
    /// A claim matches.
    ClaimOk,
    /// The claim does not match.
    ClaimUnauthorized,
    /// The request is a CORS pre-flight.
    CorsRequest,
    /// The request is no CORS pre-flight.
    NonCorsRequest,
    /// The client certificate is the one asked for, or is believed.
    ClientCertificateOk,
    /// The client certificate is another.
    ClientCertificateUnauthorized,
    /// No client certificate was shown.
    ClientCertificateRequired,
    /// The client certificate is not believed.
    InvalidClientCertificate,
    /// The method matches.
    HttpMethodOk,
    /// The method does not match.
    HttpMethodUnauthorized,
    /// The path matches.
    HttpPathOk,
    /// The path does not match.
    HttpPathUnauthorized,
    /// The header matches.
    HttpHeaderOk,
    /// The header does not match, or is not there.
    HttpHeaderUnauthorized,
    /// The parameter of the query matches.
    HttpQueryOk,
    /// The parameter of the query does not match, or is not there.
    HttpQueryUnauthorized,
    /// What the client says it is matches.
    UserAgentOk,
    /// What the client says it is does not match.
    UserAgentUnauthorized,
    /// The request comes from one of the networks.
    SourceIpOk,
    /// The request comes from elsewhere.
    SourceIpUnauthorized,
    /// The request asks to become a WebSocket.
    WebsocketRequest,
    /// The request does not ask to become a WebSocket.
    NonWebsocketRequest,
    /// The date is within the span.
    DateOk,
    /// The date is not within the span.
    DateUnauthorized,
    /// It is one of the days.
    DayOfWeekOk,
    /// It is another day.
    DayOfWeekUnauthorized,
    /// The time of the day is within the span.
    TimeOfDayOk,
    /// The time of the day is not within the span.
    TimeOfDayUnauthorized,
    /// The person signed in within the time asked for.
    AuthenticationAgeOk,
    /// The person did not sign in within the time asked for.
    AuthenticationAgeUnauthorized,
    /// The route asks for a more recent sign-in.
    AuthenticationTooOld,
    /// The way the person signed in matches.
    AuthenticationMethodOk,
    /// The person signed in another way.
    AuthenticationMethodUnauthorized,
    /// The provider matches.
    IdentityProviderOk,
    /// Another provider vouches for the person.
    IdentityProviderUnauthorized,
    /// What the rule asks about can be read in several ways, and they do not agree.
    AmbiguousRequest,
    /// No rule says who may.
    NoRule,
}

impl Reason {
    /// Every reason, each at the place its number says.
    pub const ALL: [Self; 49] = [
        Self::Accept,
        Self::Reject,
        Self::UserOk,
        Self::UserUnauthorized,
        Self::UserUnauthenticated,
        Self::EmailOk,
        Self::EmailUnauthorized,
        Self::EmailUnverified,
        Self::DomainOk,
        Self::DomainUnauthorized,
        Self::GroupsOk,
        Self::GroupsUnauthorized,
        Self::ClaimOk,
        Self::ClaimUnauthorized,
        Self::CorsRequest,
        Self::NonCorsRequest,
        Self::ClientCertificateOk,
        Self::ClientCertificateUnauthorized,
        Self::ClientCertificateRequired,
        Self::InvalidClientCertificate,
        Self::HttpMethodOk,
        Self::HttpMethodUnauthorized,
        Self::HttpPathOk,
        Self::HttpPathUnauthorized,
        Self::HttpHeaderOk,
        Self::HttpHeaderUnauthorized,
        Self::HttpQueryOk,
        Self::HttpQueryUnauthorized,
        Self::UserAgentOk,
        Self::UserAgentUnauthorized,
        Self::SourceIpOk,
        Self::SourceIpUnauthorized,
        Self::WebsocketRequest,
        Self::NonWebsocketRequest,
        Self::DateOk,
        Self::DateUnauthorized,
        Self::DayOfWeekOk,
        Self::DayOfWeekUnauthorized,
        Self::TimeOfDayOk,
        Self::TimeOfDayUnauthorized,
        Self::AuthenticationAgeOk,
        Self::AuthenticationAgeUnauthorized,
        Self::AuthenticationTooOld,
        Self::AuthenticationMethodOk,
        Self::AuthenticationMethodUnauthorized,
        Self::IdentityProviderOk,
        Self::IdentityProviderUnauthorized,
        Self::AmbiguousRequest,
        Self::NoRule,
    ];

    /// The kebab-case word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Reject => "reject",
            Self::UserOk => "user-ok",
            Self::UserUnauthorized => "user-unauthorized",
            Self::UserUnauthenticated => "user-unauthenticated",
            Self::EmailOk => "email-ok",
            Self::EmailUnauthorized => "email-unauthorized",
            Self::EmailUnverified => "email-unverified",
            Self::DomainOk => "domain-ok",
            Self::DomainUnauthorized => "domain-unauthorized",
            Self::GroupsOk => "groups-ok",
            Self::GroupsUnauthorized => "groups-unauthorized",
            Self::ClaimOk => "claim-ok",
            Self::ClaimUnauthorized => "claim-unauthorized",
            Self::CorsRequest => "cors-request",
            Self::NonCorsRequest => "non-cors-request",
            Self::ClientCertificateOk => "client-certificate-ok",
            Self::ClientCertificateUnauthorized => "client-certificate-unauthorized",
            Self::ClientCertificateRequired => "client-certificate-required",
            Self::InvalidClientCertificate => "invalid-client-certificate",
            Self::HttpMethodOk => "http-method-ok",
            Self::HttpMethodUnauthorized => "http-method-unauthorized",
            Self::HttpPathOk => "http-path-ok",
            Self::HttpPathUnauthorized => "http-path-unauthorized",
            Self::HttpHeaderOk => "http-header-ok",
            Self::HttpHeaderUnauthorized => "http-header-unauthorized",
            Self::HttpQueryOk => "http-query-ok",
            Self::HttpQueryUnauthorized => "http-query-unauthorized",
            Self::UserAgentOk => "user-agent-ok",
            Self::UserAgentUnauthorized => "user-agent-unauthorized",
            Self::SourceIpOk => "source-ip-ok",
            Self::SourceIpUnauthorized => "source-ip-unauthorized",
            Self::WebsocketRequest => "websocket-request",
            Self::NonWebsocketRequest => "non-websocket-request",
            Self::DateOk => "date-ok",
            Self::DateUnauthorized => "date-unauthorized",
            Self::DayOfWeekOk => "day-of-week-ok",
            Self::DayOfWeekUnauthorized => "day-of-week-unauthorized",
            Self::TimeOfDayOk => "time-of-day-ok",
            Self::TimeOfDayUnauthorized => "time-of-day-unauthorized",
            Self::AuthenticationAgeOk => "authentication-age-ok",
            Self::AuthenticationAgeUnauthorized => "authentication-age-unauthorized",
            Self::AuthenticationTooOld => "authentication-too-old",
            Self::AuthenticationMethodOk => "authentication-method-ok",
            Self::AuthenticationMethodUnauthorized => "authentication-method-unauthorized",
            Self::IdentityProviderOk => "identity-provider-ok",
            Self::IdentityProviderUnauthorized => "identity-provider-unauthorized",
            Self::AmbiguousRequest => "ambiguous-request",
            Self::NoRule => "no-rule",
        }
    }

    const fn bit(self) -> u64 {
        1 << (self as u8)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of reasons: eight bytes, so that deciding allocates nothing.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Reasons(u64);

impl Reasons {
    /// No reason yet.
    pub const NONE: Self = Self(0);

    /// That a client certificate is missing or is not believed.
    pub const OF_CLIENT_CERTIFICATES: Self =
        Self(Reason::ClientCertificateRequired.bit() | Reason::InvalidClientCertificate.bit());

    /// Just this one.
    pub fn only(reason: Reason) -> Self {
        Self(reason.bit())
    }

    /// These and those.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the reason is among them.
    pub fn has(self, reason: Reason) -> bool {
        self.0 & reason.bit() != 0
    }

    /// Whether one of those is among them.
    pub fn has_any(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    /// Each reason, in a fixed order.
    pub fn iter(self) -> impl Iterator<Item = Reason> {
        Reason::ALL.into_iter().filter(move |reason| self.has(*reason))
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Reasons {
    /// The words, joined by commas.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, reason) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            f.write_str(reason.as_str())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Reasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reasons({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_bit_and_a_word_of_its_own() {
        let mut all = Reasons::NONE;
        for (index, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
            assert!(!all.has(reason));
            all = all.and(Reasons::only(reason));
        }
        let mut words: Vec<_> = all.iter().map(Reason::as_str).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Reason::ALL.len());
    }
}
