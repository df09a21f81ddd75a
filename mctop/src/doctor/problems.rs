//! What is wrong, and what to do about it: every problem has its fix.

use mctop_common::version::OLDEST;

use super::diagnosis::{Area, Facts, Problem, Severity};
use super::kernel::Lockdown;
use super::trial::Trial;
use crate::kernel::filesystems::hide_processes;
use crate::target::discover::processes;

/// Most characters of what the kernel said that are shown: a verifier's log can be a megabyte.
const REASON_MAX: usize = 600;

/// Everything that is wrong, by area.
#[must_use]
pub(super) fn of(facts: &Facts) -> Vec<Problem> {
    let mut list = List::default();
    kernel(facts, &mut list);
    privileges(facts, &mut list);
    programs(facts, &mut list);
    memory(facts, &mut list);
    servers(facts, &mut list);
    list.0
}

#[derive(Default)]
struct List(Vec<Problem>);

impl List {
    fn add(&mut self, severity: Severity, area: Area, what: impl Into<String>, fix: impl Into<String>) {
        self.0.push(Problem { severity, area, pid: None, what: what.into(), fix: fix.into() });
    }

    fn add_of(&mut self, pid: u32, severity: Severity, what: impl Into<String>, fix: impl Into<String>) {
        self.0.push(Problem { severity, area: Area::Servers, pid: Some(pid), what: what.into(), fix: fix.into() });
    }
}

fn kernel(facts: &Facts, list: &mut List) {
    let (kernel, programs) = (&facts.kernel, &facts.programs);
    if kernel.attach_cookies == Some(false) {
        list.add(
            Severity::Error,
            Area::Kernel,
            "This kernel gives no attach cookies to the programs of uprobes, as a trial has shown.",
            "Boot a kernel that does: Linux 5.15 or newer, or an older one into which its distribution has ported that, such as \
             RHEL 9's.",
        );
    }
    for fault in &facts.faults {
        list.add(Severity::Error, Area::Kernel, fault.problem(), fault.fix());
    }
    if kernel.jit == Some(false) {
        list.add(
            Severity::Warning,
            Area::Kernel,
            "eBPF programs are interpreted, which makes every hit of a probe cost more.",
            "Turn the compiler on: sysctl net.core.bpf_jit_enable=1.",
        );
    }
    if kernel.lockdown == Some(Lockdown::Confidentiality) && !programs.work() {
        let severity = if facts.privileges.sufficient { Severity::Error } else { Severity::Warning };
        list.add(
            severity,
            Area::Kernel,
            "Kernel lockdown is in confidentiality mode, which forbids tracing even to root.",
            "Boot with lockdown=integrity, or without lockdown.",
        );
    }
}

fn privileges(facts: &Facts, list: &mut List) {
    let privileges = &facts.privileges;
    if !privileges.sufficient {
        list.add(
            Severity::Error,
            Area::Privileges,
            format!("This process lacks {}.", privileges.missing().join(", ")),
            "Run it as root (sudo mctop doctor); in a container, run it on the host or add these capabilities and the \
             host's PID namespace (--pid=host).",
        );
    }
    if privileges.initial_user_namespace == Some(false) && !facts.programs.work() {
        list.add(
            Severity::Error,
            Area::Privileges,
            "This process is in a user namespace of its own, in which capabilities do not count for tracing.",
            "Run mctop as root of the host, outside of rootless containers.",
        );
    }
    if privileges.initial_pid_namespace == Some(false) {
        list.add(
            Severity::Warning,
            Area::Privileges,
            "This process is in a PID namespace of its own: servers outside of it are not seen.",
            "Run mctop on the host, or its container with the host's PID namespace (--pid=host).",
        );
    }
    if let Some(mode) = facts.hidepid.as_ref().filter(|_| !privileges.holds("CAP_SYS_PTRACE")) {
        list.add(
            Severity::Warning,
            Area::Privileges,
            format!("/proc is mounted with {mode}, which hides the processes of other users."),
            "Run mctop as root, or add CAP_SYS_PTRACE.",
        );
    }
    if privileges.sufficient && !privileges.holds("CAP_SYS_PTRACE") && facts.search.denied > 0 {
        list.add(
            Severity::Warning,
            Area::Privileges,
            format!(
                "{} processes of other users could not be examined for want of CAP_SYS_PTRACE.",
                facts.search.denied
            ),
            "Run mctop as root, or add CAP_SYS_PTRACE.",
        );
    }
}

fn programs(facts: &Facts, list: &mut List) {
    let fix = if facts.kernel.lockdown == Some(Lockdown::Confidentiality) {
        "Boot with lockdown=integrity, or without lockdown."
    } else if facts.privileges.initial_user_namespace == Some(false) {
        "Run mctop as root of the host, outside of rootless containers."
    } else {
        "Run mctop on the host, on a kernel with CONFIG_BPF_SYSCALL, CONFIG_BPF_EVENTS and CONFIG_UPROBE_EVENTS; in a \
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
            format!("No uprobe could be attached to mctop itself: {}", excerpt(reason)),
            fix,
        );
    }
}

fn memory(facts: &Facts, list: &mut List) {
    let room = &facts.room;
    let (severity, what) = match (&facts.programs.load, &facts.programs.attach) {
        (Trial::Failed { reason, lacks_memory: true }, _) | (_, Trial::Failed { reason, lacks_memory: true }) => {
            (Severity::Error, format!("There is not enough memory: {}. {}", excerpt(reason), room.what()))
        }
        _ => match room.warning() {
            Some(warning) => (Severity::Warning, warning),
            None => return,
        },
    };
    list.add(severity, Area::Memory, what, room.fix());
}

/// What can be done where the privilege is there.
const IN_SPITE: &str = "mctop has the CAP_SYS_PTRACE capability: a security module of this host (AppArmor, SELinux) or a user namespace \
                        forbids it. Run mctop outside of containers, or allow it there.";

fn servers(facts: &Facts, list: &mut List) {
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
            "Name other servers, or none to have every memcached examined.",
        );
    } else if search.servers.is_empty() && search.likely.is_empty() {
        let what = match search.denied {
            0 => "No memcached server was found among the running processes.".to_owned(),
            denied => format!(
                "No memcached server was found among the running processes; {} not called memcached may not be examined.",
                processes(denied)
            ),
        };
        // With all privileges, what may not be examined is hardly a memcached under another name.
        let fix = if search.denied == 0 || may_trace {
            "Start one, or run mctop where it runs: processes of another PID namespace cannot be seen."
        } else {
            "Run mctop as root, to have all processes examined; or start a memcached."
        };
        list.add(Severity::Error, Area::Servers, what, fix);
    }
    for pid in &search.likely {
        list.add_of(
            *pid,
            Severity::Error,
            "It is called memcached, but may not be examined.",
            if may_trace {
                IN_SPITE
            } else {
                "Run mctop as root; its own user may examine it too, if it was started by that user."
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
                    "Run a memcached of {OLDEST} or newer for x86-64 with its unwind tables, as distributions build it, or report \
                     this one with its version and build-id."
                ),
            );
        }
        // Of servers that run the same file, but not with the same options.
        for limit in server.tracing.iter().flat_map(|tracing| &tracing.limits).filter(|limit| limit.certain) {
            list.add_of(server.pid, Severity::Warning, limit.what.clone(), limit.fix.clone());
        }
    }
}

/// The begin of a text that may be long, in one line.
pub(super) fn excerpt(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(REASON_MAX) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line,
    }
}
