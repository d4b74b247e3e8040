//! The Python bindings: extract, detach, call, wrap. Names, units and documentation live in the Python package.

mod arrays;
mod clipping;
mod distances;
mod errors;
mod geometry;
mod link;
mod pairs;
mod read;
mod shape;
mod sources;

use pyo3::prelude::*;

/// Private core of the package `lesiongeo`.
#[pymodule]
mod _core {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::clipping::{clip_groups, clip_pairs, defects_of, disputed_area};
    #[pymodule_export]
    use super::distances::surface_distances;
    #[pymodule_export]
    use super::geometry::{
        area, bounds, centroid, hausdorff, hausdorff_witnesses, ingest, judge, mend, multipolygons, overlap,
        perimeter, survey,
    };
    #[pymodule_export]
    use super::link::link_visits;
    #[pymodule_export]
    use super::pairs::{group_lesions, iou_pairs, match_pages};
    #[pymodule_export]
    use super::read::LabelStudioReader;
    #[pymodule_export]
    use super::shape::{feret, mean_radii, shape};
    #[pymodule_export]
    use super::{num_threads, panic_for_tests, set_num_threads};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        // Benchmarks refuse a debug build.
        module.add("build_profile", if cfg!(debug_assertions) { "debug" } else { "release" })
    }
}

#[pyfunction]
#[pyo3(signature = (threads))]
fn set_num_threads(threads: Option<i64>) -> PyResult<()> {
    let threads = threads.map(|threads| crate::batch::num_threads(Some(threads))).transpose();
    crate::batch::set_num_threads(threads.map_err(errors::to_python)?);
    Ok(())
}

#[pyfunction]
#[pyo3(signature = (threads=None))]
fn num_threads(threads: Option<i64>) -> PyResult<usize> {
    crate::batch::num_threads(threads).map_err(errors::to_python)
}

/// Panics inside a batch, so that a test can see what becomes of it.
#[pyfunction]
#[pyo3(signature = (*, threads))]
#[allow(clippy::panic, reason = "that is its purpose")]
fn panic_for_tests(py: Python<'_>, threads: i64) -> PyResult<()> {
    arrays::with_batch(py, Some(threads), None, |batch| {
        crate::batch::rows(batch, 100, 1_000_000, || (), |(), _| panic!("on purpose")).map(drop)
    })
}
