//! The pieces between two places of an edge whose nearest features are the same or neighbours, in closed form.

use crate::geometry::area::{greater, lesser};
use crate::geometry::envelope::Piece;
use crate::geometry::strips::{Border, Edge, LANES};

/// More blocks of eight edges nearby than this, and an edge is looked at on its own, or left to the envelope.
pub(super) const MANY: usize = 4;
/// A place on an edge: what is nearest there, and the squared distances to all edges nearby.
#[derive(Clone, Copy, Default)]
pub(super) struct Place {
    pub(super) s: f64,
    pub(super) nearest: usize,
    /// The feature: twice the number of a vertex, or that of an edge and 1.
    pub(super) key: u32,
    pub(super) squared: f64,
    pub(super) all: [[f64; LANES]; MANY],
}

/// An edge of B in the frame of an edge of A.
struct Line {
    s0: f64,
    at0: f64,
    slope: f64,
    cosine: f64,
    /// Where its ends are nearest, and which vertices these are.
    slab: [f64; 2],
    ends: [u32; 2],
}

impl Line {
    fn new(edge: &Edge, scale: f64, border: &Border, number: u32) -> Self {
        let other = &border.edges[number as usize];
        let ([ex, ey], [ax, ay]) = (edge.along, other.along);
        let [x, y] = [other.start[0] - edge.start[0], other.start[1] - edge.start[1]];
        let (s0, h0) = ((x * ex + y * ey) * scale, (ex * y - ey * x) * scale);
        let (ds, dh) = ((ax * ex + ay * ey) * scale, (ex * ay - ey * ax) * scale);
        let unit = other.inverse * other.length;
        let (cosine, slope, steps) = (ds * unit, dh * unit, 1.0 / ds);
        let start = s0 + h0 * dh * steps;
        let end = start + other.length * other.length * steps;
        let (slab, ends) = if ds < 0.0 {
            ([end, start], [other.next, number])
        } else {
            ([start, end], [number, other.next])
        };
        Line { s0, at0: cosine * h0, slope, cosine, slab, ends }
    }

    fn at(&self, s: f64) -> f64 {
        self.at0 + self.slope * (s - self.s0)
    }

    fn piece(&self, from: f64, to: f64) -> Piece {
        Piece { span: [from, to], at: [self.at(from), self.at(to)], height2: -1.0, side: 1.0 }
    }
}

/// Up to three pieces between two places, the outer ones possibly empty, and the edges of B that need no proof.
pub(super) struct Route {
    pub(super) pieces: [Piece; 3],
    /// (cosine * length)² of pieces along an edge.
    pub(super) bulge: [f64; 3],
    pub(super) exempt: [u32; 4],
}

/// The pieces between two places whose nearest features are the same or neighbours.
pub(super) fn route(edge: &Edge, b: &Border, [start, end]: [&Place; 2]) -> Option<Route> {
    let scale = 1.0 / edge.length;
    let (from, to) = (start.s, end.s);
    let vertex = |number: u32, from: f64, to: f64| {
        let other = &b.edges[number as usize];
        let [x, y] = [other.start[0] - edge.start[0], other.start[1] - edge.start[1]];
        let s = (x * edge.along[0] + y * edge.along[1]) * scale;
        let h = (edge.along[0] * y - edge.along[1] * x) * scale;
        Piece { span: [from, to], at: [from - s, to - s], height2: h * h, side: other.side }
    };
    let bulge = |line: &Line, from: f64, to: f64| (line.cosine * (to - from)).powi(2);
    // A corner is nearest on its convex side only, and there the edges that meet in it never come before it or each other.
    let beside = |piece: &Piece, corner: u32| {
        let side = b.edges[corner as usize].side;
        piece.at[0] * side > 0.0 && piece.at[1] * side > 0.0
    };
    let empty =
        |piece: &Piece, end: usize| Piece { span: [piece.span[end]; 2], at: [piece.at[end]; 2], ..*piece };
    let (p, q) = (start.key / 2, end.key / 2);
    match (start.key % 2 == 1, end.key % 2 == 1) {
        (false, false) if p == q => {
            let only = vertex(p, from, to);
            let exempt = [p, b.edges[p as usize].before, p, p];
            Some(Route { pieces: [empty(&only, 0), only, empty(&only, 1)], bulge: [0.0; 3], exempt })
        }
        (true, true) if p == q => {
            let line = Line::new(edge, scale, b, p);
            let only = line.piece(from, to);
            let pieces = [empty(&only, 0), only, empty(&only, 1)];
            Some(Route { pieces, bulge: [0.0, bulge(&line, from, to), 0.0], exempt: [p; 4] })
        }
        (false, true) | (true, false) => {
            // A vertex and an edge that ends there.
            let vertex_first = start.key % 2 == 0;
            let (corner, number) = if vertex_first { (p, q) } else { (q, p) };
            let line = Line::new(edge, scale, b, number);
            let end = usize::from(!vertex_first);
            let cut = line.slab[end];
            if line.ends[end] != corner || !(cut > from && cut < to) {
                return None;
            }
            let exempt = [corner, b.edges[corner as usize].before, number, number];
            if vertex_first {
                let (first, second) = (vertex(corner, from, cut), line.piece(cut, to));
                let pieces = [first, second, empty(&second, 1)];
                beside(&second, corner).then(|| Route {
                    pieces,
                    bulge: [0.0, bulge(&line, cut, to), 0.0],
                    exempt,
                })
            } else {
                let (first, second) = (line.piece(from, cut), vertex(corner, cut, to));
                let pieces = [empty(&first, 0), first, second];
                beside(&first, corner).then(|| Route {
                    pieces,
                    bulge: [0.0, bulge(&line, from, cut), 0.0],
                    exempt,
                })
            }
        }
        (false, false) => {
            // The two ends of an edge.
            let number = if b.edges[p as usize].next == q {
                p
            } else if b.edges[q as usize].next == p {
                q
            } else {
                return None;
            };
            if start.squared == 0.0 && end.squared == 0.0 {
                let on = Piece { span: [from, to], at: [0.0; 2], height2: -1.0, side: 1.0 };
                return Some(Route {
                    pieces: [empty(&on, 0), on, empty(&on, 1)],
                    bulge: [0.0; 3],
                    exempt: [number; 4],
                });
            }
            let line = Line::new(edge, scale, b, number);
            let [enter, leave] = line.slab;
            if line.ends != [p, q] || !(enter > from && leave < to && enter < leave) {
                return None;
            }
            let middle = line.piece(enter, leave);
            let exempt = [p, b.edges[p as usize].before, q, b.edges[q as usize].before];
            let pieces = [vertex(p, from, enter), middle, vertex(q, leave, to)];
            (beside(&middle, p) && beside(&middle, q)).then(|| Route {
                pieces,
                bulge: [0.0, bulge(&line, enter, leave), 0.0],
                exempt,
            })
        }
        (true, true) => {
            // Two edges that meet.
            let corner = if b.edges[p as usize].next == q {
                q
            } else if b.edges[q as usize].next == p {
                p
            } else {
                return None;
            };
            let (first, second) = (Line::new(edge, scale, b, p), Line::new(edge, scale, b, q));
            let (leave, enter) = (first.slab[1], second.slab[0]);
            let straight = b.edges[corner as usize].side == 0.0;
            if straight || first.ends[1] != corner || second.ends[0] != corner {
                return None;
            }
            let exempt = [p, q, p, q];
            if leave < enter {
                if !(leave > from && enter < to) {
                    return None;
                }
                let pieces =
                    [first.piece(from, leave), vertex(corner, leave, enter), second.piece(enter, to)];
                let bulge = [bulge(&first, from, leave), 0.0, bulge(&second, enter, to)];
                return (beside(&pieces[0], corner) && beside(&pieces[2], corner)).then_some(Route {
                    pieces,
                    bulge,
                    exempt,
                });
            }
            let (low, high) = (greater(from, enter), lesser(to, leave));
            let (p, q) = ([first.at(low), first.at(high)], [second.at(low), second.at(high)]);
            if !(p[0].abs() < q[0].abs() && p[1].abs() > q[1].abs()) {
                return None;
            }
            // |p| = |q| where either p - q or p + q changes its sign.
            let (minus, plus) = ([p[0] - q[0], p[1] - q[1]], [p[0] + q[0], p[1] + q[1]]);
            let [one, other] = if minus[0] * minus[1] < 0.0 { minus } else { plus };
            let cut = low + (high - low) * (one / (one - other));
            if !(cut > from && cut < to) {
                return None;
            }
            let pieces = [first.piece(from, cut), second.piece(cut, to)];
            let bulge = [0.0, bulge(&first, from, cut), bulge(&second, cut, to)];
            Some(Route { pieces: [empty(&pieces[0], 0), pieces[0], pieces[1]], bulge, exempt })
        }
    }
}
