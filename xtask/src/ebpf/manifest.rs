//! `mctop/bpf/manifest.json`: what the committed objects are and what they were built from.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::build::Objects;
use super::toolchain::{Toolchain, Versions};
use super::verifier::{self, Verified};
use super::{Arch, OBJECT_DIR, inspect, sources};
use crate::workspace::Workspace;

const SCHEMA: &str = "mctop.bpf-manifest/1";
const FILE: &str = "manifest.json";

/// The manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    schema: String,
    /// Hash of the sources, see [`sources::hash`].
    pub source_sha256: String,
    /// The toolchain.
    pub built_with: Versions,
    /// Objects by file name.
    pub objects: BTreeMap<String, ManifestEntry>,
}

/// One object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestEntry {
    /// SHA-256 of the file.
    pub sha256: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its programs.
    pub programs: BTreeMap<String, inspect::ObjectProgram>,
    /// Instructions of the functions that programs call, together.
    pub subprogram_instructions: u64,
    /// The verifier's count on the machine that built the object; `None` for other architectures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<Verified>,
}

impl Manifest {
    /// Describes built objects.
    pub fn describe(workspace: &Workspace, toolchain: &Toolchain, objects: &Objects) -> Result<Self> {
        let mut entries = BTreeMap::new();
        for (arch, object) in objects {
            let instructions = inspect::instructions(object)?;
            let entry = ManifestEntry {
                sha256: sources::sha256(object),
                size: object.len() as u64,
                programs: instructions.programs,
                subprogram_instructions: instructions.subprograms,
                verified: if Some(*arch) == Arch::of_host() { verified(object) } else { None },
            };
            entries.insert(arch.file_name(), entry);
        }
        Ok(Self {
            schema: SCHEMA.to_owned(),
            source_sha256: sources::hash(&workspace.root)?,
            built_with: toolchain.versions.clone(),
            objects: entries,
        })
    }

    /// Reads the committed manifest.
    pub fn read(workspace: &Workspace) -> Result<Self> {
        let path = workspace.path(OBJECT_DIR).join(FILE);
        let text = fs::read_to_string(&path).with_context(|| {
            format!("cannot read {}; `cargo xtask ebpf build` writes it together with the objects", path.display())
        })?;
        let manifest: Self = serde_json::from_str(&text).with_context(|| format!("cannot read {}", path.display()))?;
        if manifest.schema != SCHEMA {
            bail!("{} has the schema {}, but this xtask supports {SCHEMA}", path.display(), manifest.schema);
        }
        Ok(manifest)
    }

    /// Writes the objects and, after them, the manifest; each file appears complete or not at all, and an interruption in
    /// between leaves a manifest that does not match, which `verify` and mctop's tests refuse.
    pub fn write(&self, workspace: &Workspace, objects: &Objects) -> Result<()> {
        let directory = workspace.path(OBJECT_DIR);
        fs::create_dir_all(&directory)?;
        for (arch, object) in objects {
            replace(&directory, &arch.file_name(), object)?;
        }
        let mut json = serde_json::to_string_pretty(self)?;
        json.push('\n');
        replace(&directory, FILE, json.as_bytes())
    }

    /// The committed objects, checked against the manifest.
    pub fn committed(&self, workspace: &Workspace) -> Result<Objects> {
        let mut objects = Objects::new();
        for arch in Arch::ALL {
            let name = arch.file_name();
            let path = workspace.path(OBJECT_DIR).join(&name);
            let entry = self.objects.get(&name).with_context(|| format!("the manifest does not list {name}"))?;
            let object = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let found = sources::sha256(&object);
            if found != entry.sha256 || object.len() as u64 != entry.size {
                bail!(
                    "{} is not the file that the manifest describes: SHA-256 {found}, {} bytes; expected {}, {} bytes. \
                     Restore it, or run `cargo xtask ebpf build` and commit what it writes",
                    path.display(),
                    object.len(),
                    entry.sha256,
                    entry.size
                );
            }
            objects.insert(arch, object);
        }
        Ok(objects)
    }
}

/// The verifier's counts; prints why when they are unavailable.
fn verified(object: &[u8]) -> Option<Verified> {
    verifier::verify(object)
        .inspect_err(|error| {
            eprintln!("ebpf: NOT VERIFIED BY THIS KERNEL, and not recorded in the manifest: {error:#}")
        })
        .ok()
}

impl fmt::Display for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, entry) in &self.objects {
            writeln!(f, "{OBJECT_DIR}/{name}: {} bytes, SHA-256 {}", entry.size, entry.sha256)?;
            for (name, program) in &entry.programs {
                write!(f, "  {name}: {} instructions, {} bytes of stack", program.instructions, program.stack_bytes)?;
                if let Some(Verified { kernel, instructions }) = &entry.verified
                    && let Some(count) = instructions.get(name)
                {
                    write!(f, ", {count} instructions verified by Linux {kernel}")?;
                }
                writeln!(f)?;
            }
            writeln!(f, "  called functions: {} instructions", entry.subprogram_instructions)?;
        }
        write!(f, "sources: SHA-256 {}", self.source_sha256)
    }
}

/// Replaces a file in one step.
fn replace(directory: &Path, name: &str, contents: &[u8]) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(contents)?;
    // A temporary file is private to its owner; a committed one is not.
    file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
    file.as_file().sync_all()?;
    file.persist(directory.join(name)).with_context(|| format!("cannot replace {name}"))?;
    Ok(())
}
