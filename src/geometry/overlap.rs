//! Area of intersection of two regions, and from it IoU and Dice, without building the intersection.
//!
//! With the winding number of a region written as the sum of the signs `s` of the chains above a point, the area
//! where both regions are is
//!
//! ```text
//! ∫∫ w_A w_B = - Σ_i Σ_j s_i s_j ∫ max(0, g_j(x) - f_i(x)) dx      f_i chains of A, g_j chains of B
//! ```
//!
//! over the x-ranges that the chains share (the signs cancel at every x, which removes all terms in one chain only).
//! No intersection point is classified and no inside test is made, so there is nothing to get inconsistent: the result
//! is a continuous function of the coordinates. The idea of overlap areas from edge pairs is old: W. R. Franklin and
//! V. Sivaswami, OVERPROP (1990); N. Hardy, "Area of intersection of polygons".
//!
//! The same sum of a region with itself is `∫∫ w²`, which equals `∫∫ w` exactly for valid outlines (w in {0, 1}).

use std::cmp::Ordering;

use crate::geometry::area::{boxes_meet, greater, lesser};
use crate::geometry::chains::{Chain, Chains, Knot};

/// Overlaps below this share of the common box are rounding noise of the sum and count as none.
const NOISE: f64 = 1e-14;

/// Areas of two regions and of what they share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Overlap {
    /// Area of the first region.
    pub area_a: f64,
    /// Area of the second region.
    pub area_b: f64,
    /// Area of the intersection, between 0 and the smaller of the two.
    pub intersection: f64,
}

impl Overlap {
    /// Jaccard index: intersection over union. NaN where a region has no area.
    pub fn iou(&self) -> f64 {
        if self.area_a > 0.0 && self.area_b > 0.0 {
            // Areas are added before anything is subtracted: the sum is the same bits when a and b swap.
            (self.intersection / (self.area_a + self.area_b - self.intersection)).min(1.0)
        } else {
            f64::NAN
        }
    }

    /// Sørensen-Dice index: twice the intersection over the sum of areas. NaN where a region has no area.
    pub fn dice(&self) -> f64 {
        if self.area_a > 0.0 && self.area_b > 0.0 {
            (2.0 * self.intersection / (self.area_a + self.area_b)).min(1.0)
        } else {
            f64::NAN
        }
    }
}

/// Areas and overlap of two valid regions. `active` is scratch.
///
/// The value is the same bits when the regions swap, and exactly the area when they are the same region.
pub fn overlap(a: &Chains, b: &Chains, active: &mut Vec<u32>) -> Overlap {
    let (area_a, area_b) = (a.area.max(0.0), b.area.max(0.0));
    let none = Overlap { area_a, area_b, intersection: 0.0 };
    if !boxes_meet(&a.bounds, &b.bounds) {
        return none;
    }
    let (first, second) = match a.canonical_order(b) {
        Ordering::Less => (a, b),
        Ordering::Greater => (b, a),
        // The same region; areas could differ in the last bit if the rings start at different vertices.
        Ordering::Equal => {
            let area = area_a.max(area_b);
            return Overlap { area_a: area, area_b: area, intersection: area };
        }
    };
    let mut sum = 0.0;
    each_meeting_pair(first, second, active, |f, g| {
        // A chain of the second region wholly below adds nothing.
        if g.y_max > f.y_min {
            sum -= f.sign * g.sign * positive_part(first, f, second, g);
        }
    });
    let width = a.bounds[2].min(b.bounds[2]) - a.bounds[0].max(b.bounds[0]);
    let height = a.bounds[3].max(b.bounds[3]) - a.bounds[1].min(b.bounds[1]);
    if sum <= NOISE * width * height {
        return none;
    }
    Overlap { area_a, area_b, intersection: sum.min(area_a).min(area_b) }
}

/// `∫∫ w²` of one region: each unordered pair of chains once, by the absolute difference.
pub fn squared_winding(region: &Chains) -> f64 {
    let mut sum = 0.0;
    for (index, f) in region.chains.iter().enumerate() {
        for g in &region.chains[index + 1..] {
            if g.x_min >= f.x_max {
                break;
            }
            sum -= f.sign * g.sign * absolute(region, f, g);
        }
    }
    sum
}

/// Call `meet` for each pair of chains that share an x-range. Both lists are sorted by left end.
fn each_meeting_pair(a: &Chains, b: &Chains, active: &mut Vec<u32>, mut meet: impl FnMut(&Chain, &Chain)) {
    active.clear();
    let mut next = 0;
    for f in &a.chains {
        active.retain(|&index| b.chains[index as usize].x_max > f.x_min);
        while let Some(g) = b.chains.get(next)
            && g.x_min < f.x_max
        {
            if g.x_max > f.x_min {
                active.push(next as u32);
            }
            next += 1;
        }
        for &index in active.iter() {
            let g = &b.chains[index as usize];
            if g.x_min < f.x_max {
                meet(f, g);
            }
        }
    }
}

/// `∫ max(0, g - f) dx` over the common x-range.
fn positive_part(a: &Chains, f: &Chain, b: &Chains, g: &Chain) -> f64 {
    if g.y_min >= f.y_max {
        return difference(a, f, b, g);
    }
    merge(a.knots(f), b.knots(g), |dx, d0, d1| {
        let positive = greater(d0, 0.0) + greater(d1, 0.0);
        // Only where the edges cross is the trapezoid cut to a triangle: rare, so the division stays out of the way.
        let share = if d0 * d1 < 0.0 { positive / (d0.abs() + d1.abs()) } else { 1.0 };
        dx * positive * share
    }) * 0.5
}

/// `∫ |g - f| dx` over the common x-range of two chains of one region.
fn absolute(region: &Chains, f: &Chain, g: &Chain) -> f64 {
    if g.y_min >= f.y_max || f.y_min >= g.y_max {
        return difference(region, f, region, g).abs();
    }
    merge(region.knots(f), region.knots(g), |dx, d0, d1| {
        let whole = d0.abs() + d1.abs();
        if d0 * d1 < 0.0 { dx * ((d0 * d0 + d1 * d1) / whole) } else { dx * whole }
    }) * 0.5
}

/// `∫ (g - f) dx` over the common x-range, from the prefix integrals: two look-ups instead of a merge.
fn difference(a: &Chains, f: &Chain, b: &Chains, g: &Chain) -> f64 {
    let (from, to) = (f.x_min.max(g.x_min), f.x_max.min(g.x_max));
    let (f_knots, g_knots) = (a.knots(f), b.knots(g));
    (to - from) * (g_knots[0].y - f_knots[0].y) + (area_under(g_knots, from, to) - area_under(f_knots, from, to))
}

/// Integral of the chain's value less its first value, between two positions inside the chain.
fn area_under(knots: &[Knot], from: f64, to: f64) -> f64 {
    let base = knots[0].y;
    let up_to = |x: f64| {
        if x >= knots[knots.len() - 1].x {
            return knots[knots.len() - 1].integral;
        }
        let knot = &knots[edge_at(knots, x)];
        let dx = x - knot.x;
        knot.integral + dx * ((knot.y - base) + 0.5 * dx * knot.slope)
    };
    if from == knots[0].x { up_to(to) } else { up_to(to) - up_to(from) }
}

/// Index of the edge that contains x, for x inside the chain.
fn edge_at(knots: &[Knot], x: f64) -> usize {
    knots.partition_point(|knot| knot.x <= x).saturating_sub(1).min(knots.len() - 2)
}

/// Sum `cell(dx, d0, d1)` over the cells between neighbouring knots of either chain, where d = g - f is linear.
///
/// Values are differences of knots plus the rises along the two edges, so the sum does not depend on where the origin
/// lies, and an edge that both chains share has difference 0 to the bit. Both ends of each cell are evaluated from the
/// edges of that cell: nothing is carried over a vertical step, and no branch depends on the data.
#[inline(always)]
fn merge(f: &[Knot], g: &[Knot], cell: impl Fn(f64, f64, f64) -> f64) -> f64 {
    let mut x = f[0].x.max(g[0].x);
    let mut i = if f[0].x < x { edge_at(f, x) } else { 0 };
    let mut j = if g[0].x < x { edge_at(g, x) } else { 0 };
    let mut sum = 0.0;
    while i + 1 < f.len() && j + 1 < g.len() {
        let (f0, g0) = (&f[i], &g[j]);
        let (f_end, g_end) = (f[i + 1].x, g[j + 1].x);
        let x_next = lesser(f_end, g_end);
        let step = g0.y - f0.y;
        let d0 = step + ((x - g0.x) * g0.slope - (x - f0.x) * f0.slope);
        let d1 = step + ((x_next - g0.x) * g0.slope - (x_next - f0.x) * f0.slope);
        sum += cell(x_next - x, d0, d1);
        x = x_next;
        i += usize::from(f_end <= g_end);
        j += usize::from(g_end <= f_end);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::polygons::{Point, PolygonsBuf};

    fn chains(rings: &[&[Point]]) -> Chains {
        let mut built = PolygonsBuf::default();
        rings.iter().for_each(|ring| built.push_ring(ring.iter().copied()).unwrap());
        built.end_region().unwrap();
        let mut chains = Chains::default();
        chains.load(built.view().row(0));
        chains
    }

    fn shared(a: &[&[Point]], b: &[&[Point]]) -> f64 {
        let (a, b) = (chains(a), chains(b));
        let both = overlap(&a, &b, &mut Vec::new());
        assert_eq!(both.intersection, overlap(&b, &a, &mut Vec::new()).intersection);
        both.intersection
    }

    const SQUARE: [Point; 4] = [[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]];

    #[test]
    fn shifted_squares() {
        let shifted = SQUARE.map(|[x, y]| [x + 1.0, y + 0.5]);
        assert_eq!(shared(&[&SQUARE], &[&shifted]), 1.5);
        let both = overlap(&chains(&[&SQUARE]), &chains(&[&shifted]), &mut Vec::new());
        assert_eq!((both.iou(), both.dice()), (1.5 / 6.5, 3.0 / 8.0));
    }

    #[test]
    fn square_and_its_midpoint_diamond() {
        assert_eq!(shared(&[&SQUARE], &[&[[1.0, 0.0], [2.0, 1.0], [1.0, 2.0], [0.0, 1.0]]]), 2.0);
    }

    #[test]
    fn crossing_bars() {
        let (flat, tall) = (
            [[0.0, 2.0], [5.0, 2.0], [5.0, 3.0], [0.0, 3.0]],
            [[2.0, 0.0], [3.0, 0.0], [3.0, 5.0], [2.0, 5.0]],
        );
        assert_eq!(shared(&[&flat], &[&tall]), 1.0);
    }

    #[test]
    fn holes_and_parts() {
        let hole: Vec<Point> = SQUARE.iter().rev().map(|[x, y]| [x / 2.0 + 0.5, y / 2.0 + 0.5]).collect();
        let far = SQUARE.map(|[x, y]| [x + 3.0, y]);
        // The square with a unit hole in its middle, and a second part to the right.
        let region: [&[Point]; 3] = [&SQUARE, &hole, &far];
        assert_eq!(shared(&region, &[&SQUARE]), 3.0);
        let wide = [[-1.0, 0.5], [9.0, 0.5], [9.0, 1.5], [-1.0, 1.5]];
        assert_eq!(shared(&region, &[&wide]), 3.0);
        assert_eq!(shared(&region, &region), 7.0);
    }

    #[test]
    fn touching_shares_nothing_and_identical_shares_all() {
        let beside = SQUARE.map(|[x, y]| [x + 2.0, y]);
        assert_eq!(shared(&[&SQUARE], &[&beside]), 0.0);
        let ring = [[0.1, 0.7], [3.3, -1.9], [2.6, 1.1], [4.7, 3.2], [1.3, 2.8]];
        let mut turned = ring;
        turned.rotate_left(3);
        let both = overlap(&chains(&[&ring]), &chains(&[&turned]), &mut Vec::new());
        assert_eq!((both.iou(), both.dice()), (1.0, 1.0));
    }

    #[test]
    fn winding_squared_counts_double_cover() {
        assert_eq!(squared_winding(&chains(&[&SQUARE])), 4.0);
        // Wound twice: w = 2 on 4 square units.
        let twice = [SQUARE, SQUARE].concat();
        assert_eq!(squared_winding(&chains(&[&twice])), 16.0);
        // A bow tie: its lobes have w = +1 and -1, each 1 square unit.
        assert_eq!(squared_winding(&chains(&[&[[0.0, 0.0], [2.0, 2.0], [2.0, 0.0], [0.0, 2.0]]])), 2.0);
    }

    #[test]
    fn no_area_no_ratio() {
        let line = chains(&[&[[0.0, 0.0], [1.0, 1.0]]]);
        let both = overlap(&line, &chains(&[&SQUARE]), &mut Vec::new());
        assert!(both.iou().is_nan() && both.dice().is_nan());
        assert_eq!(both.intersection, 0.0);
    }
}
