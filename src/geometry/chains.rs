//! A region cut into x-monotone chains: the form in which overlaps and validity are summed.
//!
//! Each chain is a piece of boundary along which x does not turn back, stored from left to right as a
//! piecewise linear function y(x). Its sign says which way the boundary runs: +1 against x (the interior of a
//! positive ring lies below in the sense of smaller y), -1 along x. The winding number of a point is the sum of
//! the signs of the chains that pass above it (at larger y).

use std::cmp::Ordering;

use crate::geometry::area::{Bounds, NO_BOUNDS, greater, lesser};
use crate::geometry::survey::Survey;
use crate::polygons::{Point, Rings};

/// Some neighbouring edges of a chain, as a strip along the line from their first to their last vertex: for telling what is
/// separated from another chain.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    /// Right end.
    pub x_max: f64,
    /// Value there.
    pub y_end: f64,
    /// How far the edges lie below the line (at most 0) and above it (at least 0).
    pub low: f64,
    /// See `low`.
    pub high: f64,
    /// Integral of y less the chain's first y, from the chain's start to the start of the block.
    pub integral: f64,
}

/// Edges of a block of a short chain: its cost is shared by few, and what it skips is little.
const FEW: usize = 4;
/// Edges from which on blocks are twice as long, and four times.
const SHORT: usize = 48;
const LONG: usize = 192;

/// Chains from which on the rings are kept as well.
const MANY: usize = 32;

/// One monotone piece of boundary.
#[derive(Clone, Copy, Debug)]
pub struct Chain {
    start: u32,
    stop: u32,
    first_block: u32,
    /// Edges per block.
    pub block: u32,
    /// +1 where the boundary runs against x, -1 along x.
    pub sign: f64,
    /// Left end.
    pub x_min: f64,
    /// Right end.
    pub x_max: f64,
    /// No value is smaller.
    pub y_min: f64,
    /// No value is larger.
    pub y_max: f64,
}

/// The chains of one region, sorted by their left ends; a scratch that is reused from row to row.
#[derive(Clone, Debug)]
pub struct Chains {
    knots: Vec<Point>,
    blocks: Vec<Block>,
    /// Sorted by `x_min`, then by a rule that does not depend on where rings start.
    pub chains: Vec<Chain>,
    /// Box around the chains.
    pub bounds: Bounds,
    /// Signed areas of the rings summed: the integral of the winding number.
    pub area: f64,
    /// The rings as they are and where they end, of regions of [`MANY`] chains.
    rings: Vec<Point>,
    ring_stops: Vec<usize>,
}

impl Default for Chains {
    fn default() -> Self {
        Chains {
            knots: Vec::new(),
            blocks: Vec::new(),
            chains: Vec::new(),
            bounds: NO_BOUNDS,
            area: 0.0,
            rings: Vec::new(),
            ring_stops: Vec::new(),
        }
    }
}

impl Chains {
    /// Replace the content by the chains of another region. O(n + k log k) for n vertices and k chains.
    pub fn load(&mut self, rings: Rings) {
        self.load_surveyed(rings, Survey::of(rings));
    }

    /// The same where the area and the box are known.
    pub fn load_surveyed(&mut self, rings: Rings, known: Survey) {
        self.load_rings(rings.iter());
        // Not from the chains' integrals: the same bits as the metric, and the digits of slivers.
        (self.bounds, self.area) = (known.bounds, known.area);
    }

    /// Only the chains, without area and box.
    pub(crate) fn load_rings<'a>(&mut self, rings: impl Iterator<Item = &'a [Point]> + Clone) {
        self.knots.clear();
        self.blocks.clear();
        self.chains.clear();
        self.rings.clear();
        self.ring_stops.clear();
        rings.clone().for_each(|ring| self.cut(ring));
        let Chains { knots, chains, .. } = self;
        if chains.len() > 1 {
            chains.sort_unstable_by(|a, b| order(a, b, knots));
        }
        if chains.len() >= MANY {
            rings.for_each(|ring| {
                self.rings.extend_from_slice(ring);
                self.ring_stops.push(self.rings.len());
            });
        }
    }

    /// The rings, where there are so many chains that they may be needed.
    pub(crate) fn rings(&self) -> impl Iterator<Item = &[Point]> {
        let starts = std::iter::once(0).chain(self.ring_stops.iter().copied());
        starts.zip(&self.ring_stops).map(|(start, &stop)| &self.rings[start..stop])
    }

    /// Whether [`Chains::rings`] gives them.
    pub(crate) fn has_rings(&self) -> bool {
        !self.ring_stops.is_empty()
    }

    /// Knots of all chains.
    pub fn n_knots(&self) -> usize {
        self.knots.len()
    }

    /// Blocks of all chains.
    pub fn n_blocks(&self) -> usize {
        self.blocks.len() - self.chains.len()
    }

    /// The knots of a chain, from left to right; at least two.
    pub fn knots(&self, chain: &Chain) -> &[Point] {
        &self.knots[chain.start as usize..chain.stop as usize]
    }

    /// The blocks of a chain, from left to right: block k holds the edges from knot `k * chain.block` on. One more than
    /// there are, for the integral of the whole.
    pub fn blocks(&self, chain: &Chain) -> &[Block] {
        let edges = (chain.stop - chain.start) - 1;
        &self.blocks[chain.first_block as usize..][..edges.div_ceil(chain.block) as usize + 1]
    }

    /// Cut one ring at the vertices where x turns.
    fn cut(&mut self, ring: &[Point]) {
        let Some(start) = first_turn(ring) else { return };
        // The ring from there, closed, in two pieces: position t is in `tail` from `head.len()` on.
        let (head, tail) = (&ring[start..], &ring[..=start]);
        let at = |t: usize| if t < head.len() { head[t] } else { tail[t - head.len()] };
        let last = ring.len();
        let mut begin = 0;
        while begin < last {
            // A vertical edge at the turn belongs to the chain before it, so the first edge here has a heading.
            let rising = at(begin + 1)[0] > at(begin)[0];
            let (mut end, mut upright) = (begin, false);
            // Runs are strict first, so that the common scan is one comparison per edge.
            while end < last {
                end += if rising {
                    strict_run(head, tail, end, |a, b| a[0] < b[0])
                } else {
                    strict_run(head, tail, end, |a, b| a[0] > b[0])
                };
                if end < last && at(end + 1)[0] == at(end)[0] {
                    upright = true;
                    end += 1;
                } else {
                    break;
                }
            }
            let knots = self.knots.len();
            let (ahead, behind) = if end < head.len() {
                (&head[begin..=end], &tail[..0])
            } else {
                (&head[begin.min(head.len())..], &tail[begin.saturating_sub(head.len())..=end - head.len()])
            };
            if rising {
                self.knots.extend_from_slice(ahead);
                self.knots.extend_from_slice(behind);
            } else {
                self.knots.extend(behind.iter().rev());
                self.knots.extend(ahead.iter().rev());
            }
            if upright {
                self.tidy(knots);
            }
            self.add(knots, rising);
            begin = end;
        }
    }

    /// Keep one of equal neighbours among the knots from `start` on, so that the same region has the same knots, and drop
    /// the vertical edges at either end, which carry no area.
    #[cold]
    fn tidy(&mut self, start: usize) {
        let (left, right) = (self.knots[start][0], self.knots[self.knots.len() - 1][0]);
        let knots = &self.knots[start..];
        let first = start + knots.iter().take_while(|knot| knot[0] == left).count() - 1;
        let stop = self.knots.len() + 1 - knots.iter().rev().take_while(|knot| knot[0] == right).count();
        let mut kept = start;
        for index in first..stop {
            let knot = self.knots[index];
            if index == first || knot != self.knots[kept - 1] {
                self.knots[kept] = knot;
                kept += 1;
            }
        }
        self.knots.truncate(kept);
    }

    /// Add the chain of the knots from `start` on.
    fn add(&mut self, start: usize, rising: bool) {
        let knots = &self.knots[start..];
        let (left, right) = (knots[0], knots[knots.len() - 1]);
        let edges = knots.len() - 1;
        let block = match edges {
            ..SHORT => FEW,
            SHORT..LONG => 2 * FEW,
            _ => 4 * FEW,
        };
        // From the vertices, not from the strips: sums with those would be rounded, and differently elsewhere in the plane.
        let (y_min, y_max) = heights(knots);
        let mut integral = 0.0;
        let first_block = self.blocks.len();
        let mut first = 0;
        while first < edges {
            let count = block.min(edges - first);
            let ([x, y], [x_max, y_end]) = (knots[first], knots[first + count]);
            let slope = (y_end - y) / (x_max - x);
            // A block without width spans no area: any strip will do.
            let line = Line { x, y, slope: if slope.abs() <= f64::MAX { slope } else { 0.0 } };
            let mut strip = Strip { low: 0.0, high: 0.0, twice: 0.0 };
            let (mut at, stop) = (first, first + count);
            while let Some(few) = knots[at..=stop].first_chunk::<{ FEW + 1 }>() {
                strip = strip.with(line.few(few));
                at += FEW;
            }
            for pair in knots[at..=stop].windows(2) {
                strip = strip.with(line.edge(pair[0], pair[1]));
            }
            self.blocks.push(Block { x_max, y_end, low: strip.low, high: strip.high, integral });
            let width = x_max - x;
            integral += width * ((y - left[1]) + 0.5 * width * line.slope) + 0.5 * strip.twice;
            first += count;
        }
        self.blocks.push(Block { x_max: f64::INFINITY, y_end: right[1], low: 0.0, high: 0.0, integral });
        self.chains.push(Chain {
            start: start as u32,
            stop: self.knots.len() as u32,
            first_block: first_block as u32,
            block: block as u32,
            sign: if rising { -1.0 } else { 1.0 },
            x_min: left[0],
            x_max: right[0],
            y_min,
            y_max,
        });
    }

    /// Which of two regions comes first, whatever order they are given in: makes metrics symmetric to the bit.
    /// Equal means the same chains, so the same region.
    pub fn canonical_order(&self, other: &Chains) -> Ordering {
        let boxes = self.bounds.iter().zip(&other.bounds).map(|(a, b)| compare(*a, *b));
        boxes
            .fold(Ordering::Equal, Ordering::then)
            .then(self.knots.len().cmp(&other.knots.len()))
            .then(self.chains.len().cmp(&other.chains.len()))
            .then_with(|| {
                let pairs = self.chains.iter().zip(&other.chains);
                pairs
                    .map(|(a, b)| {
                        let (a_knots, b_knots) = (self.knots(a), other.knots(b));
                        let lengths = a_knots.len().cmp(&b_knots.len()).then(compare(a.sign, b.sign));
                        lengths.then_with(|| knots_order(a_knots, b_knots))
                    })
                    .find(|&order| order != Ordering::Equal)
                    .unwrap_or(Ordering::Equal)
            })
    }
}

/// Smallest and largest y. Several at a time, so that one comparison need not wait for the one before.
fn heights(knots: &[Point]) -> (f64, f64) {
    const LANES: usize = 4;
    let (many, rest) = knots.as_chunks::<LANES>();
    let first = knots.first().map_or(f64::NAN, |knot| knot[1]);
    let (mut low, mut high) = ([first; LANES], [first; LANES]);
    for few in many {
        for lane in 0..LANES {
            low[lane] = lesser(few[lane][1], low[lane]);
            high[lane] = greater(few[lane][1], high[lane]);
        }
    }
    let all = |values: [f64; LANES], best: fn(f64, f64) -> f64| {
        let rest = rest.iter().map(|knot| knot[1]);
        rest.chain(values).fold(first, best)
    };
    (all(low, lesser), all(high, greater))
}

/// The line along which a block lies.
#[derive(Clone, Copy)]
struct Line {
    x: f64,
    y: f64,
    slope: f64,
}

/// Extent of some edges below and above their line, and twice the integral of how far they lie off it.
#[derive(Clone, Copy)]
struct Strip {
    low: f64,
    high: f64,
    twice: f64,
}

impl Strip {
    #[inline(always)]
    fn with(self, other: Strip) -> Strip {
        Strip {
            low: lesser(other.low, self.low),
            high: greater(other.high, self.high),
            twice: self.twice + other.twice,
        }
    }
}

impl Line {
    #[inline(always)]
    fn off(self, [x, y]: Point) -> f64 {
        (y - self.y) - (x - self.x) * self.slope
    }

    #[inline(always)]
    fn edge(self, from: Point, to: Point) -> Strip {
        let off = self.off(to);
        Strip { low: off, high: off, twice: (to[0] - from[0]) * (self.off(from) + off) }
    }

    #[inline(always)]
    fn few(self, &[a, b, c, d, e]: &[Point; FEW + 1]) -> Strip {
        let (first, last) = (self.edge(a, b).with(self.edge(b, c)), self.edge(c, d).with(self.edge(d, e)));
        first.with(last)
    }
}

/// How many edges from position `begin` on run strictly one way, in a closed ring of two pieces.
#[inline(always)]
fn strict_run(
    head: &[Point],
    tail: &[Point],
    begin: usize,
    strict: impl Fn(&Point, &Point) -> bool,
) -> usize {
    let within = |piece: &[Point]| {
        let edges = piece.len().saturating_sub(1);
        piece.windows(2).position(|pair| !strict(&pair[0], &pair[1])).unwrap_or(edges)
    };
    if begin >= head.len() {
        return within(&tail[begin - head.len()..]);
    }
    let run = within(&head[begin..]);
    if begin + run + 1 < head.len() || !strict(&head[head.len() - 1], &tail[0]) {
        return run;
    }
    run + 1 + within(tail)
}

/// Index of the first vertex where x turns back; `None` where all x are the same.
fn first_turn(ring: &[Point]) -> Option<usize> {
    let (first, last) = (ring.first()?, ring.last()?);
    let heading = ring.windows(2).position(|pair| pair[0][0] != pair[1][0])?;
    let turn = if ring[heading][0] < ring[heading + 1][0] {
        ring[heading..].windows(2).position(|pair| pair[0][0] > pair[1][0])
    } else {
        ring[heading..].windows(2).position(|pair| pair[0][0] < pair[1][0])
    };
    // Where it never turns before the end, the way back from the last vertex to the first is the turn.
    debug_assert!(turn.is_some() || first[0] != last[0]);
    Some(turn.map_or(ring.len() - 1, |edge| heading + edge))
}

/// Order of numbers that are never NaN; 0 and -0 are the same place.
fn compare(a: f64, b: f64) -> Ordering {
    if a < b {
        Ordering::Less
    } else if a > b {
        Ordering::Greater
    } else {
        Ordering::Equal
    }
}

fn knots_order(a: &[Point], b: &[Point]) -> Ordering {
    let each = a.iter().zip(b).map(|(a, b)| compare(a[0], b[0]).then(compare(a[1], b[1])));
    each.into_iter().find(|&order| order != Ordering::Equal).unwrap_or(Ordering::Equal)
}

fn order(a: &Chain, b: &Chain, knots: &[Point]) -> Ordering {
    compare(a.x_min, b.x_min)
        .then(compare(a.y_min, b.y_min))
        .then(compare(a.x_max, b.x_max))
        .then(compare(a.y_max, b.y_max))
        .then(compare(a.sign, b.sign))
        .then((a.stop - a.start).cmp(&(b.stop - b.start)))
        .then_with(|| {
            let slice = |chain: &Chain| &knots[chain.start as usize..chain.stop as usize];
            knots_order(slice(a), slice(b))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::polygons::PolygonsBuf;

    fn chains(ring: &[Point]) -> Chains {
        let mut built = PolygonsBuf::default();
        built.push_ring(ring.iter().copied()).unwrap();
        built.end_region().unwrap();
        let mut chains = Chains::default();
        chains.load(built.view().row(0));
        chains
    }

    #[test]
    fn a_square_has_two_chains_and_no_vertical_edges() {
        let square = chains(&[[0.0, 0.0], [2.0, 0.0], [2.0, 1.0], [0.0, 1.0]]);
        assert_eq!(square.chains.len(), 2);
        let (bottom, top) = (&square.chains[0], &square.chains[1]);
        assert_eq!((bottom.sign, bottom.y_max), (-1.0, 0.0));
        assert_eq!((top.sign, top.y_min), (1.0, 1.0));
        assert_eq!(square.knots(top).iter().map(|k| k[0]).collect::<Vec<_>>(), [0.0, 2.0]);
        assert_eq!(square.area, 2.0);
    }

    #[test]
    fn steps_keep_their_vertical_edges_inside() {
        let stairs = chains(&[[0.0, 0.0], [3.0, 0.0], [3.0, 2.0], [2.0, 2.0], [2.0, 1.0], [0.0, 1.0]]);
        let top = stairs.chains.iter().find(|chain| chain.sign > 0.0).unwrap();
        let knots = stairs.knots(top);
        assert_eq!(knots, [[0.0, 1.0], [2.0, 1.0], [2.0, 2.0], [3.0, 2.0]]);
    }

    #[test]
    fn the_form_does_not_depend_on_the_start() {
        let ring = [[0.0, 0.0], [3.0, -1.0], [2.0, 1.0], [4.0, 3.0], [1.0, 2.0]];
        let whole = chains(&ring);
        for turn in 1..5 {
            let mut turned = ring;
            turned.rotate_left(turn);
            assert_eq!(whole.canonical_order(&chains(&turned)), Ordering::Equal);
        }
        assert_ne!(whole.canonical_order(&chains(&ring[..4])), Ordering::Equal);
    }

    #[test]
    fn without_width_there_is_no_chain() {
        assert!(chains(&[[1.0, 0.0], [1.0, 5.0], [1.0, 2.0]]).chains.is_empty());
        assert!(chains(&[]).chains.is_empty());
        assert!(chains(&[[1.0, 1.0]]).chains.is_empty());
    }
}
