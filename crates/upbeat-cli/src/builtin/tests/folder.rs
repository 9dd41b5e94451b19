//! Tests of the server `static`.

use std::{
    fs::{self, File},
    os::unix::fs::symlink,
    path::Path,
    time::{Duration, SystemTime},
};

use rustix::fs::{CWD, Mode, mkfifoat};

use super::*;

/// A folder `public` beside a secret.
fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("public");
    fs::create_dir_all(root.join("sub")).unwrap();
    fs::write(root.join("index.html"), "<p>home").unwrap();
    fs::write(root.join("digits.txt"), "0123456789").unwrap();
    fs::write(root.join("empty.txt"), "").unwrap();
    fs::write(root.join("sub/index.html"), "<p>sub").unwrap();
    fs::write(folder.path().join("secret"), "secret").unwrap();
    folder
}

fn served(folder: &TempDir) -> Router {
    files(&folder.path().join("public"))
}

async fn status(folder: &TempDir, uri: &str) -> u16 {
    send(served(folder), "GET", uri).await.status.as_u16()
}

async fn get(folder: &TempDir, uri: &str, headers: &[(&str, &str)]) -> Answer {
    ask(folder, "GET", uri, headers).await
}

async fn ask(folder: &TempDir, method: &str, uri: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    answer(served(folder), request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn files_are_served_with_their_type_and_only_from_their_folder() {
    let folder = folder();
    let home = send(served(&folder), "GET", "/").await;
    assert_eq!((home.body.as_str(), home.content_type.as_str()), ("<p>home", "text/html"));
    assert_eq!(send(served(&folder), "GET", "/sub/").await.body, "<p>sub");
    for uri in [
        "/../secret",
        "/%2e%2e/secret",
        "/..%2fsecret",
        "/%2e%2e%2fsecret",
        "/sub/../../secret",
        "/sub/..%2f..%2fsecret",
        "//secret",
        "/sub%2findex.html",
        "/digits.txt/",
        "/digits.txt/x",
        "/nope",
        "/digits.txt%00",
        "/%00",
        "/%ff",
        "/..;/secret",
        "/....//secret",
        "/%252e%252e/secret",
        "/..%5csecret",
    ] {
        assert_eq!(status(&folder, uri).await, 404, "{uri}");
    }
    let absolute = folder.path().join("secret").display().to_string();
    assert_eq!(status(&folder, &absolute).await, 404);
    assert_eq!(status(&folder, &format!("/{absolute}")).await, 404);
}

#[tokio::test]
async fn a_name_that_no_file_can_have_is_not_found() {
    let folder = folder();
    for uri in
        [format!("/{}", "n".repeat(300)), format!("/{}", "n/".repeat(3000)), format!("/sub/{}", "%41".repeat(256))]
    {
        for method in ["GET", "HEAD"] {
            assert_eq!(send(served(&folder), method, &uri).await.status, 404, "{method} {} bytes", uri.len());
        }
    }
}

#[tokio::test]
async fn a_link_is_followed_only_inside_of_the_folder() {
    let folder = folder();
    let root = folder.path().join("public");
    let link = |to: &Path, name: &str| symlink(to, root.join(name)).unwrap();
    link(Path::new("digits.txt"), "inside");
    link(&root.join("digits.txt"), "absolute");
    link(Path::new("sub"), "folder");
    link(Path::new("../public/digits.txt"), "around");
    // As Kubernetes mounts a config map.
    fs::create_dir(root.join("..2028")).unwrap();
    fs::write(root.join("..2028/mounted"), "mounted").unwrap();
    link(Path::new("..2028"), "..data");
    link(Path::new("..data/mounted"), "mounted");
    for uri in ["/inside", "/absolute", "/folder/index.html", "/folder/", "/around", "/mounted"] {
        assert_eq!(status(&folder, uri).await, 200, "{uri}");
    }
    link(Path::new("../secret"), "outside");
    link(&folder.path().join("secret"), "outside-absolute");
    link(Path::new(".."), "parent");
    link(Path::new("/etc"), "etc");
    link(Path::new("loop"), "loop");
    link(Path::new("nowhere"), "broken");
    link(Path::new("outside"), "chain");
    // A sibling whose name begins like that of the folder.
    fs::create_dir(folder.path().join("public2")).unwrap();
    fs::write(folder.path().join("public2/x"), "x").unwrap();
    link(Path::new("../public2"), "sibling");
    for uri in [
        "/outside",
        "/outside-absolute",
        "/parent/secret",
        "/parent/",
        "/parent",
        "/etc/passwd",
        "/etc",
        "/etc/",
        "/loop",
        "/loop/x",
        "/broken",
        "/chain",
        "/sibling/x",
        "/..data/mounted",
    ] {
        for method in ["GET", "HEAD"] {
            assert_eq!(send(served(&folder), method, uri).await.status, 404, "{method} {uri}");
        }
    }
}

#[tokio::test]
async fn the_folder_itself_may_be_a_link_that_is_exchanged() {
    let folder = TempDir::new().unwrap();
    for release in ["1", "2"] {
        fs::create_dir(folder.path().join(release)).unwrap();
        fs::write(folder.path().join(release).join("release"), release).unwrap();
    }
    let current = folder.path().join("current");
    symlink("1", &current).unwrap();
    let router = files(&current);
    assert_eq!(send(router.clone(), "GET", "/release").await.body, "1");
    fs::remove_file(&current).unwrap();
    symlink("2", &current).unwrap();
    assert_eq!(send(router, "GET", "/release").await.body, "2");
}

#[tokio::test]
async fn names_that_begin_with_a_dot_are_not_served() {
    let folder = folder();
    let root = folder.path().join("public");
    for path in [".git", ".well-known/acme", ".well-known/.git", "sub/.well-known", "sub/.ssh"] {
        fs::create_dir_all(root.join(path)).unwrap();
        fs::write(root.join(path).join("config"), path).unwrap();
    }
    fs::write(root.join(".env"), "secret").unwrap();
    fs::write(root.join(".well-known/security.txt"), "contact").unwrap();
    for uri in [
        "/.env",
        "/%2eenv",
        "/%2Eenv",
        "/.git/config",
        "/.git/",
        "/.git",
        "/sub/.ssh/config",
        "/sub/.well-known/config",
        "/.well-known/.git/config",
        "/./.env",
        "//.env",
        "/.well-known/../.env",
    ] {
        assert_eq!(status(&folder, uri).await, 404, "{uri}");
    }
    for uri in ["/.well-known/security.txt", "/.well-known/acme/config", "/%2ewell-known/security.txt", "/./digits.txt"]
    {
        assert_eq!(status(&folder, uri).await, 200, "{uri}");
    }
}

#[tokio::test]
async fn only_regular_files_are_opened() {
    let folder = folder();
    let root = folder.path().join("public");
    mkfifoat(CWD, root.join("fifo"), Mode::from_raw_mode(0o644)).unwrap();
    fs::create_dir_all(root.join("odd/index.html")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
    symlink("/dev/zero", root.join("zero")).unwrap();
    for uri in ["/fifo", "/odd/", "/odd/index.html/", "/socket", "/zero", "/sub2/"] {
        for method in ["GET", "HEAD"] {
            let answer = tokio::time::timeout(Duration::from_secs(20), send(served(&folder), method, uri)).await;
            assert_eq!(answer.expect("it is not waited for").status, 404, "{method} {uri}");
        }
    }
}

#[tokio::test]
async fn a_redirect_stays_at_the_host() {
    let folder = folder();
    for (uri, location) in [("/sub", "/sub/"), ("//sub", "/sub/"), ("///sub?x=1", "/sub/?x=1")] {
        let answer = send(served(&folder), "GET", uri).await;
        assert_eq!((answer.status.as_u16(), answer.headers["location"].to_str().unwrap()), (307, location), "{uri}");
    }
}

#[tokio::test]
async fn one_range_is_served_and_others_are_ignored() {
    let folder = folder();
    for (range, status, body) in [
        ("bytes=2-4", 206, "234"),
        ("bytes=7-", 206, "789"),
        ("bytes=-3", 206, "789"),
        ("bytes=0-99", 206, "0123456789"),
        ("bytes=-99", 200, "0123456789"),
        ("BYTES=0-0", 206, "0"),
        ("bytes=0-99999999999999999999", 206, "0123456789"),
        ("lines=1-2", 200, "0123456789"),
        ("bytes=1-2,4-5", 200, "0123456789"),
        ("bytes=5-2", 200, "0123456789"),
        ("bytes=a-", 200, "0123456789"),
        ("bytes", 200, "0123456789"),
        ("bytes=10-", 416, ""),
        ("bytes=-0", 416, ""),
        ("bytes=99999999999999999999-", 416, ""),
    ] {
        let answer = get(&folder, "/digits.txt", &[("range", range)]).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (status, body), "{range}");
        let content_range = answer.headers.get("content-range").map(|range| range.to_str().unwrap());
        assert_eq!(content_range.is_some(), status != 200, "{range}");
        assert!(content_range.is_none_or(|range| range.ends_with("/10")), "{range}");
        let head = ask(&folder, "HEAD", "/digits.txt", &[("range", range)]).await;
        assert_eq!((head.status.as_u16(), &head.headers["content-length"]), (200, &"10".parse().unwrap()), "{range}");
    }
    let answer = get(&folder, "/digits.txt", &[("range", "bytes=0-1"), ("range", "bytes=3-4")]).await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 10));
    for range in ["bytes=0-", "bytes=0-0", "bytes=-1"] {
        let answer = get(&folder, "/empty.txt", &[("range", range)]).await;
        assert_eq!((answer.status.as_u16(), &answer.headers["content-range"]), (416, &"bytes */0".parse().unwrap()));
    }
}

#[tokio::test]
async fn a_part_is_served_only_of_the_same_file() {
    let folder = folder();
    let file = folder.path().join("public/digits.txt");
    let now = get(&folder, "/digits.txt", &[]).await.headers;
    let validators = ["etag", "last-modified"].map(|name| now[name].to_str().unwrap().to_owned());
    let range = ("range", "bytes=2-4");
    for validator in &validators {
        let answer = get(&folder, "/digits.txt", &[range, ("if-range", validator)]).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (206, "234"), "{validator}");
        let whole = get(&folder, "/digits.txt", &[("if-range", validator)]).await;
        assert_eq!(whole.status, 200, "without a range it has no meaning");
    }
    fs::write(&file, "abcdefghijk").unwrap();
    File::options().write(true).open(&file).unwrap().set_modified(SystemTime::now() - Duration::from_mins(10)).unwrap();
    let weak = format!("W/{}", get(&folder, "/digits.txt", &[]).await.headers["etag"].to_str().unwrap());
    for validator in validators.iter().map(String::as_str).chain([&*weak, "\"\"", "*", "x"]) {
        let answer = get(&folder, "/digits.txt", &[range, ("if-range", validator)]).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "abcdefghijk"), "{validator}");
        let beyond = get(&folder, "/digits.txt", &[("range", "bytes=50-"), ("if-range", validator)]).await;
        assert_eq!((beyond.status.as_u16(), beyond.body.len()), (200, 11), "{validator}");
    }
}

#[tokio::test]
async fn conditions_are_met() {
    let folder = folder();
    let now = get(&folder, "/digits.txt", &[]).await.headers;
    let tag = now["etag"].to_str().unwrap();
    let time = now["last-modified"].to_str().unwrap();
    let (past, future) = ("Sat, 01 Jan 2000 00:00:00 GMT", "Sat, 01 Jan 2050 00:00:00 GMT");
    let weak = format!("W/{tag}");
    let list = format!("\"a\", {tag}");
    for (headers, status) in [
        (&[("if-none-match", tag)][..], 304),
        (&[("if-none-match", &weak)], 304),
        (&[("if-none-match", &list)], 304),
        (&[("if-none-match", "*")], 304),
        (&[("if-none-match", "\"a\""), ("if-none-match", tag)], 304),
        (&[("if-none-match", "\"a\"")], 200),
        (&[("if-none-match", "\"a\""), ("if-modified-since", time)], 200),
        (&[("if-modified-since", time)], 304),
        (&[("if-modified-since", past)], 200),
        (&[("if-modified-since", "yesterday")], 200),
        (&[("if-match", tag)], 200),
        (&[("if-match", "\"a\""), ("if-match", tag)], 200),
        (&[("if-match", &weak)], 412),
        (&[("if-match", "\"a\"")], 412),
        (&[("if-unmodified-since", past)], 412),
        (&[("if-unmodified-since", future)], 200),
        (&[("if-none-match", tag), ("range", "bytes=0-1")], 304),
        (&[("if-match", "\"a\""), ("range", "bytes=0-1")], 412),
    ] {
        for method in ["GET", "HEAD"] {
            let answer = ask(&folder, method, "/digits.txt", headers).await;
            assert_eq!(answer.status.as_u16(), status, "{method} {headers:?}");
            if status == 304 {
                assert_eq!(answer.headers["etag"], tag);
            }
        }
    }
}

#[tokio::test]
async fn the_headers_of_head_are_those_of_get() {
    let folder = folder();
    for uri in ["/", "/digits.txt", "/empty.txt", "/sub", "/nope", "/.env"] {
        let (get, head) = (get(&folder, uri, &[]).await, ask(&folder, "HEAD", uri, &[]).await);
        assert_eq!((get.status, &get.headers), (head.status, &head.headers), "{uri}");
        assert!(head.body.is_empty() || head.status == 404, "the engine removes the usage: {uri}");
    }
    let answer = ask(&folder, "DELETE", "/digits.txt", &[]).await;
    assert_eq!((answer.status.as_u16(), answer.allow.as_deref()), (405, Some("GET,HEAD,OPTIONS")));
}
