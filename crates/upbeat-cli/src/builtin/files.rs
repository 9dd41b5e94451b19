//! The server `static`.

use std::path::Path;

use axum::Router;
use tower_http::services::ServeDir;

use super::not_found::with_usage;

/// Returns a router that serves the files below `root`. A folder is served as its `index.html`.
pub(crate) fn files(root: &Path) -> Router {
    with_usage(
        Router::new().fallback_service(ServeDir::new(root)),
        "this server answers GET of the files in its folder only",
    )
}
