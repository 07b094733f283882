//! Apache with mod_auth_openidc: a session of its own, from a sign-in at a provider, and a claim that it requires.

use super::Peer;
use super::provider;
use crate::process::{Core, Server};
use crate::stage::{HOST, Stage, free_port, until_listening};

const MODULES: [&str; 13] = [
    "mpm_event",
    "authn_core",
    "authz_core",
    "authz_user",
    "proxy",
    "proxy_http",
    "proxy_wstunnel",
    "ssl",
    "socache_shmcb",
    "auth_openidc",
    "http2",
    "rewrite",
    "headers",
];
const FOLDER: &str = "/usr/lib/apache2/modules";

/// Whether it can be had.
pub(crate) fn is_there() -> bool {
    super::has("apache2") && super::has(&format!("{FOLDER}/mod_auth_openidc.so"))
}

/// Starts it and signs in; None where it is not on this machine.
pub(crate) async fn apache(stage: &Stage) -> Option<Peer> {
    if !is_there() {
        return None;
    }
    let (port, folder) = (free_port(), stage.folder("apache"));
    let load = MODULES.map(|name| format!("LoadModule {name}_module {FOLDER}/mod_{name}.so\n")).concat();
    let (at, small, behind) = (folder.display(), stage.small, stage.behind);
    let issuer = provider::ISSUER;
    let (certificate, key, secret) = (stage.certificate(), stage.key(), provider::SECRET);
    let config = format!(
        "{load}ServerRoot {at}\nServerName {HOST}\nPidFile {at}/pid\nListen 127.0.0.1:{port} https\nDefaultRuntimeDir {at}\n\
         Mutex sem\nErrorLog {at}/error.log\nUser www-data\nGroup www-data\nStartServers 2\nServerLimit 8\n\
         ThreadsPerChild 64\nMaxRequestWorkers 512\nKeepAlive On\nMaxKeepAliveRequests 0\nKeepAliveTimeout 3600\n\
         LogFormat \"%h %u %t \\\"%r\\\" %>s %b \\\"%{{User-Agent}}i\\\"\" usual\nCustomLog /dev/null usual\nBufferedLogs On\n\
         Protocols h2 http/1.1\nSSLEngine on\nSSLProtocol TLSv1.3\nSSLCertificateFile {certificate}\n\
         SSLCertificateKeyFile {key}\nSSLSessionCache shmcb:{at}/tls(512000)\n\
         OIDCProviderIssuer {issuer}\nOIDCProviderAuthorizationEndpoint {issuer}/authorize\n\
         OIDCResponseType id_token\nOIDCResponseMode form_post\n\
         OIDCIDTokenSignedResponseAlg HS256\nOIDCClientID bench\nOIDCClientSecret {secret}\n\
         OIDCRedirectURI https://{HOST}/oidc\nOIDCCryptoPassphrase {secret}\nOIDCSessionInactivityTimeout 3600\n\
         <Location />\n AuthType openid-connect\n Require claim groups:editors\n</Location>\n\
         <Proxy *>\n Require all granted\n</Proxy>\nProxyPreserveHost On\n\
         ProxyPass /oidc !\nProxyPass /sink http://127.0.0.1:{behind}/sink\n\
         ProxyPass /echo ws://127.0.0.1:{behind}/echo\nProxyPass / http://127.0.0.1:{small}/\n"
    );
    let file = folder.join("apache.conf");
    std::fs::write(&file, config).unwrap();
    let program = ["apache2", "-DFOREGROUND", "-f", file.to_str().unwrap()];
    let server = Server::start(Core::Proxy, "apache", &folder, &program);
    until_listening(port);
    let mut peer = Peer::new(stage, "Apache + mod_auth_openidc", port, vec![server]);
    peer.cookie = provider::sign_in(&peer).await.unwrap_or_else(|why| {
        let said = std::fs::read_to_string(folder.join("error.log")).unwrap_or_default();
        panic!(
            "nobody could sign in to Apache: {why}\n{}\n{said}",
            peer.servers.iter().map(Server::said).collect::<String>()
        )
    });
    Some(peer)
}
