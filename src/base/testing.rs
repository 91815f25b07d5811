//! What unit tests of every floor share.

use super::{SystemEntropy, random_token};
use std::path::PathBuf;

/// An empty folder that goes with its last use.
pub struct Folder(pub PathBuf);

impl Folder {
    /// One that nobody else has.
    pub fn make() -> Self {
        let path = std::env::temp_dir().join(format!("dinhdanh-{}", random_token(&SystemEntropy)));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
