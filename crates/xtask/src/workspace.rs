//! The checkout as the chores see it: its root, its files and their findings.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};

/// The root of the checkout that this program was built from.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").components().collect()
}

/// A text file of the project.
pub struct SourceFile {
    /// Path below the root, with `/`.
    pub path: String,
    /// Its whole text.
    pub text: String,
}

/// Every text file of the project that git tracks or would track.
pub struct Tree {
    /// In the order of their paths.
    pub files: Vec<SourceFile>,
}

impl Tree {
    /// Reads the checkout.
    ///
    /// # Errors
    /// When git does not answer or a listed file cannot be read.
    pub fn read(root: &Path) -> Result<Self> {
        let listed = Command::new("git")
            .args(["ls-files", "--cached", "--others", "--exclude-standard"])
            .current_dir(root)
            .output()
            .context("git ls-files")?;
        ensure!(listed.status.success(), "git ls-files failed in {}", root.display());
        let mut files = Vec::new();
        for path in String::from_utf8(listed.stdout)?.lines() {
            match fs::read(root.join(path)) {
                // A binary file, or one deleted but not yet committed, has no text to check.
                Ok(bytes) => {
                    if let Ok(text) = String::from_utf8(bytes) {
                        files.push(SourceFile { path: path.to_owned(), text });
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error).with_context(|| format!("reading {path}")),
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { files })
    }

    /// A tree of these files, for tests of the checks.
    #[must_use]
    pub fn of(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| SourceFile {
            path: (*path).to_owned(),
            text: (*text).to_owned(),
        };
        Self { files: files.iter().map(file).collect() }
    }

    /// The Rust files that ship: below a `src/`, xtask included.
    pub fn shipped_rust(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter().filter(|f| f.path.ends_with(".rs") && f.path.contains("/src/"))
    }

    /// Every Rust file.
    pub fn rust(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter().filter(|f| f.path.ends_with(".rs"))
    }

    /// The file at this path.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&SourceFile> {
        self.files.iter().find(|f| f.path == path)
    }
}

/// A broken rule, where, and how to mend it.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    /// `path` or `path:line`.
    pub place: String,
    /// What is wrong and the mend.
    pub message: String,
}

impl Finding {
    /// A finding at a place.
    pub fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: place.into(), message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// Prints the findings and fails when there are any.
///
/// # Errors
/// When there is at least one finding.
pub fn settle(check: &str, findings: &[Finding]) -> Result<()> {
    for finding in findings {
        eprintln!("{finding}");
    }
    if findings.is_empty() {
        return Ok(());
    }
    bail!("{check}: {} finding(s)", findings.len())
}
