//! Two closed boundaries walked in lockstep: an upper bound of their Hausdorff distance from one measurement per vertex.
//!
//! At each moment the walk is on one segment of either boundary, and one of both steps over its next vertex, the one that
//! lies behind; that vertex is measured against the other's segment. If every step is within a distance, so is the
//! Hausdorff distance: a segment of A has met segments of B that follow each other, the first one near its start, the last
//! one near its end, and each vertex between two of them near the segment itself. So the segment of B that leads to such a
//! vertex covers the segment of A up to the foot of the vertex, and the one that leaves it covers the rest, because the
//! distance to one segment is convex along a segment. The same holds with A and B exchanged.

use std::hint::select_unpredictable;

use crate::geometry::boundary::{Boundary, Segment};

/// Where the walk was, and the squared distance of the vertex that it stepped over there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Step {
    /// Of a vertex of one boundary to a segment of the other.
    pub squared: f64,
    /// Segment of the first boundary; the vertex is its end if the next step is on another one.
    pub on_a: u32,
    /// Segment of the second boundary; the vertex is its end if the next step is on another one.
    pub on_b: u32,
}

/// Walk once around both boundaries, which have one ring each. The last step is followed by the first one.
///
/// Returns a step of each half that is farthest in it, or nearly. O(n + m).
pub fn lockstep(a: &Boundary, b: &Boundary, steps: &mut Vec<Step>) -> [usize; 2] {
    // Two halves from different places: a step waits for the one before it, so that two walks take hardly longer than one.
    let half = a.segments.len() / 2;
    let [from, to] = [0, half].map(|start| b.about(a.segments[start].start));
    let (a, b) = (&a.segments[..], &b.segments[..]);
    let gap = if to < from { to + b.len() - from } else { to - from };
    steps.resize(a.len() + b.len(), Step::default());
    let (early, late) = steps.split_at_mut(half + gap);
    let mut first = Arc::new(a, 0..half, b, from, gap, early);
    let mut second = Arc::new(a, half..a.len(), b, to, b.len() - gap, late);
    while first.is_free() && second.is_free() {
        while first.step() && second.step() {}
    }
    [first.finish(a, b, 0), second.finish(a, b, half + gap)]
}

/// A part of the walk.
struct Arc<'s, 'o> {
    /// What lies ahead.
    a: &'s [Segment],
    b: &'s [Segment],
    /// What lies ahead of B after its last segment, where it starts again.
    around: &'s [Segment],
    /// Numbers of the segments that follow `a` and `b`.
    a_end: usize,
    b_end: usize,
    out: std::slice::IterMut<'o, Step>,
    /// The largest squared distance, with the number of steps that were left then in its last bits.
    top: u64,
    count: usize,
}

/// Bits of a number of steps. What they take from a distance does not matter.
const COUNT: u64 = 0xff_ffff;

impl<'s, 'o> Arc<'s, 'o> {
    fn new(
        a: &'s [Segment],
        range: std::ops::Range<usize>,
        b: &'s [Segment],
        from: usize,
        count: usize,
        out: &'o mut [Step],
    ) -> Self {
        let b_end = b.len().min(from + count);
        let around = &b[..from + count - b_end];
        let count = out.len();
        Arc {
            a_end: range.end,
            a: &a[range],
            b: &b[from..b_end],
            around,
            b_end,
            out: out.iter_mut(),
            top: 0,
            count,
        }
    }

    /// Whether either boundary could be the next to step.
    fn is_free(&mut self) -> bool {
        if self.b.is_empty() && !self.around.is_empty() {
            self.b = std::mem::take(&mut self.around);
            self.b_end = self.b.len();
        }
        !self.a.is_empty() && !self.b.is_empty()
    }

    /// Step over the vertex that lies behind, if there is a choice; no branch depends on which it is.
    #[inline(always)]
    fn step(&mut self) -> bool {
        let (Some(on_a), Some(on_b)) = (self.a.first(), self.b.first()) else { return false };
        let Some(step) = self.out.next() else { return false };
        let ahead = (on_a.end[0] - on_b.end[0]) * (on_a.direction[0] + on_b.direction[0])
            + (on_a.end[1] - on_b.end[1]) * (on_a.direction[1] + on_b.direction[1]);
        let of_b = ahead > 0.0;
        let (segment, other) =
            (select_unpredictable(of_b, on_a, on_b), select_unpredictable(of_b, on_b, on_a));
        step.squared = segment.vertex_distance2(other.end);
        step.on_a = (self.a_end - self.a.len()) as u32;
        step.on_b = (self.b_end - self.b.len()) as u32;
        // The largest without a branch: the order of these bits is that of the distances.
        self.top = self.top.max((step.squared.to_bits() & !COUNT) | (self.out.len() as u64 & COUNT));
        self.a = &self.a[usize::from(!of_b)..];
        self.b = &self.b[usize::from(of_b)..];
        true
    }

    /// Go to the end, where only one boundary is left to step; the number of a step that is about the farthest one.
    fn finish(mut self, a: &[Segment], b: &[Segment], before: usize) -> usize {
        let count = self.count;
        while self.is_free() {
            while self.step() {}
        }
        let mut put = |on_a: usize, on_b: usize, squared: f64| {
            if let Some(step) = self.out.next() {
                *step = Step { squared, on_a: on_a as u32, on_b: on_b as u32 };
                self.top = self.top.max((squared.to_bits() & !COUNT) | (self.out.len() as u64 & COUNT));
            }
        };
        let last = if self.b_end == b.len() { 0 } else { self.b_end };
        let start = self.a_end - self.a.len();
        for (index, segment) in self.a.iter().enumerate() {
            put(start + index, last, b[last].vertex_distance2(segment.end));
        }
        let last = if self.a_end == a.len() { 0 } else { self.a_end };
        for (segments, end) in [(self.b, self.b_end), (self.around, self.around.len())] {
            for (index, segment) in segments.iter().enumerate() {
                put(last, end - segments.len() + index, a[last].vertex_distance2(segment.end));
            }
        }
        (before + count).saturating_sub(1 + (self.top & COUNT) as usize)
    }
}
