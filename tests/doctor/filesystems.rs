//! Hosts, and more often containers, without the file systems that tracing needs.

use std::process::Command;

use crate::program::{MCTOP, Said, said};
use crate::requirement::{Need, is_met};
use crate::server::Server;

/// Runs `mctop` in a mount namespace of its own, after a shell's `preparation` in it; `$1` is an empty directory.
fn after(preparation: &str, unshare: &[&str], arguments: &[&str]) -> Said {
    let empty = tempfile::tempdir().unwrap();
    let script = format!("{preparation} && shift && exec \"$@\"");
    let mut command = Command::new("unshare");
    command.arg("--mount").args(unshare).args(["sh", "-c", &script, "sh"]).arg(empty.path());
    said(command.arg(MCTOP).args(arguments))
}

/// Asserts that a host is refused with exit code 3, by an explanation with these parts, without and with the doctor.
fn refused(preparation: &str, unshare: &[&str], parts: &[&str]) {
    let server = Server::start();
    let pid = server.pid().to_string();
    for arguments in [&["dump", "-d", "1ms", "--pid", &pid][..], &["doctor", "--pid", &pid]] {
        let said = after(preparation, unshare, arguments);
        assert_eq!(said.code, 3, "{said:?}");
        for part in parts {
            assert!(said.paragraph().contains(part), "{part} is not in {said:?}");
        }
        assert!(!said.err.contains("os error"), "{said:?}");
    }
    let document = after(preparation, unshare, &["doctor", "--json", "--pid", &pid]).document();
    assert_eq!(document["verdict"], "not_permitted");
    let first = &document["problems"][0];
    assert!(parts.iter().all(|part| first.to_string().contains(part)), "{document:#}");
}

#[test]
fn without_sys() {
    if is_met(Need::Probes) {
        refused("mount --bind \"$1\" /sys", &[], &["/sys is not mounted", "mount -t sysfs sysfs /sys"]);
    }
}

#[test]
fn without_proc() {
    if is_met(Need::Probes) {
        refused("mount --bind \"$1\" /proc", &[], &["/proc is not mounted", "mount -t proc proc /proc"]);
    }
}

/// By the numbers in such a `/proc` probes would be attached to other processes, or to none.
#[test]
fn with_the_proc_of_another_pid_namespace() {
    if is_met(Need::Probes) {
        refused("true", &["--pid", "--fork"], &["another PID namespace", "--pid=host"]);
    }
}

#[test]
fn what_need_not_be_there() {
    if !is_met(Need::Probes) {
        return;
    }
    let server = Server::start();
    let pid = server.pid().to_string();
    for preparation in [
        "mount -o remount,bind,ro /sys",
        "{ ! test -d /sys/kernel/tracing || mount --bind \"$1\" /sys/kernel/tracing; }",
        "{ ! test -d /sys/kernel/btf || mount --bind \"$1\" /sys/kernel/btf; }",
    ] {
        let said = after(preparation, &[], &["doctor", "--pid", &pid]);
        assert_eq!((said.code, &*said.err), (0, ""), "{preparation}: {said:?}");
        let said = after(preparation, &[], &["dump", "-d", "1ms", "--pid", &pid]);
        assert_eq!((said.code, &*said.err), (0, ""), "{preparation}: {said:?}");
    }
}

#[test]
fn processes_that_are_hidden() {
    if !is_met(Need::Root) {
        return;
    }
    // In a PID namespace of its own, because older kernels have one such option for all that mount its `/proc`.
    let unshare = ["--pid", "--fork", "setpriv", "--bounding-set", "-sys_ptrace"];
    let said = after("mount -t proc -o hidepid=2 proc /proc", &unshare, &["doctor", "--json"]);
    let document = said.document();
    assert_eq!(document["exit_code"], 4, "{document:#}");
    let problems = document["problems"].as_array().unwrap();
    assert!(problems.iter().any(|problem| problem["what"].to_string().contains("hidepid=")), "{problems:#?}");
    let said = after("mount -t proc -o hidepid=2 proc /proc", &unshare, &["dump", "-d", "1ms"]);
    assert!(said.code == 4 && said.paragraph().contains("hidepid="), "{said:?}");
}
