//! The options of a server's command line that affect tracing (memcached(1)), from `/proc/PID/cmdline`.

use std::fs::File;
use std::io::Read;

use serde::Serialize;

/// At most this many bytes of a command line are read.
const BYTES_MAX: u64 = 64 << 10;
/// Longer option values are cut to this many characters.
const VALUE_MAX: usize = 200;
/// Options that have a value, in every version so far. All others are only a letter.
const WITH_VALUE: &str = "aspUmclueRPfntDbBIYoN";
/// Long names of the options that affect tracing, and of those that share an abbreviation with one of them.
const LONG_NAMES: [(&str, char); 17] = [
    ("disable-cas", 'C'),
    ("disable-evictions", 'M'),
    ("disable-flush-all", 'F'),
    ("disable-dumping", 'X'),
    ("disable-watch", 'W'),
    ("extended", 'o'),
    ("protocol", 'B'),
    ("enable-sasl", 'S'),
    ("enable-ssl", 'Z'),
    ("enable-shutdown", 'A'),
    ("enable-coredumps", 'r'),
    ("enable-largepages", 'L'),
    ("unix-socket", 's'),
    ("unix-mask", 'a'),
    ("udp-port", 'U'),
    ("user", 'u'),
    ("pidfile", 'P'),
];

/// The protocols that a server accepts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Text or binary, decided by the first byte of a connection.
    #[default]
    Auto,
    /// Text only.
    Ascii,
    /// Binary only.
    Binary,
}

/// The options of a server that affect tracing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ServerOptions {
    /// The given options as on a command line: `-o proxy_config=/etc/routes.lua`, `-B binary`, `-S`, `-Z`, `-s /run/mc.sock`,
    /// `-U 11211`.
    pub given: Vec<String>,
    /// Accepted protocols.
    pub protocol: Protocol,
    /// Whether it routes requests to other servers.
    pub proxy: bool,
    /// Whether clients must authenticate by SASL.
    pub sasl: bool,
    /// Whether connections are encrypted.
    pub tls: bool,
    /// Whether items have no CAS numbers.
    pub no_cas: bool,
}

/// The options of a process; the defaults if they cannot be read.
pub(crate) fn of_process(pid: u32) -> ServerOptions {
    let mut bytes = Vec::new();
    let read = File::open(format!("/proc/{pid}/cmdline")).and_then(|file| file.take(BYTES_MAX).read_to_end(&mut bytes));
    if read.is_ok() { parse(&bytes) } else { ServerOptions::default() }
}

/// Parses zero-terminated arguments by the rules of getopt_long(3). The first is the program. Arguments of a loader before it
/// (`ld.so --library-path … memcached …`) are ignored, because they are not options of memcached.
pub(crate) fn parse(command_line: &[u8]) -> ServerOptions {
    let text = String::from_utf8_lossy(command_line);
    let mut arguments = text.split_terminator('\0').skip(1);
    let mut options = ServerOptions::default();
    while let Some(argument) = arguments.next() {
        if argument == "--" {
            break;
        }
        if let Some(long) = argument.strip_prefix("--") {
            let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
            if let Some(letter) = letter(name) {
                let value = if WITH_VALUE.contains(letter) { value.or_else(|| arguments.next()) } else { None };
                options.apply(letter, value);
            }
            continue;
        }
        let mut letters = argument.strip_prefix('-').unwrap_or_default().chars();
        while let Some(letter) = letters.next() {
            if WITH_VALUE.contains(letter) {
                let rest = letters.as_str();
                options.apply(letter, if rest.is_empty() { arguments.next() } else { Some(rest) });
                break;
            }
            options.apply(letter, None);
        }
    }
    options
}

/// The letter of a long option, which may be abbreviated to any unambiguous prefix.
fn letter(name: &str) -> Option<char> {
    if let Some((_, letter)) = LONG_NAMES.iter().find(|(long, _)| *long == name) {
        return Some(*letter);
    }
    let mut candidates = LONG_NAMES.iter().filter(|(long, _)| long.starts_with(name));
    let (_, letter) = candidates.next()?;
    candidates.next().is_none().then_some(*letter)
}

impl ServerOptions {
    fn apply(&mut self, letter: char, value: Option<&str>) {
        let value = value.unwrap_or_default();
        match letter {
            'o' => {
                self.proxy |= value.split(',').any(|part| part.trim_start().starts_with("proxy_config"));
            }
            'B' => {
                self.protocol = match value {
                    "ascii" => Protocol::Ascii,
                    "binary" => Protocol::Binary,
                    _ => Protocol::Auto,
                }
            }
            'S' => self.sasl = true,
            'Z' => self.tls = true,
            'C' => self.no_cas = true,
            's' => {}
            'U' if value != "0" => {}
            _ => return,
        }
        let value: String = value.chars().take(VALUE_MAX).collect();
        let separator = if value.is_empty() { "" } else { " " };
        self.given.push(format!("-{letter}{separator}{value}"));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(arguments: &str) -> ServerOptions {
        parse(format!("memcached {arguments}\n").replace([' ', '\n'], "\0").as_bytes())
    }

    #[test]
    fn options_that_affect_tracing() {
        assert_eq!(of("-u nobody -l 127.0.0.1 -p 11211 -U 0 -t 4 -m 64 -vv"), ServerOptions::default());
        let options = of("-o modern,proxy_config=/etc/routes.lua -B binary -SZ -s /run/mc.sock -U11212");
        assert!(options.proxy && options.sasl && options.tls);
        assert_eq!(options.protocol, Protocol::Binary);
        assert_eq!(
            options.given,
            ["-o modern,proxy_config=/etc/routes.lua", "-B binary", "-S", "-Z", "-s /run/mc.sock", "-U 11212"]
        );
    }

    #[test]
    fn long_options() {
        let options = of("--extended=proxy_config=/r.lua --protocol ascii --enable-sa --enable-ssl --udp-port=0");
        assert!(options.proxy && options.sasl && options.tls);
        assert_eq!(options.protocol, Protocol::Ascii);
        // Ambiguous abbreviations are ignored.
        assert_eq!(of("--enable"), ServerOptions::default());
        assert_eq!(of("--u 1"), ServerOptions::default());
    }

    #[test]
    fn values_are_not_options() {
        assert_eq!(of("-u -S -P -Z"), ServerOptions::default());
        assert_eq!(of("--user -S"), ServerOptions::default());
        assert_eq!(of("-m 64 -- -S"), ServerOptions::default());
        assert!(of("-uS -Z").tls && !of("-uS -Z").sasl);
    }

    #[test]
    fn arguments_of_a_loader_are_ignored() {
        let options = parse(b"/lib64/ld-linux-x86-64.so.2\0--library-path\0/opt\0/usr/bin/memcached\0-B\0binary\0");
        assert_eq!(options.protocol, Protocol::Binary);
    }

    #[test]
    fn long_values_are_cut() {
        let options = of(&format!("-o {}", "x".repeat(10_000)));
        assert_eq!(options.given[0].len(), VALUE_MAX + 3);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }
    }
}
