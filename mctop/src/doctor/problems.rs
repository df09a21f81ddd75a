//! Problems and their fixes.

use mctop_common::version::OLDEST;
use serde::Serialize;

use super::Facts;
use super::kernel::Lockdown;
use super::trial::Trial;
use crate::kernel::filesystems::hide_processes;
use crate::target::discover::processes;

/// Maximum length of an error message of the kernel in characters: a verifier log can have a megabyte.
const REASON_MAX: usize = 600;

/// Severity of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Severity {
    /// Nothing can be traced, or not this server.
    Error,
    /// Something cannot be seen, or costs more.
    Warning,
}

/// What a problem is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Area {
    /// The kernel.
    Kernel,
    /// Privileges of this process.
    Privileges,
    /// The eBPF programs.
    Programs,
    /// Memory for the kernel's and mctop's tables.
    Memory,
    /// A server, or the search for servers.
    Servers,
}

/// A problem and its fix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    /// Its severity.
    pub severity: Severity,
    /// The area it belongs to.
    pub area: Area,
    /// The server concerned.
    pub pid: Option<u32>,
    /// What is wrong, in a sentence.
    pub what: String,
    /// What to do, in a sentence.
    pub fix: String,
}

impl Problem {
    /// What is wrong, with the server concerned in front.
    pub(crate) fn text(&self) -> String {
        self.pid.map_or_else(|| self.what.clone(), |pid| format!("Process {pid}: {}", self.what))
    }
}

/// All problems, by area.
pub(super) fn of(facts: &Facts) -> Vec<Problem> {
    let mut list = ProblemList::default();
    kernel(facts, &mut list);
    privileges(facts, &mut list);
    programs(facts, &mut list);
    memory(facts, &mut list);
    servers(facts, &mut list);
    list.0
}

#[derive(Default)]
struct ProblemList(Vec<Problem>);

impl ProblemList {
    fn add(&mut self, severity: Severity, area: Area, what: impl Into<String>, fix: impl Into<String>) {
        self.0.push(Problem { severity, area, pid: None, what: what.into(), fix: fix.into() });
    }

    fn add_of(&mut self, pid: u32, severity: Severity, what: impl Into<String>, fix: impl Into<String>) {
        self.0.push(Problem { severity, area: Area::Servers, pid: Some(pid), what: what.into(), fix: fix.into() });
    }
}

fn kernel(facts: &Facts, list: &mut ProblemList) {
    let (kernel, programs) = (&facts.kernel, &facts.programs);
    if kernel.attach_cookies == Some(false) {
        list.add(
            Severity::Error,
            Area::Kernel,
            "This kernel does not give attach cookies to uprobe programs (tried on mctop itself).",
            "Boot a kernel that does: Linux 5.15 or newer, or an older one with that feature backported, such as RHEL 9's.",
        );
    }
    for fault in &facts.faults {
        list.add(Severity::Error, Area::Kernel, fault.problem(), fault.fix());
    }
    if kernel.jit == Some(false) {
        list.add(
            Severity::Warning,
            Area::Kernel,
            "The eBPF compiler (JIT) is off, so every trap costs more.",
            "Turn it on: sysctl net.core.bpf_jit_enable=1.",
        );
    }
    if kernel.lockdown == Some(Lockdown::Confidentiality) && !programs.work() {
        let severity = if facts.privileges.sufficient { Severity::Error } else { Severity::Warning };
        list.add(
            severity,
            Area::Kernel,
            "Kernel lockdown is in confidentiality mode, which forbids tracing even for root.",
            "Boot with lockdown=integrity, or without lockdown.",
        );
    }
}

fn privileges(facts: &Facts, list: &mut ProblemList) {
    let privileges = &facts.privileges;
    if !privileges.sufficient {
        list.add(
            Severity::Error,
            Area::Privileges,
            format!("This process lacks {}.", privileges.missing().join(", ")),
            "Run mctop as root (sudo mctop doctor). In a container, add these capabilities and the host's PID namespace \
             (--pid=host), or run mctop on the host.",
        );
    }
    if privileges.initial_user_namespace == Some(false) && !facts.programs.work() {
        list.add(
            Severity::Error,
            Area::Privileges,
            "This process is in its own user namespace, whose capabilities do not permit tracing.",
            "Run mctop as root of the host, outside of rootless containers.",
        );
    }
    if privileges.initial_pid_namespace == Some(false) {
        list.add(
            Severity::Warning,
            Area::Privileges,
            "This process is in its own PID namespace and cannot see servers outside of it.",
            "Run mctop on the host, or start its container with the host's PID namespace (--pid=host).",
        );
    }
    if let Some(mode) = facts.hidepid.as_ref().filter(|_| !privileges.holds("CAP_SYS_PTRACE")) {
        list.add(
            Severity::Warning,
            Area::Privileges,
            format!("/proc is mounted with {mode}, which hides processes of other users."),
            "Run mctop as root, or add CAP_SYS_PTRACE.",
        );
    }
    if privileges.sufficient && !privileges.holds("CAP_SYS_PTRACE") && facts.search.denied > 0 {
        list.add(
            Severity::Warning,
            Area::Privileges,
            format!("{} could not be examined because CAP_SYS_PTRACE is missing.", processes(facts.search.denied)),
            "Run mctop as root, or add CAP_SYS_PTRACE.",
        );
    }
}

fn programs(facts: &Facts, list: &mut ProblemList) {
    let fix = if facts.kernel.lockdown == Some(Lockdown::Confidentiality) {
        "Boot with lockdown=integrity, or without lockdown."
    } else if facts.privileges.initial_user_namespace == Some(false) {
        "Run mctop as root of the host, outside of rootless containers."
    } else {
        "Run mctop on the host, on a kernel with CONFIG_BPF_SYSCALL, CONFIG_BPF_EVENTS and CONFIG_UPROBE_EVENTS. In a \
         container, its seccomp profile and security module must allow bpf() and perf_event_open()."
    };
    if let Trial::Failed { reason, lacks_memory: false } = &facts.programs.load {
        list.add(
            Severity::Error,
            Area::Programs,
            format!("The eBPF object could not be loaded: {}", excerpt(reason)),
            fix,
        );
    }
    if let Trial::Failed { reason, lacks_memory: false } = &facts.programs.attach {
        list.add(
            Severity::Error,
            Area::Programs,
            format!("mctop could not attach a uprobe to itself: {}", excerpt(reason)),
            fix,
        );
    }
}

fn memory(facts: &Facts, list: &mut ProblemList) {
    let memory = &facts.memory;
    let (severity, what) = match (&facts.programs.load, &facts.programs.attach) {
        (Trial::Failed { reason, lacks_memory: true }, _) | (_, Trial::Failed { reason, lacks_memory: true }) => {
            (Severity::Error, format!("There is not enough memory: {}. {}", excerpt(reason), memory.what()))
        }
        _ => match memory.warning() {
            Some(warning) => (Severity::Warning, warning),
            None => return,
        },
    };
    list.add(severity, Area::Memory, what, memory.fix());
}

/// The fix if a process may not be examined although mctop has the capability.
const FORBIDDEN_BY_POLICY: &str = "mctop has CAP_SYS_PTRACE, but a security module (AppArmor, SELinux) or a user namespace forbids it. Run \
                                   mctop outside of containers, or change that policy.";

fn servers(facts: &Facts, list: &mut ProblemList) {
    let search = &facts.search;
    if hide_processes(&facts.faults) {
        return;
    }
    let may_trace = facts.privileges.holds("CAP_SYS_PTRACE");
    if let Some((_, reason)) = &search.failure {
        list.add(
            Severity::Error,
            Area::Servers,
            reason.clone(),
            "Drop --pid and --port to examine every memcached, or name one that runs here.",
        );
    } else if search.servers.is_empty() && search.likely.is_empty() {
        let what = match search.denied {
            0 => "No memcached server was found among the running processes.".to_owned(),
            denied => format!(
                "No memcached server was found. mctop may not examine {}, none of them named memcached.",
                processes(denied)
            ),
        };
        // If mctop has all privileges, the processes that it may not examine are unlikely to be a renamed memcached.
        let fix = if search.denied == 0 || may_trace {
            "Start one, or run mctop where one runs: processes of other PID namespaces are invisible."
        } else {
            "Run mctop as root to examine all processes, or start a memcached."
        };
        list.add(Severity::Error, Area::Servers, what, fix);
    }
    for pid in &search.likely {
        list.add_of(
            *pid,
            Severity::Error,
            "It is named memcached, but mctop may not examine it.",
            if may_trace {
                FORBIDDEN_BY_POLICY
            } else {
                "Run mctop as root, or as the server's user if that user started the server."
            },
        );
    }
    for server in &search.servers {
        if let Some(reason) = &server.refusal {
            list.add_of(
                server.pid,
                Severity::Error,
                excerpt(reason),
                format!(
                    "Run memcached {OLDEST} or newer for x86-64 with unwind tables, as distributions build it, or report this binary \
                     with its version and build-id."
                ),
            );
        }
        // Servers of the same binary can have different options, and so different limits.
        for limit in server.tracing.iter().flat_map(|tracing| &tracing.limits).filter(|limit| limit.certain) {
            list.add_of(server.pid, Severity::Warning, limit.what.clone(), limit.fix.clone());
        }
    }
}

/// A text on one line, truncated if it is long.
pub(super) fn excerpt(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(REASON_MAX) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line,
    }
}
