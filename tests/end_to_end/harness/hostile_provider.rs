//! An OpenID provider that does exactly as it is told, also what no real one does.
//!
//! Without a [`Fault`] it is honest and quick: it signs in whoever [`Provider::person`] says without asking, and is
//! strict with its client (single-use codes, PKCE, exact redirect URI, client secret). Tests that are not about
//! the provider use it for that.

mod endpoints;
mod fault;
mod keys;
mod person;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub(crate) use fault::{Fault, Misdeed};
pub(crate) use person::Person;

use keys::Key;

pub(crate) const CLIENT_ID: &str = "doorward-tests";
pub(crate) const CLIENT_SECRET: &str = "a-client-secret-nobody-should-ever-see";

/// The provider, until dropped.
pub(crate) struct Provider {
    address: SocketAddr,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

/// What the endpoints work with.
struct Shared {
    issuer: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    person: Person,
    faults: Vec<Fault>,
    /// The number of the key that signs now; every key up to it is published.
    signing: usize,
    requests: Vec<Request>,
    codes: Vec<Code>,
    /// Everything handed out that must never be seen again: codes, tokens.
    secrets: Vec<String>,
}

/// A request to the provider: its path, and its query or form.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) parameters: Vec<(String, String)>,
}

impl Request {
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A code that was given out and not yet redeemed.
struct Code {
    value: String,
    person: Person,
    redirect_uri: String,
    nonce: Option<String>,
    challenge: Option<String>,
}

impl Provider {
    pub(crate) async fn start() -> Self {
        Self::start_at(0, &[]).await
    }

    /// One with a fault from the beginning.
    pub(crate) async fn with(fault: Fault) -> Self {
        Self::start_at(0, &[fault]).await
    }

    /// On a port known beforehand.
    pub(crate) async fn start_at(port: u16, faults: &[Fault]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let address = listener.local_addr().unwrap();
        // Making a key takes as long as it likes: not while somebody waits for an answer.
        keys::numbered(0);
        keys::foreign();
        let state = State { faults: faults.to_vec(), ..State::default() };
        let shared = Arc::new(Shared { issuer: issuer_at(address.port()), state: Mutex::new(state) });
        let router = endpoints::router(shared.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, shared, serving }
    }

    pub(crate) fn issuer(&self) -> String {
        self.shared.issuer.clone()
    }

    /// The configuration that makes Doorward a client of it.
    pub(crate) fn keys(&self) -> String {
        keys_for(self.address.port())
    }

    /// Who is signed in from now on.
    pub(crate) fn person(&self, person: Person) {
        self.shared.state.lock().unwrap().person = person;
    }

    /// What is wrong from now on, and nothing else.
    pub(crate) fn fault(&self, fault: Fault) {
        self.shared.state.lock().unwrap().faults = vec![fault];
    }

    pub(crate) fn honest(&self) {
        self.shared.state.lock().unwrap().faults.clear();
    }

    /// Signs with a new key from now on, and publishes it beside the old one.
    pub(crate) fn rotate_keys(&self) {
        let mut state = self.shared.state.lock().unwrap();
        keys::numbered(state.signing + 1);
        state.signing += 1;
    }

    /// Every request to this path so far.
    pub(crate) fn requests(&self, path: &str) -> Vec<Request> {
        let state = self.shared.state.lock().unwrap();
        state.requests.iter().filter(|request| request.path == path).cloned().collect()
    }

    /// Every code and token given out so far, and the client's secret.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let mut secrets = self.shared.state.lock().unwrap().secrets.clone();
        secrets.push(CLIENT_SECRET.into());
        secrets
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

pub(crate) fn issuer_at(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// The configuration for a provider that is, or will be, on this port.
pub(crate) fn keys_for(port: u16) -> String {
    format!(
        "idp_provider: oidc\nidp_provider_url: {}\nidp_client_id: {CLIENT_ID}\nidp_client_secret: {CLIENT_SECRET}",
        issuer_at(port)
    )
}

impl Shared {
    fn has(&self, fault: &Fault) -> bool {
        self.state.lock().unwrap().faults.contains(fault)
    }

    fn faults(&self) -> Vec<Fault> {
        self.state.lock().unwrap().faults.clone()
    }

    fn signing_key(&self) -> (&'static Key, usize) {
        let number = self.state.lock().unwrap().signing;
        (keys::numbered(number), number)
    }
}
