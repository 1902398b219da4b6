//! The kinds of objects, listed once.
//!
//! Owns: [`Kind`] and [`for_each_kind`], from which everything that goes over all kinds is made. Always holds: what is special to a
//! kind stands in its `Spec`; code for all kinds asks the kind and never compares it with one.

use super::resource::{About, Spec};

/// Calls a macro with every kind and its spec, in the order in which a watcher should learn of them: what is named before what
/// names it.
macro_rules! for_each_kind {
    ($call:ident) => {
        $call! {
            Tenant: $crate::domain::TenantSpec,
            Group: $crate::domain::GroupSpec,
            Connector: $crate::domain::ConnectorSpec,
            ServerGroup: $crate::domain::ServerGroupSpec,
            Segment: $crate::domain::SegmentSpec,
            ClientNetwork: $crate::domain::ClientNetworkSpec,
        }
    };
}
pub(crate) use for_each_kind;

macro_rules! kinds {
    ($($kind:ident: $spec:ty,)+) => {
        /// The kinds of objects that the registry owns.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $(
                #[doc = concat!("Of [`", stringify!($spec), "`].")]
                $kind,
            )+
        }

        impl Kind {
            /// Every kind, what is named before what names it.
            pub const ALL: &[Self] = &[$(Self::$kind),+];

            /// What is fixed of the kind.
            #[must_use]
            pub const fn about(self) -> &'static About {
                match self { $(Self::$kind => &<$spec as Spec>::ABOUT,)+ }
            }
        }
    };
}
for_each_kind!(kinds);

impl Kind {
    /// The word for people.
    #[must_use]
    pub const fn label(self) -> &'static str {
        self.about().label
    }

    /// The field that carries it in requests.
    #[must_use]
    pub const fn field(self) -> &'static str {
        self.about().field
    }

    /// The resource type of the contract.
    #[must_use]
    pub const fn resource_type(self) -> &'static str {
        self.about().resource_type
    }

    /// The kind with this tag.
    #[must_use]
    pub fn of_tag(tag: u64) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| u64::from(kind.about().tag) == tag)
    }

    /// The kinds whose objects stand below one of this kind.
    pub fn below(self) -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(move |kind| self.about().is_root && *kind != self)
    }
}
