//! HTTPS, over real sockets.

use std::{fs, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use axum::{Router, routing::get};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls_pki_types::{CertificateDer, ServerName};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_rustls::{TlsConnector, client::TlsStream, rustls};
use upbeat_http::{HttpServer, SameOrigin, TlsConfig, TlsError};

use crate::common::{TEST_TIMEOUT, raw::Raw, serve};

const HEADER_TIMEOUT: Duration = Duration::from_millis(400);
const BUSY_MACHINE: Duration = Duration::from_millis(250);

struct Files {
    _folder: TempDir,
    cert: PathBuf,
    key: PathBuf,
    der: CertificateDer<'static>,
}

fn files() -> Files {
    let folder = tempfile::tempdir().expect("a folder");
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["test".to_owned()]).expect("a certificate");
    let files = Files {
        cert: folder.path().join("cert.pem"),
        key: folder.path().join("key.pem"),
        der: cert.der().clone(),
        _folder: folder,
    };
    fs::write(&files.cert, cert.pem()).expect("writes");
    fs::write(&files.key, signing_key.serialize_pem()).expect("writes");
    files
}

fn server(files: &Files) -> HttpServer<Router> {
    let tls = TlsConfig::from_pem_files(&files.cert, &files.key).expect("good files");
    HttpServer::bind("127.0.0.1:0", Router::new().route("/", get(async || "hello")))
        .tls(tls)
        .header_timeout(HEADER_TIMEOUT)
        .first_byte_timeout(Duration::from_millis(100))
}

async fn connect(address: SocketAddr, files: &Files, alpn: &[&str]) -> TlsStream<TcpStream> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(files.der.clone()).expect("a root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(address).await.expect("connects");
    let name = ServerName::try_from("test").expect("a name");
    let connected = TlsConnector::from(Arc::new(config)).connect(name, stream);
    timeout(TEST_TIMEOUT, connected).await.expect("in time").expect("a handshake")
}

#[tokio::test]
async fn http_1_is_closed_with_a_tls_close_notification_at_the_stop() {
    let files = files();
    let server = server(&files);
    let (mut playing, address) = serve(server).await;
    for alpn in [&["http/1.1"][..], &[]] {
        let mut client = connect(address, &files, alpn).await;
        client.write_all(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n").await.expect("sends");
        let mut answer = vec![0; 4096];
        let n = timeout(TEST_TIMEOUT, client.read(&mut answer)).await.expect("in time").expect("reads");
        assert!(answer[..n].ends_with(b"hello"));
        if alpn.is_empty() {
            playing.stop();
            // An end without a close notification would be an error here.
            let n = timeout(TEST_TIMEOUT, client.read(&mut answer)).await.expect("in time").expect("a proper end");
            assert_eq!(n, 0);
        }
    }
    let ended = playing.ended().await;
    assert!(ended.took < HEADER_TIMEOUT && ended.cut.is_empty(), "{ended:?}");
}

#[tokio::test]
async fn http_2_is_negotiated_and_closed_with_goaway_at_the_stop() {
    let files = files();
    let server = server(&files);
    let (mut playing, address) = serve(server).await;
    let client = connect(address, &files, &["h2", "http/1.1"]).await;
    assert_eq!(client.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut client, connection) = h2::client::handshake(client).await.expect("speaks HTTP/2");
    let connection = tokio::spawn(connection);
    let request = http::Request::get("https://test/").body(()).expect("valid");
    let (response, _) = client.send_request(request, true).expect("sends");
    let response = timeout(TEST_TIMEOUT, response).await.expect("in time").expect("answered");
    assert_eq!(response.into_body().data().await.expect("a body").expect("whole"), "hello");
    playing.stop();
    timeout(TEST_TIMEOUT, connection).await.expect("in time").expect("no panic").expect("closed without an error");
    assert!(playing.ended().await.took < Duration::from_millis(800));
}

#[tokio::test]
async fn the_scheme_of_a_target_and_of_an_origin_has_to_be_https() {
    let files = files();
    let tls = TlsConfig::from_pem_files(&files.cert, &files.key).expect("good files");
    let router = Router::new().route("/", get(async |_: SameOrigin| "hello"));
    let (playing, address) = serve(HttpServer::bind("127.0.0.1:0", router).tls(tls)).await;
    for (target, origin, status) in [
        ("/", "https://test", "200"),
        ("/", "https://test:443", "200"),
        ("/", "http://test", "403"),
        ("/", "https://evil.example", "403"),
        ("https://test/", "https://test", "200"),
        ("http://test/", "https://test", "421"),
    ] {
        let mut client = connect(address, &files, &["http/1.1"]).await;
        let request = format!("GET {target} HTTP/1.1\r\nhost: test\r\norigin: {origin}\r\nconnection: close\r\n\r\n");
        client.write_all(request.as_bytes()).await.expect("sends");
        let mut answer = String::new();
        timeout(TEST_TIMEOUT, client.read_to_string(&mut answer)).await.expect("in time").expect("reads");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{target} {origin}: {answer}");
    }
    playing.stopped().await;
}

#[tokio::test]
async fn a_stalled_handshake_is_closed_at_the_header_timeout_with_and_without_a_stop() {
    // The head of an incomplete record.
    let stalled = [22, 3, 1, 2, 0];
    for stop in [true, false] {
        let files = files();
        let server = server(&files);
        let (mut playing, address) = serve(server).await;
        let since = Instant::now();
        let mut client = Raw::connect(address).await;
        client.send(stalled).await;
        // A complete handshake shows that the server has read the other client's part.
        drop(connect(address, &files, &[]).await);
        if stop {
            playing.stop();
        }
        client.rest().await;
        let took = since.elapsed();
        assert!(
            took >= HEADER_TIMEOUT.saturating_sub(BUSY_MACHINE) && took < HEADER_TIMEOUT + BUSY_MACHINE,
            "{took:?}"
        );
        if !stop {
            playing.stop();
        }
        playing.ended().await;
    }
}

#[tokio::test]
async fn a_silent_client_is_closed_after_the_first_byte_timeout_of_a_stop() {
    let files = files();
    let server = server(&files);
    let (mut playing, address) = serve(server).await;
    let mut client = Raw::connect(address).await;
    playing.stop();
    assert!(client.closed().await < HEADER_TIMEOUT);
    assert!(playing.ended().await.took < HEADER_TIMEOUT);
}

#[test]
fn an_error_names_the_invalid_file() {
    let (files, others) = (files(), files());
    let empty = files.cert.with_file_name("empty.pem");
    fs::write(&empty, "nothing").expect("writes");
    let broken = files.cert.with_file_name("broken.pem");
    fs::write(&broken, "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n").expect("writes");
    let missing = files.cert.with_file_name("missing.pem");

    let error = |cert: &PathBuf, key: &PathBuf| TlsConfig::from_pem_files(cert, key).expect_err("bad files");
    let text = |error: TlsError| error.to_string();
    let read = error(&missing, &files.key);
    assert!(matches!(&read, TlsError::Read { path, .. } if *path == missing));
    assert_eq!(text(read), format!("cannot read {}", missing.display()));
    assert!(matches!(error(&files.cert, &missing), TlsError::Read { path, .. } if path == missing));
    assert!(matches!(error(&broken, &files.key), TlsError::NotPem { path, .. } if path == broken));
    let none = error(&empty, &files.key);
    assert!(text(none).starts_with(&format!("no certificate in {}", empty.display())));
    let none = error(&files.cert, &empty);
    assert!(text(none).starts_with(&format!("no private key in {}", empty.display())));
    // A key in place of a certificate.
    assert!(matches!(error(&files.key, &files.key), TlsError::NoCertificate { .. }));
    assert!(matches!(error(&files.cert, &files.cert), TlsError::NoKey { .. }));
    let mismatch = error(&files.cert, &others.key);
    assert!(matches!(mismatch, TlsError::KeyMismatch { .. }), "{mismatch:?}");
}
