//! Bytes of any source flow through a bounded window and are cut into whole values.

use std::any::Any;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::ops::{Deref, Range};
use std::path::PathBuf;
use std::time::Instant;

use crate::batch::WATCH_INTERVAL;
use crate::error::{Error, Result};
use crate::read::container::{self, Content, HEAD_BYTES};
use crate::read::cut::{Found, Layout, NO_TASK, Scan};

/// Bytes asked for at once: they are scanned while they are still in a near cache.
const CHUNK_BYTES: usize = 256 << 10;
/// Larger windows grow as they are filled.
const MOST_RESERVED_BYTES: usize = 64 << 20;
/// Smaller windows are taken as this.
const LEAST_BYTES: usize = 4 << 10;
/// Elements of a list before its first object that are no task, at most; a list of numbers is no export.
const MOST_STRAYS: usize = 1000;
/// A larger task is refused: no export has one, and it would have to be held whole.
const MOST_BYTES: usize = 512 << 20;

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
    fn size(&self) -> Option<u64> {
        match self {
            Source::Bytes(bytes) => Some((**bytes).as_ref().len() as u64),
            Source::Path(path) => std::fs::metadata(path).ok().map(|file| file.len()),
            Source::Opener(_) => None,
        }
    }

    fn open(self) -> io::Result<Input> {
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

/// Why reading ended early, and in which file.
#[derive(Debug)]
pub enum Stop {
    /// The file is no sound export.
    Export {
        /// By its place among the sources.
        file: usize,
        /// What is wrong and what to do.
        message: String,
        /// Byte of the file.
        position: usize,
    },
    /// The file could not be read.
    Io {
        /// By its place among the sources.
        file: usize,
        /// What the system or the file object says.
        error: io::Error,
    },
    /// Something that has to do with no file.
    Other(Error),
}

impl Stop {
    pub(super) fn at(file: usize, error: Error) -> Stop {
        match error {
            Error::Export { message, position } => Stop::Export { file, message, position },
            other => Stop::Other(other),
        }
    }
}

/// A value that was found, or what stands in its place.
#[derive(Debug)]
pub(super) struct Unit {
    /// The file, by its place among the sources.
    pub(super) file: u32,
    /// Which value it is among all that were found, from 0.
    pub(super) ordinal: u64,
    /// Where it lies in the window.
    pub(super) range: Range<usize>,
    /// Whether its file goes on behind it.
    pub(super) goes_on: bool,
    /// Where it starts in the file.
    pub(super) base: usize,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    /// A value (several on a line) to be parsed.
    Value(Content),
    /// Something that is skipped: a code, what is wrong, and the byte of it.
    Skipped(&'static str, String, usize),
}

/// Whole values, in the order of the files.
#[derive(Debug, Default)]
pub(super) struct Window {
    pub(super) text: Text,
    pub(super) units: Vec<Unit>,
    /// What ended reading after these values.
    pub(super) stop: Option<Stop>,
    /// Bytes of all sources up to the end of this window.
    pub(super) bytes_read: u64,
}

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
    /// Keep no more than so many bytes.
    fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Room for so many bytes behind the end.
    fn room(&mut self, bytes: usize) -> &mut [u8] {
        let end = self.len + bytes;
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        &mut self.bytes[self.len..end]
    }

    fn extend(&mut self, more: &[u8]) {
        self.room(more.len()).copy_from_slice(more);
        self.len += more.len();
    }

    /// Read so many bytes, or fewer where the input ends.
    fn read(&mut self, input: &mut Input, wanted: usize) -> (usize, io::Result<()>) {
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

/// The file that is being read.
struct Open {
    file: u32,
    input: Input,
    scan: Scan,
    /// Byte of the file at which the text of the window starts; wraps below zero where the file starts within it.
    origin: usize,
    bytes: usize,
    headed: bool,
    content: Option<Content>,
    /// Whether a value was found.
    found: bool,
    /// Where the elements of a list lie that stand before its first object: its keys tell what the file is.
    strays: Vec<Range<usize>>,
    /// Where the value starts that is too large to be kept.
    dropping: Option<usize>,
}

/// Fills window after window.
pub(super) struct Intake {
    sources: Vec<Option<Source>>,
    next: usize,
    open: Option<Open>,
    /// The window that is being filled.
    text: Text,
    /// The start of a value that did not end in the window before.
    tail: Vec<u8>,
    units: Vec<Unit>,
    spare: Text,
    window_bytes: usize,
    chunk_bytes: usize,
    head_bytes: usize,
    most_bytes: usize,
    skip: bool,
    values: u64,
    bytes_read: u64,
    /// Bytes of all sources, or 0 where unknown.
    total: Option<u64>,
}

impl Intake {
    pub(super) fn new(sources: Vec<Source>, window_bytes: usize, skip: bool) -> Self {
        Intake {
            sources: sources.into_iter().map(Some).collect(),
            next: 0,
            open: None,
            text: Text::default(),
            tail: Vec::new(),
            units: Vec::new(),
            spare: Text::default(),
            window_bytes: window_bytes.clamp(LEAST_BYTES, MOST_BYTES),
            chunk_bytes: CHUNK_BYTES,
            head_bytes: HEAD_BYTES,
            most_bytes: MOST_BYTES,
            skip,
            values: 0,
            bytes_read: 0,
            total: None,
        }
    }

    #[cfg(test)]
    pub(super) fn pieces(&mut self, window: usize, bytes: usize) {
        self.window_bytes = window;
        self.chunk_bytes = bytes;
        self.head_bytes = 16;
    }

    #[cfg(test)]
    pub(super) fn limit(&mut self, bytes: usize) {
        self.most_bytes = bytes;
    }

    /// Bytes of all sources together; 0 where one does not say. Asked first before anything is read.
    pub(super) fn total(&mut self) -> u64 {
        let sources = &self.sources;
        *self.total.get_or_insert_with(|| {
            sources.iter().map(|source| source.as_ref()?.size()).sum::<Option<u64>>().unwrap_or(0)
        })
    }

    /// Take back the text of a window, for the next but one.
    pub(super) fn recycle(&mut self, text: Text) {
        // One huge task does not keep its memory for ever.
        if text.bytes.capacity() <= 4 * self.window_bytes.max(self.chunk_bytes) {
            self.spare = text;
        }
    }

    /// Read until a window is full of whole values or the sources end; without a value only at the end. `watch` is
    /// called now and then, and stops reading with `false`.
    pub(super) fn fill(&mut self, watch: impl Fn() -> bool) -> Result<Window> {
        let mut looked = Instant::now();
        // Only now, so that no more than two windows are held: this one and the one that is being parsed.
        self.text = std::mem::take(&mut self.spare);
        self.text.truncate(0);
        let mut read = self.tail.len();
        if self.open.is_some() || self.next < self.sources.len() {
            // At once, so that growing copies nothing; memory that is not touched costs nothing.
            let room = (self.window_bytes + self.chunk_bytes).min(MOST_RESERVED_BYTES);
            self.text.bytes.reserve(room.max(read).saturating_sub(self.text.bytes.len()));
        }
        self.text.extend(&self.tail);
        self.tail.clear();
        let mut stop = None;
        while stop.is_none() && (read < self.window_bytes || self.units.is_empty()) {
            match self.step() {
                Ok(Some(bytes)) => read += bytes,
                Ok(None) => break,
                Err(reason) => stop = Some(reason),
            }
            if looked.elapsed() >= WATCH_INTERVAL {
                if !watch() {
                    return Err(Error::Interrupted);
                }
                looked = Instant::now();
            }
        }
        if stop.is_some() {
            self.open = None;
            self.next = self.sources.len();
        }
        // What has not ended goes to the next window.
        let end = self.text.len();
        let kept = match &mut self.open {
            Some(open) => {
                // The head of a file is kept until it is known.
                let kept = open.scan.pending().unwrap_or(if open.headed { end } else { open.start() });
                open.scan.shift(kept);
                open.origin = open.origin.wrapping_add(kept);
                kept
            }
            None => end,
        };
        let mut text = std::mem::take(&mut self.text);
        self.tail.extend_from_slice(&text[kept..]);
        text.truncate(kept);
        let bytes_read = self.bytes_read - (end - kept) as u64;
        Ok(Window { text, units: std::mem::take(&mut self.units), stop, bytes_read })
    }

    /// Open a file, read a piece of it or close it; `None` when there is no other.
    fn step(&mut self) -> std::result::Result<Option<usize>, Stop> {
        let Some(mut open) = self.open.take() else { return self.open_next() };
        if self.units.is_empty() && open.headed && open.scan.pending().is_none() {
            // Nothing but space so far.
            open.origin = open.origin.wrapping_add(self.text.len());
            open.scan.shift(self.text.len());
            self.text.truncate(0);
        }
        let wanted = if open.headed { self.chunk_bytes.min(self.window_bytes) } else { self.head_bytes };
        let (bytes, read) = self.text.read(&mut open.input, wanted);
        open.bytes += bytes;
        self.bytes_read += bytes as u64;
        if let Err(error) = read {
            self.failed(&open, error)?;
            return Ok(Some(bytes));
        }
        // Less is read only at the end.
        let ended = bytes < wanted;
        if !open.headed {
            open.headed = true;
            let head = &self.text[open.start()..];
            if let Some(message) = container::refusal(head) {
                self.refuse(&open, message.into(), 0)?;
                return Ok(Some(bytes));
            }
            open.scan = Scan::new(open.start() + container::mark(head)).lenient(self.skip);
        }
        let goes_on = self.cut(&mut open)?;
        if ended && goes_on {
            self.close(&mut open)?;
        } else if goes_on {
            self.open = Some(open);
        }
        Ok(Some(bytes))
    }

    fn open_next(&mut self) -> std::result::Result<Option<usize>, Stop> {
        let file = self.next;
        let Some(source) = self.sources.get_mut(file) else { return Ok(None) };
        let Some(source) = source.take() else { return Ok(None) };
        self.next += 1;
        let open = |input| Open {
            file: file as u32,
            input,
            scan: Scan::new(self.text.len()),
            origin: 0_usize.wrapping_sub(self.text.len()),
            bytes: 0,
            headed: false,
            content: None,
            found: false,
            strays: Vec::new(),
            dropping: None,
        };
        match source.open() {
            Ok(input) => self.open = Some(open(input)),
            Err(error) => {
                let open = open(Box::new(io::empty()));
                self.failed(&open, error)?;
            }
        }
        Ok(Some(0))
    }

    /// Find values in what has been read; whether the file is read on.
    fn cut(&mut self, open: &mut Open) -> std::result::Result<bool, Stop> {
        loop {
            match open.scan.next(&self.text) {
                Found::Value(range) => {
                    if !self.value(open, range)? {
                        return Ok(false);
                    }
                }
                Found::More => break,
                Found::Wrong(at, message) => {
                    let position = at.wrapping_add(open.origin);
                    if !open.found {
                        self.refuse(open, message.into(), position)?;
                    } else {
                        self.lose(open, message.into(), position, position)?;
                    }
                    return Ok(false);
                }
            }
        }
        let Some(start) = open.scan.pending() else { return Ok(true) };
        let len = self.text.len();
        if open.dropping.is_some() || len - start > self.most_bytes {
            if open.dropping.is_none() {
                let position = start.wrapping_add(open.origin);
                if !self.skip {
                    // Damage may have hidden its end.
                    let found = container::unfinished(&self.text[start..], position);
                    let end = position + (len - start);
                    return Err(match found {
                        Error::Export { message, position: at } if at + 16 < end => {
                            Stop::Export { file: open.file as usize, message, position: at }
                        }
                        _ => Stop::Export { file: open.file as usize, message: self.too_large(), position },
                    });
                }
                open.dropping = Some(position);
            }
            open.scan.forget(len);
            open.origin = open.origin.wrapping_add(len - start);
            self.text.truncate(start);
        }
        Ok(true)
    }

    /// Keep a whole value; whether the file is read on.
    fn value(&mut self, open: &mut Open, range: Range<usize>) -> std::result::Result<bool, Stop> {
        let base = range.start.wrapping_add(open.origin);
        let stray = !open.found && open.dropping.is_none() && open.scan.layout() == Layout::List;
        if stray && self.text.get(range.start) != Some(&b'{') {
            open.strays.push(base..base + range.len());
            if open.strays.len() > MOST_STRAYS {
                self.refuse(open, NO_TASK.into(), open.strays[0].start)?;
                return Ok(false);
            }
            return Ok(true);
        }
        open.found = true;
        if let Some(start) = open.dropping.take() {
            let end = range.end.wrapping_add(open.origin);
            let message = format!("{}; bytes {start} to {end} were not read", self.too_large());
            self.push(open, What::Skipped("unreadable_task", message, start), 0..0, start);
            return Ok(true);
        }
        if open.content.is_none() {
            let known = container::value_text(&self.text, &range, range.end < self.text.len(), base)
                .and_then(|text| container::recognise(text, base));
            let known = known.map_err(|error| container::breaks_off(error, base + range.len()));
            match known {
                Ok(Ok(content)) => open.content = Some(content),
                Ok(Err(message)) => {
                    self.refuse(open, message, base)?;
                    return Ok(false);
                }
                // No JSON: its own row says so.
                Err(_) if self.skip => {}
                Err(error) => return Err(Stop::at(open.file as usize, error)),
            }
        }
        self.tell_strays(open);
        let content = open.content.unwrap_or(Content::Tasks);
        self.push(open, What::Value(content), range, base);
        Ok(true)
    }

    /// The file has ended.
    fn close(&mut self, open: &mut Open) -> std::result::Result<(), Stop> {
        let len = self.text.len();
        let end = len.wrapping_add(open.origin);
        if !open.strays.is_empty() {
            if open.scan.pending().is_none() && open.scan.may_end() {
                return self.refuse(open, NO_TASK.into(), open.strays[0].start);
            }
            self.tell_strays(open);
        }
        match open.scan.pending() {
            None if open.scan.may_end() => Ok(()),
            None if open.scan.begins() => self.refuse(open, container::EMPTY.into(), 0),
            None => {
                let Error::Export { message, position } = container::cut_off(end) else { return Ok(()) };
                self.lose(open, message, position, position)
            }
            Some(start) if open.scan.layout() == Layout::Lines && open.dropping.is_none() => {
                self.value(open, start..len).map(drop)
            }
            Some(start) => {
                let from = open.dropping.unwrap_or_else(|| start.wrapping_add(open.origin));
                let wrong = match open.dropping {
                    Some(_) => container::cut_off(end),
                    None => container::unfinished(&self.text[start..], from),
                };
                self.text.truncate(start);
                match wrong {
                    Error::Export { message, position } => self.lose(open, message, position, from),
                    other => Err(Stop::Other(other)),
                }
            }
        }
    }

    /// Elements before the first object of a list become a row each.
    fn tell_strays(&mut self, open: &mut Open) {
        for Range { start, end } in std::mem::take(&mut open.strays) {
            let message = format!("no task stands here; bytes {start} to {end} were not read");
            self.push(open, What::Skipped("unreadable_task", message, start), 0..0, start);
        }
    }

    fn push(&mut self, open: &Open, what: What, range: Range<usize>, base: usize) {
        let is_value = !matches!(what, What::Skipped("unreadable_file" | "rest_not_read", ..));
        let goes_on = range.end < self.text.len();
        self.units.push(Unit { file: open.file, ordinal: self.values, range, goes_on, base, what });
        self.values += u64::from(is_value);
    }

    /// The file is no export.
    fn refuse(&mut self, open: &Open, message: String, position: usize) -> std::result::Result<(), Stop> {
        if !self.skip {
            return Err(Stop::Export { file: open.file as usize, message, position });
        }
        self.push(open, What::Skipped("unreadable_file", message, position), 0..0, position);
        Ok(())
    }

    /// The rest of the file cannot be cut into values: `message` says what is wrong at `position`, and nothing from `from`
    /// on is read.
    fn lose(
        &mut self,
        open: &Open,
        message: String,
        position: usize,
        from: usize,
    ) -> std::result::Result<(), Stop> {
        if !self.skip {
            return Err(Stop::Export { file: open.file as usize, message, position });
        }
        let message = if from == position {
            format!("{message}; from here on nothing was read")
        } else {
            format!("{message} at byte {position}; nothing was read from the start of this task on")
        };
        self.push(open, What::Skipped("rest_not_read", message, from), 0..0, from);
        Ok(())
    }

    /// The file cannot be read.
    fn failed(&mut self, open: &Open, error: io::Error) -> std::result::Result<(), Stop> {
        let raised = error.get_ref().and_then(|inner| inner.downcast_ref::<Raised>());
        if !self.skip || raised.is_some_and(|raised| raised.passes) {
            return Err(Stop::Io { file: open.file as usize, error });
        }
        let (code, from) = match open.scan.pending() {
            _ if open.bytes == 0 => ("unreadable_file", 0),
            Some(start) => ("rest_not_read", open.dropping.unwrap_or(start.wrapping_add(open.origin))),
            None => ("rest_not_read", open.bytes),
        };
        let message = format!("the file could not be read: {}", error);
        self.push(open, What::Skipped(code, message, from), 0..0, from);
        Ok(())
    }

    fn too_large(&self) -> String {
        format!("a task here is larger than {} MiB; no export has one, export again", self.most_bytes >> 20)
    }
}

impl Open {
    /// Where the file starts in the window, while it does.
    fn start(&self) -> usize {
        0_usize.wrapping_sub(self.origin)
    }
}
