//! Structs of counters, each declared by one list that generates everything that names each counter.

/// Declares a struct of counters from the list of its fields.
macro_rules! counters {
    ($(#[$about:meta])* pub struct $Counters:ident { $($(#[doc = $doc:literal])+ $name:ident,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(default)]
        pub struct $Counters {
            $($(#[doc = $doc])+ pub $name: u64,)+
        }

        impl $Counters {
            /// The names of the counters in machine formats, in the order of the list.
            pub const NAMES: [&'static str; Self::LEN] = [$(stringify!($name)),+];
            /// Number of counters.
            pub const LEN: usize = [$(stringify!($name)),+].len();
            /// What each counter counts, for the documents.
            #[cfg(test)]
            pub(crate) const MEANINGS: [&'static str; Self::LEN] = [$(concat!($($doc),+)),+];

            /// The counts in the order of [`Self::NAMES`].
            #[inline]
            #[must_use]
            pub const fn values(&self) -> [u64; Self::LEN] {
                [$(self.$name),+]
            }

            /// Counts in the order of [`Self::NAMES`].
            #[inline]
            #[must_use]
            pub const fn from_values([$($name),+]: [u64; Self::LEN]) -> Self {
                Self { $($name),+ }
            }

            /// Every count with its name in machine formats.
            #[inline]
            #[must_use]
            pub const fn named(&self) -> [(&'static str, u64); Self::LEN] {
                [$((stringify!($name), self.$name)),+]
            }

            /// The sums of both, or `None` if one of them exceeds `max`.
            #[must_use]
            pub fn sum(&self, other: &Self, max: u64) -> Option<Self> {
                let sum = |a: u64, b: u64| a.checked_add(b).filter(|sum| *sum <= max);
                Some(Self { $($name: sum(self.$name, other.$name)?),+ })
            }

            /// Whether any count is not 0.
            #[inline]
            #[must_use]
            pub const fn any(&self) -> bool {
                $(self.$name)|+ != 0
            }
        }

        impl std::ops::AddAssign<&Self> for $Counters {
            #[inline]
            fn add_assign(&mut self, other: &Self) {
                $(self.$name += other.$name;)+
            }
        }
    };
}

/// Declares a struct of counters that the kernel side counts under each key. The list says for each counter which record of the
/// kernel side has it, its property, and the counter that it is part of, if any.
macro_rules! kernel_counters {
    (
        $(#[$about:meta])*
        pub struct $Counters:ident, with $PROPERTIES:ident: $Property:ty {
            $($(#[doc = $doc:literal])+ $name:ident from $record:ident, $property:expr $(, part of $whole:ident)?;)+
        }
    ) => {
        counters! {
            $(#[$about])*
            pub struct $Counters { $($(#[doc = $doc])+ $name,)+ }
        }

        impl $Counters {
            /// The property of each counter, in the order of [`Self::NAMES`].
            pub(crate) const $PROPERTIES: [$Property; Self::LEN] = [$($property),+];

            /// What the kernel side counted.
            #[inline]
            pub(crate) fn from_kernel(counted: &mctop_common::records::KernelCounts) -> Self {
                Self { $($name: counted.$record.$name.into(),)+ }
            }

            /// The counts in the order of [`Self::NAMES`], each without its parts, so that nothing is in two of them.
            pub(crate) fn disjoint(&self) -> [u64; Self::LEN] {
                #[allow(unused_mut, reason = "not every list has parts")]
                let mut counts = *self;
                $($(counts.$whole = counts.$whole.saturating_sub(self.$name);)?)+
                counts.values()
            }

            /// The reverse of [`Self::disjoint`].
            pub(crate) fn from_disjoint(counts: [u64; Self::LEN]) -> Self {
                #[allow(unused_mut, reason = "not every list has parts")]
                let mut counts = Self::from_values(counts);
                $($(counts.$whole += counts.$name;)?)+
                counts
            }
        }
    };
}

pub(crate) use {counters, kernel_counters};

#[cfg(test)]
mod documents;
