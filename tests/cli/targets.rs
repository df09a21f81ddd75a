//! Servers that cannot be watched, and users who may not watch any.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use mctop_test_support::program::{Copy, mctop, mctop_path, prepared, refusal, text};

/// A process other than memcached, until the end of the test.
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
#[ignore = "needs root"]
fn a_process_that_has_exited_is_refused() {
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
#[ignore = "needs root"]
fn a_process_that_is_no_memcached_is_refused() {
    let sleep = Bystander::new(Path::new("sleep"));
    let pid = sleep.0.id().to_string();
    let paragraph = refusal(&mut mctop(&["dump", "--pid", &pid]), 4);
    assert!(paragraph.contains(&format!("{pid} (sleep) is not a memcached")), "{paragraph}");
}

/// Any user may choose the name of a process.
#[test]
#[ignore = "needs root"]
fn control_characters_in_a_process_name_are_escaped() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("\u{1b}]0;own\u{7}");
    std::fs::copy("/bin/sleep", &program).unwrap();
    let process = Bystander::new(&program);
    let paragraph = refusal(&mut mctop(&["dump", "--pid", &process.0.id().to_string()]), 4);
    assert!(paragraph.contains("own"), "{paragraph}");
}

#[test]
#[ignore = "needs root"]
fn the_id_of_a_thread_is_refused_with_that_of_its_process() {
    // The test harness runs tests in threads of its own, but not with --test-threads=1.
    let refused = std::thread::spawn(|| {
        let thread = rustix::thread::gettid().as_raw_nonzero().to_string();
        refusal(&mut mctop(&["dump", "--pid", &thread]), 4)
    });
    let (paragraph, process) = (refused.join().unwrap(), std::process::id());
    assert!(paragraph.contains(&format!("--pid {process}.")), "{paragraph}");
}

/// In a PID namespace that contains only mctop.
#[test]
#[ignore = "needs root"]
fn without_any_memcached_the_error_says_what_to_do() {
    let unshare = ["--pid", "--mount-proc", "--fork", mctop_path(), "dump", "-d", "1ms"];
    let paragraph = refusal(prepared("unshare").args(unshare), 4);
    assert!(paragraph.contains("No memcached server was found") && paragraph.contains("Start one"), "{paragraph}");
}

#[test]
fn missing_privileges_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let capture = directory.path().join("never-written");
    std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o777)).unwrap();
    for arguments in [&["dump"][..], &["dump", "--pid", "1"], &["capture", "-o", text(&capture)]] {
        let paragraph = refusal(&mut Copy::default().unprivileged(arguments), 3);
        for named in ["CAP_SYS_ADMIN", "CAP_BPF", "CAP_PERFMON", "CAP_SYS_PTRACE", "sudo"] {
            assert!(paragraph.contains(named), "{named} is not in: {paragraph}");
        }
    }
    assert!(!capture.exists(), "a capture was begun");
}
