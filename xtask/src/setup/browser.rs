//! A headless browser, for the tests of the pages that mctop writes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::apt;

/// Where distributions have Chromium.
const PROGRAMS: [&str; 2] = ["/usr/bin/chromium", "/usr/bin/chromium-browser"];

/// Finds Chromium; installs Debian's package when it is missing and xtask runs as root.
pub fn browser() -> Result<PathBuf> {
    let find = || PROGRAMS.iter().map(Path::new).find(|program| program.exists()).map(Path::to_owned);
    if let Some(program) = find() {
        return Ok(program);
    }
    apt::install(&["chromium", "fonts-dejavu-core"])
        .context("Chromium, which the page tests need, is missing; install the package chromium")?;
    find().context("the package chromium is installed, but there is no /usr/bin/chromium")
}
