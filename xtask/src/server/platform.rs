//! The platforms that a server can be fetched for.

use std::fmt;

use anyhow::{Result, bail};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Platform {
    LinuxX86_64,
    LinuxAarch64,
    MacArm64,
}

impl Platform {
    /// The machine we run on.
    pub(crate) fn ours() -> Result<Self> {
        Self::of(std::env::consts::OS, std::env::consts::ARCH)
    }

    /// By the names that Rust, Go or Docker have for system and processor.
    pub(crate) fn of(system: &str, processor: &str) -> Result<Self> {
        match (system, processor) {
            ("linux", "x86_64" | "amd64") => Ok(Self::LinuxX86_64),
            ("linux", "aarch64" | "arm64") => Ok(Self::LinuxAarch64),
            ("macos" | "darwin", "aarch64" | "arm64") => Ok(Self::MacArm64),
            _ => bail!("no server is pinned for {system} on {processor}"),
        }
    }

    /// What pip calls it. The Linux servers are linked statically, so musl does not matter.
    pub(crate) fn wheel_tag(self) -> &'static str {
        match self {
            Self::LinuxX86_64 => "manylinux_2_28_x86_64",
            Self::LinuxAarch64 => "manylinux_2_28_aarch64",
            Self::MacArm64 => "macosx_13_0_arm64",
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LinuxX86_64 => "linux-x86_64",
            Self::LinuxAarch64 => "linux-aarch64",
            Self::MacArm64 => "macos-arm64",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rust_and_docker_name_the_same_machine_differently() {
        let ours = Platform::of("linux", "x86_64").expect("known");
        assert_eq!(ours, Platform::of("linux", "amd64").expect("known"));
        assert!(Platform::of("windows", "x86_64").is_err());
    }
}
