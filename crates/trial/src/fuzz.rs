//! Fuzzing that runs with the other tests: kept inputs first, then mutants of them.
//!
//! Owns: the loop around one parser, its kept inputs in `<crate>/fuzz/<target>/`, and what becomes of an input that makes
//! the parser panic. Always holds: every kept input is replayed on every run; the mutants come from the printed seed; an
//! input that fails is made smaller, kept in the folder and named; a target whose kept inputs are all taken, or all
//! refused, fails, since it would test one branch only.
//! Absent on purpose: coverage. A mutant with an answer not seen before joins the inputs to mutate, which costs nothing and
//! needs no tool; what a process does not survive (a stack that overflows) is named by its thread and repeated by its seed.

mod mutate;

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Once,
    time::{Duration, Instant},
};

pub use mutate::MAX_INPUT_BYTES;
use mutate::Mutator;

use crate::chance;

/// The variable that sets how many mutants each target tries; 0 only replays the kept inputs.
pub const ROUNDS_VARIABLE: &str = "CAUSEWAY_FUZZ_ROUNDS";
/// The variable that keeps mutants with new answers: set it for a long run, then look through the new files and commit
/// what is worth it.
pub const KEEP_VARIABLE: &str = "CAUSEWAY_FUZZ_KEEP";

/// Mutants of a run in CI: a tenth of a second for a parser of a short text, in a debug build.
const ROUNDS: u32 = 2_000;
/// Longest time for one input: what parses slower than this at 64 KiB is a lever for an attacker. Far above a stall of a
/// busy machine.
const MAX_TIME: Duration = Duration::from_secs(10);
/// Most mutants that join the inputs to mutate.
const MAX_NEW: usize = 200;
/// Most mutants that [`KEEP_VARIABLE`] keeps of one run, and the longest of them: a corpus stays one that is read.
const MAX_KEPT: usize = 12;
const MAX_KEPT_BYTES: usize = 2_048;
/// Tries to make a failing input smaller.
const SHRINK_TRIES: usize = 2_000;

/// What the parser said.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It took the input.
    Taken,
    /// It refused, with this answer.
    Refused(String),
}

impl<T, E: Display> From<Result<T, E>> for Verdict {
    fn from(result: Result<T, E>) -> Self {
        match result {
            Ok(_) => Self::Taken,
            Err(error) => Self::Refused(error.to_string()),
        }
    }
}

impl<T> From<Option<T>> for Verdict {
    fn from(found: Option<T>) -> Self {
        found.map_or_else(|| Self::Refused(String::new()), |_| Self::Taken)
    }
}

/// One parser to fuzz. [`target!`](crate::target) makes it.
#[derive(Debug)]
pub struct Target {
    name: &'static str,
    folder: PathBuf,
    inputs: BTreeMap<String, Vec<u8>>,
    words: Vec<Vec<u8>>,
    rounds: u32,
}

/// The target of this name in the crate that calls.
#[macro_export]
macro_rules! target {
    ($name:literal) => {
        $crate::fuzz::Target::new(env!("CARGO_MANIFEST_DIR"), $name)
    };
}

impl Target {
    /// With the inputs kept in `<directory>/fuzz/<name>/`, and those that suit every parser.
    ///
    /// # Panics
    /// If the folder is missing or a file in it cannot be read.
    #[must_use]
    pub fn new(directory: &str, name: &'static str) -> Self {
        let folder = Path::new(directory).join("fuzz").join(name);
        let target =
            Self { name, folder, inputs: BTreeMap::new(), words: Vec::new(), rounds: rounds() };
        let folder = target.folder.clone();
        target.kept_in(&folder)
    }

    /// Also replays the files of this folder, for example the golden files of a record. A file is one input; of a file
    /// `….lines` each line is one.
    ///
    /// # Panics
    /// If it cannot be read.
    #[must_use]
    pub fn kept_in(mut self, folder: &Path) -> Self {
        let shown = folder.display();
        let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{shown}: {error}"));
        for entry in entries {
            let path = entry.unwrap_or_else(|error| panic!("{shown}: {error}")).path();
            let place = path.display().to_string();
            let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{place}: {error}"));
            if path.extension().is_some_and(|end| end == "lines") {
                let lines = bytes.split(|byte| *byte == b'\n').enumerate();
                let named = lines.map(|(at, line)| (format!("{place}:{}", at + 1), line.to_vec()));
                self.inputs.extend(named);
            } else {
                self.inputs.insert(place, bytes);
            }
        }
        self
    }

    /// Also replays this input, for what only code can make: a value as it is encoded today.
    #[must_use]
    pub fn with(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        let number = self.inputs.len();
        self.inputs.insert(format!("made by the test: {number}"), bytes.into());
        self
    }

    /// Words that mean something to the parser; mutants get them now and then.
    #[must_use]
    pub fn words(mut self, words: &[&str]) -> Self {
        self.words.extend(words.iter().map(|word| word.as_bytes().to_vec()));
        self
    }

    /// One input takes about this many times as long as a short text does, so there are that many times fewer mutants.
    #[must_use]
    pub fn costs(mut self, times: u32) -> Self {
        self.rounds /= times;
        self
    }

    /// Gives `judge` every kept input and then mutants of them. `judge` asserts what must hold, and says whether the
    /// parser took the input.
    ///
    /// # Panics
    /// If `judge` does, or needs longer than it may: with the input and where it is kept. If the kept inputs are all
    /// taken, or all refused.
    pub fn run<V: Into<Verdict>>(self, judge: impl Fn(&[u8]) -> V) {
        let judge = |input: &[u8]| judge(input).into();
        let mut answers = BTreeSet::new();
        let nasty = mutate::nasty();
        let any = nasty.iter().map(|(what, input)| (*what, input));
        for (place, input) in self.inputs.iter().map(|(place, input)| (&**place, input)).chain(any)
        {
            match attempt(&judge, input) {
                Ok(verdict) => answers.insert(answer(&verdict, input)),
                Err(problem) => panic!("fuzz target {}: {place}: {problem}", self.name),
            };
        }
        let taken = answers.iter().filter(|(taken, _)| *taken).count();
        assert!(taken > 0, "fuzz target {}: no kept input is taken", self.name);
        assert!(taken < answers.len(), "fuzz target {}: no kept input is refused", self.name);
        let nasty = nasty.into_iter().map(|(_, input)| input).collect();
        let mutator = Mutator { words: &self.words, nasty };
        let new = self.mutants(&judge, &mutator, answers);
        if std::env::var_os(KEEP_VARIABLE).is_some() {
            let short = new.into_iter().filter(|input| input.len() <= MAX_KEPT_BYTES);
            short.take(MAX_KEPT).for_each(|input| drop(keep(&self.folder, "new", &input)));
        }
    }

    /// As [`run`](Self::run), for a parser of text: what is not UTF-8 comes with replacement characters.
    ///
    /// # Panics
    /// As [`run`](Self::run).
    pub fn run_on_text<V: Into<Verdict>>(self, judge: impl Fn(&str) -> V) {
        self.run(|input| judge(&String::from_utf8_lossy(input)));
    }

    /// The mutants with answers that were not in `answers`.
    fn mutants(
        &self,
        judge: &impl Fn(&[u8]) -> Verdict,
        mutator: &Mutator<'_>,
        mut answers: BTreeSet<(bool, String)>,
    ) -> Vec<Vec<u8>> {
        let mut chance = chance(self.name);
        let mut pool: Vec<Vec<u8>> = self.inputs.values().cloned().collect();
        let kept = pool.len();
        for _ in 0..self.rounds {
            let input = mutator.mutant(&pool, &mut chance);
            match attempt(judge, &input) {
                Ok(verdict) => {
                    if pool.len() < kept + MAX_NEW && answers.insert(answer(&verdict, &input)) {
                        pool.push(input);
                    }
                }
                Err(problem) => self.fail(judge, input, &problem),
            }
        }
        pool.split_off(kept)
    }

    fn fail(&self, judge: &impl Fn(&[u8]) -> Verdict, input: Vec<u8>, problem: &str) -> ! {
        let input = shrink(judge, input);
        let problem = attempt(judge, &input).err().unwrap_or_else(|| problem.to_owned());
        let hex: String = input.iter().take(512).map(|byte| format!("{byte:02x}")).collect();
        let place = match keep(&self.folder, "found", &input) {
            Ok(path) => format!("kept as {}", path.display()),
            Err(error) => format!("{} cannot be written ({error})", self.folder.display()),
        };
        let text = String::from_utf8_lossy(&input).chars().take(200).collect::<String>();
        let name = self.name;
        let bytes = input.len();
        panic!(
            "fuzz target {name}: {problem}\n  {bytes} bytes, {place}\n  hex {hex}\n  text {text:?}"
        );
    }
}

fn rounds() -> u32 {
    match std::env::var(ROUNDS_VARIABLE) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{ROUNDS_VARIABLE}={text}: give a whole number of mutants")),
        Err(_) => ROUNDS,
    }
}

/// What tells one answer from another: not what it quotes or counts. Of inputs that are taken, their size.
fn answer(verdict: &Verdict, input: &[u8]) -> (bool, String) {
    match verdict {
        Verdict::Taken => (true, input.len().checked_ilog2().map_or(0, |log| log + 1).to_string()),
        Verdict::Refused(text) => {
            let unquoted = text.split(['`', '"', '\'']).step_by(2).flat_map(str::chars);
            (false, unquoted.filter(|c| !c.is_ascii_digit()).take(200).collect())
        }
    }
}

/// The verdict, or what went wrong.
fn attempt(judge: &impl Fn(&[u8]) -> Verdict, input: &[u8]) -> Result<Verdict, String> {
    let start = Instant::now();
    let outcome = quietly(|| catch_unwind(AssertUnwindSafe(|| judge(input))));
    let took = start.elapsed();
    match outcome {
        Ok(_) if took > MAX_TIME => Err(format!("{} bytes took {took:?}", input.len())),
        Ok(verdict) => Ok(verdict),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            let place = PLACE.take().unwrap_or_default();
            Err(format!("panics{place}: {}", text.unwrap_or("with something that is no text")))
        }
    }
}

thread_local! {
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
    static PLACE: Cell<Option<String>> = const { Cell::new(None) };
}

/// Notes the place of a panic instead of printing it: making an input smaller panics hundreds of times.
fn quietly<T>(work: impl FnOnce() -> T) -> T {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let loud = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if IS_QUIET.get() {
                PLACE.set(panic.location().map(|place| format!(" at {place}")));
            } else {
                loud(panic);
            }
        }));
    });
    IS_QUIET.set(true);
    let result = work();
    IS_QUIET.set(false);
    result
}

/// A smaller input that fails too: pieces are cut out, from large to small, while it does.
fn shrink(judge: &impl Fn(&[u8]) -> Verdict, mut input: Vec<u8>) -> Vec<u8> {
    let mut piece = input.len() / 2;
    let mut tries = 0;
    while piece > 0 && tries < SHRINK_TRIES {
        let mut at = 0;
        while at < input.len() && tries < SHRINK_TRIES {
            tries += 1;
            let mut smaller = input.clone();
            smaller.drain(at..(at + piece).min(input.len()));
            if attempt(judge, &smaller).is_err() { input = smaller } else { at += piece }
        }
        piece /= 2;
    }
    input
}

/// Writes an input into the folder, named by its content.
fn keep(folder: &Path, what: &str, input: &[u8]) -> std::io::Result<PathBuf> {
    let hash = input.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let path = folder.join(format!("{what}-{hash:016x}"));
    fs::write(&path, input)?;
    Ok(path)
}

#[cfg(test)]
mod tests;
