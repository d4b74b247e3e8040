//! Painted pixels become outlines along the edges of the pixels.
//!
//! Pixels are connected by their edges, painted ones and holes alike: where two pixels only share a corner, the rings
//! touch there and do not go through. So every ring is simple, the winding number is 0 or 1 everywhere, the interior
//! of each part is connected, and the area is the number of painted pixels exactly.
//!
//! One sweep over the rows. Between two rows, stretches that are painted on one side only are horizontal edges; each
//! ends in two corners, and where the same edge of a run goes on from row to row nothing happens. So the cost is that
//! of the runs, and of the corners that come out. Edges keep the painted side to the right of their direction on the
//! screen, which makes outer rings positive and holes negative.

use crate::polygons::Point;
use crate::read::mask::Mask;
use crate::read::shapes::{Drawing, Unreadable};

/// Most vertices of one mask: 4 million. A drawn outline has thousands; more is noise, such as a mask without
/// smoothing.
pub const MOST_VERTICES: usize = 1 << 22;

/// Outline a mask.
pub fn trace(mask: &Mask, drawing: &mut Drawing) -> Result<(), Unreadable> {
    let width = mask.width();
    let mut tracer = Tracer::new(MOST_VERTICES);
    let (mut row, mut toggles) = (0, Vec::new());
    for &[mut start, end] in mask.runs() {
        while start < end {
            let (y, x) = (start / width, start % width);
            if y != row {
                if !toggles.is_empty() {
                    tracer.band(row, row + 1, &toggles)?;
                    toggles.clear();
                }
                row = y;
            }
            let whole = if x == 0 { (end - start) / width } else { 0 };
            if whole > 1 {
                tracer.band(y, y + whole, &[0, width])?;
                start += whole * width;
            } else {
                let stop = width.min(x + (end - start));
                toggles.extend([x, stop]);
                start += stop - x;
            }
        }
    }
    if !toggles.is_empty() {
        tracer.band(row, row + 1, &toggles)?;
    }
    tracer.finish(drawing)
}

/// No vertex.
const NONE: u32 = u32::MAX;
/// Marks places on the path that is being walked; the other numbers are those of finished rings.
const WALKED: u32 = 1 << 31;

/// Corners found so far, in the order of their rows and, within one, from left to right.
///
/// Corners come in pairs: an even one and, to its right, an odd one, joined by a horizontal edge. Where two pixels
/// touch at a corner, two pairs meet: the odd corner of one and the even corner of the next lie on the same point.
pub(super) struct Tracer {
    most: usize,
    corners: Vec<[u32; 2]>,
    /// The corner that an edge runs to from each corner.
    next: Vec<u32>,
    /// For each pair with paint above it: the corner where the right edge of the run above begins.
    run_above: Vec<u32>,
    /// Where the runs of the last row start and end, by turns, and the corner where each of these edges begins.
    toggles: Vec<u32>,
    tops: Vec<u32>,
    /// The row after the last one.
    until: u32,
    /// Reused.
    tops_below: Vec<u32>,
}

impl Tracer {
    /// One that gives up beyond a number of vertices.
    pub(super) fn new(most: usize) -> Tracer {
        Tracer {
            most: most.min(WALKED as usize / 2),
            corners: Vec::new(),
            next: Vec::new(),
            run_above: Vec::new(),
            toggles: Vec::new(),
            tops: Vec::new(),
            until: 0,
            tops_below: Vec::new(),
        }
    }

    /// Add the rows from `start` to before `end`, which are painted alike: from the first of the toggles to the
    /// second, from the third to the fourth, and so on, in increasing order. Rows come in order; those left out are
    /// empty.
    pub(super) fn band(&mut self, start: u32, end: u32, toggles: &[u32]) -> Result<(), Unreadable> {
        if start == self.until && toggles == self.toggles {
            self.until = end;
            return Ok(());
        }
        if start > self.until && !self.toggles.is_empty() {
            self.line(self.until, &[])?;
        }
        self.line(start, toggles)?;
        self.until = end;
        Ok(())
    }

    /// Find the corners between the last row and one that lies below it.
    fn line(&mut self, y: u32, below: &[u32]) -> Result<(), Unreadable> {
        self.tops_below.clear();
        self.tops_below.resize(below.len(), NONE);
        let (mut i, mut j) = (0, 0);
        while i < self.toggles.len() || j < below.len() {
            let (upper, lower) =
                (self.toggles.get(i).copied().unwrap_or(u32::MAX), below.get(j).copied().unwrap_or(u32::MAX));
            let x = upper.min(lower);
            // Whether paint lies to the left of here, above and below.
            let (above, under) = (i % 2 == 1, j % 2 == 1);
            let (toggles_above, toggles_under) = (upper == x, lower == x);
            match (toggles_above, toggles_under) {
                (true, true) if above == under => self.tops_below[j] = self.tops[i],
                (true, true) => {
                    // Each of the two pixels that touch turns about its own corner.
                    let (left, right) = (self.corner([x, y])?, self.corner([x, y])?);
                    let (up, down) = if above { (left, right) } else { (right, left) };
                    self.join_up(up, i);
                    self.tops_below[j] = down;
                }
                (true, false) => {
                    let corner = self.corner([x, y])?;
                    self.join_up(corner, i);
                }
                _ => self.tops_below[j] = self.corner([x, y])?,
            }
            i += usize::from(toggles_above);
            j += usize::from(toggles_under);
            let (above, under) = (i % 2 == 1, j % 2 == 1);
            // An even number of corners closes the edge to the left of here; it is there where above and below differ.
            if self.corners.len() % 2 == 1 {
                self.run_above.push(if above && !under { self.tops[i] } else { NONE });
            }
        }
        std::mem::swap(&mut self.tops, &mut self.tops_below);
        self.toggles.clear();
        self.toggles.extend_from_slice(below);
        Ok(())
    }

    /// A new corner; every second one ends a horizontal edge that began at the one before.
    fn corner(&mut self, place: [u32; 2]) -> Result<u32, Unreadable> {
        if self.corners.len() >= self.most {
            return Err(Unreadable {
                field: "value",
                code: "too_many_vertices",
                message: format!(
                    "the outline of the painted mask has more than {} vertices, so it is noise; smooth the mask or \
                     redraw the region",
                    self.most
                )
                .into(),
            });
        }
        let corner = self.corners.len() as u32;
        self.corners.push(place);
        self.next.push(NONE);
        if corner % 2 == 1 {
            let left = corner - 1;
            // Paint above the edge: it runs to the left.
            let (from, to) =
                if self.run_above[left as usize / 2] == NONE { (left, corner) } else { (corner, left) };
            self.next[from as usize] = to;
        }
        Ok(corner)
    }

    /// Join a corner to the vertical edge above it: left edges of runs go up, right ones come down.
    fn join_up(&mut self, corner: u32, toggle: usize) {
        let top = self.tops[toggle];
        let (from, to) = if toggle.is_multiple_of(2) { (corner, top) } else { (top, corner) };
        self.next[from as usize] = to;
    }

    /// Link the corners to rings: every part is its outer ring and then its holes, parts and holes in the order of
    /// their first corner, the leftmost of their topmost ones, where each ring starts.
    pub(super) fn finish(mut self, drawing: &mut Drawing) -> Result<(), Unreadable> {
        if !self.toggles.is_empty() {
            self.line(self.until, &[])?;
        }
        let mut rings = Rings { place: vec![NONE; self.corners.len()], ..Rings::default() };
        let mut path = Vec::new();
        for start in 0..self.corners.len() as u32 {
            if rings.place[start as usize] != NONE {
                continue;
            }
            path.clear();
            let mut corner = start;
            loop {
                // Back at a point of the path: what lies between is a ring of its own.
                if let Some(partner) = self.partner(corner) {
                    let place = rings.place[partner as usize];
                    if place != NONE && place & WALKED != 0 {
                        let from = (place ^ WALKED) as usize;
                        rings.add(&path[from..]);
                        path.truncate(from);
                    }
                }
                rings.place[corner as usize] = WALKED | path.len() as u32;
                path.push(corner);
                corner = self.next[corner as usize];
                if corner == start {
                    break;
                }
            }
            rings.add(&path);
        }
        self.draw(&rings, drawing);
        Ok(())
    }

    /// The corner on the same point, where two pixels touch.
    fn partner(&self, corner: u32) -> Option<u32> {
        let partner = if corner % 2 == 1 { corner + 1 } else { corner.checked_sub(1)? };
        (self.corners.get(partner as usize)? == &self.corners[corner as usize]).then_some(partner)
    }

    /// Hand out the rings part by part.
    fn draw(&self, rings: &Rings, drawing: &mut Drawing) {
        let mut order: Vec<u32> = (0..rings.ranges.len() as u32).collect();
        order.sort_unstable_by_key(|&ring| rings.first(ring));
        let mut part = vec![NONE; order.len()];
        let mut parts = 0;
        for &ring in &order {
            let first = rings.first(ring);
            // An outer ring sets out to the right.
            part[ring as usize] = if first.is_multiple_of(2) && self.next[first as usize] == first + 1 {
                parts += 1;
                parts - 1
            } else {
                // The run above a hole belongs to the part around it. Its right edge began further up, so on a ring
                // that has come before.
                let pair = first.div_ceil(2);
                part[rings.place[self.run_above[pair as usize] as usize] as usize]
            };
        }
        order.sort_by_key(|&ring| part[ring as usize]);
        drawing.points.reserve(self.corners.len());
        for &ring in &order {
            let [from, to] = rings.ranges[ring as usize];
            drawing.points.extend(rings.corners[from..to].iter().map(|&corner| -> Point {
                let [x, y] = self.corners[corner as usize];
                [f64::from(x), f64::from(y)]
            }));
            drawing.ends.push(drawing.points.len());
        }
    }
}

/// Simple rings of corners.
#[derive(Default)]
struct Rings {
    /// Ring after ring; each starts with its first corner.
    corners: Vec<u32>,
    ranges: Vec<[usize; 2]>,
    /// For each corner: the ring that has the edge which sets out there.
    place: Vec<u32>,
}

impl Rings {
    fn add(&mut self, path: &[u32]) {
        let ring = self.ranges.len() as u32;
        let from = self.corners.len();
        let first = path.iter().enumerate().min_by_key(|&(_, corner)| corner).map_or(0, |(index, _)| index);
        self.corners.extend(path[first..].iter().chain(&path[..first]));
        for &corner in path {
            self.place[corner as usize] = ring;
        }
        self.ranges.push([from, self.corners.len()]);
    }

    fn first(&self, ring: u32) -> u32 {
        self.corners[self.ranges[ring as usize][0]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::area::ring_area;
    use crate::geometry::chains::Chains;
    use crate::geometry::survey::Survey;
    use crate::geometry::validity::{Validity, judge};
    use crate::polygons::PolygonsBuf;

    /// Pixels as text: `#` is painted.
    fn mask(rows: &[&str]) -> Mask {
        let mut mask = Mask::new(rows[0].len() as u32, rows.len() as u32).unwrap();
        for (index, pixel) in rows.concat().bytes().enumerate() {
            if pixel == b'#' {
                mask.paint(index as u32, index as u32 + 1);
            }
        }
        mask
    }

    fn rings(mask: &Mask) -> Vec<Vec<Point>> {
        let mut drawing = Drawing::default();
        trace(mask, &mut drawing).unwrap();
        drawing.rings().map(<[Point]>::to_vec).collect()
    }

    #[test]
    fn a_pixel_and_a_rectangle() {
        assert_eq!(rings(&mask(&["...", ".#.", "..."])), [[[1.0, 1.0], [2.0, 1.0], [2.0, 2.0], [1.0, 2.0]]]);
        assert_eq!(rings(&mask(&["##", "##", "##"])), [[[0.0, 0.0], [2.0, 0.0], [2.0, 3.0], [0.0, 3.0]]]);
        assert!(rings(&mask(&["..."])).is_empty());
    }

    #[test]
    fn a_hole_runs_the_other_way_and_follows_its_part() {
        let found = rings(&mask(&["####.", "#..#.", "####.", "....#"]));
        assert_eq!(found[0], [[0.0, 0.0], [4.0, 0.0], [4.0, 3.0], [0.0, 3.0]]);
        assert_eq!(found[1], [[1.0, 1.0], [1.0, 2.0], [3.0, 2.0], [3.0, 1.0]]);
        assert_eq!(found[2], [[4.0, 3.0], [5.0, 3.0], [5.0, 4.0], [4.0, 4.0]]);
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn corners_that_touch_part_rings() {
        // Two pixels, either way.
        assert_eq!(rings(&mask(&["#.", ".#"])).len(), 2);
        assert_eq!(rings(&mask(&[".#", "#."])).len(), 2);
        // A hole that reaches the outside, or another hole, through a corner only.
        for rows in [
            [".###", "#.##", "####"],
            ["###.", "##.#", "####"],
            ["####", "##.#", "###."],
            ["####", "#.##", ".###"],
        ] {
            let found = rings(&mask(&rows));
            assert_eq!(
                found.iter().map(|ring| ring_area(ring)).collect::<Vec<_>>(),
                [11.0, -1.0],
                "{rows:?}"
            );
        }
        let two = rings(&mask(&["####", "#.##", "##.#", "####"]));
        assert_eq!(two.iter().map(|ring| ring_area(ring)).collect::<Vec<_>>(), [16.0, -1.0, -1.0]);
    }

    /// The parts of equal pixels connected by edges, in the order of their first pixels.
    fn parts(width: usize, pixels: &[bool], painted: bool) -> Vec<Vec<usize>> {
        let mut seen = vec![false; pixels.len()];
        let mut parts = Vec::new();
        for first in 0..pixels.len() {
            if seen[first] || pixels[first] != painted {
                continue;
            }
            let (mut part, mut waiting) = (Vec::new(), vec![first]);
            seen[first] = true;
            while let Some(at) = waiting.pop() {
                part.push(at);
                let mut visit = |next: usize| {
                    if !seen[next] && pixels[next] == painted {
                        seen[next] = true;
                        waiting.push(next);
                    }
                };
                if at % width > 0 {
                    visit(at - 1);
                }
                if at % width + 1 < width {
                    visit(at + 1);
                }
                if at >= width {
                    visit(at - width);
                }
                if at + width < pixels.len() {
                    visit(at + width);
                }
            }
            parts.push(part);
        }
        parts
    }

    /// Everything the outline of a mask promises, against counting pixels.
    fn check(width: usize, pixels: &[bool]) {
        let mut mask = Mask::new(width as u32, (pixels.len() / width) as u32).unwrap();
        for (index, _) in pixels.iter().enumerate().filter(|(_, painted)| **painted) {
            mask.paint(index as u32, index as u32 + 1);
        }
        let found = rings(&mask);
        let areas: Vec<f64> = found.iter().map(|ring| ring_area(ring)).collect();
        assert_eq!(areas.iter().sum::<f64>(), pixels.iter().filter(|painted| **painted).count() as f64);
        // The parts in order, with their sizes and their holes: what a part leaves of the plane, less the outside.
        let mut described: Vec<(usize, usize)> = Vec::new();
        for &area in &areas {
            if area > 0.0 {
                described.push((area as usize, 0));
            } else {
                let part = described.last_mut().unwrap();
                *part = (part.0 - -area as usize, part.1 + 1);
            }
        }
        let counted = parts(width, pixels, true).into_iter().map(|part| {
            let mut framed = vec![false; (width + 2) * (pixels.len() / width + 2)];
            part.iter()
                .for_each(|pixel| framed[(pixel / width + 1) * (width + 2) + pixel % width + 1] = true);
            (part.len(), parts(width + 2, &framed, false).len() - 1)
        });
        assert_eq!(described, counted.collect::<Vec<_>>());
        // Each ring is simple, turns at every vertex and starts at the first of them; together they wind around
        // painted pixels.
        let mut winding = vec![0_i32; pixels.len() + 1];
        for ring in &found {
            assert!(ring.iter().all(|point| (ring[0][1], ring[0][0]) <= (point[1], point[0])));
            let mut points = std::collections::HashSet::new();
            for (index, &from) in ring.iter().enumerate() {
                let to = ring[(index + 1) % ring.len()];
                let before = ring[(index + ring.len() - 1) % ring.len()];
                assert!(
                    (from[0] == to[0]) != (from[1] == to[1]) && (from[0] == to[0]) == (before[1] == from[1])
                );
                let length = (to[0] - from[0]).abs() + (to[1] - from[1]).abs();
                let step = [(to[0] - from[0]) / length, (to[1] - from[1]) / length];
                let mut at = from;
                while at != to {
                    assert!(points.insert((at[0] as i64, at[1] as i64)), "a ring meets itself at {at:?}");
                    if step[1] != 0.0 {
                        let y = at[1].min(at[1] + step[1]) as usize;
                        for x in 0..(at[0] as usize).min(width) {
                            winding[y * width + x] += step[1] as i32;
                        }
                    }
                    at = [at[0] + step[0], at[1] + step[1]];
                }
            }
        }
        assert!(pixels.iter().zip(&winding).all(|(&painted, &winding)| i32::from(painted) == winding));
        let mut columns = PolygonsBuf::default();
        found.iter().for_each(|ring| columns.push_ring(ring.iter().copied()).unwrap());
        columns.end_region().unwrap();
        let region = columns.view().row(0);
        let verdict = judge(region, Survey::of(region), &mut Chains::default());
        assert_eq!(verdict, if found.is_empty() { Validity::Empty } else { Validity::Valid });
    }

    #[test]
    fn every_mask_of_sixteen_pixels() {
        for (width, height) in [(4, 4), (3, 5), (8, 2), (1, 16), (16, 1)] {
            for code in 0..1_u32 << (width * height) {
                let pixels: Vec<bool> = (0..width * height).map(|bit| code >> bit & 1 == 1).collect();
                // One in 29 of the large ones; 29 is prime to the patterns.
                if code % 29 == 3 || width * height < 16 {
                    check(width, &pixels);
                }
            }
        }
    }

    #[test]
    fn random_masks() {
        let mut state = 7_u64;
        let mut random = |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % below
        };
        for round in 0..300 {
            let (width, height) = (1 + random(30) as usize, 1 + random(30) as usize);
            let mut pixels = vec![round % 3 == 0; width * height];
            match round % 3 {
                // Noise of any density.
                0 | 1 => {
                    let density = random(100);
                    pixels.iter_mut().for_each(|pixel| *pixel = random(100) < density);
                }
                // Rectangles painted and erased.
                _ => {
                    for _ in 0..random(20) {
                        let (x, y) = (random(width as u64) as usize, random(height as u64) as usize);
                        let (w, h) = (1 + random(12) as usize, 1 + random(12) as usize);
                        let paint = random(2) == 0;
                        for row in y..(y + h).min(height) {
                            pixels[row * width + x..row * width + (x + w).min(width)].fill(paint);
                        }
                    }
                }
            }
            check(width, &pixels);
        }
    }

    #[test]
    fn large_masks_cost_their_corners() {
        // 268 million pixels, all painted but the first and the last.
        let mut mask = Mask::new(1 << 14, 1 << 14).unwrap();
        mask.paint(1, (1 << 28) - 1);
        let found = rings(&mask);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].len(), ring_area(&found[0])), (8, f64::from((1 << 28) - 2)));
        let mut tall = Mask::new(1, 1 << 28).unwrap();
        tall.paint(5, 1 << 28);
        assert_eq!(rings(&tall)[0].len(), 4);
    }

    #[test]
    fn noise_beyond_the_limit_is_refused() {
        let mut tracer = Tracer::new(1000);
        let comb: Vec<u32> = (0..600).collect();
        assert_eq!(tracer.band(0, 1, &comb[..400]), Ok(()));
        let failed = (1..10).find_map(|row| {
            let shift = (row % 2) as usize;
            tracer.band(row, row + 1, &comb[shift..400 + shift]).err()
        });
        assert_eq!(failed.unwrap().code, "too_many_vertices");
    }
}
