//! The maps by attach cookie: descriptions of the probed instructions, and what was seen there while they were being validated.

use anyhow::Context;
use aya::maps::{Array, MapData};
use mctop_common::records::{Evidence, Site};

/// Descriptions of the probed instructions and their evidence.
pub(crate) struct Sites {
    descriptions: Array<MapData, Site>,
    evidence: Array<MapData, Evidence>,
    /// Cookies that are not in use.
    free: Vec<u32>,
}

impl Sites {
    /// All sites of these maps, unused.
    pub(super) fn new(descriptions: Array<MapData, Site>, evidence: Array<MapData, Evidence>) -> Self {
        let free = (0..descriptions.len()).rev().collect();
        Self { descriptions, evidence, free }
    }

    /// Describes another site. Returns its cookie.
    pub(super) fn add(&mut self, site: &Site) -> anyhow::Result<u32> {
        let Some(cookie) = self.free.pop() else {
            anyhow::bail!(
                "The probes of the other servers leave no room for its probes. Restart mctop, which then makes room for all, or \
                 select the servers with --pid or --port."
            );
        };
        self.describe(cookie, site)?;
        self.evidence.set(cookie, Evidence::default(), 0).context("cannot clear the evidence of a probe site")?;
        Ok(cookie)
    }

    /// Replaces the description of a site.
    pub(super) fn describe(&mut self, cookie: u32, site: &Site) -> anyhow::Result<()> {
        self.descriptions.set(cookie, site, 0).context("cannot describe a probe site")
    }

    /// What was seen at a site while it was being validated.
    pub(super) fn evidence(&self, cookie: u32) -> anyhow::Result<Evidence> {
        self.evidence.get(&cookie, 0).context("cannot read the evidence of a probe site")
    }

    /// Frees a site whose probe is detached.
    pub(super) fn remove(&mut self, cookie: u32) {
        self.free.push(cookie);
    }
}
