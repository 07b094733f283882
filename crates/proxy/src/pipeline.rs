//! A request's life, read from top to bottom.
//!
//! Each step needs what the step before it made: a [`CleanHead`], a route, a visitor, a decision, and the permit that
//! comes with an allowing one. No step can be left out, and none is found anywhere else.

use std::fmt;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use doorward_authorize::{Decision, Grounds, Permit, Reasons};
use doorward_config::Limits;
use doorward_hygiene::{CleanHead, InvalidPath, Unclean};
use doorward_sessions::LiveSession;
use doorward_telemetry::AccessLog;
use doorward_transport::{Handler, Peer};
use futures_util::future::Either;
use http::header::{CACHE_CONTROL, CONNECTION, SET_COOKIE};
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::{Body, Incoming};

use crate::account::Account;
use crate::body::Unasked;
use crate::error::ForwardError;
use crate::headers::to_upstream::{self, REQUEST_ID, Said};
use crate::held::{HeldFacts, Terms};
use crate::identify::RefusedFor;
use crate::limits::{AnswerBody, Place, When, unless_stalled};
use crate::refusal::{Denial, Refusal};
use crate::served_route::{Answers, Asked, ServedRoute};
use crate::snapshot::Snapshot;
use crate::tunnels::TunnelPlace;
use crate::upstreams::{Exchange, Outgoing, UpstreamClient};
use crate::{
    AnswerChallenges, ProxyBody, Tunnels, answer, arrived, challenges, clients, escaped_slashes, identify, redirect,
    respond, static_answer, upgrade,
};

/// What the pipeline works with.
#[derive(Clone)]
pub struct PipelineSettings {
    /// The configuration in service; a reload stores the next one here.
    pub snapshot: Arc<ArcSwap<Snapshot>>,
    /// Where a line is written for every request.
    pub access_log: AccessLog,
    /// What is held open.
    pub tunnels: Arc<Tunnels>,
    /// The time.
    pub clock: fn() -> SystemTime,
    /// Who answers authorities that check a name over plain HTTP.
    pub challenges: Option<Arc<dyn AnswerChallenges>>,
}

impl fmt::Debug for PipelineSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipelineSettings").field("tunnels", &self.tunnels).finish_non_exhaustive()
    }
}

/// Answers requests. Clones are one pipeline.
#[derive(Debug, Clone)]
pub struct Pipeline(Arc<PipelineSettings>);

impl Pipeline {
    /// A pipeline for any number of listeners.
    pub fn new(settings: PipelineSettings) -> Self {
        Self(Arc::new(settings))
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        peer: &Peer,
        place: &mut Place,
        account: &mut Account,
        new_ticket: &mut Option<HeaderValue>,
    ) -> Result<Response<ProxyBody>, Refusal> {
        let now = (self.0.clock)();
        let snapshot = self.0.snapshot.load_full();
        let (mut parts, body) = request.into_parts();
        upgrade::note_protocol(&mut parts);

        // One meaning, or no answer but a refusal.
        let client = arrived::client(peer, &parts.headers, &snapshot.proxies);
        account.note_client(client.client());
        has_room(place, client.client(), &snapshot.limits)?;
        let mut head = CleanHead::inspect(parts, &arrived::arrived_on(peer, client))?;
        account.note_host(&head);
        head.settle_underscored(snapshot.underscored)?;
        if head.is_cors_preflight() && !body.is_end_stream() {
            // It may pass without a sign-in, and then nothing else may come with it.
            return Err(Unclean::PreflightBody.into());
        }
        if redirect::is_wanted(peer) {
            if let Some(challenges) = &self.0.challenges
                && let Some(answer) = challenges::answer(&head, challenges.as_ref()).await
            {
                return Ok(answer);
            }
            return redirect::to_https(&head, &snapshot);
        }
        let certificate = clients::presented(&snapshot, peer.client_chain.as_ref(), head.host(), now);
        if !clients::will_do(&snapshot, &certificate, head.host()) {
            return Err(Refusal::ClientCertificate(certificate));
        }
        if snapshot.serves(head.host()) && snapshot.own.owns(&head) {
            return own(head, body, &snapshot, account).await;
        }

        // What for, who, and may they?
        let route = snapshot.table().find(head.host(), head.authority().port, head.path())?;
        account.note_route(&route.settings.id);
        if let Some(answer) = escaped_slashes::settle(&mut head, route)? {
            return Ok(answer);
        }
        route.hold_to_rates(When::Found, head.client_ip(), None, account.begun())?;
        let visitor = identify::visitor(&snapshot, &head, now).await?;
        account.note_visitor(visitor.as_ref());
        let asked = Asked { head: &head, visitor: visitor.as_ref(), client_certificate: &certificate, now };
        let (decision, shadow) = route.decide(&asked);
        account.note_decision(&decision, shadow);
        let permit = match decision {
            Decision::Allow(permit) => permit,
            Decision::SignIn(_) if account.is_grpc() => return Ok(respond::grpc::sign_in()),
            Decision::SignIn(_) => {
                let max_age = route.settings.policy.max_age();
                let answer = snapshot.identify.sign_in(&head, account.request_id().as_str(), max_age, now);
                return Ok(answer.map(ProxyBody::full));
            }
            // Nobody can mend that by signing in as somebody else.
            Decision::Deny(grounds) if grounds.reasons.has_any(Reasons::OF_CLIENT_CERTIFICATES) => {
                return Err(Refusal::ClientCertificate(certificate));
            }
            Decision::Deny(grounds) => return Err(denied(grounds, route, &asked, &snapshot)),
        };

        route.hold_to_rates(When::Allowed, head.client_ip(), visitor.as_ref(), account.begun())?;
        *new_ticket = identify::new_ticket(&snapshot, &head, visitor.as_ref(), now).await;

        // The permit opens one door: an upstream's. A route that answers by itself needed it all the same.
        let client = match &route.answers {
            Answers::Upstream(client) => client,
            Answers::Redirect(redirect) => return Ok(static_answer::redirect(redirect, route, &head)?),
            Answers::Response { status, body } => return Ok(static_answer::text(*status, body, route)),
        };
        let asked = upgrade::asked(&mut head, route)?;
        let session = visitor.as_ref().map(|visitor| Arc::clone(&visitor.session));
        let place = match &asked {
            Some(_) => Some(self.room_for_a_tunnel(session.as_deref(), head.client_ip(), &snapshot)?),
            None => None,
        };
        route.check_length(&body)?;
        let terms = Terms {
            tunnels: Arc::clone(&self.0.tunnels),
            facts: HeldFacts::of(&head, account.uri(), route, peer.client_chain.as_ref()),
            session,
            decided_by: Arc::clone(&snapshot),
            revision: visitor.as_ref().map_or(0, |visitor| visitor.known.revision),
            idle: route.stream_idle,
            place,
            request_id: *account.request_id(),
            route: route.settings.id.clone(),
        };
        let (visitor, request_id) = (visitor.as_ref(), account.request_id());
        let session = visitor.map(|visitor| visitor.session.id());
        let said = Said { snapshot: &snapshot, route, visitor, certificate: &certificate, request_id, now };
        let request = to_upstream::request(head, body, said)?;
        let within = route.settings.timeout.duration();
        let key = client.key(session, terms.facts.source_ip);
        let outgoing = Outgoing { request, within, upgrade: asked.is_some(), key };
        let exchange = forward(client, permit, route, outgoing, account).await?;

        // Its answer, or a tunnel.
        account.note_upstream(&exchange.upstream);
        let switched = exchange.response.status() == StatusCode::SWITCHING_PROTOCOLS;
        Ok(match asked.filter(|_| switched) {
            Some(asked) => {
                let response = asked.switch(exchange, route, &snapshot.cookie_stem, terms)?;
                account.note_tunnel();
                response
            }
            None => answer::pass_on(exchange, route, &snapshot.cookie_stem, terms)?,
        })
    }

    fn room_for_a_tunnel(
        &self,
        session: Option<&LiveSession>,
        client: IpAddr,
        snapshot: &Snapshot,
    ) -> Result<TunnelPlace, Refusal> {
        let place = self.0.tunnels.room_for(session, client, snapshot.limits.tunnels_per_session);
        place.ok_or(Refusal::TooManyTunnels)
    }
}

/// An endpoint of ours answers.
async fn own(
    head: CleanHead,
    body: Incoming,
    snapshot: &Snapshot,
    account: &mut Account,
) -> Result<Response<ProxyBody>, Refusal> {
    if head.path().escapes_slashes() {
        return Err(Unclean::Path(InvalidPath::EncodedSlash).into());
    }
    let (id, client) = (*account.request_id(), account.client());
    let answer = snapshot.own.answer(head, body, id.as_str(), client).await;
    if let Some(RefusedFor(reason)) = answer.extensions().get() {
        account.note_refused_for(reason);
    }
    Ok(answer)
}

/// Sends what is allowed. Where the route never gives up waiting for its upstream, an upload is still not to stand still
/// for longer than an answer may.
async fn forward(
    client: &UpstreamClient,
    permit: Permit,
    route: &ServedRoute,
    outgoing: Outgoing,
    account: &mut Account,
) -> Result<Exchange, ForwardError> {
    let expectation = outgoing.request.body().expectation().cloned();
    let progress = if outgoing.within.is_none() { outgoing.request.body().progress() } else { None };
    let exchange = client.forward(permit, &route.settings.id, outgoing);
    let exchange = pin!(match (progress, route.stream_idle) {
        // Boxed, so that other requests have no room for it.
        (Some(progress), Some(idle)) => Either::Left(unless_stalled(Box::pin(exchange), progress, idle)),
        _ => Either::Right(exchange),
    });
    let outcome = exchange.await;
    let Some(expectation) = expectation else { return outcome };
    // Answered or not: from now on nobody asks for its body.
    expectation.answered();
    account.note_expectation(&expectation);
    outcome.map(|exchange| Exchange { unasked: Some(Unasked::of(expectation)), ..exchange })
}

/// Whether one request more may be under way: of all, and of this address.
fn has_room(place: &mut Place, client: IpAddr, limits: &Limits) -> Result<(), Refusal> {
    if place.number() > limits.requests {
        return Err(Refusal::Overloaded);
    }
    if place.number_of(client) > limits.requests_per_address { Err(Refusal::TooManyOfAddress) } else { Ok(()) }
}

/// What a denied visitor is told is made only once they are.
fn denied(grounds: Grounds, route: &ServedRoute, asked: &Asked<'_>, snapshot: &Snapshot) -> Refusal {
    let needed = route.advice(asked);
    Refusal::Denied(Box::new(Denial { grounds, needed, support_contact: snapshot.support_contact.clone() }))
}

impl Handler for Pipeline {
    type Body = AnswerBody;

    async fn handle(&self, request: Request<Incoming>, peer: Arc<Peer>) -> Response<AnswerBody> {
        let mut place = self.0.tunnels.under_way().enter();
        let mut account = Account::open(&self.0.access_log, &request, peer.address.ip());
        let mut new_ticket = None;
        let answered = self.answer(request, &peer, &mut place, &mut account, &mut new_ticket).await;
        let mut response = answered.unwrap_or_else(|refusal| {
            account.note_refusal(&refusal);
            respond::refuse(&refusal, &account)
        });
        if account.is_misleading(response.status()) {
            account.note_refusal(&Refusal::NoWebSocket);
            response = respond::refuse(&Refusal::NoWebSocket, &account);
        }
        if account.ends_connection(response.status()) {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some(ticket) = new_ticket {
            // Nobody may keep an answer with somebody's ticket.
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response.headers_mut().append(SET_COOKIE, ticket);
        }
        if let Ok(id) = HeaderValue::from_str(account.request_id().as_str()) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        if let Some((route, reason)) = account.refused() {
            self.0.snapshot.load().count_refusal(route, reason);
        }
        account.close(response.status());
        response.map(|body| place.until_the_end_of(body))
    }
}
