//! The `value` of an entry, read in one pass before its type is known: the type may follow, and the editor repeats the
//! outline of a region in each of its entries.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use crate::error::Result;
use crate::polygons::Point;
use crate::read::entry::{Head, page};
use crate::read::json::{Cursor, Kind};

/// What the values of one annotation hold.
#[derive(Default)]
pub(super) struct Arena<'a> {
    /// Points of all lists, in percent.
    points: Vec<Point>,
    /// Labels and answers of all values, not looked into yet.
    members: Vec<Member<'a>>,
    last_points: Option<PointList<'a>>,
    /// How the last entry began.
    pub(super) head: Head<'a>,
    /// The last list of run lengths, list of vertices, and image.
    last_large: [&'a str; LARGE.len()],
}

/// Members, besides points, that are long and repeated in each entry of a region.
const LARGE: [&str; 4] = ["rle", "vertices", "imageDataURL", "maskDataURL"];

impl<'a> Arena<'a> {
    /// Forget what the last annotation held.
    pub(super) fn clear(&mut self) {
        self.points.clear();
        self.members.clear();
        self.last_points = None;
        self.last_large = Default::default();
    }

    /// The points of a list.
    pub(super) fn points(&self, list: &PointList) -> &[Point] {
        &self.points[list.range.0..list.range.1]
    }

    /// The last member of a value with a certain key, and whether there are several.
    pub(super) fn member(&self, value: &Value, key: &str) -> Option<(&Member<'a>, bool)> {
        let mut found = self.members[value.members.clone()].iter().rev().filter(|member| member.key == key);
        let last = found.next()?;
        Some((last, found.next().is_some()))
    }
}

/// A label or an answer.
pub(super) struct Member<'a> {
    key: Cow<'a, str>,
    /// JSON whose grammar has been checked.
    pub(super) raw: &'a str,
    /// Where it lies in the file.
    pub(super) base: usize,
}

/// A list of points.
#[derive(Clone, Copy)]
pub(super) struct PointList<'a> {
    text: &'a str,
    range: (usize, usize),
    /// Each of them is a pair of numbers.
    pub(super) sound: bool,
}

/// A value.
pub(super) struct Value<'a> {
    /// JSON whose grammar has been checked.
    pub(super) text: &'a str,
    /// Where it lies in the file.
    pub(super) base: usize,
    pub(super) points: Option<PointList<'a>>,
    /// `closed` is false.
    pub(super) unfinished: bool,
    /// `closed` is neither true nor false nor null.
    pub(super) odd_closed: bool,
    /// `closed` is null, as in paths that are open.
    pub(super) null_closed: bool,
    /// A mask says that it is of another format than the run-length code.
    pub(super) odd_format: bool,
    /// It repeats the outline of a region.
    pub(super) drawn: bool,
    /// It says something else about a border than its points.
    beside_points: bool,
    pub(super) page: Option<i32>,
    /// There is a page, but it is none.
    pub(super) odd_page: bool,
    members: Range<usize>,
    /// A key that stands here twice, of which the last counts.
    pub(super) repeated: Option<&'static str>,
}

/// Fields that say where a border runs, by the names that problems give them.
const BORDER: [&str; 14] = [
    "value.points",
    "value.x",
    "value.y",
    "value.width",
    "value.height",
    "value.radiusX",
    "value.radiusY",
    "value.rotation",
    "value.rle",
    "value.vertices",
    "value.imageDataURL",
    "value.maskDataURL",
    "value.closed",
    "value.item_index",
];

/// Read a value.
pub(super) fn value<'a>(cursor: &mut Cursor<'a>, arena: &mut Arena<'a>) -> Result<Value<'a>> {
    let start = cursor.clone();
    let members = arena.members.len();
    let mut value = Value {
        text: "",
        base: start.position(),
        points: None,
        unfinished: false,
        odd_closed: false,
        null_closed: false,
        odd_format: false,
        drawn: false,
        beside_points: false,
        page: None,
        odd_page: false,
        members: members..members,
        repeated: None,
    };
    let mut seen = 0_u32;
    cursor.members(|cursor, key| {
        let field = match &*key {
            "points" => {
                value.points = points(cursor, arena)?;
                0
            }
            "closed" => {
                let raw = cursor.raw()?;
                value.unfinished = raw == "false";
                value.null_closed = raw == "null";
                value.odd_closed = !matches!(raw, "true" | "false" | "null");
                12
            }
            "item_index" => {
                (value.page, value.odd_page) = page(&cursor.scalar()?);
                13
            }
            "format" => {
                let raw = cursor.raw()?;
                value.odd_format = raw != "\"rle\"" && raw != "null";
                return Ok(());
            }
            "rle" => large(cursor, arena, 0)?,
            "vertices" => large(cursor, arena, 1)?,
            "imageDataURL" => large(cursor, arena, 2)?,
            "maskDataURL" => large(cursor, arena, 3)?,
            "x" => skipped(cursor, 1)?,
            "y" => skipped(cursor, 2)?,
            "width" => skipped(cursor, 3)?,
            "height" => skipped(cursor, 4)?,
            "radiusX" => skipped(cursor, 5)?,
            "radiusY" => skipped(cursor, 6)?,
            "rotation" => skipped(cursor, 7)?,
            other if answers(other) => {
                cursor.kind()?;
                let base = cursor.position();
                let raw = cursor.raw()?;
                arena.members.push(Member { key, raw, base });
                return Ok(());
            }
            _ => return cursor.skip(),
        };
        if seen & (1 << field) != 0 {
            value.repeated = Some(BORDER[field]);
        }
        seen |= 1 << field;
        Ok(())
    })?;
    value.text = start.until(cursor);
    value.members.end = arena.members.len();
    // Points, width, radiusX, rle, vertices, masks.
    value.drawn = seen & 0b1111_0010_1001 != 0;
    value.beside_points = seen & 0b1111_1111_1110 != 0;
    Ok(value)
}

/// Whether a key may hold labels or an answer: labels stand under the type of the entry, most answers too.
fn answers(key: &str) -> bool {
    key.ends_with("labels")
        || matches!(
            key,
            "number" | "choices" | "text" | "rating" | "taxonomy" | "datetime" | "selected" | "ranker"
        )
}

/// A list of points; the same text as the last one means the same points.
fn points<'a>(cursor: &mut Cursor<'a>, arena: &mut Arena<'a>) -> Result<Option<PointList<'a>>> {
    if cursor.kind()? != Kind::Array {
        return cursor.skip().map(|()| None);
    }
    if let Some(last) = arena.last_points
        && cursor.repeated(last.text)
    {
        return Ok(Some(last));
    }
    let (start, first) = (cursor.clone(), arena.points.len());
    let sound = cursor.points(&mut arena.points)?;
    let list = PointList { text: start.until(cursor), range: (first, arena.points.len()), sound };
    arena.last_points = Some(list);
    Ok(Some(list))
}

/// A long member that is read later, if at all; the same text as the last time need not be checked again.
fn large<'a>(cursor: &mut Cursor<'a>, arena: &mut Arena<'a>, which: usize) -> Result<usize> {
    let last = &mut arena.last_large[which];
    if matches!(cursor.kind()?, Kind::Array | Kind::String) {
        if !cursor.repeated(last) {
            *last = cursor.raw()?;
        }
    } else {
        cursor.skip()?;
    }
    Ok(8 + which)
}

fn skipped(cursor: &mut Cursor, field: usize) -> Result<usize> {
    cursor.skip().map(|()| field)
}

/// Whether two values of one shape draw the same.
pub(super) fn same_border(first: &Value, second: &Value, arena: &Arena) -> Result<bool> {
    if let (Some(one), Some(other)) = (&first.points, &second.points)
        && !first.beside_points
        && !second.beside_points
    {
        let bits = |list| arena.points(list).iter().flatten().map(|number| number.to_bits());
        return Ok(one.text == other.text || (one.sound && other.sound && bits(one).eq(bits(other))));
    }
    // A path with vertices may be open; a polygon is closed either way.
    let same_end = first.unfinished == second.unfinished || first.points.is_some();
    Ok(same_end && border(first)? == border(second)?)
}

/// The fields that say where a border runs, by name.
fn border<'a>(value: &Value<'a>) -> Result<BTreeMap<&'static str, &'a str>> {
    let mut fields = BTreeMap::new();
    Cursor::new(value.text, value.base).object(|cursor, key| {
        let raw = cursor.raw()?;
        // Without `closed` and `item_index`.
        if let Some(name) = BORDER[..12].iter().find(|name| &name["value.".len()..] == key) {
            fields.insert(*name, raw);
        }
        Ok(())
    })?;
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::columns::{Place, Tables};
    use crate::read::results::Results;

    fn parse<'a>(text: &'a str, arena: &mut Arena<'a>) -> Value<'a> {
        let mut cursor = Cursor::new(text, 0);
        let read = value(&mut cursor, arena).unwrap();
        cursor.end().unwrap();
        read
    }

    #[test]
    fn repeats_and_what_only_looks_like_them() {
        let lists = [
            "[[1.5,2],[3,4]]",
            "[[1.5,2],[3,4]]",
            "[[1.5,2],[3,5]]",
            "[[1.5,2],[3,5],[6,7]]",
            "[[1.5,2],[3,5]]",
            "[[1.5,2],[3,50]]",
            "[[1.5,2],[3,5e0]]",
            "[ [1.5,2],[3,5e0]]",
            "[]",
            "[]",
            "[[1.4999999999999998,2]]",
            "[[1.4999999999999999,2]]",
            "[[1.5000000000000001,2]]",
        ];
        let texts: Vec<String> = lists.iter().map(|list| format!("{{\"points\":{list}}}")).collect();
        let mut arena = Arena::default();
        for (text, list) in texts.iter().zip(lists) {
            let found = parse(text, &mut arena).points.unwrap();
            let mut alone = Vec::new();
            assert!(Cursor::new(list, 0).points(&mut alone).unwrap());
            assert_eq!(arena.points(&found), alone, "{text}");
            assert_eq!((found.text, found.sound), (list, true));
        }
        // Of the first two and of the two empty lists one copy is enough.
        assert_eq!(arena.points.len(), 2 + 2 + 3 + 2 + 2 + 2 + 2 + 3);
    }

    #[test]
    fn a_repeat_must_be_whole() {
        let first = r#"{"points":[[1,2],[3,4]]}"#;
        for second in
            [r#"{"points":[[1,2],[3,4]"#, r#"{"points":[[1,2],[3,4]]"#, r#"{"points":[[1,2],[3,4]]]}"#]
        {
            let mut arena = Arena::default();
            parse(first, &mut arena);
            assert!(value(&mut Cursor::new(second, 0), &mut arena).is_err(), "{second}");
        }
    }

    #[test]
    fn long_members_may_change_their_kind() {
        let mut arena = Arena::default();
        for text in
            [r#"{"rle":[1,2,3]}"#, r#"{"rle":[1,2,3]}"#, r#"{"rle":null}"#, r#"{"rle":12}"#, r#"{"rle":"x"}"#]
        {
            let read = parse(text, &mut arena);
            assert_eq!(read.text, text);
            assert!(read.drawn);
        }
        assert!(value(&mut Cursor::new(r#"{"rle":[1,2,]}"#, 0), &mut arena).is_err());
    }

    #[test]
    fn values_are_the_same_by_what_they_draw() {
        for (one, other, same) in [
            (r#"{"points":[[1,2]]}"#, r#"{ "closed":true, "points": [[1.0,2e0]] }"#, true),
            (r#"{"points":[[1,2]]}"#, r#"{"points":[[1,-2]]}"#, false),
            (r#"{"points":[[0,2]]}"#, r#"{"points":[[-0,2]]}"#, false),
            (r#"{"points":[[1,2]]}"#, r#"{"points":[[1,2],"x"]}"#, false),
            (r#"{"points":[[1,2]]}"#, r#"{"points":null}"#, false),
            (r#"{"points":[[1,2]]}"#, r#"{"points":[[1,2]],"x":1}"#, false),
            (r#"{"x":1,"y":2}"#, r#"{"y":2,"x":1,"number":4}"#, true),
            (r#"{"rle":[1,2]}"#, r#"{"rle":[1,3]}"#, false),
            (r#"{"imageDataURL":"a"}"#, r#"{"imageDataURL":"b"}"#, false),
            ("{}", "{}", true),
        ] {
            let mut arena = Arena::default();
            let (first, second) = (parse(one, &mut arena), parse(other, &mut arena));
            assert_eq!(same_border(&first, &second, &arena), Ok(same), "{one} {other}");
        }
    }

    const RESULT: &str = r#"[{"original_width":200,"original_height":100,"value":{"points":[[10.25,10],[20,1e1],[-0.5,30.123456789012345]],"closed":true,"polygonlabels":["a, b","\u00e9\"]}"]},"id":"r","from_name":"lesion","type":"polygonlabels","item_index":1,"score":0.5,"meta":{"text":["n [1"]}},{"value":{"points":[[10.25,10],[20,1e1],[-0.5,30.123456789012345]],"closed":true,"choices":["x","y z"],"other":[{"a":[null,true]},-1.5e-3,"é"]},"id":"r","from_name":"status","type":"choices"},{"type":"relation","from_id":"r","to_id":"s","direction":"right","labels":["same"]}]"#;

    fn read(text: &str) -> Result<Tables> {
        let mut tables = Tables::default();
        let place = Place { task: 0, annotation: 0, page: -1, region: None };
        let mut cursor = Cursor::new(text, 0);
        Results::default().read(&mut cursor, place, &mut tables)?;
        cursor.end()?;
        Ok(tables)
    }

    fn shown(text: &str) -> String {
        let Tables { regions, controls, answers, relations, problems, uses, names, .. } = read(text).unwrap();
        let uses = (uses.name, uses.kind, uses.scope, uses.count);
        format!("{regions:?} {controls:?} {answers:?} {relations:?} {problems:?} {uses:?} {:?}", names.list)
    }

    #[test]
    fn space_between_tokens_changes_nothing() {
        let plain = shown(RESULT);
        assert!(plain.contains("[40.0, 10.0]"), "{plain}");
        for space in [" ", "\n", "\r\n\t", "           ", "\n                         "] {
            let (mut spaced, mut inside, mut escaped) = (String::new(), false, false);
            for character in RESULT.chars() {
                let structural = !inside && "[]{},:".contains(character);
                spaced.push_str(if structural { space } else { "" });
                spaced.push(character);
                spaced.push_str(if structural { space } else { "" });
                inside ^= character == '"' && !escaped;
                escaped = character == '\\' && !escaped;
            }
            assert_eq!(shown(&spaced), plain, "{space:?}");
        }
    }

    #[test]
    fn a_text_that_is_cut_anywhere_ends_there() {
        for end in (0..RESULT.len()).filter(|&end| RESULT.is_char_boundary(end)) {
            match read(&RESULT[..end]) {
                Err(crate::error::Error::Export { message, position }) => {
                    assert!(message.contains("cut off"), "{end}: {message}");
                    // A word that is cut off is named where it starts.
                    let word = &RESULT[position..end];
                    assert!(word.is_empty() || "true".starts_with(word) || "null".starts_with(word), "{end}");
                }
                other => panic!("{end}: {other:?}"),
            }
        }
    }

    #[test]
    fn every_wrong_byte_is_an_error_or_another_text() {
        // Never a panic, and never the end of the text without an error or a table.
        for at in (0..RESULT.len()).filter(|&at| RESULT.as_bytes()[at].is_ascii()) {
            for byte in "[]{},:\"\\0-.e \n\u{1}x".bytes() {
                let mut bytes = RESULT.as_bytes().to_vec();
                bytes[at] = byte;
                if let Ok(text) = std::str::from_utf8(&bytes) {
                    let _ = read(text);
                }
            }
        }
    }
}
