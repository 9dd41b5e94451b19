//! Tests of the built-in servers as routers, without a network.

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode, header},
};
use tempfile::TempDir;
use tower::ServiceExt as _;

use super::{app, echo, files, hello, hello_name};

mod folder;

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
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
    let (status, headers) = (response.status(), response.headers().clone());
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    Answer { status, headers, body: String::from_utf8(body.to_vec()).unwrap(), allow, content_type }
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
async fn options_and_unknown_methods_are_answered() {
    let folder = TempDir::new().unwrap();
    for (router, methods) in
        [(hello(), "GET,HEAD,OPTIONS"), (echo(), "PATCH,POST,PUT,OPTIONS"), (files(folder.path()), "GET,HEAD,OPTIONS")]
    {
        let sorted = |allow: Option<String>| {
            let allow = allow.unwrap();
            let mut methods: Vec<_> = allow.split(',').map(str::to_owned).collect();
            methods.sort_unstable();
            methods
        };
        let mut methods: Vec<_> = methods.split(',').collect();
        methods.sort_unstable();
        let answer = send(router.clone(), "OPTIONS", "/").await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::NO_CONTENT, ""));
        assert_eq!(sorted(answer.allow), methods);
        for method in ["BREW", "get"] {
            let answer = send(router.clone(), method, "/").await;
            assert_eq!(answer.status, StatusCode::NOT_IMPLEMENTED);
            assert_eq!(sorted(answer.allow), methods);
        }
        assert_eq!(send(router.clone(), "OPTIONS", "*").await.status, StatusCode::NO_CONTENT);
        assert_eq!(send(router, "TRACE", "/").await.status, StatusCode::METHOD_NOT_ALLOWED);
    }
}
