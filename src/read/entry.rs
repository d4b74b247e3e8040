//! One entry of a `result` list: its fields, and what its type makes of it.

use std::borrow::Cow;

use crate::error::Result;
use crate::read::answers::texts;
use crate::read::json::{Cursor, Kind, Scalar};
use crate::read::shapes::Shape;
use crate::read::value::{Arena, Value, value};

/// One entry.
pub(super) struct Entry<'a> {
    pub(super) id: Option<Cow<'a, str>>,
    pub(super) from_name: Option<Cow<'a, str>>,
    pub(super) kind: Cow<'a, str>,
    /// What `kind` makes of it.
    pub(super) role: Role,
    pub(super) page: Option<i32>,
    /// There is a page, but it is no whole number from 0 to [`MOST_PAGES`].
    pub(super) odd_page: bool,
    pub(super) size: [f64; 2],
    pub(super) origin: Option<Cow<'a, str>>,
    pub(super) score: f64,
    pub(super) readonly: bool,
    pub(super) parent: Option<Cow<'a, str>>,
    /// The note of the region, `meta.text`.
    pub(super) note: Option<Cow<'a, str>>,
    /// There is a note, but it is no text.
    pub(super) odd_note: bool,
    pub(super) relation: Option<Box<Relation<'a>>>,
    pub(super) value: Option<Value<'a>>,
    /// A key that stands here twice, of which the last counts.
    pub(super) repeated: Option<&'static str>,
    /// The next entry of the same region, or the number of entries.
    pub(super) next: usize,
}

/// What a relation between two regions says.
#[derive(Default)]
pub(super) struct Relation<'a> {
    pub(super) from: Option<Cow<'a, str>>,
    pub(super) to: Option<Cow<'a, str>>,
    pub(super) direction: Option<Cow<'a, str>>,
    /// The list of labels, still as text.
    pub(super) labels: Option<(&'a str, usize)>,
}

/// No task has this many images; a larger index is damage, and every page up to it would have to be compared.
const MOST_PAGES: i32 = 100_000;

pub(super) const NOT_A_PAGE: &str =
    "the page is no whole number from 0 to 99999, so nobody can say which image is meant";

/// What an entry's type makes of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Outline(Shape),
    Labels,
    Control,
    Relation,
    Other,
}

fn role(kind: &str) -> Role {
    match kind {
        "polygon" | "polygonlabels" => Role::Outline(Shape::Polygon),
        "rectangle" | "rectanglelabels" => Role::Outline(Shape::Rectangle),
        "ellipse" | "ellipselabels" => Role::Outline(Shape::Ellipse),
        "brush" | "brushlabels" | "magicwand" => Role::Outline(Shape::Brush),
        "bitmask" | "bitmasklabels" => Role::Outline(Shape::Bitmask),
        "vector" | "vectorlabels" => Role::Outline(Shape::Vector),
        "keypoint" | "keypointlabels" => Role::Outline(Shape::Keypoint),
        "labels" => Role::Labels,
        "number" | "choices" | "textarea" | "rating" | "taxonomy" | "datetime" | "pairwise" | "ranker" => {
            Role::Control
        }
        "relation" => Role::Relation,
        _ => Role::Other,
    }
}

/// The fields that are read, by the names that problems give them.
const FIELDS: [&str; 15] = [
    "id",
    "from_name",
    "type",
    "origin",
    "score",
    "item_index",
    "original_width",
    "original_height",
    "readonly",
    "meta",
    "from_id",
    "to_id",
    "direction",
    "labels",
    "value",
];

/// Read one entry; what its value draws and answers is kept in the arena.
pub(super) fn entry<'a>(cursor: &mut Cursor<'a>, arena: &mut Arena<'a>) -> Result<Entry<'a>> {
    let mut entry = Entry {
        id: None,
        from_name: None,
        kind: Cow::Borrowed(""),
        role: Role::Other,
        page: None,
        odd_page: false,
        size: [f64::NAN; 2],
        origin: None,
        score: f64::NAN,
        readonly: false,
        parent: None,
        note: None,
        odd_note: false,
        relation: None,
        value: None,
        repeated: None,
        next: usize::MAX,
    };
    let mut seen = 0_u32;
    cursor.object(|cursor, key| {
        let field = match key {
            "id" => {
                entry.id = text(cursor.scalar()?);
                0
            }
            "from_name" => {
                entry.from_name = text(cursor.scalar()?);
                1
            }
            "type" => {
                entry.kind = text(cursor.scalar()?).unwrap_or_default();
                2
            }
            "origin" => {
                entry.origin = text(cursor.scalar()?);
                3
            }
            "score" => {
                entry.score = cursor.number_or_skip()?.unwrap_or(f64::NAN);
                4
            }
            "item_index" => {
                (entry.page, entry.odd_page) = page(&cursor.scalar()?);
                5
            }
            "original_width" => {
                entry.size[0] = cursor.number_or_skip()?.unwrap_or(f64::NAN);
                6
            }
            "original_height" => {
                entry.size[1] = cursor.number_or_skip()?.unwrap_or(f64::NAN);
                7
            }
            "readonly" => {
                entry.readonly = cursor.scalar()? == Scalar::Bool(true);
                8
            }
            "meta" => {
                (entry.note, entry.odd_note) = note(cursor)?;
                9
            }
            "from_id" => {
                relation(&mut entry).from = text(cursor.scalar()?);
                10
            }
            "to_id" => {
                relation(&mut entry).to = text(cursor.scalar()?);
                11
            }
            "direction" => {
                relation(&mut entry).direction = text(cursor.scalar()?);
                12
            }
            "labels" => {
                cursor.kind()?;
                let base = cursor.position();
                relation(&mut entry).labels = Some((cursor.raw()?, base));
                13
            }
            "value" => {
                entry.value = if cursor.kind()? == Kind::Object {
                    Some(value(cursor, arena)?)
                } else {
                    cursor.skip()?;
                    None
                };
                14
            }
            // Files of 2020 call it parent_id.
            "parentID" | "parent_id" => {
                entry.parent = text(cursor.scalar()?).or(entry.parent.take());
                return Ok(());
            }
            _ => return cursor.skip(),
        };
        if seen & (1 << field) != 0 {
            entry.repeated = Some(FIELDS[field]);
        }
        seen |= 1 << field;
        Ok(())
    })?;
    entry.role = role(&entry.kind);
    if let Some(value) = &entry.value {
        entry.repeated = entry.repeated.or(value.repeated);
        // Older builds wrote the page into the value.
        if entry.page.is_none() && !entry.odd_page {
            (entry.page, entry.odd_page) = (value.page, value.odd_page);
        }
    }
    Ok(entry)
}

fn relation<'e, 'a>(entry: &'e mut Entry<'a>) -> &'e mut Relation<'a> {
    entry.relation.get_or_insert_default()
}

/// The text of a region's `meta`, and whether there is something in its place that is none.
fn note<'a>(cursor: &mut Cursor<'a>) -> Result<(Option<Cow<'a, str>>, bool)> {
    let mut found = (None, false);
    if cursor.kind()? != Kind::Object {
        return cursor.skip().map(|()| found);
    }
    cursor.object(|cursor, key| {
        if key != "text" {
            return cursor.skip();
        }
        found = match cursor.kind()? {
            Kind::Array => (texts(cursor.raw()?)?, false),
            Kind::Null => {
                cursor.skip()?;
                (None, false)
            }
            _ => {
                let note = text(cursor.scalar()?);
                let odd = note.is_none();
                (note, odd)
            }
        };
        Ok(())
    })?;
    Ok(found)
}

/// The page, and whether there is something in its place that is none.
pub(super) fn page(scalar: &Scalar) -> (Option<i32>, bool) {
    let page = scalar
        .integer()
        .and_then(|page| i32::try_from(page).ok())
        .filter(|page| (0..MOST_PAGES).contains(page));
    (page, page.is_none() && *scalar != Scalar::Null)
}

/// A text, or a number as its text.
pub(super) fn text<'a>(scalar: Scalar<'a>) -> Option<Cow<'a, str>> {
    match scalar {
        Scalar::Text(text) => Some(text),
        Scalar::Number(digits) => Some(Cow::Borrowed(digits)),
        _ => None,
    }
}
