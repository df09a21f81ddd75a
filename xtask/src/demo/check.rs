//! The figures of a demo: the hot key must be first by calls and by bandwidth, with the right size and TTL.

use std::fmt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::load::scenario::{FLASH_SALE_KEY, FLASH_SALE_TTL, FLASH_SALE_VALUE};
use crate::process;
use crate::server::Server;

/// The checked part of `mctop dump --format json`.
#[derive(Deserialize)]
struct DumpedSnapshot {
    schema: String,
    keys: Vec<DumpedKey>,
}

#[derive(Deserialize)]
struct DumpedKey {
    key: String,
    calls: u64,
    bytes: u64,
    size: Option<u64>,
    ttl: Option<i64>,
}

/// Figures that are right.
#[derive(Debug, PartialEq, Eq)]
pub struct Checked {
    calls: u64,
    bytes: u64,
    ttl: i64,
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{FLASH_SALE_KEY} is first with {} calls and {} bytes, size {FLASH_SALE_VALUE}, TTL {} s",
            self.calls, self.bytes, self.ttl
        )
    }
}

/// Observes the server once more, as JSON, and checks it.
pub fn observe(mctop: &Path, server: &Server, seconds: u64) -> Result<Checked> {
    let mut dump = Command::new(mctop);
    dump.args(["dump", "--format", "json", "--pid", &server.pid().to_string(), "-d", &format!("{seconds}s")]);
    check(&process::output(&mut dump)?)
}

fn check(json: &str) -> Result<Checked> {
    let snapshot: DumpedSnapshot =
        serde_json::from_str(json).context("cannot understand `mctop dump --format json`")?;
    if !snapshot.schema.starts_with("mctop.snapshot/") {
        bail!("`mctop dump --format json` has the schema {}", snapshot.schema);
    }
    for (what, figure) in [("calls", (|key| key.calls) as fn(&DumpedKey) -> u64), ("bandwidth", |key| key.bytes)] {
        let first = snapshot.keys.iter().max_by_key(|key| figure(key)).context("mctop saw no keys at all")?;
        if first.key != FLASH_SALE_KEY {
            bail!("first by {what} is {} with {}; expected {FLASH_SALE_KEY}", first.key, figure(first));
        }
    }
    let hot = snapshot.keys.iter().find(|key| key.key == FLASH_SALE_KEY).context("the hot key is missing")?;
    if hot.calls == 0 || hot.bytes == 0 {
        bail!("the hot key has {} calls and {} bytes; expected both above zero", hot.calls, hot.bytes);
    }
    if hot.size != Some(FLASH_SALE_VALUE as u64) {
        bail!("the hot key has size {:?}; expected {FLASH_SALE_VALUE}", hot.size);
    }
    match hot.ttl {
        Some(ttl) if (1..=i64::from(FLASH_SALE_TTL)).contains(&ttl) => {
            Ok(Checked { calls: hot.calls, bytes: hot.bytes, ttl })
        }
        ttl => bail!("the hot key has {ttl:?} seconds to live; expected 1 to {FLASH_SALE_TTL}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(hot: &str) -> String {
        format!(
            r#"{{"schema":"mctop.snapshot/1","host":"h","keys":[{hot},
                {{"key":"other","calls":10,"bytes":10,"size":null,"ttl":null}}]}}"#
        )
    }

    fn hot(calls: u64, bytes: u64, size: u64, ttl: i64) -> String {
        format!(r#"{{"key":"{FLASH_SALE_KEY}","calls":{calls},"bytes":{bytes},"size":{size},"ttl":{ttl}}}"#)
    }

    #[test]
    fn right_figures_are_accepted() {
        let right = check(&snapshot(&hot(100, 1_396_100, 13_961, 29))).unwrap();
        assert_eq!(right, Checked { calls: 100, bytes: 1_396_100, ttl: 29 });
    }

    #[test]
    fn wrong_figures_are_refused() {
        for wrong in [
            hot(9, 1_396_100, 13_961, 29),
            hot(100, 9, 13_961, 29),
            hot(100, 1_396_100, 13_963, 29),
            hot(100, 1_396_100, 13_961, 0),
            hot(100, 1_396_100, 13_961, 31),
        ] {
            assert!(check(&snapshot(&wrong)).is_err(), "{wrong}");
        }
        assert!(check(r#"{"schema":"mctop.snapshot/1","keys":[]}"#).is_err());
        assert!(check(r#"{"schema":"else/1","keys":[]}"#).is_err());
        assert!(check("").is_err());
    }
}
