//! Where a memcached is probed, by mctop's own search.

use std::path::Path;

use anyhow::{Context, Result};
use mctop::internal::{Point, ProbeKind, ResolveOptions, SiteKind, SitePreference, resolve, resolve_with};
use serde_json::json;

/// Prints version, file offsets and instructions of the lookup and command probes and of the entry of `do_item_get`.
///
/// # Errors
/// When the binary cannot be traced.
pub fn print(image: &Path) -> Result<()> {
    let best = resolve(image)?;
    let whole = resolve_with(
        image,
        &ResolveOptions { site: SitePreference::Only(SiteKind::EntryAndReturn), ..ResolveOptions::default() },
    );
    let entry = whole
        .ok()
        .and_then(|resolved| resolved.lookups.iter().find(|point| point.kind == ProbeKind::LookupEnter).map(describe));
    let lookup = best.lookups.first().context("there is no lookup probe")?;
    println!(
        "{}",
        json!({
            "version": best.version,
            "build_id": best.build_id,
            "lookup": describe(lookup),
            "lookup_points": best.lookups.len(),
            "command": best.commands.first().map(describe),
            "entry": entry,
        })
    );
    Ok(())
}

fn describe(point: &Point) -> serde_json::Value {
    json!({
        "offset": point.offset,
        "address": point.address,
        "instruction": point.instruction,
        "emulated": point.emulated,
        "site": point.site,
    })
}
