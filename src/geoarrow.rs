//! Outlines in the layout of GeoArrow multipolygons with separate coordinates: closed rings, in parts, in regions.
//!
//! A part is an outline followed by its holes; it begins with the first ring of a region and with every later one that
//! adds (<https://geoarrow.org/format.html>).

use crate::error::Result;
use crate::geometry::area::ring_area;
use crate::polygons::{Polygons, offset};

/// Where rings, parts and regions end, each after a leading 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Levels {
    /// In vertices; the first vertex of a ring is repeated at its end.
    pub rings: Vec<i32>,
    /// In rings.
    pub parts: Vec<i32>,
    /// In parts.
    pub regions: Vec<i32>,
}

/// Find the parts and count the vertices of closed rings. O(rings), and O(vertices) of rings beyond the first of a region.
pub fn levels(outlines: Polygons) -> Result<Levels> {
    let (mut rings, mut parts, mut regions) = (vec![0], vec![0], vec![0]);
    let (mut vertices, mut ring, mut part) = (0, 0, 0);
    for row in outlines.rows() {
        for (place, points) in row.iter().enumerate() {
            if place > 0 && ring_area(points) >= 0.0 {
                parts.push(offset("rings", ring)?);
                part += 1;
            }
            vertices += points.len() + usize::from(!points.is_empty());
            rings.push(offset("vertices of closed rings", vertices)?);
            ring += 1;
        }
        if !row.is_empty() {
            parts.push(offset("rings", ring)?);
            part += 1;
        }
        regions.push(offset("parts", part)?);
    }
    Ok(Levels { rings, parts, regions })
}

/// Write x and y of all vertices, rings closed, into columns as long as the last entry of [`Levels::rings`].
pub fn coordinates(outlines: Polygons, x: &mut [f64], y: &mut [f64]) {
    let mut places = x.iter_mut().zip(y);
    for ring in outlines.rings() {
        for (&[px, py], (x, y)) in ring.iter().chain(ring.first()).zip(&mut places) {
            (*x, *y) = (px, py);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::polygons::PolygonsBuf;

    #[test]
    fn parts_begin_where_a_ring_adds() {
        let square =
            |at: f64, size: f64| [[at, at], [at + size, at], [at + size, at + size], [at, at + size]];
        let hole = |at: f64, size: f64| {
            let mut ring = square(at, size);
            ring.reverse();
            ring
        };
        let mut outlines = PolygonsBuf::default();
        for region in
            [vec![square(0.0, 9.0), hole(1.0, 2.0), square(20.0, 1.0)], vec![], vec![square(5.0, 1.0)]]
        {
            region.into_iter().for_each(|ring| outlines.push_ring(ring).unwrap());
            outlines.end_region().unwrap();
        }
        // A region whose only ring is empty.
        outlines.push_ring([]).unwrap();
        outlines.end_region().unwrap();
        let made = levels(outlines.view()).unwrap();
        assert_eq!(made.rings, [0, 5, 10, 15, 20, 20]);
        assert_eq!(made.parts, [0, 2, 3, 4, 5]);
        assert_eq!(made.regions, [0, 2, 2, 3, 4]);
        let (mut x, mut y) = ([0.0; 20], [0.0; 20]);
        coordinates(outlines.view(), &mut x, &mut y);
        assert_eq!(x[..5], [0.0, 9.0, 9.0, 0.0, 0.0]);
        assert_eq!(y[..5], [0.0, 0.0, 9.0, 9.0, 0.0]);
        assert_eq!(x[15..], [5.0, 6.0, 6.0, 5.0, 5.0]);
    }
}
