//! Following one boundary along another: the pieces of all edges, the plain ones at once.
//!
//! Distances of a vertex to all edges nearby are measured eight at a time, and serve the edges before and after it. Where the
//! nearest features at both ends of an edge are the same or neighbours, the pieces between them are known in closed form, and one test
//! for all edges nearby shows that nothing else comes in between: along the edge the squared distance to a feature, less the
//! square of the way, is concave and so lies above its chord. What is not that plain is halved, and after that left to
//! [`Envelope`].

use crate::geometry::area::{greater, lesser};
use crate::geometry::envelope::{Envelope, Piece, descend};
use crate::geometry::route::{MANY, Place, Route, route};
use crate::geometry::strips::{Border, Edge, LANES, Stretch, Strips, not_negative};

/// Edges that share a list of what is nearby.
const GROUP: usize = 3;
/// How often an edge is halved before it is left to the envelope.
const HALVINGS: u32 = 3;
/// Rounding of squared distances, as a share of the squares that they are made from.
const ROUNDING: f64 = 1e-13;

/// Scratch, reused from pair to pair.
#[derive(Default)]
pub struct Follower {
    envelope: Envelope,
    stack: Vec<(u32, u32)>,
    /// Edges nearby, and their numbers.
    nearby: Vec<Strips>,
    numbers: Vec<u32>,
    places: [Place; 2],
}

impl Follower {
    /// Hand all pieces of the boundary of `a` to `emit` with the number of their edge, in order. Edges of length 0 have none.
    pub fn follow(&mut self, a: &Border, b: &Border, sides: bool, emit: &mut impl FnMut(usize, &Piece)) {
        self.nearby.clear();
        self.numbers.clear();
        let mut hint = 0;
        let mut first = 0;
        while first < a.edges.len() {
            let edge = &a.edges[first];
            if edge.length == 0.0 {
                first += 1;
                continue;
            }
            let mut count = 1;
            while count < GROUP && a.edges[first + count - 1].next as usize == first + count {
                count += 1;
            }
            let mut group = &a.edges[first..first + count];
            if !self.gather(group, b, &mut hint) {
                group = &a.edges[first..first + 1];
                if count == 1 || !self.gather(group, b, &mut hint) {
                    hint = self
                        .envelope
                        .walk(edge, [0.0, edge.length], b, hint, sides, &mut |piece| emit(first, piece));
                    first += 1;
                    continue;
                }
            }
            let [mut start, mut end] = self.places;
            self.place(edge, 0.0, b, &mut start);
            for (number, edge) in (first..).zip(group) {
                self.place(edge, 1.0, b, &mut end);
                self.between(edge, b, &start, &end, sides, 0, &mut |piece| emit(number, piece));
                end.s = 0.0;
                std::mem::swap(&mut start, &mut end);
            }
            hint = start.nearest;
            first += group.len();
        }
    }

    /// List the edges of B near a group of edges; `false` where there are many.
    fn gather(&mut self, group: &[Edge], b: &Border, hint: &mut usize) -> bool {
        if b.edges.len() <= LANES {
            if self.numbers.is_empty() {
                (0..b.edges.len()).for_each(|number| self.list(number, b));
            }
            return true;
        }
        self.nearby.clear();
        self.numbers.clear();
        let vertex = group[0].start;
        let mut way = [0.0; 2];
        for edge in group {
            way = [way[0] + edge.along[0], way[1] + edge.along[1]];
        }
        let half = way.map(|way| 0.5 * way);
        let length2 = way[0] * way[0] + way[1] * way[1];
        let mut width2 = 0.0;
        if group.len() > 1 {
            let inverse = 1.0 / length2;
            let axis = if inverse.is_finite() { inverse } else { 0.0 };
            for edge in &group[1..] {
                let (x, y) = (edge.start[0] - vertex[0], edge.start[1] - vertex[1]);
                let t = lesser(greater((x * way[0] + y * way[1]) * axis, 0.0), 1.0);
                let (x, y) = (x - t * way[0], y - t * way[1]);
                width2 = greater(width2, x * x + y * y);
            }
        }
        let stretch = Stretch { vertex, middle: half, half };
        let witness = descend(b, &stretch, *hint);
        let last = descend(b, &Stretch { vertex, middle: way, half }, witness);
        let distance = |number: usize, step| b.edges[number].distance2(vertex, step).sqrt();
        let reach = 0.5 * length2.sqrt();
        let (start, middle) = (distance(*hint, [0.0; 2]), distance(witness, half));
        let end = distance(last, way);
        // No distance grows faster than the way along the stretch; between the ends of the way to one edge it is below the chord.
        let flat = 0.5 * (middle + greater(start, end) + reach);
        let chord = [distance(witness, [0.0; 2]), distance(witness, way)];
        let room = 2.0 * width2.sqrt();
        let bound = if chord[0] + chord[1] < 2.0 * flat { chord } else { [flat; 2] };
        let bound =
            bound.map(|bound| (bound + room) * (1.0 + 1e-12) + 1e-14 * (reach + b.edges[witness].length));
        *hint = witness;
        let mut stack = std::mem::take(&mut self.stack);
        b.within(&stretch, bound, &mut stack, |number| self.list(number, b));
        self.stack = stack;
        !self.numbers.is_empty() && self.nearby.len() <= MANY
    }

    fn list(&mut self, number: usize, b: &Border) {
        let lane = self.numbers.len() % LANES;
        if lane == 0 {
            self.nearby.push(Strips::NONE);
        }
        if let Some(strips) = self.nearby.last_mut() {
            let edge = &b.edges[number];
            strips.set(lane, edge.start, edge.along, edge.inverse, 0.0);
        }
        self.numbers.push(number as u32);
    }

    /// Measure a share of the way along an edge.
    fn place(&self, edge: &Edge, share: f64, b: &Border, place: &mut Place) {
        let step = edge.along.map(|along| share * along);
        let (mut at, mut squared) = (0, f64::INFINITY);
        for (block, (strips, all)) in self.nearby.iter().zip(&mut place.all).enumerate() {
            strips.distances(edge.start, step, all);
            for (lane, &distance) in all.iter().enumerate() {
                at = if distance < squared { block * LANES + lane } else { at };
                squared = lesser(distance, squared);
            }
        }
        let nearest = self.numbers[at];
        let other = &b.edges[nearest as usize];
        let x = (edge.start[0] - other.start[0]) + step[0];
        let y = (edge.start[1] - other.start[1]) + step[1];
        let t = (x * other.along[0] + y * other.along[1]) * other.inverse;
        place.key = if t <= 0.0 {
            2 * nearest
        } else if t >= 1.0 {
            2 * other.next
        } else {
            2 * nearest + 1
        };
        (place.s, place.nearest, place.squared) = (share * edge.length, nearest as usize, squared);
    }

    /// Emit the pieces between two places of an edge.
    #[allow(clippy::too_many_arguments, reason = "one step of a recursion")]
    fn between(
        &mut self,
        edge: &Edge,
        b: &Border,
        from: &Place,
        to: &Place,
        sides: bool,
        depth: u32,
        emit: &mut impl FnMut(&Piece),
    ) {
        if let Some(route) = route(edge, b, [from, to])
            && self.is_clear(&route, from, to)
        {
            for piece in route.pieces {
                if piece.span[1] > piece.span[0] {
                    emit(&piece);
                }
            }
            return;
        }
        if depth == HALVINGS {
            self.envelope.walk(edge, [from.s, to.s], b, from.nearest, sides, emit);
            return;
        }
        let s = 0.5 * (from.s + to.s);
        let mut middle = Place::default();
        self.place(edge, s / edge.length, b, &mut middle);
        self.between(edge, b, from, &middle, sides, depth + 1, emit);
        self.between(edge, b, &middle, to, sides, depth + 1, emit);
    }

    /// Whether no edge nearby comes below the pieces of a route.
    fn is_clear(&self, route: &Route, from: &Place, to: &Place) -> bool {
        let pieces = &route.pieces;
        if pieces.iter().all(|piece| piece.height2 < 0.0 && piece.at == [0.0; 2]) {
            return true; // On the border itself: nothing is nearer, and there are no sides.
        }
        let (start, whole) = (from.s, to.s - from.s);
        let share = [pieces[1].span[0], pieces[1].span[1]].map(|s| (s - start) / whole);
        let height = |piece: &Piece, end: usize| {
            let squared = piece.at[end] * piece.at[end] + greater(piece.height2, 0.0);
            squared - (piece.span[end] - start).powi(2)
        };
        let top = [height(&pieces[1], 0), height(&pieces[1], 1)];
        let room = ROUNDING * (greater(from.squared, to.squared) + whole * whole);
        let bulge = route.bulge.map(|bulge| bulge + room);
        for index in 0..self.nearby.len() {
            let mut over = [0.0; LANES];
            clearance(
                [&from.all[index], &to.all[index]],
                [from.squared, top[0], top[1], to.squared - whole * whole],
                share,
                whole * whole,
                bulge,
                &mut over,
            );
            let mut mask = !not_negative(&over) & 0xff;
            while mask != 0 {
                let lane = index * LANES + mask.trailing_zeros() as usize;
                mask &= mask - 1;
                if !self.numbers.get(lane).is_none_or(|number| route.exempt.contains(number)) {
                    return false;
                }
            }
        }
        true
    }
}

/// By how much the chords of eight edges clear the pieces of a route: below 0 where they may not.
///
/// A concave function above its chord clears a parabola of a given bulge where the square roots of what is left at both ends
/// add up to that of the bulge.
#[inline(never)] // Inlined, the loop is no longer turned into vector instructions.
fn clearance(
    squared: [&[f64; LANES]; 2],
    top: [f64; 4],
    share: [f64; 2],
    whole2: f64,
    bulge: [f64; 3],
    over: &mut [f64; LANES],
) {
    for k in 0..LANES {
        let (start, end) = (squared[0][k], squared[1][k] - whole2);
        let rise = end - start;
        let e0 = start - top[0];
        let e1 = start + rise * share[0] - top[1];
        let e2 = start + rise * share[1] - top[2];
        let e3 = end - top[3];
        let (m1, m2, m3) = (lesser(e0, e1), lesser(e1, e2), lesser(e2, e3));
        let clear = lesser(e0 + e1 + 2.0 * m1 - bulge[0], e1 + e2 + 2.0 * m2 - bulge[1]);
        let clear = lesser(clear, e2 + e3 + 2.0 * m3 - bulge[2]);
        over[k] = lesser(clear, lesser(m1, m3));
    }
}
