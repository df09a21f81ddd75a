//! Child processes with a time limit.

use std::io::Read;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::interrupt;
use crate::process::display;

/// The most output that is read, in bytes.
const OUTPUT_MAX: u64 = 8 << 20;

/// Runs to the end and returns the exit status with everything written to standard output and standard error.
///
/// # Errors
/// When it cannot be started or takes too long, which ends it, and when xtask is interrupted.
pub fn output(command: &mut Command, time: Duration) -> Result<(ExitStatus, String)> {
    let shown = display(command);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{shown}`"))?;
    let readers = [child.stdout.take().map(read), child.stderr.take().map(read)];
    let deadline = Instant::now() + time;
    let status = loop {
        if let Some(status) = child.try_wait().context("cannot wait for a child process")? {
            break Ok(status);
        }
        if interrupt::requested() {
            break Err(interrupt::Interrupted.into());
        }
        if Instant::now() > deadline {
            break Err(anyhow::anyhow!("`{shown}` did not end within {time:?}"));
        }
        thread::sleep(Duration::from_millis(2));
    };
    let status = match status {
        Ok(status) => status,
        Err(error) => {
            // It may have ended by itself. Its own children may keep the pipes open, so the readers are not waited for.
            let _ = child.kill();
            child.wait().context("cannot wait for a child process")?;
            return Err(error);
        }
    };
    let mut said = String::new();
    for reader in readers.into_iter().flatten() {
        match reader.join() {
            Ok(bytes) => said.push_str(&String::from_utf8_lossy(&bytes)),
            Err(_) => bail!("the thread that read `{shown}` panicked"),
        }
    }
    Ok((status, said))
}

fn read(pipe: impl Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // After an error, what was read before is returned.
        let _ = pipe.take(OUTPUT_MAX).read_to_end(&mut bytes);
        bytes
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_and_status_or_the_time_is_up() {
        let (status, said) =
            output(Command::new("sh").args(["-c", "echo a; echo b >&2; exit 3"]), Duration::from_secs(20)).unwrap();
        assert_eq!((status.code(), said.as_str()), (Some(3), "a\nb\n"));
        let error = output(Command::new("sleep").arg("20"), Duration::from_millis(50)).unwrap_err();
        assert!(error.to_string().contains("did not end"), "{error}");
        let start = Instant::now();
        output(Command::new("sh").args(["-c", "sleep 20 & sleep 20"]), Duration::from_millis(50)).unwrap_err();
        assert!(start.elapsed() < Duration::from_secs(15), "waited for the child's children");
    }
}
