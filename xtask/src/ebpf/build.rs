//! Compiles the objects reproducibly: their bytes depend only on the sources, the lock file and the toolchain.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::rustc_wrapper::{MARKER, TARGET};
use super::toolchain::Toolchain;
use super::{Arch, inspect, strip};
use crate::process;
use crate::workspace::Workspace;

/// Objects by architecture.
pub type Objects = BTreeMap<Arch, Vec<u8>>;

/// The crate of the programs, relative to the workspace root.
const CRATE: &str = "mctop-ebpf";

/// Environment variables that the inner build inherits, to find programs and to reach the package registry. Others (flags,
/// wrappers, target directories, profiles, those of the outer cargo) could change the bytes.
const KEPT: [&str; 14] = [
    "PATH",
    "HOME",
    "USER",
    "TMPDIR",
    "LANG",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "HTTPS_PROXY",
];

/// Prefixes of further inherited variables.
const KEPT_PREFIXES: [&str; 5] = ["CARGO_NET_", "CARGO_HTTP_", "CARGO_REGISTRIES_", "CARGO_SOURCE_", "CARGO_TERM_"];

#[derive(Deserialize)]
struct CargoPackages {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    manifest_path: PathBuf,
    targets: Vec<CrateTarget>,
}

#[derive(Deserialize)]
struct CrateTarget {
    name: String,
    kind: Vec<String>,
}

/// Builds every architecture's object, stripped of debug information.
pub fn all(workspace: &Workspace, toolchain: &Toolchain) -> Result<Objects> {
    let target = workspace.target.join("bpf");
    // Objects of an earlier build must not survive: cargo trusts modification times, which a checkout can set back.
    let earlier = target.join(TARGET);
    if earlier.exists() {
        fs::remove_dir_all(&earlier).with_context(|| format!("cannot remove {}", earlier.display()))?;
    }
    let metadata = metadata(workspace, toolchain)?;
    let program = metadata
        .packages
        .iter()
        .find(|package| package.name == CRATE)
        .and_then(|package| package.targets.iter().find(|target| target.kind.iter().any(|kind| kind == "bin")))
        .with_context(|| format!("{CRATE} has no binary target"))?;
    let built = target.join(TARGET).join("release").join(&program.name);
    let mut objects = Objects::new();
    for arch in Arch::ALL {
        eprintln!("ebpf: compiling for {}", arch.name());
        process::succeed(&mut compile(workspace, toolchain, &target, &metadata, arch)?)?;
        let object = fs::read(&built).with_context(|| format!("cannot read {}", built.display()))?;
        let object = strip::debug(&object)?;
        inspect::refuse_leaks(&object, &[&workspace.root, &workspace.target, &cargo_home()?])?;
        objects.insert(arch, object);
    }
    Ok(objects)
}

/// Cargo with the reduced environment.
fn cargo(workspace: &Workspace, toolchain: &Toolchain) -> Command {
    let mut command = Command::new(&toolchain.cargo);
    command.current_dir(workspace.path(CRATE)).env_clear();
    for (name, value) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if KEPT.contains(&text.as_ref()) || KEPT_PREFIXES.iter().any(|prefix| text.starts_with(prefix)) {
            command.env(&name, value);
        }
    }
    command.env("RUSTC", &toolchain.rustc);
    command
}

/// The crates that take part; downloads them where needed, so that their directories are known before the build.
fn metadata(workspace: &Workspace, toolchain: &Toolchain) -> Result<CargoPackages> {
    let mut command = cargo(workspace, toolchain);
    command.args(["metadata", "--locked", "--format-version", "1"]);
    let json = process::output(&mut command)?;
    serde_json::from_str(&json).context("cannot parse the output of `cargo metadata`")
}

fn compile(
    workspace: &Workspace,
    toolchain: &Toolchain,
    target: &Path,
    metadata: &CargoPackages,
    arch: Arch,
) -> Result<Command> {
    let mut flags: Vec<OsString> = vec![
        // aya-build would set it; it selects the layout of the registers.
        format!("--cfg=bpf_target_arch=\"{}\"", arch.name()).into(),
        format!(
            "--check-cfg=cfg(bpf_target_arch, values({}))",
            Arch::ALL.map(|arch| format!("\"{}\"", arch.name())).join(",")
        )
        .into(),
        // The linker makes BTF from debug information.
        "-Cdebuginfo=2".into(),
        "-Clink-arg=--btf".into(),
        // For compare-and-exchange, which the kernel has from 5.12 on; attach cookies need 5.15.
        "-Ctarget-cpu=v3".into(),
    ];
    for (path, name) in remaps(workspace, toolchain, target, metadata)? {
        let mut flag = OsString::from("--remap-path-prefix=");
        flag.push(path);
        flag.push("=");
        flag.push(name);
        flags.push(flag);
    }
    let mut command = cargo(workspace, toolchain);
    command
        .args(["build", "--release", "--locked", "--target", TARGET, "--target-dir"])
        .arg(target)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join(std::ffi::OsStr::new("\u{1f}")))
        .env("CARGO_TARGET_BPFEL_UNKNOWN_NONE_LINKER", &toolchain.linker)
        .env("RUSTC_WRAPPER", std::env::current_exe().context("cannot find xtask's own program")?)
        .env(MARKER, "1");
    match &toolchain.rust_src {
        Some(_) => command.arg("-Zbuild-std=core"),
        // aya-ebpf and the kernel side use language features that a stable compiler only admits this way.
        None => command.env("RUSTC_BOOTSTRAP", "1"),
    };
    Ok(command)
}

/// Path prefixes and their replacements; the compiler takes the last that matches.
fn remaps(
    workspace: &Workspace,
    toolchain: &Toolchain,
    target: &Path,
    metadata: &CargoPackages,
) -> Result<Vec<(PathBuf, String)>> {
    let mut remaps = vec![
        (cargo_home()?, "/cargo".to_owned()),
        (workspace.root.clone(), "/mctop".to_owned()),
        (target.to_owned(), "/target".to_owned()),
    ];
    if let Some(rust_src) = &toolchain.rust_src {
        remaps.push((rust_src.clone(), format!("/rustc/{}", toolchain.versions.rustc_commit)));
    }
    for package in &metadata.packages {
        let Some(directory) = package.manifest_path.parent() else {
            bail!("{} lies in no directory", package.manifest_path.display());
        };
        if !directory.starts_with(&workspace.root) {
            remaps.push((directory.to_owned(), format!("/crates/{}-{}", package.name, package.version)));
        }
    }
    Ok(remaps)
}

fn cargo_home() -> Result<PathBuf> {
    match std::env::var_os("CARGO_HOME") {
        Some(path) => Ok(path.into()),
        None => Ok(std::env::home_dir().context("this user has no home directory")?.join(".cargo")),
    }
}
