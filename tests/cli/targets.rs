//! Servers that cannot be watched, and users who may not.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::program::{MCTOP, mctop, prepared, refusal, text, unprivileged};
use crate::requirement::{Need, is_met};

/// A process that is none of memcached's, until the end of the test.
struct Bystander(Child);

impl Bystander {
    fn new(program: &Path) -> Self {
        Self(Command::new(program).arg("60").stdout(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_process_that_is_gone() {
    if !is_met(Need::Root) {
        return;
    }
    let mut gone = Command::new("true").spawn().unwrap();
    let pid = gone.id().to_string();
    gone.wait().unwrap();
    for pid in [&*pid, "4294967295"] {
        for command in [&["dump", "-d", "1ms"][..], &["capture", "-o", "/nonexistent/never-written"]] {
            let paragraph = refusal(&mut mctop(&[command, &["--pid", pid]].concat()), 4);
            assert!(paragraph.contains(pid) && paragraph.contains("without --pid"), "{paragraph}");
        }
    }
}

#[test]
fn a_process_that_is_no_memcached() {
    if !is_met(Need::Root) {
        return;
    }
    let sleep = Bystander::new(Path::new("sleep"));
    let pid = sleep.0.id().to_string();
    let paragraph = refusal(&mut mctop(&["dump", "--pid", &pid]), 4);
    assert!(paragraph.contains(&format!("{pid} (sleep) is not a memcached")), "{paragraph}");
}

/// Whoever may run programs here chooses their names.
#[test]
fn a_process_with_a_hostile_name() {
    if !is_met(Need::Root) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("\u{1b}]0;own\u{7}");
    std::fs::copy("/bin/sleep", &program).unwrap();
    let process = Bystander::new(&program);
    let paragraph = refusal(&mut mctop(&["dump", "--pid", &process.0.id().to_string()]), 4);
    assert!(paragraph.contains("own"), "{paragraph}");
}

#[test]
fn a_thread_is_told_its_process() {
    if !is_met(Need::Root) {
        return;
    }
    // The test harness runs tests in threads of its own, but not with --test-threads=1.
    let refused = std::thread::spawn(|| {
        let thread = rustix::thread::gettid().as_raw_nonzero().to_string();
        refusal(&mut mctop(&["dump", "--pid", &thread]), 4)
    });
    let (paragraph, process) = (refused.join().unwrap(), std::process::id());
    assert!(paragraph.contains(&format!("--pid {process}.")), "{paragraph}");
}

/// In a namespace of process numbers in which there is nothing but mctop.
#[test]
fn no_memcached_at_all() {
    if !is_met(Need::Root) {
        return;
    }
    let mut unshare = Command::new("unshare");
    unshare.args(["--pid", "--mount-proc", "--fork", MCTOP, "dump", "-d", "1ms"]);
    let paragraph = refusal(&mut prepared(unshare), 4);
    assert!(paragraph.contains("No memcached server was found") && paragraph.contains("Start one"), "{paragraph}");
}

#[test]
fn a_user_without_privilege_is_told_which() {
    let directory = tempfile::tempdir().unwrap();
    let capture = directory.path().join("never-written");
    std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o777)).unwrap();
    for arguments in [&["dump"][..], &["dump", "--pid", "1"], &["capture", "-o", text(&capture)]] {
        let (_program, mut command) = unprivileged(arguments);
        let paragraph = refusal(&mut command, 3);
        for named in ["CAP_SYS_ADMIN", "CAP_BPF", "CAP_PERFMON", "CAP_SYS_PTRACE", "sudo"] {
            assert!(paragraph.contains(named), "{named} is not in: {paragraph}");
        }
    }
    assert!(!capture.exists(), "a capture was begun");
}
