//! A private memcached for demos and tests: on a free loopback port, stopped with the value that stands for it.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::interrupt;

/// Where distributions install memcached. Preferred to PATH, where a locally built one with symbols may hide the stripped
/// one that users have.
pub const PACKAGED: &str = "/usr/bin/memcached";

/// How long a server may take to answer.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// How often another port is tried when somebody else took the one that was free a moment ago.
const ATTEMPTS: u32 = 10;

/// Longest answer to `stats` that is read.
const ANSWER_MAX: usize = 64 * 1024;

/// The memcached of this machine, if there is one.
#[must_use]
pub fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::iter::once(PathBuf::from(PACKAGED))
        .chain(std::env::split_paths(&path).map(|directory| directory.join("memcached")))
        .find(|program| program.is_file())
}

/// How to start a server.
#[derive(Clone, Debug)]
pub struct Options {
    /// Worker threads.
    pub threads: u32,
    /// Memory for items, in MiB.
    pub memory_mib: u32,
    /// Largest item, in MiB.
    pub item_max_mib: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { threads: 4, memory_mib: 256, item_max_mib: 4 }
    }
}

/// A running memcached. It is killed when this is dropped, which includes unwinding and, because waiting code looks at
/// [`interrupt`], signals to xtask.
#[derive(Debug)]
pub struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts `program` and waits until it answers.
    ///
    /// # Errors
    /// When it does not start or answer; with what it wrote to standard error.
    pub fn start(program: &Path, options: &Options) -> Result<Self> {
        let mut said = String::new();
        for _ in 0..ATTEMPTS {
            interrupt::check()?;
            let address = free_port().context("cannot find a free port on 127.0.0.1")?;
            let child = spawn(program, address, options)?;
            // From here on an early return kills it.
            let mut server = Self { child, address };
            match server.wait_until_it_answers()? {
                None => return Ok(server),
                Some(message) => said = message,
            }
        }
        bail!("{} ended at once, {ATTEMPTS} times on as many free ports; it said: {}", program.display(), said.trim());
    }

    /// `None` when it answers; what it wrote when it ended instead.
    fn wait_until_it_answers(&mut self) -> Result<Option<String>> {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            if self.child.try_wait().context("cannot wait for memcached")?.is_some() {
                let mut said = String::new();
                if let Some(stderr) = self.child.stderr.as_mut() {
                    stderr.take(4096).read_to_string(&mut said).context("cannot read what memcached said")?;
                }
                return Ok(Some(said));
            }
            if self.is_answering() {
                return Ok(None);
            }
            if Instant::now() > deadline {
                bail!("memcached (pid {}) did not answer on {} within {START_TIMEOUT:?}", self.pid(), self.address);
            }
            interrupt::sleep(interrupt::POLL)?;
        }
    }

    /// Whether this very process answers on the port; another server that took the port first does not count.
    #[must_use]
    pub fn is_answering(&self) -> bool {
        self.stats().is_ok_and(|stats| stats.get("pid") == Some(&u64::from(self.pid())))
    }

    /// Its whole-numbered general statistics, by name.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn stats(&self) -> Result<HashMap<String, u64>> {
        let answer = ask(self.address).with_context(|| format!("no answer to `stats` on {}", self.address))?;
        let numbers = answer.lines().filter_map(|line| {
            let (name, value) = line.strip_prefix("STAT ")?.split_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        });
        Ok(numbers.collect())
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only when the process has ended and been waited for, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A TCP port that nobody listens on now. memcached takes port 0 for "no TCP", so it cannot choose itself.
fn free_port() -> std::io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

fn spawn(program: &Path, address: SocketAddr, options: &Options) -> Result<Child> {
    let mut command = Command::new(program);
    command.args(["-l", &address.ip().to_string(), "-p", &address.port().to_string(), "-U", "0"]);
    command.args(["-t", &options.threads.to_string(), "-m", &options.memory_mib.to_string()]);
    command.args(["-I", &format!("{}m", options.item_max_mib)]);
    if rustix::process::geteuid().is_root() {
        command.args(["-u", "nobody"]);
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        // Out of the terminal's foreground group: ^C is for xtask, which then stops the server after its clients.
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))
}

/// The answer to `stats`.
fn ask(address: SocketAddr) -> std::io::Result<String> {
    let timeout = Duration::from_secs(1);
    let mut stream = TcpStream::connect_timeout(&address, timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    stream.write_all(b"stats\r\n")?;
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    while !answer.ends_with(b"END\r\n") && answer.len() < ANSWER_MAX {
        match stream.read(&mut chunk)? {
            0 => break,
            read => answer.extend_from_slice(&chunk[..read]),
        }
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// A server for a test. Without memcached the test fails where live tests are required, else it is skipped: `None`.
#[cfg(test)]
pub fn for_test() -> Option<Server> {
    use crate::test::{LIVE_REQUIRED, LIVE_VARIABLE};
    let Some(program) = program() else {
        assert_ne!(std::env::var(LIVE_VARIABLE).as_deref(), Ok(LIVE_REQUIRED), "memcached is not installed");
        println!("SKIPPED: memcached is not installed");
        return None;
    };
    Some(Server::start(&program, &Options::default()).unwrap())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_ends_at_once_is_reported() {
        let error = Server::start(Path::new("/bin/false"), &Options::default()).unwrap_err().to_string();
        assert!(error.contains("/bin/false ended at once"), "{error}");
        assert!(Server::start(Path::new("/nonexistent"), &Options::default()).is_err());
    }

    #[test]
    fn a_server_answers_and_is_gone_after_drop() {
        let Some(server) = for_test() else { return };
        let (pid, address) = (server.pid(), server.address());
        assert!(address.ip().is_loopback() && server.is_answering());
        drop(server);
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
        assert!(TcpStream::connect(address).is_err());
    }
}
