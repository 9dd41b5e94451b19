//! The server `static`.

mod folder;
mod range;

use std::{error::Error as StdError, io, path::Path};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
        header::{CONTENT_LENGTH, CONTENT_RANGE, IF_MATCH, IF_NONE_MATCH, IF_RANGE, LOCATION, RANGE, RETRY_AFTER},
    },
    response::{IntoResponse as _, Response},
    routing::get,
};
use percent_encoding::percent_decode_str;
use rustix::io::Errno;
use tower_http::services::{ServeDir, fs::DefaultServeDirFallback};

use self::{
    folder::Folder,
    range::{Decision, Range},
};
use super::usage::{options, with_usage};

/// The target of the events of this server.
const TARGET: &str = "upbeat::static";

const USAGE: &str = "this server answers GET of the files in its folder only";

/// Returns a router that serves the files below `root`. A folder is served as its `index.html`.
///
/// Symbolic links inside of the folder are followed. Not found is
///
/// - a path that names no file, or a file that cannot be read;
/// - a path with a segment that begins with a dot, except for `/.well-known/…`;
/// - a file outside of the folder, whether the way there is `..` or a symbolic link.
pub(crate) fn files(root: &Path) -> Router {
    let files = ServeDir::with_backend(root, Folder::new(root));
    let serve = get(move |request: Request| serve(files.clone(), request)).options(options("GET,HEAD,OPTIONS"));
    with_usage(Router::new().fallback_service(serve), USAGE)
}

type Files = ServeDir<DefaultServeDirFallback, Folder>;

/// Answers a request by `ServeDir`, which knows files, types and conditions.
///
/// Two decisions are made here: which paths are served, and what happens to a range.
async fn serve(files: Files, request: Request) -> Response {
    if !is_public(request.uri().path()) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let (mut parts, _) = request.into_parts();
    // RFC 9110 defines ranges for GET only.
    let range = if parts.method == Method::GET { Range::of(&parts.headers) } else { None };
    let if_range = parts.headers.remove(IF_RANGE);
    parts.headers.remove(RANGE);
    join(&mut parts.headers, &IF_MATCH);
    join(&mut parts.headers, &IF_NONE_MATCH);
    // The headers of a response to HEAD are those of a GET. The router removes its body.
    parts.method = Method::GET;

    let whole = Request::from_parts(parts.clone(), Body::empty());
    let Some(range) = range else { return read(files, whole).await };
    parts.headers.insert(RANGE, range.header());
    let mut response = read(files.clone(), Request::from_parts(parts, Body::empty())).await;
    match range.decide(response.status(), response.headers(), if_range.as_ref()) {
        Decision::Keep => response,
        Decision::Whole => read(files, whole).await,
        Decision::NotSatisfiable => {
            *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            response.headers_mut().insert(CONTENT_RANGE, HeaderValue::from_static("bytes */0"));
            response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(0));
            response.map(|_| Body::empty())
        }
    }
}

async fn read(mut files: Files, request: Request) -> Response {
    match files.try_call(request).await {
        Ok(response) => without_host(response.map(Body::new)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => StatusCode::NOT_FOUND.into_response(),
        Err(error) => {
            tracing::warn!(target: TARGET, error = &error as &dyn StdError, "file not served");
            match Errno::from_io_error(&error) {
                Some(Errno::MFILE | Errno::NFILE) => {
                    (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")]).into_response()
                }
                _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            }
        }
    }
}

/// Returns whether the segments of a path may be served.
fn is_public(path: &str) -> bool {
    let mut segments = path.split('/').filter(|segment| !segment.is_empty()).enumerate();
    segments.all(|(index, segment)| {
        let name: Vec<u8> = percent_decode_str(segment).collect();
        let is_dotted = name.first() == Some(&b'.') && name != b".";
        // A name has neither a slash nor a zero byte.
        !name.contains(&b'/') && !name.contains(&0) && (!is_dotted || index == 0 && name == b".well-known")
    })
}

/// Joins the lines of a header that is a list, of which `ServeDir` reads the first line only.
fn join(headers: &mut HeaderMap, name: &HeaderName) {
    let lines: Vec<_> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
    if lines.len() > 1
        && let Ok(joined) = HeaderValue::from_bytes(&lines.join(&b", "[..]))
    {
        headers.insert(name, joined);
    }
}

/// Keeps a redirect to `//folder/` from leading to another host.
fn without_host(mut response: Response) -> Response {
    let location = response.headers().get(LOCATION).map(HeaderValue::as_bytes);
    if let Some(location) = location.filter(|location| location.starts_with(b"//")) {
        let slashes = location.iter().take_while(|byte| **byte == b'/').count();
        let path = HeaderValue::from_bytes(location.get(slashes - 1..).unwrap_or_default());
        if let Ok(path) = path {
            response.headers_mut().insert(LOCATION, path);
        }
    }
    response
}
