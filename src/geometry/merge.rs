//! The positive part of the difference of two chains, integrated over the x-range that they share.

use crate::geometry::area::{greater, lesser};
use crate::geometry::chains::{Block, Chain, Chains};
use crate::polygons::Point;

/// Chains of two regions with up to this many knots together are merged without looking at blocks: borders of one lesion
/// are near each other for most of such a length. Measured: worth it for outlines of 50 vertices, equal for 200.
pub const MERGED_WHOLE: usize = 80;

/// The same for the chains of one region, which lie apart for most of their length.
pub const SELF_MERGED_WHOLE: usize = 12;

/// Merges under way at a time: each step of one waits for the step before, those of others do not.
const SIDE_BY_SIDE: usize = 2;

/// Sums `weight * ∫ max(0, g - f) dx` over pairs of chains.
pub struct PositiveParts<'a> {
    /// Pairs of chains with at most this many knots are merged without looking at blocks.
    merged_whole: usize,
    sum: f64,
    merges: [Merge<'a>; SIDE_BY_SIDE],
    waiting: usize,
}

impl<'a> PositiveParts<'a> {
    /// Nothing yet.
    pub fn new(merged_whole: usize) -> Self {
        PositiveParts { merged_whole, sum: 0.0, merges: [Merge::NONE; SIDE_BY_SIDE], waiting: 0 }
    }

    /// Add the part over the common x-range of two chains.
    #[inline(always)]
    pub fn add(&mut self, weight: f64, f: Span<'a>, g: Span<'a>) {
        if g.y_max <= f.y_min {
            return;
        }
        if g.y_min >= f.y_max {
            self.sum += weight * f.difference(&g);
        } else if f.knots.len() + g.knots.len() <= self.merged_whole {
            self.merge(Merge::new(weight, f.knots, g.knots));
        } else {
            each_run(&f, &g, |place, run| match place {
                Place::Above => self.sum += weight * run.difference(&f, &g),
                Place::Below => {}
                Place::Mixed => self.merge(Merge::new(weight, f.part(run.f), g.part(run.g))),
            });
        }
    }

    #[inline(always)]
    fn merge(&mut self, merge: Merge<'a>) {
        self.merges[self.waiting] = merge;
        self.waiting += 1;
        if self.waiting == SIDE_BY_SIDE {
            self.finish();
        }
    }

    #[inline(never)]
    fn finish(&mut self) {
        let [mut a, mut b] = std::mem::replace(&mut self.merges, [Merge::NONE; SIDE_BY_SIDE]);
        while a.step() & b.step() {}
        self.sum += a.finish();
        self.sum += b.finish();
        self.waiting = 0;
    }

    /// All of it.
    pub fn sum(mut self) -> f64 {
        if self.waiting > 0 {
            self.finish();
        }
        self.sum
    }
}

/// A chain and what belongs to it.
#[derive(Clone, Copy)]
pub struct Span<'a> {
    knots: &'a [Point],
    /// One more than there are.
    blocks: &'a [Block],
    /// Edges per block.
    block: usize,
    y_min: f64,
    y_max: f64,
}

impl<'a> Span<'a> {
    /// A chain of this region.
    #[inline(always)]
    pub fn of(region: &'a Chains, chain: &Chain) -> Self {
        Span {
            knots: region.knots(chain),
            blocks: region.blocks(chain),
            block: chain.block as usize,
            y_min: chain.y_min,
            y_max: chain.y_max,
        }
    }

    /// `∫ (g - self) dx` over the common x-range, from the blocks' integrals: a look-up at each end instead of a merge.
    pub fn difference(&self, g: &Span) -> f64 {
        let x = greater(self.knots[0][0], g.knots[0][0]);
        let x_end = lesser(self.knots[self.knots.len() - 1][0], g.knots[g.knots.len() - 1][0]);
        let blocks = |span: &Span| [span.block_at(x), span.block_at(x_end)];
        Run { x, x_end, f: blocks(self), g: blocks(g) }.difference(self, g)
    }

    /// The first block that ends at or beyond a position.
    fn block_at(&self, x: f64) -> usize {
        let count = self.blocks.len() - 1;
        if x <= self.knots[0][0] {
            0
        } else {
            self.blocks[..count].partition_point(|block| block.x_max < x).min(count - 1)
        }
    }

    /// The knots of the blocks from the first to the second of these.
    #[inline(always)]
    fn part(&self, [first, last]: [usize; 2]) -> &'a [Point] {
        &self.knots[first * self.block..self.knots.len().min((last + 1) * self.block + 1)]
    }

    /// Integral of the value less the first value, from the start to a position in this block.
    fn integral(&self, block: usize, x: f64) -> f64 {
        if x >= self.blocks[block].x_max {
            return self.blocks[block + 1].integral;
        }
        let (base, mut sum) = (self.knots[0][1], self.blocks[block].integral);
        for pair in self.knots[block * self.block..].windows(2) {
            let ([x0, y0], [x1, y1]) = (pair[0], pair[1]);
            if x1 > x {
                let share = greater((x - x0) / (x1 - x0), 0.0);
                return sum + greater(x - x0, 0.0) * ((y0 - base) + 0.5 * share * (y1 - y0));
            }
            sum += (x1 - x0) * ((y0 - base) + 0.5 * (y1 - y0));
        }
        sum
    }
}

/// Where g lies relative to f, as far as blocks tell.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Above,
    Below,
    Mixed,
}

/// Part of the common x-range of two chains f and g: from where to where, and in which first and last blocks of each.
#[derive(Clone, Copy)]
struct Run {
    x: f64,
    x_end: f64,
    f: [usize; 2],
    g: [usize; 2],
}

impl Run {
    /// `∫ (g - f) dx`.
    fn difference(&self, f: &Span, g: &Span) -> f64 {
        let inside = |span: &Span, [first, last]: [usize; 2]| {
            span.integral(last, self.x_end) - span.integral(first, self.x)
        };
        (self.x_end - self.x) * (g.knots[0][1] - f.knots[0][1]) + (inside(g, self.g) - inside(f, self.f))
    }
}

/// Cut the common x-range into runs of blocks of one place: only mixed ones have to be merged edge by edge.
///
/// This is a merge of the lines along which the blocks lie; the strips around them say how far to trust it.
#[inline(always)]
fn each_run(f: &Span, g: &Span, mut run: impl FnMut(Place, Run)) {
    let mut x = greater(f.knots[0][0], g.knots[0][0]);
    let begin = |span: &Span| {
        if span.knots[0][0] >= x {
            0
        } else {
            span.blocks[..span.blocks.len() - 1].partition_point(|block| block.x_max <= x)
        }
    };
    let (f_count, g_count) = (f.blocks.len() - 1, g.blocks.len() - 1);
    let (mut i, mut j) = (begin(f), begin(g));
    if i >= f_count || j >= g_count {
        return;
    }
    let (mut p0, mut q0) = (f.knots[i * f.block], g.knots[j * g.block]);
    let mut d = {
        let value = |from: Point, block: &Block| {
            let to = [block.x_max, block.y_end];
            if from[0] < x { (to[1], rise_to_end(from, to, x)) } else { (from[1], 0.0) }
        };
        let ((p, p_rise), (q, q_rise)) = (value(p0, &f.blocks[i]), value(q0, &g.blocks[j]));
        (q - p) + (p_rise - q_rise)
    };
    let mut open = Run { x, x_end: x, f: [i, i], g: [j, j] };
    let mut place = None;
    while i < f_count && j < g_count {
        let (p, q) = (&f.blocks[i], &g.blocks[j]);
        let (p1, q1) = ([p.x_max, p.y_end], [q.x_max, q.y_end]);
        let x_next = lesser(p.x_max, q.x_max);
        let d_next = (q.y_end - p.y_end) + (rise_to_end(p0, p1, x_next) - rise_to_end(q0, q1, x_next));
        let here = if lesser(d, d_next) + (q.low - p.high) >= 0.0 {
            Place::Above
        } else if greater(d, d_next) + (q.high - p.low) <= 0.0 {
            Place::Below
        } else {
            Place::Mixed
        };
        if place != Some(here) {
            if let Some(place) = place {
                run(place, open);
            }
            (open, place) = (Run { x, x_end: x, f: [i, i], g: [j, j] }, Some(here));
        }
        (open.x_end, open.f[1], open.g[1]) = (x_next, i, j);
        if p.x_max <= q.x_max {
            i += 1;
            p0 = p1;
        }
        if q.x_max <= p.x_max {
            j += 1;
            q0 = q1;
        }
        (x, d) = (x_next, d_next);
    }
    if let Some(place) = place {
        run(place, open);
    }
}

/// A sum of `weight * ∫ max(0, g - f) dx` over the cells between neighbouring knots of either chain, where d = g - f is
/// linear.
///
/// Values are differences of knots plus the rises along the two edges, so the sum does not depend on where the origin
/// lies, and an edge that both chains share has difference 0 to the bit. Edges are evaluated from their right ends: so a
/// vertical edge, whose cell has no width, carries its end on to the next cell, and no branch depends on the data.
#[derive(Clone, Copy)]
struct Merge<'a> {
    weight: f64,
    /// Knots from the left ends of the edges at `x` on.
    f: &'a [Point],
    g: &'a [Point],
    /// How far the sum goes.
    x: f64,
    /// Difference there.
    d: f64,
    /// Twice the integral so far.
    twice: f64,
}

impl<'a> Merge<'a> {
    const NONE: Merge<'static> = Merge { weight: 0.0, f: &[], g: &[], x: 0.0, d: 0.0, twice: 0.0 };

    #[inline(always)]
    fn new(weight: f64, f: &'a [Point], g: &'a [Point]) -> Self {
        let x = greater(f[0][0], g[0][0]);
        let from = |knots: &'a [Point]| {
            if knots[0][0] < x {
                &knots[knots.partition_point(|knot| knot[0] <= x).clamp(1, knots.len() - 1) - 1..]
            } else {
                knots
            }
        };
        let (f, g) = (from(f), from(g));
        // Where one chain starts here, its value is that of its knot; the other is evaluated as in the steps.
        let value = |knots: &[Point]| {
            if knots[0][0] < x {
                (knots[1][1], rise_to_end(knots[0], knots[1], x))
            } else {
                (knots[0][1], 0.0)
            }
        };
        let ((p, p_rise), (q, q_rise)) = (value(f), value(g));
        Merge { weight, f, g, x, d: (q - p) + (p_rise - q_rise), twice: 0.0 }
    }

    /// Add a cell; `false` at the end.
    #[inline(always)]
    fn step(&mut self) -> bool {
        let ([p0, p, ..], [q0, q, ..]) = (self.f, self.g) else { return false };
        let x = lesser(p[0], q[0]);
        let d = (q[1] - p[1]) + (rise_to_end(*p0, *p, x) - rise_to_end(*q0, *q, x));
        let positive = greater(self.d, 0.0) + greater(d, 0.0);
        // Only where the edges cross is the trapezoid cut to a triangle: rare, so the division stays out of the way.
        let share = if self.d * d < 0.0 { positive / (self.d.abs() + d.abs()) } else { 1.0 };
        self.twice += (x - self.x) * positive * share;
        (self.x, self.d) = (x, d);
        self.f = &self.f[usize::from(p[0] <= q[0])..];
        self.g = &self.g[usize::from(q[0] <= p[0])..];
        true
    }

    #[inline(always)]
    fn finish(&mut self) -> f64 {
        while self.step() {}
        0.5 * self.weight * self.twice
    }
}

/// `∫ max(0, g - f) dx` over the common x-range of two chains.
pub fn positive_part(f: &[Point], g: &[Point]) -> f64 {
    Merge::new(1.0, f, g).finish()
}

/// How much an edge rises from a position to its right end; 0 for a vertical edge.
#[inline(always)]
pub fn rise_to_end(from: Point, to: Point, x: f64) -> f64 {
    // 0 / 0 gives 0: the comparison with NaN fails.
    greater((to[0] - x) / (to[0] - from[0]), 0.0) * (to[1] - from[1])
}
