//! What tests need of the machine, and whether it has that.
//!
//! A test that needs something is ignored, with the reason `needs A, B and C` by the names here: plain `cargo test` shows it as
//! ignored, and `cargo xtask test` runs it where all of them are met.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::server::MEMCACHED;

/// The kernel's kind of perf event that uprobes are attached by.
const UPROBE_EVENTS: &str = "/sys/bus/event_source/devices/uprobe/type";

/// The kernel's description of its own types.
const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

/// Where distributions install Chromium; `cargo xtask setup` installs Debian's.
const BROWSERS: [&str; 2] = ["/usr/bin/chromium", "/usr/bin/chromium-browser"];

/// The loader of x86-64 programs for glibc.
pub const LOADER: &str = "/lib64/ld-linux-x86-64.so.2";

/// Control groups, version 1 and 2, with the file that limits the memory of a group.
pub const MEMORY_GROUPS: [(&str, &str); 2] =
    [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")];

/// Capabilities that tests with real probes use, with their numbers (capabilities(7)).
const CAPABILITIES: [(&str, u32); 2] = [("CAP_SYS_ADMIN", 21), ("CAP_SYS_PTRACE", 19)];

/// Something that tests need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Requirement {
    /// Being root, with its capabilities.
    Root,
    /// A kernel with uprobes.
    Ebpf,
    /// The stock memcached.
    Memcached,
    /// Chromium.
    Chromium,
    /// openssl(1).
    OpenSsl,
    /// objcopy(1).
    Binutils,
    /// The kernel's description of its types.
    Btf,
    /// glibc's loader.
    Loader,
    /// Being allowed to make user namespaces.
    UserNamespaces,
    /// Being allowed to limit the memory of a control group.
    MemoryGroups,
}

impl Requirement {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Root,
        Self::Ebpf,
        Self::Memcached,
        Self::Chromium,
        Self::OpenSsl,
        Self::Binutils,
        Self::Btf,
        Self::Loader,
        Self::UserNamespaces,
        Self::MemoryGroups,
    ];

    /// Its name in the reasons of ignored tests.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Ebpf => "eBPF",
            Self::Memcached => "memcached",
            Self::Chromium => "Chromium",
            Self::OpenSsl => "OpenSSL",
            Self::Binutils => "binutils",
            Self::Btf => "BTF",
            Self::Loader => "glibc's loader",
            Self::UserNamespaces => "user namespaces",
            Self::MemoryGroups => "memory control groups",
        }
    }

    /// Whether the host's administrator may have good reasons not to offer it, so that continuous integration may lack it.
    pub const fn is_optional(self) -> bool {
        matches!(self, Self::UserNamespaces | Self::MemoryGroups)
    }

    /// Why it is not met.
    pub fn missing(self) -> Option<String> {
        let file = |paths: &[&str], what: &str| {
            let found = paths.iter().any(|path| Path::new(path).exists());
            (!found).then(|| format!("{what}: there is no {}", paths.join(" or ")))
        };
        let runs = |program: &str, arguments: &[&str], what: &str| {
            let status = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
            (!status.is_ok_and(|status| status.success())).then(|| what.to_owned())
        };
        match self {
            Self::Root => {
                let lacking = lacking_capabilities(&fs::read_to_string("/proc/self/status").unwrap_or_default());
                (!lacking.is_empty()).then(|| format!("missing privilege: {}; run as root", lacking.join(", ")))
            }
            Self::Ebpf => file(&[UPROBE_EVENTS], "no uprobes (CONFIG_UPROBE_EVENTS, or a container without /sys)"),
            Self::Memcached => file(&[MEMCACHED], "memcached is not installed; run cargo xtask setup"),
            Self::Chromium => file(&BROWSERS, "Chromium is not installed; run cargo xtask setup"),
            Self::OpenSsl => runs("openssl", &["version"], "openssl(1) is not installed"),
            Self::Binutils => runs("objcopy", &["--version"], "objcopy(1) is not installed"),
            Self::Btf => file(&[VMLINUX], "this kernel does not describe its types (CONFIG_DEBUG_INFO_BTF)"),
            Self::Loader => file(&[LOADER], "no loader to start memcached through"),
            Self::UserNamespaces => {
                runs("unshare", &["--user", "--map-root-user", "true"], "this host allows no user namespaces")
            }
            Self::MemoryGroups => {
                let found = MEMORY_GROUPS.iter().any(|(top, limit)| {
                    let group = Path::new(top).join(format!("mctop-test-{}", std::process::id()));
                    let limits = fs::create_dir(&group).is_ok() && group.join(limit).exists();
                    let _ = fs::remove_dir(&group);
                    limits
                });
                (!found).then(|| "no control group can be made here that limits memory".to_owned())
            }
        }
    }

    /// The requirements in the reason of an ignored test; `None` where it is another reason, or names an unknown one.
    pub fn parse(reason: &str) -> Option<Vec<Self>> {
        let names = reason.strip_prefix("needs ")?.replace(" and ", ", ");
        names.split(", ").map(|name| Self::ALL.into_iter().find(|known| known.name() == name)).collect()
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The browser that pages are looked at with.
///
/// # Panics
/// When there is none.
pub fn browser() -> &'static Path {
    BROWSERS.iter().map(Path::new).find(|path| path.exists()).unwrap()
}

/// The needed capabilities that are not in the effective set of a `/proc/PID/status`.
fn lacking_capabilities(status: &str) -> Vec<&'static str> {
    let effective = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0);
    CAPABILITIES.iter().filter(|(_, number)| effective >> number & 1 == 0).map(|(name, _)| *name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_effective_capabilities() {
        assert!(lacking_capabilities("Name:\tx\nCapEff:\t000001ffffffffff\n").is_empty());
        assert_eq!(lacking_capabilities("CapEff:\t0000000000080000\n"), ["CAP_SYS_ADMIN"]);
        assert_eq!(lacking_capabilities("CapEff:\t0000000000000000\n").len(), 2);
        assert_eq!(lacking_capabilities("").len(), 2);
    }

    #[test]
    fn reasons_name_requirements() {
        let parsed = Requirement::parse("needs root, eBPF and memcached").unwrap();
        assert_eq!(parsed, [Requirement::Root, Requirement::Ebpf, Requirement::Memcached]);
        assert_eq!(Requirement::parse("needs Chromium"), Some(vec![Requirement::Chromium]));
        assert_eq!((Requirement::parse("needs luck"), Requirement::parse("slow")), (None, None));
    }
}
