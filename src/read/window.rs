//! Bytes of any source flow through a bounded window and are cut into whole values.

use std::io;
use std::ops::Range;
use std::time::Instant;

use crate::batch::WATCH_INTERVAL;
use crate::error::{Error, Result};
use crate::read::container::{self, Content, HEAD_BYTES};
use crate::read::cut::{Found, Layout, NO_TASK, Scan};
use crate::read::source::{Input, Raised, Source};
use crate::read::text::Text;

/// Bytes asked for at once: they are scanned while they are still in a near cache.
const CHUNK_BYTES: usize = 256 << 10;
/// Larger windows grow as they are filled.
const MOST_RESERVED_BYTES: usize = 64 << 20;
/// Smaller windows are taken as this.
const LEAST_BYTES: usize = 4 << 10;
/// Elements of a list before its first object that are no task, at most; a list of numbers is no export.
const MOST_STRAYS: usize = 1000;
/// An element of a list that has not ended after so many bytes is looked at for damage, then after twice as many.
const SUSPICIOUS_BYTES: usize = 1 << 20;
/// Bytes that are looked through again for whole tasks, at most: so many for each byte of a file up to the damage, and so
/// many in any case. Each damage counts as some at least.
const MOST_REPEATED: (usize, usize) = (8, 64 << 20);
const LEAST_REPEATED: usize = 64 << 10;
const TOO_DAMAGED: &str = "the file is damaged in too many places; export it again";
/// A larger task is refused: no export has one, and it would have to be held whole.
const MOST_BYTES: usize = 512 << 20;

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
    /// What is wrong, while the next whole task is sought.
    lost: Option<Lost>,
    /// Bytes that were looked through again.
    repeated: usize,
    /// Where an element starts that was looked at for damage, and its bytes at which to look again.
    looked_at: (usize, usize),
}

/// Why a file could not be cut into values.
struct Lost {
    message: String,
    /// The byte that is wrong.
    position: usize,
    /// The byte from which on nothing was read.
    from: usize,
    what: Loss,
}

/// What cannot be read where nothing whole follows.
#[derive(Clone, Copy)]
enum Loss {
    /// All of the file.
    File,
    /// One element of its list.
    Task,
    /// Whatever follows.
    Rest,
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
        if text.capacity() <= 4 * self.window_bytes.max(self.chunk_bytes) {
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
            let room = (self.window_bytes + self.chunk_bytes).min(MOST_RESERVED_BYTES);
            self.text.reserve(room.max(read));
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
        let passed = open.scan.pending().unwrap_or(self.text.len());
        if self.units.is_empty() && open.headed && passed > self.text.len() / 2 {
            // Nothing that is kept so far: space, or what cannot be read.
            open.origin = open.origin.wrapping_add(passed);
            open.scan.shift(passed);
            self.text.drop_front(passed);
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
            lost: None,
            repeated: 0,
            looked_at: (0, SUSPICIOUS_BYTES),
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
                Found::More => {
                    let Some(lost) = self.suspect(open) else { return Ok(true) };
                    if !self.skip {
                        return self.lose(open, lost).map(|()| false);
                    }
                    if !self.give_up(open, lost)? {
                        return Ok(false);
                    }
                }
                Found::Wrong(at, message) => {
                    let position = at.wrapping_add(open.origin);
                    let what = if open.found { Loss::Rest } else { Loss::File };
                    let lost = Lost { message: message.into(), position, from: position, what };
                    if !self.skip {
                        return self.lose(open, lost).map(|()| false);
                    }
                    open.lost = Some(lost);
                    open.scan.seek(at);
                }
            }
        }
    }

    /// Give up a value that is damaged; whether the file is read on.
    fn give_up(&mut self, open: &mut Open, lost: Lost) -> std::result::Result<bool, Stop> {
        if open.give_up(lost) {
            return Ok(true);
        }
        open.lost.take().map_or(Ok(()), |lost| self.lose(open, lost)).map(|()| false)
    }

    /// What is wrong with a value that has not ended yet, if anything is known.
    fn suspect(&self, open: &mut Open) -> Option<Lost> {
        let start = open.scan.pending()?;
        let (from, bytes) = (start.wrapping_add(open.origin), self.text.len() - start);
        let too_large = bytes > self.most_bytes;
        if open.looked_at.0 != from {
            open.looked_at = (from, SUSPICIOUS_BYTES);
        }
        // Damage may have hidden its end.
        let suspicious = self.skip && open.scan.layout() == Layout::List && bytes > open.looked_at.1;
        if !too_large && !suspicious {
            return None;
        }
        open.looked_at.1 = 2 * bytes;
        let found = container::damage(&self.text[start..], from);
        match found.filter(|(_, position)| position + 16 < from + bytes) {
            Some((message, position)) => Some(Lost { message, position, from, what: Loss::Task }),
            None if too_large => {
                Some(Lost { message: self.too_large(), position: from, from, what: Loss::Rest })
            }
            None => None,
        }
    }

    /// Keep a whole value; whether the file is read on.
    fn value(&mut self, open: &mut Open, range: Range<usize>) -> std::result::Result<bool, Stop> {
        let base = range.start.wrapping_add(open.origin);
        let in_lines = open.scan.layout() == Layout::Lines;
        // What starts at the byte that is wrong lacks no more than a comma.
        if open.lost.as_ref().is_some_and(|lost| lost.from != base) && !in_lines {
            let text = container::value_text(&self.text, &range, false, base);
            match text.and_then(|text| container::recognise_again(text, base, open.content)) {
                Ok(Some(content)) => open.content = Some(content),
                Ok(None) => {
                    open.scan.seek(range.end);
                    return Ok(true);
                }
                Err(Error::Export { message, position }) => {
                    return self.give_up(open, Lost { message, position, from: base, what: Loss::Task });
                }
                Err(other) => return Err(Stop::Other(other)),
            }
        } else if self.skip && open.scan.layout() == Layout::List {
            // What ends here need not be one task: a quote too much makes structure of texts.
            if let Some((message, position)) = container::damage(&self.text[range.clone()], base) {
                return self.give_up(open, Lost { message, position, from: base, what: Loss::Task });
            }
        }
        if self.skip && open.scan.layout() == Layout::Objects && !open.found {
            // Without a line feed before the damage it is the first of several lines, more likely than of objects on one.
            let damage = container::damage(&self.text[range.clone()], base);
            if let Some((message, position)) = damage {
                let wrong = position.wrapping_sub(open.origin).max(range.start + 1);
                if !self.text[range.start..wrong].contains(&b'\n') {
                    open.lost = Some(Lost { message, position, from: base, what: Loss::Task });
                    open.scan.seek_lines(wrong);
                    return Ok(true);
                }
            }
        }
        let stray = !open.found && open.lost.is_none() && open.scan.layout() == Layout::List;
        if stray && self.text.get(range.start) != Some(&b'{') {
            open.strays.push(base..base + range.len());
            if open.strays.len() > MOST_STRAYS {
                self.refuse(open, NO_TASK.into(), open.strays[0].start)?;
                return Ok(false);
            }
            return Ok(true);
        }
        open.found = true;
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
        if let Some(Lost { message, position, from, .. }) = open.lost.take() {
            let skipped = if from == base {
                What::Skipped("comma_missing", format!("{message}; nothing was left out"), position)
            } else {
                let message = format!("{message} at byte {position}; bytes {from} to {base} were not read");
                What::Skipped("unreadable_task", message, from)
            };
            self.push(open, skipped, 0..0, from);
        }
        let content = open.content.unwrap_or(Content::Tasks);
        self.push(open, What::Value(content), range, base);
        Ok(true)
    }

    /// The file has ended.
    fn close(&mut self, open: &mut Open) -> std::result::Result<(), Stop> {
        if !open.strays.is_empty() {
            if open.scan.pending().is_none() && open.scan.may_end() {
                return self.refuse(open, NO_TASK.into(), open.strays[0].start);
            }
            self.tell_strays(open);
        }
        while let Some(start) = open.scan.pending() {
            let from = start.wrapping_add(open.origin);
            if open.scan.layout() == Layout::Lines && !open.scan.seeks() {
                // The last line needs no end.
                return self.value(open, start..self.text.len()).map(drop);
            }
            let end = self.text.len().wrapping_add(open.origin);
            let lost = match container::unfinished(&self.text[start..], from) {
                Error::Export { message, position } => {
                    let what = if position + 16 < end { Loss::Task } else { Loss::Rest };
                    Lost { message, position, from, what }
                }
                other => return Err(Stop::Other(other)),
            };
            if !self.skip {
                return self.lose(open, lost);
            }
            // Whole tasks may lie in what does not end.
            if !open.scan.seeks() {
                if !self.give_up(open, lost)? || !self.cut(open)? {
                    return Ok(());
                }
                continue;
            }
            self.text.truncate(start);
            break;
        }
        if open.scan.begins() {
            self.refuse(open, container::EMPTY.into(), 0)
        } else if let Some(lost) = open.lost.take() {
            self.lose(open, lost)
        } else if open.scan.may_end() {
            Ok(())
        } else {
            let end = self.text.len().wrapping_add(open.origin);
            let Error::Export { message, position } = container::cut_off(end) else { return Ok(()) };
            self.lose(open, Lost { message, position, from: position, what: Loss::Rest })
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
        let is_value =
            !matches!(what, What::Skipped("unreadable_file" | "rest_not_read" | "comma_missing", ..));
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

    /// Nothing whole follows what was lost.
    fn lose(&mut self, open: &Open, lost: Lost) -> std::result::Result<(), Stop> {
        let Lost { message, position, from, what } = lost;
        if !self.skip {
            return Err(Stop::Export { file: open.file as usize, message, position });
        }
        let (code, message) = match what {
            Loss::File => return self.refuse(open, message, position),
            Loss::Task => {
                let end = self.text.len().wrapping_add(open.origin);
                (
                    "unreadable_task",
                    format!("{message} at byte {position}; bytes {from} to {end} were not read"),
                )
            }
            Loss::Rest if from == position => {
                ("rest_not_read", format!("{message}; from here on nothing was read"))
            }
            Loss::Rest => {
                let rest = "nothing was read from the start of this task on";
                ("rest_not_read", format!("{message} at byte {position}; {rest}"))
            }
        };
        self.push(open, What::Skipped(code, message, from), 0..0, from);
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
            Some(start) => {
                let lost = open.lost.as_ref().map(|lost| lost.from);
                ("rest_not_read", lost.unwrap_or(start.wrapping_add(open.origin)))
            }
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
    /// Give up a value that is damaged, and look for whole ones in it and behind it; `false` where a file has too many.
    fn give_up(&mut self, lost: Lost) -> bool {
        let (from, position) = (lost.from, lost.position);
        let lost = self.lost.get_or_insert(lost);
        if self.scan.layout() == Layout::Lines {
            self.scan.seek_line();
            return true;
        }
        // By places in the file alone, so that windows of any size give up the same.
        self.repeated += position - from + LEAST_REPEATED;
        let (share, always) = MOST_REPEATED;
        let go_on = self.repeated <= share * position + always;
        if !go_on {
            (lost.message, lost.position, lost.what) = (TOO_DAMAGED.into(), lost.from, Loss::Rest);
        }
        self.scan.seek(from.wrapping_sub(self.origin) + 1);
        go_on
    }

    /// Where the file starts in the window, while it does.
    fn start(&self) -> usize {
        0_usize.wrapping_sub(self.origin)
    }
}
