"""Command that writes a synthetic export: ``python -m lesiongeo.testing OUT.json``."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from .config import LABELING_CONFIG
from .export import iter_export, write_export


def main(argv: Sequence[str] | None = None) -> None:
    """Write the export, and with ``--config`` the labeling configuration next to it.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; those of the process by default.
    """
    parser = argparse.ArgumentParser(
        prog="python -m lesiongeo.testing",
        description="Write a synthetic Label Studio export: one task per patient, one page per visit.",
    )
    parser.add_argument("out", metavar="OUT.json", type=Path, help="file to write")
    parser.add_argument("--patients", type=int, default=40, help="number of tasks (default: %(default)s)")
    parser.add_argument("--visits", type=int, default=3, help="pages per task (default: %(default)s)")
    parser.add_argument("--annotators", type=int, default=3, help="people per task (default: %(default)s)")
    parser.add_argument(
        "--lesions",
        default=(1, 6),
        type=int,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="lesions per patient (default: 1 6)",
    )
    parser.add_argument(
        "--vertices",
        default=(24, 64),
        type=int,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="vertices per polygon (default: 24 64)",
    )
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same file (default: 0)")
    parser.add_argument("--config", metavar="OUT.xml", type=Path, help="also write the labeling configuration here")
    given = parser.parse_args(argv)
    try:
        tasks = iter_export(
            patients=given.patients,
            visits=given.visits,
            annotators=given.annotators,
            lesions=tuple(given.lesions),
            vertices=tuple(given.vertices),
            seed=given.seed,
        )
    except ValueError as error:
        parser.error(str(error))
    write_export(tasks, given.out)
    if given.config is not None:
        given.config.write_text(LABELING_CONFIG, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
