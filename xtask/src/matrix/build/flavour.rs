//! The compilers and options that memcached is built with in practice.

/// Which compiler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompilerFamily {
    /// GNU.
    Gcc,
    /// LLVM.
    Clang,
    /// GNU, with musl instead of glibc.
    Musl,
}

/// A compiler and its options.
#[derive(Debug)]
pub struct Flavour {
    /// A short name, which is also part of file names.
    pub name: &'static str,
    /// The compiler.
    pub family: CompilerFamily,
    /// Compiler options.
    pub cflags: &'static str,
    /// Linker options.
    pub ldflags: &'static str,
    /// Which versions it is built of.
    pub scope: VersionScope,
}

/// Which versions a flavour is built of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionScope {
    /// Every version whose source is available.
    Every,
    /// The two [`MAIN_VERSIONS`].
    Main,
    /// [`SINGLE_VERSION`].
    Single,
    /// The newest.
    Newest,
    /// [`SINGLE_VERSION`], as a negative control.
    Control,
}

/// The versions that every flavour is built of.
pub const MAIN_VERSIONS: [&str; 2] = ["1.6.18", "1.6.38"];

/// The version of flavours that are built once.
pub const SINGLE_VERSION: &str = "1.6.18";

const fn flavour(name: &'static str, family: CompilerFamily, cflags: &'static str, scope: VersionScope) -> Flavour {
    Flavour { name, family, cflags, ldflags: "", scope }
}

/// All flavours. Debug information, which is also memcached's default, changes no code.
pub const FLAVOURS: [Flavour; 15] = [
    flavour("gcc-O2", CompilerFamily::Gcc, "-g -O2", VersionScope::Every),
    flavour("gcc-O3", CompilerFamily::Gcc, "-g -O3", VersionScope::Main),
    flavour("gcc-Os", CompilerFamily::Gcc, "-g -Os", VersionScope::Main),
    flavour("gcc-lto", CompilerFamily::Gcc, "-g -O2 -flto=auto", VersionScope::Every),
    flavour("gcc-cet", CompilerFamily::Gcc, "-g -O2 -fcf-protection", VersionScope::Main),
    Flavour { ldflags: "-no-pie", ..flavour("gcc-nopie", CompilerFamily::Gcc, "-g -O2 -fno-pie", VersionScope::Main) },
    Flavour { ldflags: "-static", ..flavour("gcc-static", CompilerFamily::Gcc, "-g -O2", VersionScope::Main) },
    // The options of Ubuntu's and Fedora's packages.
    Flavour {
        ldflags: "-Wl,-z,relro -Wl,-z,now",
        ..flavour(
            "gcc-hardened",
            CompilerFamily::Gcc,
            "-g -O2 -flto=auto -fexceptions -fno-omit-frame-pointer -fstack-protector-strong -fstack-clash-protection \
             -fcf-protection -D_FORTIFY_SOURCE=2",
            VersionScope::Every,
        )
    },
    // The lowest optimisation, which inlines differently.
    flavour("gcc-O1", CompilerFamily::Gcc, "-g -O1", VersionScope::Main),
    // As in Alpine, but static, because other systems lack its libraries.
    Flavour { ldflags: "-static", ..flavour("musl-static", CompilerFamily::Musl, "-g -O2", VersionScope::Newest) },
    flavour("clang-O2", CompilerFamily::Clang, "-g -O2", VersionScope::Every),
    flavour("clang-O3", CompilerFamily::Clang, "-g -O3", VersionScope::Main),
    // The smallest code, which sets up arguments differently.
    flavour("clang-Oz", CompilerFamily::Clang, "-g -Oz", VersionScope::Newest),
    // Without optimisation, where the exact site is not found: for the other kinds of site.
    flavour("gcc-O0", CompilerFamily::Gcc, "-g -O0", VersionScope::Single),
    flavour(
        "gcc-nounwind",
        CompilerFamily::Gcc,
        "-O2 -fno-asynchronous-unwind-tables -fno-unwind-tables",
        VersionScope::Control,
    ),
];

/// Those of the reduced matrix, of [`SINGLE_VERSION`].
pub const REDUCED: [&str; 4] = ["gcc-lto", "gcc-O3", "clang-O2", "gcc-nounwind"];

impl Flavour {
    /// Whether it is built of a version; `newest` if there is no newer one.
    #[must_use]
    pub fn covers(&self, version: &str, newest: bool) -> bool {
        match self.scope {
            VersionScope::Every => true,
            VersionScope::Main => MAIN_VERSIONS.contains(&version),
            VersionScope::Newest => newest,
            VersionScope::Single | VersionScope::Control => version == SINGLE_VERSION,
        }
    }

    /// Its options on one line, as a user would give them.
    #[must_use]
    pub fn flags(&self) -> String {
        [self.cflags, self.ldflags].join(" ").trim_end().to_owned()
    }
}
