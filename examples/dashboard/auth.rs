//! Who asks.

use axum::{
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::Response,
};
use upbeat_http::Problem;

/// Tokens and whose they are. A real service keeps hashes of them somewhere else.
const TOKENS: [(&str, &str); 2] = [("alice-secret", "alice"), ("bob-secret", "bob")];

/// Who asks: an extension of requests that were let in.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) struct Caller(pub(crate) &'static str);

/// Lets in who has a token.
pub(crate) async fn authenticate(mut request: Request, next: Next) -> Result<Response, Problem> {
    let caller = caller(&request).ok_or_else(|| {
        Problem::new(StatusCode::UNAUTHORIZED, "no_valid_token")
            .detail("this needs the header `Authorization: Bearer TOKEN` with a token that is known")
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
