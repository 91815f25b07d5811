//! The key-encryption key: the one secret that lives outside the store.

use crate::base::{Entropy, sha256};
use std::fmt;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

const PRODUCTION_HEADER: &[u8; 16] = b"dinhdanh-kek-p1\n";
const DEMO_HEADER: &[u8; 16] = b"dinhdanh-kek-d1\n";
const KEY_BYTES: usize = 32;
const FILE_BYTES: usize = 16 + KEY_BYTES;

/// 256 random bits from which every sealing key is derived, with a mark that tells a demo key from a real one.
///
/// On disk: a 16-byte header line (`dinhdanh-kek-p1` for production, `dinhdanh-kek-d1` for demo) and the 32 bytes.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct KeyEncryptionKey {
    bytes: [u8; KEY_BYTES],
    demo: bool,
}

/// Why the key file was refused. The texts name the file and what to do, never its content.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file could not be opened, read or written.
    #[error("key file {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Not a regular file.
    #[error("key file {path}: not a regular file")]
    NotAFile {
        /// The file.
        path: PathBuf,
    },
    /// Others than the owner could read or write it.
    #[error("key file {path}: mode is {mode:04o}, but only its owner may read it: run `chmod 600 {path}`")]
    Loose {
        /// The file.
        path: PathBuf,
        /// Permission bits found.
        mode: u32,
    },
    /// Cut short, or something was added.
    #[error("key file {path}: {found} bytes instead of {FILE_BYTES}: restore it from its backup")]
    Length {
        /// The file.
        path: PathBuf,
        /// Size found, in bytes.
        found: u64,
    },
    /// The first line is not that of a key file.
    #[error("key file {path}: this is not a key-encryption key of Dinhdanh (unknown first line)")]
    Header {
        /// The file.
        path: PathBuf,
    },
}

impl KeyEncryptionKey {
    /// A new production key.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self::from_entropy(entropy, false)
    }

    /// A new key for `demo`, which `serve` refuses.
    pub fn generate_demo(entropy: &dyn Entropy) -> Self {
        Self::from_entropy(entropy, true)
    }

    fn from_entropy(entropy: &dyn Entropy, demo: bool) -> Self {
        let mut bytes = [0u8; KEY_BYTES];
        entropy.fill(&mut bytes);
        Self { bytes, demo }
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// Refuses a file that anyone but its owner may access, one of another length, and one with a foreign header.
    pub fn load(path: &Path) -> Result<Self, KeyFileError> {
        let io = |source| KeyFileError::Io { path: path.to_owned(), source };
        let mut file = fs::File::open(path).map_err(io)?;
        let facts = file.metadata().map_err(io)?;
        if !facts.is_file() {
            return Err(KeyFileError::NotAFile { path: path.to_owned() });
        }
        let mode = facts.permissions().mode() & 0o7777;
        if mode & 0o7177 != 0 {
            return Err(KeyFileError::Loose { path: path.to_owned(), mode });
        }
        let length = KeyFileError::Length { path: path.to_owned(), found: facts.len() };
        if facts.len() != FILE_BYTES as u64 {
            return Err(length);
        }
        let mut content = Zeroizing::new([0u8; FILE_BYTES]);
        file.read_exact(content.as_mut_slice()).map_err(io)?;
        let (header, key) = content.split_at(PRODUCTION_HEADER.len());
        let demo = match header {
            h if h == PRODUCTION_HEADER => false,
            h if h == DEMO_HEADER => true,
            _ => return Err(KeyFileError::Header { path: path.to_owned() }),
        };
        Ok(Self { bytes: key.try_into().map_err(|_| length)?, demo })
    }

    /// Writes a new key file with mode 0600 and syncs it to disk. Never overwrites: a lost key loses all sealed data.
    ///
    /// # Errors
    /// When the file exists or cannot be written.
    pub fn store(&self, path: &Path) -> Result<(), KeyFileError> {
        let io = |source| KeyFileError::Io { path: path.to_owned(), source };
        let mut content = Zeroizing::new(Vec::with_capacity(FILE_BYTES));
        content.extend_from_slice(if self.demo { DEMO_HEADER } else { PRODUCTION_HEADER });
        content.extend_from_slice(&self.bytes);
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(io)?;
        file.write_all(&content).map_err(io)?;
        file.sync_all().map_err(io)
    }

    /// Whether this key was made by `demo`.
    pub const fn is_demo(&self) -> bool {
        self.demo
    }

    /// Names the key inside sealed values; says nothing about its bytes.
    pub fn id(&self) -> [u8; 4] {
        let mut input = Zeroizing::new(b"dinhdanh key id v1".to_vec());
        input.extend_from_slice(&self.bytes);
        let digest = sha256(&input);
        let [a, b, c, d, ..] = *digest.as_bytes();
        [a, b, c, d]
    }

    pub(super) const fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.bytes
    }
}

impl fmt::Debug for KeyEncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyEncryptionKey {{ demo: {} }}", self.demo)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SeededEntropy;
    use crate::base::testing::Folder;

    #[test]
    fn a_stored_key_loads_with_its_mark() {
        let folder = Folder::make();
        for (name, key) in [
            ("p", KeyEncryptionKey::generate(&SeededEntropy::new(1))),
            ("d", KeyEncryptionKey::generate_demo(&SeededEntropy::new(1))),
        ] {
            let path = folder.0.join(name);
            key.store(&path).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            let back = KeyEncryptionKey::load(&path).unwrap();
            assert_eq!((back.bytes, back.demo), (key.bytes, key.demo));
            assert_eq!(back.id(), key.id());
        }
    }

    #[test]
    fn a_key_is_never_overwritten() {
        let folder = Folder::make();
        let path = folder.0.join("kek.bin");
        let first = KeyEncryptionKey::generate(&SeededEntropy::new(1));
        first.store(&path).unwrap();
        assert!(KeyEncryptionKey::generate(&SeededEntropy::new(2)).store(&path).is_err());
        assert_eq!(KeyEncryptionKey::load(&path).unwrap().bytes, first.bytes);
    }

    #[test]
    fn loose_modes_are_refused_and_stricter_ones_pass() {
        let folder = Folder::make();
        let path = folder.0.join("kek.bin");
        KeyEncryptionKey::generate(&SeededEntropy::new(1)).store(&path).unwrap();
        for (mode, passes) in
            [(0o600, true), (0o400, true), (0o640, false), (0o604, false), (0o700, false), (0o620, false)]
        {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let loaded = KeyEncryptionKey::load(&path);
            assert_eq!(loaded.is_ok(), passes, "{mode:o}");
            if let Err(error) = loaded {
                assert!(error.to_string().contains("chmod 600"), "{error}");
            }
        }
    }

    #[test]
    fn other_lengths_and_headers_are_refused() {
        let folder = Folder::make();
        let path = folder.0.join("kek.bin");
        let write = |content: &[u8]| {
            let _ = fs::remove_file(&path);
            fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)
                .unwrap()
                .write_all(content)
                .unwrap();
        };
        write(&[0; 47]);
        assert!(matches!(KeyEncryptionKey::load(&path), Err(KeyFileError::Length { found: 47, .. })));
        write(&[0; 49]);
        assert!(matches!(KeyEncryptionKey::load(&path), Err(KeyFileError::Length { found: 49, .. })));
        write(&[0; 48]);
        assert!(matches!(KeyEncryptionKey::load(&path), Err(KeyFileError::Header { .. })));
        assert!(matches!(KeyEncryptionKey::load(&folder.0), Err(KeyFileError::NotAFile { .. })));
    }

    #[test]
    fn i17_a_key_does_not_print() {
        let key = KeyEncryptionKey::generate(&SeededEntropy::new(1));
        assert_eq!(format!("{key:?}"), "KeyEncryptionKey { demo: false }");
    }
}
