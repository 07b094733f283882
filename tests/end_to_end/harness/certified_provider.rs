//! A certified OpenID provider (tests/counterparts/openid-provider.mjs) as a child process.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::{Value, json};

use super::authority::Authority;
use super::browser::{Answer, Ask, Browser};
use super::setup::Setup;

const CLIENT_ID: &str = "doorward";
const CLIENT_SECRET: &str = "the-secret-the-certified-provider-knows";

/// The provider, until dropped. Its script ends with its standard input, so that a killed test leaves nothing.
pub(crate) struct CertifiedProvider {
    pub(crate) issuer: String,
    control: String,
    child: Child,
    _stdin: ChildStdin,
}

impl CertifiedProvider {
    /// Starts it; none, said loudly, where the tools are not installed (`scripts/install.sh counterparts`).
    pub(crate) async fn start() -> Option<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let node: PathBuf = root.join(".tools/bin/node");
        if !node.exists() || !root.join("tests/node_modules/oidc-provider").exists() {
            super::skip("the certified OpenID provider is not installed: scripts/install.sh counterparts");
            return None;
        }
        let mut child = Command::new(node)
            .arg(root.join("tests/counterparts/openid-provider.mjs"))
            .arg(json!({ "exit_with_stdin": true }).to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let stdout = child.stdout.take().unwrap();
        let reading = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            BufReader::new(stdout).read_line(&mut line).map(|_| line)
        });
        let line = super::within("starting the provider", reading).await.unwrap().unwrap();
        let says: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        let text = |name| says[name].as_str().unwrap().to_owned();
        Some(Self { issuer: text("issuer"), control: text("control"), child, _stdin: stdin })
    }

    /// Registers Doorward with this redirect URI, and gives the configuration for it. `host` is the sign-in host.
    pub(crate) async fn client(&self, setup: &Setup, host: &str, redirect_path: &str) -> String {
        let origin = setup.origin(host);
        let client = json!({
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "redirect_uris": [format!("{origin}{redirect_path}")],
            "post_logout_redirect_uris": [format!("{origin}/.doorward/signed_out")],
            "backchannel_logout_uri": format!("{origin}/.doorward/backchannel_logout"),
            "backchannel_logout_session_required": true,
        });
        self.command("POST", "/trust", &json!({ "ca": Authority::shared().pem() })).await;
        self.command("POST", "/clients", &client).await;
        format!(
            "idp_provider: oidc\nidp_provider_url: {}\nidp_client_id: {CLIENT_ID}\nidp_client_secret: {CLIENT_SECRET}",
            self.issuer
        )
    }

    /// A command of its control port.
    pub(crate) async fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let ask = Ask::new(method, &format!("{}{path}", self.control)).body(body);
        let answer = Browser::speaking("http/1.1").send(ask).await;
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text());
        answer.json()
    }

    /// How often this endpoint was asked.
    pub(crate) async fn count(&self, endpoint: &str) -> u64 {
        self.command("GET", "/requests", &Value::Null).await["counts"][endpoint].as_u64().unwrap_or(0)
    }

    /// Opens a page, signs in as `login` where the provider asks, and follows back.
    pub(crate) async fn sign_in(&self, browser: &mut Browser, url: &str, login: &str) -> Answer {
        let page = browser.visit(url).await;
        assert!(self.asks(&page), "no login form at {}:\n{}{}", page.url, browser.trail_as_text(), page.text());
        browser.submit(&page, &[("login", login), ("password", "anything")]).await
    }

    /// Whether this is the provider's login form.
    pub(crate) fn asks(&self, page: &Answer) -> bool {
        page.url.as_str().starts_with(&self.issuer) && page.text().contains("name=\"login\"")
    }
}

impl Drop for CertifiedProvider {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _status = self.child.wait();
    }
}
