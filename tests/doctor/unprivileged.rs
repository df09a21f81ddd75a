//! Users without privilege are told what they lack, and as much as they may know.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use crate::program::{MCTOP, Said, entry, mctop, said};
use crate::requirement::{Need, is_met};
use crate::server::{MEMCACHED, Server};

const NOBODY: u32 = 65_534;
const CAPABILITIES: [&str; 4] = ["CAP_SYS_ADMIN", "CAP_BPF", "CAP_PERFMON", "CAP_SYS_PTRACE"];

/// `mctop` where anybody can run it: the build directory may be closed to others.
struct Program {
    path: PathBuf,
    _directory: tempfile::TempDir,
}

impl Program {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let path = directory.path().join("mctop");
        std::fs::copy(MCTOP, &path).unwrap();
        // A process that another test starts meanwhile holds the copy open for writing until it executes its own program.
        let busy = || {
            let tried = Command::new(&path).arg("--version").output();
            tried.is_err_and(|error| error.kind() == std::io::ErrorKind::ExecutableFileBusy)
        };
        for _ in 0..500 {
            if !busy() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        Self { path, _directory: directory }
    }

    fn as_nobody(&self, arguments: &[&str]) -> Said {
        let mut command = Command::new(&self.path);
        command.args(arguments).current_dir("/");
        if rustix::process::geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        said(&mut command)
    }
}

#[test]
fn what_is_missing_is_named() {
    let program = Program::new();
    let text = program.as_nobody(&["doctor"]);
    let json = program.as_nobody(&["doctor", "--json"]);
    assert_eq!((text.code, json.code), (3, 3), "{text:?}");
    for name in CAPABILITIES {
        assert!(text.out.contains(name) && text.paragraph().contains(name), "{name} is not in {text:?}");
    }
    let document = json.document();
    assert_eq!(document["verdict"], "not_permitted");
    assert_eq!(document["programs"]["load"]["outcome"], "not_tried");
    let capabilities = document["privileges"]["capabilities"].as_array().unwrap();
    assert!(capabilities.iter().all(|capability| capability["held"] == false), "{capabilities:?}");
    assert!(document["kernel"]["release"].is_string());
}

#[test]
fn other_users_servers_are_counted_and_own_ones_examined() {
    if !is_met(Need::Probes) {
        return;
    }
    let other = Server::start();
    // Started by its user, not by root: it may be examined.
    let mut command = Command::new(MEMCACHED);
    command.args(["-l", "127.0.0.1"]).uid(NOBODY).gid(NOBODY).current_dir("/");
    let own = Server::spawn(&mut command, free_port());
    let said = Program::new().as_nobody(&["doctor", "--json"]);
    assert_eq!(said.code, 3, "{said:?}");
    let document = said.document();
    let likely = document["unexamined"]["likely"].as_array().unwrap();
    assert!(likely.iter().any(|pid| *pid == other.pid()), "{likely:?}");
    let own = entry(&document, own.pid());
    assert!(!own["tracing"]["probes"].as_array().unwrap().is_empty(), "{own:#}");
    let problems = document["problems"].as_array().unwrap();
    assert!(problems.iter().any(|problem| problem["pid"] == other.pid()), "{problems:?}");
}

/// In a user namespace everybody is root, and nobody may trace.
#[test]
fn roots_of_user_namespaces_are_told_what_they_are() {
    let unshare = ["--user", "--map-root-user"];
    if !is_met(Need::Root) {
        return;
    }
    if !Command::new("unshare").args(unshare).arg("true").status().unwrap().success() {
        println!("SKIPPED: this host allows no user namespaces");
        return;
    }
    let document = said(Command::new("unshare").args(unshare).args([MCTOP, "doctor", "--json"])).document();
    assert_eq!(document["exit_code"], 3);
    assert_eq!(document["privileges"]["sufficient"], true);
    assert_eq!(document["programs"]["load"]["outcome"], "failed");
    let first = &document["problems"][0];
    assert!(first["what"].as_str().unwrap().contains("user namespace"), "{first}");
}

#[test]
fn commands_that_fail_point_to_the_doctor() {
    let said = Program::new().as_nobody(&["dump", "-d", "1ms"]);
    assert_eq!(said.code, 3);
    assert!(said.paragraph().ends_with("Run mctop doctor for details."), "{said:?}");
    if is_met(Need::Root) {
        let gone = mctop(&["dump", "-d", "1ms", "--pid", "4294967295"]);
        assert!(gone.code == 4 && gone.paragraph().ends_with("Run mctop doctor for details."), "{gone:?}");
    }
}

#[test]
fn plain_text_in_a_plain_locale() {
    let mut command = Command::new(MCTOP);
    let output = command.arg("doctor").env("LC_ALL", "C").output().unwrap();
    let said = Said::of(&output);
    assert!(said.out.is_ascii() && said.out.contains("Capabilities"), "{said:?}");
}

fn free_port() -> u16 {
    std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Whether uprobes take CAP_SYS_ADMIN differs from kernel to kernel: it is tried, and what follows is the same for all commands.
#[test]
fn whether_lesser_capabilities_suffice_is_tried() {
    if !is_met(Need::Probes) {
        return;
    }
    let server = Server::start();
    let pid = server.pid().to_string();
    let without = |arguments: &[&str]| {
        let mut command = Command::new("setpriv");
        said(command.args(["--bounding-set", "-sys_admin", MCTOP]).args(arguments).args(["--pid", &pid]))
    };
    let doctor = without(&["doctor", "--json"]);
    let document = doctor.document();
    assert_eq!(document["programs"]["load"]["outcome"], "done", "{document:#}");
    let outcome = document["programs"]["attach"]["outcome"].as_str().unwrap();
    let dump = without(&["dump", "-d", "1ms"]);
    match outcome {
        "done" => assert_eq!((doctor.code, dump.code), (0, 0), "{dump:?}"),
        _ => {
            assert_eq!((outcome, doctor.code, dump.code), ("failed", 3, 3), "{dump:?}");
            for said in [doctor, dump] {
                assert!(said.paragraph().contains("CAP_SYS_ADMIN"), "{said:?}");
            }
        }
    }
}
