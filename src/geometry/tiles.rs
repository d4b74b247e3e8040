//! `∫∫ w_A w_B` by cutting the plane, for regions of so many chains that trying each pair of them would be quadratic: combs,
//! spirals, borders of noisy masks.
//!
//! A tile is cut in two until it holds few pieces of chains, so that only pieces near each other are ever compared:
//! O((n + m) log(n + m)) plus the pieces that lie together. What lies above a tile is carried into it as the winding
//! number along its upper side, a step function that changes only where a boundary crosses that side; what lies
//! below it does not matter. Both sides of a cut share the same rounded crossing, so no area is lost or counted
//! twice, and the sum stays a continuous function of the coordinates.

use std::cmp::Ordering;

use crate::geometry::area::{Bounds, NO_BOUNDS, bounds, greater, lesser};
use crate::geometry::chains::{Chain, Chains};
use crate::geometry::merge::positive_part;
use crate::geometry::turn::Turn;
use crate::polygons::Point;

/// A tile with at most so many pairs of pieces is not cut any further.
const FEW_PAIRS: usize = 24;
/// Nor one where so many cuts in turn have not parted its pieces: some lie along each other or meet in one point.
const MOST_IN_VAIN: u32 = 3;
/// A cut parts something where one side is left with less than this share of the pairs.
const PARTED: f64 = 0.8;
/// Work of the direct way, in blocks of chains that face each other per knot, from which on tiles pay.
const WORTH: usize = 12;
/// Pairs of chains below which the direct way is taken without counting.
const FEW_CHAINS: usize = 4096;

/// Whether two regions have so many chains facing each other that they should be cut into tiles.
pub fn are_crowded(a: &Chains, b: &Chains) -> bool {
    let (n, m) = (a.chains.len(), b.chains.len());
    if n * m <= FEW_CHAINS {
        return false;
    }
    // Chains of b that end before a chain of a begins, and that begin after it ends, do not face it.
    let mut ends: Vec<f64> = b.chains.iter().map(|chain| chain.x_max).collect();
    ends.sort_unstable_by(f64::total_cmp);
    let facing = |f: &Chain| {
        let begun = b.chains.partition_point(|g| g.x_min < f.x_max);
        begun.saturating_sub(ends.partition_point(|&end| end <= f.x_min))
    };
    let pairs: usize = a.chains.iter().map(facing).sum();
    let blocks = a.n_blocks() / n + b.n_blocks() / m;
    pairs.saturating_mul(blocks) > WORTH * (a.n_knots() + b.n_knots())
}

/// `∫∫ w_A w_B` of two regions.
pub fn product(a: &Chains, b: &Chains) -> f64 {
    if let Some(turn) = Turn::worth_for(&[a, b]) {
        return upright_product(&turn.of(a), &turn.of(b));
    }
    upright_product(a, b)
}

fn upright_product(a: &Chains, b: &Chains) -> f64 {
    let (p, q) = (a.bounds, b.bounds);
    let tile = [greater(p[0], q[0]), greater(p[1], q[1]), lesser(p[2], q[2]), lesser(p[3], q[3])];
    let inside = |region: &Chains| Layer::of(region).within(tile);
    cut(tile, &inside(a), Some(&inside(b)), 0)
}

/// `∫∫ w²` of one region.
pub fn square(region: &Chains) -> f64 {
    let whole = |region: &Chains| cut(region.bounds, &Layer::of(region), None, 0);
    match Turn::worth_for(&[region]) {
        Some(turn) => whole(&turn.of(region)),
        None => whole(region),
    }
}

/// A part of a chain inside a tile.
#[derive(Clone, Copy)]
struct Piece {
    start: u32,
    stop: u32,
    sign: f64,
    /// The box around it.
    bounds: Bounds,
}

/// What a tile holds of one region.
#[derive(Default)]
struct Layer {
    knots: Vec<Point>,
    pieces: Vec<Piece>,
    /// Where the winding number along the upper side changes, from left to right, and by how much; from 0 on.
    above: Vec<(f64, f64)>,
}

impl Layer {
    fn of(region: &Chains) -> Layer {
        let mut layer = Layer::default();
        for chain in &region.chains {
            layer.add(region.knots(chain), chain.sign);
        }
        layer
    }

    fn within(self, [x0, y0, x1, y1]: Bounds) -> Layer {
        self.cut_x(x0)[1].cut_x(x1)[0].cut_y(y0)[1].cut_y(y1)[0].take()
    }

    fn take(&mut self) -> Layer {
        std::mem::take(self)
    }

    fn add(&mut self, knots: &[Point], sign: f64) {
        let start = self.knots.len() as u32;
        self.knots.extend_from_slice(knots);
        self.close(start, sign);
    }

    /// Make a piece of the knots from `start` on, unless they have no width.
    fn close(&mut self, start: u32, sign: f64) {
        let knots = &self.knots[start as usize..];
        match (knots.first(), knots.last()) {
            (Some(first), Some(last)) if first[0] < last[0] => {
                let stop = self.knots.len() as u32;
                self.pieces.push(Piece { start, stop, sign, bounds: bounds(knots) });
            }
            _ => self.knots.truncate(start as usize),
        }
    }

    fn knots(&self, piece: &Piece) -> &[Point] {
        &self.knots[piece.start as usize..piece.stop as usize]
    }

    /// Neither piece nor winding number.
    fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.above.is_empty()
    }

    /// The parts left and right of a position.
    fn cut_x(&self, at: f64) -> [Layer; 2] {
        let mut sides = [Layer::default(), Layer::default()];
        for piece in &self.pieces {
            let knots = self.knots(piece);
            let right = knots.partition_point(|knot| knot[0] <= at);
            if right == knots.len() {
                sides[0].add(knots, piece.sign);
            } else if right == 0 {
                sides[1].add(knots, piece.sign);
            } else {
                let ([x0, y0], [x1, y1]) = (knots[right - 1], knots[right]);
                let y = y0 + (at - x0) / (x1 - x0) * (y1 - y0);
                let middle = [at, y.clamp(lesser(y0, y1), greater(y0, y1))];
                let start = sides[0].knots.len() as u32;
                sides[0].knots.extend_from_slice(&knots[..right]);
                sides[0].knots.push(middle);
                sides[0].close(start, piece.sign);
                let start = sides[1].knots.len() as u32;
                sides[1].knots.push(middle);
                sides[1].knots.extend_from_slice(&knots[right..]);
                sides[1].close(start, piece.sign);
            }
        }
        let split = self.above.partition_point(|&(x, _)| x <= at);
        let sum: f64 = self.above[..split].iter().map(|(_, change)| change).sum();
        sides[0].above.extend(self.above[..split].iter().filter(|(x, _)| *x < at));
        if sum != 0.0 {
            sides[1].above.push((at, sum));
        }
        sides[1].above.extend_from_slice(&self.above[split..]);
        sides
    }

    /// The parts below (at smaller y) and above a level; what is above is noted below.
    fn cut_y(&self, at: f64) -> [Layer; 2] {
        let mut sides = [Layer::default(), Layer::default()];
        let mut above = self.above.clone();
        for piece in &self.pieces {
            let knots = self.knots(piece);
            let mut side = usize::from(knots[0][1] > at);
            let mut start = sides[side].knots.len() as u32;
            sides[side].knots.push(knots[0]);
            let mut from = knots[0][0];
            for pair in knots.windows(2) {
                let ([x0, y0], [x1, y1]) = (pair[0], pair[1]);
                let next = usize::from(y1 > at);
                if next != side {
                    let x = (x0 + (at - y0) / (y1 - y0) * (x1 - x0)).clamp(x0, x1);
                    sides[side].knots.push([x, at]);
                    sides[side].close(start, piece.sign);
                    if side == 1 && x > from {
                        above.extend([(from, piece.sign), (x, -piece.sign)]);
                    }
                    start = sides[next].knots.len() as u32;
                    sides[next].knots.push([x, at]);
                    (side, from) = (next, x);
                }
                sides[side].knots.push(pair[1]);
            }
            let end = knots[knots.len() - 1][0];
            sides[side].close(start, piece.sign);
            if side == 1 && end > from {
                above.extend([(from, piece.sign), (end, -piece.sign)]);
            }
        }
        above.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let mut changes: Vec<(f64, f64)> = Vec::new();
        for (x, change) in above {
            match changes.last_mut() {
                // Changes are whole numbers, so they cancel exactly.
                Some(last) if last.0 == x => last.1 += change,
                _ => changes.push((x, change)),
            }
        }
        changes.retain(|(_, change)| *change != 0.0);
        sides[0].above = changes;
        sides[1].above.clone_from(&self.above);
        sides
    }

    /// Intervals from x0 to x1 with the winding number along the upper side, where it is not 0.
    fn steps(&self, x0: f64, x1: f64) -> impl Iterator<Item = (f64, f64, f64)> {
        let mut winding = 0.0;
        self.above.iter().enumerate().filter_map(move |(index, &(x, change))| {
            winding += change;
            let end = self.above.get(index + 1).map_or(x1, |next| next.0);
            let (from, to) = (greater(x, x0), lesser(end, x1));
            (winding != 0.0 && to > from).then_some((from, to, winding))
        })
    }
}

/// `∫∫ w_A w_B` over a tile; without B of A with itself. `in_vain` counts the last cuts that parted nothing.
fn cut(tile: Bounds, a: &Layer, b: Option<&Layer>, in_vain: u32) -> f64 {
    let other = b.unwrap_or(a);
    if a.is_empty() || other.is_empty() || tile[0] >= tile[2] || tile[1] >= tile[3] {
        return 0.0;
    }
    let pairs = a.pieces.len() * other.pieces.len();
    if pairs <= FEW_PAIRS || in_vain >= MOST_IN_VAIN {
        return whole(tile, a, b);
    }
    let Some((upright, at)) = where_to_cut(tile, a, other) else { return whole(tile, a, b) };
    let [x0, y0, x1, y1] = tile;
    let divide = |layer: &Layer| if upright { layer.cut_y(at) } else { layer.cut_x(at) };
    let tiles =
        if upright { [[x0, y0, x1, at], [x0, at, x1, y1]] } else { [[x0, y0, at, y1], [at, y0, x1, y1]] };
    let ([low, high], others) = (divide(a), b.map(divide));
    let [b_low, b_high] = match &others {
        None => [None, None],
        Some([low, high]) => [Some(low), Some(high)],
    };
    let left = |a: &Layer, b: Option<&Layer>| a.pieces.len() * b.unwrap_or(a).pieces.len();
    let parted = lesser(left(&low, b_low) as f64, left(&high, b_high) as f64) < PARTED * pairs as f64;
    let in_vain = if parted { 0 } else { in_vain + 1 };
    cut(tiles[0], &low, b_low, in_vain) + cut(tiles[1], &high, b_high, in_vain)
}

/// Across which axis (y or not), and at which position: midway between what is there, where it cuts fewer pieces; if both
/// cut as many, across the longer side.
fn where_to_cut(tile: Bounds, a: &Layer, b: &Layer) -> Option<(bool, f64)> {
    let pieces = || a.pieces.iter().chain(&b.pieces);
    let [x0, y0, x1, y1] = pieces().fold(NO_BOUNDS, |[x0, y0, x1, y1], piece| {
        let [u0, v0, u1, v1] = piece.bounds;
        [lesser(x0, u0), lesser(y0, v0), greater(x1, u1), greater(y1, v1)]
    });
    let middle = [0.5 * (x0 + x1), 0.5 * (y0 + y1)];
    let mut hit = [0_usize; 2];
    for Piece { bounds, .. } in pieces() {
        hit[0] += usize::from(bounds[0] < middle[0] && middle[0] < bounds[2]);
        hit[1] += usize::from(bounds[1] < middle[1] && middle[1] < bounds[3]);
    }
    let axis = match hit[0].cmp(&hit[1]) {
        Ordering::Less => 0,
        Ordering::Greater => 1,
        Ordering::Equal => usize::from(x1 - x0 < y1 - y0),
    };
    let at = middle[axis];
    (tile[axis] < at && at < tile[axis + 2]).then_some((axis == 1, at))
}

/// A tile that is not cut: the winding number inside is that above plus the signs of the pieces that pass above.
fn whole([x0, y0, x1, y1]: Bounds, a: &Layer, b: Option<&Layer>) -> f64 {
    let other = b.unwrap_or(a);
    let mut sum = 0.0;
    for (from, to, winding) in a.steps(x0, x1) {
        for (other_from, other_to, other_winding) in other.steps(x0, x1) {
            let width = lesser(to, other_to) - greater(from, other_from);
            sum += winding * other_winding * greater(width, 0.0) * (y1 - y0);
        }
        sum += under_steps(other, (from, to, winding), y0);
    }
    for step in other.steps(x0, x1) {
        sum += under_steps(a, step, y0);
    }
    for (index, piece) in a.pieces.iter().enumerate() {
        let f = a.knots(piece);
        match b {
            None => {
                sum += under(f, f[0][0], f[f.len() - 1][0], y0);
                for next in &a.pieces[index + 1..] {
                    sum += 2.0 * piece.sign * next.sign * under_both(f, a.knots(next), y0);
                }
            }
            Some(b) => {
                for next in &b.pieces {
                    sum += piece.sign * next.sign * under_both(f, b.knots(next), y0);
                }
            }
        }
    }
    sum
}

/// What the pieces of a layer span above `y0` inside an interval, times its winding number.
fn under_steps(layer: &Layer, (from, to, winding): (f64, f64, f64), y0: f64) -> f64 {
    let part = |piece: &Piece| {
        let knots = layer.knots(piece);
        let (from, to) = (greater(from, knots[0][0]), lesser(to, knots[knots.len() - 1][0]));
        if to > from { piece.sign * under(knots, from, to, y0) } else { 0.0 }
    };
    winding * layer.pieces.iter().map(part).sum::<f64>()
}

/// `∫ (min(f, g) - y0) dx` over the common x-range.
fn under_both(f: &[Point], g: &[Point], y0: f64) -> f64 {
    let (from, to) = (greater(f[0][0], g[0][0]), lesser(f[f.len() - 1][0], g[g.len() - 1][0]));
    if to > from { under(g, from, to, y0) - positive_part(f, g) } else { 0.0 }
}

/// `∫ (y - y0) dx` of a piece between two positions inside it.
fn under(knots: &[Point], from: f64, to: f64, y0: f64) -> f64 {
    let first = knots.partition_point(|knot| knot[0] <= from).saturating_sub(1);
    let mut sum = 0.0;
    for pair in knots[first..].windows(2) {
        let ([xa, ya], [xb, yb]) = (pair[0], pair[1]);
        if xa >= to {
            break;
        }
        let (left, right) = (greater(xa, from), lesser(xb, to));
        if right > left {
            let middle = 0.5 * ((left - xa) + (right - xa)) / (xb - xa);
            sum += (right - left) * ((ya - y0) + middle * (yb - ya));
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::polygons::PolygonsBuf;

    fn chains(rings: &[&[Point]]) -> Chains {
        let mut built = PolygonsBuf::default();
        rings.iter().for_each(|ring| built.push_ring(ring.iter().copied()).unwrap());
        built.end_region().unwrap();
        let mut chains = Chains::default();
        chains.load(built.view().row(0));
        chains
    }

    /// Teeth of height 1 at a pitch of 2, `length` long, to the right.
    fn comb(teeth: u32, length: f64) -> Vec<Point> {
        let mut ring = vec![[-1.0, 2.0 * f64::from(teeth)], [-1.0, 0.0]];
        for tooth in 0..teeth {
            let y = 2.0 * f64::from(tooth);
            ring.extend([[length, y], [length, y + 1.0], [0.0, y + 1.0], [0.0, y + 2.0]]);
        }
        ring
    }

    #[test]
    fn combs_across_each_other() {
        let lying = comb(60, 120.0);
        let standing: Vec<Point> = lying.iter().rev().map(|&[x, y]| [y, x]).collect();
        let (a, b) = (chains(&[&lying]), chains(&[&standing]));
        // 60 x 60 squares where teeth cross, and the two backs: each back meets the other comb's back and teeth.
        let shared = product(&a, &b);
        assert!((shared - product(&b, &a)).abs() < 1e-9);
        assert!((shared - 3600.0).abs() < 1e-9, "{shared}");
        assert!((square(&a) - a.area).abs() < 1e-9);
    }

    #[test]
    fn slanting_combs_are_laid_level() {
        let turned = |&[x, y]: &Point| [0.8 * x - 0.6 * y, 0.6 * x + 0.8 * y];
        let moved = |&[x, y]: &Point| [x + 0.5, y + 0.25];
        let ring = comb(60, 120.0);
        let other: Vec<Point> = ring.iter().map(moved).collect();
        let level = product(&chains(&[&ring]), &chains(&[&other]));
        let (a, b): (Vec<_>, Vec<_>) =
            (ring.iter().map(turned).collect(), other.iter().map(turned).collect());
        let (a, b) = (chains(&[&a]), chains(&[&b]));
        assert!(Turn::worth_for(&[&a, &b]).is_some() && are_crowded(&a, &b));
        assert!((product(&a, &b) - level).abs() < 1e-13 * 3e4, "{} {level}", product(&a, &b));
        assert!((square(&a) - a.area).abs() < 1e-13 * 3e4);
    }

    #[test]
    fn double_cover_counts_four_times() {
        let square_ring = [[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]];
        let twice = [square_ring, square_ring].concat();
        assert_eq!(square(&chains(&[&twice])), 16.0);
        let hole = [[0.5, 0.5], [0.5, 1.5], [1.5, 1.5], [1.5, 0.5]];
        let region = chains(&[&square_ring, &hole]);
        assert_eq!((square(&region), product(&region, &chains(&[&square_ring]))), (3.0, 3.0));
    }

    #[test]
    fn spirals_agree_with_the_direct_sum() {
        let spiral = |phase: f64| {
            let arm = |k: u32, out: f64| {
                let t = f64::from(k) * 0.05;
                [(t + out) * (t + phase).cos(), (t + out) * (t + phase).sin()]
            };
            let mut ring: Vec<Point> = (40..2000).map(|k| arm(k, 2.0)).collect();
            ring.extend((40..2000).rev().map(|k| arm(k, 0.0)));
            if crate::geometry::area::ring_area(&ring) < 0.0 {
                ring.reverse();
            }
            chains(&[&ring])
        };
        let (a, b) = (spiral(0.0), spiral(1.0));
        let mut active = Vec::new();
        let direct = crate::geometry::overlap::direct(&a, &b, &mut active);
        let tiled = product(&a, &b);
        assert!((tiled - direct).abs() < 1e-13 * 4.0e4, "{tiled} {direct}");
        assert!((square(&a) - a.area).abs() < 1e-13 * 4.0e4);
    }
}
