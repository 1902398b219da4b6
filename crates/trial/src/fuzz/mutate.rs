//! Mutants: what becomes of an input by the accidents and malice that parsers meet.

use rand::{Rng as _, rngs::StdRng, seq::IndexedRandom as _};

/// Longest mutant, in bytes.
pub const MAX_INPUT_BYTES: usize = 64 * 1024;
/// Most changes to one mutant: few leave most of a valid input standing.
const MAX_CHANGES: usize = 6;
/// Most bytes of a piece that is moved about.
const MAX_PIECE: usize = 64;

/// Words that mean something in many formats.
const WORDS: &[&str] = &[
    "0",
    "-1",
    "1e999",
    "NaN",
    "null",
    "true",
    "{}",
    "[]",
    "\"",
    "\\u0000",
    "/",
    "//",
    "..",
    ".",
    "*",
    "-",
    "_",
    "=",
    ",",
    ":",
    "%00",
    "\0",
    "\r\n",
    " ",
    "ä",
    "İ",
    "ß",
    "\u{301}",
    "\u{202e}",
    "\u{10ffff}",
    "tenants/",
    "tenants/-",
    "18446744073709551616",
    "-9223372036854775808",
];

/// Numbers at the edges of their types.
const EDGES: &[u64] = &[
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x100,
    0x7fff,
    0x8000,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    u64::MAX,
];

/// Inputs that have broken a parser of some kind before.
pub(super) fn nasty() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("nothing", Vec::new()),
        ("a NUL", vec![0]),
        ("NULs", vec![0; 4096]),
        ("ones", vec![0xff; 64]),
        ("no UTF-8", b"\xc3\x28 \xf0\x28\x8c\x28".to_vec()),
        ("overlong UTF-8", b"\xc0\xaf \xe0\x80\xaf \xf0\x80\x80\xaf".to_vec()),
        ("half a surrogate", b"\xed\xa0\x80".to_vec()),
        ("a byte order mark", b"\xef\xbb\xbfa".to_vec()),
        ("a long word", vec![b'a'; MAX_INPUT_BYTES]),
        ("long and not ASCII", "ä".repeat(MAX_INPUT_BYTES / 2).into_bytes()),
        ("50,000 parentheses", vec![b'('; 50_000]),
        ("50,000 brackets", vec![b'['; 50_000]),
        ("50,000 dots", vec![b'.'; 50_000]),
        ("50,000 slashes", vec![b'/'; 50_000]),
        ("nested JSON", "{\"a\":".repeat(10_000).into_bytes()),
        // Field 1 with a length, again and again: messages in messages.
        ("nested messages", [0x0a, 0x7f].repeat(1_000)),
        ("an endless varint", vec![0x80; 100]),
        ("DER of absurd length", vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0x30, 0x80]),
        ("DER without length", vec![0x30, 0x80, 0x30, 0x80, 0x00, 0x00]),
        ("nested DER", [0x30, 0x82, 0x0f, 0xf0].repeat(1_000)),
        ("combining marks", "e\u{301}\u{302}\u{303}".repeat(2_000).into_bytes()),
        ("digits", vec![b'9'; 400]),
    ]
}

/// Makes mutants.
pub(super) struct Mutator<'a> {
    pub(super) words: &'a [Vec<u8>],
    pub(super) nasty: Vec<Vec<u8>>,
}

impl Mutator<'_> {
    /// An input of the pool, seldom a nasty one, changed in a few places.
    pub(super) fn mutant(&self, pool: &[Vec<u8>], chance: &mut StdRng) -> Vec<u8> {
        let mut input = self.any(pool, chance).to_vec();
        for _ in 0..chance.random_range(1..=MAX_CHANGES) {
            self.change(&mut input, pool, chance);
            input.truncate(MAX_INPUT_BYTES);
        }
        input
    }

    fn any<'p>(&'p self, pool: &'p [Vec<u8>], chance: &mut StdRng) -> &'p [u8] {
        let pool = if chance.random_ratio(1, 16) { &self.nasty } else { pool };
        pool.choose(chance).map(Vec::as_slice).unwrap_or_default()
    }

    fn change(&self, input: &mut Vec<u8>, pool: &[Vec<u8>], chance: &mut StdRng) {
        match chance.random_range(0..12) {
            0 => with_byte(input, chance, |byte, chance| byte ^ (1 << chance.random_range(0..8))),
            1 => with_byte(input, chance, |_, chance| chance.random()),
            2 => with_byte(input, chance, |byte, chance| {
                byte.wrapping_add_signed(chance.random_range(-3..=3))
            }),
            3 => input.truncate(place(input, chance)),
            4 => drop(input.drain(piece(input, chance))),
            5 => repeat(input, chance),
            6 => splice(input, self.any(pool, chance), chance),
            7 | 8 => self.word(input, chance),
            9 => edge(input, chance),
            10 => edge_in_digits(input, chance),
            _ => {
                let byte = if chance.random() {
                    chance.random_range(b' '..=b'~')
                } else {
                    chance.random()
                };
                insert(input, chance, &[byte]);
            }
        }
    }

    /// A word, in between or in the place of something.
    fn word(&self, input: &mut Vec<u8>, chance: &mut StdRng) {
        let own = self.words.choose(chance).filter(|_| chance.random_bool(0.7)).cloned();
        let word = own.or_else(|| WORDS.choose(chance).map(|word| word.as_bytes().to_vec()));
        let word = word.unwrap_or_default();
        if chance.random() {
            let gone = piece(input, chance);
            input.splice(gone, word);
        } else {
            insert(input, chance, &word);
        }
    }
}

/// A place in the input, its end included.
fn place(input: &[u8], chance: &mut StdRng) -> usize {
    chance.random_range(0..=input.len())
}

/// A short piece of the input.
fn piece(input: &[u8], chance: &mut StdRng) -> std::ops::Range<usize> {
    let start = place(input, chance);
    let length = chance.random_range(0..=MAX_PIECE.min(input.len() - start));
    start..start + length
}

fn insert(input: &mut Vec<u8>, chance: &mut StdRng, bytes: &[u8]) {
    let at = place(input, chance);
    input.splice(at..at, bytes.iter().copied());
}

fn with_byte(input: &mut [u8], chance: &mut StdRng, change: impl FnOnce(u8, &mut StdRng) -> u8) {
    if !input.is_empty() {
        let at = chance.random_range(0..input.len());
        input[at] = change(input[at], chance);
    }
}

/// A piece again and again, mostly twice, seldom a thousand times.
fn repeat(input: &mut Vec<u8>, chance: &mut StdRng) {
    let times = *[1, 1, 1, 2, 3, 16, 100, 1_000].choose(chance).unwrap_or(&1);
    let piece = input[piece(input, chance)].repeat(times);
    insert(input, chance, &piece);
}

/// The beginning of this input and the end of another.
fn splice(input: &mut Vec<u8>, other: &[u8], chance: &mut StdRng) {
    let at = place(input, chance);
    let from = place(other, chance);
    input.truncate(at);
    input.extend_from_slice(&other[from..]);
}

/// A number at the edge of its type over what stands there, in either order of bytes.
fn edge(input: &mut [u8], chance: &mut StdRng) {
    let number = *EDGES.choose(chance).unwrap_or(&0);
    let width = *[1, 2, 4, 8].choose(chance).unwrap_or(&1);
    let mut bytes = number.to_le_bytes()[..width].to_vec();
    if chance.random() {
        bytes.reverse();
    }
    let start = place(input, chance);
    for (byte, new) in input[start..].iter_mut().zip(bytes) {
        *byte = new;
    }
}

/// Such a number in the place of digits.
fn edge_in_digits(input: &mut Vec<u8>, chance: &mut StdRng) {
    let from = place(input, chance);
    let Some(start) = input[from..].iter().position(u8::is_ascii_digit).map(|at| from + at) else {
        return;
    };
    let digits = input[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = EDGES.choose(chance).unwrap_or(&0).to_string();
    input.splice(start..start + digits, number.into_bytes());
}
