//! The diagnosis as text for people.

use std::io::{self, Write};

use super::Facts;
use super::diagnosis::{Diagnosis, Verdict};
use super::kernel::Lockdown;
use super::page::{Mark, Page};
use super::problems::{Problem, Severity, excerpt};
use super::servers::{Probe, Server, Tracing};
use super::trial::Trial;
use crate::kernel::filesystems::{FilesystemFault, hide_processes};
use crate::target::discover::processes;
use crate::text::summary;

pub(crate) use super::page::PageOptions;

/// Width of a fact's label in cells.
const LABEL: usize = 25;

/// Writes the page.
///
/// # Errors
/// If `out` cannot be written.
pub(crate) fn write(diagnosis: &Diagnosis, options: PageOptions<'_>, out: &mut impl Write) -> io::Result<()> {
    let mut page = Page::new(options);
    head(diagnosis, &mut page);
    kernel(&diagnosis.facts, &mut page);
    capabilities(diagnosis, &mut page);
    programs(&diagnosis.facts, &mut page);
    servers(diagnosis, &mut page);
    problems(&diagnosis.problems, &mut page);
    page.into_lines().iter().try_for_each(|line| writeln!(out, "{line}"))
}

fn head(diagnosis: &Diagnosis, page: &mut Page<'_>) {
    let facts = &diagnosis.facts;
    page.paragraph(&format!(
        "mctop {} doctor on {}, Linux {} {}",
        env!("CARGO_PKG_VERSION"),
        facts.host,
        facts.kernel.release,
        facts.kernel.architecture
    ));
    let (traceable, all) = (diagnosis.traceable(), facts.search.servers.len());
    let verdict = match diagnosis.verdict {
        Verdict::Works => {
            format!("Tracing works: {traceable} of {} can be traced.", summary::plural(all as u64, "memcached server"))
        }
        Verdict::NotPermitted => {
            "Tracing would not work: a privilege or kernel feature is missing. See the problems below.".to_owned()
        }
        Verdict::NoMemory => "Tracing would not work: there is not enough memory. See the problems below.".to_owned(),
        Verdict::NoTarget if facts.search.failure.is_some() || all == 0 => {
            "Tracing would not work: there is no such memcached server. See the problems below.".to_owned()
        }
        Verdict::NoTarget => format!(
            "Tracing would not work: {traceable} of {} can be traced. See the problems below.",
            summary::plural(all as u64, "memcached server")
        ),
    };
    page.paragraph(&verdict);
}

fn kernel(facts: &Facts, page: &mut Page<'_>) {
    let (kernel, faults, works) = (&facts.kernel, &facts.faults, facts.programs.work());
    page.heading("Kernel");
    page.fact(Mark::Plain, "release", LABEL, &kernel.release);
    let (mark, text) = match kernel.attach_cookies {
        Some(true) => (Mark::Ok, "work (tried on mctop itself)"),
        Some(false) => (Mark::Bad, "missing (tried on mctop itself)"),
        None => (Mark::Plain, "not tried"),
    };
    page.fact(mark, "attach cookies", LABEL, text);
    let (mark, text) = match faults.iter().find(|fault| !fault.hides_processes()) {
        None => (Mark::Ok, "present"),
        Some(FilesystemFault::NoSys) => (Mark::Bad, "unknown, because /sys is not mounted"),
        Some(_) => (Mark::Bad, "missing"),
    };
    page.fact(mark, "uprobe events", LABEL, text);
    let (mark, text) = match kernel.jit {
        Some(true) => (Mark::Ok, "on"),
        Some(false) => (Mark::Warning, "off, so every trap costs more"),
        None => (Mark::Plain, "unknown (no permission to read it)"),
    };
    page.fact(mark, "eBPF compiler (JIT)", LABEL, text);
    let (mark, text) = match kernel.lockdown {
        Some(Lockdown::None) => (Mark::Ok, "none"),
        Some(Lockdown::Integrity) => (Mark::Ok, "integrity (does not affect tracing)"),
        Some(Lockdown::Confidentiality) if works => (Mark::Ok, "confidentiality, but tracing works"),
        Some(Lockdown::Confidentiality) => (Mark::Bad, "confidentiality (forbids tracing)"),
        None => (Mark::Plain, "unknown (not in this kernel, or securityfs is not mounted)"),
    };
    page.fact(mark, "lockdown", LABEL, text);
    page.fact(Mark::Plain, "BTF", LABEL, if kernel.btf { "present (optional)" } else { "missing (optional)" });
    let privileges = &facts.privileges;
    for (name, value, for_others) in [
        ("unprivileged_bpf_disabled", kernel.unprivileged_bpf_disabled, "uprobe programs need CAP_BPF at any value"),
        (
            "perf_event_paranoid",
            kernel.perf_event_paranoid,
            "uprobes need CAP_SYS_ADMIN at any value, or on some kernels CAP_PERFMON",
        ),
    ] {
        let meaning = match (privileges.sufficient, privileges.uid) {
            (true, 0) => "does not affect root",
            (true, _) => "does not affect processes with these capabilities",
            (false, _) => for_others,
        };
        let value = value.map_or_else(|| "unknown".to_owned(), |value| format!("{value} ({meaning})"));
        page.fact(Mark::Plain, name, LABEL, &value);
    }
}

fn capabilities(diagnosis: &Diagnosis, page: &mut Page<'_>) {
    let privileges = &diagnosis.facts.privileges;
    page.heading(&format!("Capabilities of this process (uid {})", privileges.uid));
    let foreign = privileges.initial_user_namespace == Some(false) && !diagnosis.facts.programs.work();
    for capability in &privileges.capabilities {
        let (mark, held) = match (capability.held, privileges.sufficient) {
            (true, _) if foreign => (Mark::Warning, "held, but only in a user namespace"),
            (true, _) => (Mark::Ok, "held"),
            (false, true) => (Mark::Warning, "missing"),
            (false, false) => (Mark::Bad, "missing"),
        };
        page.fact(mark, capability.name, LABEL, &format!("{held}: {}", capability.purpose));
    }
}

fn programs(facts: &Facts, page: &mut Page<'_>) {
    let (programs, memory) = (&facts.programs, &facts.memory);
    page.heading("eBPF programs");
    let (mark, text) = match &programs.load {
        Trial::Done(loaded) => {
            let programs = loaded.programs.iter().map(|program| {
                let verified = program
                    .verified_instructions
                    .map(|number| format!(" ({} verified)", summary::plural(number.into(), "instruction")));
                format!("{}{}", program.name, verified.unwrap_or_default())
            });
            (Mark::Ok, format!("loaded in {:.0} ms: {}", loaded.ms, programs.collect::<Vec<_>>().join(", ")))
        }
        Trial::Failed { reason, .. } => (Mark::Bad, format!("failed: {}", excerpt(reason))),
        Trial::NotTried { reason } => (Mark::Plain, format!("not tried: {reason}")),
    };
    page.fact(mark, "load", LABEL, &text);
    let (mark, text) = match &programs.attach {
        Trial::Done(attached) => {
            (Mark::Ok, format!("attached to mctop itself in {:.0} ms and detached again", attached.ms))
        }
        Trial::Failed { reason, .. } => (Mark::Bad, format!("failed: {}", excerpt(reason))),
        Trial::NotTried { reason } => (Mark::Plain, format!("not tried: {reason}")),
    };
    page.fact(mark, "uprobe", LABEL, &text);
    if let Some(limit) = &memory.limit {
        let mark = if memory.is_tight() { Mark::Warning } else { Mark::Ok };
        let (left, needed) = (limit.left >> 20, memory.needed >> 20);
        let text = format!("the control group has {left} MiB left; mctop may need {needed} MiB");
        page.fact(mark, "memory", LABEL, &text);
    }
    page.fact(Mark::Plain, "embedded object", LABEL, &programs.object);
}

fn servers(diagnosis: &Diagnosis, page: &mut Page<'_>) {
    let search = &diagnosis.facts.search;
    page.heading("memcached servers");
    if hide_processes(&diagnosis.facts.faults) {
        page.item(Mark::Bad, "not searched, because /proc does not show the processes here");
    } else if search.servers.is_empty() {
        let where_looked = if search.denied > 0 { " among the processes that mctop may examine" } else { "" };
        page.item(Mark::Bad, &format!("none found{where_looked}"));
    }
    for (index, server) in search.servers.iter().enumerate() {
        if index > 0 {
            page.gap();
        }
        self::server(server, page);
    }
    if search.denied > 0 {
        let named = if search.likely.is_empty() {
            "none of them named memcached".to_owned()
        } else {
            let pids: Vec<String> = search.likely.iter().map(u32::to_string).collect();
            format!("among them, named memcached: {}", pids.join(", "))
        };
        let what = processes(search.denied);
        page.item(Mark::Warning, &format!("mctop may not examine {what}; {named}"));
    }
    if search.servers.iter().any(|server| server.tracing.is_some()) {
        page.item(Mark::Plain, &diagnosis.facts.costs.basis());
    }
}

fn server(server: &Server, page: &mut Page<'_>) {
    let version = server.version.as_deref().map(|version| format!(" {version}")).unwrap_or_default();
    let (mark, verdict) =
        if server.tracing.is_some() { (Mark::Ok, "can be traced") } else { (Mark::Bad, "cannot be traced") };
    page.item(mark, &format!("process {}: memcached{}, {verdict}", server.pid, version));
    let gone = if server.deleted { " (deleted or replaced since; the running code is traced)" } else { "" };
    page.field("binary", &format!("{}{gone}", server.binary));
    if let Some(build_id) = &server.build_id {
        page.field("build-id", build_id);
    }
    let listen = server.listen.join(", ");
    page.field("listens on", if listen.is_empty() { "no socket that mctop can see" } else { &listen });
    surroundings(server, page);
    if let Some(pid) = server.same_binary_as {
        page.field("resolved", &format!("together with process {pid}, which runs the same file"));
    } else {
        page.field("resolved", &format!("in {:.0} ms", server.resolution_ms));
    }
    if let Some(reason) = &server.refusal {
        page.field("refused", &excerpt(reason));
    }
    if let Some(tracing) = &server.tracing {
        self::tracing(server, tracing, page);
    }
}

fn surroundings(server: &Server, page: &mut Page<'_>) {
    let seccomp = match server.seccomp {
        Some(0) => "no seccomp",
        Some(1) => "strict seccomp",
        Some(2) => "a seccomp filter (does not affect uprobes)",
        _ => "seccomp unknown",
    };
    let user = server.user.as_ref().map_or_else(|| server.uid.to_string(), |name| format!("{name} ({})", server.uid));
    page.field("runs as", &format!("user {user}, {} threads, {seccomp}", server.threads));
    let place = &server.place;
    let mut places = Vec::new();
    if let Some(container) = &place.container {
        places.push(format!("{} container {}", container.runtime.name(), container.id));
    }
    if let Some(unit) = &place.unit {
        places.push(format!("unit {}", unit));
    }
    if let (true, Some(cgroup)) = (places.is_empty(), &place.cgroup) {
        places.push(format!("control group {}", cgroup));
    }
    if let Some(inner) = server.inner_pid {
        places.push(format!("pid {inner} there"));
    }
    if let Some(namespaces) = server.namespaces.as_ref().filter(|namespaces| !namespaces.is_empty()) {
        let names: Vec<&str> = namespaces.iter().map(|namespace| namespace.name()).collect();
        places.push(format!("separate namespaces: {}", names.join(", ")));
    }
    if !places.is_empty() {
        page.field("in", &places.join("; "));
    }
    if !server.options.given.is_empty() {
        page.field("options", &server.options.given.join(" "));
    }
}

fn tracing(server: &Server, tracing: &Tracing, page: &mut Page<'_>) {
    if server.same_binary_as.is_none() {
        for (index, step) in tracing.steps.iter().enumerate() {
            page.field(if index == 0 { "symbols" } else { "" }, &format!("{}: {}", step.source, step.outcome));
        }
        for probe in &tracing.probes {
            self::probe(probe, "", page);
        }
        for probe in &tracing.full_probes {
            self::probe(probe, "with --detail full: ", page);
        }
    }
    for note in tracing.notes.iter().filter(|_| server.same_binary_as.is_none()) {
        page.field("note", note);
    }
    for limit in &tracing.limits {
        page.field(if limit.certain { "limit" } else { "if used" }, &limit.what);
        page.field("", &format!("Fix: {}", limit.fix));
    }
}

fn probe(probe: &Probe, when: &str, page: &mut Page<'_>) {
    let how = if probe.emulated { "emulated" } else { "single-stepped" };
    page.field(
        &format!("{} probe", probe.name.name()),
        &format!(
            "{when}{} at file offset {:#x}: {} ({how}, about {:.1} µs per trap)",
            probe.function, probe.offset, probe.instruction, probe.expected_cost_us
        ),
    );
    let found_by = summary::found_by(probe.found_by);
    if page.is_verbose() {
        page.field("", &format!("found by: {found_by}; proofs:"));
        for proof in &probe.proof {
            page.point(proof);
        }
    } else {
        let proofs = summary::plural(probe.proof.len() as u64, "proof");
        page.field("", &format!("found by: {found_by}; {proofs} (listed by --verbose)"));
    }
}

fn problems(problems: &[Problem], page: &mut Page<'_>) {
    page.heading("Problems");
    if problems.is_empty() {
        page.item(Mark::Ok, "none");
    }
    for problem in problems {
        let mark = match problem.severity {
            Severity::Error => Mark::Bad,
            Severity::Warning => Mark::Warning,
        };
        page.item(mark, &problem.text());
        page.item(Mark::Plain, &format!("Fix: {}", problem.fix));
    }
}
