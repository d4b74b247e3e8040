//! What a file is, by its first bytes and by the keys of its first object.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::read::json::{Cursor, Kind};

/// Bytes from the start of a file that tell what it is, if it is no JSON.
pub(super) const HEAD_BYTES: usize = 4 << 10;

/// Said of files without a byte, and of those with nothing but space.
pub(super) const EMPTY: &str = "the file is empty; export again";

/// What the objects of a file are; a hint, as each is judged for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Tasks, with lists of annotations.
    Tasks,
    /// Annotations or predictions that name their task.
    Annotations,
}

/// Files that are no text, by how they start.
const SIGNATURES: [(&[u8], &str); 16] = [
    (&[0x1f, 0x8b], "the file is compressed with gzip; unpack it first"),
    (&[0x28, 0xb5, 0x2f, 0xfd], "the file is compressed with zstd; unpack it first"),
    (b"BZh", "the file is compressed with bzip2; unpack it first"),
    (&[0xfd, b'7', b'z', b'X', b'Z'], "the file is compressed with xz; unpack it first"),
    (&[b'P', b'K', 3, 4], "the file is a zip archive; unpack it and read the JSON inside"),
    (&[b'P', b'K', 5, 6], "the file is an empty zip archive; export again"),
    (&[b'7', b'z', 0xbc, 0xaf], "the file is a 7z archive; unpack it and read the JSON inside"),
    (b"PAR1", "the file is Parquet; pass its path to read_parquet, or to a command"),
    (b"SQLite format 3", "the file is a database; in Label Studio choose Export, JSON"),
    (&[0x89, b'P', b'N', b'G'], "the file is an image; pass the export that names it"),
    (&[0xff, 0xd8, 0xff], "the file is an image; pass the export that names it"),
    (b"%PDF", "the file is a PDF; pass the export"),
    (&[0xff, 0xfe], "the file is UTF-16; save it as UTF-8"),
    (&[0xfe, 0xff], "the file is UTF-16; save it as UTF-8"),
    (&[0, 0, 0xfe, 0xff], "the file is UTF-32; save it as UTF-8"),
    (b"\x93NUMPY", "the file is a NumPy array; pass the export"),
];

/// Why a file that starts like this is not read; `None` where it may be JSON.
pub(super) fn refusal(head: &[u8]) -> Option<&'static str> {
    if head.is_empty() {
        return Some(EMPTY);
    }
    let signed = SIGNATURES.iter().find(|(start, _)| head.starts_with(start));
    if let Some((_, message)) = signed {
        return Some(message);
    }
    // The first character of JSON is ASCII, so a zero beside it is half of a wider one.
    match head {
        [0, b'[' | b'{', ..] | [b'[' | b'{', 0, ..] => Some("the file is UTF-16; save it as UTF-8"),
        _ => other_text(head),
    }
}

/// Bytes of a mark that says that the text is UTF-8.
pub(super) fn mark(head: &[u8]) -> usize {
    if head.starts_with(&[0xef, 0xbb, 0xbf]) { 3 } else { 0 }
}

/// Text that is no JSON.
fn other_text(head: &[u8]) -> Option<&'static str> {
    let text = head[mark(head)..].trim_ascii_start();
    let lower = text[..text.len().min(64)].to_ascii_lowercase();
    let starts = |word: &[u8]| lower.starts_with(word);
    if starts(b"<!doctype html") || starts(b"<html") {
        return Some(
            "not JSON: this is a web page, as servers send it when a login is missing; download the export again",
        );
    }
    if starts(b"<view") {
        return Some("not JSON: this is a labeling config; pass it as config=, and the export as source");
    }
    if starts(b"<") {
        return Some("not JSON: this is XML; in Label Studio choose Export, JSON");
    }
    // A header of columns, as CSV and TSV exports begin.
    let header = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-. \"\r,;\t".contains(byte);
    let count = |wanted: &[u8]| header.iter().filter(|byte| wanted.contains(byte)).count();
    let starts_a_name = header.first().is_some_and(u8::is_ascii_alphabetic) || count(b"\"") > 2;
    if count(b",;\t") > 0 && starts_a_name && header.iter().all(plain) {
        return Some(
            "not JSON: this looks like CSV or TSV, which drops region ids and pages; in Label Studio choose Export, JSON",
        );
    }
    None
}

/// Which keys an object has.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Keys {
    lists: bool,
    data: bool,
    result: bool,
    task: bool,
    /// The task is an object, not the id of one.
    whole_task: bool,
    model: bool,
    author: bool,
    images: bool,
    categories: bool,
    features: bool,
    annotation_id: bool,
    annotator: bool,
    lead_time: bool,
    id: bool,
    updated_at: bool,
}

impl Keys {
    /// Look at the keys of an object.
    pub(super) fn of(cursor: &mut Cursor) -> Result<Keys> {
        let mut keys = Keys::default();
        cursor.object(|cursor, key| {
            match key {
                "annotations" | "completions" | "predictions" | "drafts" => keys.lists = true,
                "data" => keys.data = true,
                "result" => keys.result = true,
                "task" => {
                    keys.task = true;
                    keys.whole_task = cursor.kind()? == Kind::Object;
                }
                "model_version" => keys.model = true,
                "completed_by" => keys.author = true,
                "images" => keys.images = true,
                "categories" => keys.categories = true,
                "features" => keys.features = true,
                "annotation_id" => keys.annotation_id = true,
                "annotator" => keys.annotator = true,
                "lead_time" => keys.lead_time = true,
                "id" => keys.id = true,
                "updated_at" => keys.updated_at = true,
                _ => {}
            }
            cursor.skip()
        })?;
        Ok(keys)
    }

    /// Whether these are the keys of an annotation on its own.
    pub(super) fn annotation(&self) -> bool {
        self.result && !self.lists
    }

    /// Whether these are the keys of a prediction on its own.
    pub(super) fn prediction(&self) -> bool {
        self.annotation() && self.model && !self.author
    }
}

/// What a file holds, by its first object; an error of another position than `base` is one of the grammar.
pub(super) fn recognise(first: &str, base: usize) -> Result<std::result::Result<Content, String>> {
    let mut cursor = Cursor::new(first, base);
    if cursor.kind()? != Kind::Object {
        return Ok(Err(super::cut::NO_TASK.into()));
    }
    let keys = Keys::of(&mut cursor)?;
    let looks_like = if keys.images && keys.categories {
        "COCO, which has neither pages nor annotators' tracks"
    } else if keys.lists || keys.data && !keys.result {
        return Ok(Ok(Content::Tasks));
    } else if keys.result && keys.task {
        return Ok(Ok(Content::Annotations));
    } else if keys.annotation_id
        || (keys.annotator && keys.lead_time)
        || (keys.id && keys.updated_at && !keys.result)
    {
        "JSON_MIN, which drops region ids and pages"
    } else if keys.result {
        "a single annotation without its task"
    } else if keys.features {
        "GeoJSON"
    } else {
        "something else"
    };
    Ok(Err(format!(
        "not a Label Studio JSON export: this looks like {looks_like}; in Label Studio choose Export, JSON"
    )))
}

/// What an object is that stands in a file of this content where its structure was lost; `None` for a part of something
/// else, an error for what is damaged itself.
pub(super) fn recognise_again(text: &str, base: usize, content: Option<Content>) -> Result<Option<Content>> {
    let mut cursor = Cursor::new(text, base);
    let keys = Keys::of(&mut cursor)?;
    let found = if keys.lists && keys.data {
        Content::Tasks
    } else if keys.result && (keys.whole_task || keys.task && content == Some(Content::Annotations)) {
        // Annotations of a task name it too, by its id.
        Content::Annotations
    } else {
        return Ok(None);
    };
    Ok(content.is_none_or(|content| content == found).then_some(found))
}

/// What is wrong with a value, and at which byte of the file.
pub(super) fn damage(bytes: &[u8], base: usize) -> Option<(String, usize)> {
    let read = utf8(bytes, base).and_then(|text| Cursor::new(text, base).skip());
    match read {
        Err(Error::Export { message, position }) => Some((message, position)),
        _ => None,
    }
}

/// The text of a value, with the byte after it where its file goes on: it tells a line or a word that breaks off from the
/// end of the file.
pub(super) fn value_text<'a>(
    text: &'a [u8],
    range: &Range<usize>,
    goes_on: bool,
    base: usize,
) -> Result<&'a str> {
    let goes_on = goes_on && text.get(range.end).is_some_and(u8::is_ascii);
    utf8(text.get(range.start..range.end + usize::from(goes_on)).unwrap_or_default(), base)
}

/// An error behind the end of a value means that the value has no end.
pub(super) fn breaks_off(error: Error, end: usize) -> Error {
    match error {
        Error::Export { position, .. } if position > end => Error::Export {
            message: "not JSON: the value breaks off at the end of the line; export again".into(),
            position: end,
        },
        other => other,
    }
}

/// UTF-8, or an error at the first wrong byte, be it of the encoding or of the grammar before it.
fn utf8(bytes: &[u8], base: usize) -> Result<&str> {
    if let Ok(text) = simdutf8::basic::from_utf8(bytes) {
        return Ok(text);
    }
    // Where it is wrong only the slower way tells.
    std::str::from_utf8(bytes).map_err(|error| {
        let mut before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned();
        let position = base + before.len();
        // Stands for what is no character: harmless in a string, wrong elsewhere.
        before.push(char::REPLACEMENT_CHARACTER);
        match Cursor::new(&before, base).skip() {
            Err(Error::Export { message, position: earlier }) if earlier < position => {
                Error::Export { message, position: earlier }
            }
            _ => Error::Export {
                message: "not UTF-8 text here; the file is damaged or no JSON export".into(),
                position,
            },
        }
    })
}

/// What is wrong with a value that does not end.
pub(super) fn unfinished(bytes: &[u8], base: usize) -> Error {
    let wrong = utf8(bytes, base).and_then(|text| Cursor::new(text, base).skip());
    wrong.err().unwrap_or_else(|| cut_off(base + bytes.len()))
}

/// The file ends where it must not.
pub(super) fn cut_off(position: usize) -> Error {
    match Cursor::new("", position).kind() {
        Err(error) => error,
        // An empty text has no value, so this does not happen.
        Ok(_) => Error::Export { message: "cut off".into(), position },
    }
}
