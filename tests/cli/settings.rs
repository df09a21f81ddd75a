//! Settings of the live table: from the command line, the environment and a file.

use std::process::Command;

use mctop_test_support::program::{self, output, refusal, said};
use tempfile::TempDir;

/// The program with a file of settings in the usual place.
fn mctop(settings: &str, arguments: &[&str]) -> (TempDir, Command) {
    let home = TempDir::new().unwrap();
    std::fs::create_dir(home.path().join("mctop")).unwrap();
    std::fs::write(home.path().join("mctop/config.toml"), settings).unwrap();
    let mut command = program::mctop(arguments);
    command.env("XDG_CONFIG_HOME", home.path());
    (home, command)
}

/// Asserts that each part is in a text.
fn contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

#[test]
fn the_command_line_overrides_the_environment_and_that_the_file() {
    let settings = "theme = \"light\"\nsort = \"size\"\ncolumns = [\"ttl\", \"rate\"]\nrates = \"window\"\n";
    let (_home, mut mctop) = mctop(settings, &["--print-config", "--theme", "dark"]);
    let parts = [
        "# Set by: the command line\ntheme = \"dark\"\n",
        "# Set by: the environment variable MCTOP_SORT\nsort = \"hit\"\n",
        "line 4\nrates = \"window\"\n",
        "line 3\ncolumns = [\"ttl\", \"rate\"]\n",
        "# Set by: default\ninterval = \"1s\"\n",
    ];
    contains(&output(mctop.env("MCTOP_SORT", "hit")), &parts);
}

#[test]
fn the_time_that_rates_are_over_is_a_setting_of_the_live_table_and_of_replays() {
    let (_home, mut live) = mctop("rates = \"window\"\n", &["--print-config", "--rates", "interval"]);
    let from_line = "# Set by: the command line\nrates = \"interval\"\n";
    contains(&output(live.env("MCTOP_RATES", "window")), &[from_line]);
    let (_home, mut replay) = mctop("", &["replay", "any", "--print-config"]);
    let from_environment = "# Set by: the environment variable MCTOP_RATES\nrates = \"window\"\n";
    contains(&output(replay.env("MCTOP_RATES", "window")), &[from_environment]);
    let (_home, mut wrong) = mctop("", &["--rates", "minute"]);
    contains(&refusal(&mut wrong, 2), &["interval, window"]);
}

#[test]
fn an_unknown_setting_is_an_error_that_names_the_nearest_one() {
    let (_home, mut mctop) = mctop("\ntehme = \"light\"\n", &["--print-config"]);
    let said = said(&mut mctop);
    assert_eq!((said.code, &*said.out), (2, ""));
    contains(said.paragraph(), &["line 2: unknown setting \"tehme\"; did you mean theme?"]);
}
