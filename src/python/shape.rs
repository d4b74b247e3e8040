//! Bindings of the shape measures.

use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;

use super::arrays::{Ragged, with_batch};
use crate::batch::rows;
use crate::geometry::shape::{Shape, Workspace};

/// The measures of each row, one array each, in the order of `Shape`.
#[pyfunction]
#[pyo3(signature = (polygons, scale, *, threads=None))]
pub(super) fn shape<'py>(
    py: Python<'py>,
    polygons: Ragged<'py>,
    scale: [f64; 2],
    threads: Option<i64>,
) -> PyResult<Vec<Bound<'py, PyArray1<f64>>>> {
    let polygons = polygons.polygons()?;
    // Several sorts and two overlaps, hence the weight.
    let weight = 8 * polygons.n_vertices();
    let shapes = with_batch(py, threads, None, |batch| {
        rows(batch, polygons.len(), weight, Workspace::default, |work, row| {
            work.measure(polygons.row(row), scale)
        })
    })?;
    let measures: [fn(&Shape) -> f64; 9] = [
        |shape| shape.feret_max,
        |shape| shape.feret_min,
        |shape| shape.perpendicular,
        |shape| shape.equivalent_diameter,
        |shape| shape.circularity,
        |shape| shape.solidity,
        |shape| shape.elongation,
        |shape| shape.asymmetry_1,
        |shape| shape.asymmetry_2,
    ];
    let column = |measure| shapes.iter().map(measure).collect::<Vec<f64>>().into_pyarray(py);
    Ok(measures.into_iter().map(column).collect())
}
