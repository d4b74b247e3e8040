//! One entry of a `result` list: its fields, and what its type makes of it.

use std::borrow::Cow;

use crate::error::Result;
use crate::read::answers::texts;
use crate::read::json::{Cursor, Kind, Scalar};
use crate::read::privacy::unsigned;
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
    /// Fields of a wrong type, a bit for each of [`FIELDS`].
    odd: u32,
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
const FIELDS: [&str; 17] = [
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
    "parentID",
    "value.closed",
];

/// Fields of a wrong type that are told here; what is wrong with a type, a page, a value, the ends and the labels of a
/// relation, and the size of an image, is told where they are used.
const TOLD: u32 = 1
    | 1 << 1
    | 1 << 3
    | 1 << 4
    | 1 << SIZE[0]
    | 1 << SIZE[1]
    | 1 << 8
    | 1 << META
    | 1 << 12
    | 1 << PARENT
    | 1 << CLOSED;
const SIZE: [usize; 2] = [6, 7];
const META: usize = 9;
const PARENT: usize = 15;
const CLOSED: usize = 16;

impl Entry<'_> {
    /// Fields of a wrong type, which were left empty, as bits.
    pub(super) fn odd_fields(&self) -> u32 {
        self.odd & TOLD
    }
}

/// The names of fields of a wrong type, and what should stand there.
pub(super) fn odd_names(odd: u32) -> impl Iterator<Item = (&'static str, &'static str)> {
    FIELDS.iter().enumerate().filter(move |(field, _)| odd & (1 << field) != 0).map(|(_, &name)| {
        let wanted = match name {
            "score" | "original_width" | "original_height" => "finite number",
            "readonly" | "value.closed" => "true or false",
            "meta" => "object",
            _ => "text",
        };
        (name, wanted)
    })
}

/// What stands before the value in the entries of one image: its size and the page, if nothing else. Up to there most
/// entries are the same text as the one before.
#[derive(Default)]
pub(super) struct Head<'a> {
    /// From the brace to the colon before the value.
    text: &'a str,
    size: [f64; 2],
    page: Option<i32>,
    odd_page: bool,
    seen: u32,
    odd: u32,
}

/// The fields of a [`Head`], a bit for each of [`FIELDS`]: `item_index` and the size.
const IN_HEAD: u32 = 1 << 5 | 1 << SIZE[0] | 1 << SIZE[1];

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
        odd: 0,
        next: usize::MAX,
    };
    let (mut seen, mut odd) = (0_u32, 0_u32);
    cursor.kind()?;
    let start = cursor.clone();
    let again = cursor.repeated(arena.head.text);
    if again {
        let head = &arena.head;
        (entry.size, entry.page, entry.odd_page) = (head.size, head.page, head.odd_page);
        (seen, odd) = (head.seen, head.odd);
    }
    let member = |cursor: &mut Cursor<'a>, key: Cow<'a, str>| {
        let field = match &*key {
            "id" => {
                entry.id = expected(cursor.scalar()?, 0, &mut odd);
                0
            }
            "from_name" => {
                entry.from_name = expected(cursor.scalar()?, 1, &mut odd);
                1
            }
            "type" => {
                entry.kind = text(cursor.scalar()?).unwrap_or_default();
                2
            }
            "origin" => {
                entry.origin = expected(cursor.scalar()?, 3, &mut odd);
                3
            }
            "score" => {
                entry.score = finite(cursor, 4, &mut odd)?;
                4
            }
            "item_index" => {
                (entry.page, entry.odd_page) = page(&cursor.scalar()?);
                5
            }
            "original_width" => {
                entry.size[0] = finite(cursor, SIZE[0], &mut odd)?;
                6
            }
            "original_height" => {
                entry.size[1] = finite(cursor, SIZE[1], &mut odd)?;
                7
            }
            "readonly" => {
                let flag = cursor.scalar()?;
                entry.readonly = flag == Scalar::Bool(true);
                note_odd(!matches!(flag, Scalar::Bool(_) | Scalar::Null), 8, &mut odd);
                8
            }
            "meta" => {
                note_odd(!matches!(cursor.kind()?, Kind::Object | Kind::Null), META, &mut odd);
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
                relation(&mut entry).direction = expected(cursor.scalar()?, 12, &mut odd);
                12
            }
            "labels" => {
                cursor.kind()?;
                let base = cursor.position();
                relation(&mut entry).labels = Some((cursor.raw()?, base));
                13
            }
            "value" => {
                if !again && seen & !IN_HEAD == 0 && entry.repeated.is_none() && entry.parent.is_none() {
                    let text = start.until(cursor);
                    let Entry { size, page, odd_page, .. } = entry;
                    arena.head = Head { text, size, page, odd_page, seen, odd };
                }
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
                entry.parent = expected(cursor.scalar()?, PARENT, &mut odd).or(entry.parent.take());
                return Ok(());
            }
            _ => return cursor.skip(),
        };
        if seen & (1 << field) != 0 {
            entry.repeated = Some(FIELDS[field]);
        }
        seen |= 1 << field;
        Ok(())
    };
    if again {
        cursor.members_from(Cow::Borrowed("value"), member)?
    } else {
        cursor.members(member)?
    }
    entry.role = role(&entry.kind);
    if entry.role == Role::Other {
        entry.kind = unsigned(std::mem::take(&mut entry.kind));
    }
    entry.odd = odd;
    if matches!(entry.role, Role::Outline(_)) {
        // Reported as an image without size.
        entry.odd &= !(1 << SIZE[0] | 1 << SIZE[1]);
    }
    if let Some(value) = &entry.value {
        let unsaid = value.null_closed && entry.role != Role::Outline(Shape::Vector);
        note_odd(value.odd_closed || unsaid, CLOSED, &mut entry.odd);
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
            Kind::Array => (texts(cursor.raw()?)?.map(unsigned), false),
            Kind::Null => {
                cursor.skip()?;
                (None, false)
            }
            _ => {
                let note = text(cursor.scalar()?).map(unsigned);
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

/// A text, or a number as its text; anything else but null is noted.
fn expected<'a>(scalar: Scalar<'a>, field: usize, odd: &mut u32) -> Option<Cow<'a, str>> {
    note_odd(matches!(scalar, Scalar::Bool(_) | Scalar::Container), field, odd);
    text(scalar)
}

/// A finite number; anything else but null is noted.
fn finite(cursor: &mut Cursor, field: usize, odd: &mut u32) -> Result<f64> {
    let kind = cursor.kind()?;
    let number = cursor.number_or_skip()?.unwrap_or(f64::NAN);
    note_odd(!number.is_finite() && kind != Kind::Null, field, odd);
    Ok(number)
}

fn note_odd(wrong: bool, field: usize, odd: &mut u32) {
    *odd |= u32::from(wrong) << field;
}

/// A text, or a number as its text.
pub(super) fn text<'a>(scalar: Scalar<'a>) -> Option<Cow<'a, str>> {
    match scalar {
        Scalar::Text(text) => Some(text),
        Scalar::Number(digits) => Some(Cow::Borrowed(digits)),
        _ => None,
    }
}
