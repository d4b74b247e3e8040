//! Where the bytes of an export come from.

use std::any::Any;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

/// A file that has been opened.
pub type Input = Box<dyn Read + Send>;

/// Where bytes come from.
pub enum Source {
    /// They are there.
    Bytes(Box<dyn AsRef<[u8]> + Send + Sync>),
    /// A regular file.
    Path(PathBuf),
    /// Opened when its turn comes.
    Opener(Box<dyn FnMut() -> io::Result<Input> + Send>),
}

/// What a file object raised, in an `io::Error`.
pub struct Raised {
    /// What it was, in words that quote neither addresses nor the file.
    pub text: String,
    /// Whether it ends reading in any case, as an interruption does.
    pub passes: bool,
    /// The exception itself.
    pub exception: Box<dyn Any + Send + Sync>,
}

impl fmt::Debug for Raised {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Raised {}

impl Source {
    /// How many bytes there are, where that is known before reading.
    pub(super) fn size(&self) -> Option<u64> {
        match self {
            Source::Bytes(bytes) => Some((**bytes).as_ref().len() as u64),
            Source::Path(path) => std::fs::metadata(path).ok().map(|file| file.len()),
            Source::Opener(_) => None,
        }
    }

    pub(super) fn open(self) -> io::Result<Input> {
        match self {
            Source::Bytes(bytes) => Ok(Box::new(io::Cursor::new(Held(bytes)))),
            Source::Path(path) => Ok(Box::new(File::open(path)?)),
            Source::Opener(mut open) => open(),
        }
    }
}

struct Held(Box<dyn AsRef<[u8]> + Send + Sync>);

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        (*self.0).as_ref()
    }
}
