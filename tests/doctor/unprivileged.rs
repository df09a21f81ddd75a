//! Users without privilege: the doctor and the commands that watch name what they lack.

use std::os::unix::fs::PermissionsExt;

use mctop_test_support::program::{Copy, mctop_path, prepared, refusal, said, text};
use mctop_test_support::server::{MEMCACHED, Server};

use crate::entry;

const CAPABILITIES: [&str; 4] = ["CAP_SYS_ADMIN", "CAP_BPF", "CAP_PERFMON", "CAP_SYS_PTRACE"];

#[test]
fn missing_capabilities_are_named_by_the_doctor() {
    let program = Copy::default();
    let text = said(&mut program.unprivileged(&["doctor"]));
    let json = said(&mut program.unprivileged(&["doctor", "--json"]));
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
#[ignore = "needs root, eBPF and memcached"]
fn other_users_servers_are_counted_and_own_ones_examined() {
    let other = Server::start(&[]);
    // Started by the same user: it may be examined.
    let own = Server::run(&["setpriv", "--reuid=nobody", "--regid=65534", "--clear-groups", MEMCACHED], &[]);
    let said = said(&mut Copy::default().unprivileged(&["doctor", "--json"]));
    assert_eq!(said.code, 3, "{said:?}");
    let document = said.document();
    let likely = document["unexamined"]["likely"].as_array().unwrap();
    assert!(likely.iter().any(|pid| *pid == other.pid()), "{likely:?}");
    let own = entry(&document, own.pid());
    assert!(!own["tracing"]["probes"].as_array().unwrap().is_empty(), "{own:#}");
    let problems = document["problems"].as_array().unwrap();
    assert!(problems.iter().any(|problem| problem["pid"] == other.pid()), "{problems:?}");
}

/// The root user of a user namespace has all capabilities there, but may not trace.
#[test]
#[ignore = "needs root and user namespaces"]
fn the_root_user_of_a_user_namespace_is_recognised() {
    let unshare = ["--user", "--map-root-user"];
    let document = said(prepared("unshare").args(unshare).args([mctop_path(), "doctor", "--json"])).document();
    assert_eq!(document["exit_code"], 3);
    assert_eq!(document["privileges"]["sufficient"], true);
    assert_eq!(document["programs"]["load"]["outcome"], "failed");
    let first = &document["problems"][0];
    assert!(first["what"].as_str().unwrap().contains("user namespace"), "{first}");
}

#[test]
fn missing_capabilities_are_named_by_the_commands_that_watch() {
    let directory = tempfile::tempdir().unwrap();
    let capture = directory.path().join("never-written");
    std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o777)).unwrap();
    for arguments in [&["dump"][..], &["dump", "--pid", "1"], &["capture", "-o", text(&capture)]] {
        let paragraph = refusal(&mut Copy::default().unprivileged(arguments), 3);
        for named in CAPABILITIES.into_iter().chain(["sudo"]) {
            assert!(paragraph.contains(named), "{named} is not in: {paragraph}");
        }
        assert!(arguments[0] != "dump" || paragraph.ends_with("Run mctop doctor for details."), "{paragraph}");
    }
    assert!(!capture.exists(), "a capture was started");
}

/// Kernels differ in whether uprobes need CAP_SYS_ADMIN: mctop tries it, and all commands agree on the result.
#[test]
#[ignore = "needs root, eBPF and memcached"]
fn fewer_capabilities_are_tried() {
    let server = Server::start(&[]);
    let pid = server.pid().to_string();
    let without = |arguments: &[&str]| {
        said(
            prepared("setpriv")
                .args(["--bounding-set", "-sys_admin", mctop_path()])
                .args(arguments)
                .args(["--pid", &pid]),
        )
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
