//! Settings of the live table: from the command line, the environment and a file.

use assert_cmd::Command;
use predicates::prelude::*;
use tempfile::TempDir;

/// The program with a file of settings in the usual place.
fn mctop(settings: &str) -> (TempDir, Command) {
    let home = TempDir::new().unwrap();
    std::fs::create_dir(home.path().join("mctop")).unwrap();
    std::fs::write(home.path().join("mctop/config.toml"), settings).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_mctop"));
    command.env("XDG_CONFIG_HOME", home.path());
    (home, command)
}

#[test]
fn what_is_said_nearer_counts() {
    let settings = "theme = \"light\"\nsort = \"size\"\ncolumns = [\"ttl\", \"rate\"]\nrates = \"window\"\n";
    let (_home, mut mctop) = mctop(settings);
    let printed = mctop.args(["--print-config", "--theme", "dark"]).env("MCTOP_SORT", "hit").assert().success();
    printed
        .stdout(predicate::str::contains("# here from: the command line\ntheme = \"dark\"\n"))
        .stdout(predicate::str::contains("# here from: the environment's MCTOP_SORT\nsort = \"hit\"\n"))
        .stdout(predicate::str::contains("line 4\nrates = \"window\"\n"))
        .stdout(predicate::str::contains("line 3\ncolumns = [\"ttl\", \"rate\"]\n"))
        .stdout(predicate::str::contains("# here from: default\ninterval = \"1s\"\n"));
}

#[test]
fn the_time_that_rates_are_over_is_a_setting_of_the_live_table_and_of_replays() {
    let (_home, mut live) = mctop("rates = \"window\"\n");
    let printed = live.args(["--print-config", "--rates", "interval"]).env("MCTOP_RATES", "window").assert();
    printed.success().stdout(predicate::str::contains("# here from: the command line\nrates = \"interval\"\n"));
    let (_home, mut replay) = mctop("");
    let printed = replay.args(["replay", "any", "--print-config"]).env("MCTOP_RATES", "window").assert();
    let told = "# here from: the environment's MCTOP_RATES\nrates = \"window\"\n";
    printed.success().stdout(predicate::str::contains(told));
    let (_home, mut wrong) = mctop("");
    let failure = wrong.args(["--rates", "minute"]).assert().code(2);
    failure.stderr(predicate::str::contains("interval, window"));
}

#[test]
fn an_unknown_setting_is_an_error_that_says_what_was_meant() {
    let (_home, mut mctop) = mctop("\ntehme = \"light\"\n");
    let failure = mctop.arg("--print-config").assert().code(2);
    failure.stderr(predicate::str::contains("line 2: there is no setting \"tehme\"; did you mean theme?"));
}
