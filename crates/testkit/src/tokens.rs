//! Join tokens that somebody tampered with.

use names::JoinToken;

/// The same token with the secret of another.
///
/// # Panics
/// If a text is no join token.
#[must_use]
pub fn with_secret_of(token: &str, other: &str) -> String {
    let token: JoinToken = token.parse().expect("a join token");
    let JoinToken { secret, .. } = other.parse().expect("a join token");
    JoinToken { secret, ..token }.reveal()
}

/// The same token with another enrolment endpoint.
///
/// # Panics
/// If the text is no join token.
#[must_use]
pub fn with_endpoint(token: &str, endpoint: &str) -> String {
    let token: JoinToken = token.parse().expect("a join token");
    JoinToken { endpoint: endpoint.to_owned(), ..token }.reveal()
}
