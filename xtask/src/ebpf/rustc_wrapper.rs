//! A compiler wrapper that makes crate identities independent of the location of the sources.
//!
//! Cargo derives `-C metadata`, and rustc from it the crate disambiguator inside every mangled symbol name, from the
//! absolute path of a path dependency that lies outside the workspace being built, as `mctop-common` does for
//! `mctop-ebpf`. `--remap-path-prefix` does not reach it. So xtask puts itself between cargo and rustc and replaces the
//! value, for crates built for the BPF target, by the package's name and version, which are unique in the lock file.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

/// Environment variable of the inner cargo, set when xtask is called as the wrapper.
pub const MARKER: &str = "MCTOP_XTASK_RUSTC_WRAPPER";

/// The target triple of the objects.
pub const TARGET: &str = "bpfel-unknown-none";

/// When called by cargo as `RUSTC_WRAPPER` (`xtask RUSTC ARGS…`), becomes the compiler and returns only on failure; `None` when
/// xtask was called directly.
#[must_use]
pub fn run_if_asked() -> Option<ExitCode> {
    std::env::var_os(MARKER)?;
    let mut words = std::env::args_os().skip(1);
    let Some(rustc) = words.next() else {
        eprintln!("xtask: {MARKER} is set, but no compiler was named");
        return Some(ExitCode::FAILURE);
    };
    let package = ["CARGO_PKG_NAME", "CARGO_PKG_VERSION"].map(|name| std::env::var(name).unwrap_or_default());
    let arguments = stable_identity(words.collect(), &package.join("-"));
    let error = Command::new(&rustc).args(arguments).exec();
    eprintln!("xtask: cannot run {}: {error}", rustc.display());
    Some(ExitCode::FAILURE)
}

/// Replaces the value of `-C metadata=…` by `identity` in a command line that compiles for the BPF target.
fn stable_identity(mut arguments: Vec<OsString>, identity: &str) -> Vec<OsString> {
    let for_bpf = arguments.windows(2).any(|pair| pair == [OsStr::new("--target"), OsStr::new(TARGET)]);
    if for_bpf {
        for argument in &mut arguments {
            if argument.to_str().is_some_and(|text| text.starts_with("metadata=")) {
                *argument = format!("metadata={identity}").into();
            }
        }
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split(' ').map(Into::into).collect()
    }

    #[test]
    fn replaces_the_identity_of_bpf_crates_only() {
        let bpf = words("--crate-name a -C metadata=0123 -C extra-filename=-4567 --target bpfel-unknown-none");
        let stable = words("--crate-name a -C metadata=a-0.1.0 -C extra-filename=-4567 --target bpfel-unknown-none");
        assert_eq!(stable_identity(bpf, "a-0.1.0"), stable);
        let host = words("--crate-name a -C metadata=0123");
        assert_eq!(stable_identity(host.clone(), "a-0.1.0"), host);
    }
}
