//! Windows of text become tables: parts are parsed in parallel while the next window is read and scanned.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::batch::{self, Batch};
use crate::error::{Error, Result};
use crate::read::columns::{NO_ROW, Place, Tables};
use crate::read::container::{Content, breaks_off, value_text};
use crate::read::json::Cursor;
use crate::read::label_studio::{Origin, Reader};
use crate::read::source::Source;
use crate::read::window::{Intake, Stop, Unit, What, Window};

/// Bytes of values that one piece of work holds, at least.
const PART_BYTES: usize = 512 << 10;

/// Reads exports from sources, one after the other, window by window.
pub struct Exports {
    intake: Intake,
    names: Vec<String>,
    skip: bool,
    ready: Option<Window>,
    /// What was parsed last, where it is joined while the next window is parsed.
    parsed: Vec<Tables>,
    /// Emptied tables whose room serves the next parts.
    spare: Vec<Tables>,
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
            parsed: Vec::new(),
            spare: Vec::new(),
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
        let more = self.step(batch, &mut tables)?;
        join(&mut tables, &mut self.parsed, &mut self.spare).map_err(Stop::Other)?;
        Ok(more.then_some(tables))
    }

    /// The tables of everything that is left.
    pub fn all(&mut self, batch: &Batch) -> std::result::Result<Tables, Stop> {
        let mut tables = Tables::default();
        while self.step(batch, &mut tables)? {}
        join(&mut tables, &mut self.parsed, &mut self.spare).map_err(Stop::Other)?;
        Ok(tables)
    }

    /// Parse one window, and add what was parsed before it to the tables; whether there was one.
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
        let (mut before, mut emptied) = (std::mem::take(&mut self.parsed), Vec::new());
        let spare = Mutex::new(std::mem::take(&mut self.spare));
        let (results, next) = batch::run_beside(
            &Batch { threads: batch.threads, watch: &watch },
            &parts,
            window.text.len() / 16,
            || (),
            |(), part| {
                let units = &window.units[part.clone()];
                // An error is a value here, so that the first one in the file is reported, not the first one found.
                let room = spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let tables = parse(&window.text, units, names, skip, room.unwrap_or_default());
                done.fetch_add(units.iter().map(|unit| unit.range.len()).sum(), Ordering::Relaxed);
                Ok(tables)
            },
            || {
                let next = if window.stop.is_some() { None } else { Some(intake.fill(|| watch(0, 0))?) };
                join(tables, &mut before, &mut emptied)?;
                Ok(next)
            },
        )
        .map_err(Stop::Other)?;
        self.spare = spare.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.spare.append(&mut emptied);
        self.parsed = results.into_iter().collect::<std::result::Result<_, _>>()?;
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

/// Add parts to the tables, in order, and empty them.
fn join(tables: &mut Tables, parts: &mut Vec<Tables>, emptied: &mut Vec<Tables>) -> Result<()> {
    for mut part in parts.drain(..) {
        tables.append(&part)?;
        // One huge task does not keep its memory for ever.
        if part.regions.outlines.xy.capacity() <= PART_BYTES / 4 {
            part.clear();
            emptied.push(part);
        }
    }
    Ok(())
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

/// The rows of some values, in the room of emptied tables.
fn parse(
    text: &[u8],
    units: &[Unit],
    names: &[String],
    skip: bool,
    room: Tables,
) -> std::result::Result<Tables, Stop> {
    let mut reader = Reader::default();
    reader.tables = room;
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
            let end = unit.base + unit.range.len();
            rows(reader, text, unit, *content, end).map_err(|error| breaks_off(error, end))
        }
        What::Skipped(code, message, position) => {
            report(&mut reader.tables, names, unit, (code, message, *position));
            Ok(())
        }
    }
}

/// The rows of a value, which must end at byte `end` of the file.
fn rows<'a>(
    reader: &mut Reader<'a>,
    text: &'a [u8],
    unit: &Unit,
    content: Content,
    end: usize,
) -> Result<()> {
    let text = value_text(text, &unit.range, unit.goes_on, unit.base)?;
    let mut cursor = Cursor::new(text, unit.base);
    reader.value(&mut cursor, content, Origin { file: unit.file, ordinal: unit.ordinal })?;
    let read = cursor.position() - unit.base;
    // Nothing is left but perhaps space, and the byte after the value.
    let rest = text.get(read..unit.range.len()).unwrap_or_default();
    if cursor.position() > end { Ok(()) } else { Cursor::new(rest, unit.base + read).end() }
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
    let dropped = code != "comma_missing";
    tables.problems.report(here, &format!("byte {position}"), code, &message, dropped);
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGION: &str = r#"{"id":"r","type":"polygonlabels","from_name":"l","original_width":9,"original_height":8,"value":{"points":[[1,2],[3,4],[5,7]],"polygonlabels":["}{\"\\"]}}"#;

    fn task(id: i64) -> String {
        format!(
            r#"{{"id":{id},"data":{{"image":"a{id}.png","t":"\\\"é}}"}},"annotations":[{{"id":{id},"completed_by":1,"task":{id},"result":[{REGION}]}}]}}"#
        )
    }

    fn lone(id: i64) -> String {
        format!(
            r#"{{"id":{id},"result":[{REGION}],"completed_by":2,"task":{{"id":9,"data":{{"image":"b.png"}}}}}}"#
        )
    }

    fn exports(texts: &[String], window: usize, piece: usize, skip: bool) -> Exports {
        let sources = texts.iter().enumerate().map(|(index, text)| {
            (format!("{index}.json"), Source::Bytes(Box::new(text.clone().into_bytes())))
        });
        let mut exports = Exports::new(sources.collect(), window, skip);
        exports.intake.pieces(window, piece);
        exports
    }

    type Outcome = (String, Option<(usize, String, usize)>);

    /// Everything that is handed on, also where it is no number.
    fn shown(all: &Tables) -> String {
        let uses = (&all.uses.name, &all.uses.kind, &all.uses.scope, &all.uses.count);
        let names = (&all.names.list, &all.kinds.list, uses);
        let rows = (&all.tasks, &all.annotations, &all.regions, &all.controls);
        format!("{rows:?} {:?} {:?} {names:?}", (&all.answers, &all.relations), all.problems)
    }

    fn read(texts: &[String], window: usize, piece: usize, skip: bool, threads: usize) -> Outcome {
        let mut exports = exports(texts, window, piece, skip);
        let mut tables = Tables::default();
        loop {
            match exports.next_window(&Batch::unwatched(threads)) {
                Ok(Some(more)) => tables.append(&more).unwrap(),
                Ok(None) => return (shown(&tables), None),
                Err(Stop::Export { file, message, position }) => {
                    return (shown(&tables), Some((file, message, position)));
                }
                Err(other) => panic!("{other:?}"),
            }
        }
    }

    fn containers() -> Vec<String> {
        vec![
            format!(" [{},\n{} , {}]\n", task(1), task(-2), task(3)),
            task(4),
            "[]".into(),
            format!("\u{feff}{}\n\r\n{}\r\n{}", task(5), lone(6), task(7)),
            lone(8),
            format!("{}{}", lone(10), lone(11)),
            format!("[{},{}]", task(12), lone(13)),
        ]
    }

    #[test]
    fn every_window_gives_the_same_tables() {
        let texts = containers();
        let whole = exports(&texts, 1 << 20, 1 << 20, false).all(&Batch::unwatched(1)).unwrap();
        assert_eq!(whole.tasks.task_id, [1, -2, 3, 4, 5, 9, 7, 9, 9, 9, 12, 9]);
        assert_eq!(whole.tasks.file, [0, 0, 0, 1, 3, 3, 3, 4, 5, 5, 6, 6]);
        assert_eq!(whole.annotations.annotation_id, [1, -2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13]);
        assert_eq!(whole.regions.annotation.len(), 12);
        assert_eq!(whole.problems.code.len(), 0);
        let whole = shown(&whole);
        let bytes: usize = texts.iter().map(String::len).sum();
        for window in (1..bytes + 2).step_by(7).chain(1..40) {
            for piece in [1, 13, 4096] {
                assert_eq!(read(&texts, window, piece, false, 1), (whole.clone(), None), "{window} {piece}");
            }
        }
        for threads in [2, 3] {
            assert_eq!(read(&texts, 500, 64, false, threads), (whole.clone(), None));
        }
    }

    #[test]
    fn every_window_gives_the_same_error_and_the_same_problems() {
        let texts = containers();
        let damages = ["", "\u{0}", "{", "}", "\"", "\\", "[", "]", ",", "\n", "é"];
        for (file, text) in texts.iter().enumerate() {
            for at in (0..text.len()).step_by(131).filter(|&at| text.is_char_boundary(at)) {
                for damage in damages {
                    let mut damaged = texts.clone();
                    damaged[file] = if damage.is_empty() {
                        text[..at].to_owned()
                    } else {
                        format!("{}{damage}{}", &text[..at], &text[at..])
                    };
                    let raised = read(&damaged, 1 << 20, 1 << 20, false, 1).1;
                    let tables = exports(&damaged, 1 << 20, 1 << 20, true).all(&Batch::unwatched(1)).unwrap();
                    let skipped = (shown(&tables), None);
                    let codes = &tables.problems.code;
                    let lost = (0..codes.len()).any(|row| {
                        codes.get(row).is_some_and(|code| {
                            code.starts_with("unreadable")
                                || code == "rest_not_read"
                                || code == "comma_missing"
                        })
                    });
                    // What is an error in one mode is a row in the other.
                    assert_eq!(raised.is_some(), lost, "{damage} at {at} of {file}: {raised:?}");
                    assert!(raised.as_ref().is_none_or(|raised| raised.0 == file), "{raised:?}");
                    for (window, piece) in [(1, 3), (97, 31), (600, 200)] {
                        assert_eq!(
                            read(&damaged, window, piece, false, 1).1,
                            raised,
                            "{damage:?} at {at} of {file}, {window} {piece}: {:?}",
                            damaged[file]
                        );
                        assert_eq!(read(&damaged, window, piece, true, 1), skipped);
                    }
                    // Other files are not touched, nor are other tasks of the same list.
                    let ids = &tables.annotations.annotation_id;
                    let kept = ids.iter().filter(|&&id| [1, -2, 3].contains(&id)).count();
                    assert!(
                        file != 0 || at < 3 || damage.is_empty() || kept >= 2,
                        "{damage} at {at}: {ids:?}"
                    );
                    assert!(file == 0 || ids.starts_with(&[1, -2, 3]), "{ids:?}");
                    assert!(file == 6 || ids.ends_with(&[12, 13]), "{ids:?}");
                }
            }
        }
    }

    #[test]
    fn whole_tasks_survive_what_is_lost_between_and_before_them() {
        let [a, b, c] = [task(1), task(2), task(3)];
        let open = a.replace(r#""data":{"#, r#""data":{{"#);
        let quote = a.replace(r#"polygonlabels","from"#, r#"polygonlabels"","from"#);
        let cut = &a[..a.len() - 60];
        for (text, kept, code, dropped) in [
            (format!("[{a} {b},{c}]"), &[1, 2, 3][..], "comma_missing", false),
            (format!("[{a}{b} {{\"id\":4,\"data\":{{}}}},{c}]"), &[1, 2, 3], "comma_missing", false),
            (format!("[{a}}},{b},{c}]"), &[1, 2, 3], "unreadable_task", true),
            (format!("[{a},,{b},{c}]"), &[1, 2, 3], "unreadable_task", true),
            (format!("[{a}][{b},{c}]"), &[1, 2, 3], "unreadable_task", true),
            (format!("[{open},{b},{c}]"), &[2, 3], "unreadable_task", true),
            (format!("[{quote},{b},{c}]"), &[2, 3], "unreadable_task", true),
            (format!("[{cut}{b},{c}]"), &[2, 3], "unreadable_task", true),
            (format!("[{b},{cut}{c}]"), &[2, 3], "unreadable_task", true),
            (format!("{a}}}{b}{c}"), &[1, 2, 3], "unreadable_task", true),
            (format!("[{b},{c},{cut}"), &[2, 3], "rest_not_read", true),
        ] {
            for (window, piece) in [(1, 7), (300, 100), (1 << 20, 1 << 20)] {
                let mut exports = exports(std::slice::from_ref(&text), window, piece, true);
                let tables = exports.all(&Batch::unwatched(1)).unwrap();
                assert_eq!(tables.annotations.annotation_id, kept, "{text}");
                assert_eq!(tables.tasks.task_id.contains(&4), text.contains("\"id\":4"));
                assert_eq!(tables.problems.code.get(0), Some(code), "{text}");
                assert!(tables.problems.dropped.iter().all(|&found| found == dropped), "{text}");
            }
            assert!(exports(&[text], 1 << 20, 1 << 20, false).all(&Batch::unwatched(1)).is_err());
        }
    }

    #[test]
    fn a_file_with_too_many_damages_is_given_up() {
        // Each object is looked at to the end of the text, so their number is bounded.
        for nested in [r#"{"a":"#, r#"{""#] {
            let text = format!("[{},{}", task(1), nested.repeat(1 << 14));
            for (window, piece) in [(1 << 16, 1 << 14), (1 << 12, 999)] {
                let mut exports = exports(std::slice::from_ref(&text), window, piece, true);
                let tables = exports.all(&Batch::unwatched(1)).unwrap();
                assert_eq!(tables.annotations.annotation_id, [1]);
                assert_eq!(tables.problems.code.get(0), Some("rest_not_read"));
                assert!(
                    tables.problems.message.get(0).is_some_and(|message| message.contains("too many places"))
                );
            }
        }
    }

    #[test]
    fn a_task_beyond_the_limit_is_named_and_passed() {
        let huge = task(2).replace("a2.png", &"x}".repeat(4000));
        let texts =
            vec![format!("[{},{huge},{}]", task(1), task(3)), format!("{}\n{huge}\n{}", task(4), task(5))];
        for (window, piece) in [(1, 64), (100, 17), (1 << 20, 333)] {
            let mut raising = exports(&texts, window, piece, false);
            raising.intake.limit(2000);
            let error = loop {
                match raising.next_window(&Batch::unwatched(1)) {
                    Ok(window) => assert!(window.is_some()),
                    Err(error) => break error,
                }
            };
            let Stop::Export { file: 0, position, message } = error else { panic!("{error:?}") };
            assert_eq!(position, 2 + task(1).len());
            assert!(message.contains("larger than"), "{message}");
            let mut skipping = exports(&texts, window, piece, true);
            skipping.intake.limit(2000);
            let read = skipping.all(&Batch::unwatched(1)).unwrap();
            assert_eq!(read.tasks.task_id, [1, 3, 4, 5]);
            assert_eq!(read.problems.code.get(1), Some("unreadable_task"));
            assert_eq!(read.problems.dropped, [true, true]);
            assert_eq!(read.problems.field.get(0), Some(format!("byte {}", 2 + task(1).len()).as_str()));
        }
    }

    #[test]
    fn a_reader_that_was_stopped_says_so() {
        let texts = containers();
        let mut reader = exports(&texts, 200, 50, false);
        assert!(reader.next_window(&Batch::unwatched(1)).unwrap().is_some());
        reader.state = State::Broken;
        assert!(matches!(reader.next_window(&Batch::unwatched(1)), Err(Stop::Other(_))));
    }
}
