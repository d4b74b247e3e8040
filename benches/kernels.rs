//! Cost of the kernels per pair of outlines, beside the `geo` crate on the same pairs: `cargo bench`.
//!
//! One thread, minimum of repeats, microseconds. Outlines are smooth star shapes with a little noise that lie as two annotators'
//! borders of one lesion do. `cargo bench -- FOLDER` takes the pairs that `benches/data.py` wrote there instead, and
//! leaves the table beside them as `kernels.json`.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program that prints a table")]

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

use geo::{Area, BooleanOps, HausdorffDistance};
use lesiongeo::geometry::boundary::Boundary;
use lesiongeo::geometry::chains::Chains;
use lesiongeo::geometry::hausdorff::{Method, hausdorff};
use lesiongeo::geometry::overlap::overlap;
use lesiongeo::geometry::validity::validity;
use lesiongeo::polygons::{Point, Polygons, PolygonsBuf};

/// Vertices of an outline, and the number of pairs.
const SIZES: [(usize, usize); 4] = [(12, 4000), (50, 2000), (200, 600), (1000, 120)];
/// Pairs for the quadratic distance of `geo`.
const FEW: usize = 100;

/// Outlines around a common centre; `phase` tells the two annotators apart.
fn outlines(count: usize, vertices: usize, phase: f64) -> PolygonsBuf {
    let mut built = PolygonsBuf::default();
    for k in 0..count {
        let seed = k as f64;
        let ring = (0..vertices).map(|i| {
            let angle = (i as f64 + 0.3 * phase) / vertices as f64 * std::f64::consts::TAU;
            let shape = 1.0 + 0.12 * (2.0 * angle + seed).sin() + 0.06 * (5.0 * angle + 2.0 * seed).cos();
            let hand = 1.0 + 0.03 * (3.0 * angle + seed + phase).sin() + 0.01 * (29.0 * angle + phase).cos();
            let radius = 80.0 * shape * hand;
            [512.0 + 3.0 * phase + radius * angle.cos(), 512.0 + radius * angle.sin()]
        });
        built.push_ring(ring).unwrap();
        built.end_region().unwrap();
    }
    built
}

/// The pairs of a file: first and second outline in turn, x, y, x, y, ... as little-endian float64.
fn read(path: &Path, vertices: usize) -> [PolygonsBuf; 2] {
    let bytes = fs::read(path).unwrap();
    let number = |bytes: &[u8]| f64::from_le_bytes(bytes.try_into().unwrap());
    let points: Vec<Point> =
        bytes.chunks_exact(16).map(|point| [number(&point[..8]), number(&point[8..])]).collect();
    let mut sides = [PolygonsBuf::default(), PolygonsBuf::default()];
    for (index, ring) in points.chunks_exact(vertices).enumerate() {
        let side = &mut sides[index % 2];
        side.push_ring(ring.iter().copied()).unwrap();
        side.end_region().unwrap();
    }
    sides
}

/// Microseconds per pair: the smallest of several rounds.
fn best(pairs: usize, mut work: impl FnMut(usize) -> f64) -> f64 {
    (0..7)
        .map(|_| {
            let start = Instant::now();
            (0..pairs).for_each(|index| {
                black_box(work(index));
            });
            start.elapsed().as_secs_f64() * 1e6 / pairs as f64
        })
        .fold(f64::INFINITY, f64::min)
}

/// The largest difference of two ways to the same number.
fn gap(pairs: usize, mut ours: impl FnMut(usize) -> f64, mut other: impl FnMut(usize) -> f64) -> f64 {
    (0..pairs).map(|k| (ours(k) - other(k)).abs()).fold(0.0, f64::max)
}

fn to_geo(polygons: Polygons, row: usize) -> geo::Polygon {
    let ring = polygons.row(row).iter().next().unwrap();
    geo::Polygon::new(ring.iter().map(|&[x, y]: &Point| (x, y)).collect(), vec![])
}

/// What was measured at one size, by name.
type Row = Vec<(&'static str, f64)>;

fn measure(vertices: usize, left: Polygons, right: Polygons) -> Row {
    let pairs = left.len();
    let mut chains = [Chains::default(), Chains::default()];
    let mut boundaries = [Boundary::default(), Boundary::default()];
    let mut active = Vec::new();
    let load = best(pairs, |k| {
        chains[0].load(left.row(k));
        chains[0].area
    });
    let valid = best(pairs, |k| {
        chains[0].load(left.row(k));
        f64::from(validity(left.row(k), &chains[0]) as u8)
    });
    let mut iou = |k| {
        let [a, b] = &mut chains;
        a.load(left.row(k));
        b.load(right.row(k));
        overlap(a, b, &mut active).iou()
    };
    let mut distance = |k| {
        let [a, b] = &mut boundaries;
        a.load(left.row(k));
        b.load(right.row(k));
        hausdorff(a, b, Method::Exact)
    };
    let geo: Vec<_> = (0..pairs).map(|k| (to_geo(left, k), to_geo(right, k))).collect();
    let geo_iou = |k: usize| {
        let (a, b) = &geo[k];
        let shared = a.intersection(b).unsigned_area();
        shared / (a.unsigned_area() + b.unsigned_area() - shared)
    };
    let geo_union = |k: usize| geo[k].0.union(&geo[k].1).unsigned_area();
    let geo_distance = |k: usize| geo[k].0.hausdorff_distance(&geo[k].1);
    let few = pairs.min(FEW);
    vec![
        ("vertices", vertices as f64),
        ("chains", load),
        ("valid", valid - load),
        ("iou", best(pairs, &mut iou)),
        ("hausdorff", best(pairs, &mut distance)),
        ("geo_iou", best(few, geo_iou)),
        ("geo_union", best(few, geo_union)),
        ("geo_hausdorff", best(if vertices > 500 { few.min(12) } else { few }, geo_distance)),
        ("geo_iou_error", gap(pairs, &mut iou, geo_iou)),
        ("geo_hausdorff_error", gap(few, &mut distance, geo_distance)),
    ]
}

fn main() {
    let folder = std::env::args().skip(1).find(|argument| !argument.starts_with("--")).map(PathBuf::from);
    let mut json = Vec::new();
    for (vertices, pairs) in SIZES {
        let [left, right] = match &folder {
            Some(folder) => read(&folder.join(format!("overlap-{vertices}.f64")), vertices),
            None => [outlines(pairs, vertices, 0.0), outlines(pairs, vertices, 1.0)],
        };
        let row = measure(vertices, left.view(), right.view());
        if json.is_empty() {
            println!("{}", row.iter().map(|(name, _)| format!("{name:>20}")).collect::<String>());
        }
        println!("{}", row.iter().map(|(_, value)| format!("{value:>20.9}")).collect::<String>());
        let fields: Vec<_> = row.iter().map(|(name, value)| format!("\"{name}\": {value:e}")).collect();
        json.push(format!("  {{{}}}", fields.join(", ")));
    }
    if let Some(folder) = folder {
        fs::write(folder.join("kernels.json"), format!("[\n{}\n]\n", json.join(",\n"))).unwrap();
    }
}
