"""Tracks: the same lesion over the visits of a patient, what changed beyond noise, and what contradicts it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..agreement import Agreement
from ..agreement.counted import Counted, Ints
from ..arrow import numbers
from ..options import checked_number, shown
from ..read import Export
from ..spacing import Spacing
from .doubts import doubts
from .findings import sorted_findings, undated
from .growth.growth import Growth, RowValues, growth_columns
from .growth.noise import Noise, noise_given, noise_of
from .growth.noise_table import noise_of_table
from .identity.identity import Identity, identify
from .observations import ANNOTATORS, OUTLINES, By, Observations, Outline, observe
from .overlays import Overlays, log_area_of
from .pages.calibration import Calibration
from .pages.visits import Visits, visits_of
from .rows import completed_rows, seen_rows, slots_of_visits, taken
from .statuses.completion import Slots
from .statuses.conflicts import conflict_table
from .statuses.status import Rule, Statuses, StatusRows, geo_statuses, rule_of, status_texts
from .statuses.ticks import human_statuses, ticks_of, word_findings
from .statuses.vocabulary import Vocabulary, VocabularySource, read_vocabulary
from .table import Frame, who_and_where

__all__ = ["DATES", "Dates", "Tracks", "tracks"]

Dates: TypeAlias = Literal["keep", "offset"]
DATES: tuple[Dates, ...] = get_args(Dates)
Progress: TypeAlias = Callable[[int, int], object]

#: Steps that progress is reported of.
STEPS = 6


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Tracks:
    """Lesions over visits. See `tracks` for the columns.

    Attributes
    ----------
    table : pyarrow.Table
        One row per lesion and visit, from the first on which it was seen.
    conflicts : pyarrow.Table
        What annotators ticked against what was measured, the worst first.
    findings : pyarrow.Table
        What is wrong or odd about ids, visits, spacings and words, the worst first.
    proposals : pyarrow.Table
        Ids to enter, one row per region.
    noise : pyarrow.Table
        How much areas scatter when nothing changed: what changes are judged by.
    visits : pyarrow.Table
        One row per page: patient, visit, what is known of it.
    index : pyarrow.Table
        One row per track, in the order of the table: patient, site, annotator (null but by annotator), track_id,
        id_source.
    track_of_region : ndarray of int64, shape (n_regions,)
        Row of `index` that each region of the export belongs to; -1 where it has no track.
    observations : Observations
        The lesions on pages that the rows are made of.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> lg.tracks(lg.read_label_studio("examples/dermatology.json", patient="patient_id"))
    <Tracks: 101 tracks, seen in 264 of 276 rows, 19 conflicts, 83 findings>
    """

    table: pa.Table
    conflicts: pa.Table
    findings: pa.Table
    proposals: pa.Table
    noise: pa.Table
    visits: pa.Table
    index: pa.Table
    track_of_region: NDArray[np.int64]
    observations: Observations

    def __repr__(self) -> str:
        """Say how much there is."""
        seen = self.table.num_rows - self.table["outline"].null_count
        return (
            f"<Tracks: {self.index.num_rows} tracks, seen in {seen} of {self.table.num_rows} rows, "
            f"{self.conflicts.num_rows} conflicts, {self.findings.num_rows} findings>"
        )

    def track_ids(self) -> pa.Array:
        """Return the track id of each region of the export, as in the table; null where it has no track."""
        row = self.track_of_region
        return self.index["track_id"].combine_chunks().take(pa.array(row, mask=row < 0))


def tracks(
    export: Export,
    *,
    agreement: Agreement | None = None,
    patient: str | None = None,
    visit: str | None = None,
    site: str | None = None,
    spacing_mm: Spacing | str | None = None,
    calibration: Calibration | None = None,
    by: By = "lesion",
    outline: Outline = "annotators",
    rule: str | Rule = "mdc",
    statuses: VocabularySource | None = None,
    noise: float | pa.Table | None = None,
    dates: Dates = "keep",
    threads: int | None = None,
    progress: Progress | None = None,
) -> Tracks:
    """Follow lesions over the visits of each patient: how they changed, beyond what noise, and what contradicts that.

    Parameters
    ----------
    export : Export
        What `read_label_studio` returns. The controls with the roles track_id and status are those of
        ``export.role``.
    agreement : Agreement, optional
        What `agreement` made of it, for its lesions; by default regions are grouped as it does by default.
    patient, visit, site : str, optional
        Fields of the tasks' data: whose it is; dates or day numbers, one per page; the part of the body, one for the
        task or one per page. By default patient and visits are what the export was read with, and there are no sites.
        Without patient each task is a patient of its own; without dates and days, pages are in the order of their
        number.
    spacing_mm : number, (number, number) or str, optional
        Millimetres per pixel of every image; or the field with those of each page. By default what the export was
        read with.
    calibration : Calibration, optional
        Further sources of the spacing (a file, a marker in the image), how sure it is, and the tilt of the camera.
    by : {"lesion", "annotator"}, default "lesion"
        "lesion": regions of several annotators on a page are one lesion, at most one of each. "annotator": everybody
        has tracks of their own by their own ids, and nobody is compared with anybody.
    outline : {"annotators", "majority", "medoid", "union", "intersection"}, default "annotators"
        What is measured of a lesion: each annotator's outline by itself, then the geometric mean over them; or the one
        outline that `consensus` makes. A ground truth wins in any case.
    rule : str, default "mdc"
        When a lesion is enlarged or shrunk. "mdc": the change is beyond the noise (`significant`). "percent:25": by
        more than 25 %; "percent:25:50": more than 25 % larger or 50 % smaller. "wound": see docs/statuses.md.
    statuses : path or mapping, optional
        What the words mean that annotators tick: a JSON file, or what it holds; see docs/statuses.md.
    noise : number or pyarrow.Table, optional
        In place of the noise of this project: a change of area in percent that is noise, or `Tracks.noise` of an
        earlier call.
    dates : {"keep", "offset"}, default "keep"
        "offset" leaves visit_date out of all tables: days since the patient's first visit remain. Names of images stay,
        with whatever dates are in them; `private` replaces these too.
    threads : int, optional
        Number of threads; by default see `num_threads`.
    progress : callable, optional
        Called as ``progress(done, total)`` after each step.

    Returns
    -------
    Tracks
        `table`, sorted by patient, site, (annotator,) track and visit: one row per track and visit of its patient from
        the first on which it was seen, also where it is absent then.

        Which: patient, site, track_id (as most typed it; "3.0" and "+03" are "3"; proposed ones begin with "p"),
        id_source (typed, proposed, mixed), annotator (only by annotator), visit (from 0), visit_date, day_offset (days
        since the patient's first visit; null where only the order is known), task_id, page, image, label (of most
        regions; null at a tie).

        Who: n_annotators (of the task), n_drawn (annotators who drew it), n_regions, annotators (their names), outline
        (what was measured: annotators, ground_truth, majority, medoid, union, intersection, none; null where the lesion
        is absent), n_parts (separate outlines of one lesion).

        Scale: calibrated, spacing_source (file, marker, field, constant, none), spacing_x_mm, spacing_y_mm, unit (mm
        or px: of areas and changes).

        Size: area_mm2 with area_low_mm2 and area_high_mm2 (95 %: noise, error of the spacing, tilt), perimeter_mm,
        feret_max_mm, feret_min_mm, equivalent_diameter_mm, and the same in pixels (area_px2, ...); centroid_x_px,
        centroid_y_px. Of a lesion in parts the areas and perimeters
        of each person add up, and the mean is over those who drew the most parts; its diameters are null.

        Against the previous visit on which it had an area: delta_area_mm2 or delta_area_px2, pct_area, log_rate_month
        (ln of the ratio per 30.4375 days), pct_area_low, pct_area_high (95 %), mdc95 (smallest change in percent that
        is beyond noise with 95 %), significant, noise_source, noise_df, delta_feret_max_mm,
        delta_equivalent_diameter_mm, days, reason (why something of these is null: first_visit, absent, no_area,
        spacing_missing_on_one, scale_unknown, order_only, same_day), shift_mm, shift_px (of the centroid over the
        skin, after the camera's movement was taken out; null where that is unknown), growth_profile (how much farther
        its outline reaches from its centroid in 36 directions, every 10 degrees from +x clockwise on the screen),
        growth_asymmetry (their standard deviation over their mean; only of significant changes),
        growth_asymmetry_reason (why it is null: not_compared, not_measured, centroid_outside, not_significant,
        no_mean_growth), alignment (lesions or centroid: whether the pages were turned to fit each other).

        Against the first visit: delta_area_mm2_first, pct_area_first, log_rate_month_first, mdc95_first,
        significant_first, reason_first. From three visits on, by least squares over all up to this one:
        slope_mm2_month or slope_px2_month, slope_log_month, n_slope (visits).

        Status: geo_status (baseline, new, stable, enlarged, shrunk, resolved, not_imaged, split, merged; null where
        nothing can be said), geo_reason, merged_with, human_status (what most ticked, in these words; null at a tie),
        human_answer (the word), id_doubt (what the findings say of the id on this visit or the one before: id_swap,
        id_jump, id_changed, id_elsewhere, id_repeated; the change may be between two lesions), conflict (somebody
        ticked what contradicts geo_status). With rule="wound" also pct_area_per_week, reduction_4_weeks, healing.

        `conflicts`, `findings`, `proposals`, `noise`, `visits`: see docs/tracks.md.

    Raises
    ------
    ValueError
        If an option is none of these, or a field is named that no task has.
    ConfigError
        If a file of spacings or statuses cannot be used.

    Notes
    -----
    The area of a lesion is the geometric mean of what its annotators drew, not the area of their majority: that of two
    people is their intersection, which is smaller than what either drew, and a change from three annotators to two
    would look like shrinkage. Without a spacing sizes are in pixels, and changes are given only between pages of the
    same width and height: nothing else says that their pixels are as large.

    The same bits for the same export, whatever the order of its tasks. O(n log n) in regions.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> export = lg.read_label_studio("examples/dermatology.json")
    >>> found = lg.tracks(export, patient="patient_id", visit="visit_offsets_days", spacing_mm="spacing_mm")
    >>> row = found.table.to_pylist()[1]
    >>> row["patient"], row["track_id"], row["visit"], row["day_offset"], row["geo_status"], row["human_status"]
    ('P0001', '1', 1, 164.0, 'stable', 'stable')
    >>> round(row["area_mm2"], 2), round(row["pct_area"], 1), round(row["mdc95"], 1), row["significant"]
    (8.99, -12.4, 19.3, False)
    """
    if dates not in DATES:
        raise ValueError(f"dates is {shown(dates)}; it is one of {', '.join(DATES)}")
    asked = rule_of(rule)
    vocabulary = read_vocabulary(statuses)
    step = _steps(progress)
    counted = Counted(export)
    visits = visits_of(
        export,
        counted,
        patient=patient,
        visit=visit,
        site=site,
        spacing_mm=spacing_mm,
        calibration=calibration,
        not_imaged=vocabulary.not_imaged,
    )
    step()
    seen_on_pages = observe(
        export, counted, visits=visits, by=by, outline=outline, agreement=agreement, threads=threads
    )
    step()
    identity = identify(export, counted, seen_on_pages, visits, threads=threads)
    step()
    floor = _noise(noise, seen_on_pages, visits, export, counted, identity, agreement, threads)
    seen = seen_rows(identity.track, seen_on_pages, visits, threads=threads)
    slots, group_of_track = _groups(export, counted, visits, seen_on_pages, identity)
    rows, page = completed_rows(seen, group_of_track, slots)
    frame = Frame(export, seen_on_pages, visits, identity.tracks, seen, rows, page)
    growth = growth_columns(_values(frame), floor)
    step()
    over = Overlays(frame, growth, threads)
    places = over.places()
    said = geo_statuses(
        StatusRows(
            rows=rows,
            slots=slots,
            n_parts=np.where(frame.present, np.append(seen.n_parts, 0)[rows.source], 0),
            log_ratio=growth.previous.log_ratio,
            half_width=growth.previous.half_width,
            day=frame.day(),
            log_area=log_area_of(growth),
            log_ratio_first=growth.first.log_ratio,
            places=places,
            out_of_frame=over.out_of_frame(places),
        ),
        rule=asked,
        covers=over.covers(),
    )
    step()
    columns = who_and_where(frame, dates=dates == "keep")
    columns |= _measured(frame, growth, over)
    table, conflicts, words = _judged(frame, columns, said, vocabulary, identity.findings)
    step()
    track_of_region = np.full(len(export.regions), -1, dtype=np.int64)
    track_of_region[seen_on_pages.members] = identity.track[seen_on_pages.of_member]
    return Tracks(
        table=table,
        conflicts=conflicts,
        findings=sorted_findings(
            [identity.findings, visits.findings if dates == "keep" else undated(visits.findings), words]
        ),
        proposals=identity.proposals,
        noise=floor.table,
        visits=visits.table if dates == "keep" else visits.table.drop_columns(["visit_date"]),
        index=identity.tracks.drop_columns(["series"]),
        track_of_region=track_of_region,
        observations=seen_on_pages,
    )


def _steps(progress: Progress | None) -> Callable[[], None]:
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, STEPS)

    return step


def _noise(
    noise: float | pa.Table | None,
    observations: Observations,
    visits: Visits,
    export: Export,
    counted: Counted,
    identity: Identity,
    agreement: Agreement | None,
    threads: int | None,
) -> Noise:
    """Return the noise that was given, or that of the project."""
    names = observations.annotators
    if isinstance(noise, pa.Table):
        return noise_of_table(noise, names)
    if noise is not None:
        return noise_given(checked_number("noise", noise), names)
    if observations.by == "lesion":
        return noise_of(observations, visits, export, counted, track=identity.track, threads=threads)
    # The noise is what several people drew of the same lesion; their own tracks do not say what is the same.
    lesions = observe(export, counted, visits=visits, agreement=agreement, threads=threads)
    track = identify(export, counted, lesions, visits, threads=threads).track
    return noise_of(lesions, visits, export, counted, track=track, threads=threads)


def _groups(
    export: Export, counted: Counted, visits: Visits, observations: Observations, identity: Identity
) -> tuple[Slots, Ints]:
    """Return the visits on which tracks could be seen, and the group of each track among them."""
    series = identity.tracks["series"].to_numpy()
    if observations.by == "lesion":
        return slots_of_visits(export, counted, visits, people=None), series
    people = len(observations.annotators)
    owner = np.zeros(len(series), dtype=np.int64)
    has = identity.track >= 0
    owner[identity.track[has]] = observations.owner[has]
    return slots_of_visits(export, counted, visits, people=people), series * people + owner


def _values(frame: Frame) -> RowValues:
    """Gather what growth needs."""
    source, seen = frame.source, frame.seen
    measures = frame.measures()
    people = seen.measured.spread(source)
    outline = np.append(seen.outline, 0)[source]
    pages = frame.visits

    def size(values: Ints) -> Ints:
        return np.where(frame.page >= 0, np.append(values, -1)[frame.page], -1)

    return RowValues(
        track=frame.rows.track,
        day=frame.day(),
        seen=frame.present,
        area_px2=measures["area_px2"],
        area_mm2=measures["area_mm2"],
        width=size(pages.width),
        height=size(pages.height),
        starts=people.starts,
        annotators=people.values,
        averaged=frame.present & (outline == ANNOTATORS),
        # One person's outline, where the others are the union or the majority of several.
        picked=frame.present & (outline == OUTLINES.index("medoid")),
        spacing_error=frame.of_page(pages.spacing_error),
        tilt_deg=frame.of_page(pages.tilt_deg),
        feret_max_mm=measures["feret_max_mm"],
        equivalent_diameter_mm=measures["equivalent_diameter_mm"],
    )


def _measured(frame: Frame, growth: Growth, over: Overlays) -> dict[str, Any]:
    """Return the columns of sizes and changes, in the order of the table."""
    found = {name: numbers(values) for name, values in frame.measures().items()}
    changes = growth.columns()
    shifts = over.columns()
    rows = growth.rows
    in_mm = np.isfinite(rows.area_mm2)
    unit = np.where(in_mm, 0, np.where(np.isfinite(rows.area_px2), 1, -1))
    columns: dict[str, Any] = {"unit": pa.array(["mm", "px"], pa.string()).take(pa.array(unit, mask=unit < 0))}
    order = (
        "area_mm2 area_low_mm2 area_high_mm2 perimeter_mm feret_max_mm feret_min_mm equivalent_diameter_mm "
        "area_px2 perimeter_px feret_max_px feret_min_px equivalent_diameter_px"
    ).split()
    for name in order:
        columns[name] = changes.pop(name) if name in changes else found[name]
    centre = frame.seen.centroid_px
    for axis, name in enumerate(("centroid_x_px", "centroid_y_px")):
        columns[name] = numbers(taken(centre[:, axis], frame.source))
    return {**columns, **changes, **shifts}


def _judged(
    frame: Frame, columns: dict[str, Any], said: Statuses, vocabulary: Vocabulary, findings: pa.Table
) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Add statuses, measured and ticked; also the conflicts and the words that nobody explained."""
    members = frame.seen.members
    row = np.full(len(frame.seen), -1, dtype=np.int64)
    row[frame.source[frame.present]] = np.flatnonzero(frame.present)
    ticks = ticks_of(frame.export, vocabulary, members.values, row[members.rows])
    human = human_statuses(ticks, len(frame))
    columns["geo_status"] = said.text
    columns["geo_reason"] = said.reason_text
    partner = said.partner
    columns["merged_with"] = frame.tracks["track_id"].combine_chunks().take(pa.array(partner, mask=partner < 0))
    columns["human_status"] = status_texts(human.code)
    columns["human_answer"] = human.answer
    if said.wounds is not None:
        columns |= said.wounds.columns()
    columns["id_doubt"] = doubts(
        frame.tracks, findings, frame.rows, said.previous, by_annotator=frame.observations.by == "annotator"
    )
    table = pa.table(columns)
    conflicts = conflict_table(table, ticks, said)
    table = table.append_column("conflict", pa.array(conflicts.rows))
    return table, conflicts.table, word_findings(frame.export, vocabulary, frame.observations.members)
