//! Hosts, and more often containers, that leave mctop little memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::{MCTOP, Said, said};
use crate::requirement::{Need, is_met};
use crate::server::Server;

/// A control group with a limit on memory, removed when dropped.
struct Group {
    directory: PathBuf,
    limit: &'static str,
}

impl Group {
    /// One below the topmost; none where memory cannot be limited there, which is said.
    fn new() -> Option<Self> {
        let below = |top: &str, limit| {
            let directory = Path::new(top).join(format!("mctop-test-{}", std::process::id()));
            fs::create_dir(&directory).ok()?;
            let group = Self { directory, limit };
            group.directory.join(limit).exists().then_some(group)
        };
        let group =
            below("/sys/fs/cgroup/memory", "memory.limit_in_bytes").or_else(|| below("/sys/fs/cgroup", "memory.max"));
        if group.is_none() {
            println!("SKIPPED: no control group can be made here that limits memory");
        }
        group
    }

    fn limit_to(&self, limit: &str) {
        fs::write(self.file(), limit).unwrap();
    }

    fn file(&self) -> PathBuf {
        self.directory.join(self.limit)
    }

    /// Runs `mctop` in it.
    fn run(&self, arguments: &[&str]) -> Said {
        let mut command = Command::new("sh");
        command.args(["-c", "echo $$ >\"$1\" && shift && exec \"$@\"", "sh"]).arg(self.directory.join("cgroup.procs"));
        said(command.arg(MCTOP).args(arguments))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.directory);
    }
}

#[test]
fn a_control_group_with_too_little_memory() {
    if !is_met(Need::Probes) {
        return;
    }
    let Some(group) = Group::new() else { return };
    let server = Server::start();
    let pid = server.pid().to_string();
    group.limit_to("60M");
    let named = format!("limit is 60 MiB ({})", group.file().display());
    for arguments in [&["dump", "-d", "1ms", "--pid", &pid][..], &["doctor", "--pid", &pid]] {
        let said = group.run(arguments);
        assert_eq!(said.code, 1, "{said:?}");
        for part in [&*named, "failed to create map", "Cannot allocate memory", "--memory 64M", "--memory 16M"] {
            assert_eq!(said.paragraph().matches(part).count(), 1, "{part}: {said:?}");
        }
        for part in ["CONFIG_", "kernel that"] {
            assert!(!said.paragraph().contains(part), "{part} is in {said:?}");
        }
    }
    let document = group.run(&["doctor", "--json", "--pid", &pid]).document();
    assert_eq!(document["verdict"], "no_memory");
    assert_eq!(document["memory"]["limit"]["bytes"], 60 << 20);
    assert_eq!(document["problems"].as_array().unwrap().len(), 1, "{document:#}");

    // What is proposed works.
    for arguments in [&["dump", "-d", "1ms"][..], &["doctor"]] {
        let said = group.run(&[arguments, &["--memory", "16M", "--pid", &pid]].concat());
        assert_eq!((said.code, &*said.err), (0, ""), "{said:?}");
    }
    let document = group.run(&["doctor", "--json", "--memory", "16M", "--pid", &pid]).document();
    assert_eq!((&document["verdict"], &document["memory"]["asked"]), (&"works".into(), &(16 << 20).into()));

    // The tables fit, but what mctop may come to take does not.
    group.limit_to("110M");
    let said = group.run(&["dump", "-d", "1ms", "--pid", &pid]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.err.contains("may be memcached") && said.err.contains("--memory 32M"), "{said:?}");
    let document = group.run(&["doctor", "--json", "--pid", &pid]).document();
    assert_eq!((&document["verdict"], &document["problems"][0]["area"]), (&"works".into(), &"memory".into()));
}
