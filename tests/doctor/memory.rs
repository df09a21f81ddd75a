//! Hosts and containers with little memory for mctop.

use std::fs;
use std::path::{Path, PathBuf};

use mctop_test_support::program::{Said, mctop_path, prepared, said};
use mctop_test_support::requirements::MEMORY_GROUPS;
use mctop_test_support::server::Server;

/// A control group with a limit on memory, removed when dropped.
struct Group {
    directory: PathBuf,
    limit: &'static str,
}

impl Group {
    /// Creates one below the root of the hierarchy.
    fn new() -> Self {
        let below = |(top, limit): (&str, &'static str)| {
            let directory = Path::new(top).join(format!("mctop-test-{}", std::process::id()));
            fs::create_dir(&directory).ok()?;
            let group = Self { directory, limit };
            group.directory.join(limit).exists().then_some(group)
        };
        MEMORY_GROUPS.into_iter().find_map(below).unwrap()
    }

    fn limit_to(&self, limit: &str) {
        fs::write(self.file(), limit).unwrap();
    }

    fn file(&self) -> PathBuf {
        self.directory.join(self.limit)
    }

    /// Runs `mctop` in it.
    fn run(&self, arguments: &[&str]) -> Said {
        let mut command = prepared("sh");
        command.args(["-c", "echo $$ >\"$1\" && shift && exec \"$@\"", "sh"]).arg(self.directory.join("cgroup.procs"));
        said(command.arg(mctop_path()).args(arguments))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.directory);
    }
}

#[test]
#[ignore = "needs root, eBPF, memcached and memory control groups"]
fn a_control_group_with_too_little_memory_is_explained() {
    let group = Group::new();
    let server = Server::start(&[]);
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

    // The proposed size works.
    for arguments in [&["dump", "-d", "1ms"][..], &["doctor"]] {
        let said = group.run(&[arguments, &["--memory", "16M", "--pid", &pid]].concat());
        assert_eq!((said.code, &*said.err), (0, ""), "{said:?}");
    }
    let document = group.run(&["doctor", "--json", "--memory", "16M", "--pid", &pid]).document();
    assert_eq!((&document["verdict"], &document["memory"]["asked"]), (&"works".into(), &(16 << 20).into()));

    // The tables fit, but the most that mctop may use does not.
    group.limit_to("110M");
    let said = group.run(&["dump", "-d", "1ms", "--pid", &pid]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.err.contains("may be memcached") && said.err.contains("--memory 32M"), "{said:?}");
    let document = group.run(&["doctor", "--json", "--pid", &pid]).document();
    assert_eq!((&document["verdict"], &document["problems"][0]["area"]), (&"works".into(), &"memory".into()));
}
