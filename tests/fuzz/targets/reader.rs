//! Any bytes through the reader: no panic, tables that fit together and do not depend on the window, errors within the
//! file, nothing read from what is no JSON, and nothing that stops the reader when it is told to skip.

#![no_main]

use lesiongeo::batch::Batch;
use lesiongeo::polygons::{MAX_COORDINATE, Polygons};
use lesiongeo::read::columns::{Lists, NO_ROW, Strings, Tables};
use lesiongeo::read::reader::Exports;
use lesiongeo::read::source::Source;
use lesiongeo::read::window::Stop;
use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;

fuzz_target!(|bytes: &[u8]| {
    let whole = read(bytes, 1 << 20, false);
    match &whole {
        Ok(tables) => {
            fit_together(tables);
            assert!(is_json(bytes), "tables were made of what is no JSON");
        }
        Err((position, message)) => {
            assert!(*position <= bytes.len(), "byte {position} of {}: {message}", bytes.len());
            assert!(!message.is_empty());
        }
    }
    // From 1 byte up to a little more than the file, told by the file itself.
    let window = 1 + bytes.iter().map(|&byte| usize::from(byte)).sum::<usize>() % (bytes.len() + 2);
    assert!(same_reading(&whole, &read(bytes, window, false)), "a window of {window} bytes reads differently");
    let skipped = read(bytes, window, true);
    let Ok(tables) = &skipped else { panic!("stopped in spite of being told to skip: {skipped:?}") };
    fit_together(tables);
    match &whole {
        Ok(whole) => assert!(written(tables) == written(whole), "skipping changed what is sound"),
        Err(_) => assert!(tables.problems.dropped.contains(&true), "something was skipped in silence"),
    }
});

type Reading = Result<Tables, (usize, String)>;

fn read(bytes: &[u8], window: usize, skip: bool) -> Reading {
    let source = Source::Bytes(Box::new(bytes.to_vec()));
    match Exports::new(vec![("fuzz".into(), source)], window, skip).all(&Batch::unwatched(1)) {
        Ok(tables) => Ok(tables),
        Err(Stop::Export { position, message, .. }) => Err((position, message)),
        Err(other) => panic!("an error of the file was expected: {other:?}"),
    }
}

fn same_reading(one: &Reading, other: &Reading) -> bool {
    match (one, other) {
        (Ok(one), Ok(other)) => written(one) == written(other),
        (Err(one), Err(other)) => one == other,
        _ => false,
    }
}

/// All columns as text, in which NaN equals NaN; without the maps behind names, whose order is their own.
fn written(tables: &Tables) -> String {
    let Tables { tasks, annotations, regions, controls, answers, relations, problems, names, kinds, uses } = tables;
    let people = format!("{tasks:?}{annotations:?}{regions:?}{controls:?}{answers:?}{relations:?}{problems:?}");
    format!("{people}{:?}{:?}{:?}{:?}", names.list, kinds.list, uses.name, uses.count)
}

/// Another parser's opinion: any number of values, one after the other.
fn is_json(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes);
    let mut parser = serde_json::Deserializer::from_slice(bytes);
    parser.disable_recursion_limit();
    parser.into_iter::<IgnoredAny>().all(|value| value.is_ok())
}

/// Columns of one table are of one length, offsets run forwards to the end, texts are UTF-8, and rows that
/// are named exist.
fn fit_together(tables: &Tables) {
    let Tables { tasks, annotations, regions, controls, answers, relations, problems, names, kinds, .. } =
        tables;
    let (n_tasks, n_annotations) = (tasks.task_id.len(), annotations.task.len());
    let n_regions = regions.annotation.len();
    lists(&tasks.images, n_tasks);
    texts(&tasks.data, n_tasks);
    same(
        n_tasks,
        &[tasks.inner_id.len(), tasks.n_annotations.len(), tasks.n_predictions.len(), tasks.n_drafts.len()],
    );

    below(&annotations.task, n_tasks);
    texts(&annotations.annotator, n_annotations);
    texts(&annotations.model_version, n_annotations);
    same(
        n_annotations,
        &[annotations.annotation_id.len(), annotations.source.len(), annotations.n_regions.len()],
    );
    same(
        n_annotations,
        &[annotations.cancelled.len(), annotations.created_at.len(), annotations.updated_at.len()],
    );
    same(
        n_annotations,
        &[annotations.score.len(), annotations.lead_time_s.len(), annotations.ground_truth.len()],
    );
    let counted: i64 = annotations.n_regions.iter().map(|&count| i64::from(count)).sum();
    assert_eq!(counted, n_regions as i64, "regions of annotations and of the table");

    below(&regions.annotation, n_annotations);
    same(n_regions, &[regions.page.len(), regions.width.len(), regions.height.len(), regions.kind.len()]);
    same(n_regions, &[regions.score.len(), regions.readonly.len()]);
    lists(&regions.labels, n_regions);
    for column in [&regions.region_id, &regions.origin, &regions.parent_id, &regions.meta_text] {
        texts(column, n_regions);
    }
    let drawn = &regions.outlines;
    if let Err(error) = Polygons::new(&drawn.xy, &drawn.ring_offsets, &drawn.polygon_offsets) {
        panic!("{error}");
    }
    same(n_regions, &[drawn.polygon_offsets.len() - 1]);
    assert!(drawn.xy.iter().flatten().all(|value| value.abs() <= MAX_COORDINATE));
    assert!(regions.page.iter().all(|&page| page >= 0));

    for (table, rows) in [(controls, n_regions), (answers, n_annotations)] {
        below(&table.row, rows);
        below(&table.name, names.list.len());
        below(&table.kind, kinds.list.len());
        texts(&table.text, table.row.len());
        same(table.row.len(), &[table.page.len(), table.name.len(), table.kind.len(), table.number.len()]);
    }

    below(&relations.annotation, n_annotations);
    for column in [&relations.from_id, &relations.to_id, &relations.direction] {
        texts(column, relations.annotation.len());
    }
    lists(&relations.labels, relations.annotation.len());

    let count = problems.task.len();
    assert!(problems.task.iter().all(|&row| row == NO_ROW || (row as usize) < n_tasks));
    assert!(problems.annotation.iter().all(|&row| row == NO_ROW || (row as usize) < n_annotations));
    for column in [&problems.region_id, &problems.field, &problems.code, &problems.message] {
        texts(column, count);
    }
    same(count, &[problems.page.len(), problems.dropped.len()]);
}

fn same(count: usize, lengths: &[usize]) {
    assert!(lengths.iter().all(|&length| length == count), "{lengths:?} and {count}");
}

fn below(rows: &[u32], count: usize) {
    assert!(rows.iter().all(|&row| (row as usize) < count), "a row beyond {count}");
}

fn ends(offsets: &[i32], count: usize, len: usize) {
    same(count + 1, &[offsets.len()]);
    assert!(
        offsets[0] == 0
            && offsets[count] as usize == len
            && offsets.windows(2).all(|pair| pair[0] <= pair[1])
    );
}

fn texts(column: &Strings, count: usize) {
    same(count, &[column.present.len()]);
    ends(&column.offsets, count, column.bytes.len());
    for pair in column.offsets.windows(2) {
        assert!(std::str::from_utf8(&column.bytes[pair[0] as usize..pair[1] as usize]).is_ok());
    }
}

fn lists(column: &Lists, count: usize) {
    ends(&column.offsets, count, column.values.present.len());
    texts(&column.values, column.values.present.len());
}
