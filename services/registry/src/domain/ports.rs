//! Port ranges.

use names::Reason;
use serde::{Deserialize, Serialize};

use super::Violations;

/// A range as a caller writes it; `last` 0 means the same as `first`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortRangeDraft {
    /// First port.
    pub first: i32,
    /// Last port, included.
    pub last: i32,
}

/// Ports `first` to `last`, both included; 1 ≤ first ≤ last ≤ 65535.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PortRange {
    /// First port.
    pub first: u16,
    /// Last port, included.
    pub last: u16,
}

impl PortRange {
    /// Whether a port is in both.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }

    fn check(draft: PortRangeDraft, at: &str, problems: &mut Violations) -> Option<Self> {
        let first = port(draft.first, &format!("{at}.first"), problems);
        let last = match draft.last {
            0 => first,
            last => port(last, &format!("{at}.last"), problems),
        };
        let (first, last) = (first?, last?);
        if last < first {
            problems.add(
                format!("{at}.last"),
                Reason::OutOfRange,
                format!("must be {first} to 65535, or absent"),
            );
            return None;
        }
        Some(Self { first, last })
    }
}

/// One port.
pub(super) fn port(number: i32, at: &str, problems: &mut Violations) -> Option<u16> {
    let port = u16::try_from(number).ok().filter(|&port| port > 0);
    if port.is_none() {
        problems.add(at, Reason::OutOfRange, "must be 1 to 65535");
    }
    port
}

/// Sorted ranges without overlaps, of one protocol.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ports(Vec<PortRange>);

impl Ports {
    /// Checks ranges; overlaps are refused, since one of the two is mostly a mistake.
    pub fn check(drafts: &[PortRangeDraft], at: &str, problems: &mut Violations) -> Option<Self> {
        let before = problems.list().len();
        let mut ranges: Vec<(PortRange, usize)> = drafts
            .iter()
            .enumerate()
            .filter_map(|(index, &draft)| {
                PortRange::check(draft, &format!("{at}[{index}]"), problems).map(|r| (r, index))
            })
            .collect();
        ranges.sort_unstable();
        for pair in ranges.windows(2) {
            let [(one, _), (other, index)] = pair else { continue };
            if one.overlaps(*other) {
                let fix = format!("overlaps {}-{}; join or separate them", one.first, one.last);
                problems.add(format!("{at}[{index}]"), Reason::Overlap, fix);
            }
        }
        let ranges = ranges.into_iter().map(|(range, _)| range).collect();
        (problems.list().len() == before).then_some(Self(ranges))
    }

    /// The ranges, in order.
    #[must_use]
    pub fn ranges(&self) -> &[PortRange] {
        &self.0
    }

    /// How many ports they hold.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.iter().map(|range| usize::from(range.last - range.first) + 1).sum()
    }

    /// Whether a port is in both.
    #[must_use]
    pub fn overlap(&self, other: &Self) -> bool {
        self.0.iter().any(|a| other.0.iter().any(|b| a.overlaps(*b)))
    }

    /// As a caller would write them.
    #[must_use]
    pub fn drafts(&self) -> Vec<PortRangeDraft> {
        let draft = |r: &PortRange| PortRangeDraft { first: r.first.into(), last: r.last.into() };
        self.0.iter().map(draft).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(ranges: &[(i32, i32)]) -> Result<Ports, Vec<String>> {
        let drafts: Vec<_> =
            ranges.iter().map(|&(first, last)| PortRangeDraft { first, last }).collect();
        let mut problems = Violations::new();
        Ports::check(&drafts, "tcp", &mut problems).ok_or_else(|| {
            problems.list().iter().map(|p| format!("{} {}", p.field, p.reason)).collect()
        })
    }

    #[test]
    fn ranges_are_sorted_and_a_single_port_needs_no_last() {
        let found = ports(&[(8000, 8999), (443, 0), (22, 22)]).unwrap();
        let shown: Vec<_> = found.ranges().iter().map(|r| (r.first, r.last)).collect();
        assert_eq!(shown, [(22, 22), (443, 443), (8000, 8999)]);
        assert_eq!(found.count(), 1002);
        assert_eq!(ports(&[(1, 65535)]).unwrap().count(), 65535);
    }

    #[test]
    fn every_bad_range_is_named() {
        assert_eq!(
            ports(&[(0, 5), (70_000, 0), (9, 5), (80, 90), (90, 100), (-1, -1)]).unwrap_err(),
            [
                "tcp[0].first OUT_OF_RANGE",
                "tcp[1].first OUT_OF_RANGE",
                "tcp[2].last OUT_OF_RANGE",
                "tcp[5].first OUT_OF_RANGE",
                "tcp[5].last OUT_OF_RANGE",
                "tcp[4] OVERLAP"
            ]
        );
    }

    #[test]
    fn two_sets_overlap_if_they_share_a_port() {
        let a = ports(&[(80, 90), (443, 0)]).unwrap();
        assert!(a.overlap(&ports(&[(90, 95)]).unwrap()));
        assert!(!a.overlap(&ports(&[(91, 442)]).unwrap()));
        assert!(!a.overlap(&Ports::default()));
    }
}
