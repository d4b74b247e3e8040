//! One-to-one assignment of regions: the largest total IoU, in rounds.

use std::ops::Range;

use crate::assignment::{self, Assignment};
use crate::batch::{self, Batch};
use crate::error::Result;
use crate::pairs::{Group, Hit, Side, overlaps};

/// How a region fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Assigned within its label, IoU at least the gate.
    Matched = 0,
    /// Assigned across labels, IoU at least the conflict gate.
    LabelConflict = 1,
    /// Not assigned; the best use of what overlaps below the gates. Counts as two unmatched regions.
    NearMiss = 2,
    /// Nothing of the other side is left that overlaps.
    Missing = 3,
}

/// One row of the result: a pair of regions, or a region alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// Which comparison.
    pub group: u32,
    /// Row of A.
    pub a: Option<u32>,
    /// Row of B.
    pub b: Option<u32>,
    /// How they fared.
    pub kind: Kind,
    /// Intersection over union; NaN where a side is missing.
    pub iou: f64,
}

/// Smallest IoU of each round.
#[derive(Clone, Copy, Debug)]
pub struct Gates {
    /// Within a label.
    pub same_label: f64,
    /// Across labels.
    pub conflict: f64,
}

/// Match the two sides of each group one to one. `labels_a` and `labels_b` are codes per row of the outlines.
///
/// Three rounds, each for the largest total IoU: same label from `gates.same_label` up; then, among what is left, different
/// labels from `gates.conflict` up; then whatever else overlaps, as near misses. Also returns, per group,
/// the mean over all regions of both sides of the best IoU within the label (two-way greedy score).
pub fn match_groups(
    a: Side,
    b: Side,
    labels_a: &[i32],
    labels_b: &[i32],
    groups: &[Group],
    gates: Gates,
    batch: &Batch,
) -> Result<(Vec<Row>, Vec<f64>)> {
    let hits = overlaps(a, b, groups, 0.0, batch)?;
    let mut ranges: Vec<Range<usize>> = Vec::with_capacity(groups.len());
    let mut at = 0;
    for group in 0..groups.len() {
        let stop = at + hits[at..].partition_point(|hit| hit.group as usize <= group);
        ranges.push(at..stop);
        at = stop;
    }
    let parts: Vec<Range<usize>> =
        (0..groups.len()).step_by(256).map(|start| start..(start + 256).min(groups.len())).collect();
    let done = batch::run(batch, &parts, hits.len() * 16, Page::default, |page, part| {
        let (mut rows, mut scores) = (Vec::new(), Vec::new());
        for group in part.clone() {
            let Group { a: left, b: right } = &groups[group];
            let (left, right) = (&a.order[left.clone()], &b.order[right.clone()]);
            scores.push(page.load(&hits[ranges[group].clone()], left, right, labels_a, labels_b));
            page.rounds(group as u32, gates, &mut rows);
        }
        Ok((rows, scores))
    })?;
    let (rows, scores): (Vec<_>, Vec<_>) = done.into_iter().unzip();
    Ok((rows.concat(), scores.concat()))
}

/// Overlaps of one page in positions on the page; a scratch that is reused from page to page.
#[derive(Default)]
struct Page {
    edges: Vec<Overlap>,
    left: Vec<u32>,
    right: Vec<u32>,
    taken_left: Vec<bool>,
    taken_right: Vec<bool>,
    chosen: Vec<assignment::Edge>,
    assignment: Assignment,
}

#[derive(Clone, Copy)]
struct Overlap {
    left: u32,
    right: u32,
    iou: f64,
    same_label: bool,
}

impl Page {
    fn load(&mut self, hits: &[Hit], left: &[u32], right: &[u32], labels_a: &[i32], labels_b: &[i32]) -> f64 {
        self.left.clear();
        self.left.extend_from_slice(left);
        self.right.clear();
        self.right.extend_from_slice(right);
        // Rows are in ascending order within a group, so positions are found by bisection.
        let place = |rows: &[u32], row: u32| rows.partition_point(|&other| other < row) as u32;
        self.edges.clear();
        let (mut best_left, mut best_right) = (vec![0.0_f64; left.len()], vec![0.0_f64; right.len()]);
        for hit in hits {
            let same_label = labels_a[hit.a as usize] == labels_b[hit.b as usize];
            let (l, r) = (place(left, hit.a), place(right, hit.b));
            self.edges.push(Overlap { left: l, right: r, iou: hit.iou, same_label });
            if same_label {
                best_left[l as usize] = best_left[l as usize].max(hit.iou);
                best_right[r as usize] = best_right[r as usize].max(hit.iou);
            }
        }
        let count = left.len() + right.len();
        if count == 0 {
            return 1.0;
        }
        (best_left.iter().sum::<f64>() + best_right.iter().sum::<f64>()) / count as f64
    }

    fn rounds(&mut self, group: u32, gates: Gates, rows: &mut Vec<Row>) {
        self.taken_left.clear();
        self.taken_left.resize(self.left.len(), false);
        self.taken_right.clear();
        self.taken_right.resize(self.right.len(), false);
        for kind in [Kind::Matched, Kind::LabelConflict, Kind::NearMiss] {
            let admits = |edge: &Overlap| match kind {
                Kind::Matched => edge.same_label && edge.iou >= gates.same_label,
                Kind::LabelConflict => !edge.same_label && edge.iou >= gates.conflict,
                Kind::NearMiss | Kind::Missing => true,
            };
            self.chosen.clear();
            let free = |edge: &&Overlap| {
                !self.taken_left[edge.left as usize] && !self.taken_right[edge.right as usize] && admits(edge)
            };
            let worth =
                |edge: &Overlap| assignment::Edge { left: edge.left, right: edge.right, weight: edge.iou };
            self.chosen.extend(self.edges.iter().filter(free).map(worth));
            for (position, _) in self.assignment.solve(self.left.len(), self.right.len(), &self.chosen) {
                let assignment::Edge { left, right, weight: iou } = self.chosen[position];
                self.taken_left[left as usize] = true;
                self.taken_right[right as usize] = true;
                let (a, b) = (Some(self.left[left as usize]), Some(self.right[right as usize]));
                rows.push(Row { group, a, b, kind, iou });
            }
        }
        let alone = |a, b| Row { group, a, b, kind: Kind::Missing, iou: f64::NAN };
        let free = |rows: &[u32], taken: &[bool]| -> Vec<u32> {
            rows.iter().zip(taken).filter(|(_, taken)| !**taken).map(|(&row, _)| row).collect()
        };
        rows.extend(free(&self.left, &self.taken_left).into_iter().map(|row| alone(Some(row), None)));
        rows.extend(free(&self.right, &self.taken_right).into_iter().map(|row| alone(None, Some(row))));
    }
}
