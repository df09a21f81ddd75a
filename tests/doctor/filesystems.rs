//! Hosts and containers without the file systems that tracing needs.

use mctop_test_support::program::{Said, mctop_path, prepared, said};
use mctop_test_support::server::Server;

/// Runs `mctop` in a mount namespace of its own, after the shell commands `preparation`, in which `$1` is an empty directory.
fn after(preparation: &str, unshare: &[&str], arguments: &[&str]) -> Said {
    let empty = tempfile::tempdir().unwrap();
    let script = format!("{preparation} && shift && exec \"$@\"");
    let mut command = prepared("unshare");
    command.arg("--mount").args(unshare).args(["sh", "-c", &script, "sh"]).arg(empty.path());
    said(command.arg(mctop_path()).args(arguments))
}

/// Asserts that `dump` and `doctor` refuse the host with exit code 3 and an explanation that has these parts.
fn refused(preparation: &str, unshare: &[&str], parts: &[&str]) {
    let server = Server::start(&[]);
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
#[ignore = "needs root, eBPF and memcached"]
fn a_host_without_sys_is_refused() {
    refused("mount --bind \"$1\" /sys", &[], &["/sys is not mounted", "mount -t sysfs sysfs /sys"]);
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn a_host_without_proc_is_refused() {
    refused("mount --bind \"$1\" /proc", &[], &["/proc is not mounted", "mount -t proc proc /proc"]);
}

/// With the process ids of such a `/proc`, probes would be attached to other processes, or to none.
#[test]
#[ignore = "needs root, eBPF and memcached"]
fn the_proc_of_another_pid_namespace_is_refused() {
    refused("true", &["--pid", "--fork"], &["another PID namespace", "--pid=host"]);
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn file_systems_that_are_not_needed_may_be_missing() {
    let server = Server::start(&[]);
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
#[ignore = "needs root"]
fn hidden_processes_are_explained() {
    // In a PID namespace of its own: on older kernels all mounts of a namespace's `/proc` share this option.
    let unshare = ["--pid", "--fork", "setpriv", "--bounding-set", "-sys_ptrace"];
    let said = after("mount -t proc -o hidepid=2 proc /proc", &unshare, &["doctor", "--json"]);
    let document = said.document();
    assert_eq!(document["exit_code"], 4, "{document:#}");
    let problems = document["problems"].as_array().unwrap();
    assert!(problems.iter().any(|problem| problem["what"].to_string().contains("hidepid=")), "{problems:#?}");
    let said = after("mount -t proc -o hidepid=2 proc /proc", &unshare, &["dump", "-d", "1ms"]);
    assert!(said.code == 4 && said.paragraph().contains("hidepid="), "{said:?}");
}
