//! The file of settings: TOML, without tables.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use toml::de::{DeTable, DeValue};

use super::Layer;
use super::setting::DECLARATIONS;
use crate::error::Failure;

/// Longer files are not settings, bytes.
const LONGEST: u64 = 64 * 1024;
/// Names less alike than this (Jaro-Winkler, 0 to 1) are no slips of the keyboard.
const ALIKE: f64 = 0.8;

/// Where the file is looked for: `mctop/config.toml` in `$XDG_CONFIG_HOME`, else in `~/.config`. None without a home.
pub(super) fn usual() -> Option<PathBuf> {
    let strategy = etcetera::base_strategy::Xdg::new().ok()?;
    Some(strategy.config_dir().join("mctop").join("config.toml"))
}

/// Reads a file that must be there.
///
/// # Errors
/// A [`Failure`]: it is not, or says what cannot be.
pub(super) fn read(path: &Path) -> Result<Layer, Failure> {
    let text = text(path).map_err(|error| {
        Failure::usage(format!("cannot read the settings in {path:?}: {error}; --config names another file"))
    })?;
    parse(&text, path)
}

/// Reads a file that need not be there.
///
/// # Errors
/// As [`read`].
pub(super) fn read_if_any(path: &Path) -> Result<Layer, Failure> {
    match File::open(path) {
        // Not every user may look into the home directory of the user whose environment this is.
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
    File::open(path)?.take(LONGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LONGEST {
        return Err(std::io::Error::other(format!("it is longer than {LONGEST} bytes")));
    }
    Ok(text)
}

fn parse(text: &str, path: &Path) -> Result<Layer, Failure> {
    let line = |at: usize| 1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count();
    let table = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(1, |span| line(span.start));
        Failure::usage(format!("{path:?}, line {at}: not TOML: {}", error.message()))
    })?;
    let mut layer = Layer::default();
    for (name, value) in table.into_inner() {
        let origin = format!("{path:?}, line {}", line(name.span().start));
        let name = name.into_inner();
        let Some(declaration) = DECLARATIONS.iter().find(|declaration| declaration.name == name) else {
            return Err(Failure::usage(format!("{origin}: there is no setting {name:?}; {}", instead(&name))));
        };
        let value = written(value.get_ref()).ok_or_else(|| {
            Failure::usage(format!(
                "{origin}: {}: expected a text, a list of texts, or true or false",
                declaration.name
            ))
        })?;
        layer.set(declaration.setting, &value, origin)?;
    }
    Ok(layer)
}

/// A value as the environment would give it.
fn written(value: &DeValue<'_>) -> Option<String> {
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

/// What may have been meant by a name.
fn instead(name: &str) -> String {
    let names = || DECLARATIONS.iter().map(|declaration| declaration.name);
    let alike = names().map(|known| (strsim::jaro_winkler(name, known), known));
    match alike.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(likeness, _)| *likeness >= ALIKE) {
        Some((_, known)) => format!("did you mean {known}?"),
        None => format!("the settings are {}", names().collect::<Vec<_>>().join(", ")),
    }
}
