//! Tells the program which eBPF object it embeds, for `--version`.

use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=bpf/manifest.json");
    let arch = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    let manifest = fs::read_to_string("bpf/manifest.json").unwrap_or_default();
    let version = object_hash(&manifest, &arch).unwrap_or_else(|| format!("none for {arch}"));
    println!("cargo::rustc-env=MCTOP_OBJECT_VERSION={version}");
}

/// The first `sha256` behind the object's file name.
fn object_hash(manifest: &str, arch: &str) -> Option<String> {
    let (_, behind) = manifest.split_once(&format!("mctop-{arch}.bpf.o"))?;
    let (_, behind) = behind.split_once("\"sha256\"")?;
    let hash = behind.split('"').nth(1)?;
    Some(format!("{arch} sha256 {hash}"))
}
