//! Tests of the built-in servers as routers, without a network.

use std::fs;

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode, header},
};
use tempfile::TempDir;
use tower::ServiceExt as _;

use super::{app, echo, files, hello, hello_name};

struct Answer {
    status: StatusCode,
    body: String,
    allow: Option<String>,
    content_type: String,
}

async fn send(router: Router, method: &str, uri: &str) -> Answer {
    answer(router, Request::builder().method(method).uri(uri).body(Body::empty()).unwrap()).await
}

async fn answer(router: Router, request: Request<Body>) -> Answer {
    let response = router.oneshot(request).await.unwrap();
    let text = |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (allow, content_type) = (text(header::ALLOW), text(header::CONTENT_TYPE).unwrap_or_default());
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    Answer { status, body: String::from_utf8(body.to_vec()).unwrap(), allow, content_type }
}

#[tokio::test]
async fn greetings() {
    assert_eq!(send(hello(), "GET", "/").await.body, "Hello, world!");
    assert_eq!(send(hello_name(), "GET", "/?name=Alex").await.body, "Hello, Alex!");
    assert_eq!(send(hello_name(), "GET", "/?x=1&name=J%C3%B6rg+M").await.body, "Hello, Jörg M!");
    assert_eq!(send(app(), "GET", "/hello").await.body, "Hello world.");
}

#[tokio::test]
async fn a_missing_or_empty_name_is_a_bad_request() {
    for uri in ["/", "/?name=", "/?name=%20", "/?nom=Alex"] {
        let answer = send(hello_name(), "GET", uri).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{uri}");
        assert!(answer.body.contains("/?name=Alex"), "{uri}: {}", answer.body);
    }
}

#[tokio::test]
async fn unknown_paths_and_wrong_methods_are_answered_with_the_usage() {
    let folder = TempDir::new().unwrap();
    for (router, method, uri, status, usage) in [
        (hello(), "GET", "/nope", StatusCode::NOT_FOUND, "GET / only"),
        (hello(), "POST", "/", StatusCode::METHOD_NOT_ALLOWED, "GET / only"),
        (hello_name(), "GET", "/alex", StatusCode::NOT_FOUND, "/?name=Alex"),
        (hello_name(), "DELETE", "/", StatusCode::METHOD_NOT_ALLOWED, "/?name=Alex"),
        (echo(), "GET", "/", StatusCode::METHOD_NOT_ALLOWED, "curl --data"),
        (app(), "GET", "/helo", StatusCode::NOT_FOUND, "/hello"),
        (app(), "PUT", "/hello", StatusCode::METHOD_NOT_ALLOWED, "/hello"),
        (files(folder.path()), "GET", "/nope", StatusCode::NOT_FOUND, "files in its folder"),
        (files(folder.path()), "POST", "/", StatusCode::METHOD_NOT_ALLOWED, "files in its folder"),
    ] {
        let answer = send(router, method, uri).await;
        assert_eq!(answer.status, status, "{method} {uri}");
        assert!(answer.body.contains(usage), "{method} {uri}: {}", answer.body);
        assert_eq!(answer.allow.is_some(), status == StatusCode::METHOD_NOT_ALLOWED, "{method} {uri}");
        assert_eq!(answer.body.lines().count(), 1);
    }
}

#[tokio::test]
async fn echo_keeps_the_body_and_its_type() {
    for method in ["POST", "PUT", "PATCH"] {
        let request = Request::builder().method(method).uri("/any/path").header("content-type", "application/x-song");
        let answer = answer(echo(), request.body(Body::from("la la la")).unwrap()).await;
        assert_eq!((answer.body.as_str(), answer.content_type.as_str()), ("la la la", "application/x-song"));
    }
}

#[tokio::test(start_paused = true)]
async fn slow_waits_for_a_bounded_time() {
    let began = tokio::time::Instant::now();
    assert_eq!(send(app(), "GET", "/slow?for=1m").await.body, "Hello after 1m.");
    assert_eq!(began.elapsed().as_secs(), 60);
    for uri in ["/slow?for=61s", "/slow?for=ever"] {
        assert_eq!(send(app(), "GET", uri).await.status, StatusCode::BAD_REQUEST, "{uri}");
    }
}

#[tokio::test]
async fn files_are_served_with_their_type_and_only_from_their_folder() {
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("public");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("index.html"), "<p>home").unwrap();
    fs::write(folder.path().join("secret"), "secret").unwrap();
    let home = send(files(&root), "GET", "/").await;
    assert_eq!((home.body.as_str(), home.content_type.as_str()), ("<p>home", "text/html"));
    for uri in ["/../secret", "/%2e%2e/secret", "/..%2fsecret"] {
        assert_eq!(send(files(&root), "GET", uri).await.status, StatusCode::NOT_FOUND, "{uri}");
    }
}
