//! The entries of one annotation's `result` are joined into regions, their controls, and answers to pages and tasks.
//!
//! Label Studio writes one entry per control: a polygon with a track id, a status and a note is four entries with one id, and
//! each repeats the points. The geometry is taken from the entry whose type is a shape; in the others the points
//! are skipped. Ids are unique within one annotation only.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::error::Result;
use crate::read::answers::{control, listed, repeated_key};
use crate::read::columns::{Answers, NO_ROW, Place, Scope, Tables};
use crate::read::entry::{Entry, NOT_A_PAGE, Role, entry, odd_names};
use crate::read::json::{Cursor, Kind};
use crate::read::names::Names;
use crate::read::privacy::unsigned;
use crate::read::relations::{missing_ends, relation};
use crate::read::remarks::{no_size, remark, sized, whole};
use crate::read::shapes::{Drawing, Remarks, Shape, Unreadable, no_polygon, outline, polygon_outline};
use crate::read::value::{Arena, Value, same_border};

/// Buffers that are reused from annotation to annotation.
#[derive(Default)]
pub struct Results<'a> {
    entries: Vec<Entry<'a>>,
    arena: Arena<'a>,
    /// First and last entry of each group of one id.
    groups: Vec<(usize, usize)>,
    by_id: HashMap<Cow<'a, str>, usize>,
    /// Whether each group became a row of regions.
    kept: Vec<bool>,
    drawing: Drawing,
    /// For each control, the last join that had an answer of it.
    answered: Vec<u64>,
    joins: u64,
}

/// Entries that belong together, in the order of the file.
#[derive(Clone, Copy)]
struct Group<'e, 'a> {
    entries: &'e [Entry<'a>],
    first: usize,
}

impl<'e, 'a> Group<'e, 'a> {
    fn iter(self) -> impl Iterator<Item = &'e Entry<'a>> {
        std::iter::successors(self.entries.get(self.first), move |entry| self.entries.get(entry.next))
    }
}

const NOT_AN_ENTRY: &str = "an entry of result is no object; it was not read";

impl<'a> Results<'a> {
    /// Read a `result` list into `tables`; returns the number of regions that became rows.
    pub fn read(&mut self, cursor: &mut Cursor<'a>, place: Place, tables: &mut Tables) -> Result<i32> {
        match cursor.kind()? {
            Kind::Array => {}
            Kind::Null => {
                cursor.skip()?;
                return Ok(0);
            }
            _ => {
                cursor.skip()?;
                tables.problems.report(
                    place,
                    "result",
                    "not_a_list",
                    "result is no list; nothing of this annotation was read",
                    true,
                );
                return Ok(0);
            }
        }
        let mut lists = Vec::new();
        let mut regions = self.list(cursor, place, tables, Some(&mut lists))?;
        for mut list in lists {
            regions += self.list(&mut list, place, tables, None)?;
        }
        Ok(regions)
    }

    /// Read a list of entries. Lists within it go to `lists`: files before Label Studio 1.0 have a list of entries for each
    /// annotation that was merged into one, and ids are unique within each of these.
    fn list(
        &mut self,
        cursor: &mut Cursor<'a>,
        place: Place,
        tables: &mut Tables,
        mut lists: Option<&mut Vec<Cursor<'a>>>,
    ) -> Result<i32> {
        self.entries.clear();
        self.arena.clear();
        let (entries, arena) = (&mut self.entries, &mut self.arena);
        let problems = &mut tables.problems;
        let mut related = false;
        cursor.array(|cursor| {
            let kind = cursor.kind()?;
            if kind == Kind::Object {
                let entry = entry(cursor, arena)?;
                related |= entry.role == Role::Relation;
                entries.push(entry);
                return Ok(());
            }
            if kind == Kind::Array
                && let Some(lists) = &mut lists
            {
                let list = cursor.clone();
                // An empty one may have been an entry.
                if !cursor.raw()?[1..].trim_ascii_start().starts_with(']') {
                    lists.push(list);
                    return Ok(());
                }
                problems.report(place, "result", "entry_not_object", NOT_AN_ENTRY, true);
                return Ok(());
            }
            problems.report(place, "result", "entry_not_object", NOT_AN_ENTRY, true);
            cursor.skip()
        })?;
        self.group();
        let mut regions = 0;
        self.kept.clear();
        for index in 0..self.groups.len() {
            let kept = self.join(self.groups[index].0, place, tables)?;
            self.kept.push(kept);
            regions += i32::from(kept);
        }
        if related {
            self.related(place, tables);
        }
        Ok(regions)
    }

    /// Report relations whose regions are not there, now that all regions are known.
    fn related(&self, place: Place, tables: &mut Tables) {
        let is_region = |id: &str| {
            self.by_id.get(id).is_some_and(|&group| self.kept.get(group).copied().unwrap_or(false))
        };
        for (&(first, _), &kept) in self.groups.iter().zip(&self.kept) {
            let entries = Group { entries: &self.entries, first };
            // Others are lost with their group.
            if kept || entries.iter().all(|entry| entry.role == Role::Relation) {
                for entry in entries.iter().filter(|entry| entry.role == Role::Relation) {
                    missing_ends(entry, is_region, place, tables);
                }
            }
        }
    }

    /// Entries of one id belong together, wherever they stand; entries without id stand alone.
    fn group(&mut self) {
        self.groups.clear();
        if self.by_id.capacity() > 4096 {
            // Emptying a map takes time for all the room it has.
            self.by_id = HashMap::new();
        }
        self.by_id.clear();
        for index in 0..self.entries.len() {
            let (before, rest) = self.entries.split_at_mut(index);
            // Mostly the entry before has the same id.
            let last = self.groups.last_mut();
            let group = match (&rest[0].id, last) {
                (None, _) => None,
                (Some(id), Some(last)) if before[last.1].id.as_ref() == Some(id) => Some(last),
                (Some(id), _) => {
                    let new = self.groups.len();
                    let known = *self.by_id.entry(id.clone()).or_insert(new);
                    self.groups.get_mut(known)
                }
            };
            match group {
                Some(group) => {
                    before[group.1].next = index;
                    group.1 = index;
                }
                None => self.groups.push((index, index)),
            }
        }
    }

    /// Turn one group into a region, an answer or a problem; whether a region became a row.
    fn join(&mut self, first: usize, place: Place, tables: &mut Tables) -> Result<bool> {
        let entries = Group { entries: &self.entries, first };
        let arena = &self.arena;
        let region = self.entries[first].id.as_deref().map(|id| unsigned(Cow::Borrowed(id)));
        let region = region.as_deref();
        let page = entries.iter().find_map(|entry| entry.page);
        let place = Place { region, page: page.unwrap_or(-1), ..place };
        let shaped = entries.iter().find_map(|entry| match entry.role {
            Role::Outline(shape) => Some((entry, shape)),
            _ => None,
        });
        // Without an index an entry with a shape belongs to the first page.
        let page = shaped.map_or(place.page, |(geometry, _)| geometry.page.unwrap_or(0));
        let place = Place { page, ..place };
        for field in entries.iter().filter_map(|entry| entry.repeated) {
            repeated_key(place, field, tables);
        }
        let odd = entries.iter().fold(0, |odd, entry| odd | entry.odd_fields());
        if odd != 0 {
            mistyped(odd, shaped.is_some_and(|(_, shape)| shape == Shape::Vector), place, tables);
        }
        let Some((geometry, shape)) = shaped else {
            return no_outline(entries, arena, place, tables).map(|()| false);
        };
        if entries.iter().any(|entry| entry.page.is_some_and(|page| page != place.page)) {
            tables.problems.report(
                place,
                "item_index",
                "page_differs",
                "entries of one region name different pages; the page of its shape was taken",
                false,
            );
        }
        for other in entries.iter().filter(|entry| !std::ptr::eq(*entry, geometry)) {
            if matches!(other.role, Role::Outline(_)) && !same_outline(geometry, other, arena)? {
                let message = "two different shapes share this region id; the first was taken";
                tables.problems.report(place, "value", "repeated_region", message, true);
            }
        }
        if entries.iter().any(|entry| entry.odd_page) {
            let place = Place { page: -1, ..place };
            tables.problems.report(place, "item_index", "not_a_page", NOT_A_PAGE, true);
            return Ok(false);
        }
        if entries.iter().any(|entry| entry.odd_note) {
            let message = "the note of a region (meta.text) is no text; it was left out";
            tables.problems.report(place, "meta.text", "note_not_read", message, false);
        }
        let size = geometry.size;
        if !sized(size) {
            no_size(size, place, tables);
            return Ok(false);
        }
        let Some(value) = &geometry.value else {
            tables.problems.report(
                place,
                "value",
                "no_value",
                "the region has no value; redraw or delete it",
                true,
            );
            return Ok(false);
        };
        let shape = match drawn(shape, value, arena, size, &mut self.drawing)? {
            Err(unreadable) => {
                tables.problems.report(place, unreadable.field, unreadable.code, &unreadable.message, true);
                return Ok(false);
            }
            Ok(remarks) => {
                remark(&remarks, place, tables);
                if value.odd_format && shape == Shape::Brush {
                    let message = "the painted mask says that it is of another format than rle; it was read as rle all the same";
                    tables.problems.report(place, "value.format", "mask_format", message, false);
                }
                remarks.became.unwrap_or(shape)
            }
        };
        let row = tables.regions.annotation.len() as u32;
        let from_name = used(geometry, Scope::Shape, tables);
        let [width, height] = whole(size, place, tables);
        let clean = |text| unsigned(Cow::Borrowed(text));
        let regions = &mut tables.regions;
        regions.annotation.push(place.annotation);
        regions.page.push(place.page);
        regions.width.push(width);
        regions.height.push(height);
        regions.region_id.push(region);
        regions.kind.push(shape as u8);
        regions.from_name.push(from_name);
        regions.origin.push(geometry.origin.as_deref().map(clean).as_deref());
        regions.score.push(geometry.score);
        // The editor copies what belongs to a region into each of its entries.
        regions.readonly.push(entries.iter().any(|entry| entry.readonly));
        let parent = entries.iter().find_map(|entry| entry.parent.as_deref());
        regions.parent_id.push(parent.map(clean).as_deref());
        regions.meta_text.push(entries.iter().find_map(|entry| entry.note.as_deref()));
        for ring in self.drawing.rings() {
            regions.outlines.push_ring(ring.iter().copied())?;
        }
        regions.outlines.end_region()?;
        for entry in entries.iter().filter(|entry| entry.kind.ends_with("labels")) {
            if !std::ptr::eq(entry, geometry) {
                used(entry, Scope::Labels, tables);
            }
            labels(entry, arena, place, tables)?;
        }
        tables.regions.labels.end();
        self.joins += 1;
        for entry in entries.iter() {
            match entry.role {
                Role::Control => {
                    let Some((text, number)) = control(entry, arena, place, tables)? else { continue };
                    let (name, kind) = codes(entry, Scope::Region, tables);
                    if self.answered.len() <= name as usize {
                        self.answered.resize(name as usize + 1, 0);
                    }
                    if std::mem::replace(&mut self.answered[name as usize], self.joins) == self.joins {
                        tables.problems.report(
                            place,
                            "from_name",
                            "repeated_control",
                            "a control was answered twice for one region; the last answer was taken",
                            false,
                        );
                    }
                    let controls = &mut tables.controls;
                    push(controls, row, place.page, name, kind, text.as_deref(), number);
                }
                Role::Other => tables.problems.report(
                    place,
                    "type",
                    "kind_not_read",
                    &format!("an entry of {} was not read", named(&entry.kind)),
                    false,
                ),
                Role::Relation => relation(entry, place, tables)?,
                _ => {}
            }
        }
        Ok(true)
    }
}

/// Report fields of a wrong type, whichever entry of a region has them.
#[cold]
fn mistyped(odd: u32, path: bool, place: Place, tables: &mut Tables) {
    for (field, wanted) in odd_names(odd) {
        let taken = match (field, path) {
            ("value.closed", true) => "counts as open",
            ("value.closed", false) => "counts as closed",
            _ => "was left empty",
        };
        let message = format!("the field holds no {wanted}; it {taken}");
        tables.problems.report(place, field, "wrong_type", &message, false);
    }
}

/// A type, if it looks like one: any text can stand in its place.
fn named(kind: &str) -> String {
    let plain = (1..=32).contains(&kind.len()) && kind.bytes().all(|byte| byte.is_ascii_alphabetic());
    if plain { format!("type '{kind}'") } else { "an unknown type".to_owned() }
}

/// Count the use of an entry's control; the number of its name, or [`NO_ROW`] where the entry names none.
fn used(entry: &Entry, scope: Scope, tables: &mut Tables) -> u32 {
    if entry.from_name.is_some() { codes(entry, scope, tables).0 } else { NO_ROW }
}

/// The numbers of the name and the type of a control, which is called like its type where it has no name. Its use is
/// counted.
fn codes(entry: &Entry, scope: Scope, tables: &mut Tables) -> (u32, u32) {
    let name = named_code(entry.from_name.as_deref().unwrap_or(&entry.kind), &mut tables.names);
    let kind = tables.kinds.code(&entry.kind);
    if entry.from_name.is_some() {
        tables.uses.add(name, kind, scope as u8, 1);
    }
    (name, kind)
}

/// The number of a name without what signs an address in it. Only a name that is new is looked at: one that is signed
/// leaves an empty text in the list, so that it is known when it comes again.
fn named_code(name: &str, names: &mut Names) -> u32 {
    let known = names.list.len();
    let code = names.code(name);
    let Some(listed) = names.list.get_mut(code as usize) else { return code };
    if code as usize == known
        && let Cow::Owned(clean) = unsigned(Cow::Borrowed(name))
    {
        listed.clear();
        return names.code(&clean);
    }
    if listed.is_empty() { names.code(&unsigned(Cow::Borrowed(name))) } else { code }
}

/// The outline of a region, in pixels.
fn drawn(
    shape: Shape,
    value: &Value,
    arena: &Arena,
    size: [f64; 2],
    drawing: &mut Drawing,
) -> Result<std::result::Result<Remarks, Unreadable>> {
    if shape != Shape::Polygon {
        return outline(shape, &mut Cursor::new(value.text, value.base), size, drawing);
    }
    Ok(match &value.points {
        Some(list) if list.sound => polygon_outline(arena.points(list), value.unfinished, size, drawing),
        listed => Err(no_polygon(listed.is_some())),
    })
}

/// Whether two entries of one region draw the same: a region with two label controls has its outline twice.
fn same_outline(first: &Entry, second: &Entry, arena: &Arena) -> Result<bool> {
    let same_size = (0..2).all(|axis| first.size[axis].total_cmp(&second.size[axis]).is_eq());
    Ok(first.role == second.role
        && same_size
        && match (&first.value, &second.value) {
            (Some(first), Some(second)) => same_border(first, second, arena)?,
            (None, None) => true,
            _ => false,
        })
}

/// Entries without an outline: answers to a page or a task, relations, or regions of a kind that is not read.
fn no_outline(entries: Group, arena: &Arena, place: Place, tables: &mut Tables) -> Result<()> {
    if entries.iter().all(|entry| entry.role == Role::Relation) {
        return entries.iter().try_for_each(|entry| relation(entry, place, tables));
    }
    if let Some(entry) = entries.iter().find(|entry| entry.role != Role::Control) {
        let message =
            format!("a region of {} was not read; outlines, masks and key points are", named(&entry.kind));
        tables.problems.report(place, "type", "kind_not_read", &message, true);
        return Ok(());
    }
    if entries.iter().any(|entry| entry.odd_page) {
        tables.problems.report(place, "item_index", "not_a_page", NOT_A_PAGE, false);
    }
    for entry in entries.iter() {
        if entry.value.as_ref().is_some_and(|value| value.drawn) {
            tables.problems.report(
                place,
                "id",
                "control_without_region",
                "a per-region answer whose region is not in the annotation; it was kept as an answer",
                false,
            );
        }
        let Some((text, number)) = control(entry, arena, place, tables)? else { continue };
        let scope = if entry.page.is_some() { Scope::Page } else { Scope::Task };
        let (name, kind) = codes(entry, scope, tables);
        let (row, page) = (place.annotation, entry.page.unwrap_or(-1));
        push(&mut tables.answers, row, page, name, kind, text.as_deref(), number);
    }
    Ok(())
}

fn push(answers: &mut Answers, row: u32, page: i32, name: u32, kind: u32, text: Option<&str>, number: f64) {
    answers.row.push(row);
    answers.page.push(page);
    answers.name.push(name);
    answers.kind.push(kind);
    answers.text.push(text);
    answers.number.push(number);
}

/// Add the labels of an entry, found under its own type, to the list that is being built.
fn labels(entry: &Entry, arena: &Arena, place: Place, tables: &mut Tables) -> Result<()> {
    let found = entry.value.as_ref().and_then(|value| arena.member(value, &entry.kind));
    let Some((member, several)) = found else { return Ok(()) };
    if several {
        repeated_key(place, "value", tables);
    }
    let values = &mut tables.regions.labels.values;
    if listed(&mut Cursor::new(member.raw, member.base), |label| values.push(Some(label)))? {
        let message = "a label is no text; it was left out";
        tables.problems.report(place, "value", "label_not_read", message, false);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(result: &str) -> Tables {
        let mut tables = Tables::default();
        let place = Place { task: 0, annotation: 0, page: -1, region: None };
        Results::default().read(&mut Cursor::new(result, 0), place, &mut tables).unwrap();
        tables
    }

    const POINTS: &str = r#""points":[[10,10],[20,10],[15,20]],"closed":true"#;

    fn entry_of(kind: &str, rest: &str) -> String {
        format!(
            r#"{{"id":"a1","from_name":"{kind}_name","type":"{kind}","item_index":1,"original_width":100,"original_height":200,"value":{{{POINTS},{rest}}}}}"#
        )
    }

    #[test]
    fn controls_join_their_region_in_any_order() {
        let shape = entry_of("polygonlabels", r#""polygonlabels":["nevus"]"#);
        let number = entry_of("number", r#""number":2"#);
        let choices = entry_of("choices", r#""choices":["stable","new \"x\""]"#);
        let tables = read(&format!("[{number},{shape},{choices}]"));
        assert_eq!(tables.regions.outlines.xy, [[10.0, 20.0], [20.0, 20.0], [15.0, 40.0]]);
        assert_eq!(tables.regions.page, [1]);
        assert_eq!(tables.regions.labels.values.get(0), Some("nevus"));
        assert_eq!(tables.names.list, ["polygonlabels_name", "number_name", "choices_name"]);
        assert_eq!(tables.regions.from_name, [0]);
        assert_eq!((tables.uses.name, tables.uses.scope), (vec![0, 1, 2], vec![0, 2, 2]));
        assert_eq!(tables.controls.number[0], 2.0);
        assert_eq!(tables.controls.text.get(1), Some(r#"["stable","new \"x\""]"#));
        assert!(tables.problems.code.is_empty());
    }

    #[test]
    fn labels_and_bare_shape() {
        let shape = entry_of("polygon", r#""x":0"#);
        let labels = entry_of("labels", r#""labels":["a","b"]"#);
        let tables = read(&format!("[{shape},{labels}]"));
        assert_eq!(tables.regions.labels.offsets, [0, 2]);
        assert_eq!(tables.regions.annotation.len(), 1);
    }

    #[test]
    fn nothing_is_dropped_in_silence() {
        let keypoint = r#"{"id":"k","type":"keypointlabels","value":{"x":1,"y":2}}"#;
        let relation = r#"{"type":"relation","from_id":"a1","to_id":"b"}"#;
        let unsized_shape = r#"{"id":"u","type":"polygon","value":{"points":[[1,2],[3,4],[5,6]]}}"#;
        let answer =
            r#"{"id":"q","from_name":"visit","type":"choices","item_index":2,"value":{"choices":["worse"]}}"#;
        let tables = read(&format!("[{keypoint},{relation},{unsized_shape},{answer},7]"));
        let codes: Vec<_> = (0..5).map(|row| tables.problems.code.get(row).unwrap()).collect();
        let away = "relation_without_region";
        assert_eq!(codes, ["entry_not_object", "no_image_size", "no_image_size", away, away]);
        assert_eq!(tables.problems.dropped, [true, true, true, false, false]);
        assert_eq!(tables.relations.from_id.get(0), Some("a1"));
        assert_eq!((tables.answers.page[0], tables.answers.text.get(0)), (2, Some("worse")));
        assert!(read("null").problems.code.is_empty());
        assert_eq!(read("{}").problems.code.get(0), Some("not_a_list"));
    }
}
