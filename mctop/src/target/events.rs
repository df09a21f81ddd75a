//! The points at which memcached tells its logger how storage commands end and what it evicts.

use super::code::Program;
use super::lookup_site::{EventSite, Logger, eviction_sites, store_sites};
use super::points::{FoundBy, Operands, Point, ProbeKind, SiteKind};
use super::resolve::point;

/// What is said where the ends of storage commands are not seen; followed by why.
const WITHOUT_STORES: &str = "Storage commands that store nothing are not told from others";
/// What is said where evictions are not seen; followed by why.
const WITHOUT_EVICTIONS: &str = "Evictions are not seen";

/// The points, and what is not seen and why, one sentence each. Lookups give the `logger` away; `stores` are the functions in
/// which storage commands end.
pub fn points(program: &Program<'_>, logger: Option<Logger>, stores: &[u64]) -> (Vec<Point>, Vec<String>) {
    let Some(logger) = logger else { return without("only the exact site of lookups gives memcached's logger away") };
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

/// No points, for one reason.
pub fn without(reason: &str) -> (Vec<Point>, Vec<String>) {
    (Vec::new(), [WITHOUT_STORES, WITHOUT_EVICTIONS].map(|what| format!("{what}: {reason}.")).into())
}

fn event_point(program: &Program<'_>, kind: ProbeKind, function: &str, site: &EventSite) -> Result<Point, String> {
    let operands = Operands::Event { item: site.item, outcome: site.outcome };
    let place = (kind, SiteKind::Event);
    point(program.image(), place, function, FoundBy::Recovered, site.address, operands, site.proof.clone())
}
