//! A region cut into x-monotone chains: the form in which overlaps and validity are summed.
//!
//! Each chain is a piece of boundary along which x does not turn back, stored from left to right as a
//! piecewise linear function y(x). Its sign says which way the boundary runs: +1 against x (the interior of a
//! positive ring lies below in the sense of smaller y), -1 along x. The winding number of a point is the sum of
//! the signs of the chains that pass above it (at larger y).

use std::cmp::Ordering;

use crate::geometry::area::{Bounds, NO_BOUNDS, bounds, greater, lesser, ring_area};
use crate::polygons::{Point, Rings};

/// A vertex of a chain, with what is needed to evaluate and integrate the edge to the next one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Knot {
    /// Position.
    pub x: f64,
    /// Value.
    pub y: f64,
    /// Slope of the edge that starts here; 0 for a vertical edge and for the last knot.
    pub slope: f64,
    /// Integral of y minus the chain's first y, from the chain's start to here.
    pub integral: f64,
}

/// One monotone piece of boundary.
#[derive(Clone, Copy, Debug)]
pub struct Chain {
    start: u32,
    stop: u32,
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
    /// Sorted by `x_min`, then by a rule that does not depend on where rings start.
    pub chains: Vec<Chain>,
    /// Box around the region.
    pub bounds: Bounds,
    /// Signed areas of the rings summed: the integral of the winding number.
    pub area: f64,
    /// Scratch: the ring that is being cut.
    turned: Vec<Point>,
}

impl Default for Chains {
    fn default() -> Self {
        Chains { knots: Vec::new(), chains: Vec::new(), bounds: NO_BOUNDS, area: 0.0, turned: Vec::new() }
    }
}

impl Chains {
    /// Replace the content by the chains of another region. O(n + k log k) for n vertices and k chains.
    pub fn load(&mut self, rings: Rings) {
        self.knots.clear();
        self.chains.clear();
        self.bounds = bounds(rings.vertices());
        self.area = 0.0;
        for ring in rings.iter() {
            self.area += ring_area(ring);
            self.cut(ring);
        }
        let Chains { knots, chains, .. } = self;
        chains.sort_unstable_by(|a, b| order(a, b, knots));
    }

    /// The knots of a chain, from left to right; at least two.
    pub fn knots(&self, chain: &Chain) -> &[Knot] {
        &self.knots[chain.start as usize..chain.stop as usize]
    }

    /// Cut one ring at the vertices where x turns.
    fn cut(&mut self, ring: &[Point]) {
        let n = ring.len();
        let after = |i: usize| if i + 1 == n { 0 } else { i + 1 };
        let Some(first) = (0..n).find(|&i| ring[i][0] != ring[after(i)][0]) else { return };
        let rising = ring[first][0] < ring[after(first)][0];
        // Start where the heading turns, so that no chain wraps around the end of the array.
        let mut start = after(first);
        let turns = |i: usize| {
            let (here, next) = (ring[i][0], ring[after(i)][0]);
            if rising { here > next } else { here < next }
        };
        while !turns(start) {
            start = after(start);
        }
        // The ring from there, closed, each vertex once; adding 0 turns -0 into 0, so that equal chains are equal bits.
        let mut turned = std::mem::take(&mut self.turned);
        turned.clear();
        turned.extend(ring[start..].iter().map(|&[x, y]| [x + 0.0, y + 0.0]));
        turned.extend(ring[..=start].iter().map(|&[x, y]| [x + 0.0, y + 0.0]));
        turned.dedup();
        let (mut begin, mut rising) = (0, !rising);
        for (end, pair) in turned.windows(2).enumerate() {
            let turns = if rising { pair[1][0] < pair[0][0] } else { pair[1][0] > pair[0][0] };
            if turns {
                self.add(&turned[begin..=end], rising);
                begin = end;
                rising = !rising;
            }
        }
        self.add(&turned[begin..], rising);
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
        let (mut y_min, mut y_max, mut integral) = (left[1], left[1], 0.0);
        let mut knot = |[x, y]: Point, [x_next, y_next]: Point| {
            let (dx, dy) = (x_next - x, y_next - y);
            let slope = dy / dx;
            // Steeper than a double can say means vertical: the edge spans no area that a double could hold.
            let knot = Knot { x, y, slope: if slope.abs() <= f64::MAX { slope } else { 0.0 }, integral };
            integral += dx * ((y - left[1]) + 0.5 * dy);
            y_min = lesser(y_min, y_next);
            y_max = greater(y_max, y_next);
            knot
        };
        let begin = self.knots.len();
        if rising {
            self.knots.extend(points.windows(2).map(|pair| knot(pair[0], pair[1])));
        } else {
            self.knots.extend(points.windows(2).rev().map(|pair| knot(pair[1], pair[0])));
        }
        self.knots.push(Knot { x: right[0], y: right[1], slope: 0.0, integral });
        self.chains.push(Chain {
            start: begin as u32,
            stop: self.knots.len() as u32,
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
        let boxes = self.bounds.iter().zip(&other.bounds).map(|(a, b)| (a + 0.0).total_cmp(&(b + 0.0)));
        boxes
            .fold(Ordering::Equal, Ordering::then)
            .then(self.knots.len().cmp(&other.knots.len()))
            .then(self.chains.len().cmp(&other.chains.len()))
            .then_with(|| {
                let pairs = self.chains.iter().zip(&other.chains);
                pairs
                    .map(|(a, b)| {
                        let (a_knots, b_knots) = (self.knots(a), other.knots(b));
                        let lengths = a_knots.len().cmp(&b_knots.len()).then(a.sign.total_cmp(&b.sign));
                        lengths.then_with(|| knots_order(a_knots, b_knots))
                    })
                    .find(|&order| order != Ordering::Equal)
                    .unwrap_or(Ordering::Equal)
            })
    }
}

fn knots_order(a: &[Knot], b: &[Knot]) -> Ordering {
    let each = a.iter().zip(b).map(|(a, b)| a.x.total_cmp(&b.x).then(a.y.total_cmp(&b.y)));
    each.into_iter().find(|&order| order != Ordering::Equal).unwrap_or(Ordering::Equal)
}

fn order(a: &Chain, b: &Chain, knots: &[Knot]) -> Ordering {
    a.x_min
        .total_cmp(&b.x_min)
        .then(a.y_min.total_cmp(&b.y_min))
        .then(a.x_max.total_cmp(&b.x_max))
        .then(a.y_max.total_cmp(&b.y_max))
        .then(a.sign.total_cmp(&b.sign))
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
        assert_eq!(knots.iter().map(|k| (k.x, k.y)).collect::<Vec<_>>(), [(0.0, 1.0), (2.0, 1.0), (2.0, 2.0), (3.0, 2.0)]);
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
