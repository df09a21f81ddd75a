//! Looks through the processes.

use std::fs;

use anyhow::Context;

use super::binary::Binaries;
use super::listeners::{Listeners, PortUse};
use super::process::{Examined, examine};
use super::surroundings::{self, Users};
use super::{Process, Selection};
use crate::error::Failure;
use crate::kernel::filesystems;

/// Name of the server's process, which only decides what is said of processes that cannot be examined.
const USUAL_NAME: &str = "memcached";

/// A process that may not be examined, so that it is not known whether it is a memcached server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// Its number.
    pub pid: u32,
    /// Its name, which proves nothing.
    pub name: String,
}

impl Denied {
    /// Whether it is called what a memcached server usually is.
    #[must_use]
    pub fn is_likely(&self) -> bool {
        self.name == USUAL_NAME
    }

    /// Why it is not known what it is, and what to do.
    #[must_use]
    pub fn failure(&self) -> Failure {
        let why = if surroundings::may_trace() {
            "although mctop has the CAP_SYS_PTRACE capability. A security module of this host (AppArmor, SELinux) forbids it, or the \
             process belongs to a user namespace that mctop is not over: run mctop outside of containers, or allow it there"
        } else {
            "which takes the CAP_SYS_PTRACE capability for processes of other users and for those that changed user. Run mctop as \
             root, for example with sudo"
        };
        Failure::privilege(format!(
            "Process {} ({}) may not be examined: opening its binary was denied, {why}.",
            self.pid, self.name
        ))
    }
}

/// All processes, as far as they may be examined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// The memcached servers, by process number.
    pub servers: Vec<Process>,
    /// Those that may be, by process number.
    pub denied: Vec<Denied>,
}

/// Finds servers again and again: it remembers which files are memcached.
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
        let likely = survey.denied.iter().find(|denied| denied.is_likely());
        match (survey.servers.is_empty(), likely) {
            (false, Some(denied)) => log::warn!("{}", denied.failure()),
            (false, None) => {}
            (true, Some(denied)) => return Err(denied.failure().into()),
            (true, None) => return Err(none(survey.denied.len()).into()),
        }
        Ok(survey.servers)
    }

    /// Examines all processes.
    ///
    /// # Errors
    /// When `/proc` cannot be listed.
    pub fn survey(&mut self) -> anyhow::Result<Survey> {
        let mut listeners = Listeners::default();
        let mut survey = Survey::default();
        for pid in pids()? {
            let examined = self.examine(pid, &mut listeners).unwrap_or_else(|error| {
                log::debug!("process {pid} is left out: {error:#}");
                Examined::Absent
            });
            match examined {
                Examined::Server(process) => survey.servers.push(*process),
                Examined::Denied(name) => survey.denied.push(Denied { pid, name }),
                Examined::Absent | Examined::Exited | Examined::Thread(_) | Examined::Other(_) => {}
            }
        }
        Ok(survey)
    }

    /// Examines one process.
    ///
    /// # Errors
    /// Those of [`examine`].
    pub(super) fn examine(&mut self, pid: u32, listeners: &mut Listeners) -> anyhow::Result<Examined> {
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
            match self.examine(pid, &mut listeners)? {
                Examined::Server(process) => found.push(*process),
                Examined::Absent => {
                    return Err(Failure::no_target(format!(
                        "There is no process {pid}; it may have exited. Run mctop without --pid to have it look for memcached."
                    ))
                    .into());
                }
                Examined::Exited => return Err(exited(&[pid]).into()),
                Examined::Thread(leader) => {
                    return Err(Failure::no_target(format!(
                        "{pid} is a thread of process {leader}, not a process. Name the process: --pid {leader}."
                    ))
                    .into());
                }
                Examined::Other(name) => {
                    return Err(Failure::no_target(format!(
                        "Process {pid} ({name}) is not a memcached server, which is told by the messages in its binary. Run \
                         mctop without --pid to have it look for memcached."
                    ))
                    .into());
                }
                Examined::Denied(name) => return Err(Denied { pid, name }.failure().into()),
            }
        }
        Ok(found)
    }
}

/// The servers on these ports, each of which must have one; `used_by` tells who else uses a port.
fn listening(survey: Survey, wanted: &[u16], used_by: impl Fn(u16) -> PortUse) -> anyhow::Result<Vec<Process>> {
    for port in wanted {
        if !survey.servers.iter().any(|server| server.ports().any(|other| other == *port)) {
            return Err(not_listening(&survey, *port, &used_by(*port)).into());
        }
    }
    let is_wanted = |server: &Process| server.ports().any(|port| wanted.contains(&port));
    Ok(survey.servers.into_iter().filter(is_wanted).collect())
}

/// Why there is no server on a port; a missing privilege where that is, or may be, the reason.
fn not_listening(survey: &Survey, port: u16, used: &PortUse) -> Failure {
    let found = found(&survey.servers);
    // One in a container may listen at this port there.
    let likely = survey.denied.iter().find(|denied| denied.is_likely());
    if let Some(denied) = likely.filter(|_| !matches!(used, PortUse::Processes { .. })) {
        return Failure::privilege(format!("{found}; none on port {port}. {}", denied.failure().message));
    }
    let advice =
        "Name a port with --port on which memcached listens, or run mctop without --port to watch every server.";
    match used {
        PortUse::Nobody => Failure::no_target(format!("Nothing listens on TCP or UDP port {port}. {found}. {advice}")),
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
            "Something listens on TCP or UDP port {port}; which process that is cannot be told{}. {found}. {advice}",
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
        (number, []) => format!("{number} memcached found, on no port that can be seen"),
        (1, ports) => format!("1 memcached found, on port {}", ports.join(", ")),
        (number, ports) => format!("{number} memcached found, on ports {}", ports.join(", ")),
    }
}

/// The numbers of all processes, ascending; threads are not among them.
pub(super) fn pids() -> anyhow::Result<Vec<u32>> {
    let entries = fs::read_dir("/proc").context("cannot list /proc, where processes are found")?;
    let mut pids: Vec<u32> =
        entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).filter(|&pid| pid != 0).collect();
    pids.sort_unstable();
    Ok(pids)
}

/// So many of them.
#[must_use]
pub fn processes(number: usize) -> String {
    if number == 1 { "1 process".to_owned() } else { format!("{number} processes") }
}

/// What to do about processes that may not be examined.
fn how_to_include() -> &'static str {
    if surroundings::may_trace() {
        ", although mctop has the CAP_SYS_PTRACE capability: a security module of this host or a user namespace forbids it"
    } else {
        ", which takes the CAP_SYS_PTRACE capability: run mctop as root, for example with sudo, to include them"
    }
}

/// Why there is no server at all, with so many processes that may not be examined, none of them called memcached.
pub(super) fn none(denied: usize) -> Failure {
    let unseen = match denied {
        0 => String::new(),
        _ => format!(" {} not called memcached may not be examined{}.", processes(denied), how_to_include()),
    };
    let hidden = match filesystems::hidepid().filter(|_| !surroundings::may_trace()) {
        Some(mode) => format!(
            " Those of other users are not seen either, because /proc is mounted with {mode}: run mctop as root, or with the \
             CAP_SYS_PTRACE capability."
        ),
        None => String::new(),
    };
    Failure::no_target(format!(
        "No memcached server was found among the running processes. Start one, or run mctop where it runs: processes of another \
         PID namespace cannot be seen.{unseen}{hidden}"
    ))
}

/// What is said of processes that were wanted and have exited.
#[must_use]
pub(super) fn exited(pids: &[u32]) -> Failure {
    let numbers: Vec<String> = pids.iter().map(u32::to_string).collect();
    let who = match pids {
        [pid] => format!("Process {pid} has exited"),
        _ => format!("Processes {} have exited", numbers.join(", ")),
    };
    Failure::no_target(format!(
        "{who}. Run mctop again when memcached runs, or without --pid to have it look for memcached."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn survey() -> Survey {
        let servers = vec![
            Process::sample(1, &["127.0.0.1:11211", "[::1]:11211", "udp 0.0.0.0:11311"]),
            Process::sample(2, &["unix:/run/a:11411"]),
            Process::sample(3, &["10.0.0.1:11211"]),
        ];
        Survey { servers, denied: Vec::new() }
    }

    fn pids(ports: &[u16]) -> Vec<u32> {
        listening(survey(), ports, |_| PortUse::Nobody).unwrap().iter().map(|server| server.pid).collect()
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
    fn a_port_without_a_server_is_told_those_with_one() {
        let failure_here = failure(survey(), &[11211, 11411], &PortUse::Nobody);
        assert_eq!(failure_here.kind, Kind::NoTarget);
        for part in ["Nothing listens on TCP or UDP port 11411", "on ports 11211, 11311"] {
            assert!(failure_here.message.contains(part), "{}", failure_here.message);
        }
        let none = failure(Survey::default(), &[1], &PortUse::Nobody);
        assert!(none.message.contains("No memcached was found at all"), "{}", none.message);
    }

    #[test]
    fn a_port_of_another_program_names_it() {
        for (others, text) in [(0, "process 77 (nginx) does."), (2, "process 77 (nginx) and 2 other processes do.")] {
            let failure = failure(survey(), &[80], &PortUse::Processes { first: (77, "nginx".into()), others });
            assert_eq!(failure.kind, Kind::NoTarget);
            assert!(failure.message.contains(text), "{}", failure.message);
        }
    }

    #[test]
    fn a_server_that_may_not_be_examined_may_be_the_one() {
        let denied = |name: &str| Survey { denied: vec![Denied { pid: 9, name: name.into() }], ..survey() };
        // It may be in a container.
        assert_eq!(failure(denied("memcached"), &[1], &PortUse::Nobody).kind, Kind::Privilege);
        assert_eq!(failure(denied("memcached"), &[1], &PortUse::Unknown).kind, Kind::Privilege);
        let unknown = failure(denied("cache"), &[1], &PortUse::Unknown);
        assert_eq!(unknown.kind, Kind::Privilege);
        assert!(unknown.message.contains("CAP_SYS_PTRACE"), "{}", unknown.message);
    }

    #[test]
    fn processes_that_may_not_be_examined_do_not_explain_a_port_that_nobody_uses() {
        let denied = vec![Denied { pid: 9, name: "agent".into() }];
        let failure = failure(Survey { denied, ..survey() }, &[1], &PortUse::Nobody);
        assert_eq!(failure.kind, Kind::NoTarget);
        for part in ["examined", "CAP_SYS_PTRACE", "security module"] {
            assert!(!failure.message.contains(part), "{}", failure.message);
        }
    }

    #[test]
    fn what_has_exited_is_not_there() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        // Until it is waited for, it is there and has nothing that could be examined.
        while fs::read_to_string(format!("/proc/{pid}/stat")).unwrap().split(' ').nth(2) != Some("Z") {
            std::thread::yield_now();
        }
        let mut finder = Finder::default();
        let selection = Selection { pids: vec![pid], ..Selection::default() };
        let failure: Failure = finder.find(&selection).unwrap_err().downcast().unwrap();
        assert_eq!(failure.kind, Kind::NoTarget);
        assert!(failure.message.starts_with(&format!("Process {pid} has exited.")), "{}", failure.message);
        let survey = finder.survey().unwrap();
        assert!(survey.servers.iter().all(|server| server.pid != pid));
        assert!(survey.denied.iter().all(|denied| denied.pid != pid));
        child.wait().unwrap();
    }
}
