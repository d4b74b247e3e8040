//! Which feature of a boundary (an edge, or a vertex) is nearest, along an edge of another boundary.
//!
//! With s the way along the edge, the squared distance to a feature less s² is concave: a straight line for a vertex, a
//! parabola for an edge. So is the smallest of them. Hence a vertex that is nearest at both ends of an interval is so
//! throughout, and an edge can only lose inside to a feature whose chord comes close enough; this is then looked at in closed
//! form. Intervals whose ends have different nearest features are cut where these tie. A cut at a wrong place near a tie costs
//! rounding only: each piece is checked for what is nearest at its ends and in between.

use crate::geometry::area::{greater, lesser};
use crate::geometry::search::{Mark, Search};
use crate::geometry::strips::{Border, Edge, LANES, Stretch, not_negative};

/// Rounding of a distance, as a share of the lengths that it is made from.
const ROUNDING: f64 = 2e-15;
/// More candidates than this, and the stretch is halved.
const FEW: usize = LANES;
/// Halving ends here: what is left is a hundred millionth of the edge.
const DEEPEST: u32 = 26;

/// A piece of an edge on which one feature is nearest.
#[derive(Clone, Copy, Debug)]
pub struct Piece {
    /// Where on the edge it starts and ends, in pixels from the start of the edge.
    pub span: [f64; 2],
    /// Nearest to an edge: distances at the two ends, above 0 outside, linear in between. To a vertex: position relative to its foot.
    pub at: [f64; 2],
    /// Nearest to a vertex: squared distance at its foot. Negative for an edge.
    pub height2: f64,
    /// 1 where the signs of `at` hold or a vertex is seen from outside, -1 for a vertex seen from inside, 0 where this cannot be
    /// told from the feature.
    pub side: f64,
}

/// Eight edges of the other boundary in the frame of the edge: s along it, h to its left.
#[derive(Clone, Copy)]
pub(super) struct Near {
    pub(super) s: [f64; LANES],
    pub(super) h: [f64; LANES],
    pub(super) ds: [f64; LANES],
    pub(super) dh: [f64; LANES],
    pub(super) inverse: [f64; LANES],
    pub(super) number: [u32; LANES],
}

impl Near {
    /// Lanes infinitely far away.
    const NONE: Near = Near {
        s: [f64::INFINITY; LANES],
        h: [0.0; LANES],
        ds: [0.0; LANES],
        dh: [0.0; LANES],
        inverse: [0.0; LANES],
        number: [0; LANES],
    };

    /// Squared distances at `s`.
    #[allow(clippy::needless_range_loop, reason = "the shape that becomes vector instructions")]
    #[inline(never)] // Inlined, the loop is no longer turned into vector instructions.
    pub(super) fn distances(&self, s: f64, squared: &mut [f64; LANES]) {
        for k in 0..LANES {
            let (x, y) = (s - self.s[k], -self.h[k]);
            let t = lesser(greater((x * self.ds[k] + y * self.dh[k]) * self.inverse[k], 0.0), 1.0);
            let (x, y) = (x - t * self.ds[k], y - t * self.dh[k]);
            squared[k] = x * x + y * y;
        }
    }

    /// Bits of the lanes that can be nearer than a bound somewhere between two places, see [`Border::within`].
    fn within(&self, middle: f64, half: f64, bound: [f64; 2]) -> u32 {
        let mut slack = [0.0; LANES];
        self.slack(middle, half, bound, &mut slack);
        not_negative(&slack)
    }

    #[allow(clippy::needless_range_loop, reason = "the shape that becomes vector instructions")]
    #[inline(never)]
    fn slack(&self, middle: f64, half: f64, bound: [f64; 2], slack: &mut [f64; LANES]) {
        for k in 0..LANES {
            let (x, y) = (middle - self.s[k], -self.h[k]);
            let t = lesser(greater((x * self.ds[k] + y * self.dh[k]) * self.inverse[k], 0.0), 1.0);
            let (x, y) = (x - t * self.ds[k], y - t * self.dh[k]);
            let (squared, change) = (x * x + y * y, x * half);
            let distance = squared.sqrt();
            slack[k] =
                greater(bound[0] * distance - (squared - change), bound[1] * distance - (squared + change));
        }
    }
}

/// Scratch of the search, reused from edge to edge.
#[derive(Default)]
pub struct Envelope {
    near: Vec<Near>,
    /// Squared distances of all candidates at the current place, then at each mark.
    squared: Vec<[f64; LANES]>,
    marks: Vec<Mark>,
    nodes: Vec<(u32, u32)>,
}

impl Envelope {
    /// Hand the pieces of an edge between two places to `emit`, in order. `hint` is an edge of `border` that is likely near the start; the
    /// answer is one that is nearest at the end. With `sides` features that tie all along are noticed. The edge has a length.
    #[inline]
    pub fn walk(
        &mut self,
        edge: &Edge,
        [from, to]: [f64; 2],
        border: &Border,
        hint: usize,
        sides: bool,
        emit: &mut impl FnMut(&Piece),
    ) -> usize {
        let scale = 1.0 / edge.length;
        let stretch = Stretch::of(edge, from * scale, to * scale);
        let witness = descend(border, &stretch, hint);
        let nearby = &border.edges[witness];
        let [at_start, at_end] = [-1.0, 1.0].map(|sign: f64| {
            let step = [0, 1].map(|axis| stretch.middle[axis] + sign * stretch.half[axis]);
            nearby.distance2(edge.start, step).sqrt()
        });
        // Room for rounding, so that the witness itself is always found.
        let room = ROUNDING * (edge.length + nearby.length + at_start);
        let bound = [at_start, at_end].map(|distance| distance * (1.0 + 1e-12) + room);

        let Envelope { near, nodes, .. } = self;
        near.clear();
        let mut count = 0;
        let mut extent = 0.0;
        let [ex, ey] = edge.along;
        border.within(&stretch, bound, nodes, |number| {
            let other = &border.edges[number];
            let [x, y] = [other.start[0] - edge.start[0], other.start[1] - edge.start[1]];
            let [ax, ay] = other.along;
            let lane = count % LANES;
            if lane == 0 {
                near.push(Near::NONE);
            }
            if let Some(block) = near.last_mut() {
                block.s[lane] = (x * ex + y * ey) * scale;
                block.h[lane] = (ex * y - ey * x) * scale;
                block.ds[lane] = (ax * ex + ay * ey) * scale;
                block.dh[lane] = (ex * ay - ey * ax) * scale;
                block.inverse[lane] = other.inverse;
                block.number[lane] = number as u32;
                extent = greater(extent, other.length);
            }
            count += 1;
        });
        let slack = ROUNDING * (edge.length + at_start + at_end + extent);
        let whole = Span { from, to, depth: 0, stalled: 0 };
        let frame = Frame { border, slack, sides };
        self.stretch(&frame, 0, count, whole, emit)
    }

    /// Pieces between two places, given candidates from a block on; the answer is an edge nearest at the end.
    fn stretch(
        &mut self,
        frame: &Frame,
        first: usize,
        count: usize,
        span: Span,
        emit: &mut impl FnMut(&Piece),
    ) -> usize {
        if count <= FEW || span.depth >= DEEPEST || span.stalled >= 3 {
            let Envelope { near, squared, marks, .. } = self;
            return Search { near: &near[first..], squared, marks, frame, tied: false }.run(span, emit);
        }
        let middle = 0.5 * (span.from + span.to);
        let mut last = 0;
        for (from, to) in [(span.from, middle), (middle, span.to)] {
            let stop = self.near.len();
            let kept = self.sift(first, 0.5 * (from + to), 0.5 * (to - from), frame.slack);
            // Where little is gained, again and again, the candidates tie all along, and are taken as they are.
            let stalled = if 8 * kept > 7 * count { span.stalled + 1 } else { 0 };
            let half = Span { from, to, depth: span.depth + 1, stalled };
            last = self.stretch(frame, stop, kept, half, emit);
            self.near.truncate(stop);
        }
        last
    }

    /// Append the candidates (all from a block on) that can be nearest around a place; returns how many.
    fn sift(&mut self, first: usize, middle: f64, half: f64, slack: f64) -> usize {
        let stop = self.near.len();
        let mut best = (first, 0, f64::INFINITY);
        let mut squared = [0.0; LANES];
        for block in first..stop {
            self.near[block].distances(middle, &mut squared);
            for (lane, &squared) in squared.iter().enumerate() {
                if squared < best.2 {
                    best = (block, lane, squared);
                }
            }
        }
        let bound = [middle - half, middle + half].map(|s| {
            self.near[best.0].distances(s, &mut squared);
            squared[best.1].sqrt() * (1.0 + 1e-12) + slack
        });
        let mut kept = 0;
        for block in first..stop {
            let source = self.near[block];
            let mut mask = source.within(middle, half, bound);
            while mask != 0 {
                let from = mask.trailing_zeros() as usize;
                mask &= mask - 1;
                // Lanes without a candidate are infinitely far, with a slack that is no number or below 0.
                let lane = kept % LANES;
                if lane == 0 {
                    self.near.push(Near::NONE);
                }
                if let Some(to) = self.near.last_mut() {
                    to.s[lane] = source.s[from];
                    to.h[lane] = source.h[from];
                    to.ds[lane] = source.ds[from];
                    to.dh[lane] = source.dh[from];
                    to.inverse[lane] = source.inverse[from];
                    to.number[lane] = source.number[from];
                }
                kept += 1;
            }
        }
        kept
    }
}

/// What a search on an edge is about.
pub(super) struct Frame<'a> {
    pub(super) border: &'a Border,
    /// Rounding of distances.
    pub(super) slack: f64,
    /// Whether ties matter.
    pub(super) sides: bool,
}

/// A part of an edge, and how it came about.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) depth: u32,
    pub(super) stalled: u32,
}

/// Walk along the other boundary from `hint` to where the middle of the stretch is nearest, as long as it gets nearer.
pub fn descend(border: &Border, stretch: &Stretch, hint: usize) -> usize {
    let count = border.edges.len();
    let measure = |number: usize| border.edges[number].distance2(stretch.vertex, stretch.middle);
    let mut best = (hint, measure(hint));
    for by in [1, count - 1] {
        let mut moved = false;
        loop {
            let next = best.0 + by;
            let next = if next < count { next } else { next - count };
            let squared = measure(next);
            if squared >= best.1 {
                break;
            }
            best = (next, squared);
            moved = true;
        }
        if moved {
            break;
        }
    }
    best.0
}
