//! From a resolved binary to attached uprobes.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use anyhow::Context;
use mctop_common::records::{
    Evidence, RETURNS_MAX, SITE_ASSUME_READ, SITE_NO_CAS, SITE_TOKENS, SITE_VALIDATE, SITE_WIDE_ITEM_FLAGS, Site,
};

use super::clock::Clock;
use super::detach;
use super::detail::Detail;
use super::object::Object;
use super::privilege;
use super::requests::RequestSite;
use super::uprobe::{Link, Location};
use super::validate::{self, Verdict};
use crate::error::Failure;
use crate::model::probe_point::ProbeKind;
use crate::model::snapshot::{ProbeInfo, TargetInfo};
use crate::target::discover::ServerIdentity;
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
    /// Whether it is a proxy. Its routes may look a key up when another server has answered, and by then the connection's
    /// input no longer begins with the request.
    pub is_proxy: bool,
    /// Whether its items have no CAS numbers.
    pub has_no_cas: bool,
    /// What a process has in common with it that takes its place.
    pub stand: ServerIdentity,
    /// Whether the descriptor that a lookup tells is that of its client.
    pub knows_client: bool,
    /// Where memcached's own clock is.
    pub clock: Clock,
    /// What is told about it, its probes left out.
    pub info: TargetInfo,
}

/// Probes attached to one process.
pub(crate) struct Attached {
    /// The server's process id.
    pub process: NonZeroU32,
    image: PathBuf,
    sites: Vec<AttachedSite>,
    /// Whether lookups of unknown requests count as reads.
    assumes_reads: bool,
    /// The server, for messages.
    server: String,
}

/// One probed instruction.
struct AttachedSite {
    cookie: u32,
    kind: ProbeKind,
    offset: u64,
    description: Site,
    /// Whether what is read as a request must begin as one.
    judges_requests: bool,
    /// The probe, for messages.
    name: String,
    /// None while it is not attached.
    link: Option<Link>,
}

impl AttachedSite {
    fn location<'a>(&self, image: &'a Path, process: NonZeroU32) -> Location<'a> {
        Location { image, offset: self.offset, process, cookie: Some(self.cookie.into()) }
    }

    fn attach(&mut self, object: &mut Object, image: &Path, process: NonZeroU32) -> anyhow::Result<()> {
        if self.link.is_none() {
            let step = format!("attach the {} of process {process}", self.name);
            let link = object
                .attach(self.kind.name(), &self.location(image, process))
                .map_err(|error| privilege::explain(error, &step))?;
            self.link = Some(link);
        }
        Ok(())
    }
}

impl Attached {
    /// A path that opens the server's binary.
    #[must_use]
    pub(crate) fn image(&self) -> &Path {
        &self.image
    }

    /// Where another probe sees the same lookups, with the same description.
    pub(crate) fn lookups(&self) -> impl Iterator<Item = Location<'_>> {
        let sees_key = |site: &&AttachedSite| matches!(site.kind, ProbeKind::Lookup | ProbeKind::LookupEnter);
        self.sites.iter().filter(sees_key).map(|site| site.location(&self.image, self.process))
    }

    /// Whether lookups tell the client's descriptor.
    #[must_use]
    pub(crate) fn tells_descriptors(&self) -> bool {
        self.sites.iter().any(|site| site.description.descriptor.is_present())
    }

    /// Gives the places of its probes to others. It is to be detached before, for good.
    ///
    /// # Errors
    /// What the kernel says.
    fn forget(self, object: &mut Object) -> anyhow::Result<()> {
        if let Some(site) = self.sites.first() {
            object.forget_threads(site.description.target)?;
        }
        object.free_sites.extend(self.sites.into_iter().map(|site| site.cookie));
        Ok(())
    }

    /// What to give to [`detach::gently`] so that they are detached until they are resumed.
    pub(super) fn take_links(&mut self) -> impl Iterator<Item = Link> {
        self.sites.iter_mut().filter_map(|site| site.link.take())
    }

    /// Attaches those that are detached.
    ///
    /// # Errors
    /// A [`Failure`] that names the missing privilege, or what the kernel said.
    pub(crate) fn resume(&mut self, object: &mut Object) -> anyhow::Result<()> {
        let (image, process) = (&self.image, self.process);
        self.sites.iter_mut().try_for_each(|site| site.attach(object, image, process))
    }

    /// Whether a level of detail would leave some of them out.
    #[must_use]
    pub(crate) fn exceeds(&self, detail: Detail) -> bool {
        self.sites.iter().any(|site| !detail.takes(site.kind))
    }

    /// Gives up those that a level of detail leaves out: returns what to give to [`detach::gently`] so that they are detached.
    ///
    /// # Errors
    /// What the kernel says.
    pub(super) fn shed(&mut self, object: &mut Object, detail: Detail) -> anyhow::Result<Vec<Link>> {
        // First, because what was remembered of requests no longer holds from the moment that they are not seen.
        self.assumes_reads |= self.sites.iter().any(|site| site.kind == ProbeKind::Command && !detail.takes(site.kind));
        for site in self.sites.iter_mut().filter(|_| self.assumes_reads) {
            site.description.flags |= SITE_ASSUME_READ;
            object.sites.set(site.cookie, site.description, 0).context("cannot describe a probe site")?;
        }
        let shed = self.sites.extract_if(.., |site| !detail.takes(site.kind));
        Ok(shed
            .filter_map(|site| {
                object.free_sites.push(site.cookie);
                site.link
            })
            .collect())
    }

    /// Judges what the probes have seen, and ends the check of those that are trusted. Returns whether one was ended.
    ///
    /// # Errors
    /// A [`Failure`] that names the probe that does not see what it should, and how that shows.
    pub(crate) fn validate(&mut self, object: &mut Object) -> anyhow::Result<bool> {
        let mut ended = false;
        for site in self.sites.iter_mut().filter(|site| site.description.flags & SITE_VALIDATE != 0) {
            let mut evidence = object.evidence.get(&site.cookie, 0).context("cannot read what a probe has seen")?;
            if !site.judges_requests {
                (evidence.requests, evidence.wrong_requests) = (0, 0);
            }
            match validate::judge(&evidence) {
                Verdict::Open => {}
                Verdict::Trusted => {
                    site.description.flags &= !SITE_VALIDATE;
                    object.sites.set(site.cookie, site.description, 0).context("cannot describe a probe site")?;
                    ended = true;
                }
                Verdict::Wrong(reason) => {
                    return Err(Failure::no_target(format!(
                        "The {} of {} does not see what it should: {reason}. The figures of the last interval were not \
                         shown, and all probes are detached. This build of memcached is not what mctop took it for: please \
                         report its version and build-id. Other servers can be watched with --pid.",
                        site.name, self.server
                    ))
                    .into());
                }
            }
        }
        Ok(ended)
    }
}

/// Detaches from processes that have exited, or were never to be watched.
///
/// # Errors
/// What the kernel says.
pub(crate) fn detach(object: &mut Object, mut ended: Vec<Attached>) -> anyhow::Result<()> {
    detach::at_once(ended.iter_mut().flat_map(Attached::take_links).collect());
    ended.into_iter().try_for_each(|attached| attached.forget(object))
}

/// Describes the probes of a server.
#[must_use]
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

/// Command first: a lookup that is counted before its command is known would count as `other`.
fn points(target: &Target, detail: Detail) -> impl Iterator<Item = &Point> {
    let Resolved { commands, lookups, events, .. } = &target.resolved;
    let commands = commands.iter().filter(|_| target.requests.is_none());
    commands.chain(lookups).chain(events).filter(move |point| detail.takes(point.kind))
}

/// How many probes a server takes.
#[must_use]
pub(crate) fn sites(target: &Target, detail: Detail) -> usize {
    points(target, detail).count()
}

/// Attaches the probes of the server number `index`: all of them, or none.
///
/// # Errors
/// A [`crate::error::Failure`] that names the missing privilege, or what the kernel said.
pub(crate) fn attach(object: &mut Object, index: u32, target: &Target, detail: Detail) -> anyhow::Result<Attached> {
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
    let unread = target.requests.is_none() && !detail.takes(ProbeKind::Command);
    let assumes_reads = unread || target.resolved.commands.is_empty();
    let mut attached = Attached { process, image, sites: Vec::new(), assumes_reads, server };
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
    attached: &mut Attached,
) -> anyhow::Result<()> {
    for point in points {
        let Some(cookie) = object.free_sites.pop() else {
            anyhow::bail!(
                "There is no room for its probes beside those of the other servers. Run mctop again, which then makes room for \
                 all, or name the servers to watch with --pid or --port."
            );
        };
        let description = site(index, point, target, attached.assumes_reads);
        let name = format!("{} probe in {} at file offset {:#x}", point.kind.name(), point.function, point.offset);
        let mut site = AttachedSite {
            cookie,
            kind: point.kind,
            offset: point.offset,
            description,
            judges_requests: !target.is_proxy,
            name,
            link: None,
        };
        object.sites.set(cookie, description, 0).context("cannot describe a probe site")?;
        object.evidence.set(cookie, Evidence::default(), 0).context("cannot prepare a probe site")?;
        let result = site.attach(object, &attached.image, attached.process);
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
    // What its logger is told, memcached itself takes to be so.
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
