//! Tests of the files of the page.

use crate::server::{Server, get};

#[tokio::test]
async fn each_file_has_its_type_and_a_policy_without_inline_code() {
    let server = Server::start(&[]);
    for (path, content_type, begin) in [
        ("/", "text/html; charset=utf-8", "<!doctype html>"),
        ("/chat.js", "text/javascript; charset=utf-8", "// The page"),
        ("/chat.css", "text/css; charset=utf-8", ":root {"),
        ("/icon.svg", "image/svg+xml", "<svg"),
    ] {
        let answer = get(server.address, path).await;
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert!(head.contains(&format!("content-type: {content_type}\r\n")), "{head}");
        assert!(head.contains("x-content-type-options: nosniff"), "{head}");
        let (_, policy) = head.split_once("content-security-policy: ").expect("a policy");
        let policy = policy.lines().next().expect("a line");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert!(body.starts_with(begin), "{body}");
    }
    assert!(get(server.address, "/nothing").await.starts_with("HTTP/1.1 404"));
    assert!(get(server.address, "/ws").await.starts_with("HTTP/1.1 4"), "the request has no upgrade");
}
