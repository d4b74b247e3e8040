//! Doubles on a grid of whole numbers and back: where predicates and areas are exact.
//!
//! The cell of a grid is a power of two along each axis, about 2^-62 of the extent of what lies on it, so a coordinate is
//! moved only where it is finer than a double of the size of the extent, by at most half a unit in the last place of
//! that. The origin is subtracted after scaling, in 128 bits: a small outline far away keeps every digit. Vertices come
//! back as drawn.
//! Cells need not be square: which side of a line a place lies on, and shares of areas, are the same after scaling.

use crate::geometry::area::{Bounds, NO_BOUNDS, greater, lesser};
use crate::polygons::Point;

/// A place on the grid, within 2^61 + 2 of 0 along both axes: differences of such fit 63 bits, twice an area 126.
pub type Cell = [i64; 2];

/// Side of the square that a grid covers, as a power of two.
const SPAN_BITS: i32 = 62;
/// Points are placed on every 2^8th cell only: at most one unit in the last place of the largest coordinate apart. The
/// cells between are for crossing points. Edges a few cells apart that cross at tiny angles would, with each crossing
/// rounded to a cell, cross again elsewhere, and double in number with every pass of the engine.
const LATTICE_BITS: i32 = 8;

/// A grid around some points.
#[derive(Clone, Debug)]
pub struct Grid {
    /// Cells per pixel along x and y, as powers of two.
    exponents: [i32; 2],
    origin: [i128; 2],
    /// The box of the points.
    low: Cell,
    high: Cell,
    /// Points that do not lie on the grid, sorted by the cells that they got.
    moved: Vec<(Cell, Point)>,
}

impl Grid {
    /// The finest grid around these points.
    pub fn around<'a>(points: impl Iterator<Item = &'a Point> + Clone) -> Self {
        let bounds = bounds(points.clone());
        let exponents = [0, 1].map(|axis| {
            let extent = bounds[axis + 2] - bounds[axis];
            // Where all is on one line, its own size decides, so that its cells fit.
            SPAN_BITS - 1 - log2(if extent > 0.0 { extent } else { largest(&bounds, axis) })
        });
        let mut grid = Grid::new(exponents, &bounds);
        for &point in points {
            let cell = grid.cell(point);
            if grid.nearest(cell) != point {
                grid.moved.push((cell, point));
            }
        }
        // Of several points in one cell the same one is taken, whatever their order.
        grid.moved.sort_unstable_by(|(a, p), (b, q)| a.cmp(b).then(order(p, q)));
        grid
    }

    fn new(exponents: [i32; 2], bounds: &Bounds) -> Self {
        let mut grid = Grid { exponents, origin: [0; 2], low: [0; 2], high: [0; 2], moved: Vec::new() };
        let [x0, y0, x1, y1] = *bounds;
        if x0 <= x1 {
            grid.origin = [0, 1]
                .map(|axis| (grid.scaled(bounds[axis], axis) + grid.scaled(bounds[axis + 2], axis)) >> 1);
            (grid.low, grid.high) = (grid.cell([x0, y0]), grid.cell([x1, y1]));
        }
        grid
    }

    /// The place of a point, rounded to the nearest.
    pub fn cell(&self, point: Point) -> Cell {
        [0, 1].map(|axis| (self.scaled(point[axis], axis) - self.origin[axis]) as i64)
    }

    /// The point of a place: as drawn where a drawn vertex lies there, else the nearest doubles.
    pub fn point(&self, cell: Cell) -> Point {
        if !self.moved.is_empty() {
            let first = self.moved.partition_point(|(place, _)| *place < cell);
            if let Some(&(place, point)) = self.moved.get(first)
                && place == cell
            {
                return point;
            }
        }
        self.nearest(cell)
    }

    fn nearest(&self, cell: Cell) -> Point {
        [0, 1].map(|axis| power(-self.exponents[axis], (i128::from(cell[axis]) + self.origin[axis]) as f64))
    }

    /// An area in pixels from twice that area in cells.
    pub fn area(&self, twice: i128) -> f64 {
        power(-self.exponents[0], power(-self.exponents[1], 0.5 * twice as f64))
    }

    /// The rectangle one cell outside of everything, positive.
    pub fn frame(&self) -> [Cell; 4] {
        let ([x0, y0], [x1, y1]) = (self.low, self.high);
        [[x0 - 1, y0 - 1], [x1 + 1, y0 - 1], [x1 + 1, y1 + 1], [x0 - 1, y1 + 1]]
    }

    fn scaled(&self, value: f64, axis: usize) -> i128 {
        (power(self.exponents[axis] - LATTICE_BITS, value).round_ties_even() as i128) << LATTICE_BITS
    }
}

/// Twice the signed area of a ring, exact: sums wrap on the way, the area itself fits.
pub fn twice_area(ring: &[Cell]) -> i128 {
    let Some(&[x0, y0]) = ring.first() else { return 0 };
    let local = |[x, y]: Cell| [i128::from(x) - i128::from(x0), i128::from(y) - i128::from(y0)];
    ring.windows(2).fold(0_i128, |sum, pair| {
        let ([ax, ay], [bx, by]) = (local(pair[0]), local(pair[1]));
        sum.wrapping_add(ax.wrapping_mul(by)).wrapping_sub(ay.wrapping_mul(bx))
    })
}

/// On which side of the line from a to b the place c lies: positive where a, b, c turn as a positive ring does. Exact.
pub fn side(a: Cell, b: Cell, c: Cell) -> i128 {
    let difference = |p: Cell, q: Cell| [0, 1].map(|axis| i128::from(q[axis]) - i128::from(p[axis]));
    let ([ux, uy], [vx, vy]) = (difference(a, b), difference(a, c));
    ux * vy - uy * vx
}

/// How often a ring winds around a place that is not on it.
pub fn winding(ring: &[Cell], place: Cell) -> i32 {
    let Some(&last) = ring.last() else { return 0 };
    let mut previous = last;
    let mut turns = 0;
    for &current in ring {
        if (previous[1] <= place[1]) != (current[1] <= place[1]) {
            let upward = previous[1] <= place[1];
            if (side(previous, current, place) > 0) == upward {
                turns += if upward { 1 } else { -1 };
            }
        }
        previous = current;
    }
    turns
}

/// Smaller points first, by x and then y.
pub fn order(a: &Point, b: &Point) -> std::cmp::Ordering {
    a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1]))
}

fn bounds<'a>(points: impl Iterator<Item = &'a Point>) -> Bounds {
    points.fold(NO_BOUNDS, |[x0, y0, x1, y1], &[x, y]| {
        [lesser(x0, x), lesser(y0, y), greater(x1, x), greater(y1, y)]
    })
}

fn largest(bounds: &Bounds, axis: usize) -> f64 {
    greater(bounds[axis].abs(), bounds[axis + 2].abs())
}

/// The whole part of the logarithm: 2^log2 <= value < 2^(log2 + 1); for subnormal numbers and 0 the smallest normal one.
fn log2(value: f64) -> i32 {
    ((value.to_bits() >> 52) & 0x7ff).max(1) as i32 - 1023
}

/// `value * 2^exponent`, in two steps because the power alone may not be a double.
fn power(exponent: i32, value: f64) -> f64 {
    let half = exponent >> 1;
    let two_to = |exponent: i32| f64::from_bits(((exponent + 1023) as u64) << 52);
    value * two_to(half) * two_to(exponent - half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_points_come_back() {
        let sets: [&[Point]; 6] = [
            &[[0.1, 0.2], [1023.7, 511.3], [1e-9, 1e-300]],
            &[[1e15, 1e15], [1e15 + 0.125, 1e15 + 0.25]],
            &[[1e-310, 3e-320], [-2e-310, 0.0]],
            &[[1e150, -1e150], [-1e150, 1e150], [1.0, 0.3]],
            &[[0.3, 0.3]],
            &[[0.0, 0.0], [f64::EPSILON, 7.0]],
        ];
        for points in sets {
            let grid = Grid::around(points.iter());
            for &point in points {
                let cell = grid.cell(point);
                assert!(cell.iter().all(|value| value.unsigned_abs() <= (1 << 61) + 1), "{cell:?}");
                assert_eq!(grid.point(cell), point);
            }
        }
    }

    #[test]
    fn areas_are_exact_up_to_the_corners() {
        let points = [[-1e150, -1e150], [1e150, 1e150]];
        let grid = Grid::around(points.iter());
        assert!((grid.area(twice_area(&grid.frame())) / 4e300 - 1.0).abs() < 1e-15);
        let tiny = [[0.0, 0.0], [3e-150, 4e-150]];
        let grid = Grid::around(tiny.iter());
        assert!((grid.area(twice_area(&grid.frame())) / 12e-300 - 1.0).abs() < 1e-15);
    }

    #[test]
    fn sides_and_windings() {
        assert!(side([0, 0], [4, 0], [1, 3]) > 0);
        assert_eq!(side([0, 0], [4, 2], [2, 1]), 0);
        let square = [[0, 0], [4, 0], [4, 4], [0, 4]];
        assert_eq!((winding(&square, [1, 1]), winding(&square, [5, 1])), (1, 0));
        let reversed: Vec<Cell> = square.iter().rev().copied().collect();
        assert_eq!(winding(&reversed, [1, 1]), -1);
        assert_eq!(winding(&[square, square].concat(), [1, 1]), 2);
    }
}
