//! Processes that cannot be watched.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use mctop_test_support::program::{mctop, refusal};

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
            assert!(command[0] != "dump" || paragraph.ends_with("Run mctop doctor for details."), "{paragraph}");
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
