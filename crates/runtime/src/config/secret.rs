//! Which settings hold secrets.
//!
//! Always holds: the name of a setting alone decides, so that neither a listing nor an error has to look at a value.

/// Words in a setting's name that make its value a secret. Secrets belong in files; this protects an installation that puts
/// one here all the same.
const SECRET_WORDS: [&str; 4] = ["secret", "password", "token", "private_key"];

/// Whether a secret may stand at this path. What a file puts into a table or a list in the place of a secret counts too; the
/// path of a file does not, though its name holds one of the words.
pub(super) fn is_place_of_secret(path: &str) -> bool {
    let is_place =
        |name: &str| ["_file", "_directory", "_path"].iter().any(|end| name.ends_with(end));
    let speaks_of_one = |name: &str| SECRET_WORDS.iter().any(|word| name.contains(word));
    path.split('.').any(|name| speaks_of_one(name) && !is_place(name))
}
