//! Cameras turned by more than 45 degrees: what ids prove, and what exchanged ids do not.

use super::model::{Basis, Model};
use super::tests::{Lesion, PLAIN, moved, pages, partners};

#[test]
fn four_ids_prove_any_turn() {
    for count in 4..=5 {
        for degrees in [44.0, 46.0, 50.0, 90.0, 135.0, 180.0, -90.0, -60.0] {
            let later = moved(&PLAIN[..count], [8.0, -5.0], degrees, 1.1);
            let (movement, entries) = pages(&PLAIN[..count], &later).link();
            assert_eq!((movement.model, movement.basis), (Model::Similarity, Basis::Ids), "{degrees}");
            assert_eq!(movement.n_inliers as usize, count);
            let turn = movement.matrix[3].atan2(movement.matrix[0]).to_degrees();
            let scale = movement.matrix[0].hypot(movement.matrix[3]);
            // Only within 45 degrees there is a prior of the turn.
            assert!(((turn - degrees + 540.0) % 360.0 - 180.0).abs() < 1.0, "{degrees} {turn}");
            assert!((scale - 1.1).abs() < 0.015, "{degrees} {scale}");
            assert_eq!(partners(&entries, count), (0..count as i64).collect::<Vec<_>>());
            assert!(entries.iter().all(|one| one.cost < 0.5 && !one.jump && one.swap.is_none()));
        }
    }
    // A change of scale that is refused upright is refused here.
    let (movement, _) = pages(&PLAIN, &moved(&PLAIN, [0.0, 0.0], 180.0, 1.6)).link();
    assert_eq!(movement.model, Model::None);
}

#[test]
fn exchanged_ids_under_a_turned_camera() {
    let places = [(15.0, 12.0), (60.0, 15.0), (20.0, 45.0), (52.0, 50.0), (44.0, 24.0), (30.0, 6.0)];
    let six: Vec<Lesion> = places.iter().zip(1..).map(|(&(x, y), id)| (x, y, 2.0, 0, id)).collect();
    for (a, b) in (0..6).flat_map(|a| (0..a).map(move |b| (a, b))) {
        for degrees in [90.0, 180.0, -90.0] {
            let mut later = moved(&six, [3.0, 2.0], degrees, 1.0);
            (later[a].4, later[b].4) = (later[b].4, later[a].4);
            let (movement, entries) = pages(&six, &later).link();
            assert_eq!((movement.basis, movement.n_inliers), (Basis::Ids, 4), "{a} {b} {degrees}");
            for (at, entry) in entries.iter().enumerate() {
                assert_eq!(entry.swap.is_some(), at == a || at == b, "{a} {b} {degrees}");
                assert!(!entry.jump && entry.partner == Some(at as u32));
            }
        }
    }
}

#[test]
fn exchanged_ids_are_no_turn_even_in_the_worst_place() {
    // Two exchanged, and the others as near the middle between them, where a half turn moves nothing, as there is room.
    let row = |ids: [i64; 4]| {
        [(10.0, 30.0), (70.0, 30.0), (40.0, 28.0), (40.0, 32.0)]
            .iter()
            .zip(ids)
            .map(|(&(x, y), id)| (x, y, 2.0, 0, id))
    };
    let (movement, entries) =
        pages(&row([1, 2, 3, 4]).collect::<Vec<_>>(), &row([2, 1, 3, 4]).collect::<Vec<_>>()).link();
    assert!(movement.matrix[0] > 0.9, "{movement:?}");
    assert_eq!(entries.iter().map(|one| one.swap).collect::<Vec<_>>(), [Some(5), Some(4), None, None]);
    // Two exchanges in a rectangle are a half turn, and four in a square a quarter: which it was nobody knows, but a fifth
    // lesion, even without an id, says it.
    let corners = [(20.0, 10.0), (60.0, 10.0), (60.0, 50.0), (20.0, 50.0)];
    for ids in [[3, 4, 1, 2], [2, 3, 4, 1]] {
        let square = |ids: [i64; 4]| corners.iter().zip(ids).map(|(&(x, y), id)| (x, y, 2.0, 0, id));
        let (mut from, mut to): (Vec<_>, Vec<_>) = (square([1, 2, 3, 4]).collect(), square(ids).collect());
        let (movement, _) = pages(&from, &to).link();
        assert_eq!((movement.model, movement.basis, movement.n_inliers), (Model::None, Basis::None, 0));
        from.push((30.0, 20.0, 2.0, 0, -1));
        to.push((30.0, 20.0, 2.0, 0, -1));
        let (movement, entries) = pages(&from, &to).link();
        assert_eq!((movement.basis, movement.n_inliers), (Basis::Positions, 5));
        assert!(entries[..4].iter().all(|one| one.swap.is_some()));
        // Turned with the others it says the opposite.
        let (x, y) = if ids[0] == 3 { (50.0, 40.0) } else { (30.0, 40.0) };
        to[4] = (x, y, 2.0, 0, -1);
        let (movement, entries) = pages(&from, &to).link();
        assert_eq!((movement.basis, movement.n_inliers), (Basis::Ids, 4), "{movement:?}");
        assert!(entries.iter().all(|one| one.swap.is_none() && !one.jump && one.partner.is_some()));
    }
}

#[test]
fn what_fits_some_places_does_not_overrule_four_ids() {
    // Seen in a mirror: no movement of a camera does that.
    let mirrored: Vec<Lesion> =
        PLAIN.iter().map(|&(x, y, radius, label, id)| (80.0 - x, y, radius, label, id)).collect();
    let (movement, _) = pages(&PLAIN, &mirrored).link();
    assert_eq!((movement.model, movement.basis), (Model::None, Basis::None), "{movement:?}");
}
