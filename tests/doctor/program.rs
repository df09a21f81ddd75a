//! Running `mctop`.

use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The program under test.
pub const MCTOP: &str = env!("CARGO_BIN_EXE_mctop");

/// Runs it.
pub fn mctop(arguments: &[&str]) -> Said {
    let mut command = Command::new(MCTOP);
    command.args(arguments);
    said(&mut command)
}

/// Runs a command in an environment that is the same everywhere.
pub fn said(command: &mut Command) -> Said {
    command
        .env("LC_ALL", "C.UTF-8")
        .env("RUST_BACKTRACE", "0")
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .stdin(Stdio::null());
    Said::of(&command.output().unwrap())
}

/// What it said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    pub fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self { code: output.status.code().unwrap(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// What it said in JSON.
    pub fn document(&self) -> Value {
        let document: Value = serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"));
        assert_eq!(document["schema"], "mctop.doctor/1");
        assert_eq!(document["exit_code"], self.code, "{self:?}");
        document
    }

    /// The one paragraph with which it failed.
    pub fn paragraph(&self) -> &str {
        let paragraph = self.err.strip_suffix('\n').unwrap();
        assert!(paragraph.starts_with("mctop: ") && !paragraph.contains('\n'), "{self:?}");
        paragraph
    }
}

/// The entry of a server in a document.
pub fn entry(document: &Value, pid: u32) -> &Value {
    let servers = document["servers"].as_array().unwrap();
    servers.iter().find(|server| server["pid"] == pid).unwrap_or_else(|| panic!("{pid} is not in {document:#}"))
}
