//! HAProxy: checks nobody.

use std::fmt::Write as _;

use super::Peer;
use crate::process::{Core, Server};
use crate::stage::{Stage, free_port};

/// Starts it, with so many hosts in a map. It writes a line of the log for each request at once, to nowhere.
pub(crate) fn haproxy(stage: &Stage, hosts: usize) -> Peer {
    let (port, folder) = (free_port(), stage.folder("haproxy"));
    let (small, behind, both) = (stage.small, stage.behind, stage.both());
    let mut map = String::new();
    for number in 1..hosts {
        writeln!(map, "h{number}.bench.test small").unwrap();
    }
    std::fs::write(folder.join("hosts.map"), map).unwrap();
    let config = format!(
        "global\n nbthread 1\n maxconn 9900\n log stdout format raw local0\n\
         defaults\n mode http\n log global\n option httplog\n option forwardfor\n timeout connect 10s\n timeout client 1h\n \
         timeout server 1h\n timeout tunnel 1h\n timeout http-keep-alive 1h\n\
         frontend all\n bind 127.0.0.1:{port} ssl crt {both} alpn h2,http/1.1 ssl-min-ver TLSv1.3\n \
         use_backend behind if {{ path_beg /sink /echo }}\n \
         use_backend %[req.hdr(host),field(1,:),lower,map({at}/hosts.map,small)]\n\
         backend small\n http-reuse always\n server one 127.0.0.1:{small}\n\
         backend behind\n http-reuse always\n server one 127.0.0.1:{behind}\n",
        at = folder.display()
    );
    let file = folder.join("haproxy.cfg");
    std::fs::write(&file, config).unwrap();
    let server = Server::start(Core::Proxy, "haproxy", &folder, &["haproxy", "-db", "-f", file.to_str().unwrap()]);
    Peer::new(stage, "HAProxy", port, vec![server])
}
