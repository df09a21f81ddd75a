//! From the command line's targets to probes on them.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use super::tell;
use crate::cli::{TableArgs, TargetArgs};
use crate::error::Failure;
use crate::model::snapshot::TargetInfo;
use crate::probe::attach::Target;
use crate::probe::clock::Clock;
use crate::probe::live::Live;
use crate::probe::privilege;
use crate::source::Source;
use crate::target;
use crate::target::discover::{Process, discover};
use crate::target::points::Resolved;

/// Finds the servers, resolves each distinct binary once, and attaches.
///
/// # Errors
/// A [`Failure`] that says which privilege is missing, or why no server can be traced.
pub fn attach(targets: &TargetArgs, table: &TableArgs) -> anyhow::Result<Live> {
    privilege::check()?;
    let selection = targets.selection();
    let processes = discover(&selection)?;
    Live::attach(&resolve(processes, selection.is_explicit())?, table.table_keys)
}

/// Resolves the servers' binaries. A server that cannot be traced is an error when it was asked for, or the only one;
/// otherwise it is left out, with a warning.
fn resolve(processes: Vec<Process>, asked_for: bool) -> anyhow::Result<Vec<Target>> {
    let mut binaries: HashMap<(u64, u64), Resolved> = HashMap::new();
    let mut found = Vec::new();
    let mut refused: Vec<(u32, anyhow::Error)> = Vec::new();
    for process in processes {
        let resolved = match identity(&process.image).and_then(|identity| binaries.get(&identity).cloned()) {
            Some(resolved) => Ok(resolved),
            None => target::resolve(&process.image),
        };
        match resolved {
            Ok(resolved) => {
                if let Some(identity) = identity(&process.image) {
                    binaries.insert(identity, resolved.clone());
                }
                found.push(describe(process, resolved));
            }
            Err(error) if asked_for => return Err(error),
            Err(error) => refused.push((process.pid, error)),
        }
    }
    if found.is_empty() {
        let reasons: Vec<String> = refused.iter().map(|(pid, error)| format!("process {pid}: {error:#}")).collect();
        return Err(
            Failure::no_target(format!("No memcached on this host can be traced. {}", reasons.join(" "))).into()
        );
    }
    for (pid, error) in refused {
        tell(&format!("process {pid} is not watched: {error:#}"));
    }
    Ok(found)
}

/// Device and inode of the file behind a path.
fn identity(image: &PathBuf) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(image).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

/// Says what is watched, and that watching has begun.
pub fn announce(live: &Live, duration: Duration) {
    for target in &live.header().targets {
        let version = target.version.as_deref().unwrap_or("of unknown version");
        tell(&format!("memcached {version}, process {}, {}", target.pid, target.binary));
        for probe in &target.probes {
            let found_by = format!("{:?}", probe.found_by).to_lowercase();
            let cost = if probe.emulated { "emulated" } else { "single-stepped" };
            tell(&format!(
                "  {:?} probe in {} at file offset {:#x}: {} ({cost}, {found_by})",
                probe.name, probe.function, probe.offset, probe.instruction
            ));
        }
        for note in &target.notes {
            tell(&format!("  {note}"));
        }
    }
    tell(&format!("watching for {}", humantime::format_duration(duration)));
}

fn describe(process: Process, resolved: Resolved) -> Target {
    let address =
        resolved.clock.and_then(|clock| target::load_bias(&process).ok().map(|bias| clock.wrapping_add(bias)));
    Target {
        pid: process.pid,
        clock: Clock { pid: process.pid, address, start_ticks: process.start_ticks },
        info: TargetInfo {
            pid: process.pid,
            binary: process.binary,
            version: resolved.version.clone(),
            build_id: resolved.build_id.clone(),
            listen: process.listen,
            probes: Vec::new(),
            notes: resolved.notes.clone(),
        },
        image: process.image,
        resolved,
    }
}
