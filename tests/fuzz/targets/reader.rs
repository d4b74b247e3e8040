//! Any bytes through the reader: no panic, tables that fit together, errors within the file, and nothing read
//! from what is no JSON.

#![no_main]

use lesiongeo::batch::Batch;
use lesiongeo::error::Error;
use lesiongeo::polygons::{MAX_COORDINATE, Polygons};
use lesiongeo::read::columns::{Lists, NO_ROW, Strings, Tables};
use lesiongeo::read::label_studio::read;
use libfuzzer_sys::fuzz_target;
use serde::de::{Deserialize, IgnoredAny};

fuzz_target!(|bytes: &[u8]| {
    match read(bytes, &Batch::unwatched(1)) {
        Ok(tables) => {
            fit_together(&tables);
            assert!(is_json(bytes), "tables were made of what is no JSON");
        }
        Err(Error::Export { message, position }) => {
            assert!(position <= bytes.len(), "byte {position} of {}: {message}", bytes.len());
            assert!(!message.is_empty());
        }
        Err(Error::Overflow { .. }) => {}
        Err(other) => panic!("an error of the file was expected: {other}"),
    }
});

/// Another parser's opinion: one value, or one per line.
fn is_json(bytes: &[u8]) -> bool {
    let packed = bytes.starts_with(&[0x1f, 0x8b]) || bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]);
    let bytes = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes);
    packed
        || one_value(bytes)
        || bytes.split(|&byte| byte == b'\n').all(|line| blank(line) || one_value(line))
}

fn blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

fn one_value(bytes: &[u8]) -> bool {
    let mut parser = serde_json::Deserializer::from_slice(bytes);
    parser.disable_recursion_limit();
    IgnoredAny::deserialize(&mut parser).is_ok() && parser.end().is_ok()
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
