//! A balancer of connections, as plain as they come: each goes to the next in turn, and where nobody listens to the
//! one after that. It reads nothing of what passes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// In turn.
const ANYBODY: usize = usize::MAX;

/// The balancer, until dropped.
pub(crate) struct Balancer {
    pub(crate) port: u16,
    only: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

/// A port for visitors, before it is known to whom they are passed on.
pub(crate) struct Entrance(TcpListener);

impl Entrance {
    pub(crate) async fn open() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub(crate) fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    /// Passes connections on to these ports.
    pub(crate) fn balance(self, ports: Vec<u16>) -> Balancer {
        let (port, only) = (self.port(), Arc::new(AtomicUsize::new(ANYBODY)));
        let accepting = tokio::spawn(accept(self.0, ports, Arc::clone(&only)));
        Balancer { port, only, accepting }
    }
}

impl Balancer {
    /// From now on connections go to this one alone, while it listens.
    pub(crate) fn prefer(&self, index: usize) {
        self.only.store(index, Ordering::SeqCst);
    }

    /// From now on connections go to everybody in turn.
    pub(crate) fn in_turn(&self) {
        self.prefer(ANYBODY);
    }

    pub(crate) fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, ports: Vec<u16>, only: Arc<AtomicUsize>) {
    let mut turn = 0;
    loop {
        let Ok((mut visitor, _)) = listener.accept().await else { continue };
        let only = only.load(Ordering::SeqCst);
        let first = if only == ANYBODY { turn } else { only };
        turn += 1;
        let order: Vec<u16> = (0..ports.len()).map(|step| ports[(first + step) % ports.len()]).collect();
        tokio::spawn(async move {
            for port in order {
                let address: SocketAddr = ([127, 0, 0, 1], port).into();
                if let Ok(mut server) = TcpStream::connect(address).await {
                    let _quick = (server.set_nodelay(true), visitor.set_nodelay(true));
                    let _passed = copy_bidirectional(&mut visitor, &mut server).await;
                    return;
                }
            }
        });
    }
}
