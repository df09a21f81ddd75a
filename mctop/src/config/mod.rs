//! Settings, most of them of the live table. The command line takes precedence over the environment, which takes precedence over
//! a file, which takes precedence over the defaults.
//!
//! Each setting is declared once, in [`setting`]. Every layer gives texts, which are parsed in the same way, so that a value has
//! the same meaning in all of them.

use std::fmt::Write as _;
use std::path::Path;

use crate::error::Failure;

mod file;
pub(crate) mod setting;
pub(crate) mod values;

pub use self::setting::Settings;

pub(crate) use self::setting::{Setting, SymbolStyle, ThemeName};

/// The settings that one layer gives: valid texts, each with its origin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Layer {
    values: Vec<(Setting, String, String)>,
}

impl Layer {
    /// Adds a setting.
    ///
    /// # Errors
    /// A [`Failure`] that names the origin and says what was expected.
    pub(crate) fn set(&mut self, setting: Setting, text: &str, origin: String) -> Result<(), Failure> {
        let declaration = setting.declaration();
        setting::apply(&mut Settings::default(), setting, text)
            .map_err(|error| Failure::usage(format!("{origin}: {} = {text:?}: {error}", declaration.name)))?;
        self.values.push((setting, text.to_owned(), origin));
        Ok(())
    }

    fn get(&self, setting: Setting) -> Option<(&str, &str)> {
        let found = self.values.iter().find(|(known, ..)| *known == setting);
        found.map(|(_, text, origin)| (text.as_str(), origin.as_str()))
    }
}

/// The settings in effect, and where each comes from.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The values.
    pub settings: Settings,
    /// The text and origin of each setting, in the order of the declarations.
    texts: Vec<(Setting, String, String)>,
}

impl Config {
    /// Finds the settings in effect: those of `arguments`, the environment, and the file. The file is the `named` one, otherwise
    /// `$MCTOP_CONFIG`, otherwise the one at the default path, which may be missing.
    ///
    /// # Errors
    /// A [`Failure`]: an invalid value, an unknown setting in the file, or a file that cannot be read.
    pub(crate) fn find(
        arguments: Layer,
        named: Option<&Path>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Failure> {
        let environment = environment(&variable)?;
        let file = match named.map(Path::to_path_buf).or_else(|| variable("MCTOP_CONFIG").map(Into::into)) {
            Some(path) => file::read(&path)?,
            None => file::default_path().map_or_else(|| Ok(Layer::default()), |path| file::read_if_present(&path))?,
        };
        Self::of(&[arguments, environment, file])
    }

    fn of(layers: &[Layer]) -> Result<Self, Failure> {
        let mut settings = Settings::default();
        let mut texts = Vec::new();
        for declaration in setting::DECLARATIONS {
            let found = layers.iter().find_map(|layer| layer.get(declaration.setting));
            let (text, origin) = found.unwrap_or((declaration.default, "default"));
            setting::apply(&mut settings, declaration.setting, text)
                .map_err(|error| Failure::usage(format!("{origin}: {}: {error}", declaration.name)))?;
            texts.push((declaration.setting, text.to_owned(), origin.to_owned()));
        }
        Ok(Self { settings, texts })
    }

    /// The settings as a file, with the meaning and origin of each as a comment.
    pub(crate) fn to_toml(&self) -> String {
        let mut out = "# Settings in effect. To change them, edit ".to_owned();
        let _ = match file::default_path() {
            Some(path) => writeln!(out, "{path:?}."),
            None => writeln!(out, "a file, and name it with --config."),
        };
        for (setting, text, origin) in &self.texts {
            let declaration = setting.declaration();
            let value = setting::to_toml(*setting, text);
            let _ = write!(out, "\n# {}\n# Set by: {}\n", declaration.meaning, origin);
            let _ = writeln!(out, "{} = {value}", declaration.name);
        }
        out
    }
}

/// The settings in `MCTOP_*` variables; empty variables count as unset.
fn environment(variable: impl Fn(&str) -> Option<String>) -> Result<Layer, Failure> {
    let mut layer = Layer::default();
    for declaration in setting::DECLARATIONS {
        let name = format!("MCTOP_{}", declaration.name.to_uppercase());
        if let Some(text) = variable(&name).filter(|text| !text.is_empty()) {
            layer.set(declaration.setting, &text, format!("the environment variable {name}"))?;
        }
    }
    Ok(layer)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::setting::Rates;
    use super::*;
    use crate::model::column::Column;

    fn find(arguments: &[(Setting, &str)], environment: &[(&str, &str)], file: &str) -> Result<Config, Failure> {
        let mut layer = Layer::default();
        for (setting, text) in arguments {
            layer.set(*setting, text, "the command line".to_owned())?;
        }
        let path = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(path.path(), file).unwrap();
        let variable =
            |name: &str| environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Config::find(layer, Some(path.path()), variable)
    }

    #[test]
    fn the_command_line_precedes_the_environment_which_precedes_the_file() {
        let file = "interval = \"5s\"\nsort = \"size\"\nmouse = false\nrates = \"window\"\n";
        let environment = [("MCTOP_INTERVAL", "2s"), ("MCTOP_SORT", "calls"), ("MCTOP_THEME", "")];
        let config = find(&[(Setting::Interval, "1s")], &environment, file).unwrap();
        let Settings { interval, sort, rates, mouse, theme, .. } = config.settings;
        assert_eq!((interval, sort, mouse), (Duration::from_secs(1), Column::Calls, false));
        assert_eq!((theme, rates), (ThemeName::Auto, Rates::Window));
        let nearer = |arguments: &[_]| find(arguments, &[("MCTOP_RATES", "interval")], file).unwrap().settings.rates;
        assert_eq!((nearer(&[]), nearer(&[(Setting::Rates, "window")])), (Rates::Interval, Rates::Window));
        let toml = config.to_toml();
        assert!(toml.contains("Set by: the environment variable MCTOP_SORT\nsort = \"calls\"\n"), "{toml}");
        assert!(toml.contains("Set by: default\ntheme = \"auto\"\n"), "{toml}");
    }

    #[test]
    fn printed_settings_read_back_the_same() {
        let file = "columns = [\"rate\", \"key\"]\ntheme = \"light\"\nsymbols = \"ascii\"\ninterval = \"1500ms\"";
        let config = find(&[], &[], file).unwrap();
        assert_eq!(config.settings.columns, [Column::Rate, Column::Key]);
        assert_eq!(find(&[], &[], &config.to_toml()).unwrap().settings, config.settings);
        let defaults = find(&[], &[], "").unwrap();
        assert_eq!(find(&[], &[], &defaults.to_toml()).unwrap().settings, defaults.settings);
        assert_eq!(defaults.settings, Settings::default());
    }

    #[test]
    fn errors_say_where_and_what_was_expected() {
        for (file, parts) in [
            ("\ncolums = []", &["line 2", "unknown setting \"colums\"", "did you mean columns?"][..]),
            ("zzz = 1", &["line 1", "the settings are interval, sort"]),
            ("[table]\nsort = \"rate\"", &["line 1", "unknown setting \"table\""]),
            ("sort = \"speed\"", &["line 1", "unknown column \"speed\""]),
            ("mouse = \"maybe\"", &["line 1", "expected true or false"]),
            ("interval = 5", &["line 1", "interval"]),
            ("sort = ", &["line 1"]),
            ("rates = \"minute\"", &["line 1", "expected one of interval, window"]),
            ("theme = \"drak\"", &["dark", "light", "no-color"]),
            ("columns = [1]", &["columns", "list of strings"]),
            ("columns = []", &["at least one"]),
        ] {
            match find(&[], &[], file) {
                Ok(config) => assert_eq!((file, config.settings.interval), ("interval = 5", Duration::from_secs(5))),
                Err(error) => {
                    let error = error.to_string();
                    assert!(parts.iter().all(|part| error.contains(part)), "{file:?}: {error}");
                }
            }
        }
        let error = find(&[], &[("MCTOP_SORT", "\u{1b}")], "").unwrap_err().to_string();
        assert!(
            error.starts_with("the environment variable MCTOP_SORT: sort = \"\\u{1b}\": unknown column"),
            "{error}"
        );
        let missing = Config::find(Layer::default(), Some(Path::new("/nonexistent/mctop.toml")), |_| None);
        assert!(missing.unwrap_err().to_string().contains("/nonexistent/mctop.toml"));
    }
}
