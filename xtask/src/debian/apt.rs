//! apt with the package lists of one suite and nothing installed, using the machine's mirrors and proxies.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};

use super::{Suite, extract, name_of};
use crate::apt;
use crate::process;

/// Keys of Debian's archive, as the package debian-archive-keyring installs them: those of all supported suites, where
/// apt's own directory of trusted keys may have those of the installed one only.
const KEYRINGS: [&str; 2] =
    ["/usr/share/keyrings/debian-archive-keyring.gpg", "/usr/share/keyrings/debian-archive-keyring.pgp"];

/// Where Ubuntu's packages come from.
const UBUNTU: &str = "http://archive.ubuntu.com/ubuntu/";

/// Debian's package with the keys of Ubuntu's archive, the suite that has it, and the file in it.
const UBUNTU_KEYS: (&str, Suite, &str) =
    ("ubuntu-keyring", Suite::Trixie, "usr/share/keyrings/ubuntu-archive-keyring.gpg");

/// Lists older than this are refreshed.
const LISTS_MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// Where Debian's packages come from.
#[derive(Clone, Debug)]
pub struct Archive {
    uri: String,
}

impl Archive {
    /// The archive of Debian's main packages that this machine's apt uses.
    pub fn of_this_machine() -> Result<Self> {
        if !apt::is_usable() {
            bail!("downloading packages and sources of memcached needs root on a system with apt");
        }
        if let Some(uri) = find()? {
            return Ok(Self { uri });
        }
        // The names of the archives are in the lists, which a fresh image does not have.
        apt::refresh()?;
        let uri = find()?;
        let uri = uri.context("apt's sources contain no Debian archive to download packages from")?;
        Ok(Self { uri })
    }
}

/// The URI of the archive that calls itself Debian.
fn find() -> Result<Option<String>> {
    let mut command = Command::new("apt-get");
    command.args([
        "indextargets",
        "--format",
        "$(REPO_URI)",
        "Created-By: Packages",
        "Origin: Debian",
        "Label: Debian",
    ]);
    Ok(process::output(&mut command)?.lines().next().map(str::to_owned))
}

/// apt for one suite, with a directory of its own.
#[derive(Debug)]
pub struct Apt {
    directory: PathBuf,
}

impl Apt {
    /// Prepares the directory, and downloads the suite's lists unless recent ones exist.
    pub fn new(archive: &Archive, suite: Suite, directory: PathBuf) -> Result<Self> {
        for below in ["lists/partial", "cache/archives/partial", "downloads"] {
            let path = directory.join(below);
            fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
        }
        let name = suite.name();
        let sources = if suite == Suite::Jammy {
            let (package, suite, file) = UBUNTU_KEYS;
            let keys = directory.join("keys");
            Self::new(archive, suite, directory.join("debian"))?.unpack(package, &keys)?;
            format!("deb [signed-by={}] {UBUNTU} {name} main\n", keys.join(file).display())
        } else {
            let keyring = KEYRINGS.iter().find(|path| Path::new(path).is_file());
            let signed = keyring.map(|path| format!("[signed-by={path}] ")).unwrap_or_default();
            let source = format!("{signed}{} {name} main\n", archive.uri);
            format!("deb {source}deb-src {source}")
        };
        write(&directory.join("sources.list"), &sources)?;
        write(&directory.join("status"), "")?;
        write(&directory.join("apt.conf"), &configuration(&directory))?;
        let apt = Self { directory };
        apt.refresh(suite)?;
        Ok(apt)
    }

    fn refresh(&self, suite: Suite) -> Result<()> {
        let stamp = self.directory.join("refreshed");
        let age = fs::metadata(&stamp).and_then(|metadata| metadata.modified()).ok();
        let age = age.map(|time| SystemTime::now().duration_since(time).unwrap_or_default());
        if age.is_some_and(|age| age < LISTS_MAX_AGE) {
            return Ok(());
        }
        eprintln!("debian: reading the package lists of {suite}");
        match process::succeed(&mut self.get(&["update", "--error-on=any"])) {
            Ok(()) => {
                // Packages from earlier lists must not be mixed with those from the current lists.
                for directory in [self.archives(), self.downloads()] {
                    empty(&directory).with_context(|| format!("cannot empty {}", directory.display()))?;
                }
                write(&stamp, "")
            }
            Err(error) if age.is_some() => {
                crate::interrupt::check()?;
                eprintln!("debian: using the lists of {suite} from an earlier run: {error:#}");
                Ok(())
            }
            Err(error) => Err(error).with_context(|| format!("cannot read the package lists of {suite}")),
        }
    }

    /// `apt-get` for this suite, with its output on standard error.
    #[must_use]
    pub fn get(&self, args: &[&str]) -> Command {
        let mut command = self.command("apt-get");
        command.args(["--quiet", "--quiet"]).args(args).current_dir(self.downloads()).stdout(Stdio::null());
        command
    }

    /// Downloads a package and unpacks it into a directory.
    pub fn unpack(&self, package: &str, to: &Path) -> Result<()> {
        fs::create_dir_all(to).with_context(|| format!("cannot create {}", to.display()))?;
        process::succeed(&mut self.get(&["download", package]))?;
        let entries = fs::read_dir(self.downloads()).context("cannot list what apt has downloaded")?;
        let prefix = format!("{package}_");
        let file = entries.flatten().map(|entry| entry.path()).find(|path| name_of(path).starts_with(&prefix));
        let file = file.with_context(|| format!("apt did not download {package}"))?;
        extract(&file, to)
    }

    /// The standard output of `apt-cache`.
    pub fn cache(&self, args: &[&str]) -> Result<String> {
        process::output(self.command("apt-cache").args(args))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.arg("-c").arg(self.directory.join("apt.conf"));
        command.env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
        command
    }

    /// Versions of a package that the suite has, as packages or as sources, newest first.
    pub fn versions(&self, package: &str, sources: bool) -> Result<Vec<String>> {
        let kind = if sources { "Sources" } else { "Packages" };
        let table = self.cache(&["madison", package])?;
        let rows = table.lines().filter(|line| line.ends_with(kind));
        let mut versions: Vec<String> =
            rows.filter_map(|line| Some(line.split('|').nth(1)?.trim().to_owned())).collect();
        versions.dedup();
        Ok(versions)
    }

    /// Directory of files that are downloaded by name.
    #[must_use]
    pub fn downloads(&self) -> PathBuf {
        self.directory.join("downloads")
    }

    /// Directory of packages that are downloaded for an installation.
    #[must_use]
    pub fn archives(&self) -> PathBuf {
        self.directory.join("cache/archives")
    }
}

/// What differs from the machine's configuration: all state in the directory, no other sources, no hooks, no more lists
/// than those of packages and sources.
fn configuration(directory: &Path) -> String {
    let directory = directory.display();
    format!(
        "#clear APT::Update::Pre-Invoke;\n\
         #clear APT::Update::Post-Invoke;\n\
         #clear APT::Update::Post-Invoke-Success;\n\
         Dir::Etc::SourceList \"{directory}/sources.list\";\n\
         Dir::Etc::SourceParts \"/dev/null\";\n\
         Dir::Etc::Preferences \"/dev/null\";\n\
         Dir::Etc::PreferencesParts \"/dev/null\";\n\
         Dir::State \"{directory}\";\n\
         Dir::State::Lists \"{directory}/lists\";\n\
         Dir::State::Status \"{directory}/status\";\n\
         Dir::Cache \"{directory}/cache\";\n\
         Acquire::Languages \"none\";\n\
         Acquire::IndexTargets::deb::DEP-11::DefaultEnabled \"false\";\n\
         Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled \"false\";\n\
         APT::Sandbox::User \"root\";\n"
    )
}

/// Removes the files in a directory.
fn empty(directory: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_file() {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
