//! Attaches probes to the servers that the command line selects.

use std::time::Duration;

use super::print_message;
use crate::cli::TargetArgs;
use crate::model::header::Header;
use crate::probe::live::{Live, ProbeSettings};
use crate::probe::privilege;

/// Finds the servers and attaches probes.
///
/// # Errors
/// A [`crate::error::Failure`]: a privilege is missing, or no server can be traced.
pub(super) fn attach(targets: &TargetArgs, settings: &ProbeSettings) -> anyhow::Result<Live> {
    privilege::check()?;
    Live::attach(&targets.selection(), settings)
}

/// Reports which probes watch which servers, and that the observation has started.
pub(super) fn announce(header: &Header, duration: Option<Duration>) {
    for target in &header.targets {
        let version = target.version.as_deref().unwrap_or("of unknown version");
        print_message(&format!("memcached {version}, process {}, {}", target.pid, target.binary));
        for probe in &target.probes {
            let found_by = format!("{:?}", probe.found_by).to_lowercase();
            let cost = if probe.emulated { "emulated" } else { "single-stepped" };
            print_message(&format!(
                "  {:?} probe in {} at file offset {:#x}: {} ({cost}, {found_by})",
                probe.name, probe.function, probe.offset, probe.instruction
            ));
        }
        for note in &target.notes {
            print_message(&format!("  {note}"));
        }
    }
    match duration {
        Some(duration) => print_message(&format!("watching for {}", humantime::format_duration(duration))),
        None => print_message("watching until interrupted"),
    }
}
