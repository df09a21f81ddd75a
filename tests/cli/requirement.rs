//! Whether a test that needs more than an ordinary user's machine can run here.

use std::fs;
use std::path::Path;

/// Set to [`REQUIRED`] where such tests must run.
const VARIABLE: &str = "MCTOP_TEST_LIVE";
const REQUIRED: &str = "required";

/// The kernel's kind of perf event that uprobes are attached by.
const UPROBES: &str = "/sys/bus/event_source/devices/uprobe/type";
const SYS_ADMIN: u32 = 21;

/// The server of tests with real probes.
pub const MEMCACHED: &str = "/usr/bin/memcached";

/// What a test needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// To be root, with its capabilities.
    Root,
    /// Also uprobes, and a memcached to watch.
    Probes,
}

/// Whether the test can run. Otherwise says why not, in a line that `cargo xtask test` counts.
///
/// # Panics
/// When it cannot, but must.
pub fn is_met(need: Need) -> bool {
    let Some(missing) = missing(need) else { return true };
    assert!(std::env::var(VARIABLE).as_deref() != Ok(REQUIRED), "{VARIABLE}={REQUIRED}, but {missing}");
    println!("SKIPPED: {missing}");
    false
}

fn missing(need: Need) -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next());
    let capabilities = field("CapEff:").and_then(|mask| u64::from_str_radix(mask, 16).ok()).unwrap_or(0);
    if field("Uid:") != Some("0") || capabilities >> SYS_ADMIN & 1 == 0 {
        return Some("this takes root with CAP_SYS_ADMIN".to_owned());
    }
    if need == Need::Root {
        return None;
    }
    let files = [(UPROBES, "uprobes in the kernel"), (MEMCACHED, "a memcached, for example Debian's package")];
    let (path, what) = files.into_iter().find(|(path, _)| !Path::new(path).exists())?;
    Some(format!("this takes {what}: there is no {path}"))
}
