//! The `value` of an entry, read in one pass before its type is known: the type may follow, and the editor repeats the
//! outline of a region in each of its entries.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use crate::error::Result;
use crate::polygons::Point;
use crate::read::entry::page;
use crate::read::json::{Cursor, Kind};

/// What the values of one annotation hold.
#[derive(Default)]
pub(super) struct Arena<'a> {
    /// Points of all lists, in percent.
    points: Vec<Point>,
    /// Labels and answers of all values, not looked into yet.
    members: Vec<Member<'a>>,
    last_points: Option<PointList<'a>>,
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
                value.unfinished = cursor.raw()? == "false";
                12
            }
            "item_index" => {
                (value.page, value.odd_page) = page(&cursor.scalar()?);
                13
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
