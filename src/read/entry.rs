//! One entry of a `result` list: its fields, and what its type makes of it.

use std::borrow::Cow;

use crate::error::Result;
use crate::read::answers::texts;
use crate::read::json::{Cursor, Kind, Scalar};
use crate::read::shapes::Shape;

/// One entry, with its value still as text.
pub(super) struct Entry<'a> {
    pub(super) id: Option<Cow<'a, str>>,
    pub(super) from_name: Option<Cow<'a, str>>,
    pub(super) kind: Cow<'a, str>,
    pub(super) page: Option<i32>,
    /// There is a page, but it is no whole number from 0 to [`MOST_PAGES`].
    pub(super) odd_page: bool,
    pub(super) size: [f64; 2],
    pub(super) origin: Option<Cow<'a, str>>,
    pub(super) score: f64,
    pub(super) readonly: bool,
    pub(super) parent: Option<Cow<'a, str>>,
    /// The note of the region, `meta.text`.
    pub(super) note: Option<String>,
    /// There is a note, but it is no text.
    pub(super) odd_note: bool,
    pub(super) relation: Relation<'a>,
    pub(super) value: Option<(&'a str, usize)>,
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

pub(super) fn role(kind: &str) -> Role {
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

/// Read one entry; its value is checked and kept as text.
pub(super) fn entry<'a>(cursor: &mut Cursor<'a>) -> Result<Entry<'a>> {
    let mut entry = Entry {
        id: None,
        from_name: None,
        kind: Cow::Borrowed(""),
        page: None,
        odd_page: false,
        size: [f64::NAN; 2],
        origin: None,
        score: f64::NAN,
        readonly: false,
        parent: None,
        note: None,
        odd_note: false,
        relation: Relation::default(),
        value: None,
    };
    cursor.object(|cursor, key| {
        match key {
            "id" => entry.id = text(cursor.scalar()?),
            "from_name" => entry.from_name = text(cursor.scalar()?),
            "type" => entry.kind = text(cursor.scalar()?).unwrap_or_default(),
            "origin" => entry.origin = text(cursor.scalar()?),
            "score" => entry.score = cursor.scalar()?.number().unwrap_or(f64::NAN),
            "item_index" => (entry.page, entry.odd_page) = page(&cursor.scalar()?),
            "original_width" => entry.size[0] = cursor.scalar()?.number().unwrap_or(f64::NAN),
            "original_height" => entry.size[1] = cursor.scalar()?.number().unwrap_or(f64::NAN),
            "readonly" => entry.readonly = cursor.scalar()? == Scalar::Bool(true),
            // Files of 2020 call it parent_id.
            "parentID" | "parent_id" => entry.parent = text(cursor.scalar()?).or(entry.parent.take()),
            "meta" if cursor.kind()? == Kind::Object => (entry.note, entry.odd_note) = note(cursor)?,
            "from_id" => entry.relation.from = text(cursor.scalar()?),
            "to_id" => entry.relation.to = text(cursor.scalar()?),
            "direction" => entry.relation.direction = text(cursor.scalar()?),
            "labels" => {
                let _ = cursor.kind()?;
                let base = cursor.position();
                entry.relation.labels = Some((cursor.raw()?, base));
            }
            "value" if cursor.kind()? == Kind::Object => {
                let base = cursor.position();
                entry.value = Some((cursor.raw()?, base));
            }
            _ => cursor.skip()?,
        }
        Ok(())
    })?;
    // Older builds wrote the page into the value.
    if entry.page.is_none()
        && !entry.odd_page
        && let Some((value, base)) = entry.value
        && value.contains("\"item_index\"")
    {
        Cursor::new(value, base).object(|cursor, key| {
            if key == "item_index" {
                (entry.page, entry.odd_page) = page(&cursor.scalar()?);
                return Ok(());
            }
            cursor.skip()
        })?;
    }
    Ok(entry)
}

/// The text of a region's `meta`, and whether there is something in its place that is none.
fn note(cursor: &mut Cursor) -> Result<(Option<String>, bool)> {
    let mut found = (None, false);
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
                let note = text(cursor.scalar()?).map(Cow::into_owned);
                let odd = note.is_none();
                (note, odd)
            }
        };
        Ok(())
    })?;
    Ok(found)
}

/// The page, and whether there is something in its place that is none.
fn page(scalar: &Scalar) -> (Option<i32>, bool) {
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
