//! What stands behind the proxies, and beside those that ask: processes of their own, so that only they are billed.
//!
//! nginx answers small requests and gives a big file; this program, started anew with other arguments, takes big
//! bodies, echoes WebSockets, and lets everybody in who asks over gRPC, as fast as an authoriser can.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::process::{Core, Server};

pub(crate) const BEHIND: &str = "--behind";
pub(crate) const AUTHORISE: &str = "--authorise";

/// Megabytes of the big file, and of a big upload.
pub(crate) const BIG: u64 = 64;
/// What a small answer says.
pub(crate) const SMALL: &str = "hello, world\n";

/// The server of small answers and of the big file.
pub(crate) fn nginx(folder: &Path, port: u16) -> Server {
    let big = vec![b'x'; usize::try_from(BIG << 20).unwrap()];
    std::fs::write(folder.join("big"), big).unwrap();
    let (hello, here) = (SMALL.trim_end(), folder.display());
    let config = format!(
        "daemon off; user root; worker_processes 1; pid {here}/upstream.pid; error_log {here}/upstream.error warn;\n\
         worker_rlimit_nofile 20000; events {{ worker_connections 20000; }}\n\
         http {{ access_log off; keepalive_requests 100000000; keepalive_timeout 1h; sendfile on; tcp_nodelay on;\n\
         client_body_temp_path {here}/upstream.tmp; proxy_temp_path {here}/upstream.tmp;\n\
         server {{ listen 0.0.0.0:{port} backlog=4096; location / {{ return 200 \"{hello}\\n\"; }}\n\
         location /big {{ root {here}; }} }} }}\n"
    );
    let file = folder.join("upstream.conf");
    std::fs::write(&file, config).unwrap();
    Server::start(Core::Load, "upstream", folder, &["nginx", "-c", file.to_str().unwrap()])
}

/// This program in another role.
pub(crate) fn this(core: Core, role: &str, folder: &Path, port: u16) -> Server {
    let program = std::env::current_exe().unwrap();
    Server::start(core, role, folder, &[program.to_str().unwrap(), role, &port.to_string()])
}

/// Takes uploads and echoes WebSockets, until it is ended.
pub(crate) fn behind(port: u16) -> ! {
    accept(port, |stream| async {
        let _ended = exchange(stream).await;
    })
}

/// Lets everybody in who asks over gRPC, until it is ended.
pub(crate) fn authorise(port: u16) -> ! {
    accept(port, |stream| async {
        let service = hyper::service::service_fn(|request: http::Request<hyper::body::Incoming>| async {
            let _asked = request.into_body().collect().await;
            let trailers =
                HeaderMap::from_iter([(http::HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"))]);
            // One message of two bytes: an `envoy.service.auth.v3.CheckResponse` whose `ok_response` is empty.
            let message = Full::new(Bytes::from_static(&[0, 0, 0, 0, 2, 0x1a, 0]));
            let body = message.with_trailers(async { Some(Ok(trailers)) });
            Ok::<_, Infallible>(Response::builder().header("content-type", "application/grpc").body(body).unwrap())
        });
        let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        let _ended = server.serve_connection(TokioIo::new(stream), service).await;
    })
}

fn accept<F: Future<Output = ()> + Send + 'static>(port: u16, serve: fn(TcpStream) -> F) -> ! {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let listener = TcpListener::bind(SocketAddr::from(([0, 0, 0, 0], port))).await.unwrap();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            tokio::spawn(serve(stream));
        }
    })
}

async fn exchange(mut stream: TcpStream) -> std::io::Result<()> {
    let mut buffer = vec![0; 4096];
    loop {
        let mut filled = 0;
        let end = loop {
            let read = stream.read(buffer.get_mut(filled..).unwrap_or_default()).await?;
            filled += read;
            if read == 0 {
                return Ok(());
            }
            if let Some(end) = buffer[..filled].windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
        let value = |wanted: &str| {
            let of = |line: &str| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case(wanted).then(|| value.trim().to_owned())
            };
            head.lines().find_map(of)
        };
        if let Some(key) = value("sec-websocket-key") {
            let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, (key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").as_bytes());
            let accept = STANDARD.encode(digest);
            let head = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n";
            stream.write_all(format!("{head}Sec-WebSocket-Accept: {accept}\r\n\r\n").as_bytes()).await?;
            buffer.resize(512, 0);
            buffer.shrink_to_fit();
            return echo(stream, buffer).await;
        }
        let length: u64 = value("content-length").and_then(|length| length.parse().ok()).unwrap_or_default();
        buffer.resize(buffer.len().max(128 * 1024), 0);
        let mut got = (filled - end) as u64;
        while got < length {
            match stream.read(&mut buffer).await? {
                0 => return Ok(()),
                read => got += read as u64,
            }
        }
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{SMALL}", SMALL.len());
        stream.write_all(answer.as_bytes()).await?;
    }
}

async fn echo(mut stream: TcpStream, mut buffer: Vec<u8>) -> std::io::Result<()> {
    loop {
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..read]).await?;
    }
}
