//! Label Studio's JSON: tasks with annotations, predictions and drafts, or annotations that name their task.

use std::borrow::Cow;

use crate::error::Result;
use crate::read::answers::repeated_key;
use crate::read::columns::{NO_ROW, NONE, Place, Tables};
use crate::read::container::{Content, Keys};
use crate::read::entry::text;
use crate::read::json::{Cursor, Kind, Scalar};
use crate::read::privacy::{data_fields, person, unsigned};
use crate::read::results::Results;
use crate::read::time::microseconds;

/// What a list of results belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Source {
    Annotation = 0,
    Prediction = 1,
    Draft = 2,
}

/// Turns values of a file into rows.
#[derive(Default)]
pub(super) struct Reader<'a> {
    pub(super) tables: Tables,
    results: Results<'a>,
}

/// Where a value stands.
#[derive(Clone, Copy)]
pub(super) struct Origin {
    /// The file, by its place among the sources.
    pub(super) file: u32,
    /// Which value it is, from 0.
    pub(super) ordinal: u64,
}

/// What a task says of itself.
#[derive(Default)]
struct Task {
    id: Option<i64>,
    inner_id: Option<i64>,
    odd_inner_id: bool,
    data: Option<(String, Vec<Option<String>>)>,
    counts: [i32; 3],
    partial: bool,
    keys: Seen,
}

/// Keys of one object that were met, and those that were met again, as bits.
#[derive(Clone, Copy, Default)]
struct Seen {
    once: u32,
    again: u32,
}

impl Seen {
    /// Note a key, if it is one of these; whether it was there before.
    fn note(&mut self, keys: &[&str], key: &str) -> bool {
        let Some(field) = keys.iter().position(|name| *name == key) else { return false };
        let again = self.once & 1 << field != 0;
        self.once |= 1 << field;
        self.again |= u32::from(again) << field;
        again
    }
}

/// Keys of a task that are read.
const TASK_KEYS: [&str; 7] =
    ["id", "inner_id", "data", "annotations", "completions", "predictions", "drafts"];

/// Keys of an annotation that are read.
const ANNOTATION_KEYS: [&str; 16] = [
    "id",
    "result",
    "completed_by",
    "user",
    "was_cancelled",
    "skipped",
    "ground_truth",
    "honeypot",
    "created_at",
    "updated_at",
    "lead_time",
    "model_version",
    "score",
    "parent_prediction",
    "parent_annotation",
    "task",
];

/// Keys whose lists are all read, however often they stand there: a list that is read adds rows at once.
const ADDED: [&str; 5] = ["annotations", "completions", "predictions", "drafts", "result"];

impl<'a> Reader<'a> {
    /// Read a value: a task, or an annotation on its own.
    pub(super) fn value(&mut self, cursor: &mut Cursor<'a>, content: Content, origin: Origin) -> Result<()> {
        if content == Content::Annotations && cursor.kind()? == Kind::Object {
            let keys = Keys::of(&mut cursor.clone())?;
            if keys.annotation() {
                return self.lone_annotation(cursor, &keys, origin);
            }
        }
        self.task(cursor, origin)
    }

    fn task(&mut self, cursor: &mut Cursor<'a>, origin: Origin) -> Result<()> {
        let row = self.tables.tasks.file.len() as u32;
        let here = Place { task: row, annotation: NO_ROW, page: -1, region: None };
        let mut task = Task::default();
        if cursor.kind()? != Kind::Object {
            cursor.skip()?;
            let message = "no task stands here, but something else; nothing of it was read";
            self.tables.problems.report(here, "id", "not_a_task", message, true);
            self.finish(task, here, origin);
            return Ok(());
        }
        let start = cursor.clone();
        let (mut lists, mut result) = (false, false);
        cursor.object(|cursor, key| {
            let source = match key {
                "annotations" | "completions" => Source::Annotation,
                "predictions" => Source::Prediction,
                "drafts" => Source::Draft,
                "result" => {
                    result = true;
                    return cursor.skip();
                }
                _ => return task_field(cursor, key, &mut task),
            };
            task.keys.note(&TASK_KEYS, key);
            lists = true;
            task.counts[source as usize] += self.list(cursor, row, source)?;
            Ok(())
        })?;
        if result && !lists {
            // An annotation among tasks; nothing of it has become a row yet.
            let keys = Keys::of(&mut start.clone())?;
            return self.lone_annotation(&mut start.clone(), &keys, origin);
        }
        self.finish(task, here, origin);
        Ok(())
    }

    /// An annotation or prediction that names its task.
    fn lone_annotation(&mut self, cursor: &mut Cursor<'a>, keys: &Keys, origin: Origin) -> Result<()> {
        let row = self.tables.tasks.file.len() as u32;
        let here = Place { task: row, annotation: NO_ROW, page: -1, region: None };
        let source = if keys.prediction() { Source::Prediction } else { Source::Annotation };
        let mut task = Task { partial: true, ..Task::default() };
        task.counts[source as usize] = 1;
        self.annotation(cursor, row, source, Some(&mut task))?;
        self.finish(task, here, origin);
        Ok(())
    }

    /// The row of a task.
    fn finish(&mut self, task: Task, here: Place, origin: Origin) {
        let tables = &mut self.tables;
        let tasks = &mut tables.tasks;
        let stand_in = -1 - i64::try_from(origin.ordinal).unwrap_or(i64::MAX - 1);
        tasks.task_id.push(task.id.unwrap_or(stand_in));
        tasks.inner_id.push(task.inner_id.unwrap_or(NONE));
        if task.id.is_none() {
            tables.problems.report(
                here,
                "id",
                "no_task_id",
                "the task has no whole number as id; minus its position among all tasks stands in for it",
                false,
            );
        }
        if task.odd_inner_id {
            self.mistyped(here, "inner_id", WHOLE);
        }
        self.repeated(here, &TASK_KEYS, task.keys);
        let tables = &mut self.tables;
        match task.data {
            Some((json, images)) => {
                tables.tasks.data.push(Some(&json));
                images.iter().for_each(|image| tables.tasks.images.values.push(image.as_deref()));
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
        let tasks = &mut tables.tasks;
        tasks.images.end();
        tasks.n_annotations.push(task.counts[0]);
        tasks.n_predictions.push(task.counts[1]);
        tasks.n_drafts.push(task.counts[2]);
        tasks.file.push(origin.file);
        tasks.partial.push(task.partial);
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
                return self.annotation(cursor, task, source, None);
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

    /// One annotation; the task of one on its own is found inside.
    fn annotation(
        &mut self,
        cursor: &mut Cursor<'a>,
        task: u32,
        source: Source,
        mut own_task: Option<&mut Task>,
    ) -> Result<()> {
        let row = self.tables.annotations.task.len() as u32;
        let here = Place { task, annotation: row, page: -1, region: None };
        let mut own = Annotation::default();
        // The row comes first, so that regions can refer to it wherever `result` stands.
        self.tables.annotations.task.push(task);
        let mut keys = Seen::default();
        cursor.object(|cursor, key| {
            let again = keys.note(&ANNOTATION_KEYS, key);
            match key {
                "result" => own.regions += self.results.read(cursor, here, &mut self.tables)?,
                "id" => own.id = self.whole(cursor, here, "id")?.unwrap_or(NONE),
                "completed_by" | "user" => {
                    let before = own.annotator.take().filter(|_| !again);
                    own.annotator = person(cursor)?.or(before);
                }
                "was_cancelled" | "skipped" => {
                    own.cancelled = self.flag(cursor, here, key)? || own.cancelled && !again;
                }
                // Before 1.0 it was called a honeypot.
                "ground_truth" | "honeypot" => own.ground_truth = self.flag(cursor, here, key)?,
                "created_at" => own.created_at = self.time(cursor, here, "created_at")?,
                "updated_at" => own.updated_at = self.time(cursor, here, "updated_at")?,
                "lead_time" => own.lead_time_s = self.number(cursor, here, "lead_time")?,
                "model_version" => own.model_version = text(cursor.scalar()?).map(unsigned),
                "score" => own.score = self.number(cursor, here, "score")?,
                "parent_prediction" => {
                    own.parent_prediction = self.whole(cursor, here, key)?.unwrap_or(NONE);
                }
                "parent_annotation" => {
                    own.parent_annotation = self.whole(cursor, here, key)?.unwrap_or(NONE);
                }
                "task" if let Some(task) = own_task.as_deref_mut() => {
                    if again {
                        let counts = task.counts;
                        *task = Task { partial: true, counts, ..Task::default() };
                    }
                    if cursor.kind()? == Kind::Object {
                        return cursor.object(|cursor, key| task_field(cursor, key, task));
                    }
                    task.id = whole(&cursor.scalar()?).or(task.id);
                }
                _ => cursor.skip()?,
            }
            Ok(())
        })?;
        if own_task.is_none() {
            // Not read here, so it does not matter which one counts.
            keys.again &= !(1 << (ANNOTATION_KEYS.len() - 1));
        }
        self.repeated(here, &ANNOTATION_KEYS, keys);
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
        if source == Source::Annotation && own.id == NONE {
            let message = "the annotation has no whole number as id, so its regions cannot be told from those of others by id";
            self.tables.problems.report(here, "id", "no_annotation_id", message, false);
        }
        if source == Source::Annotation && own.annotator.is_none() {
            self.tables.problems.report(here, "completed_by", "no_annotator", "nobody is named, as after a user was deleted; such annotations count as one person, 'unknown'", false);
        }
        Ok(())
    }

    /// A field that is no such thing is left empty, and reported.
    fn mistyped(&mut self, here: Place, field: &str, wanted: &str) {
        let message = format!("the field holds no {wanted}; it was left empty");
        self.tables.problems.report(here, field, "wrong_type", &message, false);
    }

    /// Report keys that stand twice in one object.
    fn repeated(&mut self, here: Place, keys: &[&str], seen: Seen) {
        for (_, &key) in keys.iter().enumerate().filter(|(field, _)| seen.again & 1 << field != 0) {
            if ADDED.contains(&key) {
                let message = "a key stands twice in one object; its lists were read one after the other";
                self.tables.problems.report(here, key, "repeated_key", message, false);
            } else {
                repeated_key(here, key, &mut self.tables);
            }
        }
    }

    fn whole(&mut self, cursor: &mut Cursor<'a>, here: Place, field: &str) -> Result<Option<i64>> {
        let scalar = cursor.scalar()?;
        let found = whole(&scalar);
        if found.is_none() && scalar != Scalar::Null {
            self.mistyped(here, field, WHOLE);
        }
        Ok(found)
    }

    fn number(&mut self, cursor: &mut Cursor<'a>, here: Place, field: &str) -> Result<f64> {
        let scalar = cursor.scalar()?;
        let found = scalar.number().filter(|number| number.is_finite());
        if found.is_none() && scalar != Scalar::Null {
            self.mistyped(here, field, "finite number");
        }
        Ok(found.unwrap_or(f64::NAN))
    }

    fn flag(&mut self, cursor: &mut Cursor<'a>, here: Place, field: &str) -> Result<bool> {
        match cursor.scalar()? {
            Scalar::Bool(flag) => return Ok(flag),
            Scalar::Null => {}
            _ => self.mistyped(here, field, "true or false"),
        }
        Ok(false)
    }

    fn time(&mut self, cursor: &mut Cursor<'a>, here: Place, field: &str) -> Result<i64> {
        let time = match cursor.scalar()? {
            Scalar::Null => return Ok(NONE),
            // Old files count seconds.
            number @ Scalar::Number(_) => {
                number.number().filter(|s| s.abs() < 1e12).map(|seconds| (seconds * 1e6) as i64)
            }
            Scalar::Text(text) => microseconds(&text),
            _ => None,
        };
        if time.is_none() {
            let message = "no ISO 8601 timestamp; it was left empty";
            self.tables.problems.report(here, field, "not_a_time", message, false);
        }
        Ok(time.unwrap_or(NONE))
    }
}

fn task_field<'a>(cursor: &mut Cursor<'a>, key: &str, task: &mut Task) -> Result<()> {
    task.keys.note(&TASK_KEYS, key);
    match key {
        "id" => task.id = whole(&cursor.scalar()?),
        "inner_id" => {
            let scalar = cursor.scalar()?;
            task.inner_id = whole(&scalar);
            task.odd_inner_id = task.inner_id.is_none() && scalar != Scalar::Null;
        }
        "data" if cursor.kind()? == Kind::Object => task.data = Some(data_fields(cursor)?),
        // The last one counts, whatever it is.
        "data" => {
            task.data = None;
            cursor.skip()?;
        }
        _ => cursor.skip()?,
    }
    Ok(())
}

const WHOLE: &str = "whole number of 64 bits";

/// A whole number, also one written as text, as in files made for import; [`NONE`] is not one, as it stands for null.
fn whole(scalar: &Scalar) -> Option<i64> {
    let number = match scalar {
        Scalar::Text(digits) => digits.parse().ok(),
        other => other.integer(),
    };
    number.filter(|&number| number != NONE)
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
            created_at: NONE,
            updated_at: NONE,
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
    use crate::batch::Batch;
    use crate::read::privacy::{unsigned, without_query};
    use crate::read::reader::Exports;
    use crate::read::source::Source;
    use crate::read::window::Stop;

    fn read(bytes: &[u8]) -> std::result::Result<Tables, Stop> {
        let source = ("a.json".to_owned(), Source::Bytes(Box::new(bytes.to_vec())));
        Exports::new(vec![source], 1 << 20, false).all(&Batch::unwatched(1))
    }

    fn tables(text: &str) -> Tables {
        read(text.as_bytes()).unwrap()
    }

    fn refusal(bytes: &[u8]) -> (String, usize) {
        match read(bytes) {
            Err(Stop::Export { message, position, .. }) => (message, position),
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
            ("see https://h/a?k=1#f, is it? (s3://b/c?d)", "see https://h/a is it? (s3://b/c)"),
            ("see HTTPS://A/B?k=1", "see HTTPS://A/B"),
            ("a https://a/b#frag?x", "a https://a/b"),
            ("http://h/y.png?x=1 there", "http://h/y.png there"),
            ("see https://u@h/y.png?X there", "see https://h/y.png there"),
            ("ftp://me:p@ss@h/a@b.png", "ftp://h/a@b.png"),
            ("https://h/a(1).png?k=[1]&l=2", "https://h/a(1).png"),
            ("https://h/a?k=1,https://h/b?k=2;s3://c/d?e", "https://h/a,https://h/b;s3://c/d"),
            ("https://h/a?next=https://h/b", "https://h/a"),
            ("https://h/my mole.png?SIG=1 there", "https://h/my mole.png there"),
            ("http://h/data/local-files/?d=p/a.png&t=2", "http://h/data/local-files/?d=p/a.png"),
            ("/data/upload/a.png?t=1 there", "/data/upload/a.png there"),
            (r#"{"u":"https://h/a?k=1","t":"b?"}"#, r#"{"u":"https://h/a","t":"b?"}"#),
            ("it grows://?", "it grows://"),
            ("https://h/a.png?k=1 grows", "https://h/a.png grows"),
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
    fn a_null_among_images_is_a_page_without_image() {
        let read = |images: &str| {
            tables(&format!(r#"[{{"id":1,"data":{{"images":{images}}},"annotations":[]}}]"#)).tasks.images
        };
        let images = read(r#"["https://h/a.png",null,"https://h/c.png"]"#);
        assert_eq!(images.offsets, [0, 3]);
        assert_eq!(
            (0..3).map(|at| images.values.get(at)).collect::<Vec<_>>(),
            [Some("https://h/a.png"), None, Some("https://h/c.png")]
        );
        for none in ["[null,null]", "[]", r#"["https://h/a.png",1]"#, r#"[["https://h/a.png"]]"#] {
            assert_eq!(read(none).offsets, [0, 0], "{none}");
        }
    }

    #[test]
    fn keys_of_data_lose_their_queries_too() {
        let text = r#"[{"id":1,"data":{"https://h/a?k=1":1,"n":{"s3://u:p@b/c":[2],"https:\/\/h\/d\u003fk":3}},"annotations":[]}]"#;
        let kept = r#"{"https://h/a":1,"n":{"s3://b/c":[2],"https://h/d":3}}"#;
        assert_eq!(tables(text).tasks.data.get(0), Some(kept));
    }

    #[test]
    fn typed_texts_lose_signed_queries_only() {
        for (from, to) in [
            ("see https://h/a?x=1, is it?", "see https://h/a?x=1, is it?"),
            ("see https://h/a?x=1&x-amz-signature=f0 there", "see https://h/a there"),
            ("(s3://b/c?Signature=f&Expires=1) ? (/d?token=2)", "(s3://b/c) ? (/d)"),
            ("a?b=1 c?sig=2 d?signed=3", "a?b=1 c d?signed=3"),
            ("a?token", "a?token"),
        ] {
            assert_eq!(unsigned(from.into()), to);
        }
    }

    #[test]
    fn annotations_predictions_and_drafts() {
        let text = r#"[{"data":{"image":"a.png"},"id":5,"predictions":[8,{"id":9,"model_version":"m","score":0.5,"result":[]}],
            "drafts":[{"id":3,"user":"x@example.org","result":[]}],"completions":[{"id":"7","result":null,"completed_by":2,"was_cancelled":true}],
            "annotations":null}]"#;
        let read = tables(text);
        assert_eq!(read.annotations.source, [1, 2, 0]);
        assert_eq!(read.annotations.model_version.get(0), Some("m"));
        assert_eq!(read.tasks.n_predictions, [2]);
        assert_eq!(read.annotations.cancelled, [false, false, true]);
        assert_eq!(read.annotations.annotation_id[2], 7);
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
