//! Attaches the probes of a server.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use anyhow::Context;
use mctop_common::records::{
    RETURNS_MAX, SITE_ASSUME_READ, SITE_NO_CAS, SITE_TOKENS, SITE_VALIDATE, SITE_WIDE_ITEM_FLAGS, Site,
};

use super::clock::Clock;
use super::detach;
use super::detail::Detail;
use super::object::Object;
use super::privilege;
use super::programs::EbpfPrograms;
use super::requests::RequestSite;
use super::sites::Sites;
use super::uprobe::{Link, Location};
use super::validate::{self, SiteVerdict};
use crate::error::Failure;
use crate::model::probe_point::ProbeKind;
use crate::model::snapshot::{ProbeInfo, TargetInfo};
use crate::target::discover::ServerIdentity;
use crate::target::points::{Operands, Point, Resolved};

/// A server to watch: everything that the probes need, and what is reported about it.
#[derive(Clone, Debug)]
pub struct Target {
    /// Process id.
    pub pid: u32,
    /// A path that opens the running binary, even when its file is deleted or in another mount namespace.
    pub image: PathBuf,
    /// Probe points of that binary.
    pub resolved: Resolved,
    /// How requests are read at lookups; `None` if they have a probe of their own.
    pub requests: Option<RequestSite>,
    /// Whether it is a proxy. Its routes may look up a key after another server has answered. By then, the connection's input no longer
    /// starts with the request.
    pub is_proxy: bool,
    /// Whether its items have no CAS numbers.
    pub has_no_cas: bool,
    /// By which it is recognised after a restart.
    pub identity: ServerIdentity,
    /// Whether the file descriptor of a lookup is that of its client.
    pub knows_client: bool,
    /// memcached's own clock.
    pub clock: Clock,
    /// What is reported about it, without its probes.
    pub info: TargetInfo,
}

/// The probes attached to a process.
pub(crate) struct AttachedProbes {
    /// The server's process id.
    pub process: NonZeroU32,
    image: PathBuf,
    sites: Vec<AttachedSite>,
    /// Whether lookups of unknown requests are counted as reads.
    assumes_reads: bool,
    /// The server, for messages.
    server: String,
}

/// A probed instruction.
struct AttachedSite {
    cookie: u32,
    kind: ProbeKind,
    offset: u64,
    description: Site,
    /// Whether its requests are part of its validation.
    validates_requests: bool,
    /// The probe, for messages.
    name: String,
    /// `None` while it is detached.
    link: Option<Link>,
}

impl AttachedSite {
    fn location<'a>(&self, image: &'a Path, process: NonZeroU32) -> Location<'a> {
        Location { image, offset: self.offset, process, cookie: Some(self.cookie.into()) }
    }

    fn attach(&mut self, programs: &mut EbpfPrograms, image: &Path, process: NonZeroU32) -> anyhow::Result<()> {
        if self.link.is_none() {
            let step = format!("attach the {} of process {process}", self.name);
            let link = programs
                .attach(self.kind.name(), &self.location(image, process))
                .map_err(|error| privilege::explain(error, &step))?;
            self.link = Some(link);
        }
        Ok(())
    }
}

impl AttachedProbes {
    /// A path that opens the server's binary.
    pub(crate) fn image(&self) -> &Path {
        &self.image
    }

    /// Locations where another program sees the same lookups, with the same descriptions.
    pub(crate) fn lookups(&self) -> impl Iterator<Item = Location<'_>> {
        let has_key = |site: &&AttachedSite| matches!(site.kind, ProbeKind::Lookup | ProbeKind::LookupEnter);
        self.sites.iter().filter(has_key).map(|site| site.location(&self.image, self.process))
    }

    /// Whether the client's file descriptor is known at lookups.
    pub(crate) fn knows_descriptors(&self) -> bool {
        self.sites.iter().any(|site| site.description.descriptor.is_present())
    }

    /// Frees the sites of probes that are detached for good.
    fn free_sites(self, object: &mut Object) -> anyhow::Result<()> {
        if let Some(site) = self.sites.first() {
            object.forget_threads(site.description.target)?;
        }
        self.sites.into_iter().for_each(|site| object.sites.remove(site.cookie));
        Ok(())
    }

    /// Takes the links out, to be passed to [`detach()`], until the probes are reattached.
    pub(super) fn take_links(&mut self) -> impl Iterator<Item = Link> {
        self.sites.iter_mut().filter_map(|site| site.link.take())
    }

    /// Attaches the probes that are detached.
    ///
    /// # Errors
    /// A [`Failure`] that names the missing privilege, or the kernel's error.
    pub(crate) fn reattach(&mut self, programs: &mut EbpfPrograms) -> anyhow::Result<()> {
        let (image, process) = (&self.image, self.process);
        self.sites.iter_mut().try_for_each(|site| site.attach(programs, image, process))
    }

    /// Whether a level of detail would leave out some of the probes.
    pub(crate) fn exceeds(&self, detail: Detail) -> bool {
        self.sites.iter().any(|site| !detail.takes(site.kind))
    }

    /// Gives up the probes that a level of detail leaves out. Returns their links, to be passed to [`detach()`].
    pub(super) fn shed(&mut self, sites: &mut Sites, detail: Detail) -> anyhow::Result<Vec<Link>> {
        // First, because remembered requests are outdated as soon as their probe is detached.
        self.assumes_reads |= self.sites.iter().any(|site| site.kind == ProbeKind::Command && !detail.takes(site.kind));
        for site in self.sites.iter_mut().filter(|_| self.assumes_reads) {
            site.description.flags |= SITE_ASSUME_READ;
            sites.describe(site.cookie, &site.description)?;
        }
        let shed = self.sites.extract_if(.., |site| !detail.takes(site.kind));
        let take_link = |site: AttachedSite| {
            sites.remove(site.cookie);
            site.link
        };
        Ok(shed.filter_map(take_link).collect())
    }

    /// Judges the evidence of the probes, and ends the validation of those that are trusted. Returns whether that was the case for one.
    ///
    /// # Errors
    /// A [`Failure`] that names the probe that is wrong, and the evidence.
    pub(crate) fn validate(&mut self, sites: &mut Sites) -> anyhow::Result<bool> {
        let mut ended = false;
        for site in self.sites.iter_mut().filter(|site| site.description.flags & SITE_VALIDATE != 0) {
            let mut evidence = sites.evidence(site.cookie)?;
            if !site.validates_requests {
                (evidence.requests, evidence.wrong_requests) = (0, 0);
            }
            match validate::judge(&evidence) {
                SiteVerdict::Undecided => {}
                SiteVerdict::Trusted => {
                    site.description.flags &= !SITE_VALIDATE;
                    sites.describe(site.cookie, &site.description)?;
                    ended = true;
                }
                SiteVerdict::Wrong(reason) => {
                    return Err(Failure::no_target(format!(
                        "The {} of {} read the wrong data: {reason}. The probes are detached, and the counts of the last interval are \
                         not shown. mctop misunderstood this build of memcached; please report its version and build-id. To watch \
                         other servers, select them with --pid.",
                        site.name, self.server
                    ))
                    .into());
                }
            }
        }
        Ok(ended)
    }
}

/// Detaches from processes that have exited, or that could not be attached to completely.
pub(crate) fn detach(object: &mut Object, mut ended: Vec<AttachedProbes>) -> anyhow::Result<()> {
    detach::from_exited(ended.iter_mut().flat_map(AttachedProbes::take_links).collect());
    ended.into_iter().try_for_each(|attached| attached.free_sites(object))
}

/// Describes the probes of a server for reports.
pub(crate) fn describe(target: &Target, detail: Detail) -> Vec<ProbeInfo> {
    let describe = |point: &Point| ProbeInfo {
        name: point.kind,
        site: Some(point.site),
        function: point.function.clone(),
        offset: point.offset,
        found_by: point.found_by,
        instruction: point.instruction.clone(),
        emulated: point.emulated,
    };
    points(target, detail).map(describe).collect()
}

/// The probe points of a server. Commands come first: a lookup that is counted before its command is known would count as *other*.
fn points(target: &Target, detail: Detail) -> impl Iterator<Item = &Point> {
    let Resolved { commands, lookups, events, .. } = &target.resolved;
    let commands = commands.iter().filter(|_| target.requests.is_none());
    commands.chain(lookups).chain(events).filter(move |point| detail.takes(point.kind))
}

/// Number of probes of a server.
pub(crate) fn probe_count(target: &Target, detail: Detail) -> usize {
    points(target, detail).count()
}

/// Attaches all probes of server `index`, or none.
///
/// # Errors
/// A [`Failure`] that names the missing privilege, or the kernel's error.
pub(crate) fn attach(
    object: &mut Object,
    index: u32,
    target: &Target,
    detail: Detail,
) -> anyhow::Result<AttachedProbes> {
    let info = &target.info;
    let server = format!(
        "process {} (memcached {}, {}, build-id {})",
        info.pid,
        info.version.as_deref().unwrap_or("of unknown version"),
        info.binary,
        info.build_id.as_deref().unwrap_or("unknown")
    );
    let process = NonZeroU32::new(target.pid).context("pid 0 is not a process")?;
    let image = target.image.clone();
    let sheds_commands = target.requests.is_none() && !detail.takes(ProbeKind::Command);
    let assumes_reads = sheds_commands || target.resolved.commands.is_empty();
    let mut attached = AttachedProbes { process, image, sites: Vec::new(), assumes_reads, server };
    match attach_points(object, index, points(target, detail), target, &mut attached) {
        Ok(()) => Ok(attached),
        Err(error) => {
            detach(object, vec![attached])?;
            Err(error)
        }
    }
}

fn attach_points<'a>(
    object: &mut Object,
    index: u32,
    points: impl Iterator<Item = &'a Point>,
    target: &Target,
    attached: &mut AttachedProbes,
) -> anyhow::Result<()> {
    for point in points {
        let description = site(index, point, target, attached.assumes_reads);
        let name = format!("{} probe in {} at file offset {:#x}", point.kind.name(), point.function, point.offset);
        let mut site = AttachedSite {
            cookie: object.sites.add(&description)?,
            kind: point.kind,
            offset: point.offset,
            description,
            validates_requests: !target.is_proxy,
            name,
            link: None,
        };
        let result = site.attach(&mut object.programs, &attached.image, attached.process);
        attached.sites.push(site);
        result?;
    }
    Ok(())
}

fn site(index: u32, point: &Point, target: &Target, assumes_reads: bool) -> Site {
    let resolved = &target.resolved;
    let mut site = Site { target: index, ..Site::default() };
    if resolved.wide_item_flags {
        site.flags |= SITE_WIDE_ITEM_FLAGS;
    }
    if assumes_reads {
        site.flags |= SITE_ASSUME_READ;
    }
    if target.has_no_cas {
        site.flags |= SITE_NO_CAS;
    }
    // Events of the logger need no validation: the arguments are what memcached itself logs.
    if !matches!(point.operands, Operands::Event { .. }) {
        site.flags |= SITE_VALIDATE;
    }
    match &point.operands {
        Operands::Command { text } => site.key = *text,
        Operands::Return { item } => site.item = *item,
        Operands::Event { item, outcome } => (site.item, site.found) = (*item, *outcome),
        Operands::Lookup {
            key,
            key_len,
            found,
            item,
            descriptor,
            connection,
            return_address,
            store_returns,
            delta_returns,
        } => {
            site.key = *key;
            site.key_len = *key_len;
            site.found = *found;
            site.item = *item;
            if target.knows_client {
                site.descriptor = *descriptor;
            }
            site.return_address = *return_address;
            site.store_returns = list(store_returns);
            site.delta_returns = list(delta_returns);
            if let Some(requests) = target.requests {
                site.connections = requests.connections;
                site.connection = *connection;
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
