//! Help, version, completions and man page. All of them derive from one declaration.

use clap::{Arg, CommandFactory};
use mctop::internal::Cli;

use crate::program::{mctop, output};

/// Names of the commands, `help` included.
fn commands() -> Vec<String> {
    let mut cli = Cli::command();
    cli.build();
    cli.get_subcommands().map(|command| command.get_name().to_owned()).collect()
}

/// Long options of the program and its commands.
fn options() -> Vec<String> {
    let cli = Cli::command();
    let arguments = cli.get_arguments().chain(cli.get_subcommands().flat_map(clap::Command::get_arguments));
    let mut options: Vec<String> = arguments.filter_map(Arg::get_long).map(|long| format!("--{long}")).collect();
    options.sort_unstable();
    options.dedup();
    options
}

#[test]
fn help_of_every_command() {
    insta::assert_snapshot!("help", output(&mut mctop(&["--help"])));
    for command in commands().iter().filter(|name| *name != "help") {
        let help = output(&mut mctop(&[command, "--help"]));
        assert_eq!(output(&mut mctop(&["help", command])), help);
        insta::assert_snapshot!(format!("help_{command}"), help);
    }
}

#[test]
fn the_version_names_the_object_that_was_committed() {
    let manifest = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/bpf/manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let arch = std::env::consts::ARCH;
    let hash = manifest["objects"][format!("mctop-{arch}.bpf.o")]["sha256"].as_str().unwrap();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(output(&mut mctop(&["--version"])), format!("mctop {version}\neBPF object: {arch} sha256 {hash}\n"));
    assert_eq!(output(&mut mctop(&["-V"])), format!("mctop {version}\n"));
}

#[test]
fn completions_know_every_command_and_option() {
    for shell in ["bash", "zsh", "fish"] {
        let script = output(&mut mctop(&["completions", shell]));
        for option in options() {
            // fish lists long options without their dashes.
            let found = script.contains(&option) || script.contains(&format!("-l {}", option.trim_start_matches('-')));
            assert!(found, "{option} is not in the script for {shell}");
        }
        for command in commands() {
            assert!(script.contains(&command), "{command} is not in the script for {shell}");
        }
    }
}

#[test]
fn the_completion_script_is_one_that_bash_can_read() {
    let script = output(&mut mctop(&["completions", "bash"]));
    let check = "source /dev/stdin && complete -p mctop";
    let said = assert_cmd::Command::new("bash").args(["--norc", "-c", check]).write_stdin(script).assert().success();
    assert!(String::from_utf8_lossy(&said.get_output().stdout).contains("mctop"));
}

#[test]
fn the_man_page_names_every_command_option_and_exit_code() {
    let page = output(&mut mctop(&["man"])).replace("\\-", "-");
    assert!(page.contains(".TH mctop 1"));
    for name in commands().into_iter().chain(options()) {
        assert!(page.contains(&name), "{name} is not in the man page");
    }
    for code in ["0\nsuccess", "1\nfailure", "2\nbad option", "3\na privilege", "4\nno memcached", "5\nwith --strict"] {
        assert!(page.contains(code), "exit code {code} is not in the man page");
    }
}
