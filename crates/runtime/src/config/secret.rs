//! Which settings hold secrets.
//!
//! Always holds: the name of a setting alone decides, so that neither a listing nor an error has to look at a value.

/// Words in a setting's name that make its value a secret. Secrets belong in files; this is for those who put
/// one here all the same.
const SECRET_WORDS: [&str; 4] = ["secret", "password", "token", "private_key"];

/// Also what a file puts into a table or a list where a secret should stand. A file's path is no secret though its name speaks of
/// one.
pub(super) fn is_place_of_secret(path: &str) -> bool {
    let is_place =
        |name: &str| ["_file", "_directory", "_path"].iter().any(|end| name.ends_with(end));
    let speaks_of_one = |name: &str| SECRET_WORDS.iter().any(|word| name.contains(word));
    path.split('.').any(|name| speaks_of_one(name) && !is_place(name))
}
