//! Whether an outline means what it draws: the winding number is 0 or 1 almost everywhere.
//!
//! `∫∫ w² = ∫∫ w` holds exactly then, and only then, because w is a whole number almost everywhere and
//! w² > w for every other value. Spikes, repeated points and touching borders carry no area and are valid here.

use crate::geometry::area::Bounds;
use crate::geometry::chains::Chains;
use crate::geometry::overlap::squared_winding;
use crate::geometry::survey::Survey;
use crate::polygons::{Point, Rings};

/// Overlap of a region with itself, as a share of its box, above which it is invalid. Valid outlines of up to
/// 20,000 vertices deviate by less than 1e-13 through rounding; an overlap below this changes no area by more.
const TOLERANCE: f64 = 1e-12;

/// Verdict on one region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Validity {
    /// Winding number 0 or 1 almost everywhere, and some area.
    Valid = 0,
    /// No vertex at all.
    Empty = 1,
    /// Fewer than three distinct points.
    TooFewPoints = 2,
    /// Three or more distinct points that enclose nothing.
    ZeroArea = 3,
    /// Crosses itself, or covers some place more than once.
    SelfOverlap = 4,
}

/// In place of a verdict's number: not judged yet.
pub const UNKNOWN: u8 = 255;

/// The verdict on a region of which this is known; cuts it into chains only where that does not tell.
pub fn judge(rings: Rings, known: Survey, chains: &mut Chains) -> Validity {
    if rings.len() == 1 && known.is_valid() {
        return Validity::Valid;
    }
    // Rings can hide each other's faults: a place that one winds around twice and a hole once looks covered once.
    if rings.len() > 1
        && (0..rings.len()).any(|ring| overlaps_itself(rings.alone(ring), noise(known.bounds), chains))
    {
        return Validity::SelfOverlap;
    }
    chains.load_surveyed(rings, known);
    validity(rings, chains)
}

/// Whether a single ring winds around some place more than once, whichever way it runs.
fn overlaps_itself(ring: Rings, noise: f64, chains: &mut Chains) -> bool {
    let known = Survey::of(ring);
    if known.simple {
        return false;
    }
    chains.load_surveyed(ring, known);
    squared_winding(chains) - chains.area.abs() > noise
}

/// What rounding may leave of an overlap in a region with this box.
fn noise([x0, y0, x1, y1]: Bounds) -> f64 {
    if x0 <= x1 { TOLERANCE * (x1 - x0) * (y1 - y0) } else { 0.0 }
}

/// The verdict on a region whose chains are loaded.
pub fn validity(rings: Rings, chains: &Chains) -> Validity {
    match distinct_points(rings.vertices()) {
        0 => return Validity::Empty,
        1 | 2 => return Validity::TooFewPoints,
        _ => {}
    }
    let noise = noise(chains.bounds);
    let squared = squared_winding(chains);
    // The area of slivers is summed in twice the precision, so 0 means 0; a bow tie whose lobes cancel has w² > 0.
    if chains.area == 0.0 && squared <= noise {
        Validity::ZeroArea
    } else if squared - chains.area > noise {
        Validity::SelfOverlap
    } else {
        Validity::Valid
    }
}

/// 0, 1, 2 or 3, where 3 stands for three or more.
fn distinct_points(points: &[Point]) -> usize {
    let Some(first) = points.first() else { return 0 };
    let Some(second) = points.iter().find(|point| *point != first) else { return 1 };
    if points.iter().any(|point| point != first && point != second) { 3 } else { 2 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::polygons::PolygonsBuf;

    fn verdict(rings: &[&[Point]]) -> Validity {
        let mut built = PolygonsBuf::default();
        rings.iter().for_each(|ring| built.push_ring(ring.iter().copied()).unwrap());
        built.end_region().unwrap();
        let (row, mut chains) = (built.view().row(0), Chains::default());
        chains.load(row);
        let verdict = validity(row, &chains);
        assert_eq!(judge(row, Survey::of(row), &mut chains), verdict);
        verdict
    }

    const SQUARE: [Point; 4] = [[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 4.0]];

    #[test]
    fn degenerate_regions_are_named() {
        assert_eq!(verdict(&[]), Validity::Empty);
        assert_eq!(verdict(&[&[[1.0, 1.0]; 5]]), Validity::TooFewPoints);
        assert_eq!(verdict(&[&[[0.0, 0.0], [1.0, 1.0], [0.0, 0.0], [1.0, 1.0]]]), Validity::TooFewPoints);
        assert_eq!(verdict(&[&[[0.0, 0.0], [1.0, 1.0], [3.0, 3.0]]]), Validity::ZeroArea);
        assert_eq!(verdict(&[&[[5.0, 0.0], [5.0, 1.0], [5.0, 3.0]]]), Validity::ZeroArea);
    }

    #[test]
    fn overlaps_are_found() {
        assert_eq!(verdict(&[&[[0.0, 0.0], [2.0, 2.0], [2.0, 0.0], [0.0, 2.0]]]), Validity::SelfOverlap);
        assert_eq!(verdict(&[&[SQUARE, SQUARE].concat()]), Validity::SelfOverlap);
        let shifted = SQUARE.map(|[x, y]| [x + 3.0, y + 3.0]);
        assert_eq!(verdict(&[&SQUARE, &shifted]), Validity::SelfOverlap);
        // A hole that sticks out.
        let hole = [[3.0, 1.0], [3.0, 2.0], [5.0, 2.0], [5.0, 1.0]];
        assert_eq!(verdict(&[&SQUARE, &hole]), Validity::SelfOverlap);
    }

    #[test]
    fn a_hole_does_not_hide_what_its_outline_covers_twice() {
        // Around the square of 9, then once more around its corner of 3, which a hole takes away again.
        let outline =
            [[0.0, 0.0], [9.0, 0.0], [9.0, 9.0], [0.0, 9.0], [0.0, 0.0], [3.0, 0.0], [3.0, 3.0], [0.0, 3.0]];
        let hole = [[0.0, 0.0], [0.0, 3.0], [3.0, 3.0], [3.0, 0.0]];
        let judged = |outline: &[Point]| {
            let mut built = PolygonsBuf::default();
            [outline, &hole].iter().for_each(|ring| built.push_ring(ring.iter().copied()).unwrap());
            built.end_region().unwrap();
            let row = built.view().row(0);
            judge(row, Survey::of(row), &mut Chains::default())
        };
        assert_eq!(judged(&outline), Validity::SelfOverlap);
        assert_eq!(judged(&outline[..4]), Validity::Valid);
    }

    #[test]
    fn touching_and_spikes_are_fine() {
        assert_eq!(verdict(&[&SQUARE]), Validity::Valid);
        let touching = SQUARE.map(|[x, y]| [x + 4.0, y]);
        assert_eq!(verdict(&[&SQUARE, &touching]), Validity::Valid);
        assert_eq!(
            verdict(&[&[[0.0, 0.0], [4.0, 0.0], [9.0, 0.0], [4.0, 0.0], [4.0, 4.0]]]),
            Validity::Valid
        );
    }
}
