//! What happens to a server's files while it is stopped.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::server::Server;

/// Inverts one byte in the last place where a stream's files have these bytes.
pub(crate) fn damage_last(server: &Server, stream: &str, bytes: &[u8]) {
    assert!(!server.is_running());
    let messages = server
        .store_dir()
        .join("jetstream/$G/streams")
        .join(stream)
        .join("msgs");
    let mut blocks: Vec<PathBuf> = fs::read_dir(messages)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "blk"))
        .collect();
    blocks.sort();
    for block in blocks.iter().rev() {
        let mut content = fs::read(block).unwrap();
        let mut windows = content.windows(bytes.len());
        if let Some(at) = windows.rposition(|window| window == bytes) {
            content[at] ^= 0xff;
            return fs::write(block, content).unwrap();
        }
    }
    panic!("no block of {stream} has these bytes");
}

/// A copy of all that a server has stored.
pub(crate) struct Copy(tempfile::TempDir);

impl Copy {
    pub(crate) fn of(server: &Server) -> Self {
        assert!(!server.is_running());
        let copy = tempfile::TempDir::with_prefix("aether-copy-").unwrap();
        copy_all(server.store_dir(), copy.path());
        Self(copy)
    }

    /// The server has only this again.
    pub(crate) fn restore(&self, server: &Server) {
        assert!(!server.is_running());
        fs::remove_dir_all(server.store_dir()).unwrap();
        copy_all(self.0.path(), server.store_dir());
    }
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_all(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
