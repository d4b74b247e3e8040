//! Paths of straight and Bezier edges, as the editor's `Vector` control draws them.
//!
//! An edge from one vertex to the next is a cubic Bezier curve whose handles are the second control point of the
//! vertex where it starts and the first of the vertex where it ends; of two straight vertices it is a line. Where
//! only one of the two has a handle, the other lies three tenths of the way along the chord from its own vertex.
//! (Label Studio, `web/libs/editor/src/components/KonvaVector`: `components/VectorShape.tsx` draws, `utils.ts` tests
//! for the mouse; both do this.) A vertex names the one before it; without a name it follows the one before it in the
//! list.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::error::Result;
use crate::polygons::{MAX_COORDINATE, Point};
use crate::read::entry::text;
use crate::read::json::{Cursor, Kind};
use crate::read::shapes::{CHORD_ERROR_PX, TOO_LARGE, Unreadable, pixel};

const FIELD: &str = "value.vertices";
const NO_VERTICES: Unreadable =
    Unreadable::fixed(FIELD, "no_points", "the region has no list of vertices; redraw or delete it");
const NOT_A_VERTEX: Unreadable = Unreadable::fixed(
    FIELD,
    "not_a_point",
    "a vertex or one of its control points has no position; redraw or delete the region",
);
const BRANCHED: Unreadable = Unreadable::fixed(
    FIELD,
    "branched_path",
    "the path branches, falls into pieces, or names a vertex that is not there, so it is no single line; \
     redraw the region",
);

/// Most pieces of one edge; enough for handles that lie a million pixels off.
const MOST_STEPS: f64 = 4096.0;

/// How far along the chord a handle lies that the editor makes up.
const HANDLE: f64 = 0.3;

/// One vertex, in pixels.
#[derive(Default)]
struct Vertex<'a> {
    id: Option<Cow<'a, str>>,
    before: Option<Cow<'a, str>>,
    point: Point,
    /// Where the edges that arrive and set out here are drawn to.
    handles: [Option<Point>; 2],
}

/// Read the path of a `value` into a ring, in pixels; whether it is closed. An open one runs there and back again.
pub(super) fn path(
    value: &mut Cursor,
    size: [f64; 2],
    ring: &mut Vec<Point>,
) -> Result<std::result::Result<bool, Unreadable>> {
    let mut vertices: std::result::Result<Vec<Vertex>, Unreadable> = Err(NO_VERTICES);
    let mut closed = false;
    value.object(|value, key| match key {
        "vertices" if value.kind()? == Kind::Array => {
            let mut found = Ok(Vec::new());
            value.array(|value| {
                match (vertex(value, size)?, &mut found) {
                    (Some(vertex), Ok(list)) => list.push(vertex),
                    _ => found = Err(NOT_A_VERTEX),
                }
                Ok(())
            })?;
            vertices = found;
            Ok(())
        }
        "closed" => {
            closed = value.raw()? == "true";
            Ok(())
        }
        _ => value.skip(),
    })?;
    Ok(vertices.and_then(|vertices| draw(&vertices, closed, ring).map(|()| closed)))
}

/// One vertex, an object or a pair of numbers; `None` if it has no position.
fn vertex<'a>(value: &mut Cursor<'a>, size: [f64; 2]) -> Result<Option<Vertex<'a>>> {
    let mut vertex = Vertex::default();
    if value.kind()? == Kind::Array {
        let mut numbers = Vec::new();
        value.array(|value| {
            numbers.push(value.scalar()?.number());
            Ok(())
        })?;
        let [Some(x), Some(y)] = numbers[..] else { return Ok(None) };
        vertex.point = pixel([x, y], size);
        return Ok(Some(vertex));
    }
    if value.kind()? != Kind::Object {
        value.skip()?;
        return Ok(None);
    }
    let (mut x, mut y, mut curved, mut sound) = (None, None, false, true);
    value.object(|value, key| {
        match key {
            "id" => vertex.id = text(value.scalar()?),
            // The editor takes an empty name for none.
            "prevPointId" => vertex.before = text(value.scalar()?).filter(|id| !id.is_empty()),
            "x" => x = value.scalar()?.number(),
            "y" => y = value.scalar()?.number(),
            "isBezier" => curved = value.raw()? == "true",
            "controlPoint1" | "controlPoint2" => {
                let handle = handle(value, size)?;
                sound &= handle.is_ok();
                vertex.handles[usize::from(key.ends_with('2'))] = handle.unwrap_or(None);
            }
            _ => value.skip()?,
        }
        Ok(())
    })?;
    let (Some(x), Some(y)) = (x, y) else { return Ok(None) };
    vertex.point = pixel([x, y], size);
    if !curved {
        vertex.handles = [None; 2];
    }
    Ok((sound || !curved).then_some(vertex))
}

/// A control point, or none; an error if there is something that is no point.
fn handle(value: &mut Cursor, size: [f64; 2]) -> Result<std::result::Result<Option<Point>, ()>> {
    match value.kind()? {
        Kind::Object => {
            let (mut x, mut y) = (None, None);
            value.object(|value, key| {
                match key {
                    "x" => x = value.scalar()?.number(),
                    "y" => y = value.scalar()?.number(),
                    _ => value.skip()?,
                }
                Ok(())
            })?;
            let (Some(x), Some(y)) = (x, y) else { return Ok(Err(())) };
            Ok(Ok(Some(pixel([x, y], size))))
        }
        kind => {
            value.skip()?;
            Ok(if kind == Kind::Null { Ok(None) } else { Err(()) })
        }
    }
}

/// Draw the edges from vertex to vertex.
fn draw(vertices: &[Vertex], closed: bool, ring: &mut Vec<Point>) -> std::result::Result<(), Unreadable> {
    let (order, looped) = chain(vertices)?;
    let given = vertices.iter().flat_map(|vertex| vertex.handles.iter().flatten().chain([&vertex.point]));
    if given.flatten().any(|value| value.is_nan() || value.abs() > MAX_COORDINATE) {
        return Err(Unreadable { field: FIELD, ..TOO_LARGE });
    }
    let first = &vertices[order[0]];
    ring.push(first.point);
    for pair in order.windows(2) {
        edge(&vertices[pair[0]], &vertices[pair[1]], ring)?;
    }
    // The editor draws an edge that its vertices name, closed or not.
    if (closed || looped) && order.len() > 1 {
        edge(&vertices[order[order.len() - 1]], first, ring)?;
    }
    if closed {
        if ring.len() > 1 {
            ring.pop();
        }
    } else {
        let turn = ring.len() - 1;
        ring.extend_from_within(1..turn.max(1));
        let back = ring.len() - turn.max(1);
        ring[back + 1..].reverse();
    }
    Ok(())
}

/// The vertices in the order of the path, and whether the first of them names the last as the one before it.
fn chain(vertices: &[Vertex]) -> std::result::Result<(Vec<usize>, bool), Unreadable> {
    if vertices.is_empty() {
        return Err(NO_VERTICES);
    }
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    for (index, vertex) in vertices.iter().enumerate() {
        if let Some(id) = &vertex.id
            && numbers.insert(id, index).is_some()
        {
            return Err(BRANCHED);
        }
    }
    let mut next: Vec<Option<usize>> = vec![None; vertices.len()];
    let mut start = None;
    for (index, vertex) in vertices.iter().enumerate() {
        let before = match &vertex.before {
            Some(id) => *numbers.get(id.as_ref()).ok_or(BRANCHED)?,
            None if index > 0 => index - 1,
            None => {
                start = Some(index);
                continue;
            }
        };
        if next[before].replace(index).is_some() {
            return Err(BRANCHED);
        }
    }
    // Where every vertex has one before it, the path is a loop, and starts with the first of the list.
    let looped = start.is_none();
    let mut order = vec![start.unwrap_or(0)];
    while let Some(index) = next[order[order.len() - 1]]
        && index != order[0]
    {
        order.push(index);
    }
    if order.len() == vertices.len() { Ok((order, looped)) } else { Err(BRANCHED) }
}

/// Add the edge between two vertices, without the point where it starts.
fn edge(from: &Vertex, to: &Vertex, ring: &mut Vec<Point>) -> std::result::Result<(), Unreadable> {
    let (a, d) = (from.point, to.point);
    let along = |start: Point, end: Point| -> Point {
        std::array::from_fn(|axis| start[axis] + HANDLE * (end[axis] - start[axis]))
    };
    let (b, c) = match (from.handles[1], to.handles[0]) {
        (None, None) => {
            ring.push(d);
            return Ok(());
        }
        (b, c) => (b.unwrap_or_else(|| along(a, d)), c.unwrap_or_else(|| along(d, a))),
    };
    let steps = steps(a, b, c, d);
    if steps > MOST_STEPS {
        return Err(Unreadable { field: FIELD, ..TOO_LARGE });
    }
    for step in 1..steps as u32 {
        let t = f64::from(step) / steps;
        let u = 1.0 - t;
        let weights = [u * u * u, 3.0 * u * u * t, 3.0 * u * t * t, t * t * t];
        ring.push(std::array::from_fn(|axis| {
            weights[0] * a[axis] + weights[1] * b[axis] + weights[2] * c[axis] + weights[3] * d[axis]
        }));
    }
    ring.push(d);
    Ok(())
}

/// Equal steps of the parameter that keep the chords of a cubic within [`CHORD_ERROR_PX`].
///
/// A curve leaves the chord of a piece of length h by h² / 8 of its second derivative at most, and that of a cubic is
/// six times the larger second difference of its control points at most.
fn steps(a: Point, b: Point, c: Point, d: Point) -> f64 {
    let second = |a: Point, b: Point, c: Point| (a[0] - 2.0 * b[0] + c[0]).hypot(a[1] - 2.0 * b[1] + c[1]);
    let bend = second(a, b, c).max(second(b, c, d));
    (6.0 * bend / (8.0 * CHORD_ERROR_PX)).sqrt().ceil().max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::area::{perimeter, ring_area};
    use crate::polygons::PolygonsBuf;

    fn read(text: &str) -> std::result::Result<(bool, Vec<Point>), &'static str> {
        let mut ring = Vec::new();
        let read = path(&mut Cursor::new(text, 0), [100.0, 100.0], &mut ring).unwrap();
        read.map(|closed| (closed, ring)).map_err(|error| error.code)
    }

    fn vertices(list: &str, closed: bool) -> String {
        format!(r#"{{"vertices": [{list}], "closed": {closed}}}"#)
    }

    const SQUARE: &str = r#"{"id":"a","x":10,"y":10,"isBezier":false},{"id":"b","x":30,"y":10,"prevPointId":"a"},
        {"id":"c","x":30,"y":30,"prevPointId":"b"},{"id":"d","x":10,"y":30,"prevPointId":"c"}"#;

    #[test]
    fn straight_paths() {
        let corners = [[10.0, 10.0], [30.0, 10.0], [30.0, 30.0], [10.0, 30.0]];
        assert_eq!(read(&vertices(SQUARE, true)), Ok((true, corners.to_vec())));
        // An open one goes there and back.
        let back = [&corners[..], &[corners[2], corners[1]]].concat();
        assert_eq!(read(&vertices(SQUARE, false)), Ok((false, back)));
        assert_eq!(
            read(r#"{"vertices": [[10, 10], [30, 10], [30, 30], [10, 30]], "closed": true}"#),
            Ok((true, corners.to_vec()))
        );
        assert_eq!(read(r#"{"vertices": [[10, 10], [30, 10]]}"#), Ok((false, corners[..2].to_vec())));
        assert_eq!(read(r#"{"vertices": [[10, 10]]}"#), Ok((false, corners[..1].to_vec())));
        assert_eq!(read(r#"{"vertices": [[10, 10]], "closed": true}"#), Ok((true, corners[..1].to_vec())));
    }

    #[test]
    fn vertices_are_ordered_by_the_ones_they_name() {
        let shuffled = r#"{"id":"c","x":30,"y":30,"prevPointId":"b"},{"id":"a","x":10,"y":10,"prevPointId":"d"},
            {"id":"d","x":10,"y":30,"prevPointId":"c"},{"id":"b","x":30,"y":10,"prevPointId":"a"}"#;
        let (_, ring) = read(&vertices(shuffled, true)).unwrap();
        assert_eq!(ring, [[30.0, 30.0], [10.0, 30.0], [10.0, 10.0], [30.0, 10.0]]);
        let name = |from: &str, to: &str| read(&vertices(&SQUARE.replace(from, to), true));
        assert_eq!(name(r#""prevPointId":"c""#, r#""prevPointId":"b""#), Err("branched_path"));
        assert_eq!(name(r#""prevPointId":"c""#, r#""prevPointId":"x""#), Err("branched_path"));
        assert_eq!(name(r#""prevPointId":"c""#, r#""prevPointId":"d""#), Err("branched_path"));
        assert_eq!(name(r#""id":"d""#, r#""id":"c""#), Err("branched_path"));
        // Two vertices that name each other, beside the path.
        let pair = SQUARE.replace(r#""prevPointId":"b""#, r#""prevPointId":"d""#);
        assert_eq!(read(&vertices(&pair, true)), Err("branched_path"));
        assert!(name(r#""prevPointId":"c""#, r#""prevPointId":"""#).is_ok());
        assert!(name(r#""prevPointId":"c""#, r#""prevPointId":null"#).is_ok());
    }

    #[test]
    fn what_is_no_path_is_named() {
        assert_eq!(read("{}"), Err("no_points"));
        assert_eq!(read(r#"{"vertices": []}"#), Err("no_points"));
        assert_eq!(read(r#"{"vertices": null}"#), Err("no_points"));
        for vertex in ["1", "[1]", "[1, 2, 3]", "[1, null]", "{}", r#"{"x": 1}"#, r#"{"x": 1, "y": "2"}"#] {
            assert_eq!(read(&vertices(vertex, true)), Err("not_a_point"), "{vertex}");
        }
        let curved = r#"{"x":1,"y":2,"isBezier":true,"controlPoint1":{"x":1}}"#;
        assert_eq!(read(&vertices(curved, true)), Err("not_a_point"));
        assert!(read(&vertices(&curved.replace("true", "false"), true)).is_ok());
        assert_eq!(read(&vertices(r#"{"x":1e400,"y":2}"#, true)), Err("coordinate_out_of_range"));
        let far = r#"{"x":1,"y":2,"isBezier":true,"controlPoint2":{"x":1e9,"y":0}},{"x":5,"y":5}"#;
        assert_eq!(read(&vertices(far, true)), Err("coordinate_out_of_range"));
    }

    /// Circles of four cubics, and what is known about them: the handles of a quarter lie 0.5522847498 of the radius
    /// off.
    fn circle(radius: f64) -> String {
        let handle = 0.552_284_749_830_793_6 * radius;
        let vertices = (0..4).map(|quarter| {
            let (x, y) = [(radius, 0.0), (0.0, radius), (-radius, 0.0), (0.0, -radius)][quarter];
            let (u, v) = (-y / radius * handle, x / radius * handle);
            format!(
                r#"{{"x":{x},"y":{y},"isBezier":true,"controlPoint1":{{"x":{},"y":{}}},"controlPoint2":{{"x":{},"y":{}}}}}"#,
                x - u,
                y - v,
                x + u,
                y + v
            )
        });
        vertices.collect::<Vec<_>>().join(",")
    }

    #[test]
    fn curves_stay_within_the_stated_error() {
        for radius in [0.3, 4.0, 40.0, 900.0, 1e5] {
            let (_, ring) = read(&vertices(&circle(radius), true)).unwrap();
            // The area of the four cubics, in closed form: that of their square and 4 times the integral of x dy
            // between.
            let k = 0.552_284_749_830_793_6;
            let area = radius * radius * (2.0 + 4.0 * (0.6 * k - 0.15 * k * k));
            let (found, length) = (ring_area(&ring), std::f64::consts::TAU * radius);
            assert!(found < area && area - found < CHORD_ERROR_PX * length, "{radius}: {found} {area}");
            // The curve is within 0.03 % of the circle; the middle of each chord within the error of the curve.
            for (index, &[x, y]) in ring.iter().enumerate() {
                let [u, v] = ring[(index + 1) % ring.len()];
                let middle = (0.5 * (x + u)).hypot(0.5 * (y + v));
                assert!(middle > radius - CHORD_ERROR_PX && middle < radius * 1.0003);
            }
        }
    }

    #[test]
    fn a_handle_that_is_missing_lies_on_the_chord() {
        let one = r#"{"x":0,"y":0,"isBezier":true,"controlPoint2":{"x":0,"y":40}},{"x":40,"y":0}"#;
        let (_, ring) = read(&vertices(one, false)).unwrap();
        // Control points (0, 0), (0, 40), (28, 0), (40, 0): the middle is (3 * 28 + 40) / 8, 3 * 40 / 8.
        let steps = ring.len() / 2;
        assert!(steps % 2 == 0 && ring[steps / 2] == [15.5, 15.0], "{ring:?}");
        let two = r#"{"x":0,"y":0},{"x":40,"y":0,"isBezier":true,"controlPoint1":{"x":40,"y":40}}"#;
        let (_, ring) = read(&vertices(two, false)).unwrap();
        assert_eq!(ring[ring.len() / 4], [24.5, 15.0]);
    }

    #[test]
    fn lines_have_no_area() {
        let mut state = 3_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 11) as f64 / (1_u64 << 53) as f64 * 100.0
        };
        for count in 1..200 {
            // Every third is level, off the numbers that doubles can hold.
            let level = random();
            let mut height = || if count % 3 == 0 { level } else { random() };
            let points: Vec<String> = (0..count)
                .map(|index| format!("[{},{}]", height() + f64::from(index as u32), height()))
                .collect();
            let (_, ring) = read(&vertices(&points.join(","), false)).unwrap();
            assert_eq!(ring_area(&ring), 0.0, "{count}");
            let line: f64 = ring[..count]
                .windows(2)
                .map(|ends| (ends[1][0] - ends[0][0]).hypot(ends[1][1] - ends[0][1]))
                .sum();
            let mut columns = PolygonsBuf::default();
            columns.push_ring(ring.iter().copied()).unwrap();
            columns.end_region().unwrap();
            assert!((perimeter(columns.view().row(0), [1.0; 2]) - 2.0 * line).abs() <= 1e-9 * line);
        }
    }
}
