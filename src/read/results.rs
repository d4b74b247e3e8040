//! The entries of one annotation's `result` are joined into regions, their controls, and answers to pages and tasks.
//!
//! Label Studio writes one entry per control: a polygon with a track id, a status and a note is four entries with one id, and
//! each repeats the points. The geometry is taken from the entry whose type is a shape; in the others the points
//! are skipped. Ids are unique within one annotation only.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use crate::error::Result;
use crate::read::answers::control;
use crate::read::columns::{Answers, NO_ROW, Place, Scope, Tables};
use crate::read::entry::{Entry, NOT_A_PAGE, Role, entry, role, text};
use crate::read::json::{Cursor, Kind, Scalar};
use crate::read::shapes::{Drawing, Shape, outline};

/// Buffers that are reused from annotation to annotation.
#[derive(Default)]
pub struct Results<'a> {
    entries: Vec<Entry<'a>>,
    groups: Vec<Vec<usize>>,
    by_id: HashMap<Cow<'a, str>, usize>,
    drawing: Drawing,
}

impl<'a> Results<'a> {
    /// Read a `result` list into `tables`; returns the number of regions that became rows.
    pub fn read(&mut self, cursor: &mut Cursor<'a>, place: Place, tables: &mut Tables) -> Result<i32> {
        self.entries.clear();
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
        let entries = &mut self.entries;
        let problems = &mut tables.problems;
        cursor.array(|cursor| {
            if cursor.kind()? == Kind::Object {
                entries.push(entry(cursor)?);
                return Ok(());
            }
            problems.report(
                place,
                "result",
                "entry_not_object",
                "an entry of result is no object; it was not read",
                true,
            );
            cursor.skip()
        })?;
        self.group();
        let mut regions = 0;
        for group in std::mem::take(&mut self.groups) {
            regions += i32::from(self.join(&group, place, tables)?);
        }
        Ok(regions)
    }

    /// Entries of one id belong together, wherever they stand; entries without id stand alone.
    fn group(&mut self) {
        self.groups.clear();
        self.by_id.clear();
        for (index, entry) in self.entries.iter().enumerate() {
            let Some(id) = &entry.id else {
                self.groups.push(vec![index]);
                continue;
            };
            // Mostly the entry before has the same id.
            if let Some(last) = self.groups.last_mut()
                && self.entries[last[0]].id.as_ref() == Some(id)
            {
                last.push(index);
                continue;
            }
            match self.by_id.get(id) {
                Some(&group) => self.groups[group].push(index),
                None => {
                    self.by_id.insert(id.clone(), self.groups.len());
                    self.groups.push(vec![index]);
                }
            }
        }
    }

    /// Turn one group into a region, an answer or a problem; whether a region became a row.
    fn join(&mut self, group: &[usize], place: Place, tables: &mut Tables) -> Result<bool> {
        let entries: Vec<&Entry> = group.iter().map(|&index| &self.entries[index]).collect();
        let region = entries[0].id.as_deref();
        let page = entries.iter().find_map(|entry| entry.page);
        let place = Place { region, page: page.unwrap_or(-1), ..place };
        let shaped = entries.iter().find_map(|entry| match role(&entry.kind) {
            Role::Outline(shape) => Some((*entry, shape)),
            _ => None,
        });
        let Some((geometry, shape)) = shaped else {
            return no_outline(&entries, place, tables).map(|()| false);
        };
        // Without an index an entry belongs to the first page.
        let place = Place { page: geometry.page.unwrap_or(0), ..place };
        if entries.iter().any(|entry| entry.page.is_some_and(|page| page != place.page)) {
            tables.problems.report(
                place,
                "item_index",
                "page_differs",
                "entries of one region name different pages; the page of its shape was taken",
                false,
            );
        }
        for other in entries.iter().filter(|entry| !std::ptr::eq(**entry, geometry)) {
            if let Role::Outline(its_shape) = role(&other.kind)
                && !same_outline((geometry, shape), (other, its_shape))?
            {
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
        if !(size[0] > 0.0 && size[1] > 0.0 && size[0] < 1e9 && size[1] < 1e9) {
            tables.problems.report(place, "original_width", "no_image_size", "width or height of the image is missing, so percent cannot become pixels; import the task with original_width and original_height", true);
            return Ok(false);
        }
        let Some((text, base)) = geometry.value else {
            tables.problems.report(
                place,
                "value",
                "no_value",
                "the region has no value; redraw or delete it",
                true,
            );
            return Ok(false);
        };
        let shape = match outline(shape, &mut Cursor::new(text, base), size, &mut self.drawing)? {
            Err(unreadable) => {
                tables.problems.report(place, unreadable.field, unreadable.code, &unreadable.message, true);
                return Ok(false);
            }
            Ok(remarks) => {
                if remarks.unfinished {
                    tables.problems.report(
                        place,
                        "value.closed",
                        "unfinished",
                        "the outline was never closed in the editor; it is measured as if it were",
                        false,
                    );
                }
                if remarks.outside {
                    tables.problems.report(
                        place,
                        "value",
                        "outside_image",
                        "the outline leaves the image; redraw it or check the image size",
                        false,
                    );
                }
                remarks.became.unwrap_or(shape)
            }
        };
        let row = tables.regions.annotation.len() as u32;
        let from_name = used(geometry, Scope::Shape, tables);
        let regions = &mut tables.regions;
        regions.annotation.push(place.annotation);
        regions.page.push(place.page);
        regions.width.push(size[0].round() as i32);
        regions.height.push(size[1].round() as i32);
        regions.region_id.push(region);
        regions.kind.push(shape as u8);
        regions.from_name.push(from_name);
        regions.origin.push(geometry.origin.as_deref());
        regions.score.push(geometry.score);
        // The editor copies what belongs to a region into each of its entries.
        regions.readonly.push(entries.iter().any(|entry| entry.readonly));
        regions.parent_id.push(entries.iter().find_map(|entry| entry.parent.as_deref()));
        regions.meta_text.push(entries.iter().find_map(|entry| entry.note.as_deref()));
        for ring in self.drawing.rings() {
            regions.outlines.push_ring(ring.iter().copied())?;
        }
        regions.outlines.end_region()?;
        for entry in &entries {
            if entry.kind.ends_with("labels") {
                if !std::ptr::eq(*entry, geometry) {
                    used(entry, Scope::Labels, tables);
                }
                labels(entry, place, tables)?;
            }
        }
        tables.regions.labels.end();
        let mut seen: Vec<u32> = Vec::new();
        for entry in entries.iter().filter(|entry| role(&entry.kind) == Role::Control) {
            let Some((name, kind, (text, number))) = control(entry, place, tables)? else { continue };
            if seen.contains(&name) {
                tables.problems.report(
                    place,
                    "from_name",
                    "repeated_control",
                    "a control was answered twice for one region; the last answer was taken",
                    false,
                );
            }
            seen.push(name);
            used(entry, Scope::Region, tables);
            push(&mut tables.controls, row, place.page, name, kind, text.as_deref(), number);
        }
        for entry in entries.iter().filter(|entry| role(&entry.kind) == Role::Other) {
            tables.problems.report(
                place,
                "type",
                "kind_not_read",
                &format!("an entry of type {} was not read", entry.kind),
                false,
            );
        }
        Ok(true)
    }
}

/// Count the use of an entry's control; the number of its name, or [`NO_ROW`] where the entry names none.
fn used(entry: &Entry, scope: Scope, tables: &mut Tables) -> u32 {
    let Some(name) = entry.from_name.as_deref() else { return NO_ROW };
    let (name, kind) = (tables.names.code(name), tables.kinds.code(&entry.kind));
    tables.uses.add(name, kind, scope as u8, 1);
    name
}

/// Whether two entries of one region draw the same: a region with two label controls has its outline twice.
fn same_outline(first: (&Entry, Shape), second: (&Entry, Shape)) -> Result<bool> {
    let same_size = (0..2).all(|axis| first.0.size[axis].total_cmp(&second.0.size[axis]).is_eq());
    Ok(first.1 == second.1 && same_size && drawing(first.0)? == drawing(second.0)?)
}

/// Fields of a value that say where its border runs. That a path is closed does so too, but a polygon is closed either way.
const GEOMETRY: [&str; 12] = [
    "points",
    "x",
    "y",
    "width",
    "height",
    "radiusX",
    "radiusY",
    "rotation",
    "rle",
    "maskDataURL",
    "imageDataURL",
    "vertices",
];

/// The fields of a value that say where its border runs, by name.
fn drawing<'a>(entry: &Entry<'a>) -> Result<Option<BTreeMap<String, &'a str>>> {
    let Some((value, base)) = entry.value else { return Ok(None) };
    let mut fields = BTreeMap::new();
    Cursor::new(value, base).object(|cursor, key| {
        let field = cursor.raw()?;
        let vector = key == "closed" && entry.kind.starts_with("vector");
        if vector || GEOMETRY.contains(&key) {
            fields.insert(key.to_owned(), field);
        }
        Ok(())
    })?;
    Ok(Some(fields))
}

/// Entries without an outline: answers to a page or a task, relations, or regions of a kind that is not read.
fn no_outline(entries: &[&Entry], place: Place, tables: &mut Tables) -> Result<()> {
    if entries.iter().all(|entry| role(&entry.kind) == Role::Relation) {
        return entries.iter().try_for_each(|entry| relation(entry, place, tables));
    }
    if !entries.iter().all(|entry| role(&entry.kind) == Role::Control) {
        let kind =
            entries.iter().find(|entry| role(&entry.kind) != Role::Control).map_or("", |entry| &entry.kind);
        let message = format!("a region of type '{kind}' was not read; outlines, masks and key points are");
        tables.problems.report(place, "type", "kind_not_read", &message, true);
        return Ok(());
    }
    if entries.iter().any(|entry| entry.odd_page) {
        tables.problems.report(place, "item_index", "not_a_page", NOT_A_PAGE, false);
    }
    for entry in entries {
        let geometry =
            ["\"points\"", "\"radiusX\"", "\"rle\"", "\"imageDataURL\"", "\"vertices\"", "\"width\""];
        if entry.value.is_some_and(|(text, _)| geometry.iter().any(|key| text.contains(key))) {
            tables.problems.report(
                place,
                "id",
                "control_without_region",
                "a per-region answer whose region is not in the annotation; it was kept as an answer",
                false,
            );
        }
        let Some((name, kind, (text, number))) = control(entry, place, tables)? else { continue };
        used(entry, if entry.page.is_some() { Scope::Page } else { Scope::Task }, tables);
        push(
            &mut tables.answers,
            place.annotation,
            entry.page.unwrap_or(-1),
            name,
            kind,
            text.as_deref(),
            number,
        );
    }
    Ok(())
}

/// Add a relation; one that does not name two regions is reported.
fn relation(entry: &Entry, place: Place, tables: &mut Tables) -> Result<()> {
    let (Some(from), Some(to)) = (&entry.relation.from, &entry.relation.to) else {
        let message = "a relation does not name two regions; it was left out";
        tables.problems.report(place, "from_id", "relation_not_read", message, false);
        return Ok(());
    };
    let relations = &mut tables.relations;
    relations.annotation.push(place.annotation);
    relations.from_id.push(Some(from));
    relations.to_id.push(Some(to));
    relations.direction.push(entry.relation.direction.as_deref());
    let mut odd = false;
    if let Some((labels, base)) = entry.relation.labels {
        odd = listed(&mut Cursor::new(labels, base), |label| relations.labels.values.push(Some(label)))?;
    }
    relations.labels.end();
    if odd {
        let message = "a label of a relation is no text; it was left out";
        tables.problems.report(place, "labels", "label_not_read", message, false);
    }
    Ok(())
}

/// Hand out the texts of a list, or of a value that should be one; returns whether something was no text.
fn listed(cursor: &mut Cursor, mut each: impl FnMut(&str)) -> Result<bool> {
    let mut odd = false;
    let mut add = |scalar: Scalar| match text(scalar) {
        Some(label) => each(&label),
        None => odd = true,
    };
    match cursor.kind()? {
        Kind::Array => cursor.array(|cursor| {
            add(cursor.scalar()?);
            Ok(())
        })?,
        // Nothing at all.
        Kind::Null => cursor.skip()?,
        _ => add(cursor.scalar()?),
    }
    Ok(odd)
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
fn labels(entry: &Entry, place: Place, tables: &mut Tables) -> Result<()> {
    let Some((value, base)) = entry.value else { return Ok(()) };
    let values = &mut tables.regions.labels.values;
    let mut odd = false;
    Cursor::new(value, base).object(|cursor, key| {
        if key != entry.kind {
            return cursor.skip();
        }
        odd |= listed(cursor, |label| values.push(Some(label)))?;
        Ok(())
    })?;
    if odd {
        tables.problems.report(
            place,
            "value",
            "label_not_read",
            "a label is no text; it was left out",
            false,
        );
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
        let codes: Vec<_> = (0..3).map(|row| tables.problems.code.get(row).unwrap()).collect();
        assert_eq!(codes, ["entry_not_object", "no_image_size", "no_image_size"]);
        assert_eq!(tables.problems.dropped, [true, true, true]);
        assert_eq!(tables.relations.from_id.get(0), Some("a1"));
        assert_eq!((tables.answers.page[0], tables.answers.text.get(0)), (2, Some("worse")));
        assert!(read("null").problems.code.is_empty());
        assert_eq!(read("{}").problems.code.get(0), Some("not_a_list"));
    }
}
