//! Figures: what was measured, against what, and whether it is enough.
//!
//! Always holds: a ratio compares neighbours in time (a measurement of ours with the reference's next to it), and is
//! above 1 where ours is better.

use serde::Serialize;

use crate::{machine::Machine, spread::Spread};

/// What is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Better {
    More,
    Less,
}

/// One figure.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figure {
    name: String,
    unit: &'static str,
    ours: Spread,
    #[serde(skip_serializing_if = "Option::is_none")]
    against: Option<Against>,
    /// How it was measured, where that is not plain.
    note: String,
}

/// What a figure is held against.
#[derive(Clone, Debug, Serialize)]
struct Against {
    what: &'static str,
    theirs: Spread,
    /// Ours by theirs, or the other way round where less is better.
    ratio: Spread,
    #[serde(skip_serializing_if = "Option::is_none")]
    goal: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    met: Option<bool>,
}

impl Figure {
    /// A number that stands alone.
    pub(crate) fn alone(
        name: impl Into<String>,
        unit: &'static str,
        ours: impl IntoIterator<Item = f64>,
    ) -> Self {
        let (name, note) = (name.into(), String::new());
        Self { name, unit, ours: Spread::of(ours), against: None, note }
    }

    /// Measurements of ours, each with that of the reference beside it.
    pub(crate) fn compared(
        name: impl Into<String>,
        unit: &'static str,
        better: Better,
        what: &'static str,
        pairs: &[(f64, f64)],
    ) -> Self {
        let ratio = |&(ours, theirs): &(f64, f64)| match better {
            Better::More => ours / theirs,
            Better::Less => theirs / ours,
        };
        let against = Against {
            what,
            theirs: Spread::of(pairs.iter().map(|pair| pair.1)),
            ratio: Spread::of(pairs.iter().map(ratio)),
            goal: None,
            met: None,
        };
        let alone = Self::alone(name, unit, pairs.iter().map(|pair| pair.0));
        Self { against: Some(against), ..alone }
    }

    /// The ratio is to be at least this, in the median.
    pub(crate) fn goal(mut self, least: f64) -> Self {
        if let Some(against) = &mut self.against {
            against.goal = Some(least);
            against.met = Some(against.ratio.median >= least);
        }
        self
    }

    /// Says how it was measured.
    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// As a row of the table that [`Results::table`] makes.
    pub(crate) fn row(&self) -> String {
        let Self { name, unit, ours, against, note: _ } = self;
        let (theirs, ratio) = match against {
            None => (String::new(), String::new()),
            Some(Against { what, theirs, ratio, goal, met }) => {
                let goal = goal.map_or_else(String::new, |goal| {
                    let verdict = if *met == Some(true) { "met" } else { "not met" };
                    format!(", goal {goal:.1} {verdict}")
                });
                let Spread { min, median, max } = ratio;
                let theirs = format!("{} ({what})", number(theirs.median));
                (theirs, format!("**{median:.2}** ({min:.2}–{max:.2}){goal}"))
            }
        };
        format!("| {name} | {} {unit} | {theirs} | {ratio} |", number(ours.median))
    }
}

/// All figures of one run.
#[derive(Debug, Serialize)]
pub(crate) struct Results {
    pub(crate) machine: Machine,
    /// Whether sizes were cut so far that the numbers mean nothing.
    pub(crate) quick: bool,
    /// The reference's version; empty when there was none.
    pub(crate) etcd: String,
    pub(crate) figures: Vec<Figure>,
}

impl Results {
    /// As a table in Markdown, medians with the ratio's spread.
    pub(crate) fn table(&self) -> String {
        let head =
            "| figure | Causeway | against | ratio (least–most) |\n| --- | --- | --- | --- |\n";
        let rows: Vec<String> = self.figures.iter().map(Figure::row).collect();
        format!("{head}{}\n", rows.join("\n"))
    }
}

/// Three digits that count, in groups of thousands.
fn number(value: f64) -> String {
    if value.abs() < 100.0 {
        let digits = if value.abs() < 10.0 { 2 } else { 1 };
        return format!("{value:.digits$}");
    }
    let whole = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_above_one_where_ours_is_better_and_a_missed_goal_shows() {
        let pairs = [(300.0, 100.0), (200.0, 100.0), (400.0, 100.0)];
        let rate = Figure::compared("rate", "/s", Better::More, "it", &pairs).goal(3.0);
        assert_eq!(rate.row(), "| rate | 300 /s | 100 (it) | **3.00** (2.00–4.00), goal 3.0 met |");
        let time = Figure::compared("time", "us", Better::Less, "it", &pairs).goal(0.9);
        assert!(time.row().ends_with("**0.33** (0.25–0.50), goal 0.9 not met |"), "{}", time.row());
    }

    #[test]
    fn numbers_are_short() {
        let shown: Vec<_> = [1.234, 12.34, 123.4, 1_234.0, 1_234_567.0].map(number).into();
        assert_eq!(shown, ["1.23", "12.3", "123", "1,234", "1,234,567"]);
    }
}
