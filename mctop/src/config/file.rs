//! The settings file: TOML without tables.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use toml::de::{DeTable, DeValue};

use super::Layer;
use super::setting::DECLARATIONS;
use crate::error::Failure;

/// Largest size of a file, bytes.
const MAX_BYTES: u64 = 64 * 1024;
/// Names with at least this Jaro-Winkler similarity (0 to 1) are taken for typing errors.
const MIN_SIMILARITY: f64 = 0.8;

/// The default path: `mctop/config.toml` in `$XDG_CONFIG_HOME`, otherwise in `~/.config`; `None` if there is no home directory.
pub(super) fn default_path() -> Option<PathBuf> {
    let strategy = etcetera::base_strategy::Xdg::new().ok()?;
    Some(strategy.config_dir().join("mctop").join("config.toml"))
}

/// Reads a file that must exist.
///
/// # Errors
/// A [`Failure`]: the file cannot be read, or is invalid.
pub(super) fn read(path: &Path) -> Result<Layer, Failure> {
    let text = text(path).map_err(|error| {
        Failure::usage(format!(
            "cannot read the settings file {path:?}: {error}. Correct --config or MCTOP_CONFIG, whichever names it."
        ))
    })?;
    parse(&text, path)
}

/// Reads a file that may be missing.
///
/// # Errors
/// As for [`read`].
pub(super) fn read_if_present(path: &Path) -> Result<Layer, Failure> {
    match File::open(path) {
        // With sudo -u, the environment may name the home directory of another user.
        Err(error)
            if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::PermissionDenied) =>
        {
            Ok(Layer::default())
        }
        _ => read(path),
    }
}

fn text(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(std::io::Error::other(format!("it has more than {MAX_BYTES} bytes")));
    }
    Ok(text)
}

fn parse(text: &str, path: &Path) -> Result<Layer, Failure> {
    let line = |at: usize| 1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count();
    let table = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(1, |span| line(span.start));
        Failure::usage(format!("{path:?}, line {at}: invalid TOML: {}", error.message()))
    })?;
    let mut layer = Layer::default();
    for (name, value) in table.into_inner() {
        let origin = format!("{path:?}, line {}", line(name.span().start));
        let name = name.into_inner();
        let Some(declaration) = DECLARATIONS.iter().find(|declaration| declaration.name == name) else {
            return Err(Failure::usage(format!("{origin}: unknown setting {name:?}; {}", instead(&name))));
        };
        let value = as_text(value.get_ref()).ok_or_else(|| {
            Failure::usage(format!(
                "{origin}: {}: expected a string, a list of strings, or true or false",
                declaration.name
            ))
        })?;
        layer.set(declaration.setting, &value, origin)?;
    }
    Ok(layer)
}

/// A value in the syntax of the environment.
fn as_text(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Boolean(flag) => Some(flag.to_string()),
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Float(number) => Some(number.to_string()),
        DeValue::Array(items) => {
            let texts: Option<Vec<&str>> = items.iter().map(|item| item.get_ref().as_str()).collect();
            texts.map(|texts| texts.join(","))
        }
        DeValue::Datetime(_) | DeValue::Table(_) => None,
    }
}

/// What to write instead of an unknown name.
fn instead(name: &str) -> String {
    let names = || DECLARATIONS.iter().map(|declaration| declaration.name);
    let similar = names().map(|known| (strsim::jaro_winkler(name, known), known));
    match similar.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(similarity, _)| *similarity >= MIN_SIMILARITY) {
        Some((_, known)) => format!("did you mean {known}?"),
        None => format!("the settings are {}", names().collect::<Vec<_>>().join(", ")),
    }
}
