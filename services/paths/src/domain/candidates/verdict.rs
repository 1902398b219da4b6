//! The words of an answer: why there is no path, and what became of each connector.

/// Why there is no path: the first broken link of the chain. `ClientLocationUnknown` alone comes with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// No configuration has been loaded yet.
    SnapshotNotReady,
    /// The tenant is not in the configuration.
    TenantUnknown,
    /// The tenant is suspended.
    TenantSuspended,
    /// No segment names the host.
    NoSegment,
    /// Segments name the host, none covers the port.
    PortNotCovered,
    /// The segment that covers host and port is disabled.
    SegmentDisabled,
    /// The segment has no server group.
    NoServerGroup,
    /// All its server groups are disabled.
    ServerGroupDisabled,
    /// No app connector group is behind it, or none that the caller allows or a weight leaves.
    NoAppConnectorGroup,
    /// All its groups are disabled.
    AppConnectorGroupDisabled,
    /// No connector stands in an allowed country.
    CountryExcluded,
    /// No connector is enabled and connected.
    NoConnectedConnector,
    /// No connector can use an address of the application's family.
    DnsFamilyMismatch,
    /// Every connected connector fails to reach the application.
    ApplicationUnreachable,
    /// Every connected connector is unfit, for different causes.
    AllUnhealthy,
    /// Answered, but the user leg counts alike for all.
    ClientLocationUnknown,
}

impl Reason {
    /// The stable word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::SnapshotNotReady => "SNAPSHOT_NOT_READY",
            Self::TenantUnknown => "TENANT_UNKNOWN",
            Self::TenantSuspended => "TENANT_SUSPENDED",
            Self::NoSegment => "NO_SEGMENT",
            Self::PortNotCovered => "PORT_NOT_COVERED",
            Self::SegmentDisabled => "SEGMENT_DISABLED",
            Self::NoServerGroup => "NO_SERVER_GROUP",
            Self::ServerGroupDisabled => "SERVER_GROUP_DISABLED",
            Self::NoAppConnectorGroup => "NO_APP_CONNECTOR_GROUP",
            Self::AppConnectorGroupDisabled => "APP_CONNECTOR_GROUP_DISABLED",
            Self::CountryExcluded => "COUNTRY_EXCLUDED",
            Self::NoConnectedConnector => "NO_CONNECTED_CONNECTOR",
            Self::DnsFamilyMismatch => "DNS_FAMILY_MISMATCH",
            Self::ApplicationUnreachable => "APPLICATION_UNREACHABLE",
            Self::AllUnhealthy => "ALL_UNHEALTHY",
            Self::ClientLocationUnknown => "CLIENT_LOCATION_UNKNOWN",
        }
    }

    /// What is wrong and how to mend it.
    #[must_use]
    pub fn message(self) -> &'static str {
        match self {
            Self::SnapshotNotReady => {
                "No configuration has been loaded yet; start the registry service and ask again."
            }
            Self::TenantUnknown => "The tenant does not exist; create it or correct its name.",
            Self::TenantSuspended => "The tenant is suspended; set it to ACTIVE.",
            Self::NoSegment => "No application segment names this host; add it to a segment.",
            Self::PortNotCovered => {
                "A segment names this host but not this port; add the port to the segment."
            }
            Self::SegmentDisabled => "The application segment is disabled; enable it.",
            Self::NoServerGroup => "The application segment has no server group; add one.",
            Self::ServerGroupDisabled => {
                "Every server group of the application segment is disabled; enable one."
            }
            Self::NoAppConnectorGroup => {
                "No app connector group is left behind the segment's server groups; add one, allow one in the query, or give one a weight above 0."
            }
            Self::AppConnectorGroupDisabled => {
                "Every app connector group behind the segment is disabled; enable one."
            }
            Self::CountryExcluded => {
                "No app connector is known to stand in an allowed country; widen the countries or set the groups' country codes."
            }
            Self::NoConnectedConnector => {
                "No enabled app connector of the segment's groups is connected; enrol one or start one."
            }
            Self::DnsFamilyMismatch => {
                "The application has no address in the families of the groups' DNS resolution option; change the option."
            }
            Self::ApplicationUnreachable => {
                "Every connected app connector fails to reach the application; look at the application server, or at the targets of the connectors' status."
            }
            Self::AllUnhealthy => {
                "Every connected app connector is unfit; ExplainPath names the cause for each."
            }
            Self::ClientLocationUnknown => {
                "The place of the client is unknown, so only the way from the connectors to the application was compared; send coordinates."
            }
        }
    }
}

/// What became of a connector that was considered. The order is the order of the chain: a later one
/// came further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Its group is disabled.
    GroupDisabled,
    /// The caller's own list of groups leaves it out.
    NotAllowedByCaller,
    /// Its group's weight is 0.
    NoWeight,
    /// It does not stand in an allowed country.
    Country,
    /// It is disabled.
    Disabled,
    /// It is not connected.
    Disconnected,
    /// Its group's families exclude the application's address.
    DnsFamily,
    /// Its certificate has ended.
    CertificateExpired,
    /// Its host has no capacity left.
    ResourcesSpent,
    /// It fails to reach the application.
    Unreachable,
    /// Groups of a higher priority serve.
    LowerPriority,
    /// It can serve; others are better.
    RankedLower,
    /// It was the earlier choice and stays.
    KeptPrevious,
    /// Chosen.
    Selected,
}

impl Verdict {
    /// The stable word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::GroupDisabled => "GROUP_DISABLED",
            Self::NotAllowedByCaller => "NOT_ALLOWED_BY_CALLER",
            Self::NoWeight | Self::LowerPriority => "LOWER_PRIORITY",
            Self::Country => "COUNTRY",
            Self::Disabled => "DISABLED",
            Self::Disconnected => "DISCONNECTED",
            Self::DnsFamily => "DNS_FAMILY",
            Self::CertificateExpired => "CERTIFICATE_EXPIRED",
            Self::ResourcesSpent => "RESOURCES_SPENT",
            Self::Unreachable => "UNREACHABLE",
            Self::RankedLower => "RANKED_LOWER",
            Self::KeptPrevious => "KEPT_PREVIOUS",
            Self::Selected => "SELECTED",
        }
    }

    /// The verdict in a sentence.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::GroupDisabled => "Its group is disabled.",
            Self::NotAllowedByCaller => "The query allows other groups only.",
            Self::NoWeight => "The segment gives its group weight 0.",
            Self::LowerPriority => "Groups of a higher priority serve.",
            Self::Country => "It is not known to stand in an allowed country.",
            Self::Disabled => "It is disabled.",
            Self::Disconnected => "It is not connected.",
            Self::DnsFamily => {
                "Its group's DNS resolution option leaves no address of the application."
            }
            Self::CertificateExpired => "Its certificate has ended.",
            Self::ResourcesSpent => "Its host has no sessions, descriptors or memory left.",
            Self::Unreachable => "Its last checks of the application failed.",
            Self::RankedLower => "It can serve; others are better.",
            Self::KeptPrevious => {
                "It was the earlier choice, and no other is enough better to move."
            }
            Self::Selected => "It is the best one that can serve.",
        }
    }

    /// Whether it can serve as far as health goes: only policies and rank stand behind this point.
    #[must_use]
    pub fn is_usable(self) -> bool {
        self >= Self::LowerPriority
    }

    /// The link of the chain that is broken when this is the furthest that any connector came.
    /// Unfitness is judged over the whole set by the caller.
    #[must_use]
    pub fn broken_link(self) -> Reason {
        match self {
            Self::GroupDisabled => Reason::AppConnectorGroupDisabled,
            Self::NotAllowedByCaller | Self::NoWeight | Self::LowerPriority => {
                Reason::NoAppConnectorGroup
            }
            Self::Country => Reason::CountryExcluded,
            Self::Disabled | Self::Disconnected => Reason::NoConnectedConnector,
            Self::DnsFamily => Reason::DnsFamilyMismatch,
            Self::Unreachable => Reason::ApplicationUnreachable,
            Self::CertificateExpired
            | Self::ResourcesSpent
            | Self::RankedLower
            | Self::KeptPrevious
            | Self::Selected => Reason::AllUnhealthy,
        }
    }
}
