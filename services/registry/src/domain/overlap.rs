//! Which enabled segment of a tenant covers which name and port.
//!
//! Two enabled segments may share a name, or a port, but not the same name, protocol and port: then
//! nobody could say which of them a connection belongs to. Overlaps of different names (`a.b.c` and
//! `*.b.c`) are fine; the more specific one wins.

use std::collections::HashMap;

use names::ApplicationSegmentName;

use super::{Ports, Target};

/// The other segment and the first name that both cover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The segment that stands.
    pub with: ApplicationSegmentName,
    /// What both cover.
    pub target: Target,
}

/// Names and ports that an enabled object keeps for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coverage<'a> {
    /// The names.
    pub domains: &'a [Target],
    /// The TCP ports.
    pub tcp: &'a Ports,
    /// The UDP ports.
    pub udp: &'a Ports,
}

#[derive(Clone, Debug)]
struct Claim {
    segment: ApplicationSegmentName,
    tcp: Ports,
    udp: Ports,
}

/// The names that the enabled live segments of one tenant cover.
#[derive(Clone, Debug, Default)]
pub struct TargetIndex {
    claims: HashMap<Target, Vec<Claim>>,
}

impl TargetIndex {
    /// The first conflict of what a segment covers with another one.
    #[must_use]
    pub fn conflict(&self, name: &ApplicationSegmentName, spec: Coverage<'_>) -> Option<Conflict> {
        spec.domains.iter().find_map(|target| {
            let claims = self.claims.get(target)?;
            let clash = claims.iter().find(|claim| {
                claim.segment != *name
                    && (claim.tcp.overlap(spec.tcp) || claim.udp.overlap(spec.udp))
            })?;
            Some(Conflict { with: clash.segment.clone(), target: target.clone() })
        })
    }

    /// Notes a segment as it stands now, in place of what it was.
    pub fn replace(
        &mut self,
        name: &ApplicationSegmentName,
        before: Option<Coverage<'_>>,
        after: Option<Coverage<'_>>,
    ) {
        for target in before.iter().flat_map(|spec| spec.domains) {
            if let Some(claims) = self.claims.get_mut(target) {
                claims.retain(|claim| claim.segment != *name);
                if claims.is_empty() {
                    self.claims.remove(target);
                }
            }
        }
        if let Some(spec) = after {
            let claim =
                Claim { segment: name.clone(), tcp: spec.tcp.clone(), udp: spec.udp.clone() };
            for target in spec.domains {
                self.claims.entry(target.clone()).or_default().push(claim.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        PortRangeDraft, Rules, SegmentDraft, SegmentSpec, Violations,
        resource::{Spec, Subject},
    };

    fn segment(domains: &[&str], tcp: (i32, i32), enabled: bool) -> SegmentSpec {
        let draft = SegmentDraft {
            display_name: "x".to_owned(),
            enabled: Some(enabled),
            domains: domains.iter().map(|&d| d.to_owned()).collect(),
            tcp: vec![PortRangeDraft { first: tcp.0, last: tcp.1 }],
            ..SegmentDraft::default()
        };
        let subject = Subject { tenant: None, previous: None, rules: &Rules::default() };
        SegmentSpec::check(&draft, &subject, &mut Violations::new()).unwrap()
    }

    fn name(id: &str) -> ApplicationSegmentName {
        format!("tenants/t/applicationSegments/{id}").parse().unwrap()
    }

    #[test]
    fn the_same_name_and_port_in_two_enabled_segments_conflict() {
        let mut index = TargetIndex::default();
        let crm = segment(&["crm.example", "10.0.0.1"], (443, 443), true);
        index.replace(&name("crm"), None, crm.coverage());
        let clash = index
            .conflict(
                &name("b"),
                segment(&["x.example", "CRM.example"], (400, 500), true).coverage().unwrap(),
            )
            .unwrap();
        assert_eq!(clash.with, name("crm"));
        assert_eq!(clash.target.to_string(), "crm.example");
        assert!(
            index.conflict(&name("crm"), crm.coverage().unwrap()).is_none(),
            "a segment is not its own rival"
        );
        for free in [
            segment(&["crm.example"], (80, 80), true),
            segment(&["*.example"], (443, 443), true),
            segment(&["10.0.0.0/8"], (443, 443), true),
            segment(&["crm.example"], (443, 443), false),
        ] {
            let clash = free.coverage().and_then(|covers| index.conflict(&name("b"), covers));
            assert!(clash.is_none(), "{free:?}");
        }
    }

    #[test]
    fn other_protocols_do_not_conflict() {
        let mut index = TargetIndex::default();
        let tcp = segment(&["dns.example"], (53, 53), true);
        index.replace(&name("tcp"), None, tcp.coverage());
        let udp = SegmentSpec { tcp: Ports::default(), udp: tcp.tcp.clone(), ..tcp };
        assert!(index.conflict(&name("udp"), udp.coverage().unwrap()).is_none());
    }

    #[test]
    fn a_segment_that_is_switched_off_or_gone_frees_its_names() {
        let mut index = TargetIndex::default();
        let crm = segment(&["crm.example"], (443, 443), true);
        index.replace(&name("crm"), None, crm.coverage());
        let off = SegmentSpec { enabled: false, ..crm.clone() };
        index.replace(&name("crm"), crm.coverage(), off.coverage());
        assert!(index.conflict(&name("b"), crm.coverage().unwrap()).is_none());
        index.replace(&name("b"), None, crm.coverage());
        index.replace(&name("b"), crm.coverage(), None);
        assert!(index.claims.is_empty());
    }
}
