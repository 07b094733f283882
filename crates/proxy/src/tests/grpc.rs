//! gRPC between a client and a server of another making, and what it looks like when we answer it ourselves.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use doorward_config::{Limit, LookupFamily, Target, Upstream, UpstreamScheme, UpstreamTls, UpstreamUrl};
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::{Grpc, ServerStreamingService, StreamingService, UnaryService};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status, Streaming};

use super::http2_upstreams::h2c;
use super::reaching::acceptor;
use super::support::*;

/// Messages as they are.
#[derive(Debug, Default, Clone, Copy)]
struct Plain;

impl Codec for Plain {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put(message);
        Ok(())
    }
}

impl Decoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

/// Sends back what it gets; counts up to it; fails as it says.
struct Service;

impl UnaryService<Bytes> for Service {
    type Response = Bytes;
    type Future = Ready<Result<Response<Bytes>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        if request.get_ref() == "fail" {
            return ready(Err(Status::failed_precondition("not today, ünfortunately")));
        }
        let patience =
            request.metadata().get("grpc-timeout").map_or("none", |value| value.to_str().unwrap()).to_owned();
        ready(Ok(Response::new(Bytes::from(format!("{:?} {patience}", request.get_ref())))))
    }
}

type Messages = BoxStream<'static, Result<Bytes, Status>>;

impl ServerStreamingService<Bytes> for Service {
    type Response = Bytes;
    type ResponseStream = Messages;
    type Future = Ready<Result<Response<Messages>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let numbers = (0..request.get_ref().len()).map(|number| Ok(Bytes::from(number.to_string())));
        let end = [Err(Status::aborted("that is all"))];
        ready(Ok(Response::new(stream::iter(numbers.chain(end)).boxed())))
    }
}

impl StreamingService<Bytes> for Service {
    type Response = Bytes;
    type ResponseStream = Messages;
    type Future = Ready<Result<Response<Messages>, Status>>;

    fn call(&mut self, request: Request<Streaming<Bytes>>) -> Self::Future {
        ready(Ok(Response::new(request.into_inner().boxed())))
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(stream: S) {
    let answer = |request: http::Request<Incoming>| async move {
        let mut grpc = Grpc::new(Plain);
        Ok::<_, Infallible>(match request.uri().path() {
            "/test.Service/Unary" => grpc.unary(Service, request).await,
            "/test.Service/Count" => grpc.server_streaming(Service, request).await,
            _ => grpc.streaming(Service, request).await,
        })
    };
    drop(http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service_fn(answer)).await);
}

/// A service in the clear, and one over TLS.
async fn services() -> [Upstream; 2] {
    let clear = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let encrypted = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (acceptor, certificate) = acceptor(&["127.0.0.1"], &[b"h2"]);
    let at = UpstreamUrl {
        scheme: UpstreamScheme::Https,
        host: "127.0.0.1".into(),
        port: encrypted.local_addr().unwrap().port(),
    };
    let over_tls = Upstream {
        addresses: vec![at],
        lookup: LookupFamily::default(),
        balancing: doorward_config::Balancing::default(),
        tls: UpstreamTls { authorities: vec![certificate], ..UpstreamTls::default() },
    };
    let in_the_clear = h2c(clear.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = clear.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    tokio::spawn(async move {
        while let Ok((stream, _)) = encrypted.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move { serve(acceptor.accept(stream).await.unwrap()).await });
        }
    });
    [in_the_clear, over_tls]
}

async fn client(front: &Front) -> tonic::client::Grpc<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{}", front.address)).unwrap();
    let channel = endpoint.origin("https://app.test".parse().unwrap()).connect().await.unwrap();
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();
    client
}

fn method(name: &'static str) -> http::uri::PathAndQuery {
    http::uri::PathAndQuery::from_static(name)
}

#[tokio::test]
async fn one_call_and_one_answer_or_failure() {
    for upstream in services().await {
        let front = Front::start(route(Target::Upstream(upstream))).await;
        let mut client = client(&front).await;
        let mut request = Request::new(Bytes::from_static(b"hello"));
        request.set_timeout(Duration::from_secs(9));
        let answer = client.unary(request, method("/test.Service/Unary"), Plain).await.unwrap();
        assert_eq!(answer.into_inner(), "b\"hello\" 9000000u");
        client.ready().await.unwrap();
        let fail = Request::new(Bytes::from_static(b"fail"));
        let status = client.unary(fail, method("/test.Service/Unary"), Plain).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::FailedPrecondition, "not today, ünfortunately"));
    }
}

#[tokio::test]
async fn a_stream_of_answers_ends_with_its_status() {
    for upstream in services().await {
        let front = Front::start(route(Target::Upstream(upstream))).await;
        let mut client = client(&front).await;
        let request = Request::new(Bytes::from("x".repeat(500)));
        let answer = client.server_streaming(request, method("/test.Service/Count"), Plain).await.unwrap();
        let messages: Vec<_> = answer.into_inner().collect().await;
        assert_eq!(messages.len(), 501);
        assert!(messages[..500].iter().enumerate().all(|(n, said)| *said.as_ref().unwrap() == n.to_string()));
        assert_eq!(messages[500].as_ref().unwrap_err().code(), Code::Aborted);
    }
}

#[tokio::test]
async fn both_sides_talk_by_turns_for_longer_than_an_answer_may_take() {
    for upstream in services().await {
        let mut hasty = route(Target::Upstream(upstream));
        hasty.timeout = Limit::After(Duration::from_millis(400));
        let front = Front::start(hasty).await;
        let mut client = client(&front).await;
        let (say, said) = tokio::sync::mpsc::channel::<Bytes>(1);
        let said = stream::unfold(said, |mut said| async move { Some((said.recv().await?, said)) });
        let request = Request::new(said);
        let answer = client.streaming(request, method("/test.Service/Talk"), Plain).await.unwrap();
        let mut answer = answer.into_inner();
        for turn in 0..8 {
            // Nothing more is said before this has come back: so nothing on the way waits for more.
            tokio::time::sleep(Duration::from_millis(100)).await;
            let word = Bytes::from(format!("turn {turn}"));
            say.send(word.clone()).await.unwrap();
            let heard = timeout(PATIENCE, answer.next()).await.expect("it comes back").unwrap().unwrap();
            assert_eq!(heard, word);
        }
        drop(say);
        assert!(timeout(PATIENCE, answer.next()).await.expect("it ends").is_none());
    }
}

#[tokio::test]
async fn a_client_understands_our_refusals() {
    let [upstream, _] = services().await;
    for (rules, code) in [(only(ALICE), Code::Unauthenticated), (Vec::new(), Code::PermissionDenied)] {
        let front = Front::start(with_policy(route(Target::Upstream(upstream.clone())), rules)).await;
        let mut client = client(&front).await;
        let hello = Request::new(Bytes::from_static(b"hello"));
        let status = client.unary(hello, method("/test.Service/Unary"), Plain).await.unwrap_err();
        assert_eq!(status.code(), code);
        assert!(status.metadata().contains_key("x-request-id"));
    }
}

async fn call(sender: &mut SendRequest<Full<Bytes>>, path: &str) -> (u16, String, String) {
    let request =
        http2_get(path).method("POST").header("content-type", "application/grpc+proto").header("te", "trailers");
    let answer = sender.send_request(request.body(Full::from("\0\0\0\0\0")).unwrap()).await.unwrap();
    let headers = answer.headers();
    let said = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    assert!(!said("x-request-id").is_empty());
    (answer.status().as_u16(), said("grpc-status"), said("grpc-message"))
}

#[tokio::test]
async fn refusals_are_told_in_its_own_terms() {
    let dead = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (silent, _) = raw_upstream(|mut connection, _| async move { drop(connection.rest().await) }).await;
    let (broken, _) = upstream_saying("nonsense\r\n\r\n").await;
    let mut hasty = route(upstream_at(silent));
    hasty.timeout = Limit::After(Duration::from_millis(100));
    for (route, path, code, words) in [
        (with_policy(route(upstream_at(dead)), only(ALICE)), "/", "16", "Sign in first."),
        (with_policy(route(upstream_at(dead)), Vec::new()), "/", "7", "Access denied"),
        (route(upstream_at(dead)), "/", "14", "The application cannot be reached"),
        (hasty, "/", "4", "The application did not answer in time"),
        (route(upstream_at(broken)), "/", "14", "The application gave no usable answer"),
        (route(upstream_at(dead)), "/a/../b%2fc", "13", "This request was not understood"),
    ] {
        let front = Front::start(route).await;
        let mut sender = http2_sender(&front).await;
        assert_eq!(call(&mut sender, path).await, (200, code.into(), words.into()), "{path}");
        let line = front.access_lines();
        assert!(line.contains(r#""status":200"#), "{line}");
    }
}

#[tokio::test]
async fn an_address_without_a_route_is_unimplemented() {
    let (address, _) = upstream_saying(OK).await;
    let mut somewhere = route(upstream_at(address));
    somewhere.path = doorward_config::PathRule::Prefix("/there".into());
    let front = Front::start(somewhere).await;
    let mut sender = http2_sender(&front).await;
    assert_eq!(call(&mut sender, "/elsewhere").await.1, "12");
}
