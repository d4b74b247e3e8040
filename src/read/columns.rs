//! Columns of what was read: filled by the readers, joined part by part, handed over as arrays.

use crate::error::{Error, Result};
use crate::polygons::PolygonsBuf;
pub use crate::read::names::{Names, Scope, Uses};

/// A column of texts, some of them null, in Arrow's layout.
#[derive(Clone, Debug, PartialEq)]
pub struct Strings {
    /// Where each text ends, after a leading 0.
    pub offsets: Vec<i32>,
    /// UTF-8.
    pub bytes: Vec<u8>,
    /// Whether each text is there.
    pub present: Vec<bool>,
}

impl Default for Strings {
    fn default() -> Self {
        Strings { offsets: vec![0], bytes: Vec::new(), present: Vec::new() }
    }
}

impl Strings {
    /// Add one.
    pub fn push(&mut self, text: Option<&str>) {
        self.bytes.extend_from_slice(text.unwrap_or_default().as_bytes());
        // A part of a file is a few megabytes; `append` refuses columns that grow beyond 32 bits.
        self.offsets.push(self.bytes.len() as i32);
        self.present.push(text.is_some());
    }

    /// Number of texts.
    pub fn len(&self) -> usize {
        self.present.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.present.is_empty()
    }

    /// One of them.
    pub fn get(&self, row: usize) -> Option<&str> {
        let inner = self.bytes.get(self.offsets[row] as usize..self.offsets[row + 1] as usize)?;
        if self.present[row] { std::str::from_utf8(inner).ok() } else { None }
    }

    fn clear(&mut self) {
        self.offsets.truncate(1);
        self.bytes.clear();
        self.present.clear();
    }

    fn append(&mut self, other: &Strings) -> Result<()> {
        let before = self.bytes.len();
        let total = before + other.bytes.len();
        if i32::try_from(total).is_err() {
            return Err(Error::Overflow { what: "bytes of text in one column", count: total });
        }
        self.bytes.extend_from_slice(&other.bytes);
        self.offsets.extend(other.offsets[1..].iter().map(|end| end + before as i32));
        self.present.extend_from_slice(&other.present);
        Ok(())
    }
}

/// A column of lists of texts.
#[derive(Clone, Debug, PartialEq)]
pub struct Lists {
    /// Where each list ends, after a leading 0.
    pub offsets: Vec<i32>,
    /// The texts, list after list.
    pub values: Strings,
}

impl Default for Lists {
    fn default() -> Self {
        Lists { offsets: vec![0], values: Strings::default() }
    }
}

impl Lists {
    /// Close the list whose texts have been pushed to `values`.
    pub fn end(&mut self) {
        self.offsets.push(self.values.len() as i32);
    }

    fn clear(&mut self) {
        self.offsets.truncate(1);
        self.values.clear();
    }

    fn append(&mut self, other: &Lists) -> Result<()> {
        let before = self.values.len() as i32;
        self.values.append(&other.values)?;
        self.offsets.extend(other.offsets[1..].iter().map(|end| end + before));
        Ok(())
    }
}

/// Stands for null in columns of whole numbers and times; no id is so small.
pub const NONE: i64 = i64::MIN;

macro_rules! table {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ident $(<$inner:ty>)?,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $name { $($(#[$field_doc])* pub $field: $kind $(<$inner>)?,)* }

        impl $name {
            /// Empty the columns, to fill them anew.
            fn clear(&mut self) { $(self.$field.clear();)* }
        }
    };
}

table! {
    /// One row per task.
    Tasks {
        /// Label Studio's id; where a task has none, minus its position among all tasks read, counted from 1.
        task_id: Vec<i64>,
        /// Number within the project, or [`NONE`].
        inner_id: Vec<i64>,
        /// Image addresses, without query strings.
        images: Lists,
        /// The task's data as JSON, without query strings.
        data: Strings,
        /// Entries of its list of annotations.
        n_annotations: Vec<i32>,
        /// Entries of its list of predictions, ids included.
        n_predictions: Vec<i32>,
        /// Entries of its list of drafts.
        n_drafts: Vec<i32>,
        /// The file it stands in, by its place among the files.
        file: Vec<u32>,
        /// Whether the row comes from a single annotation, so that others of the task may stand elsewhere.
        partial: Vec<bool>,
    }
}

table! {
    /// One row per annotation, prediction object or draft object.
    Annotations {
        /// Row of the task.
        task: Vec<u32>,
        /// Id, or [`NONE`].
        annotation_id: Vec<i64>,
        /// 0 annotation, 1 prediction, 2 draft.
        source: Vec<u8>,
        /// Who drew.
        annotator: Strings,
        /// Skipped.
        cancelled: Vec<bool>,
        /// Marked as ground truth.
        ground_truth: Vec<bool>,
        /// Microseconds since 1970, or [`i64::MIN`].
        created_at: Vec<i64>,
        /// Microseconds since 1970, or [`i64::MIN`].
        updated_at: Vec<i64>,
        /// Seconds, or NaN.
        lead_time_s: Vec<f64>,
        /// Of a prediction.
        model_version: Strings,
        /// Of a prediction, or NaN.
        score: Vec<f64>,
        /// Prediction it started from, or [`NONE`].
        parent_prediction: Vec<i64>,
        /// Annotation it was copied from, or [`NONE`].
        parent_annotation: Vec<i64>,
        /// Regions that became rows.
        n_regions: Vec<i32>,
    }
}

table! {
    /// One row per region.
    Regions {
        /// Row of the annotation.
        annotation: Vec<u32>,
        /// Page, from 0.
        page: Vec<i32>,
        /// Image width in pixels.
        width: Vec<i32>,
        /// Image height in pixels.
        height: Vec<i32>,
        /// Unique within its annotation.
        region_id: Strings,
        /// See [`super::shapes::Shape`].
        kind: Vec<u8>,
        /// Number of the name of the control that drew the shape, or [`NO_ROW`].
        from_name: Vec<u32>,
        /// In the order ticked.
        labels: Lists,
        /// Or NaN.
        score: Vec<f64>,
        /// Drawn by hand, from a prediction, ...
        origin: Strings,
        /// Locked in the editor.
        readonly: Vec<bool>,
        /// The region it hangs below in the editor's list.
        parent_id: Strings,
        /// The note of the region (`meta.text`): a text, or several as a JSON list.
        meta_text: Strings,
        /// Outlines in pixels.
        outlines: PolygonsBuf,
    }
}

table! {
    /// Answers that belong to a region (`row` is its row) or to a page or task (`row` is the annotation's).
    Answers {
        /// Row of the region or of the annotation.
        row: Vec<u32>,
        /// Page, or -1 where the answer is for the whole task. Unused for regions.
        page: Vec<i32>,
        /// Number of the control's name.
        name: Vec<u32>,
        /// Number of the control's type.
        kind: Vec<u32>,
        /// The value as text, where it is one.
        text: Strings,
        /// The value as number, or NaN.
        number: Vec<f64>,
    }
}

table! {
    /// Relations that annotators drew between two regions of one annotation.
    Relations {
        /// Row of the annotation.
        annotation: Vec<u32>,
        /// The region it starts from.
        from_id: Strings,
        /// The region it leads to.
        to_id: Strings,
        /// left, right or bi.
        direction: Strings,
        /// In the order ticked.
        labels: Lists,
    }
}

table! {
    /// Everything odd, with its place.
    Problems {
        /// Row of the task, or `u32::MAX` for the file.
        task: Vec<u32>,
        /// Page, or -1.
        page: Vec<i32>,
        /// Row of the annotation, or `u32::MAX`.
        annotation: Vec<u32>,
        /// Where one is to blame.
        region_id: Strings,
        /// The JSON field.
        field: Strings,
        /// A stable name of the kind of problem.
        code: Strings,
        /// What is wrong and what to do.
        message: Strings,
        /// Whether a region was lost to it.
        dropped: Vec<bool>,
    }
}

/// No row.
pub const NO_ROW: u32 = u32::MAX;

/// All that was read from one piece of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tables {
    /// Tasks.
    pub tasks: Tasks,
    /// Annotations, predictions, drafts.
    pub annotations: Annotations,
    /// Regions.
    pub regions: Regions,
    /// Per-region answers.
    pub controls: Answers,
    /// Per-page and per-task answers.
    pub answers: Answers,
    /// Relations between regions.
    pub relations: Relations,
    /// Oddities.
    pub problems: Problems,
    /// Names of controls.
    pub names: Names,
    /// Types of controls.
    pub kinds: Names,
    /// Which control was used how often for what.
    pub uses: Uses,
}

/// Add what a later part has read. Row numbers of the later part are shifted.
impl Tables {
    /// Empty all columns, to fill them anew.
    pub fn clear(&mut self) {
        let Tables {
            tasks,
            annotations,
            regions,
            controls,
            answers,
            relations,
            problems,
            names,
            kinds,
            uses,
        } = self;
        tasks.clear();
        annotations.clear();
        regions.clear();
        controls.clear();
        answers.clear();
        relations.clear();
        problems.clear();
        names.clear();
        kinds.clear();
        uses.clear();
    }

    /// Join two parts.
    pub fn append(&mut self, other: &Tables) -> Result<()> {
        let count =
            |rows: usize| u32::try_from(rows).map_err(|_| Error::Overflow { what: "rows", count: rows });
        let task = count(self.tasks.task_id.len())?;
        let annotation = count(self.annotations.task.len())?;
        let region = count(self.regions.annotation.len())?;
        let names: Vec<u32> = other.names.list.iter().map(|name| self.names.code(name)).collect();
        let kinds: Vec<u32> = other.kinds.list.iter().map(|kind| self.kinds.code(kind)).collect();

        let (mine, its) = (&mut self.tasks, &other.tasks);
        mine.task_id.extend_from_slice(&its.task_id);
        mine.inner_id.extend_from_slice(&its.inner_id);
        mine.images.append(&its.images)?;
        mine.data.append(&its.data)?;
        mine.n_annotations.extend_from_slice(&its.n_annotations);
        mine.n_predictions.extend_from_slice(&its.n_predictions);
        mine.n_drafts.extend_from_slice(&its.n_drafts);
        mine.file.extend_from_slice(&its.file);
        mine.partial.extend_from_slice(&its.partial);

        let (mine, its) = (&mut self.annotations, &other.annotations);
        shift(&mut mine.task, &its.task, task);
        mine.annotation_id.extend_from_slice(&its.annotation_id);
        mine.source.extend_from_slice(&its.source);
        mine.annotator.append(&its.annotator)?;
        mine.cancelled.extend_from_slice(&its.cancelled);
        mine.ground_truth.extend_from_slice(&its.ground_truth);
        mine.created_at.extend_from_slice(&its.created_at);
        mine.updated_at.extend_from_slice(&its.updated_at);
        mine.lead_time_s.extend_from_slice(&its.lead_time_s);
        mine.model_version.append(&its.model_version)?;
        mine.score.extend_from_slice(&its.score);
        mine.parent_prediction.extend_from_slice(&its.parent_prediction);
        mine.parent_annotation.extend_from_slice(&its.parent_annotation);
        mine.n_regions.extend_from_slice(&its.n_regions);

        let (mine, its) = (&mut self.regions, &other.regions);
        shift(&mut mine.annotation, &its.annotation, annotation);
        mine.page.extend_from_slice(&its.page);
        mine.width.extend_from_slice(&its.width);
        mine.height.extend_from_slice(&its.height);
        mine.region_id.append(&its.region_id)?;
        mine.kind.extend_from_slice(&its.kind);
        let drawn_by = |&code: &u32| names.get(code as usize).copied().unwrap_or(NO_ROW);
        mine.from_name.extend(its.from_name.iter().map(drawn_by));
        mine.labels.append(&its.labels)?;
        mine.score.extend_from_slice(&its.score);
        mine.origin.append(&its.origin)?;
        mine.readonly.extend_from_slice(&its.readonly);
        mine.parent_id.append(&its.parent_id)?;
        mine.meta_text.append(&its.meta_text)?;
        mine.outlines.append(&its.outlines)?;

        let both =
            [(&mut self.controls, &other.controls, region), (&mut self.answers, &other.answers, annotation)];
        for (mine, its, by) in both {
            shift(&mut mine.row, &its.row, by);
            mine.page.extend_from_slice(&its.page);
            mine.name.extend(its.name.iter().map(|&code| names[code as usize]));
            mine.kind.extend(its.kind.iter().map(|&code| kinds[code as usize]));
            mine.text.append(&its.text)?;
            mine.number.extend_from_slice(&its.number);
        }

        let (mine, its) = (&mut self.relations, &other.relations);
        shift(&mut mine.annotation, &its.annotation, annotation);
        mine.from_id.append(&its.from_id)?;
        mine.to_id.append(&its.to_id)?;
        mine.direction.append(&its.direction)?;
        mine.labels.append(&its.labels)?;

        let (mine, its) = (&mut self.problems, &other.problems);
        shift(&mut mine.task, &its.task, task);
        mine.page.extend_from_slice(&its.page);
        shift(&mut mine.annotation, &its.annotation, annotation);
        mine.region_id.append(&its.region_id)?;
        mine.field.append(&its.field)?;
        mine.code.append(&its.code)?;
        mine.message.append(&its.message)?;
        mine.dropped.extend_from_slice(&its.dropped);

        self.uses.append(&other.uses, &names, &kinds);
        Ok(())
    }
}

/// Add row numbers of a later part.
fn shift(rows: &mut Vec<u32>, later: &[u32], by: u32) {
    rows.extend(later.iter().map(|&row| if row == NO_ROW { NO_ROW } else { row + by }));
}

/// Where a problem lies.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Row of the task.
    pub task: u32,
    /// Row of the annotation.
    pub annotation: u32,
    /// Page, or -1.
    pub page: i32,
    /// Region.
    pub region: Option<&'a str>,
}

impl Problems {
    /// Report one. `dropped` says that a region does not become a row because of it.
    pub fn report(&mut self, place: Place, field: &str, code: &str, message: &str, dropped: bool) {
        self.task.push(place.task);
        self.page.push(place.page);
        self.annotation.push(place.annotation);
        self.region_id.push(place.region);
        self.field.push(Some(field));
        self.code.push(Some(code));
        self.message.push(Some(message));
        self.dropped.push(dropped);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_join_with_their_rows_shifted() {
        let mut part = Tables::default();
        part.tasks.task_id.push(7);
        part.annotations.task.push(0);
        part.regions.annotation.push(0);
        part.regions.annotation.push(0);
        let (name, kind) = (part.names.code("track_id"), part.kinds.code("number"));
        part.controls.row.push(0);
        part.controls.name.push(name);
        part.controls.kind.push(kind);
        part.uses.add(name, kind, Scope::Region as u8, 2);
        part.regions.region_id.push(Some("é"));
        part.regions.from_name.extend([name, NO_ROW]);
        let mut all = Tables::default();
        assert_eq!(all.names.code("status"), 0);
        all.append(&part).unwrap();
        all.append(&part).unwrap();
        assert_eq!(all.annotations.task, [0, 1]);
        assert_eq!(all.controls.row, [0, 2]);
        assert_eq!(all.controls.name, [1, 1]);
        assert_eq!(all.regions.from_name, [1, NO_ROW, 1, NO_ROW]);
        assert_eq!((all.uses.name[0], all.uses.count[0]), (1, 4));
        assert_eq!(all.regions.region_id.get(1), Some("é"));
    }
}
