//! A browser as far as signing in needs one: cookies kept by the rules, redirects followed from host to host,
//! forms filled in. Every host name leads to this machine; the port is the URL's.

mod forms;
mod jar;

use std::net::SocketAddr;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, COOKIE, HOST, HeaderName, HeaderValue, LOCATION, ORIGIN};
use http::{HeaderMap, Method, Request, StatusCode, Version};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use url::Url;

pub(crate) use forms::Form;
pub(crate) use jar::Jar;

use super::authority::Authority;
use super::raw::Io;
use super::tls::{shake_hands, trusting};
use super::within;

/// How many redirects are followed.
const MOST_REDIRECTS: usize = 20;

/// One person's browser.
pub(crate) struct Browser {
    pub(crate) jar: Jar,
    /// Every answer of the last [`Browser::visit`] or [`Browser::submit`], redirects included.
    pub(crate) trail: Vec<Answer>,
    authorities: Vec<String>,
    protocol: &'static str,
}

/// A request before it has its cookies.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// An answer, whole.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) url: Url,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: Option<HeaderMap>,
    pub(crate) version: Version,
}

impl Ask {
    pub(crate) fn new(method: &str, url: &str) -> Self {
        Self {
            method: method.parse().unwrap(),
            url: Url::parse(url).unwrap_or_else(|error| panic!("{url}: {error}")),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    /// What typing an address or following a link sends.
    pub(crate) fn page(url: &str) -> Self {
        Self::new("GET", url)
            .header("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
            .header("sec-fetch-mode", "navigate")
            .header("sec-fetch-dest", "document")
            .header("upgrade-insecure-requests", "1")
    }

    /// What a script's `fetch` sends.
    pub(crate) fn fetch(url: &str) -> Self {
        Self::new("GET", url)
            .header("accept", "*/*")
            .header("sec-fetch-mode", "cors")
            .header("sec-fetch-dest", "empty")
            .header("sec-fetch-site", "same-origin")
    }

    /// What a form on a page of the same origin sends.
    pub(crate) fn post(url: &str, fields: &[(&str, &str)]) -> Self {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let mut ask = Self::page(url);
        ask.method = Method::POST;
        let origin = ask.url.origin().ascii_serialization();
        ask.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        ask.headers.insert(ORIGIN, HeaderValue::from_str(&origin).unwrap());
        ask.body(body)
    }

    /// Sets a header.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("a header of plain characters"))
    }

    /// All lines of this header.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
    }

    /// Where a redirect leads.
    pub(crate) fn location(&self) -> Option<Url> {
        let location = self.headers.get(LOCATION)?.to_str().unwrap();
        self.status.is_redirection().then(|| self.url.join(location).unwrap())
    }

    /// The form on the page.
    pub(crate) fn form(&self) -> Form {
        Form::on_page(&self.text()).unwrap_or_else(|| panic!("{} {}: no form: {}", self.status, self.url, self.text()))
    }
}

impl Browser {
    /// One that speaks HTTP/2 where it is offered.
    pub(crate) fn new() -> Self {
        Self::speaking("h2")
    }

    /// `h2` or `http/1.1`.
    pub(crate) fn speaking(protocol: &'static str) -> Self {
        let authorities = vec![Authority::shared().pem()];
        Self { jar: Jar::default(), trail: Vec::new(), authorities, protocol }
    }

    /// Imports a certificate authority.
    pub(crate) fn trust(&mut self, pem: &str) {
        self.authorities.push(pem.to_owned());
    }

    /// Opens a page and follows where it leads.
    pub(crate) async fn visit(&mut self, url: &str) -> Answer {
        self.follow(Ask::page(url)).await
    }

    /// Sends one request and follows where it leads.
    pub(crate) async fn follow(&mut self, ask: Ask) -> Answer {
        self.trail.clear();
        let mut answer = self.send(ask.clone()).await;
        let (mut method, mut body, mut form) = (ask.method, ask.body, ask.headers);
        while let Some(next) = answer.location() {
            self.trail.push(answer.clone());
            assert!(self.trail.len() <= MOST_REDIRECTS, "redirects without end:\n{}", self.trail_as_text());
            if !matches!(answer.status.as_u16(), 307 | 308) && method != Method::HEAD {
                method = Method::GET;
                body = Bytes::new();
                form.remove(CONTENT_TYPE);
                form.remove(ORIGIN);
            }
            let ask = Ask { method: method.clone(), url: next, headers: form.clone(), body: body.clone() };
            answer = self.send(ask).await;
        }
        self.trail.push(answer.clone());
        answer
    }

    /// Fills in the form on a page, sends it, and follows where it leads. Fields given replace those there.
    pub(crate) async fn submit(&mut self, page: &Answer, fields: &[(&str, &str)]) -> Answer {
        let ask = page.form().filled(&page.url, fields);
        self.follow(ask).await
    }

    /// One request, one answer; cookies go out and come in.
    pub(crate) async fn send(&mut self, mut ask: Ask) -> Answer {
        if let Some(cookies) = self.jar.header(&ask.url)
            && !ask.headers.contains_key(COOKIE)
        {
            ask.headers.insert(COOKIE, HeaderValue::from_str(&cookies).unwrap());
        }
        let what = format!("{} {}", ask.method, ask.url);
        let answer = within(&what, self.exchange(ask)).await;
        let answer = answer.unwrap_or_else(|error| panic!("{what}: {error}"));
        for line in answer.headers.get_all("set-cookie") {
            self.jar.store(&answer.url, line.to_str().unwrap());
        }
        answer
    }

    /// A `fetch` of the URL.
    pub(crate) async fn fetch(&mut self, url: &str) -> Answer {
        self.send(Ask::fetch(url)).await
    }

    /// The hops of the last visit, for messages.
    pub(crate) fn trail_as_text(&self) -> String {
        self.trail.iter().map(|hop| format!("  {} {}\n", hop.status, hop.url)).collect()
    }

    async fn exchange(&self, ask: Ask) -> std::io::Result<Answer> {
        let host = ask.url.host_str().unwrap().to_owned();
        let address: SocketAddr = ([127, 0, 0, 1], ask.url.port_or_known_default().unwrap()).into();
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        if ask.url.scheme() == "http" {
            return converse(Box::new(stream), false, ask).await;
        }
        let config = trusting(&self.authorities, &[self.protocol]);
        let stream = shake_hands(config, stream, Some(&host)).await?;
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        converse(Box::new(stream), http2, ask).await
    }
}

async fn converse(stream: Box<dyn Io>, http2: bool, ask: Ask) -> std::io::Result<Answer> {
    let url = ask.url.clone();
    let mut request = Request::new(Full::new(ask.body));
    *request.method_mut() = ask.method;
    *request.headers_mut() = ask.headers;
    let response = if http2 {
        *request.uri_mut() = without_fragment(&url).parse().unwrap();
        *request.version_mut() = Version::HTTP_2;
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await
                .map_err(std::io::Error::other)?;
        tokio::spawn(connection);
        sender.send_request(request).await
    } else {
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let host = format!("{}{port}", url.host_str().unwrap());
        if !request.headers().contains_key(HOST) {
            request.headers_mut().insert(HOST, HeaderValue::from_str(&host).unwrap());
        }
        *request.uri_mut() = url[url::Position::BeforePath..url::Position::AfterQuery].parse().unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(std::io::Error::other)?;
        tokio::spawn(connection);
        sender.send_request(request).await
    };
    let (parts, body) = response.map_err(std::io::Error::other)?.into_parts();
    let body = body.collect().await.map_err(std::io::Error::other)?;
    let trailers = body.trailers().cloned();
    let body = body.to_bytes();
    Ok(Answer { url, status: parts.status, headers: parts.headers, body, trailers, version: parts.version })
}

fn without_fragment(url: &Url) -> &str {
    &url[..url::Position::AfterQuery]
}
