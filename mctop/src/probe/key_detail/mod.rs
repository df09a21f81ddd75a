//! Watches one key in detail: who calls it, and how long memcached takes to answer. The probes for that are attached only meanwhile.

mod offsets;
mod watch;

use super::attach::AttachedProbes;
use super::object::Object;
use crate::error::with_causes;
use crate::model::key::Key;
use crate::model::key_detail::KeyDetail;

use watch::{Maps, Watch};

/// Watches one key at a time, if any. An error ends the watch of the key and nothing else.
pub(crate) struct KeyWatcher {
    maps: Maps,
    state: WatchState,
}

enum WatchState {
    Idle,
    Watching(Watch),
    /// The watch has failed. What was observed until then is kept.
    Failed(KeyDetail),
}

impl KeyWatcher {
    /// Watches no key yet. The object's map of connections has `connections` entries.
    pub(super) fn new(object: &mut Object, connections: u32) -> anyhow::Result<Self> {
        Ok(Self { maps: Maps::take(object, connections)?, state: WatchState::Idle })
    }

    /// Watches a key of server `target`, whose usual probes are `attached`.
    ///
    /// # Errors
    /// A [`crate::error::Failure`] that names what the kernel refused.
    pub(super) fn start(
        &mut self,
        object: &mut Object,
        target: u32,
        key: &Key,
        attached: &AttachedProbes,
    ) -> anyhow::Result<()> {
        self.state = WatchState::Watching(Watch::start(&mut self.maps, object, target, key, attached)?);
        Ok(())
    }

    /// What was observed of the key.
    pub(super) fn detail(&self) -> Option<&KeyDetail> {
        match &self.state {
            WatchState::Idle => None,
            WatchState::Watching(watch) => Some(&watch.detail),
            WatchState::Failed(detail) => Some(detail),
        }
    }

    /// Reads what was observed so far.
    pub(super) fn read(&mut self, object: &mut Object) {
        let stop = |watch: Watch, maps: &mut Maps| watch.stop(maps, &mut object.programs);
        self.state.update(&mut self.maps, Watch::read, stop);
    }

    /// Stops watching the key, if any.
    pub(super) fn stop(&mut self, object: &mut Object) -> anyhow::Result<()> {
        match std::mem::replace(&mut self.state, WatchState::Idle) {
            WatchState::Watching(watch) => watch.stop(&mut self.maps, &mut object.programs),
            WatchState::Idle | WatchState::Failed(_) => Ok(()),
        }
    }

    /// Keeps what was observed of a key that can no longer be watched.
    pub(super) fn fail(&mut self, detail: KeyDetail, error: &anyhow::Error) {
        self.state = WatchState::failed(detail, error);
    }
}

impl WatchState {
    /// Reads the watched key. If that fails, detaches the probes and keeps what was observed.
    fn update<C>(
        &mut self,
        context: &mut C,
        read: impl FnOnce(&mut Watch, &mut C) -> anyhow::Result<()>,
        stop: impl FnOnce(Watch, &mut C) -> anyhow::Result<()>,
    ) {
        let Self::Watching(watch) = self else { return };
        let Err(error) = read(watch, context) else { return };
        let failed = Self::failed(watch.detail.clone(), &error);
        if let Self::Watching(watch) = std::mem::replace(self, failed)
            && let Err(error) = stop(watch, context)
        {
            log::warn!("{}", with_causes(&error));
        }
    }

    fn failed(detail: KeyDetail, error: &anyhow::Error) -> Self {
        Self::Failed(KeyDetail { ended: Some(with_causes(error)), ..detail })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_reading_detaches_the_probes_and_keeps_what_was_observed() {
        let stop = |_: Watch, stops: &mut u32| {
            *stops += 1;
            Ok(())
        };
        let mut stops = 0;
        let mut state = WatchState::Watching(Watch::new(0, &Key::new(b"k"), Vec::new()));
        let count = |watch: &mut Watch, _: &mut u32| {
            watch.detail.calls += 4;
            Ok(())
        };
        state.update(&mut stops, count, stop);
        assert!(matches!(state, WatchState::Watching(_)) && stops == 0);
        state.update(&mut stops, |_, _| anyhow::bail!("no such map"), stop);
        let WatchState::Failed(detail) = &state else { panic!("not failed") };
        assert_eq!((detail.calls, detail.ended.as_deref(), stops), (4, Some("no such map"), 1));
        state.update(&mut stops, |_, _| panic!("read after it failed"), stop);
        assert_eq!(stops, 1);
    }
}
