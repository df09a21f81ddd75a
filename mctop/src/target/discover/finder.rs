//! Searches all processes for memcached servers.

use std::fs;

use anyhow::Context;

use super::binary::Binaries;
use super::listeners::{Listeners, PortUse};
use super::namespaces::{self, Users};
use super::process::{ExaminedProcess, examine};
use super::{Process, Selection};
use crate::error::Failure;
use crate::kernel::filesystems;

/// The usual name of a memcached process. It only affects what is reported about processes that cannot be examined.
const USUAL_NAME: &str = "memcached";

/// A process that we may not examine, so that we do not know whether it is a memcached server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// Its PID.
    pub pid: u32,
    /// Its name, which proves nothing.
    pub name: String,
}

impl Denied {
    /// Whether its name is that of a memcached server.
    #[must_use]
    pub fn is_named_memcached(&self) -> bool {
        self.name == USUAL_NAME
    }

    /// Why it could not be examined, and what to do.
    #[must_use]
    pub fn failure(&self) -> Failure {
        let why = if namespaces::may_trace() {
            "although mctop has the CAP_SYS_PTRACE capability. Either a security module (AppArmor, SELinux) forbids it, or the \
             process is in a user namespace over which mctop has no rights. Run mctop on the host, outside of containers, or \
             change the policy of the security module"
        } else {
            "because mctop lacks the CAP_SYS_PTRACE capability, which it needs for processes of other users and for those that \
             have changed their user. Run mctop as root, for example with sudo"
        };
        Failure::privilege(format!(
            "Process {} ({}) cannot be examined: opening its binary was denied, {why}.",
            self.pid, self.name
        ))
    }
}

/// The result of examining all processes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// The memcached servers, ordered by PID.
    pub servers: Vec<Process>,
    /// Processes that we may not examine, ordered by PID.
    pub denied: Vec<Denied>,
}

/// Finds servers, and remembers between searches which files are memcached binaries.
#[derive(Debug, Default)]
pub struct Finder {
    binaries: Binaries,
    users: Option<Users>,
}

impl Finder {
    /// Finds the selected servers, as [`super::discover`] does.
    ///
    /// # Errors
    /// Those of [`super::discover`].
    pub fn find(&mut self, selection: &Selection) -> anyhow::Result<Vec<Process>> {
        if !selection.pids.is_empty() {
            return self.selected(&selection.pids);
        }
        let survey = self.survey()?;
        if !selection.ports.is_empty() {
            return listening(survey, &selection.ports, PortUse::of);
        }
        let likely = survey.denied.iter().find(|denied| denied.is_named_memcached());
        match (survey.servers.is_empty(), likely) {
            (false, Some(denied)) => log::warn!("{}", denied.failure()),
            (false, None) => {}
            (true, Some(denied)) => return Err(denied.failure().into()),
            (true, None) => return Err(no_server_failure(survey.denied.len()).into()),
        }
        Ok(survey.servers)
    }

    /// Examines all processes.
    ///
    /// # Errors
    /// If `/proc` cannot be listed.
    pub fn survey(&mut self) -> anyhow::Result<Survey> {
        let mut listeners = Listeners::default();
        let mut survey = Survey::default();
        for pid in pids()? {
            let examined = self.examine(pid, &mut listeners).unwrap_or_else(|error| {
                log::debug!("skipping process {pid}: {error:#}");
                ExaminedProcess::Absent
            });
            match examined {
                ExaminedProcess::Server(process) => survey.servers.push(*process),
                ExaminedProcess::Denied(name) => survey.denied.push(Denied { pid, name }),
                ExaminedProcess::Absent
                | ExaminedProcess::Exited
                | ExaminedProcess::Thread(_)
                | ExaminedProcess::Other(_) => {}
            }
        }
        Ok(survey)
    }

    /// Examines one process.
    ///
    /// # Errors
    /// Those of [`examine`].
    pub(super) fn examine(&mut self, pid: u32, listeners: &mut Listeners) -> anyhow::Result<ExaminedProcess> {
        let users = self.users.get_or_insert_with(Users::read);
        examine(pid, &mut self.binaries, listeners, users)
    }

    fn selected(&mut self, pids: &[u32]) -> anyhow::Result<Vec<Process>> {
        let mut pids = pids.to_vec();
        pids.sort_unstable();
        pids.dedup();
        let mut listeners = Listeners::default();
        let mut found = Vec::new();
        for pid in pids {
            let failure = match self.examine(pid, &mut listeners)? {
                ExaminedProcess::Server(process) => {
                    found.push(*process);
                    continue;
                }
                ExaminedProcess::Absent => Failure::no_target(format!(
                    "There is no process {pid}; it may have exited. Run mctop without --pid to search for memcached servers."
                )),
                ExaminedProcess::Exited => exited_failure(&[pid]),
                ExaminedProcess::Thread(leader) => Failure::no_target(format!(
                    "{pid} is a thread of process {leader}, not a process. Use --pid {leader}."
                )),
                ExaminedProcess::Other(name) => Failure::no_target(format!(
                    "Process {pid} ({name}) is not a memcached server: its binary lacks memcached's messages. Run mctop without --pid \
                     to search for memcached servers."
                )),
                ExaminedProcess::Denied(name) => Denied { pid, name }.failure(),
            };
            return Err(failure.into());
        }
        Ok(found)
    }
}

/// The servers on these ports. Every port must have one; `used_by` finds out which other processes use a port.
fn listening(survey: Survey, wanted: &[u16], used_by: impl Fn(u16) -> PortUse) -> anyhow::Result<Vec<Process>> {
    for port in wanted {
        if !survey.servers.iter().any(|server| server.ports().any(|other| other == *port)) {
            return Err(not_listening(&survey, *port, &used_by(*port)).into());
        }
    }
    let is_wanted = |server: &Process| server.ports().any(|port| wanted.contains(&port));
    Ok(survey.servers.into_iter().filter(is_wanted).collect())
}

/// Why no server was found on a port. The kind is "privilege" if missing privileges are or may be the reason.
fn not_listening(survey: &Survey, port: u16, used: &PortUse) -> Failure {
    let found = found(&survey.servers);
    // A server that we may not examine may be in a container and listen on this port there.
    let likely = survey.denied.iter().find(|denied| denied.is_named_memcached());
    if let Some(denied) = likely.filter(|_| !matches!(used, PortUse::Processes { .. })) {
        return Failure::privilege(format!("{found}; none on port {port}. {}", denied.failure().message));
    }
    let advice = "Use --port with the port of a memcached, or run mctop without --port to watch every server.";
    match used {
        PortUse::Unused => Failure::no_target(format!("Nothing listens on TCP or UDP port {port}. {found}. {advice}")),
        PortUse::Processes { first: (pid, name), others } => {
            let others = match others {
                0 => " does".to_owned(),
                1 => " and another process do".to_owned(),
                others => format!(" and {others} other processes do"),
            };
            Failure::no_target(format!(
                "No memcached listens on TCP or UDP port {port}, but process {pid} ({name}){others}. {found}. {advice}"
            ))
        }
        PortUse::Unknown => Failure::privilege(format!(
            "A process listens on TCP or UDP port {port}, but mctop cannot see which one{}. {found}. {advice}",
            how_to_include()
        )),
    }
}

/// How many servers were found, and on which ports.
fn found(servers: &[Process]) -> String {
    let mut ports: Vec<u16> = servers.iter().flat_map(Process::ports).collect();
    ports.sort_unstable();
    ports.dedup();
    let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
    match (servers.len(), ports.as_slice()) {
        (0, _) => "No memcached was found at all".to_owned(),
        (number, []) => format!("{number} memcached found, on no visible port"),
        (1, ports) => format!("1 memcached found, on port {}", ports.join(", ")),
        (number, ports) => format!("{number} memcached found, on ports {}", ports.join(", ")),
    }
}

/// The PIDs of all processes, without threads, ascending.
pub(super) fn pids() -> anyhow::Result<Vec<u32>> {
    let entries = fs::read_dir("/proc").context("cannot list the processes in /proc")?;
    let mut pids: Vec<u32> =
        entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).filter(|&pid| pid != 0).collect();
    pids.sort_unstable();
    Ok(pids)
}

/// A number of processes, in words.
pub(crate) fn processes(number: usize) -> String {
    if number == 1 { "1 process".to_owned() } else { format!("{number} processes") }
}

/// Why some processes cannot be examined and what to do, to be appended to a clause.
fn how_to_include() -> &'static str {
    if namespaces::may_trace() {
        ", although mctop has the CAP_SYS_PTRACE capability: a security module or a user namespace forbids it"
    } else {
        " without the CAP_SYS_PTRACE capability: run mctop as root, for example with sudo, to include them"
    }
}

/// Why no server was found, when there are `denied` processes that we may not examine, none of them named memcached.
pub(super) fn no_server_failure(denied: usize) -> Failure {
    let unseen = match denied {
        0 => String::new(),
        _ => format!(" {} with other names cannot be examined{}.", processes(denied), how_to_include()),
    };
    let hidden = match filesystems::hidepid().filter(|_| !namespaces::may_trace()) {
        Some(mode) => format!(
            " Processes of other users are hidden, because /proc is mounted with {mode}: run mctop as root, or with the \
             CAP_SYS_PTRACE capability."
        ),
        None => String::new(),
    };
    Failure::no_target(format!(
        "No memcached server was found among the running processes. Start one, or run mctop in the PID namespace of a running \
         one: processes of other PID namespaces are not visible.{unseen}{hidden}"
    ))
}

/// The failure when processes that the user named have exited.
pub(super) fn exited_failure(pids: &[u32]) -> Failure {
    let numbers: Vec<String> = pids.iter().map(u32::to_string).collect();
    let who = match pids {
        [pid] => format!("Process {pid} has exited"),
        _ => format!("Processes {} have exited", numbers.join(", ")),
    };
    Failure::no_target(format!(
        "{who}. Run mctop again with the PID of a running memcached, or without --pid to search for memcached servers."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::FailureKind;

    fn survey() -> Survey {
        let servers = vec![
            Process::sample(1, &["127.0.0.1:11211", "[::1]:11211", "udp 0.0.0.0:11311"]),
            Process::sample(2, &["unix:/run/a:11411"]),
            Process::sample(3, &["10.0.0.1:11211"]),
        ];
        Survey { servers, denied: Vec::new() }
    }

    fn pids(ports: &[u16]) -> Vec<u32> {
        listening(survey(), ports, |_| PortUse::Unused).unwrap().iter().map(|server| server.pid).collect()
    }

    fn failure(survey: Survey, ports: &[u16], used: &PortUse) -> Failure {
        listening(survey, ports, |_| used.clone()).unwrap_err().downcast().unwrap()
    }

    #[test]
    fn servers_by_port() {
        assert_eq!(pids(&[11211]), [1, 3]);
        assert_eq!(pids(&[11311, 11211]), [1, 3]);
        assert_eq!(pids(&[11311]), [1]);
    }

    #[test]
    fn a_wrong_port_lists_the_right_ones() {
        let failure_here = failure(survey(), &[11211, 11411], &PortUse::Unused);
        assert_eq!(failure_here.kind, FailureKind::NoTarget);
        for part in ["Nothing listens on TCP or UDP port 11411", "on ports 11211, 11311"] {
            assert!(failure_here.message.contains(part), "{}", failure_here.message);
        }
        let none = failure(Survey::default(), &[1], &PortUse::Unused);
        assert!(none.message.contains("No memcached was found at all"), "{}", none.message);
    }

    #[test]
    fn the_program_on_a_wrong_port_is_named() {
        for (others, text) in [(0, "process 77 (nginx) does."), (2, "process 77 (nginx) and 2 other processes do.")] {
            let failure = failure(survey(), &[80], &PortUse::Processes { first: (77, "nginx".into()), others });
            assert_eq!(failure.kind, FailureKind::NoTarget);
            assert!(failure.message.contains(text), "{}", failure.message);
        }
    }

    #[test]
    fn a_server_that_may_not_be_examined_may_be_the_one() {
        let denied = |name: &str| Survey { denied: vec![Denied { pid: 9, name: name.into() }], ..survey() };
        // It may listen on that port in a container.
        assert_eq!(failure(denied("memcached"), &[1], &PortUse::Unused).kind, FailureKind::Privilege);
        assert_eq!(failure(denied("memcached"), &[1], &PortUse::Unknown).kind, FailureKind::Privilege);
        let unknown = failure(denied("cache"), &[1], &PortUse::Unknown);
        assert_eq!(unknown.kind, FailureKind::Privilege);
        assert!(unknown.message.contains("CAP_SYS_PTRACE"), "{}", unknown.message);
    }

    #[test]
    fn processes_that_may_not_be_examined_do_not_explain_a_port_that_nobody_uses() {
        let denied = vec![Denied { pid: 9, name: "agent".into() }];
        let failure = failure(Survey { denied, ..survey() }, &[1], &PortUse::Unused);
        assert_eq!(failure.kind, FailureKind::NoTarget);
        for part in ["examined", "CAP_SYS_PTRACE", "security module"] {
            assert!(!failure.message.contains(part), "{}", failure.message);
        }
    }

    #[test]
    fn exited_processes_are_not_found() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        // Until it is waited for, it is a zombie, which cannot be examined.
        while fs::read_to_string(format!("/proc/{pid}/stat")).unwrap().split(' ').nth(2) != Some("Z") {
            std::thread::yield_now();
        }
        let mut finder = Finder::default();
        let selection = Selection { pids: vec![pid], ..Selection::default() };
        let failure: Failure = finder.find(&selection).unwrap_err().downcast().unwrap();
        assert_eq!(failure.kind, FailureKind::NoTarget);
        assert!(failure.message.starts_with(&format!("Process {pid} has exited.")), "{}", failure.message);
        let survey = finder.survey().unwrap();
        assert!(survey.servers.iter().all(|server| server.pid != pid));
        assert!(survey.denied.iter().all(|denied| denied.pid != pid));
        child.wait().unwrap();
    }
}
