//! Labels beyond ASCII as DNS spells them: RFC 3492 with the parameters of IDNA.
//!
//! Owns: the encoding only; compatibility forms and case are folded before by the caller.
//! Absent on purpose: decoding (a name is compared, never shown) and the tables of UTS 46.
//!
//! ## Design notes
//! The `idna` crate has this function too, with some thirty crates of Unicode tables behind it that nothing else here
//! needs. What it is made for, UTS 46 as a whole, is another rule: it refuses names that are compared today (a label
//! `xn--a` that decodes to nothing, a digit before Hebrew letters) and maps others elsewhere (a soft hyphen to nothing).

const BASE: u32 = 36;
const T_MIN: u32 = 1;
const T_MAX: u32 = 26;
const SKEW: u32 = 38;
const DAMP: u32 = 700;
const INITIAL_BIAS: u32 = 72;
const INITIAL_N: u32 = 128;

/// The part after `xn--` for a label; `None` if it cannot be expressed (arithmetic overflow, which needs
/// a label far longer than DNS allows).
pub(super) fn encode(label: &str) -> Option<String> {
    let mut out: String = label.chars().filter(char::is_ascii).collect();
    let basic = u32::try_from(out.len()).ok()?;
    if basic > 0 {
        out.push('-');
    }
    let total = u32::try_from(label.chars().count()).ok()?;
    let (mut n, mut delta, mut bias, mut handled) = (INITIAL_N, 0u32, INITIAL_BIAS, basic);
    while handled < total {
        let next = label.chars().map(u32::from).filter(|c| *c >= n).min()?;
        delta = delta.checked_add((next - n).checked_mul(handled + 1)?)?;
        n = next;
        for c in label.chars().map(u32::from) {
            if c < n {
                delta = delta.checked_add(1)?;
            } else if c == n {
                variable_length(delta, bias, &mut out);
                bias = adapt(delta, handled + 1, handled == basic);
                delta = 0;
                handled += 1;
            }
        }
        delta = delta.checked_add(1)?;
        n = n.checked_add(1)?;
    }
    Some(out)
}

fn variable_length(delta: u32, bias: u32, out: &mut String) {
    let mut rest = delta;
    let mut k = BASE;
    loop {
        let threshold = k.saturating_sub(bias).clamp(T_MIN, T_MAX);
        if rest < threshold {
            out.push(digit(rest));
            return;
        }
        out.push(digit(threshold + (rest - threshold) % (BASE - threshold)));
        rest = (rest - threshold) / (BASE - threshold);
        k += BASE;
    }
}

fn adapt(delta: u32, points: u32, first: bool) -> u32 {
    let mut delta = if first { delta / DAMP } else { delta / 2 };
    delta += delta / points;
    let mut k = 0;
    while delta > ((BASE - T_MIN) * T_MAX) / 2 {
        delta /= BASE - T_MIN;
        k += BASE;
    }
    k + (((BASE - T_MIN + 1) * delta) / (delta + SKEW))
}

/// 0 to 25 are letters, 26 to 35 digits.
fn digit(value: u32) -> char {
    let byte = u8::try_from(value).unwrap_or(0);
    char::from(if byte < 26 { b'a' + byte } else { b'0' + (byte - 26) })
}

#[cfg(test)]
mod tests {
    use super::encode;

    #[test]
    fn known_labels_come_out_as_registrars_spell_them() {
        for (label, ascii) in [
            ("bücher", "bcher-kva"),
            ("münchen", "mnchen-3ya"),
            ("日本語", "wgv71a119e"),
            ("правда", "80aafi6cg"),
            ("faß", "fa-hia"),
        ] {
            assert_eq!(encode(label).as_deref(), Some(ascii), "{label}");
        }
    }
}
