//! Errors of the core become the exceptions of `lesiongeo.errors`, in one match.

use pyo3::exceptions::{PyKeyboardInterrupt, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::error::Error;

pub(super) fn to_python(error: Error) -> PyErr {
    let message = error.to_string();
    let (row, ring) = match &error {
        Error::Coordinate { row, ring, .. } => (Some(*row), Some(*ring)),
        Error::OffsetsOrder { row, ring, .. } => (*row, *ring),
        _ => (None, None),
    };
    Python::attach(|py| {
        let make = |class: &str, fields: &[(&str, Option<usize>)]| -> PyResult<PyErr> {
            let keywords = PyDict::new(py);
            for (name, value) in fields {
                keywords.set_item(name, value)?;
            }
            let class = py.import("lesiongeo.errors")?.getattr(class)?;
            Ok(PyErr::from_value(class.call((message.as_str(),), Some(&keywords))?))
        };
        let made = match error {
            Error::Interrupted => Ok(PyKeyboardInterrupt::new_err(())),
            Error::Internal(_) => Ok(PyRuntimeError::new_err(message.clone())),
            Error::Option { .. } => Ok(pyo3::exceptions::PyValueError::new_err(message.clone())),
            Error::Export { position, .. } => make("ExportError", &[("position", Some(position))]),
            _ => make("RegionError", &[("row", row), ("ring", ring)]),
        };
        made.unwrap_or_else(|import_failed| import_failed)
    })
}
