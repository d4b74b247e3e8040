//! Columns of outlines from outside: checked fully, opened, oriented by role, and looked at once.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use crate::batch;
use crate::error::{Error, Result};
use crate::geometry::overlay;
use crate::geometry::survey::{Survey, survey};
use crate::polygons::{Level, MAX_COORDINATE, Point, Polygons, PolygonsBuf, check_offsets, offset};

/// Share of its box that the lobes of a hole may leave when they cancel: what rounding does to a sum.
const CANCELLED: f64 = 1e-12;

/// What decides whether a ring adds or subtracts when columns come in from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Roles {
    /// The first ring of each part is its outline, the others are holes; the drawing direction means nothing.
    FirstIsOutline,
    /// The direction of each ring is its role already.
    Oriented,
}

/// Take columns from outside: check them fully, open closed rings, orient each ring by its role. Also returns what was
/// seen of each region.
///
/// `part_offsets` is the middle level of multi-part input (offsets into rings); `polygon_offsets` then counts parts.
pub fn ingest(
    xy: &[Point],
    ring_offsets: &[i32],
    part_offsets: Option<&[i32]>,
    polygon_offsets: &[i32],
    roles: Roles,
    threads: usize,
) -> Result<(PolygonsBuf, Vec<Survey>)> {
    let flattened: Vec<i32>;
    let polygon_offsets = match part_offsets {
        None => polygon_offsets,
        Some(parts) => {
            let rings = ring_offsets.len().saturating_sub(1);
            let count = parts.len().saturating_sub(1);
            check_offsets("polygon_offsets", polygon_offsets, "part_offsets", count, Level::Row)?;
            check_offsets("part_offsets", parts, "ring_offsets", rings, Level::Part)?;
            flattened = polygon_offsets.iter().map(|&part| parts[part as usize]).collect();
            &flattened
        }
    };
    let taker = Taker {
        source: Polygons::new(xy, ring_offsets, polygon_offsets)?,
        polygon_offsets,
        part_offsets,
        roles,
    };
    match taker.in_place(threads)? {
        Some(taken) => Ok(taken),
        None => taker.one_by_one(),
    }
}

struct Taker<'a> {
    source: Polygons<'a>,
    polygon_offsets: &'a [i32],
    part_offsets: Option<&'a [i32]>,
    roles: Roles,
}

impl Taker<'_> {
    /// Whether a ring of the source is the outline of its part.
    fn is_outline(&self, row: usize, index: usize) -> bool {
        match self.part_offsets {
            None => index == 0,
            Some(parts) => {
                let ring = self.polygon_offsets[row] + index as i32;
                parts.binary_search(&ring).is_ok()
            }
        }
    }

    /// Copy all rows to where they belong, in parallel. `None` where a ring has to be replaced by other rings.
    fn in_place(&self, threads: usize) -> Result<Option<(PolygonsBuf, Vec<Survey>)>> {
        let mut ring_offsets = Vec::with_capacity(self.source.n_rings() + 1);
        ring_offsets.push(0);
        let mut stop = 0;
        for ring in self.source.rings() {
            stop += open(ring).len();
            ring_offsets.push(offset("vertices", stop)?);
        }
        keep_freed_memory();
        let mut xy = vec![[0.0; 2]; stop];
        let mut parts = Vec::new();
        let mut left = &mut xy[..];
        let mut taken = 0;
        for rows in batch::chunks(self.source.len(), stop) {
            let end = ring_offsets[self.polygon_offsets[rows.end] as usize] as usize;
            let (own, rest) = left.split_at_mut(end - taken);
            parts.push((rows, Mutex::new(own)));
            (left, taken) = (rest, end);
        }
        let seen = batch::share(threads, &parts, stop, |(rows, own)| {
            self.take(rows.clone(), &mut own.lock().unwrap_or_else(PoisonError::into_inner))
        })?;
        drop(parts);
        let Some(seen) = seen.into_iter().collect::<Option<Vec<_>>>() else { return Ok(None) };
        let polygon_offsets = self.polygon_offsets.to_vec();
        Ok(Some((PolygonsBuf { xy, ring_offsets, polygon_offsets }, joined(seen))))
    }

    /// Copy some rows into their place.
    fn take(&self, rows: Range<usize>, mut own: &mut [Point]) -> Result<Option<Vec<Survey>>> {
        let mut seen = Vec::with_capacity(rows.len());
        for row in rows {
            let rings = self.source.row(row);
            let mut all: Option<Survey> = None;
            for (index, ring) in rings.iter().enumerate() {
                let from = open(ring);
                let (to, rest) = own.split_at_mut(from.len());
                own = rest;
                to.copy_from_slice(from);
                let mut one = survey(to);
                if !one.is_finite(MAX_COORDINATE) {
                    check_coordinates(row, index, ring)?;
                }
                if self.roles == Roles::FirstIsOutline {
                    let outline = self.is_outline(row, index);
                    if has_no_direction(to, &one, outline) {
                        return Ok(None);
                    }
                    if (one.area > 0.0) != outline && one.area != 0.0 {
                        to.reverse();
                        one = survey(to);
                    }
                }
                all = Some(all.map_or(one, |all| all.with(one)));
            }
            seen.push(all.unwrap_or(Survey::NOTHING));
        }
        Ok(Some(seen))
    }

    /// The same ring by ring, for batches where a ring has to be replaced.
    #[cold]
    fn one_by_one(&self) -> Result<(PolygonsBuf, Vec<Survey>)> {
        let mut taken = PolygonsBuf::default();
        for (row, rings) in self.source.rows().enumerate() {
            for (index, ring) in rings.iter().enumerate() {
                check_coordinates(row, index, ring)?;
                let ring = open(ring);
                if self.roles == Roles::Oriented {
                    taken.push_ring(ring.iter().copied())?;
                    continue;
                }
                let (outline, seen) = (self.is_outline(row, index), survey(ring));
                let area = seen.area;
                if has_no_direction(ring, &seen, outline) {
                    for simple in overlay::nonzero(ring) {
                        taken.push_ring(simple.into_iter().rev())?;
                    }
                } else if (area > 0.0) == outline || area == 0.0 {
                    taken.push_ring(ring.iter().copied())?;
                } else {
                    taken.push_ring(ring.iter().rev().copied())?;
                }
            }
            taken.end_region()?;
        }
        let seen = taken.view().rows().map(Survey::of).collect();
        Ok((taken, seen))
    }
}

/// Have the C library keep freed memory for the next batch.
///
/// Outlines fresh from the system cost a page fault per 256 vertices, as much as their intersection. glibc returns
/// blocks above a threshold at once, but raises that threshold, up to 32 MiB, when such a block is freed (mallopt(3),
/// `M_MMAP_THRESHOLD`). This frees one, which is never touched; elsewhere it does nothing.
fn keep_freed_memory() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| drop(std::hint::black_box(Vec::<u8>::with_capacity((32 << 20) - (64 << 10)))));
}

/// Whether this is a hole whose lobes cancel (a symmetric bow tie), but for rounding: it has no direction that could carry
/// its role, so its interior is taken instead, as simple rings, each with a direction.
fn has_no_direction(ring: &[Point], seen: &Survey, outline: bool) -> bool {
    let [x0, y0, x1, y1] = seen.bounds;
    !outline && ring.len() > 3 && seen.area.abs() <= CANCELLED * (x1 - x0) * (y1 - y0)
}

fn joined(mut parts: Vec<Vec<Survey>>) -> Vec<Survey> {
    if parts.len() == 1 { parts.remove(0) } else { parts.concat() }
}

/// The ring without the repetition of its first vertex at the end.
fn open(ring: &[Point]) -> &[Point] {
    match ring {
        [first, inner @ .., last] if first == last && !inner.is_empty() => &ring[..ring.len() - 1],
        _ => ring,
    }
}

fn check_coordinates(row: usize, ring: usize, points: &[Point]) -> Result<()> {
    // NaN fails the comparison too.
    let usable = |value: f64| value.abs() <= MAX_COORDINATE;
    match points.iter().position(|&[x, y]| !(usable(x) && usable(y))) {
        None => Ok(()),
        Some(vertex) => {
            let [x, y] = points[vertex];
            Err(Error::Coordinate { row, ring, vertex, x, y })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::area::ring_area;

    const SQUARE: [Point; 5] = [[0.0, 0.0], [0.0, 2.0], [2.0, 2.0], [2.0, 0.0], [0.0, 0.0]];

    #[test]
    fn a_drawn_outline_is_opened_and_made_positive() {
        let taken = ingest(&SQUARE, &[0, 5], None, &[0, 1], Roles::FirstIsOutline, 1).unwrap().0;
        assert_eq!(taken.xy, [[2.0, 0.0], [2.0, 2.0], [0.0, 2.0], [0.0, 0.0]]);
        assert_eq!(ring_area(&taken.xy), 4.0);
        assert_eq!(ingest(&SQUARE, &[0, 5], None, &[0, 1], Roles::Oriented, 1).unwrap().0.xy, SQUARE[..4]);
    }

    #[test]
    fn holes_are_negative_and_parts_are_flattened() {
        let far: Vec<Point> = SQUARE.iter().map(|[x, y]| [x + 9.0, y + 9.0]).collect();
        let hole: Vec<Point> = SQUARE.iter().map(|[x, y]| [x / 4.0 + 0.5, y / 4.0 + 0.5]).collect();
        let xy = [&SQUARE[..], &hole, &far].concat();
        let taken =
            ingest(&xy, &[0, 5, 10, 15], Some(&[0, 2, 3]), &[0, 2], Roles::FirstIsOutline, 1).unwrap().0;
        let areas: Vec<f64> = taken.view().row(0).iter().map(ring_area).collect();
        assert_eq!(areas, [4.0, -0.25, 4.0]);
    }

    #[test]
    fn a_hole_without_direction_still_subtracts() {
        let bow_tie = [[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0]];
        let outline = [[-1.0, -1.0], [2.0, -1.0], [2.0, 2.0], [-1.0, 2.0]];
        let xy = [&outline[..], &bow_tie].concat();
        let taken = ingest(&xy, &[0, 4, 8], None, &[0, 2], Roles::FirstIsOutline, 1).unwrap().0;
        let total: f64 = taken.view().row(0).iter().map(ring_area).sum();
        assert!((total - 8.5).abs() < 1e-15);
    }

    #[test]
    fn coordinates_are_checked_by_place() {
        let mut xy = SQUARE;
        xy[3][1] = f64::NAN;
        let error = ingest(&xy, &[0, 5], None, &[0, 1], Roles::Oriented, 1).unwrap_err();
        assert!(matches!(error, Error::Coordinate { row: 0, ring: 0, vertex: 3, .. }));
    }
}
