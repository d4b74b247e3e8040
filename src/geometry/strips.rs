//! The boundary of a region as edges under a tree of strips, for questions about a whole stretch at once: which edges
//! can be nearest to some point of it?
//!
//! A strip is everything within some width of an axis (D. H. Ballard, "Strip trees", Comm. ACM 1981). Around a smooth border it is
//! thinner than any box, by the square of its length, and so is an edge without width: one test serves both.

use std::cmp::Ordering;

use crate::geometry::area::{Bounds, bounds, greater, lesser};
use crate::polygons::{Point, Rings};

/// Strips that are tested together; children per node.
pub const LANES: usize = 8;
/// Relative room for rounding where a bound is compared.
const ROOM: f64 = 1e-13;

/// An edge of a boundary.
#[derive(Clone, Copy, Debug)]
pub struct Edge {
    /// Where it starts; its own number is that of this vertex.
    pub start: Point,
    /// From start to end.
    pub along: Point,
    /// Its length, 0 for a ring that is a single point.
    pub length: f64,
    /// 1 / length², or 0 for a single point.
    pub inverse: f64,
    /// The vertex where it ends: the number of the edge that starts there.
    pub next: u32,
    /// The edge that ends where it starts.
    pub before: u32,
    /// On which side points lie that are nearest to the start vertex: 1 outside, -1 inside, 0 not to be told from here.
    pub side: f64,
}

impl Edge {
    fn new(start: Point, end: Point) -> Self {
        let along = [end[0] - start[0], end[1] - start[1]];
        let squared = along[0] * along[0] + along[1] * along[1];
        let inverse = 1.0 / squared;
        let (inverse, length) = if inverse.is_finite() { (inverse, squared.sqrt()) } else { (0.0, 0.0) };
        Edge { start, along, length, inverse, next: 0, before: 0, side: 0.0 }
    }

    /// Squared distance of the point `vertex + step` to the edge. Differences of vertices are taken first: they are exact or
    /// nearly so wherever the outlines lie.
    #[inline]
    pub fn distance2(&self, vertex: Point, step: Point) -> f64 {
        let (x, y) = ((vertex[0] - self.start[0]) + step[0], (vertex[1] - self.start[1]) + step[1]);
        let t = lesser(greater((x * self.along[0] + y * self.along[1]) * self.inverse, 0.0), 1.0);
        let (x, y) = (x - t * self.along[0], y - t * self.along[1]);
        x * x + y * y
    }
}

/// Eight strips side by side, so that the processor's vector units test several at once.
#[derive(Clone, Copy, Debug)]
pub struct Strips {
    x: [f64; LANES],
    y: [f64; LANES],
    along_x: [f64; LANES],
    along_y: [f64; LANES],
    inverse: [f64; LANES],
    width: [f64; LANES],
}

impl Strips {
    /// Infinitely far away.
    pub const NONE: Strips = Strips {
        x: [f64::INFINITY; LANES],
        y: [0.0; LANES],
        along_x: [0.0; LANES],
        along_y: [0.0; LANES],
        inverse: [0.0; LANES],
        width: [0.0; LANES],
    };

    /// Put a strip into a lane.
    pub fn set(&mut self, lane: usize, start: Point, along: Point, inverse: f64, width: f64) {
        self.x[lane] = start[0];
        self.y[lane] = start[1];
        self.along_x[lane] = along[0];
        self.along_y[lane] = along[1];
        self.inverse[lane] = inverse;
        self.width[lane] = width;
    }

    /// Squared distances of the point `vertex + step` to the axes.
    #[allow(clippy::needless_range_loop, reason = "the shape that becomes vector instructions")]
    #[inline(never)] // Inlined, the loop is no longer turned into vector instructions.
    pub fn distances(&self, vertex: Point, step: Point, squared: &mut [f64; LANES]) {
        for k in 0..LANES {
            let (x, y) = ((vertex[0] - self.x[k]) + step[0], (vertex[1] - self.y[k]) + step[1]);
            let t = (x * self.along_x[k] + y * self.along_y[k]) * self.inverse[k];
            let t = lesser(greater(t, 0.0), 1.0);
            let (x, y) = (x - t * self.along_x[k], y - t * self.along_y[k]);
            squared[k] = x * x + y * y;
        }
    }

    /// Bits of the strips of which some point can be nearer to some point of the stretch than the bound.
    ///
    /// Distance to an axis is convex along the stretch, so it lies above its tangent in the middle; the bound lies below the chord from
    /// `bound[0]` to `bound[1]`. Both are straight, so they are compared at the ends only (times the distance in the middle).
    #[inline]
    fn within(&self, stretch: &Stretch, bound: [f64; 2]) -> u32 {
        let mut slack = [0.0; LANES];
        self.slack(stretch, bound, &mut slack);
        not_negative(&slack)
    }

    #[allow(clippy::needless_range_loop, reason = "the shape that becomes vector instructions")]
    #[inline(never)] // Inlined, the loop is no longer turned into vector instructions.
    fn slack(&self, stretch: &Stretch, bound: [f64; 2], slack: &mut [f64; LANES]) {
        let Stretch { vertex, middle, half: [x2, y2] } = *stretch;
        for k in 0..LANES {
            let (x, y) = ((vertex[0] - self.x[k]) + middle[0], (vertex[1] - self.y[k]) + middle[1]);
            let t = (x * self.along_x[k] + y * self.along_y[k]) * self.inverse[k];
            let t = lesser(greater(t, 0.0), 1.0);
            let (x, y) = (x - t * self.along_x[k], y - t * self.along_y[k]);
            let squared = x * x + y * y;
            let change = x * x2 + y * y2;
            let distance = squared.sqrt();
            let at_start = (bound[0] + self.width[k]) * distance - (squared - change);
            let at_end = (bound[1] + self.width[k]) * distance - (squared + change);
            slack[k] = greater(at_start, at_end);
        }
    }

    /// A strip around the first `count` strips: along the line from the first start to the last end, or as the longest runs.
    fn around(&self, count: usize) -> (Point, Point, f64, f64) {
        let start = |k: usize| [self.x[k], self.y[k]];
        let end = |k: usize| [self.x[k] + self.along_x[k], self.y[k] + self.along_y[k]];
        let width = |axis: &Edge| {
            let mut reach = 0.0;
            for k in 0..count {
                let squared = greater(axis.distance2(start(k), [0.0; 2]), axis.distance2(end(k), [0.0; 2]));
                reach = greater(reach, squared.sqrt() + self.width[k]);
            }
            reach
        };
        let mut axis = Edge::new(start(0), end(count - 1));
        let mut reach = width(&axis);
        let mut longest = 0;
        for k in 1..count {
            longest =
                if self.inverse[k] < self.inverse[longest] && self.inverse[k] > 0.0 { k } else { longest };
        }
        let length2 = 1.0 / self.inverse[longest];
        if 4.0 * reach * reach > axis.length * axis.length && length2.is_finite() {
            // The border turns back, as in the teeth of a comb: an oblong along the longest edge may be slimmer.
            let unit = [self.along_x[longest], self.along_y[longest]].map(|along| along / length2.sqrt());
            let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
            for k in 0..count {
                for [x, y] in [start(k), end(k)].map(|point| [point[0] - self.x[0], point[1] - self.y[0]]) {
                    let (along, across) = (x * unit[0] + y * unit[1], x * unit[1] - y * unit[0]);
                    low = [lesser(low[0], along), lesser(low[1], across)];
                    high = [greater(high[0], along), greater(high[1], across)];
                }
            }
            let inset = 0.5 * lesser(high[1] - low[1], high[0] - low[0]);
            let across = 0.5 * (low[1] + high[1]);
            let point = |along: f64| {
                let (x, y) = (along * unit[0] + across * unit[1], along * unit[1] - across * unit[0]);
                [self.x[0] + x, self.y[0] + y]
            };
            let other = Edge::new(point(low[0] + inset), point(high[0] - inset));
            let across = width(&other);
            if across * (other.length + across) < reach * (axis.length + reach) {
                (axis, reach) = (other, across);
            }
        }
        // Sums of coordinates are rounded to their size.
        let size = greater(
            greater(axis.start[0].abs(), axis.start[1].abs()),
            greater(axis.along[0].abs(), axis.along[1].abs()),
        );
        (axis.start, axis.along, axis.inverse, reach * (1.0 + ROOM) + 4e-15 * (size + reach))
    }
}

/// Bits of the numbers that are 0 or above.
#[inline]
pub fn not_negative(numbers: &[f64; LANES]) -> u32 {
    let mut mask = 0;
    for (k, number) in numbers.iter().enumerate() {
        mask |= u32::from(*number >= 0.0) << k;
    }
    mask
}

/// A straight stretch of a boundary.
#[derive(Clone, Copy, Debug)]
pub struct Stretch {
    /// A vertex near it.
    pub vertex: Point,
    /// From there to its middle.
    pub middle: Point,
    /// From its middle to its end.
    pub half: Point,
}

impl Stretch {
    /// A part of an edge, between two shares of it.
    pub fn of(edge: &Edge, from: f64, to: f64) -> Self {
        let scaled = |share: f64| edge.along.map(|along| share * along);
        Stretch { vertex: edge.start, middle: scaled(0.5 * (from + to)), half: scaled(0.5 * (to - from)) }
    }
}

/// Edges of all rings in drawing order under a tree of strips; a scratch that is reused from row to row.
#[derive(Default)]
pub struct Border {
    /// Edges of non-zero length; a ring that is a single point is one edge of length 0.
    pub edges: Vec<Edge>,
    /// Length of all of them.
    pub length: f64,
    /// Box around all of it.
    pub bounds: Bounds,
    /// Edges, then strips around every eight of these, and so on, in blocks of eight.
    blocks: Vec<Strips>,
    /// First block and number of strips of each level.
    levels: Vec<(usize, usize)>,
}

impl Border {
    /// Replace the content by the boundary of another region. O(n).
    pub fn load(&mut self, rings: Rings) {
        self.edges.clear();
        for ring in rings.iter() {
            let before = self.edges.len();
            let Some(&first) = ring.first() else { continue };
            let mut from = first;
            for &to in ring[1..].iter().chain([&first]) {
                if from != to {
                    self.edges.push(Edge::new(from, to));
                    from = to;
                }
            }
            if self.edges.len() == before {
                self.edges.push(Edge::new(first, first));
            }
            close(&mut self.edges, before);
        }
        self.length = self.edges.iter().map(|edge| edge.length).sum::<f64>() + 0.0;
        self.bounds = bounds(rings.vertices());
        self.plant();
    }

    /// Build the tree.
    fn plant(&mut self) {
        self.blocks.clear();
        self.levels.clear();
        for edges in self.edges.chunks(LANES) {
            let mut block = Strips::NONE;
            for (lane, edge) in edges.iter().enumerate() {
                block.set(lane, edge.start, edge.along, edge.inverse, 0.0);
            }
            self.blocks.push(block);
        }
        let (mut first, mut count) = (0, self.edges.len());
        self.levels.push((first, count));
        // Two blocks are tested about as fast as two strips around them.
        while count > 2 * LANES {
            let stop = self.blocks.len();
            for (index, block) in (first..stop).enumerate() {
                let lane = index % LANES;
                if lane == 0 {
                    self.blocks.push(Strips::NONE);
                }
                let (start, along, inverse, width) =
                    self.blocks[block].around(LANES.min(count - index * LANES));
                if let Some(last) = self.blocks.last_mut() {
                    last.set(lane, start, along, inverse, width);
                }
            }
            (first, count) = (stop, stop - first);
            self.levels.push((first, count));
        }
    }

    /// Visit all edges that can be nearest to some point of the stretch, given upper bounds of the distance at its ends
    /// between which the true distance lies below the straight line. `stack` is scratch.
    #[inline]
    pub fn within(
        &self,
        stretch: &Stretch,
        bound: [f64; 2],
        stack: &mut Vec<(u32, u32)>,
        mut visit: impl FnMut(usize),
    ) {
        let Some(top) = self.levels.len().checked_sub(1) else { return };
        stack.clear();
        stack.extend((0..self.levels[top].1.div_ceil(LANES)).rev().map(|block| (top as u32, block as u32)));
        while let Some((level, block)) = stack.pop() {
            let (first, count) = self.levels[level as usize];
            let lane = block as usize * LANES;
            let inside = if count - lane < LANES { (1 << (count - lane)) - 1 } else { 0xff };
            let mut mask = self.blocks[first + block as usize].within(stretch, bound) & inside;
            while mask != 0 {
                let item = lane + mask.trailing_zeros() as usize;
                mask &= mask - 1;
                if level == 0 {
                    visit(item);
                } else {
                    stack.push((level - 1, item as u32));
                }
            }
        }
    }

    /// How often the region covers the point `vertex + step`. O(n).
    pub fn winding(&self, vertex: Point, step: Point) -> i32 {
        let less = |other: Point| ((vertex[0] - other[0]) + step[0], (vertex[1] - other[1]) + step[1]);
        let mut count = 0;
        for edge in &self.edges {
            let (x, y) = less(edge.start);
            let (below, above) = (y >= 0.0, less(self.edges[edge.next as usize].start).1 >= 0.0);
            if below != above {
                let left = edge.along[0] * y - edge.along[1] * x;
                count += i32::from(below && left > 0.0) - i32::from(above && left < 0.0);
            }
        }
        count
    }

    /// An order of boundaries that depends on their coordinates only.
    pub fn order(&self, other: &Border) -> Ordering {
        let boxes = self.bounds.iter().zip(&other.bounds).map(|(a, b)| a.total_cmp(b));
        let starts =
            self.edges.iter().zip(&other.edges).flat_map(|(a, b)| [0, 1].map(|k| (a.start[k], b.start[k])));
        boxes
            .chain([self.edges.len().cmp(&other.edges.len())])
            .chain(starts.map(|(a, b)| a.total_cmp(&b)))
            .find(|&order| order != Ordering::Equal)
            .unwrap_or(Ordering::Equal)
    }
}

/// Link the edges of the ring that begins at `first`, and tell convex from reflex vertices.
fn close(edges: &mut [Edge], first: usize) {
    /// Tangent of an angle below which a vertex counts as straight, or as turning back: its two sides cannot be told apart, as
    /// rounding makes it seem the nearest on either.
    const STRAIGHT: f64 = 1e-6;
    let Some(mut before) = edges.last().copied() else { return };
    let count = edges.len();
    for (number, edge) in edges.iter_mut().enumerate().skip(first) {
        edge.next = if number + 1 == count { first as u32 } else { number as u32 + 1 };
        edge.before = if number == first { count as u32 - 1 } else { number as u32 - 1 };
        let ([ax, ay], [bx, by]) = (before.along, edge.along);
        let (cross, dot) = (ax * by - ay * bx, ax * bx + ay * by);
        let straight = cross.abs() <= STRAIGHT * dot.abs();
        // The interior lies to the left of each edge.
        edge.side = if straight { 0.0 } else { 1.0_f64.copysign(cross) };
        before = *edge;
    }
}
