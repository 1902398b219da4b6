//! The loop finds what a parser does wrong, keeps it, and notices a target that tests nothing.

use super::*;

/// A crate of its own with an empty folder for the target `toy`, gone at the end.
struct Ground(PathBuf);

impl Ground {
    fn new(name: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("fuzz-{name}-{}", std::process::id()));
        fs::create_dir_all(directory.join("fuzz/toy")).unwrap();
        Self(directory)
    }

    fn target(&self) -> Target {
        let target = Target::new(self.0.to_str().unwrap(), "toy").with("length=5;");
        // Also where the variable asks for fewer.
        Target { rounds: 5_000, ..target }
    }

    fn kept(&self) -> Vec<Vec<u8>> {
        let entries = fs::read_dir(self.0.join("fuzz/toy")).unwrap();
        entries.map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect()
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn message(work: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(work)).unwrap_err();
    *panic.downcast::<String>().unwrap()
}

fn length(input: &[u8]) -> Result<u64, String> {
    let text = std::str::from_utf8(input).map_err(|error| error.to_string())?;
    let digits = text.strip_prefix("length=").and_then(|rest| rest.strip_suffix(';'));
    digits.ok_or("no length")?.parse::<u64>().map_err(|error| error.to_string())
}

#[test]
fn an_input_that_panics_is_found_made_small_kept_and_replayed() {
    let ground = Ground::new("found");
    let overflows = |input: &[u8]| length(input).map(|length| u32::try_from(length).unwrap());
    let found = message(|| ground.target().run(overflows));
    assert!(found.contains("fuzz target toy: panics at "), "{found}");
    let [kept] = &ground.kept()[..] else { panic!("{:?}", ground.kept()) };
    assert!(kept.starts_with(b"length=") && kept.len() < 30, "{:?}", kept.escape_ascii());
    let again = message(|| ground.target().run(overflows));
    assert!(again.contains("found-"), "replaying names the file: {again}");
    ground.target().run(length);
}

#[test]
fn where_nothing_can_be_written_the_input_is_printed() {
    let ground = Ground::new("printed");
    let target = ground.target();
    fs::remove_dir_all(ground.0.join("fuzz")).unwrap();
    let found = message(|| target.run(|input| length(input).map(|length| assert!(length < 100))));
    assert!(found.contains("cannot be written") && found.contains("hex 6c656e677468"), "{found}");
}

#[test]
fn a_target_that_takes_all_or_nothing_fails() {
    let ground = Ground::new("lazy");
    let message_of =
        |verdict: Result<(), &'static str>| message(|| ground.target().run(|_| verdict));
    assert!(message_of(Ok(())).contains("no kept input is refused"));
    assert!(message_of(Err("no")).contains("no kept input is taken"));
}

#[test]
fn answers_differ_by_what_they_say_and_not_by_what_they_quote() {
    let refused = |text: &str| answer(&Verdict::Refused(text.to_owned()), b"");
    assert_eq!(refused("`a` is longer than 63"), refused("`b` is longer than 9"));
    assert_ne!(refused("`a` is too long"), refused("`a` is empty"));
    assert_ne!(answer(&Verdict::Taken, b"a"), answer(&Verdict::Taken, b"aaaa"));
}

#[test]
fn the_same_seed_makes_the_same_mutants() {
    let pool = vec![b"tenants/acme".to_vec(), b"releases/1".to_vec()];
    let mutants = |seed| {
        let mut chance = crate::stream(seed, "toy");
        let mutator = Mutator { words: &[], nasty: vec![] };
        (0..50).map(|_| mutator.mutant(&pool, &mut chance)).collect::<Vec<_>>()
    };
    assert_eq!(mutants(1), mutants(1));
    assert_ne!(mutants(1), mutants(2));
}
