//! Negative controls: files that mctop must refuse with a reason.

mod damage;
mod programs;

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::resolution::{Resolver, clause};
use crate::debian::Apt;

/// A file that is no memcached, or one that cannot be traced.
#[derive(Clone, Debug)]
pub struct Control {
    /// What it is.
    pub name: String,
    /// Where it is.
    pub file: PathBuf,
}

/// The result of a control.
#[derive(Clone, Debug)]
pub struct ControlResult {
    /// Its name.
    pub name: String,
    /// The reason for the refusal, or what happened instead.
    pub outcome: Result<String, String>,
}

/// Other programs and libraries of this machine and of the mirror, at least [`programs::MINIMUM`], including mctop's own.
pub fn others(apt: Option<&Apt>, own: &[PathBuf], below: &Path) -> Result<Vec<Control>> {
    programs::find(apt, own, below)
}

/// Damaged copies of a memcached.
pub fn damaged(memcached: &Path, below: &Path) -> Result<Vec<Control>> {
    damage::copies(memcached, below)
}

/// Resolves a control, which must be refused with a reason; a crash, a hang or a result is a failure.
pub fn check(control: &Control, resolver: &Resolver) -> Result<ControlResult> {
    let resolution = resolver.once(&control.file);
    crate::interrupt::check()?;
    let outcome = match resolution {
        Err(error) => Err(format!("{error:#}")),
        Ok(resolution) => match resolution.refused {
            None => Err(format!("resolved, to {} lookup probes", resolution.lookups.len())),
            Some(reason) if reason.trim().is_empty() => Err("refused without a reason".into()),
            Some(reason) => Ok(clause(&reason).to_owned()),
        },
    };
    Ok(ControlResult { name: control.name.clone(), outcome })
}
