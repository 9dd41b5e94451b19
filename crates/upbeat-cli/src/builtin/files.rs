//! The server `static`.

use std::path::Path;

use axum::Router;
use tower_http::services::ServeDir;

use super::helpful::helpful;

/// Serves the files below `root`; `index.html` stands for its folder.
pub(crate) fn files(root: &Path) -> Router {
    helpful(
        Router::new().fallback_service(ServeDir::new(root)),
        "this server answers GET of the files in its folder only",
    )
}
