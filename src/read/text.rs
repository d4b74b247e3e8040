//! The text of a window.

use std::io;
use std::ops::Deref;

use crate::read::source::Input;

/// Text that grows at its end. What lies behind its end is kept, so that memory is cleared once and not before each read.
#[derive(Debug, Default)]
pub(super) struct Text {
    bytes: Vec<u8>,
    len: usize,
}

impl Deref for Text {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl Text {
    /// Memory that is held.
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Take memory for so many bytes at once, so that growing copies nothing; what is not touched costs nothing.
    pub(super) fn reserve(&mut self, bytes: usize) {
        self.bytes.reserve(bytes.saturating_sub(self.bytes.len()));
    }

    /// Keep no more than so many bytes.
    pub(super) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    pub(super) fn drop_front(&mut self, bytes: usize) {
        let bytes = bytes.min(self.len);
        self.bytes.copy_within(bytes..self.len, 0);
        self.len -= bytes;
    }

    /// Room for so many bytes behind the end.
    fn room(&mut self, bytes: usize) -> &mut [u8] {
        let end = self.len + bytes;
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        &mut self.bytes[self.len..end]
    }

    pub(super) fn extend(&mut self, more: &[u8]) {
        self.room(more.len()).copy_from_slice(more);
        self.len += more.len();
    }

    /// Read so many bytes, or fewer where the input ends.
    pub(super) fn read(&mut self, input: &mut Input, wanted: usize) -> (usize, io::Result<()>) {
        let room = self.room(wanted);
        let (mut at, mut outcome) = (0, Ok(()));
        while at < wanted {
            match input.read(&mut room[at..]) {
                Ok(0) => break,
                Ok(bytes) => at += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
        }
        self.len += at;
        (at, outcome)
    }
}
