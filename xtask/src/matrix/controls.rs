//! Negative controls: files in which mctop must find nothing, and say why.

mod damage;
mod programs;

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::resolution::{Resolver, clause};
use crate::debian::Apt;

/// A file that is no memcached, or none that can be traced.
#[derive(Clone, Debug)]
pub struct Control {
    /// What it is.
    pub name: String,
    /// Where it is.
    pub file: PathBuf,
}

/// How a control went.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Which one.
    pub name: String,
    /// The reason of the refusal, or what happened instead.
    pub outcome: Result<String, String>,
}

/// Other programs and libraries of this machine and of the mirror, at least [`programs::MINIMUM`], our own among them.
///
/// # Errors
/// When there are too few, or files cannot be written.
pub fn others(apt: Option<&Apt>, own: &[PathBuf], below: &Path) -> Result<Vec<Control>> {
    programs::find(apt, own, below)
}

/// Damaged copies of a memcached.
///
/// # Errors
/// When it cannot be read or copies cannot be written.
pub fn damaged(memcached: &Path, below: &Path) -> Result<Vec<Control>> {
    damage::copies(memcached, below)
}

/// Has a control resolved; a refusal with a reason is right, a crash, a hang or a result is wrong.
///
/// # Errors
/// When xtask is interrupted.
pub fn check(control: &Control, resolver: &Resolver) -> Result<Verdict> {
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
    Ok(Verdict { name: control.name.clone(), outcome })
}
