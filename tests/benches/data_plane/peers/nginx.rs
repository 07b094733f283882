//! nginx: checks nobody, or asks a service that lets everybody in.

use super::Peer;
use crate::process::{Core, Server};
use crate::stage::{Stage, free_port, until_listening};

/// Whom nginx asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checks {
    /// Nobody, for as many hosts: one alone, or each with a server block of its own.
    Nobody { hosts: usize },
    /// With `auth_request`, another nginx that says yes.
    Service,
}

/// Starts it. Its log lines are gathered as ours are.
pub(crate) fn nginx(stage: &Stage, checks: Checks) -> Peer {
    let (port, asked) = (free_port(), free_port());
    let name = if checks == Checks::Service { "nginx + auth_request" } else { "nginx" };
    let folder = stage.folder(&name.replace(" + ", "-"));
    let (at, small, behind) = (folder.display().to_string(), stage.small, stage.behind);
    let start = |name: &str, rest: &str| {
        let config = format!(
            "daemon off; user root; worker_processes 1; pid {at}/{name}.pid; error_log {at}/{name}.error warn;\n\
             worker_rlimit_nofile 20000; events {{ worker_connections 20000; }}\n\
             http {{ keepalive_requests 100000000; keepalive_timeout 1h; tcp_nodelay on; client_max_body_size 0; server_names_hash_max_size 16384;\n\
             client_body_temp_path {at}/tmp; proxy_temp_path {at}/tmp; fastcgi_temp_path {at}/tmp;\n{rest}\n}}\n"
        );
        let file = folder.join(format!("{name}.conf"));
        std::fs::write(&file, config).unwrap();
        Server::start(Core::Proxy, name, &folder, &["nginx", "-c", file.to_str().unwrap()])
    };
    let (ask, hosts) = match checks {
        Checks::Nobody { hosts } => ("", hosts),
        Checks::Service => ("auth_request /asked;", 1),
    };
    let headers = "proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_set_header Host $http_host;\
                   proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto https;";
    let upgrade = "proxy_http_version 1.1; proxy_set_header Host $http_host; proxy_set_header Connection $connection_up;\
                   proxy_set_header Upgrade $http_upgrade; proxy_read_timeout 1h;";
    let (certificate, key) = (stage.certificate(), stage.key());
    let server = |name: &str| {
        format!(
            "server {{ listen 127.0.0.1:{port} ssl http2 backlog=4096; server_name {name};\n\
             location / {{ {ask} proxy_pass http://small; {headers} proxy_max_temp_file_size 0; }}\n\
             location /sink {{ {ask} proxy_pass http://behind; {headers} proxy_request_buffering off; }}\n\
             location /echo {{ {ask} proxy_pass http://behind; {upgrade} }}\n\
             location = /asked {{ internal; proxy_pass http://asked; {headers} proxy_pass_request_body off;\
             proxy_set_header Content-Length \"\"; }} }}\n"
        )
    };
    let servers: String = (0..hosts)
        .map(|number| server(&if number == 0 { "bench.test".to_owned() } else { format!("h{number}.bench.test") }))
        .collect();
    // `listen` takes its options once.
    let servers = servers
        .replacen(" backlog=4096;", " \u{0};", 1)
        .replace(" backlog=4096;", ";")
        .replace(" \u{0};", " backlog=4096;");
    let rest = format!(
        "access_log /dev/null combined buffer=64k flush=1s; map $http_upgrade $connection_up {{ default upgrade; '' ''; }}\n\
         ssl_certificate {certificate}; ssl_certificate_key {key}; ssl_protocols TLSv1.3;\n\
         upstream small {{ server 127.0.0.1:{small}; keepalive 64; keepalive_requests 100000000; }}\n\
         upstream behind {{ server 127.0.0.1:{behind}; keepalive 64; }}\n\
         upstream asked {{ server 127.0.0.1:{asked}; keepalive 64; keepalive_requests 100000000; }}\n{servers}"
    );
    let mut processes = vec![start("proxy", &rest)];
    if checks == Checks::Service {
        processes.push(start("asked", &format!("access_log off; server {{ listen 127.0.0.1:{asked}; return 204; }}")));
        until_listening(asked);
    }
    Peer::new(stage, name, port, processes)
}
