"""Clusters of the bootstrap: patients or tasks, each with a number that is the same everywhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..read import Export

__all__ = ["GAMMA", "SECOND", "Ints", "Keys", "TaskClusters", "cluster_keys", "mixed", "task_clusters"]

Ints: TypeAlias = NDArray[np.int64]
Keys: TypeAlias = NDArray[np.uint64]

#: Steel, Lea and Flood 2014, "Fast splittable pseudorandom number generators" (SplitMix64).
GAMMA, FIRST, SECOND = (np.uint64(n) for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


def mixed(values: Keys) -> Keys:
    """Scatter 64-bit numbers, one to one (the finalizer of SplitMix64). Changes its argument."""
    values ^= values >> np.uint64(30)
    values *= FIRST
    values ^= values >> np.uint64(27)
    values *= SECOND
    values ^= values >> np.uint64(31)
    return values


def cluster_keys(names: Iterable[str] | NDArray[np.integer[Any]]) -> Keys:
    """Return a number for each cluster, the same everywhere and at all times.

    Parameters
    ----------
    names : iterable of str, or ndarray of integers
        Names of patients, or numbers of tasks.

    Returns
    -------
    ndarray of uint64
        Of a name, the 8 bytes of its BLAKE2b hash; of a number, itself scattered one to one. O(n).

    Examples
    --------
    >>> from lesiongeo.statistics import cluster_keys
    >>> cluster_keys(["P001", "P002"])[0] == cluster_keys(["P001"])[0]
    np.True_
    """
    if isinstance(names, np.ndarray) and names.dtype.kind in "iu":
        return mixed(names.astype(np.int64).view(np.uint64) ^ GAMMA)
    texts = (blake2b(str(name).encode("utf-8", "surrogatepass"), digest_size=8).digest() for name in names)
    return np.frombuffer(b"".join(texts), dtype="<u8").astype(np.uint64)


@dataclass(frozen=True)
class TaskClusters:
    """The cluster of each task: its patient, or the task itself where no patient is known.

    Attributes
    ----------
    task_ids : ndarray of int64
        Tasks, sorted, each once.
    codes : ndarray of int64
        Cluster of each of these tasks: a row of `keys`.
    keys : ndarray of uint64
        Key of each cluster, rising.
    """

    task_ids: Ints
    codes: Ints
    keys: Keys

    def of(self, task_id: NDArray[Any]) -> Ints:
        """Return the cluster of each task id; they must all be among `task_ids`."""
        return self.codes[np.searchsorted(self.task_ids, task_id)]


def task_clusters(export: Export) -> TaskClusters:
    """Tell which cluster each task of an export belongs to.

    Parameters
    ----------
    export : Export
        What `read_label_studio` returns, read with ``patient=`` to have patients as clusters.

    Returns
    -------
    TaskClusters
        A task that stands in several rows with different patients belongs to the first of them by name.
        O(n log n) in tasks and annotations.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> from lesiongeo.statistics import task_clusters
    >>> clusters = task_clusters(lg.read_label_studio("examples/dermatology.json"))
    >>> len(clusters.task_ids) == len(clusters.keys)
    True
    """
    own = export.tasks["task_id"].to_numpy()
    task_ids = np.unique(np.concatenate((own, export.annotations["task_id"].to_numpy()))).astype(np.int64)
    keys = cluster_keys(task_ids)
    patients = pc.cast(export.tasks["patient"], pa.string()).combine_chunks().dictionary_encode()
    names = patients.dictionary.to_pylist()
    if names:
        rank = np.empty(len(names) + 1, dtype=np.int64)
        rank[np.argsort(np.array(names, dtype=object), kind="stable")] = np.arange(len(names))
        rank[-1] = len(names)
        of_row = rank[pc.fill_null(patients.indices, len(names)).to_numpy(zero_copy_only=False)]
        first = np.full(len(task_ids), len(names), dtype=np.int64)
        np.minimum.at(first, np.searchsorted(task_ids, own), of_row)
        # Marked, so that the patient "7" is not task 7 by chance of the hash.
        of_patient = cluster_keys("patient " + name for name in sorted(names))
        known = first < len(names)
        keys[known] = of_patient[first[known]]
    keys, codes = np.unique(keys, return_inverse=True)
    return TaskClusters(task_ids, codes.astype(np.int64), keys)
