"""How many threads the core uses."""

from __future__ import annotations

from . import _core

__all__ = ["num_threads", "set_num_threads"]


def set_num_threads(threads: int | None) -> None:
    """Set the default number of threads of all functions.

    Results are the same bits for any number of threads.

    Parameters
    ----------
    threads : int or None
        A whole number from 1 up; ``None`` returns to the environment variable ``LESIONGEO_NUM_THREADS`` or,
        where that is not set, to the number of processors this process may use.

    Raises
    ------
    ValueError
        If `threads` is below 1.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> lg.set_num_threads(2)
    >>> lg.num_threads()
    2
    >>> lg.set_num_threads(None)
    """
    _core.set_num_threads(threads)


def num_threads() -> int:
    """Return the number of threads that a call without ``threads=`` uses.

    Returns
    -------
    int
        The value of `set_num_threads`, else of ``LESIONGEO_NUM_THREADS``, else the number of processors
        that this process may use.

    Raises
    ------
    ValueError
        If ``LESIONGEO_NUM_THREADS`` is set to something that is no whole number from 1 up.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> lg.num_threads() >= 1
    True
    """
    return _core.num_threads()
