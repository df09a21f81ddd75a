//! From a resolved binary to attached uprobes.

use std::num::NonZeroU32;
use std::path::PathBuf;

use anyhow::Context;
use aya::programs::UProbe;
use aya::programs::uprobe::{UProbeAttachLocation, UProbeAttachPoint, UProbeLinkId, UProbeScope};
use mctop_common::limits::SITES_MAX;
use mctop_common::records::{
    Evidence, Operand, RETURNS_MAX, SITE_ASSUME_READ, SITE_TOKENS, SITE_VALIDATE, SITE_WIDE_ITEM_FLAGS, Site,
};

use super::clock::Clock;
use super::object::Object;
use super::privilege;
use super::requests::RequestSite;
use super::validate::{self, Verdict};
use crate::error::Failure;
use crate::model::snapshot::{ProbeInfo, TargetInfo};
use crate::target::points::{Operands, Point, Resolved};

/// A server to watch: everything the probes need, and what is told about it.
#[derive(Clone, Debug)]
pub struct Target {
    /// Process id.
    pub pid: u32,
    /// A path that opens the running binary, even when its file is deleted or in another mount namespace.
    pub image: PathBuf,
    /// Probe points of that binary.
    pub resolved: Resolved,
    /// How requests are read at lookups; none where they have a probe of their own.
    pub requests: Option<RequestSite>,
    /// Where memcached's own clock is.
    pub clock: Clock,
    /// What is told about it, its probes left out.
    pub info: TargetInfo,
}

/// Probes attached to one process.
pub struct Attached {
    links: Vec<(&'static str, UProbeLinkId)>,
    sites: Vec<AttachedSite>,
    /// The server, for messages.
    server: String,
}

/// One probed instruction.
struct AttachedSite {
    cookie: u32,
    description: Site,
    /// The probe, for messages.
    name: String,
}

impl Attached {
    /// Describes the probes, which are those of all points that the server needs.
    #[must_use]
    pub fn describe(&self, target: &Target) -> Vec<ProbeInfo> {
        let describe = |point: &Point| ProbeInfo {
            name: point.kind,
            site: Some(point.site),
            function: point.function.clone(),
            offset: point.offset,
            found_by: point.found_by,
            instruction: point.instruction.clone(),
            emulated: point.emulated,
        };
        points(target).map(describe).collect()
    }

    /// Detaches them.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn detach(self, object: &mut Object) -> anyhow::Result<()> {
        for (name, link) in self.links {
            program(object, name)?.detach(link).with_context(|| format!("cannot detach a {name} probe"))?;
        }
        object.free_sites.extend(self.sites.into_iter().map(|site| site.cookie));
        Ok(())
    }

    /// Judges what the probes have seen, and ends the check of those that are trusted.
    ///
    /// # Errors
    /// A [`Failure`] that names the probe that does not see what it should, and how that shows.
    pub fn validate(&mut self, object: &mut Object) -> anyhow::Result<()> {
        for site in self.sites.iter_mut().filter(|site| site.description.flags & SITE_VALIDATE != 0) {
            let evidence = object.evidence.get(&site.cookie, 0).context("cannot read what a probe has seen")?;
            match validate::judge(&evidence) {
                Verdict::Open => {}
                Verdict::Trusted => {
                    site.description.flags &= !SITE_VALIDATE;
                    object.sites.set(site.cookie, site.description, 0).context("cannot describe a probe site")?;
                }
                Verdict::Wrong(reason) => {
                    return Err(Failure::no_target(format!(
                        "The {} of {} does not see what it should: {reason}. No figure of it was shown, and all probes are \
                         detached. This build of memcached is not what mctop took it for: please report its version and \
                         build-id. Other servers can be watched with --pid.",
                        site.name, self.server
                    ))
                    .into());
                }
            }
        }
        Ok(())
    }
}

/// Command first: a lookup that is counted before its command is known would count as `other`.
fn points(target: &Target) -> impl Iterator<Item = &Point> {
    let commands = target.resolved.commands.iter().filter(|_| target.requests.is_none());
    commands.chain(&target.resolved.lookups)
}

fn program<'a>(object: &'a mut Object, name: &str) -> anyhow::Result<&'a mut UProbe> {
    object
        .ebpf
        .program_mut(name)
        .with_context(|| format!("the eBPF object has no program {name}"))?
        .try_into()
        .with_context(|| format!("the eBPF program {name} is not a uprobe"))
}

/// Attaches the probes of the server number `index`: all of them, or none.
///
/// # Errors
/// A [`crate::error::Failure`] that names the missing privilege, or what the kernel said.
pub fn attach(object: &mut Object, index: u32, target: &Target) -> anyhow::Result<Attached> {
    let info = &target.info;
    let server = format!(
        "process {} (memcached {}, {}, build-id {})",
        info.pid,
        info.version.as_deref().unwrap_or("of unknown version"),
        info.binary,
        info.build_id.as_deref().unwrap_or("unknown")
    );
    let mut attached = Attached { links: Vec::new(), sites: Vec::new(), server };
    match attach_points(object, index, target, &mut attached) {
        Ok(()) => Ok(attached),
        Err(error) => {
            attached.detach(object)?;
            Err(error)
        }
    }
}

fn attach_points(object: &mut Object, index: u32, target: &Target, attached: &mut Attached) -> anyhow::Result<()> {
    let scope = UProbeScope::OneProcess(NonZeroU32::new(target.pid).context("pid 0 is not a process")?);
    for point in points(target) {
        let Some(cookie) = object.free_sites.pop() else {
            anyhow::bail!("more than {SITES_MAX} probe sites: watch fewer servers at once, with --pid");
        };
        let name = point.kind.name();
        let description = site(index, point, target);
        let shown = format!("{name} probe in {} at file offset {:#x}", point.function, point.offset);
        attached.sites.push(AttachedSite { cookie, description, name: shown });
        object.sites.set(cookie, description, 0).context("cannot describe a probe site")?;
        object.evidence.set(cookie, Evidence::default(), 0).context("cannot prepare a probe site")?;
        let at = UProbeAttachPoint {
            location: UProbeAttachLocation::AbsoluteOffset(point.offset),
            cookie: Some(u64::from(cookie)),
        };
        let step = format!("attach the {name} probe at offset {:#x} of process {}", point.offset, target.pid);
        let link = program(object, name)?
            .attach(at, &target.image, scope)
            .map_err(|error| privilege::explain(error.into(), &step))?;
        attached.links.push((name, link));
    }
    Ok(())
}

fn site(index: u32, point: &Point, target: &Target) -> Site {
    let resolved = &target.resolved;
    let mut site = Site { target: index, flags: SITE_VALIDATE, ..Site::default() };
    if resolved.wide_item_flags {
        site.flags |= SITE_WIDE_ITEM_FLAGS;
    }
    if resolved.commands.is_empty() {
        site.flags |= SITE_ASSUME_READ;
    }
    match &point.operands {
        Operands::Command { text } => site.key = *text,
        Operands::Return { item } => site.item = *item,
        Operands::Lookup { key, key_len, found, item, descriptor, return_address, store_returns, delta_returns } => {
            site.key = *key;
            site.key_len = *key_len;
            site.found = *found;
            site.item = *item;
            site.descriptor = *descriptor;
            site.return_address = *return_address;
            site.store_returns = list(store_returns);
            site.delta_returns = list(delta_returns);
            if let Some(requests) = target.requests {
                site.connections = requests.connections;
                site.connection = Operand::register(descriptor.register);
                site.input = requests.input;
                if requests.cut {
                    site.flags |= SITE_TOKENS;
                }
            }
        }
    }
    site
}

fn list(returns: &[i64]) -> [i64; RETURNS_MAX] {
    let mut out = [0; RETURNS_MAX];
    for (slot, value) in out.iter_mut().zip(returns) {
        *slot = *value;
    }
    out
}
