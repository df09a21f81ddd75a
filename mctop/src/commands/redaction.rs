//! The redaction that the command line asks for, and its secret.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::Context;

use crate::cli::RedactArgs;
use crate::error::Failure;
use crate::redact::secret::{SECRET_MAX, SecretOrigin};
use crate::redact::{Redaction, Secret};

/// Bytes of a random secret: the length of an HMAC-SHA-256. A longer one would not be stronger (RFC 2104, section 3).
const RANDOM_BYTES: usize = 32;

/// The redaction, if one is asked for.
///
/// # Errors
/// When the secret cannot be read from its file or is too short or too long, or the kernel has no random bytes.
pub(super) fn of(args: &RedactArgs) -> anyhow::Result<Option<Redaction>> {
    let Some(scope) = args.redact.clone() else { return Ok(None) };
    let secret = match &args.redact_key {
        Some(path) => from_file(path)?,
        None => random()?,
    };
    Ok(Some(Redaction::new(scope, secret)))
}

/// The secret in a file, without the line end that editors and `echo` append.
fn from_file(path: &Path) -> anyhow::Result<Secret> {
    let mut bytes = Vec::new();
    let file = File::open(path).with_context(|| format!("cannot open the redaction key {}", path.display()))?;
    // One byte more than the maximum and a line end, so that longer and endless files are noticed.
    let read = file.take(SECRET_MAX as u64 + 3).read_to_end(&mut bytes);
    read.with_context(|| format!("cannot read the redaction key {}", path.display()))?;
    let text = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    let secret = Secret::new(text, SecretOrigin::KeyFile).map_err(|why| {
        Failure::usage(format!(
            "{} cannot be the redaction key: {why}. Make one with: (umask 77; head -c 32 /dev/urandom | base64 > FILE).",
            path.display()
        ))
    })?;
    Ok(secret)
}

fn random() -> anyhow::Result<Secret> {
    let mut bytes = [0; RANDOM_BYTES];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        filled += rustix::rand::getrandom(rest, rustix::rand::GetRandomFlags::empty())
            .context("cannot get random bytes for the redaction")?;
    }
    Secret::new(&bytes, SecretOrigin::Random).map_err(anyhow::Error::msg)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::key::Key;
    use crate::redact::Scope;

    fn shown(key_file: Option<&[u8]>) -> anyhow::Result<String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        if let Some(content) = key_file {
            std::fs::write(&path, content).unwrap();
        }
        let args = RedactArgs { redact: Some(Scope::Whole), redact_key: key_file.map(|_| path) };
        Ok(of(&args)?.unwrap().apply(&Key::new(b"1234")).escaped())
    }

    #[test]
    fn a_secret_from_a_file_gives_the_same_hashes_with_any_line_end() {
        for content in [&b"0123456789abcdef"[..], b"0123456789abcdef\n", b"0123456789abcdef\r\n"] {
            assert_eq!(shown(Some(content)).unwrap(), "~0d7432fcc9d51408");
        }
        assert!(shown(Some(b"short\n")).unwrap_err().to_string().contains("5 bytes"));
        assert!(shown(Some(&[b'k'; 100_000])).unwrap_err().to_string().contains("16 to 4096"));
    }

    #[test]
    fn random_secrets_differ() {
        assert_ne!(shown(None).unwrap(), shown(None).unwrap());
    }
}
