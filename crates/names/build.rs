//! Makes `Reason` of the contract's list of reasons, so that a word that is not in it does not compile.
//!
//! The list is read as text, one value a line with its comment above, because this crate stands below the generated code; the
//! contract's own compiler checks the same file, and a test of `rpc` holds both against each other.

use std::{env, error::Error, fmt::Write as _, fs, path::PathBuf};

const PREFIX: &str = "ERROR_REASON_";

fn main() -> Result<(), Box<dyn Error>> {
    let file = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?)
        .join("../../proto/causeway/type/v1/reason.proto");
    println!("cargo:rerun-if-changed={}", file.display());
    println!("cargo:rerun-if-changed=build.rs");
    let (mut variants, mut words, mut all) = (String::new(), String::new(), String::new());
    for (word, comment) in reasons(&fs::read_to_string(&file)?) {
        let variant = camel(word);
        for line in comment {
            writeln!(variants, "    /// {line}")?;
        }
        writeln!(variants, "    {variant},")?;
        writeln!(words, "            Self::{variant} => {word:?},")?;
        write!(all, "Self::{variant}, ")?;
    }
    let code = format!(
        "/// A reason word of the contract (`causeway.type.v1.ErrorReason`).\n\
         #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]\n\
         pub enum Reason {{\n{variants}}}\n\n\
         impl Reason {{\n    /// Every reason, in the contract's order.\n    pub const ALL: &[Self] = &[{all}];\n\n    \
         /// The word as it stands on the wire.\n    #[must_use]\n    pub const fn word(self) -> &'static str {{\n        \
         match self {{\n{words}        }}\n    }}\n}}\n"
    );
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("reason.rs"), code)?;
    Ok(())
}

/// The words of the enum, but for the unspecified one, each with the comment lines right above it.
fn reasons(text: &str) -> Vec<(&str, Vec<&str>)> {
    let mut found = Vec::new();
    let mut comment = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(said) = line.strip_prefix("//") {
            comment.push(said.trim());
            continue;
        }
        let word = line.split(" = ").next().and_then(|name| name.strip_prefix(PREFIX));
        if let Some(word) = word.filter(|word| *word != "UNSPECIFIED") {
            found.push((word, std::mem::take(&mut comment)));
        }
        comment.clear();
    }
    found
}

fn camel(word: &str) -> String {
    let part = |part: &str| {
        let (first, rest) = part.split_at(part.len().min(1));
        format!("{first}{}", rest.to_lowercase())
    };
    word.split('_').map(part).collect()
}
