//! Label Studio's JSON export: tasks with annotations, predictions and drafts.

use std::borrow::Cow;
use std::ops::Range;

use crate::batch::{self, Batch};
use crate::error::{Error, Result};
use crate::read::columns::{NO_ROW, NONE, Place, Tables};
use crate::read::entry::text;
use crate::read::json::{Cursor, Kind, Scalar, split_list};
use crate::read::privacy::{data_fields, person};
use crate::read::results::Results;
use crate::read::time::microseconds;

/// Bytes of tasks that one piece of work holds, at least.
const PART_BYTES: usize = 1 << 20;

/// What a list of results belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Source {
    Annotation = 0,
    Prediction = 1,
    Draft = 2,
}

/// Read one export. Tasks are found by a scan and parsed in parallel.
pub fn read(bytes: &[u8], batch: &Batch) -> Result<Tables> {
    let (text, base) = decode(bytes)?;
    let mut start = Cursor::new(text, base);
    let tasks = match start.kind()? {
        Kind::Array => split_list(text, base)?,
        Kind::Object => {
            let from = start.position() - base;
            start.skip()?;
            start.end()?;
            std::iter::once(from..text.len()).collect()
        }
        _ => return Err(start.error("not an export: the file holds a single value; export as JSON")),
    };
    if let Some(first) = tasks.first() {
        recognise(&text[first.clone()], base + first.start)?;
    }
    let parts = parts(&tasks);
    let results = batch::run(
        batch,
        &parts,
        text.len() / 16,
        || (),
        |(), part| {
            // An error is a value here, so that the first one in the file is reported, not the first one found.
            let mut reader = Reader { tables: Tables::default(), results: Results::default() };
            let read = part.clone().try_for_each(|index| {
                let range = tasks[index].clone();
                reader.task(&mut Cursor::new(&text[range.clone()], base + range.start), index)
            });
            Ok(read.map(|()| reader.tables))
        },
    )?;
    let mut tables = Tables::default();
    for part in results {
        tables.append(&part?)?;
    }
    Ok(tables)
}

/// UTF-8 without its mark; other encodings and compressed files are named.
fn decode(bytes: &[u8]) -> Result<(&str, usize)> {
    let refuse = |position, message: &str| Err(Error::Export { message: message.into(), position });
    match bytes {
        [] => return refuse(0, "the file is empty; export again"),
        [0x1f, 0x8b, ..] => return refuse(0, "the file is compressed with gzip; unpack it first"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            return refuse(0, "the file is compressed with zstd; unpack it first");
        }
        [b'P', b'K', 3, 4, ..] => {
            return refuse(0, "the file is a zip archive; unpack it and read the JSON inside");
        }
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return refuse(0, "the file is UTF-16; save it as UTF-8"),
        _ => {}
    }
    let base = if bytes.starts_with(&[0xef, 0xbb, 0xbf]) { 3 } else { 0 };
    match std::str::from_utf8(&bytes[base..]) {
        Ok(text) => Ok((text, base)),
        Err(error) => {
            refuse(base + error.valid_up_to(), "not UTF-8 text here; the file is damaged or no JSON export")
        }
    }
}

/// Refuse files that are JSON but no export, by the keys of their first object.
fn recognise(first: &str, base: usize) -> Result<()> {
    let mut cursor = Cursor::new(first, base);
    if cursor.kind()? != Kind::Object {
        return Err(
            cursor.error("not an export: a task should stand here; in Label Studio choose Export, JSON")
        );
    }
    let mut keys: Vec<String> = Vec::new();
    cursor.object(|cursor, key| {
        keys.push(key.to_owned());
        cursor.skip()
    })?;
    let has = |key: &str| keys.iter().any(|own| own == key);
    let listed = ["annotations", "completions", "predictions", "drafts"].into_iter().any(has);
    let looks_like = if has("images") && has("categories") {
        "COCO, which has neither pages nor annotators' tracks"
    } else if listed || has("data") && !has("result") {
        return Ok(());
    } else if has("annotation_id")
        || (has("annotator") && has("lead_time"))
        || (has("id") && has("updated_at"))
    {
        "JSON_MIN, which drops region ids and pages"
    } else if has("result") {
        "a single annotation without its task"
    } else if has("type") && has("features") {
        "GeoJSON"
    } else {
        "something else"
    };
    let message = format!(
        "not a Label Studio JSON export: this looks like {looks_like}; in Label Studio choose Export, JSON"
    );
    Err(Error::Export { message, position: base })
}

/// Neighbouring tasks of about a megabyte together.
fn parts(tasks: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut start = 0;
    for index in 0..tasks.len() {
        if tasks[index].end - tasks[start].start >= PART_BYTES || index + 1 == tasks.len() {
            parts.push(start..index + 1);
            start = index + 1;
        }
    }
    parts
}

struct Reader<'a> {
    tables: Tables,
    results: Results<'a>,
}

impl<'a> Reader<'a> {
    fn task(&mut self, cursor: &mut Cursor<'a>, index: usize) -> Result<()> {
        let row = self.tables.tasks.task_id.len() as u32;
        let here = Place { task: row, annotation: NO_ROW, page: -1, region: None };
        let tasks = &mut self.tables.tasks;
        let position = -1 - i64::try_from(index).unwrap_or(i64::MAX - 1);
        tasks.task_id.push(position);
        tasks.inner_id.push(NONE);
        let mut counts = [0_i32; 3];
        let (mut has_id, mut data) = (false, None);
        if cursor.kind()? == Kind::Object {
            cursor.object(|cursor, key| {
                match key {
                    "id" => {
                        if let Some(id) = cursor.scalar()?.integer() {
                            self.tables.tasks.task_id[row as usize] = id;
                            has_id = true;
                        }
                    }
                    "inner_id" => {
                        self.tables.tasks.inner_id[row as usize] = cursor.scalar()?.integer().unwrap_or(NONE);
                    }
                    "data" if cursor.kind()? == Kind::Object => data = Some(data_fields(cursor)?),
                    "annotations" | "completions" => {
                        counts[0] += self.list(cursor, row, Source::Annotation)?
                    }
                    "predictions" => counts[1] += self.list(cursor, row, Source::Prediction)?,
                    "drafts" => counts[2] += self.list(cursor, row, Source::Draft)?,
                    _ => cursor.skip()?,
                }
                Ok(())
            })?;
        } else {
            cursor.skip()?;
        }
        let tables = &mut self.tables;
        if !has_id {
            tables.problems.report(
                here,
                "id",
                "no_task_id",
                "the task has no whole number as id; minus its position in the file stands in for it",
                false,
            );
        }
        match data {
            Some((json, images)) => {
                tables.tasks.data.push(Some(&json));
                images.iter().for_each(|image| tables.tasks.images.values.push(Some(image)));
            }
            None => {
                tables.tasks.data.push(None);
                tables.problems.report(
                    here,
                    "data",
                    "no_data",
                    "the task has no data; its images and fields are unknown",
                    false,
                );
            }
        }
        tables.tasks.images.end();
        tables.tasks.n_annotations.push(counts[0]);
        tables.tasks.n_predictions.push(counts[1]);
        tables.tasks.n_drafts.push(counts[2]);
        Ok(())
    }

    /// A list of annotations, predictions or drafts; predictions may be bare ids.
    fn list(&mut self, cursor: &mut Cursor<'a>, task: u32, source: Source) -> Result<i32> {
        if cursor.kind()? != Kind::Array {
            // Null stands for an empty list.
            if cursor.scalar()? != Scalar::Null {
                let here = Place { task, annotation: NO_ROW, page: -1, region: None };
                self.tables.problems.report(
                    here,
                    "annotations",
                    "not_a_list",
                    "annotations, predictions or drafts are no list; they were not read",
                    true,
                );
            }
            return Ok(0);
        }
        let mut count = 0;
        cursor.array(|cursor| {
            count += 1;
            if cursor.kind()? == Kind::Object {
                return self.annotation(cursor, task, source);
            }
            let id = cursor.scalar()?;
            if source == Source::Annotation || id.integer().is_none() {
                let here = Place { task, annotation: NO_ROW, page: -1, region: None };
                self.tables.problems.report(
                    here,
                    "annotations",
                    "not_an_annotation",
                    "an annotation is no object; it was not read",
                    true,
                );
            }
            Ok(())
        })?;
        Ok(count)
    }

    fn annotation(&mut self, cursor: &mut Cursor<'a>, task: u32, source: Source) -> Result<()> {
        let row = self.tables.annotations.task.len() as u32;
        let here = Place { task, annotation: row, page: -1, region: None };
        let mut own = Annotation::default();
        // The row comes first, so that regions can refer to it wherever `result` stands.
        self.tables.annotations.task.push(task);
        cursor.object(|cursor, key| {
            match key {
                "result" => own.regions += self.results.read(cursor, here, &mut self.tables)?,
                "id" => own.id = cursor.scalar()?.integer().unwrap_or(NONE),
                "completed_by" | "user" => own.annotator = person(cursor)?.or(own.annotator.take()),
                "was_cancelled" | "skipped" => own.cancelled |= cursor.scalar()? == Scalar::Bool(true),
                "ground_truth" => own.ground_truth = cursor.scalar()? == Scalar::Bool(true),
                "created_at" => own.created_at = self.time(cursor, here, "created_at")?,
                "updated_at" => own.updated_at = self.time(cursor, here, "updated_at")?,
                "lead_time" => own.lead_time_s = cursor.scalar()?.number().unwrap_or(f64::NAN),
                "model_version" => own.model_version = text(cursor.scalar()?),
                "score" => own.score = cursor.scalar()?.number().unwrap_or(f64::NAN),
                "parent_prediction" => own.parent_prediction = cursor.scalar()?.integer().unwrap_or(NONE),
                "parent_annotation" => own.parent_annotation = cursor.scalar()?.integer().unwrap_or(NONE),
                _ => cursor.skip()?,
            }
            Ok(())
        })?;
        let table = &mut self.tables.annotations;
        table.annotation_id.push(own.id);
        table.source.push(source as u8);
        table.annotator.push(own.annotator.as_deref());
        table.cancelled.push(own.cancelled);
        table.ground_truth.push(own.ground_truth);
        table.created_at.push(own.created_at);
        table.updated_at.push(own.updated_at);
        table.lead_time_s.push(own.lead_time_s);
        table.model_version.push(own.model_version.as_deref());
        table.score.push(own.score);
        table.parent_prediction.push(own.parent_prediction);
        table.parent_annotation.push(own.parent_annotation);
        table.n_regions.push(own.regions);
        if source == Source::Annotation && own.annotator.is_none() {
            self.tables.problems.report(here, "completed_by", "no_annotator", "nobody is named, as after a user was deleted; such annotations count as one person, 'unknown'", false);
        }
        Ok(())
    }

    fn time(&mut self, cursor: &mut Cursor<'a>, here: Place, field: &str) -> Result<i64> {
        Ok(match cursor.scalar()? {
            Scalar::Null => i64::MIN,
            // Old files count seconds.
            number @ Scalar::Number(_) => {
                number.number().filter(|s| s.abs() < 1e12).map_or(i64::MIN, |seconds| (seconds * 1e6) as i64)
            }
            Scalar::Text(text) => microseconds(&text).unwrap_or_else(|| {
                self.tables.problems.report(
                    here,
                    field,
                    "not_a_time",
                    "no ISO 8601 timestamp; it was left empty",
                    false,
                );
                i64::MIN
            }),
            _ => i64::MIN,
        })
    }
}

struct Annotation<'a> {
    id: i64,
    annotator: Option<Cow<'a, str>>,
    cancelled: bool,
    ground_truth: bool,
    created_at: i64,
    updated_at: i64,
    lead_time_s: f64,
    model_version: Option<Cow<'a, str>>,
    score: f64,
    parent_prediction: i64,
    parent_annotation: i64,
    regions: i32,
}

impl Default for Annotation<'_> {
    fn default() -> Self {
        Annotation {
            id: NONE,
            annotator: None,
            cancelled: false,
            ground_truth: false,
            created_at: i64::MIN,
            updated_at: i64::MIN,
            lead_time_s: f64::NAN,
            model_version: None,
            score: f64::NAN,
            parent_prediction: NONE,
            parent_annotation: NONE,
            regions: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::privacy::without_query;

    fn tables(text: &str) -> Tables {
        read(text.as_bytes(), &Batch::unwatched(1)).unwrap()
    }

    fn refusal(bytes: &[u8]) -> (String, usize) {
        match read(bytes, &Batch::unwatched(1)) {
            Err(Error::Export { message, position }) => (message, position),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn people() {
        let who = |text: &str| person(&mut Cursor::new(text, 0)).unwrap().map(Cow::into_owned);
        assert_eq!(who("4"), Some("4".into()));
        assert_eq!(who(r#"{"id": 4, "email": "a@example.org"}"#), Some("4".into()));
        assert_eq!(who("null"), None);
        let hidden = who(r#"{"email": "A@example.org"}"#).unwrap();
        assert!(hidden.starts_with("user-") && !hidden.contains("example"));
        assert_eq!(who(r#""a@example.org""#), Some(hidden));
    }

    #[test]
    fn addresses_lose_their_queries_and_texts_keep_theirs() {
        for (from, to) in [
            ("https://b.s3.amazonaws.com/a.png?X-Amz-Signature=abc#x", "https://b.s3.amazonaws.com/a.png"),
            ("/data/upload/1/a.png?token=1", "/data/upload/1/a.png"),
            ("/data/local-files/?d=p1/a.png&t=2", "/data/local-files/?d=p1/a.png"),
            ("is it growing?", "is it growing?"),
            ("mole.png?x=1", "mole.png"),
        ] {
            assert_eq!(without_query(from), to);
        }
        let text = r#"[{"id":1,"data":{"images":["https://h/a.png?s=1","https://h/b.png?s=2"],"days":[0,30],"n":{"u":["s3://x/y?k=1"]}},"annotations":[]}]"#;
        let read = tables(text);
        assert_eq!(read.tasks.images.offsets, [0, 2]);
        assert_eq!(
            read.tasks.data.get(0),
            Some(r#"{"images":["https://h/a.png","https://h/b.png"],"days":[0,30],"n":{"u":["s3://x/y"]}}"#)
        );
    }

    #[test]
    fn annotations_predictions_and_drafts() {
        let text = r#"[{"data":{"image":"a.png"},"id":5,"predictions":[8,{"id":9,"model_version":"m","score":0.5,"result":[]}],
            "drafts":[{"id":3,"user":"x@example.org","result":[]}],"completions":[{"result":null,"completed_by":2,"was_cancelled":true}],
            "annotations":null}]"#;
        let read = tables(text);
        assert_eq!(read.annotations.source, [1, 2, 0]);
        assert_eq!(read.annotations.model_version.get(0), Some("m"));
        assert_eq!(read.tasks.n_predictions, [2]);
        assert_eq!(read.annotations.cancelled, [false, false, true]);
        assert!(read.problems.code.is_empty());
    }

    #[test]
    fn other_files_are_named() {
        for (text, word) in [
            (r#"{"images":[],"categories":[],"annotations":[]}"#, "COCO"),
            (r#"[{"id":1,"image":"a","annotator":2,"annotation_id":3}]"#, "JSON_MIN"),
            (r#"{"type":"FeatureCollection","features":[]}"#, "GeoJSON"),
            ("[1]", "task"),
            ("7", "single value"),
        ] {
            assert!(refusal(text.as_bytes()).0.contains(word), "{text}: {:?}", refusal(text.as_bytes()));
        }
        assert!(refusal(b"").0.contains("empty"));
        assert!(refusal(&[0x1f, 0x8b, 8]).0.contains("gzip"));
        assert_eq!(refusal(b"[{\"data\":{\"a\":\"\xff\"}}]").1, 15);
    }

    #[test]
    fn cut_off_files_are_refused_at_the_end() {
        let whole = r#"[{"id":1,"data":{},"annotations":[{"id":2,"result":[{"id":"a","type":"polygon"}]}]}]"#;
        assert_eq!(tables(whole).tasks.task_id, [1]);
        for end in 1..whole.len() {
            let (message, position) = refusal(&whole.as_bytes()[..end]);
            assert!(message.contains("cut off"), "{end}: {message}");
            assert_eq!(position, end, "{message}");
        }
    }
}
