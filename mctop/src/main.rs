//! See the library.

fn main() -> std::process::ExitCode {
    mctop::main()
}
