//! The copy of the workspace in which the code is broken.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::workspace::Workspace;

/// Every file that git tracks or would, as it is now.
pub(super) struct Copy {
    root: PathBuf,
}

impl Copy {
    /// Writes only what differs: what an earlier run has built stays built.
    pub(super) fn make(workspace: &Workspace) -> Result<Self> {
        let root = workspace.target().join("mutate").join("src");
        fs::create_dir_all(&root)?;
        let files = files(workspace.root())?;
        for file in &files {
            let bytes = fs::read(workspace.root().join(file))?;
            let copy = root.join(file);
            if fs::read(&copy).is_ok_and(|there| there == bytes) {
                continue;
            }
            if let Some(folder) = copy.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(copy, bytes)?;
        }
        remove_others(&root, Path::new(""), &files)?;
        Ok(Self { root })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn read(&self, file: &Path) -> Result<String> {
        fs::read_to_string(self.root.join(file)).with_context(|| file.display().to_string())
    }

    /// Another text for a file, until the result is dropped.
    pub(super) fn replace(&self, file: &Path, text: &str, original: String) -> Result<Replaced> {
        let file = self.root.join(file);
        fs::write(&file, text)?;
        Ok(Replaced { file, original })
    }
}

/// A file that gets its text back.
pub(super) struct Replaced {
    file: PathBuf,
    original: String,
}

impl Drop for Replaced {
    fn drop(&mut self) {
        // Where it fails, the next copy sees that the file differs.
        let _left = fs::write(&self.file, &self.original);
    }
}

fn files(root: &Path) -> Result<BTreeSet<PathBuf>> {
    let output = Command::new("git")
        .current_dir(root)
        .args(["ls-files", "-z", "--cached", "--others"])
        .arg("--exclude-standard")
        .output()
        .context("cannot run git")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "git ls-files: {complaint}");
    let paths = String::from_utf8(output.stdout).context("a file's name is not UTF-8")?;
    let files = paths.split_terminator('\0').map(PathBuf::from);
    // Some may be deleted but not yet committed.
    Ok(files.filter(|file| root.join(file).is_file()).collect())
}

/// Deletes what an earlier copy had and this one has not.
fn remove_others(root: &Path, folder: &Path, files: &BTreeSet<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            remove_others(root, &path, files)?;
        } else if !files.contains(&path) && path != Path::new("Cargo.lock") {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
