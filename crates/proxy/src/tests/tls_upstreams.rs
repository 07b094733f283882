//! Upstreams over TLS: which are believed, and what is said of those that are not.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use doorward_config::{
    ClientCertificatePair, LookupFamily, Secret, Target, Upstream, UpstreamScheme, UpstreamTls, UpstreamUrl,
};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256,
    SanType,
};
use rustls::{ConfigBuilder, WantsVerifier};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::support::*;

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

fn authority() -> Authority {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name = named("Test Authority");
    let certificate = params.self_signed(&key).unwrap().der().clone();
    Authority { issuer: Issuer::new(params, key), certificate }
}

fn named(name: &str) -> DistinguishedName {
    let mut named = DistinguishedName::new();
    named.push(DnType::CommonName, name);
    named
}

/// A certificate for 127.0.0.1 and `inner.test`; tests change what they are about.
fn params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named("inner.test");
    params.subject_alt_names =
        vec![SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)), SanType::DnsName("inner.test".try_into().unwrap())];
    params
}

/// An HTTPS upstream that shows this certificate and answers every request the same.
async fn upstream_with(
    params: CertificateParams,
    signed_by: Option<&Authority>,
) -> (SocketAddr, CertificateDer<'static>) {
    upstream_like(
        params,
        signed_by,
        Vec::new(),
        ConfigBuilder::<rustls::ServerConfig, _>::with_no_client_auth,
        rustls::ALL_VERSIONS,
    )
    .await
}

type Asking = ConfigBuilder<rustls::ServerConfig, rustls::server::WantsServerCert>;

/// One that sends more certificates along, asks for the client's, or speaks certain versions.
async fn upstream_like(
    params: CertificateParams,
    signed_by: Option<&Authority>,
    sends_along: Vec<CertificateDer<'static>>,
    asks: impl FnOnce(ConfigBuilder<rustls::ServerConfig, WantsVerifier>) -> Asking,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> (SocketAddr, CertificateDer<'static>) {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let certificate = match signed_by {
        Some(authority) => params.signed_by(&key, &authority.issuer).unwrap(),
        None => params.self_signed(&key).unwrap(),
    };
    let shown = certificate.der().clone();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let chain = std::iter::once(shown.clone()).chain(sends_along).collect();
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
    let config = asks(builder).with_single_cert(chain, PrivateKeyDer::try_from(key.serialize_der()).unwrap()).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut chunk = [0; 4096];
                while let Ok(1..) = stream.read(&mut chunk).await {
                    stream.write_all(OK.as_bytes()).await.unwrap();
                    stream.flush().await.unwrap();
                }
            });
        }
    });
    (address, shown)
}

fn https(host: &str, port: u16, tls: UpstreamTls) -> Upstream {
    Upstream {
        addresses: vec![UpstreamUrl { scheme: UpstreamScheme::Https, host: host.into(), port }],
        lookup: LookupFamily::default(),
        tls,
    }
}

fn trusting(certificate: &CertificateDer<'static>) -> UpstreamTls {
    UpstreamTls { authorities: vec![certificate.clone()], ..UpstreamTls::default() }
}

/// The status a visitor gets, and what the log says.
async fn asked(upstream: Upstream) -> (u16, String) {
    let front = Front::start(route(Target::Upstream(upstream.clone()))).await;
    let status = front.get("/").await.status;
    (status, super::super::upstreams::tests::dial_error(&upstream).await.unwrap_or_default())
}

#[tokio::test]
async fn a_certificate_of_a_known_authority_for_the_right_name_is_believed() {
    let authority = authority();
    let (address, _) = upstream_with(params(), Some(&authority)).await;
    let by_address = https("127.0.0.1", address.port(), trusting(&authority.certificate));
    assert_eq!(asked(by_address).await, (200, String::new()));
    let mut by_name = https("127.0.0.1", address.port(), trusting(&authority.certificate));
    by_name.tls.server_name = Some("inner.test".into());
    assert_eq!(asked(by_name).await, (200, String::new()));
}

#[tokio::test]
async fn a_self_signed_certificate_is_believed_when_it_is_the_one_configured() {
    let (address, certificate) = upstream_with(params(), None).await;
    assert_eq!(asked(https("127.0.0.1", address.port(), trusting(&certificate))).await.0, 200);
    let (status, log) = asked(https("127.0.0.1", address.port(), UpstreamTls::default())).await;
    assert_eq!(status, 502);
    assert!(log.contains("self-signed") && log.contains("tls_custom_ca_file"), "{log}");
}

#[tokio::test]
async fn an_unknown_authority_is_named() {
    let (address, _) = upstream_with(params(), Some(&authority())).await;
    let (status, log) = asked(https("127.0.0.1", address.port(), trusting(&authority().certificate))).await;
    assert_eq!(status, 502);
    // Two authorities of one name and different keys: the signature is what fails.
    assert!(log.contains("not with the key of the CN=Test Authority that is known here"), "{log}");
    let (_, log) = asked(https("127.0.0.1", address.port(), UpstreamTls::default())).await;
    assert!(log.contains("signed by CN=Test Authority, an authority not known here"), "{log}");
}

#[tokio::test]
async fn only_a_common_name_is_refused_with_how_to_mend_it() {
    let mut only_common_name = params();
    only_common_name.subject_alt_names.clear();
    let (address, certificate) = upstream_with(only_common_name, None).await;
    let mut upstream = https("127.0.0.1", address.port(), trusting(&certificate));
    upstream.tls.server_name = Some("inner.test".into());
    let (status, log) = asked(upstream).await;
    assert_eq!(status, 502);
    for part in ["only a common name (inner.test)", "no subjectAltName", "RFC 2818", "subjectAltName=DNS:inner.test"] {
        assert!(log.contains(part), "{part} in {log}");
    }
}

#[tokio::test]
async fn an_expired_certificate_is_refused_with_its_date_and_one_of_tomorrow_too() {
    let authority = authority();
    let mut expired = params();
    (expired.not_before, expired.not_after) = (rcgen::date_time_ymd(2020, 1, 1), rcgen::date_time_ymd(2021, 2, 3));
    let (address, _) = upstream_with(expired, Some(&authority)).await;
    let (status, log) = asked(https("127.0.0.1", address.port(), trusting(&authority.certificate))).await;
    assert_eq!(status, 502);
    assert!(log.contains("expired on 2021-02-03, ") && log.contains(" days ago"), "{log}");
    let mut early = params();
    (early.not_before, early.not_after) = (rcgen::date_time_ymd(2095, 1, 1), rcgen::date_time_ymd(2096, 1, 1));
    let (address, _) = upstream_with(early, Some(&authority)).await;
    let (_, log) = asked(https("127.0.0.1", address.port(), trusting(&authority.certificate))).await;
    assert!(log.contains("not valid before 2095-01-01"), "{log}");
}

#[tokio::test]
async fn a_certificate_for_other_names_is_refused_with_the_names_it_has() {
    let authority = authority();
    let mut other = params();
    other.subject_alt_names = vec![
        SanType::DnsName("other.test".try_into().unwrap()),
        SanType::DnsName("*.wild.test".try_into().unwrap()),
        SanType::IpAddress("10.0.0.1".parse().unwrap()),
    ];
    let (address, _) = upstream_with(other, Some(&authority)).await;
    let (status, log) = asked(https("127.0.0.1", address.port(), trusting(&authority.certificate))).await;
    assert_eq!(status, 502);
    assert!(log.contains("is for other.test, *.wild.test, 10.0.0.1, not for 127.0.0.1"), "{log}");
    assert!(log.contains("tls_server_name"), "{log}");
}

#[tokio::test]
async fn the_certificate_of_an_authority_is_not_that_of_a_server() {
    let mut of_an_authority = params();
    of_an_authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let (address, certificate) = upstream_with(of_an_authority, None).await;
    let (status, log) = asked(https("127.0.0.1", address.port(), trusting(&certificate))).await;
    assert_eq!(status, 502);
    assert!(log.contains("CA:TRUE"), "{log}");
}

#[tokio::test]
async fn skipping_the_check_skips_it() {
    let mut useless = params();
    useless.subject_alt_names.clear();
    (useless.not_before, useless.not_after) = (rcgen::date_time_ymd(2020, 1, 1), rcgen::date_time_ymd(2021, 2, 3));
    let (address, _) = upstream_with(useless, None).await;
    let tls = UpstreamTls { skip_verify: true, ..UpstreamTls::default() };
    assert_eq!(asked(https("127.0.0.1", address.port(), tls)).await.0, 200);
}

#[tokio::test]
async fn one_that_speaks_no_tls_is_told_from_one_that_says_nothing() {
    let (address, _) = raw_upstream(|mut connection, _| async move {
        connection.send("HTTP/1.1 400 Bad Request\r\n\r\n").await;
        connection.closes_within(PATIENCE).await;
    })
    .await;
    let (status, log) = asked(https("127.0.0.1", address.port(), UpstreamTls::default())).await;
    assert_eq!(status, 502);
    assert!(log.contains("does not speak TLS on that port; if it speaks plain HTTP there, write `http://`"), "{log}");

    let (address, _) = raw_upstream(|connection, _| async move {
        tokio::time::sleep(PATIENCE).await;
        drop(connection);
    })
    .await;
    let upstream = https("127.0.0.1", address.port(), UpstreamTls::default());
    let mut settings = FrontSettings::of(vec![route(Target::Upstream(upstream))]);
    settings.limits.connect = Duration::from_millis(200);
    assert_eq!(Front::start_with(settings).await.get("/").await.status, 504);
}

/// Certificates for clients, by an authority of their own.
fn client_certificate(by: &Authority) -> ClientCertificatePair {
    let mut params = CertificateParams::default();
    params.distinguished_name = named("Doorward");
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let certificate = params.signed_by(&key, &by.issuer).unwrap();
    ClientCertificatePair { chain: vec![certificate.der().clone()], key: Secret::new(key.serialize_der()) }
}

fn asking(for_those_of: &Authority) -> impl FnOnce(ConfigBuilder<rustls::ServerConfig, WantsVerifier>) -> Asking {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(for_those_of.certificate.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
    |builder| builder.with_client_cert_verifier(verifier.unwrap())
}

/// The status, and what the access line names as reason and the log as cause, of a whole exchange.
async fn exchanged(upstream: &Upstream) -> (u16, String) {
    let client = crate::upstreams::tests::exchange_error(upstream).await;
    let front = Front::start(route(Target::Upstream(upstream.clone()))).await;
    (front.get("/").await.status, client.unwrap_or_default())
}

#[tokio::test]
async fn an_upstream_that_asks_for_a_certificate_gets_it() {
    let (servers, clients, others) = (authority(), authority(), authority());
    for version in rustls::ALL_VERSIONS {
        let (address, _) = upstream_like(params(), Some(&servers), vec![], asking(&clients), &[version]).await;
        let with = |pair| UpstreamTls { client_certificate: pair, ..trusting(&servers.certificate) };
        let right = https("127.0.0.1", address.port(), with(Some(client_certificate(&clients))));
        assert_eq!(exchanged(&right).await, (200, String::new()), "{version:?}");
        let (status, log) = exchanged(&https("127.0.0.1", address.port(), with(None))).await;
        assert_eq!(status, 502);
        assert!(log.contains("requires a client certificate and none is configured"), "{version:?}: {log}");
        assert!(log.contains("tls_client_cert_file"), "{log}");
        let wrong = https("127.0.0.1", address.port(), with(Some(client_certificate(&others))));
        let (status, log) = exchanged(&wrong).await;
        assert_eq!(status, 502);
        assert!(log.contains("did not accept our client certificate ("), "{version:?}: {log}");
    }
}

#[tokio::test]
async fn nobody_who_does_not_ask_is_shown_a_certificate() {
    let servers = authority();
    let (address, _) = upstream_with(params(), Some(&servers)).await;
    let tls = UpstreamTls { client_certificate: Some(client_certificate(&servers)), ..trusting(&servers.certificate) };
    assert_eq!(asked(https("127.0.0.1", address.port(), tls)).await, (200, String::new()));
}

#[tokio::test]
async fn a_client_certificate_with_anothers_key_is_refused_at_once() {
    let clients = authority();
    let mut pair = client_certificate(&clients);
    pair.key = client_certificate(&clients).key;
    let tls = UpstreamTls { client_certificate: Some(pair), ..UpstreamTls::default() };
    let error = crate::upstreams::tests::build_error(&https("127.0.0.1", 1, tls));
    assert!(error.contains("client certificate for the upstream https://127.0.0.1:1 cannot be used"), "{error}");
}

#[tokio::test]
async fn old_versions_and_alerts_about_them_are_named() {
    // A ServerHello of TLS 1.0 (RFC 2246 §7.4.1.3), and the alert protocol_version.
    let mut hello = vec![0x16, 3, 1, 0, 42, 2, 0, 0, 38, 3, 1];
    hello.extend([7; 32]);
    hello.extend([0, 0xc0, 0x13, 0]);
    for answer in [hello, vec![0x15, 3, 1, 0, 2, 2, 70]] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut chunk = [0; 4096];
                let _ = stream.read(&mut chunk).await;
                stream.write_all(&answer).await.unwrap();
                let _ = stream.read(&mut chunk).await;
            }
        });
        let (status, log) = asked(https("127.0.0.1", address.port(), UpstreamTls::default())).await;
        assert_eq!(status, 502);
        assert!(log.contains("speaks only TLS 1.0 or 1.1"), "{log}");
    }
}

#[tokio::test]
async fn the_authority_at_the_end_of_what_is_sent_is_named() {
    let top = authority();
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let mut between = CertificateParams::default();
    between.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    between.distinguished_name = named("Between");
    (between.not_before, between.not_after) = (rcgen::date_time_ymd(2020, 1, 1), rcgen::date_time_ymd(2096, 1, 1));
    for (ends, expected) in [
        (2096, "signed by CN=Test Authority, an authority not known here"),
        (2021, "between its own and its authority's expired on 2021-01-01, "),
    ] {
        between.not_after = rcgen::date_time_ymd(ends, 1, 1);
        let certificate = between.signed_by(&key, &top.issuer).unwrap().der().clone();
        let copy = KeyPair::try_from(key.serialize_der()).unwrap();
        let signer = Authority { issuer: Issuer::new(between.clone(), copy), certificate: certificate.clone() };
        let (address, _) = upstream_like(
            params(),
            Some(&signer),
            vec![certificate],
            ConfigBuilder::<rustls::ServerConfig, _>::with_no_client_auth,
            rustls::ALL_VERSIONS,
        )
        .await;
        let known = if ends == 2021 { trusting(&top.certificate) } else { UpstreamTls::default() };
        let (status, log) = asked(https("127.0.0.1", address.port(), known)).await;
        assert_eq!(status, 502);
        assert!(log.contains(expected), "{log}");
    }
}

#[tokio::test]
async fn a_clients_certificate_is_not_that_of_a_server() {
    let authority = authority();
    let mut of_a_client = params();
    of_a_client.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let (address, _) = upstream_with(of_a_client, Some(&authority)).await;
    let (status, log) = asked(https("127.0.0.1", address.port(), trusting(&authority.certificate))).await;
    assert_eq!(status, 502);
    assert!(log.contains("not meant for servers"), "{log}");
}
