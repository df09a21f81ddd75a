//! Settings of the live table: from the command line, the environment and a file.

use assert_cmd::Command;
use predicates::prelude::*;
use tempfile::TempDir;

/// The program, with a settings file at the default path.
fn mctop(settings: &str) -> (TempDir, Command) {
    let home = TempDir::new().unwrap();
    std::fs::create_dir(home.path().join("mctop")).unwrap();
    std::fs::write(home.path().join("mctop/config.toml"), settings).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_mctop"));
    command.env("XDG_CONFIG_HOME", home.path());
    (home, command)
}

#[test]
fn the_command_line_overrides_the_environment_which_overrides_the_file() {
    let settings = "theme = \"light\"\nsort = \"size\"\ncolumns = [\"ttl\", \"rate\"]\nrates = \"window\"\n";
    let (_home, mut mctop) = mctop(settings);
    let printed = mctop.args(["--print-config", "--theme", "dark"]).env("MCTOP_SORT", "hit").assert().success();
    printed
        .stdout(predicate::str::contains("# Set by: the command line\ntheme = \"dark\"\n"))
        .stdout(predicate::str::contains("# Set by: the environment variable MCTOP_SORT\nsort = \"hit\"\n"))
        .stdout(predicate::str::contains("line 4\nrates = \"window\"\n"))
        .stdout(predicate::str::contains("line 3\ncolumns = [\"ttl\", \"rate\"]\n"))
        .stdout(predicate::str::contains("# Set by: default\ninterval = \"1s\"\n"));
}

#[test]
fn the_span_of_rates_is_a_setting_of_the_live_table_and_of_replays() {
    let (_home, mut live) = mctop("rates = \"window\"\n");
    let printed = live.args(["--print-config", "--rates", "interval"]).env("MCTOP_RATES", "window").assert();
    printed.success().stdout(predicate::str::contains("# Set by: the command line\nrates = \"interval\"\n"));
    let (_home, mut replay) = mctop("");
    let printed = replay.args(["replay", "any", "--print-config"]).env("MCTOP_RATES", "window").assert();
    let expected = "# Set by: the environment variable MCTOP_RATES\nrates = \"window\"\n";
    printed.success().stdout(predicate::str::contains(expected));
    let (_home, mut wrong) = mctop("");
    let failure = wrong.args(["--rates", "minute"]).assert().code(2);
    failure.stderr(predicate::str::contains("interval, window"));
}

#[test]
fn an_unknown_setting_is_an_error_that_suggests_a_known_one() {
    let (_home, mut mctop) = mctop("\ntehme = \"light\"\n");
    let failure = mctop.arg("--print-config").assert().code(2);
    failure.stderr(predicate::str::contains("line 2: unknown setting \"tehme\"; did you mean theme?"));
}
