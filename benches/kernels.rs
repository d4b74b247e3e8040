//! Cost of the kernels per pair of outlines, beside the `geo` crate on the same pairs: `cargo bench`.
//!
//! One thread, minimum of repeats, microseconds. Outlines are smooth star shapes with a little noise that lie as two annotators'
//! borders of one lesion do.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program that prints a table")]

use std::hint::black_box;
use std::time::Instant;

use geo::{Area, BooleanOps, HausdorffDistance};
use lesiongeo::geometry::boundary::Boundary;
use lesiongeo::geometry::chains::Chains;
use lesiongeo::geometry::hausdorff::{Method, hausdorff};
use lesiongeo::geometry::overlap::overlap;
use lesiongeo::geometry::validity::validity;
use lesiongeo::polygons::{Point, Polygons, PolygonsBuf};

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

fn to_geo(polygons: Polygons, row: usize) -> geo::Polygon {
    let ring = polygons.row(row).iter().next().unwrap();
    geo::Polygon::new(ring.iter().map(|&[x, y]: &Point| (x, y)).collect(), vec![])
}

fn main() {
    println!(
        "{:>8} {:>10} {:>10} {:>10} {:>10} {:>12} {:>12}",
        "vertices", "chains", "valid", "iou", "hausdorff", "geo iou", "geo hausd."
    );
    for (vertices, pairs) in [(12, 4000), (50, 2000), (200, 600), (1000, 120)] {
        let (left, right) = (outlines(pairs, vertices, 0.0), outlines(pairs, vertices, 1.0));
        let (left, right) = (left.view(), right.view());
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
        let iou = best(pairs, |k| {
            let [a, b] = &mut chains;
            a.load(left.row(k));
            b.load(right.row(k));
            overlap(a, b, &mut active).iou()
        });
        let distance = best(pairs, |k| {
            let [a, b] = &mut boundaries;
            a.load(left.row(k));
            b.load(right.row(k));
            hausdorff(a, b, Method::Exact)
        });
        let geo: Vec<_> = (0..pairs).map(|k| (to_geo(left, k), to_geo(right, k))).collect();
        let geo_iou = best(pairs, |k| {
            let (a, b) = &geo[k];
            let shared = a.intersection(b).unsigned_area();
            shared / (a.unsigned_area() + b.unsigned_area() - shared)
        });
        let geo_distance = best(pairs.min(200), |k| geo[k].0.hausdorff_distance(&geo[k].1));
        println!(
            "{vertices:>8} {load:>10.3} {:>10.3} {iou:>10.3} {distance:>10.3} {geo_iou:>12.2} {geo_distance:>12.2}",
            valid - load
        );
    }
}
