//! NumPy arrays to slices and back, and batches that Python watches.

use std::sync::Mutex;

use numpy::ndarray::Array2;
use numpy::{IntoPyArray, PyArray1, PyArray2, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::errors::to_python;
use crate::batch::{Batch, num_threads};
use crate::error::{Error, Result};
use crate::geometry::area::Bounds;
use crate::geometry::survey::Survey;
use crate::geometry::validity::{UNKNOWN, Validity};
use crate::polygons::{Point, Polygons, PolygonsBuf};

/// Outlines as the three arrays of `lesiongeo.Polygons`.
#[derive(FromPyObject)]
pub(super) struct Ragged<'py>(
    PyReadonlyArray2<'py, f64>,
    PyReadonlyArray1<'py, i32>,
    PyReadonlyArray1<'py, i32>,
);

/// Three arrays on their way back.
pub(super) type RaggedOut<'py> =
    (Bound<'py, PyArray2<f64>>, Bound<'py, PyArray1<i32>>, Bound<'py, PyArray1<i32>>);

impl Ragged<'_> {
    pub(super) fn polygons(&self) -> PyResult<Polygons<'_>> {
        Polygons::new(points(&self.0)?, slice(&self.1)?, slice(&self.2)?).map_err(to_python)
    }
}

/// What one look at each row tells, as three arrays: areas, boxes and verdicts.
#[derive(FromPyObject)]
pub(super) struct Known<'py>(
    PyReadonlyArray1<'py, f64>,
    PyReadonlyArray2<'py, f64>,
    PyReadonlyArray1<'py, u8>,
);

/// The same on its way back.
pub(super) type KnownOut<'py> =
    (Bound<'py, PyArray1<f64>>, Bound<'py, PyArray2<f64>>, Bound<'py, PyArray1<u8>>);

/// The same as slices, one entry per row.
#[derive(Clone, Copy)]
pub(super) struct KnownRows<'a> {
    areas: &'a [f64],
    boxes: &'a [Bounds],
    verdicts: &'a [u8],
}

impl Known<'_> {
    pub(super) fn rows(&self, len: usize) -> PyResult<KnownRows<'_>> {
        let boxes = self.1.as_slice().map_err(|_| PyTypeError::new_err("boxes are not C-contiguous"))?;
        let rows =
            KnownRows { areas: slice(&self.0)?, boxes: boxes.as_chunks().0, verdicts: slice(&self.2)? };
        if [rows.areas.len(), rows.boxes.len(), rows.verdicts.len()] == [len; 3] {
            Ok(rows)
        } else {
            Err(PyTypeError::new_err("what is known of the rows are not as many entries as rows"))
        }
    }
}

impl KnownRows<'_> {
    /// The area, the box and the verdict of a row.
    pub(super) fn row(&self, row: usize) -> (Survey, u8) {
        let verdict = self.verdicts[row];
        (Survey { area: self.areas[row], bounds: self.boxes[row], simple: false }, verdict)
    }
}

pub(super) fn known_out<'py>(py: Python<'py>, seen: &[Survey]) -> PyResult<KnownOut<'py>> {
    let boxes: Vec<Bounds> = seen.iter().map(|row| row.bounds).collect();
    let boxes = Array2::from_shape_vec((boxes.len(), 4), boxes.into_flattened())
        .map_err(|error| PyTypeError::new_err(error.to_string()))?;
    let areas: Vec<f64> = seen.iter().map(|row| row.area).collect();
    let verdict = |row: &Survey| if row.is_valid() { Validity::Valid as u8 } else { UNKNOWN };
    let verdicts: Vec<u8> = seen.iter().map(verdict).collect();
    Ok((areas.into_pyarray(py), boxes.into_pyarray(py), verdicts.into_pyarray(py)))
}

pub(super) fn points<'a>(xy: &'a PyReadonlyArray2<'_, f64>) -> PyResult<&'a [Point]> {
    let shape = xy.shape();
    if shape[1] != 2 {
        return Err(PyTypeError::new_err(format!(
            "xy has shape ({}, {}); it needs two columns",
            shape[0], shape[1]
        )));
    }
    let flat = xy.as_slice().map_err(|_| PyTypeError::new_err("xy is not C-contiguous"))?;
    Ok(flat.as_chunks().0)
}

pub(super) fn slice<'a, T: numpy::Element>(array: &'a PyReadonlyArray1<'_, T>) -> PyResult<&'a [T]> {
    array.as_slice().map_err(|_| PyTypeError::new_err("an offsets or index array is not contiguous"))
}

pub(super) fn points_out(py: Python<'_>, points: Vec<Point>) -> PyResult<Bound<'_, PyArray2<f64>>> {
    let rows = points.len();
    let flat = points.into_flattened();
    let array = Array2::from_shape_vec((rows, 2), flat);
    array.map(|array| array.into_pyarray(py)).map_err(|error| PyTypeError::new_err(error.to_string()))
}

pub(super) fn ragged_out(py: Python<'_>, built: PolygonsBuf) -> PyResult<RaggedOut<'_>> {
    let offsets = |values: Vec<i32>| values.into_pyarray(py);
    Ok((points_out(py, built.xy)?, offsets(built.ring_offsets), offsets(built.polygon_offsets)))
}

/// Which row of a side belongs to result row i: each its own, always the only one, or as listed.
#[derive(Clone, Copy)]
pub(super) enum Pick<'a> {
    Each,
    One,
    Rows(&'a [i64]),
}

impl<'a> Pick<'a> {
    /// Resolve the sides of an elementwise call: lists of rows, equal lengths, or one row against all.
    pub(super) fn sides(
        a: (usize, Option<&'a [i64]>),
        b: (usize, Option<&'a [i64]>),
    ) -> Result<(usize, Pick<'a>, Pick<'a>)> {
        let count = |(len, rows): (usize, Option<&[i64]>)| rows.map_or(len, <[i64]>::len);
        let items = match (count(a), count(b)) {
            (n, m) if n == m => n,
            (1, m) => m,
            (n, 1) => n,
            (expected, found) => {
                let remedy = "pass as many outlines on both sides, or a single one on one side";
                return Err(Error::Length { what: "b", found, expected, remedy });
            }
        };
        let pick = |what: &'static str, (len, rows): (usize, Option<&'a [i64]>)| match rows {
            Some(rows) => {
                let outside = rows.iter().position(|&row| row < 0 || row as usize >= len);
                match outside {
                    Some(position) => Err(Error::Index { what, position, value: rows[position], len }),
                    None => Ok(Pick::Rows(rows)),
                }
            }
            None if len == items => Ok(Pick::Each),
            None => Ok(Pick::One),
        };
        Ok((items, pick("index_a", a)?, pick("index_b", b)?))
    }

    pub(super) fn row(&self, index: usize) -> usize {
        match self {
            Pick::Each => index,
            Pick::One => 0,
            Pick::Rows(rows) => rows[index] as usize,
        }
    }
}

/// Run `work` without the interpreter lock. Signals are looked at, and `progress(done, total)` is called,
/// every 50 ms and at the end, never going back; an exception from either stops the batch and is raised.
pub(super) fn with_batch<T: Send>(
    py: Python<'_>,
    threads: Option<i64>,
    progress: Option<Py<PyAny>>,
    work: impl FnOnce(&Batch) -> Result<T> + Send,
) -> PyResult<T> {
    let threads = num_threads(threads).map_err(to_python)?;
    let raised: Mutex<Option<PyErr>> = Mutex::new(None);
    // A batch may run in several steps that each count from 0.
    let reached = Mutex::new(0.0_f64);
    let goes_on = |done: usize, total: usize| {
        let share = done as f64 / total.max(1) as f64;
        let mut reached = reached.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let forward = share >= *reached;
        *reached = reached.max(share);
        forward
    };
    let watch = |done: usize, total: usize| {
        Python::attach(|py| {
            let looked = py.check_signals().and_then(|()| match &progress {
                Some(progress) if goes_on(done, total) => progress.call1(py, (done, total)).map(drop),
                _ => Ok(()),
            });
            match looked {
                Ok(()) => true,
                Err(error) => {
                    raised.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get_or_insert(error);
                    false
                }
            }
        })
    };
    let result = py.detach(|| {
        let result = work(&Batch { threads, watch: &watch });
        if result.is_ok() && progress.is_some() {
            watch(1, 1);
        }
        result
    });
    match raised.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        Some(error) => Err(error),
        None => result.map_err(to_python),
    }
}
