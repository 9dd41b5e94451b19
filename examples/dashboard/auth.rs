//! Authentication by token.

use axum::{
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::Response,
};
use upbeat_http::Problem;

/// Tokens and their users. A real service stores hashes of the tokens elsewhere.
const TOKENS: [(&str, &str); 2] = [("alice-secret", "alice"), ("bob-secret", "bob")];

/// The user of a request, an extension of authenticated requests.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) struct Caller(pub(crate) &'static str);

/// Rejects requests without a valid token.
pub(crate) async fn authenticate(mut request: Request, next: Next) -> Result<Response, Problem> {
    let caller = caller(&request).ok_or_else(|| {
        Problem::new(StatusCode::UNAUTHORIZED, "no_valid_token")
            .detail("send the header `Authorization: Bearer TOKEN` with a valid token")
            .header(header::WWW_AUTHENTICATE, HeaderValue::from_static(r#"Bearer realm="dashboard""#))
    })?;
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

fn caller(request: &Request) -> Option<Caller> {
    let authorization = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = authorization.split_once(' ')?;
    let known = TOKENS.iter().find(|(known, _)| scheme.eq_ignore_ascii_case("bearer") && *known == token.trim());
    known.map(|(_, name)| Caller(name))
}
