//! Whether a key is looked at. What goes wrong with a look ends the look, and nothing else.

use super::Look;
use crate::error::with_causes;
use crate::model::key_detail::KeyDetail;
use crate::probe::object::Object;

/// The look at a key, if there is one.
#[derive(Default)]
pub(crate) enum Sight {
    /// None.
    #[default]
    None,
    /// Under way.
    Open(Look),
    /// It could not go on. What was seen until then stays.
    Ended(KeyDetail),
}

impl Sight {
    /// What was seen.
    #[must_use]
    pub(crate) fn focus(&self) -> Option<&KeyDetail> {
        match self {
            Self::None => None,
            Self::Open(look) => Some(&look.focus),
            Self::Ended(focus) => Some(focus),
        }
    }

    /// Reads what was seen so far.
    pub(crate) fn read(&mut self, object: &mut Object) {
        self.go_on(object, Look::read, Look::end);
    }

    /// Ends the look, if one is under way.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn close(&mut self, object: &mut Object) -> anyhow::Result<()> {
        match std::mem::take(self) {
            Self::Open(look) => look.end(object).map(drop),
            Self::None | Self::Ended(_) => Ok(()),
        }
    }

    fn go_on<O>(
        &mut self,
        object: &mut O,
        read: impl FnOnce(&mut Look, &mut O) -> anyhow::Result<()>,
        end: impl FnOnce(Look, &mut O) -> anyhow::Result<KeyDetail>,
    ) {
        let Self::Open(look) = self else { return };
        let Err(error) = read(look, object) else { return };
        let focus = look.focus.clone();
        let Self::Open(look) = std::mem::take(self) else { return };
        if let Err(error) = end(look, object) {
            log::warn!("{}", with_causes(&error));
        }
        *self = Self::ended(focus, &error);
    }

    /// A look that has ended, and why.
    #[must_use]
    pub(crate) fn ended(mut focus: KeyDetail, why: &anyhow::Error) -> Self {
        focus.ended = Some(with_causes(why));
        Self::Ended(focus)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::model::key::Key;
    use crate::model::key_detail::Latency;

    fn look() -> Look {
        let (length, latency) = (Duration::from_secs(1), Latency::default());
        let (clients, notes) = (Vec::new(), Vec::new());
        let key = Key::new(b"k");
        Look {
            knows_ids: true,
            lookups: Vec::new(),
            system_calls: None,
            since: Instant::now(),
            known: HashMap::new(),
            past: HashMap::new(),
            focus: KeyDetail {
                target: 0,
                key,
                length,
                calls: 3,
                clients,
                unknown_calls: 3,
                latency,
                notes,
                ended: None,
            },
        }
    }

    #[test]
    fn a_reading_that_fails_takes_the_probes_off_and_leaves_what_was_seen() {
        let end = |look: Look, ends: &mut Vec<&str>| {
            ends.push("off");
            Ok(look.focus)
        };
        let mut ends = Vec::new();
        let mut sight = Sight::Open(look());
        let one_more = |look: &mut Look, _: &mut Vec<&str>| {
            look.focus.calls += 1;
            Ok(())
        };
        sight.go_on(&mut ends, one_more, end);
        assert!(matches!(sight, Sight::Open(_)) && ends.is_empty());
        sight.go_on(&mut ends, |_, _| anyhow::bail!("no such map"), end);
        assert!(matches!(sight, Sight::Ended(_)));
        let focus = sight.focus().unwrap();
        assert_eq!((focus.calls, focus.ended.as_deref(), &ends[..]), (4, Some("no such map"), &["off"][..]));
        sight.go_on(&mut ends, |_, _| panic!("nothing is read any more"), end);
        assert_eq!(ends, ["off"]);
    }
}
