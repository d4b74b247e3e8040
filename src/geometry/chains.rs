//! A region cut into x-monotone chains: the form in which overlaps and validity are summed.
//!
//! Each chain is a piece of boundary along which x does not turn back, stored from left to right as a
//! piecewise linear function y(x). Its sign says which way the boundary runs: +1 against x (the interior of a
//! positive ring lies below in the sense of smaller y), -1 along x. The winding number of a point is the sum of
//! the signs of the chains that pass above it (at larger y).

use std::cmp::Ordering;

use crate::geometry::area::{Bounds, NO_BOUNDS, greater, lesser, ring_area};
use crate::polygons::{Point, Rings};

/// Edges per block. Fewer find more that is separated, more are walked faster: 8 to 12 are equally good (measured from
/// 12 to 1000 vertices).
pub const BLOCK: usize = 8;

/// A vertex of a chain, with what is needed to evaluate and integrate the edge that ends here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Knot {
    /// Position.
    pub x: f64,
    /// Value.
    pub y: f64,
    /// Slope of the edge that ends here; 0 for a vertical edge and for the first knot.
    pub slope: f64,
    /// Integral of y minus the chain's first y, from the chain's start to here.
    pub integral: f64,
}

/// [`BLOCK`] edges of a chain (fewer at its end), for skipping what is separated from another chain.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    /// Right end.
    pub x_max: f64,
    /// Smallest value.
    pub y_min: f64,
    /// Largest value.
    pub y_max: f64,
}

/// One monotone piece of boundary.
#[derive(Clone, Copy, Debug)]
pub struct Chain {
    start: u32,
    stop: u32,
    first_block: u32,
    /// +1 where the boundary runs against x, -1 along x.
    pub sign: f64,
    /// Left end.
    pub x_min: f64,
    /// Right end.
    pub x_max: f64,
    /// Smallest value.
    pub y_min: f64,
    /// Largest value.
    pub y_max: f64,
}

/// The chains of one region, sorted by their left ends; a scratch that is reused from row to row.
#[derive(Clone, Debug)]
pub struct Chains {
    knots: Vec<Knot>,
    blocks: Vec<Block>,
    /// Sorted by `x_min`, then by a rule that does not depend on where rings start.
    pub chains: Vec<Chain>,
    /// Box around the chains.
    pub bounds: Bounds,
    /// Signed areas of the rings summed: the integral of the winding number.
    pub area: f64,
    /// Scratch: the ring that is being cut.
    turned: Vec<Point>,
}

impl Default for Chains {
    fn default() -> Self {
        Chains {
            knots: Vec::new(),
            blocks: Vec::new(),
            chains: Vec::new(),
            bounds: NO_BOUNDS,
            area: 0.0,
            turned: Vec::new(),
        }
    }
}

impl Chains {
    /// Replace the content by the chains of another region. O(n + k log k) for n vertices and k chains.
    pub fn load(&mut self, rings: Rings) {
        self.knots.clear();
        self.blocks.clear();
        self.chains.clear();
        rings.iter().for_each(|ring| self.cut(ring));
        let Chains { knots, chains, .. } = self;
        if chains.len() > 1 {
            chains.sort_unstable_by(|a, b| order(a, b, knots));
        }
        self.bounds = chains.iter().fold(NO_BOUNDS, |[x0, y0, x1, y1], chain| {
            [
                lesser(x0, chain.x_min),
                lesser(y0, chain.y_min),
                greater(x1, chain.x_max),
                greater(y1, chain.y_max),
            ]
        });
        // Not from the chains' integrals: the same bits as the metric, and the digits of slivers.
        self.area = rings.iter().map(ring_area).sum();
    }

    /// The knots of a chain, from left to right; at least two.
    pub fn knots(&self, chain: &Chain) -> &[Knot] {
        &self.knots[chain.start as usize..chain.stop as usize]
    }

    /// The blocks of a chain, from left to right: block k holds the edges from knot `k * BLOCK` on.
    pub fn blocks(&self, chain: &Chain) -> &[Block] {
        let edges = (chain.stop - chain.start) as usize - 1;
        &self.blocks[chain.first_block as usize..][..edges.div_ceil(BLOCK)]
    }

    /// Cut one ring at the vertices where x turns.
    fn cut(&mut self, ring: &[Point]) {
        let Some(start) = first_turn(ring) else { return };
        // The ring from there, closed: so no chain wraps around the end of the array.
        let mut turned = std::mem::take(&mut self.turned);
        turned.clear();
        turned.extend_from_slice(&ring[start..]);
        turned.extend_from_slice(&ring[..=start]);
        let mut begin = 0;
        while begin + 1 < turned.len() {
            // A vertical edge at the turn belongs to the chain before it, so the first edge here has a heading.
            let rising = turned[begin + 1][0] > turned[begin][0];
            let turns =
                |pair: &[Point]| if rising { pair[1][0] < pair[0][0] } else { pair[1][0] > pair[0][0] };
            let end =
                turned[begin..].windows(2).position(turns).map_or(turned.len() - 1, |edge| begin + edge);
            self.add(&turned[begin..=end], rising);
            begin = end;
        }
        self.turned = turned;
    }

    /// Add the chain of these points, which run along x (`rising`) or against it.
    fn add(&mut self, points: &[Point], rising: bool) {
        // Vertical edges at either end of a chain carry no area.
        let (from, to) = (points[0][0], points[points.len() - 1][0]);
        let leading = points.iter().skip(1).take_while(|point| point[0] == from).count();
        let trailing = points.iter().rev().skip(1).take_while(|point| point[0] == to).count();
        let points = &points[leading..points.len() - trailing];
        let (first, last) = (points[0], points[points.len() - 1]);
        let (left, right) = if rising { (first, last) } else { (last, first) };
        let (mut integral, mut repeated) = (0.0, false);
        let mut knot = |[x, y]: Point, [x_next, y_next]: Point| {
            let (dx, dy) = (x_next - x, y_next - y);
            let slope = dy / dx;
            integral += dx * ((y - left[1]) + 0.5 * dy);
            repeated |= slope.is_nan();
            // Steeper than a double can say means vertical: the edge spans no area that a double could hold.
            let slope = if slope.abs() <= f64::MAX { slope } else { 0.0 };
            Knot { x: x_next, y: y_next, slope, integral }
        };
        let (start, first_block) = (self.knots.len(), self.blocks.len());
        self.knots.push(Knot { x: left[0], y: left[1], slope: 0.0, integral: 0.0 });
        if rising {
            self.knots.extend(points.windows(2).map(|pair| knot(pair[0], pair[1])));
        } else {
            self.knots.extend(points.windows(2).rev().map(|pair| knot(pair[1], pair[0])));
        }
        if repeated {
            self.drop_repeated(start);
        }
        let knots = &self.knots[start..];
        let (mut y_min, mut y_max) = (left[1], left[1]);
        self.blocks.extend((0..knots.len() - 1).step_by(BLOCK).map(|edge| {
            let knots = &knots[edge..knots.len().min(edge + BLOCK + 1)];
            let (low, high) = knots[1..].iter().fold((knots[0].y, knots[0].y), |(low, high), knot| {
                (lesser(low, knot.y), greater(high, knot.y))
            });
            (y_min, y_max) = (lesser(y_min, low), greater(y_max, high));
            Block { x_max: knots[knots.len() - 1].x, y_min: low, y_max: high }
        }));
        self.chains.push(Chain {
            start: start as u32,
            stop: self.knots.len() as u32,
            first_block: first_block as u32,
            sign: if rising { -1.0 } else { 1.0 },
            x_min: left[0],
            x_max: right[0],
            y_min,
            y_max,
        });
    }

    /// Keep one of equal neighbours among the knots from `start` on, so that the same region has the same knots.
    #[cold]
    fn drop_repeated(&mut self, start: usize) {
        let mut kept = start + 1;
        for index in start + 1..self.knots.len() {
            let (knot, before) = (self.knots[index], self.knots[kept - 1]);
            if (knot.x, knot.y) != (before.x, before.y) {
                self.knots[kept] = knot;
                kept += 1;
            }
        }
        self.knots.truncate(kept);
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

fn knots_order(a: &[Knot], b: &[Knot]) -> Ordering {
    let each = a.iter().zip(b).map(|(a, b)| compare(a.x, b.x).then(compare(a.y, b.y)));
    each.into_iter().find(|&order| order != Ordering::Equal).unwrap_or(Ordering::Equal)
}

fn order(a: &Chain, b: &Chain, knots: &[Knot]) -> Ordering {
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
        assert_eq!(square.knots(top).iter().map(|k| k.x).collect::<Vec<_>>(), [0.0, 2.0]);
        assert_eq!(square.area, 2.0);
    }

    #[test]
    fn steps_keep_their_vertical_edges_inside() {
        let stairs = chains(&[[0.0, 0.0], [3.0, 0.0], [3.0, 2.0], [2.0, 2.0], [2.0, 1.0], [0.0, 1.0]]);
        let top = stairs.chains.iter().find(|chain| chain.sign > 0.0).unwrap();
        let knots = stairs.knots(top);
        assert_eq!(
            knots.iter().map(|k| (k.x, k.y)).collect::<Vec<_>>(),
            [(0.0, 1.0), (2.0, 1.0), (2.0, 2.0), (3.0, 2.0)]
        );
        assert_eq!(knots[3].integral, 1.0, "integral is relative to the first value, 1");
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
