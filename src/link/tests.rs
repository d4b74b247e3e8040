//! Pages by hand, in millimetres of a field of 80 x 60, and costs judged by trying all ways.

use super::model::{Basis, GATE, LABEL, Model, NOISE_OF_RADIUS, NOISE_OF_WIDTH, SIZE, STRETCH};
use super::*;
use std::f64::consts::PI;

/// Position, radius, label and id.
pub(super) type Lesion = (f64, f64, f64, i64, i64);

pub(super) const PLAIN: [Lesion; 5] = [
    (15.0, 12.0, 2.5, 0, 1),
    (60.0, 15.0, 3.0, 0, 2),
    (20.0, 45.0, 2.0, 1, 3),
    (66.0, 48.0, 4.0, 0, 4),
    (40.0, 30.0, 2.2, 1, 5),
];

pub(super) struct Pages {
    xy: Vec<Point>,
    log_area: Vec<f64>,
    label: Vec<i64>,
    id: Vec<i64>,
    pair: Pair,
}

pub(super) fn pages(from: &[Lesion], to: &[Lesion]) -> Pages {
    let all: Vec<Lesion> = from.iter().chain(to).copied().collect();
    Pages {
        xy: all.iter().map(|one| [one.0, one.1]).collect(),
        log_area: all.iter().map(|one| (PI * one.2 * one.2).ln()).collect(),
        label: all.iter().map(|one| one.3).collect(),
        id: all.iter().map(|one| one.4).collect(),
        pair: Pair {
            from: 0..from.len(),
            to: from.len()..all.len(),
            from_per_px: [1.0; 2],
            to_per_px: [1.0; 2],
            field: 80.0,
            zoom_most: 1.25,
        },
    }
}

impl Pages {
    pub(super) fn link(&self) -> (Movement, Vec<Entry>) {
        let seen = Sightings { xy: &self.xy, log_area: &self.log_area, label: &self.label, id: &self.id };
        let (mut movements, entries) =
            link(seen, std::slice::from_ref(&self.pair), &Batch::unwatched(1)).unwrap();
        (movements.remove(0), entries)
    }
}

pub(super) fn moved(lesions: &[Lesion], shift: [f64; 2], degrees: f64, scale: f64) -> Vec<Lesion> {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let turn = |&(x, y, radius, label, id): &Lesion| {
        let (x, y) = (x - 40.0, y - 30.0);
        let at = [scale * (cos * x - sin * y), scale * (sin * x + cos * y)];
        (40.0 + shift[0] + at[0], 30.0 + shift[1] + at[1], radius * scale, label, id)
    };
    lesions.iter().map(turn).collect()
}

pub(super) fn partners(entries: &[Entry], from: usize) -> Vec<i64> {
    entries
        .iter()
        .map(|one| one.partner.map_or(-1, i64::from))
        .inspect(|&at| assert!(at < from as i64))
        .collect()
}

#[test]
fn a_shift_by_ids() {
    let (movement, entries) = pages(&PLAIN, &moved(&PLAIN, [10.0, -5.0], 0.0, 1.0)).link();
    assert_eq!((movement.model, movement.basis), (Model::Similarity, Basis::Ids));
    assert_eq!((movement.n_common, movement.n_inliers), (5, 5));
    for (found, expected) in movement.matrix.iter().zip([1.0, 0.0, 10.0, 0.0, 1.0, -5.0]) {
        assert!((found - expected).abs() < 1e-9, "{:?}", movement.matrix);
    }
    assert!(movement.residual_sd < 1e-9);
    assert_eq!(partners(&entries, 5), [0, 1, 2, 3, 4]);
    for (at, entry) in entries.iter().enumerate() {
        assert_eq!((entry.lesion as usize, entry.same_id), (5 + at, Some(at as u32)));
        assert!(entry.cost < 1e-9 && entry.margin > 5.0 && entry.partner_distance < 1e-6);
        assert!(!entry.jump && entry.swap.is_none() && entry.swap_gain.is_nan() && entry.swap_size == 0);
    }
}

#[test]
fn a_turned_camera_with_and_without_ids() {
    let turned = moved(&PLAIN, [6.0, 4.0], 20.0, 1.1);
    for ids in [true, false] {
        let mut both = pages(&PLAIN, &turned);
        if !ids {
            both.id.fill(-1);
        }
        let (movement, entries) = both.link();
        assert_eq!(movement.model, Model::Similarity);
        assert_eq!(movement.basis, if ids { Basis::Ids } else { Basis::Positions });
        let turn = movement.matrix[3].atan2(movement.matrix[0]).to_degrees();
        let scale = movement.matrix[0].hypot(movement.matrix[3]);
        // The prior towards an upright camera takes a little.
        assert!((turn - 20.0).abs() < 0.6 && (scale - 1.1).abs() < 0.011, "{turn} {scale}");
        assert_eq!(partners(&entries, 5), [0, 1, 2, 3, 4]);
        assert!(entries.iter().all(|one| one.cost < 0.5 && !one.jump && one.swap.is_none()));
    }
}

#[test]
fn without_ids_nobody_holds_the_camera_upside_down() {
    for count in 3..=5 {
        for degrees in [60.0, 90.0, 180.0, -90.0] {
            let mut both = pages(&PLAIN[..count], &moved(&PLAIN[..count], [0.0, 0.0], degrees, 1.0));
            both.id.fill(-1);
            let (movement, _) = both.link();
            assert!(movement.matrix[3].abs() <= movement.matrix[0], "{movement:?}");
        }
    }
    let (movement, _) = pages(&PLAIN, &moved(&PLAIN, [0.0, 0.0], 0.0, 1.6)).link();
    assert!(movement.matrix[0] <= 1.25);
    let mut both = pages(&PLAIN, &moved(&PLAIN, [0.0, 0.0], 0.0, 1.6));
    both.pair.zoom_most = 2.0;
    let (movement, entries) = both.link();
    assert!((movement.matrix[0] - 1.6).abs() < 0.01);
    // Areas are compared after the change of scale.
    assert!(entries.iter().all(|one| one.cost < 0.1));
}

#[test]
fn exchanged_ids_are_seen_whatever_the_number_of_lesions() {
    for count in 2..=5 {
        for (a, b) in (0..count).flat_map(|a| (0..a).map(move |b| (a, b))) {
            for degrees in [-20.0, 0.0, 20.0] {
                let mut later = moved(&PLAIN[..count], [5.0, -4.0], degrees, 1.03);
                (later[a].4, later[b].4) = (later[b].4, later[a].4);
                let (_, entries) = pages(&PLAIN[..count], &later).link();
                for (at, entry) in entries.iter().enumerate() {
                    let other = if at == a {
                        Some(b)
                    } else if at == b {
                        Some(a)
                    } else {
                        None
                    };
                    assert_eq!(
                        entry.swap,
                        other.map(|other| (count + other) as u32),
                        "{count} {a} {b} {degrees}"
                    );
                    assert_eq!(entry.swap_size, if other.is_some() { 2 } else { 0 });
                    assert_eq!(entry.swap_gain >= 6.0, other.is_some());
                    assert!(!entry.jump);
                    assert_eq!(entry.partner, Some(at as u32));
                }
            }
        }
    }
}

#[test]
fn three_ids_in_a_circle() {
    let mut later = PLAIN.to_vec();
    (later[0].4, later[2].4, later[4].4) = (3, 5, 1);
    let (_, entries) = pages(&PLAIN, &later).link();
    // The first lesion has the id of the third and should have that of the fifth, which is 1.
    let swaps: Vec<_> = entries.iter().map(|one| (one.swap, one.swap_size)).collect();
    assert_eq!(swaps, [(Some(9), 3), (None, 0), (Some(5), 3), (None, 0), (Some(7), 3)]);
}

#[test]
fn a_jump_is_that_of_the_one_that_jumped() {
    for (at, far) in [(0, 20.0), (3, -20.0), (4, 20.0)] {
        let mut later = moved(&PLAIN, [3.0, 3.0], 5.0, 1.0);
        later[at].0 += far;
        let (_, entries) = pages(&PLAIN, &later).link();
        let jumps: Vec<_> = entries.iter().map(|one| one.jump).collect();
        assert_eq!(jumps, (0..5).map(|one| one == at).collect::<Vec<_>>());
        assert!((entries[at].same_id_distance - 20.0).abs() < 3.0);
        assert_eq!(entries[at].partner, None);
        assert!(entries[at].cost.is_nan() && entries[at].margin.is_nan());
    }
}

#[test]
fn one_lesion_says_nothing_of_the_camera() {
    let (movement, entries) = pages(&PLAIN[..1], &moved(&PLAIN[..1], [30.0, 0.0], 0.0, 1.0)).link();
    assert_eq!((movement.model, movement.basis, movement.n_inliers), (Model::None, Basis::None, 0));
    assert_eq!(movement.matrix, [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
    assert!(movement.residual_sd.is_nan());
    assert!(!entries[0].jump && entries[0].partner == Some(0));
    assert!((entries[0].same_id_distance - 30.0).abs() < 1e-9);
}

#[test]
fn of_two_that_contradict_each_other_the_farther_jumped() {
    let mut later = PLAIN[..2].to_vec();
    (later[1].0, later[1].1) = (20.0, 55.0);
    later[0].0 += 2.0;
    let (movement, entries) = pages(&PLAIN[..2], &later).link();
    assert_eq!(movement.model, Model::None);
    assert!(!entries[0].jump && entries[1].jump);
    // Both about as far, and not exchanged: nobody knows.
    let later = [(45.0, 10.0, 2.5, 0, 1), (45.0, 50.0, 3.0, 0, 2)];
    let (_, entries) = pages(&PLAIN[..2], &later).link();
    assert!(entries[0].jump && entries[1].jump);
}

#[test]
fn size_and_label_decide_where_the_place_does_not() {
    let from = [
        (30.0, 30.0, 2.0, 0, -1),
        (33.0, 30.0, 4.0, 1, -1),
        (70.0, 50.0, 3.0, 0, 7),
        (10.0, 50.0, 3.0, 0, 8),
        (10.0, 5.0, 3.0, 0, 9),
    ];
    let mut to = from;
    (to[0].0, to[1].0) = (31.5, 31.5);
    to.swap(0, 1);
    let (_, entries) = pages(&from, &to).link();
    assert_eq!(partners(&entries, 5), [1, 0, 2, 3, 4]);
    assert!(entries[0].margin < 8.0 && entries[2].margin > 10.0);
    // Half of the way apart and alike, the next best link costs the same: the margin says so.
    let alike = |x: f64| (x, 30.0, 3.0, -1, -1);
    let rest = [from[2], from[3], from[4]];
    let one = [&[alike(30.0), alike(33.0)], rest.as_slice()].concat();
    let other = [&[alike(31.5), alike(31.5)], rest.as_slice()].concat();
    let (_, entries) = pages(&one, &other).link();
    assert!(entries[..2].iter().all(|one| one.margin.abs() < 0.2 && one.cost > 0.5), "{entries:?}");
}

#[test]
fn a_cost_by_hand() {
    // Four lesions hold the camera; the fifth moved by 3 mm, doubled its area and changed its label.
    let mut later = PLAIN.to_vec();
    later[4] = (43.0, 30.0, 2.2 * 2.0_f64.sqrt(), 0, 6);
    let (movement, entries) = pages(&PLAIN, &later).link();
    assert_eq!((movement.n_common, movement.n_inliers), (4, 4));
    let noise = |from: f64, to: f64| {
        (NOISE_OF_WIDTH * 80.0).powi(2) + NOISE_OF_RADIUS.powi(2) * (from * from + to * to) / 2.0
    };
    let weights: Vec<f64> = PLAIN[..4].iter().map(|one| 1.0 / noise(one.2, one.2)).collect();
    let total: f64 = weights.iter().sum();
    let mean = |axis: fn(&Lesion) -> f64| {
        PLAIN[..4].iter().zip(&weights).map(|(one, weight)| weight * axis(one)).sum::<f64>() / total
    };
    let (x, y) = (mean(|one| one.0), mean(|one| one.1));
    let off2 = |one: &Lesion| (one.0 - x).powi(2) + (one.1 - y).powi(2);
    let spread: f64 = PLAIN[..4].iter().zip(&weights).map(|(one, weight)| weight * off2(one)).sum();
    let turn = STRETCH * STRETCH + 1.0 / (spread + 25.0);
    let variance = noise(2.2, 2.2 * 2.0_f64.sqrt()) + 1.0 / total + turn * off2(&PLAIN[4]);
    let size = 2.0_f64.ln().powi(2) / (2.0 * SIZE * SIZE);
    let cost = 9.0 / (2.0 * variance) + size + LABEL;
    assert!((entries[4].cost - cost).abs() < 1e-9, "{} {cost}", entries[4].cost);
    assert!((entries[4].partner_distance - 3.0).abs() < 1e-9);
    // Nothing else is near: the next best is to have no partner.
    assert!((entries[4].margin - (GATE - cost)).abs() < 1e-9);
    // Its id is new.
    assert!(entries[4].same_id.is_none() && entries[4].tolerance.is_nan());
}

#[test]
fn an_id_twice_on_a_page() {
    // Two with the id of the first: neither says where the camera went, each is compared with the nearest of that id.
    let mut later = PLAIN.to_vec();
    later.push((17.0, 16.0, 2.0, 0, 1));
    let (movement, entries) = pages(&PLAIN, &later).link();
    assert_eq!(movement.n_common, 4);
    assert_eq!((entries[0].same_id, entries[5].same_id), (Some(0), Some(0)));
    assert!((entries[5].same_id_distance - 20.0_f64.sqrt()).abs() < 1e-9);
    assert_eq!(entries[5].partner, None);
    let mut earlier = PLAIN.to_vec();
    earlier.push((50.0, 50.0, 2.0, 0, 1));
    let (_, entries) = pages(&earlier, &PLAIN).link();
    assert_eq!(entries[0].same_id, Some(0));
    assert!(entries.iter().all(|one| !one.jump && one.swap.is_none()));
}

#[test]
fn pages_without_lesions_and_lesions_without_anything() {
    let (movement, entries) = pages(&[], &PLAIN).link();
    assert_eq!((movement.model, movement.n_common), (Model::None, 0));
    assert!(entries.len() == 5 && entries.iter().all(|one| one.partner.is_none() && !one.jump));
    assert!(pages(&PLAIN, &[]).link().1.is_empty());
    let mut both = pages(&PLAIN, &PLAIN);
    both.log_area.fill(f64::NAN);
    both.label.fill(-1);
    both.id.fill(-1);
    both.pair.field = 0.0;
    let (_, entries) = both.link();
    assert_eq!(partners(&entries, 5), [0, 1, 2, 3, 4]);
    // All at one place.
    let same = [(5.0, 5.0, 1.0, 0, 1), (5.0, 5.0, 1.0, 0, 2), (5.0, 5.0, 1.0, 0, 3)];
    let (_, entries) = pages(&same, &same).link();
    assert!(entries.iter().all(|one| !one.jump && one.swap.is_none() && one.cost.is_finite()));
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as u32) % limit
    }

    fn lesions(&mut self, count: u32) -> Vec<Lesion> {
        let mut one = |id: u32| {
            let mut place = |limit: u32| f64::from(self.below(limit * 16)) / 16.0;
            (place(40), place(30), 1.0 + place(4), i64::from(id % 2), i64::from(id) - 1)
        };
        (0..count).map(&mut one).collect()
    }
}

/// Least total cost over all ways, where a lesion without a partner costs half of the gate.
fn brute(costs: &[Vec<f64>], row: usize, used: u32) -> f64 {
    let Some(own) = costs.get(row) else {
        return GATE / 2.0 * f64::from(costs.first().map_or(0, Vec::len) as u32 - used.count_ones());
    };
    let mut best = GATE / 2.0 + brute(costs, row + 1, used);
    for (column, &cost) in own.iter().enumerate() {
        if used & (1 << column) == 0 {
            best = best.min(cost + brute(costs, row + 1, used | (1 << column)));
        }
    }
    best
}

#[test]
fn partners_are_the_cheapest_of_all_ways() {
    let mut random = Random(5);
    for _ in 0..600 {
        let (n, m) = (1 + random.below(5), 1 + random.below(5));
        let (from, to) = (random.lesions(n), random.lesions(m));
        let both = pages(&from, &to);
        let (movement, entries) = both.link();
        // The cost of every two, by looking at a page with all ids equal to that of one lesion alone.
        let mut page = Page::default();
        let seen = Sightings { xy: &both.xy, log_area: &both.log_area, label: &both.label, id: &both.id };
        load(&mut page.from, seen, both.pair.from.clone(), [1.0; 2]);
        load(&mut page.to, seen, both.pair.to.clone(), [1.0; 2]);
        page.find_common();
        let (motion, again) = page.movement(80.0, 1.25);
        assert_eq!(movement.matrix, again.matrix);
        let cost = |a: &Spot| page.to.iter().map(|b| motion.fit(a, b).cost()).collect::<Vec<_>>();
        let costs: Vec<Vec<f64>> = page.from.iter().map(cost).collect();
        let linked: Vec<f64> =
            entries.iter().filter(|one| one.partner.is_some()).map(|one| one.cost).collect();
        let alone = f64::from(n + m) - 2.0 * linked.len() as f64;
        let total = linked.iter().sum::<f64>() + GATE / 2.0 * alone;
        assert!((total - brute(&costs, 0, 0)).abs() < 1e-9);
        for (column, entry) in entries.iter().enumerate() {
            let Some(row) = entry.partner.map(|row| row as usize) else { continue };
            assert_eq!(entry.cost, costs[row][column]);
            let others = (0..n as usize).filter(|&other| other != row).map(|other| costs[other][column]);
            let others =
                others.chain((0..m as usize).filter(|&other| other != column).map(|other| costs[row][other]));
            assert!((entry.margin - (others.fold(GATE, f64::min) - entry.cost)).abs() < 1e-9);
        }
    }
}

#[test]
fn units_and_threads_do_not_matter() {
    let mut random = Random(9);
    let (mut one, mut two) = (Vec::new(), Vec::new());
    let mut lesions: Vec<Lesion> = Vec::new();
    for _ in 0..4_000 {
        let start = lesions.len();
        let (n, m) = (random.below(7), random.below(7));
        lesions.extend(random.lesions(n));
        let middle = lesions.len();
        lesions.extend(random.lesions(m));
        let pair = Pair {
            from: start..middle,
            to: middle..lesions.len(),
            from_per_px: [1.0; 2],
            to_per_px: [1.0; 2],
            field: 80.0,
            zoom_most: 1.25,
        };
        two.push(Pair { from_per_px: [0.25; 2], to_per_px: [0.25; 2], field: 20.0, ..pair.clone() });
        one.push(pair);
    }
    let all = pages(&lesions, &[]);
    let seen = Sightings { xy: &all.xy, log_area: &all.log_area, label: &all.label, id: &all.id };
    let (movements, entries) = link(seen, &one, &Batch::unwatched(1)).unwrap();
    let (again, same) = link(seen, &one, &Batch::unwatched(3)).unwrap();
    assert_eq!(format!("{movements:?}{entries:?}"), format!("{again:?}{same:?}"));
    // A unit four times as long: the same decisions.
    let (other, scaled) = link(seen, &two, &Batch::unwatched(1)).unwrap();
    let decided = |movements: &[Movement], entries: &[Entry]| {
        let moves: Vec<_> = movements.iter().map(|one| (one.model, one.basis, one.n_inliers)).collect();
        let links: Vec<_> =
            entries.iter().map(|one| (one.partner, one.same_id, one.jump, one.swap)).collect();
        (moves, links)
    };
    assert_eq!(decided(&movements, &entries), decided(&other, &scaled));
}
