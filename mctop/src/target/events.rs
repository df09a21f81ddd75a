//! Finds the points where memcached logs the outcome of storage commands and evictions.

use super::code::Program;
use super::lookup_site::{EventSite, Logger, eviction_sites, store_sites};
use super::points::{Operands, Point};
use crate::model::probe_point::{FoundBy, ProbeKind, SiteKind};

/// The note if the outcomes of storage commands are not seen; a reason follows.
const WITHOUT_STORES: &str = "Storage commands that store nothing are not distinguished from others";
/// The note if evictions are not seen; a reason follows.
const WITHOUT_EVICTIONS: &str = "Evictions are not seen";

/// The event points, and a note for each kind of event that is not seen. `logger` is known from the lookup site; `stores` are the
/// functions in which storage commands end.
pub(super) fn points(program: &Program<'_>, logger: Option<Logger>, stores: &[u64]) -> (Vec<Point>, Vec<String>) {
    let Some(logger) = logger else { return without("only the exact lookup site reveals memcached's logger") };
    let mut points = Vec::new();
    let mut notes = Vec::new();
    for (kind, function, what, sites) in [
        (ProbeKind::Store, "do_store_item", WITHOUT_STORES, store_sites(program, logger, stores)),
        (ProbeKind::Eviction, "lru_pull_tail", WITHOUT_EVICTIONS, eviction_sites(program, logger)),
    ] {
        let found = sites.and_then(|sites| -> Result<Vec<Point>, String> {
            sites.iter().map(|site| event_point(program, kind, function, site)).collect()
        });
        match found {
            Ok(found) => points.extend(found),
            Err(reason) => notes.push(format!("{what}: {reason}.")),
        }
    }
    (points, notes)
}

/// No event points, and the notes that give `reason` for it.
pub(super) fn without(reason: &str) -> (Vec<Point>, Vec<String>) {
    (Vec::new(), [WITHOUT_STORES, WITHOUT_EVICTIONS].map(|what| format!("{what}: {reason}.")).into())
}

fn event_point(program: &Program<'_>, kind: ProbeKind, function: &str, site: &EventSite) -> Result<Point, String> {
    let operands = Operands::Event { item: site.item, outcome: site.outcome };
    let place = (kind, SiteKind::Event);
    Point::new(program.image(), place, function, FoundBy::Recovered, site.address, operands, site.proof.clone())
}
