//! The hash that ties the committed objects to their sources.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

/// What the objects are built from, relative to the workspace root.
const SOURCES: [&str; 2] = ["mctop-ebpf", "mctop-common/src"];

/// SHA-256 of `bytes` in lower-case hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Hash of the names and contents of all source files below `root`, sorted by name; each preceded by its length, so that
/// no two trees can give the same stream. Build directories are left out.
pub fn hash(root: &Path) -> Result<String> {
    let mut files = Vec::new();
    for source in SOURCES {
        let before = files.len();
        collect(root, Path::new(source), &mut files).with_context(|| format!("cannot list {source}"))?;
        if files.len() == before {
            bail!("{source} has no files, but should have the sources of the eBPF objects");
        }
    }
    files.sort();
    let mut hasher = Sha256::new();
    for file in files {
        let name = file.to_str().with_context(|| format!("{} is not UTF-8", file.display()))?;
        let contents = fs::read(root.join(&file)).with_context(|| format!("cannot read {name}"))?;
        for part in [name.as_bytes(), &contents] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
    }
    Ok(hex(&hasher.finalize()))
}

/// Adds the files below `relative` to `files`, as paths relative to `root`.
fn collect(root: &Path, relative: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(root.join(relative))? {
        let entry = entry?;
        let path = relative.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_file() {
            files.push(path);
        } else if kind.is_dir() && entry.file_name() != "target" {
            collect(root, &path, files)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, contents) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, contents).unwrap();
        }
        root
    }

    #[test]
    fn depends_on_names_and_contents_but_not_on_build_products() {
        let base = [("mctop-ebpf/Cargo.toml", "a"), ("mctop-common/src/lib.rs", "b")];
        let original = hash(tree(&base).path()).unwrap();
        assert_eq!(original.len(), 64);
        let built = tree(&[base[0], base[1], ("mctop-ebpf/target/x", "junk"), ("mctop/src/lib.rs", "else")]);
        assert_eq!(hash(built.path()).unwrap(), original);
        let moved = tree(&[("mctop-ebpf/Cargo.lock", "a"), base[1]]);
        assert_ne!(hash(moved.path()).unwrap(), original);
        let edited = tree(&[base[0], ("mctop-common/src/lib.rs", "c")]);
        assert_ne!(hash(edited.path()).unwrap(), original);
    }

    #[test]
    fn a_missing_source_directory_is_an_error() {
        assert!(hash(tree(&[("mctop-ebpf/Cargo.toml", "a")]).path()).is_err());
    }

    #[test]
    fn sha256_of_nothing_is_the_published_one() {
        assert_eq!(sha256(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
