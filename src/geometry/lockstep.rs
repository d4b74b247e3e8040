//! Two closed boundaries walked in lockstep: an upper bound of their Hausdorff distance from one measurement per vertex.
//!
//! At each moment the walk is on one segment of either boundary, and one of both steps over its next vertex, the one that
//! lies behind; that vertex is measured against the other's segment. If every step is within a distance, so is the
//! Hausdorff distance: a segment of A has met segments of B that follow each other, the first one near its start, the last
//! one near its end, and each vertex between two of them near the segment itself. So the segment of B that leads to such a
//! vertex covers the segment of A up to the foot of the vertex, and the one that leaves it covers the rest, because the
//! distance to one segment is convex along a segment. The same holds with A and B exchanged.

use std::hint::select_unpredictable;
use std::ops::Range;

use crate::geometry::boundary::{Boundary, Segment};

/// Where the walk was on the first boundary, and the squared distance of the vertex that it stepped over there.
#[derive(Clone, Copy, Debug, Default)]
struct Step {
    squared: f64,
    /// Segment of the first boundary, counted on past the last one.
    on_a: u32,
}

/// A walk around two boundaries.
#[derive(Default)]
pub struct Walk {
    steps: Vec<Step>,
    /// Segments of the boundaries.
    counts: [usize; 2],
    /// Segment of the second boundary where it starts; it starts on the first segment of the first boundary.
    from: usize,
    spare: Vec<u32>,
}

impl Walk {
    /// Replace the content by the walk around two boundaries with one ring each; a step of either half that is farthest in
    /// it, or nearly. O(n + m).
    pub fn load(&mut self, a: &Boundary, b: &Boundary) -> [usize; 2] {
        // Two halves from different places: a step waits for the one before it, so that two walks take hardly longer than one.
        let half = a.segments.len() / 2;
        let [from, to] = [0, half].map(|start| b.about(a.segments[start].start));
        let (a, b) = (&a.segments[..], &b.segments[..]);
        let gap = if to < from { to + b.len() - from } else { to - from };
        self.from = from;
        self.counts = [a.len(), b.len()];
        self.steps.resize(a.len() + b.len(), Step::default());
        let (early, late) = self.steps.split_at_mut(half + gap);
        let (early_steps, late_steps) = (early.len(), late.len());
        let mut first = Arc::new(a, 0..half, b, from, early);
        let mut second = Arc::new(a, half..a.len(), b, to, late);
        while first.is_free() && second.is_free() {
            while first.step() && second.step() {}
        }
        [first.finish(early_steps), early_steps + second.finish(late_steps)]
    }

    /// Number of steps: one per vertex of both boundaries.
    pub fn count(&self) -> usize {
        self.steps.len()
    }

    /// Squared distance between the vertex of a step and the segment of the other boundary that the walk was on.
    pub fn squared(&self, step: usize) -> f64 {
        self.steps[step].squared
    }

    /// Segments of both boundaries that the walk was on before a step. The step was over the end of the one that it left.
    pub fn on(&self, step: usize) -> [usize; 2] {
        // Each step is along one of both.
        let on_a = self.steps[step].on_a as usize;
        [on_a % self.counts[0], (self.from + step - on_a) % self.counts[1]]
    }

    /// The next step.
    pub fn after(&self, step: usize) -> usize {
        if step + 1 == self.steps.len() { 0 } else { step + 1 }
    }

    /// The steps that are farther than a squared distance.
    pub fn farther(&mut self, squared: f64) -> Vec<u32> {
        let mut steps = std::mem::take(&mut self.spare);
        steps.clear();
        for (index, step) in self.steps.iter().enumerate() {
            if step.squared > squared {
                steps.push(index as u32);
            }
        }
        steps
    }

    /// Give back the buffer of [`Walk::farther`].
    pub fn recycle(&mut self, steps: Vec<u32>) {
        self.spare = steps;
    }
}

/// A part of the walk.
struct Arc<'s, 'o> {
    /// What lies ahead.
    a: &'s [Segment],
    b: &'s [Segment],
    /// What lies ahead of B after its last segment, where it starts again.
    around: &'s [Segment],
    /// The segments after all that, and the number of that of A.
    after: [&'s Segment; 2],
    a_end: usize,
    out: std::slice::IterMut<'o, Step>,
    /// The largest squared distance, with the number of steps that were left then in its last bits.
    top: u64,
}

/// Bits of a number of steps. What they take from a distance does not matter.
const COUNT: u64 = 0xff_ffff;

impl<'s, 'o> Arc<'s, 'o> {
    /// Along a range of A, and along B from a segment on for the other steps.
    fn new(
        a: &'s [Segment],
        range: Range<usize>,
        b: &'s [Segment],
        from: usize,
        out: &'o mut [Step],
    ) -> Self {
        let (a_end, to) = (range.end, from + out.len() - range.len());
        let b_end = to.min(b.len());
        let after = [&a[a_end % a.len()], &b[to % b.len()]];
        let (a, b, around) = (&a[range], &b[from..b_end], &b[..to - b_end]);
        Arc { a, b, around, after, a_end, out: out.iter_mut(), top: 0 }
    }

    /// Whether either boundary could be the next to step.
    fn is_free(&mut self) -> bool {
        if self.b.is_empty() {
            self.b = std::mem::take(&mut self.around);
        }
        !self.a.is_empty() && !self.b.is_empty()
    }

    /// Step over the vertex that lies behind, if there is a choice; no branch depends on which it is.
    #[inline(always)]
    fn step(&mut self) -> bool {
        let (Some(on_a), Some(on_b)) = (self.a.first(), self.b.first()) else { return false };
        let ahead = (on_a.end[0] - on_b.end[0]) * (on_a.direction[0] + on_b.direction[0])
            + (on_a.end[1] - on_b.end[1]) * (on_a.direction[1] + on_b.direction[1]);
        let of_b = ahead > 0.0;
        let segment = select_unpredictable(of_b, on_a, on_b);
        let other = select_unpredictable(of_b, on_b, on_a);
        self.put(self.a_end - self.a.len(), segment.vertex_distance2(other.end));
        self.a = &self.a[usize::from(!of_b)..];
        self.b = &self.b[usize::from(of_b)..];
        true
    }

    #[inline(always)]
    fn put(&mut self, on_a: usize, squared: f64) {
        if let Some(step) = self.out.next() {
            *step = Step { squared, on_a: on_a as u32 };
            // The largest without a branch: the order of these bits is that of the distances.
            self.top = self.top.max((squared.to_bits() & !COUNT) | (self.out.len() as u64 & COUNT));
        }
    }

    /// Go to the end, where only one boundary is left to step; the number of a step that is about the farthest one.
    fn finish(mut self, steps: usize) -> usize {
        while self.is_free() {
            while self.step() {}
        }
        let [on_a, on_b] = self.after;
        for (left, segment) in (1..=self.a.len()).rev().zip(self.a) {
            self.put(self.a_end - left, on_b.vertex_distance2(segment.end));
        }
        for segment in self.b.iter().chain(self.around) {
            self.put(self.a_end, on_a.vertex_distance2(segment.end));
        }
        steps.saturating_sub(1 + (self.top & COUNT) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::polygons::{Point, PolygonsBuf};

    fn boundary(ring: impl IntoIterator<Item = Point>) -> Boundary {
        let mut built = PolygonsBuf::default();
        built.push_ring(ring).unwrap();
        built.end_region().unwrap();
        let mut boundary = Boundary::default();
        boundary.load(built.view().row(0));
        boundary
    }

    fn circle(count: u32, radius: f64, turned: f64) -> Boundary {
        boundary((0..count).map(|k| {
            let (sin, cos) = ((f64::from(k) + turned) * std::f64::consts::TAU / f64::from(count)).sin_cos();
            [radius * cos, radius * sin]
        }))
    }

    #[test]
    fn every_vertex_is_stepped_over_once() {
        for (a, b) in [(3, 3), (3, 40), (40, 3), (24, 25), (7, 7)] {
            for turned in [0.0, 0.4, 2.7] {
                let (first, second) = (circle(a, 10.0, 0.0), circle(b, 11.0, turned));
                let mut walk = Walk::default();
                let tops = walk.load(&first, &second);
                assert_eq!(walk.count(), (a + b) as usize);
                let mut stepped = [vec![0; a as usize], vec![0; b as usize]];
                for step in 0..walk.count() {
                    let [on_a, on_b] = walk.on(step);
                    let [next_a, next_b] = walk.on(walk.after(step));
                    let vertex = if next_a == on_a {
                        assert_eq!(next_b, (on_b + 1) % b as usize);
                        stepped[1][on_b] += 1;
                        first.segments[on_a].distance2(second.segments[on_b].end.into())
                    } else {
                        assert_eq!((next_a, next_b), ((on_a + 1) % a as usize, on_b));
                        stepped[0][on_a] += 1;
                        second.segments[on_b].distance2(first.segments[on_a].end.into())
                    };
                    assert!((walk.squared(step) - vertex).abs() < 1e-12);
                }
                assert!(stepped.iter().flatten().all(|&times| times == 1));
                let most = (0..walk.count()).map(|step| walk.squared(step)).fold(0.0, f64::max);
                assert!(tops.iter().any(|&top| walk.squared(top) >= most * (1.0 - 1e-6)));
            }
        }
    }

    #[test]
    fn neighbouring_boundaries_are_walked_side_by_side() {
        let mut walk = Walk::default();
        walk.load(&circle(200, 100.0, 0.0), &circle(190, 101.0, 77.7));
        assert!((0..walk.count()).all(|step| walk.squared(step) < 1.1));
        assert!(walk.farther(1.1).is_empty());
        assert_eq!(walk.farther(0.0).len(), 390);
    }
}
