//! Bindings of the measures of shape: diameters, ratios, and how far regions reach in each direction.

use numpy::ndarray::Array2;
use numpy::{IntoPyArray, PyArray1, PyArray2, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::arrays::{Ragged, points, slice, with_batch};
use super::clipping::groups;
use super::errors::to_python;
use crate::batch::{self, rows};
use crate::error::Error;
use crate::geometry::clip::Groups;
use crate::geometry::feret as diameters;
use crate::geometry::radii::{self, Frame};
use crate::geometry::shape::{Shape, Workspace};

/// More directions than this only cost memory.
const MOST_ANGLES: usize = 3600;

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

/// Largest and smallest diameter of each row.
#[pyfunction]
#[pyo3(signature = (polygons, *, threads=None))]
pub(super) fn feret<'py>(
    py: Python<'py>,
    polygons: Ragged<'py>,
    threads: Option<i64>,
) -> PyResult<[Bound<'py, PyArray1<f64>>; 2]> {
    let polygons = polygons.polygons()?;
    // A sort, hence the weight.
    let weight = 2 * polygons.n_vertices();
    let found = with_batch(py, threads, None, |batch| {
        rows(batch, polygons.len(), weight, diameters::Workspace::default, |work, row| {
            work.measure(polygons.row(row))
        })
    })?;
    let largest: Vec<f64> = found.iter().map(|feret| feret.max).collect();
    let smallest: Vec<f64> = found.iter().map(|feret| feret.min).collect();
    Ok([largest, smallest].map(|column| column.into_pyarray(py)))
}

/// Per group the mean over its members of how far each reaches from its own origin, in each of `n_angles` directions from
/// +x towards +y; NaN where one of them does not, and for a group of none. Members are rows `order[starts[g]..starts[g + 1]]`
/// with an origin each; groups have a scale along x and y, and an angle by which they are turned after that.
#[pyfunction]
#[pyo3(signature = (polygons, order, starts, origins, rotations, scales, *, n_angles, threads=None))]
#[allow(clippy::too_many_arguments, reason = "keyword arguments of one Python function")]
pub(super) fn mean_radii<'py>(
    py: Python<'py>,
    polygons: Ragged<'py>,
    order: PyReadonlyArray1<'py, i64>,
    starts: PyReadonlyArray1<'py, i64>,
    origins: PyReadonlyArray2<'py, f64>,
    rotations: PyReadonlyArray1<'py, f64>,
    scales: PyReadonlyArray2<'py, f64>,
    n_angles: usize,
    threads: Option<i64>,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let Groups { polygons, order, starts } = groups(&polygons, &order, &starts)?;
    let (origins, rotations, scales) = (points(&origins)?, slice(&rotations)?, points(&scales)?);
    let count = starts.len().saturating_sub(1);
    for (what, found, expected, remedy) in [
        ("origins", origins.len(), order.len(), "pass one point per member"),
        ("rotations", rotations.len(), count, "pass one angle per group"),
        ("scales", scales.len(), count, "pass one pair per group"),
    ] {
        if found != expected {
            return Err(to_python(Error::Length { what, found, expected, remedy }));
        }
    }
    if !(1..=MOST_ANGLES).contains(&n_angles) {
        let allowed = "it is a whole number from 1 to 3600";
        return Err(to_python(Error::Option { name: "n_angles", value: n_angles.to_string(), allowed }));
    }
    let directions = radii::directions(n_angles);
    // A vertex costs an arc tangent, a ray that meets something about as much.
    let mean = polygons.n_vertices() / polygons.len().max(1) + n_angles;
    let weight = 2 * order.len() * mean;
    let parts = batch::chunks(count, weight);
    let flat = with_batch(py, threads, None, |batch| {
        let scratch = || (radii::Workspace::default(), vec![0.0; n_angles]);
        batch::run(batch, &parts, weight, scratch, |(work, own), part| {
            let mut sums = vec![0.0; part.len() * n_angles];
            for (group, sums) in part.clone().zip(sums.chunks_exact_mut(n_angles)) {
                let members = starts[group] as usize..starts[group + 1] as usize;
                let count = members.len() as f64;
                for member in members {
                    let frame =
                        Frame { origin: origins[member], scale: scales[group], turn: rotations[group] };
                    work.measure(polygons.row(order[member] as usize), frame, &directions, own);
                    sums.iter_mut().zip(own.iter()).for_each(|(sum, radius)| *sum += radius);
                }
                // Of none 0 / 0, which is NaN.
                sums.iter_mut().for_each(|sum| *sum /= count);
            }
            Ok(sums)
        })
    })?;
    let table = Array2::from_shape_vec((count, n_angles), flat.concat());
    table.map(|table| table.into_pyarray(py)).map_err(|error| PyTypeError::new_err(error.to_string()))
}
