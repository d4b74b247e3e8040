//! Windows of text become tables: parts are parsed in parallel while the next window is read and scanned.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::batch::{self, Batch};
use crate::error::{Error, Result};
use crate::read::columns::{NO_ROW, Place, Tables};
use crate::read::container::utf8;
use crate::read::json::Cursor;
use crate::read::label_studio::{Origin, Reader};
use crate::read::window::{Intake, Source, Stop, Unit, What, Window};

/// Bytes of values that one piece of work holds, at least.
const PART_BYTES: usize = 512 << 10;

/// Reads exports from sources, one after the other, window by window.
pub struct Exports {
    intake: Intake,
    names: Vec<String>,
    skip: bool,
    ready: Option<Window>,
    /// Bytes of all sources that have become rows.
    bytes_read: usize,
    total: usize,
    state: State,
}

#[derive(PartialEq)]
enum State {
    Reading,
    Ended,
    /// An error or an interruption has lost a window.
    Broken,
}

impl Exports {
    /// Read these sources, given with names for messages, through windows of about so many bytes. With `skip`, what cannot be
    /// read becomes a problem, and reading goes on.
    pub fn new(sources: Vec<(String, Source)>, window_bytes: usize, skip: bool) -> Self {
        let (names, sources) = sources.into_iter().unzip();
        Exports {
            intake: Intake::new(sources, window_bytes, skip),
            names,
            skip,
            ready: None,
            bytes_read: 0,
            total: 0,
            state: State::Reading,
        }
    }

    /// The names of the sources.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Bytes of all sources that have become rows.
    pub fn bytes_read(&self) -> usize {
        self.bytes_read
    }

    /// Find out how many bytes there are, where every source says so, for progress in bytes.
    pub fn measure(&mut self) {
        self.total = self.intake.total() as usize;
    }

    /// How many bytes there are; 0 where it is not known.
    pub fn total(&self) -> usize {
        self.total
    }

    /// The tables of the next window; `None` after the last.
    pub fn next_window(&mut self, batch: &Batch) -> std::result::Result<Option<Tables>, Stop> {
        let mut tables = Tables::default();
        Ok(self.step(batch, &mut tables)?.then_some(tables))
    }

    /// The tables of everything that is left.
    pub fn all(&mut self, batch: &Batch) -> std::result::Result<Tables, Stop> {
        let mut tables = Tables::default();
        while self.step(batch, &mut tables)? {}
        Ok(tables)
    }

    /// Add the tables of one window; whether there was one.
    fn step(&mut self, batch: &Batch, tables: &mut Tables) -> std::result::Result<bool, Stop> {
        match self.state {
            State::Reading => {}
            State::Ended => return Ok(false),
            State::Broken => {
                let message = "reading ended early, so what follows would be incomplete; start again";
                return Err(Stop::Other(Error::Option {
                    name: "reader",
                    value: "stopped".into(),
                    allowed: message,
                }));
            }
        }
        // Until all has gone well.
        self.state = State::Broken;
        let total = self.total;
        let window = match self.ready.take() {
            Some(window) => window,
            None => {
                let done = self.bytes_read;
                self.intake.fill(|| (batch.watch)(done, total)).map_err(Stop::Other)?
            }
        };
        if window.units.is_empty() && window.stop.is_none() {
            self.bytes_read = window.bytes_read as usize;
            self.state = State::Ended;
            return Ok(false);
        }
        let parts = parts(&window.units);
        let done = AtomicUsize::new(self.bytes_read);
        let watch = |_: usize, _: usize| (batch.watch)(done.load(Ordering::Relaxed), total);
        let (names, skip, intake) = (&self.names, self.skip, &mut self.intake);
        let (results, next) = batch::run_beside(
            &Batch { threads: batch.threads, watch: &watch },
            &parts,
            window.text.len() / 16,
            || (),
            |(), part| {
                let units = &window.units[part.clone()];
                // An error is a value here, so that the first one in the file is reported, not the first one found.
                let tables = parse(&window.text, units, names, skip);
                done.fetch_add(units.iter().map(|unit| unit.range.len()).sum(), Ordering::Relaxed);
                Ok(tables)
            },
            || if window.stop.is_some() { Ok(None) } else { intake.fill(|| watch(0, 0)).map(Some) },
        )
        .map_err(Stop::Other)?;
        for part in results {
            tables.append(&part?).map_err(Stop::Other)?;
        }
        self.bytes_read = window.bytes_read as usize;
        self.intake.recycle(window.text);
        if let Some(stop) = window.stop {
            return Err(stop);
        }
        self.ready = next;
        self.state = State::Reading;
        Ok(true)
    }
}

/// Neighbouring values of about half a megabyte together.
fn parts(units: &[Unit]) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (index, unit) in units.iter().enumerate() {
        // Opening a row costs something, however short the text is.
        bytes += unit.range.len() + 64;
        if bytes >= PART_BYTES || index + 1 == units.len() {
            parts.push(start..index + 1);
            (start, bytes) = (index + 1, 0);
        }
    }
    parts
}

/// The rows of some values.
fn parse(text: &[u8], units: &[Unit], names: &[String], skip: bool) -> std::result::Result<Tables, Stop> {
    let mut reader = Reader::default();
    for unit in units {
        if let Err(error) = value(&mut reader, text, unit, names) {
            if skip {
                return one_by_one(text, units, names);
            }
            return Err(Stop::at(unit.file as usize, error));
        }
    }
    Ok(reader.tables)
}

/// The same where a value is damaged: each gets tables of its own, so that half a task leaves nothing behind.
fn one_by_one(text: &[u8], units: &[Unit], names: &[String]) -> std::result::Result<Tables, Stop> {
    let mut tables = Tables::default();
    for unit in units {
        let mut reader = Reader::default();
        let read = value(&mut reader, text, unit, names);
        let own = match read {
            Ok(()) => reader.tables,
            Err(Error::Export { message, position }) => {
                let end = unit.base + unit.range.len();
                let message = format!("{message}; bytes {} to {end} were not read", unit.base);
                let mut own = Tables::default();
                report(&mut own, names, unit, ("unreadable_task", &message, position));
                own
            }
            Err(other) => return Err(Stop::Other(other)),
        };
        tables.append(&own).map_err(Stop::Other)?;
    }
    Ok(tables)
}

fn value<'a>(reader: &mut Reader<'a>, text: &'a [u8], unit: &Unit, names: &[String]) -> Result<()> {
    match &unit.what {
        What::Value(content) => {
            let Range { start, mut end } = unit.range;
            // What follows tells a line or a word that breaks off from the end of the file.
            end += usize::from(text.get(end).is_some_and(u8::is_ascii));
            let text = utf8(text.get(start..end).unwrap_or_default(), unit.base)?;
            let mut cursor = Cursor::new(text, unit.base);
            reader.value(&mut cursor, *content, Origin { file: unit.file, ordinal: unit.ordinal })?;
            let read = cursor.position() - unit.base;
            let rest = text.get(read..unit.range.len()).unwrap_or_default();
            Cursor::new(rest, unit.base + read).end()
        }
        What::Skipped(code, message, position) => {
            report(&mut reader.tables, names, unit, (code, message, *position));
            Ok(())
        }
    }
}

/// What was skipped becomes a problem that names the file and the byte.
fn report(
    tables: &mut Tables,
    names: &[String],
    unit: &Unit,
    (code, message, position): (&str, &str, usize),
) {
    let here = Place { task: NO_ROW, annotation: NO_ROW, page: -1, region: None };
    let name = names.get(unit.file as usize).map_or("", String::as_str);
    let message = format!("{name}: {message} (byte {position})");
    tables.problems.report(here, &format!("byte {position}"), code, &message, true);
}
