//! `--strict`: an exit code if something was lost.

use crate::cli::StrictArgs;
use crate::error::{Failure, FailureKind};
use crate::model::header::Header;
use crate::model::interval::Interval;
use crate::model::servers::Servers;
use crate::model::snapshot::{Loss, Snapshot};
use crate::text::format;
use crate::text::summary::{other_losses, plural};

/// Everything that makes the counts of an observation incomplete.
#[derive(Clone, Debug, Default)]
pub(super) struct Lost {
    loss: Loss,
    /// Number of gaps ([`Snapshot::gaps`]).
    gaps: u64,
    /// Whether the probes were detached for some of the time, to stay within a budget.
    extrapolated: bool,
    /// The watched servers, from whose changes gaps are found.
    servers: Servers,
    /// Whether a capture ends without its footer.
    pub cut_off: bool,
}

impl Lost {
    /// The start of an observation.
    pub(super) fn new(header: &Header) -> Self {
        Self { servers: Servers::new(&header.targets), ..Self::default() }
    }

    /// Everything in a snapshot.
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let (gaps, extrapolated) = (snapshot.gaps.len() as u64, snapshot.estimate.has_extrapolation());
        Self { loss: snapshot.loss, gaps, extrapolated, ..Self::default() }
    }

    /// Adds what was lost in an interval.
    pub(super) fn add(&mut self, interval: &Interval) {
        self.loss += &interval.loss;
        self.extrapolated |= interval.extrapolated;
        interval.changes.iter().for_each(|change| self.servers.apply(change));
        self.gaps = self.servers.gaps().len() as u64;
    }

    /// Checks for losses, after everything was written.
    ///
    /// # Errors
    /// A [`Failure`] with exit code 5 that names what was lost, if `--strict` is set.
    pub(super) fn check(&self, args: StrictArgs) -> Result<(), Failure> {
        let named = self.named();
        if !args.strict || named.is_empty() {
            return Ok(());
        }
        Err(Failure::new(
            FailureKind::Loss,
            format!(
                "Something was lost, and --strict is set: {}. Everything observed is written. If there were too many keys, a \
                 larger --memory makes room for more.",
                named.join(", ")
            ),
        ))
    }

    fn named(&self) -> Vec<String> {
        let Loss { untracked_calls, untracked_bytes, .. } = self.loss;
        let mut named = Vec::new();
        if untracked_calls > 0 || untracked_bytes > 0 {
            let bytes = format::bytes(untracked_bytes as f64);
            named.push(format!("{} and {bytes} untracked", plural(untracked_calls, "call")));
        }
        named.extend(other_losses(&self.loss));
        if self.gaps > 0 {
            named.push(plural(self.gaps, "gap"));
        }
        if self.extrapolated {
            named.push("the time while --budget kept the probes detached".to_owned());
        }
        if self.cut_off {
            named.push("the end of the capture".to_owned());
        }
        named
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::error::exit_code;
    use crate::model::interval::Change;
    use crate::model::sample;

    const STRICT: StrictArgs = StrictArgs { strict: true };

    #[test]
    fn every_loss_is_named() {
        let mut snapshot = sample::with_loss(sample::flash_sale());
        snapshot.gaps.push(crate::model::snapshot::Gap {
            target: 0,
            exited_pid: Some(1),
            from: Duration::ZERO,
            to: None,
            new_pid: None,
        });
        let lost = Lost { cut_off: true, ..Lost::of(&snapshot) };
        let failure = lost.check(STRICT).unwrap_err();
        for named in [
            "100,000 calls and 50.0 MB untracked, 1 read fault, 2 truncated keys, 7 full intervals",
            "1 overlong interval, 12 forgotten keys, 1 gap, the end of the capture",
        ] {
            assert!(failure.message.contains(named), "{named} is not in: {}", failure.message);
        }
        assert_eq!(exit_code(&failure.into()), 5);
        assert!(lost.check(StrictArgs::default()).is_ok());
        assert!(Lost::of(&sample::flash_sale()).check(STRICT).is_ok());
    }

    #[test]
    fn intervals_add_up() {
        let header = Header { targets: vec![sample::target(1, 1)], ..Header::default() };
        let mut lost = Lost::new(&header);
        let attached = |target| Change::Attached { target, at: Duration::ZERO, info: sample::target(2, 1) };
        let changes = vec![Change::Exited { target: 0, at: Duration::ZERO }, attached(0), attached(1)];
        lost.add(&Interval { changes, ..Interval::default() });
        lost.add(&Interval { loss: Loss { read_faults: 2, ..Loss::default() }, ..Interval::default() });
        let failure = lost.check(STRICT).unwrap_err();
        assert!(failure.message.contains("2 read faults, 2 gaps."), "{}", failure.message);
    }
}
