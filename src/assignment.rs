//! One-to-one assignment on sparse edges with the largest total weight.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// What two nodes are worth to each other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edge {
    pub(crate) left: u32,
    pub(crate) right: u32,
    pub(crate) weight: f64,
}

const NONE: u32 = u32::MAX;

/// Maximum-weight bipartite matching on sparse edges by successive shortest augmenting paths.
///
/// Rows and columns carry dual prices `u + v >= w` with equality on matched edges; each row that the greedy start leaves
/// over is resolved by one Dijkstra search on the reduced costs, which ends at a free column or at a row that is better left
/// alone (R. Jonker and A. Volgenant 1987, with sparse search). Cost: O(edges) where everybody's best partner is
/// his own, O(rows × edges log edges) at worst.
#[derive(Default)]
pub(crate) struct Assignment {
    starts: Vec<u32>,
    u: Vec<f64>,
    v: Vec<f64>,
    /// Edge position of each matched row, or NONE.
    row_edge: Vec<u32>,
    column_row: Vec<u32>,
    /// Search state, valid where the stamp is that of the current search.
    distance: Vec<f64>,
    through: Vec<u32>,
    stamp: Vec<u32>,
    settled: Vec<u32>,
    heap: BinaryHeap<Reverse<Reached>>,
}

/// A column reached at a distance; nearest first, ties by column.
#[derive(Clone, Copy, PartialEq)]
struct Reached(f64, u32);

impl Eq for Reached {}
impl Ord for Reached {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0).then(self.1.cmp(&other.1))
    }
}
impl PartialOrd for Reached {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Assignment {
    /// Positions of the chosen edges with their row. Edges are sorted by `left`; weights are positive.
    pub(crate) fn solve(&mut self, rows: usize, columns: usize, edges: &[Edge]) -> Vec<(usize, u32)> {
        if edges.is_empty() {
            return Vec::new();
        }
        self.start(rows, columns, edges);
        for row in 0..rows as u32 {
            if self.row_edge[row as usize] == NONE && self.u[row as usize] > 0.0 {
                self.augment(row, edges);
            }
        }
        let matched = self.row_edge.iter().enumerate().filter(|(_, edge)| **edge != NONE);
        matched.map(|(row, &edge)| (edge as usize, row as u32)).collect()
    }

    /// Prices from row maxima, and every row that can have its best column gets it.
    fn start(&mut self, rows: usize, columns: usize, edges: &[Edge]) {
        fn reset<T: Clone>(list: &mut Vec<T>, len: usize, value: T) {
            list.clear();
            list.resize(len, value);
        }
        reset(&mut self.starts, rows + 1, 0);
        reset(&mut self.u, rows, 0.0);
        reset(&mut self.v, columns, 0.0);
        reset(&mut self.row_edge, rows, NONE);
        reset(&mut self.column_row, columns, NONE);
        reset(&mut self.distance, columns, 0.0);
        reset(&mut self.through, columns, NONE);
        reset(&mut self.stamp, columns, NONE);
        for edge in edges {
            self.starts[edge.left as usize + 1] += 1;
            let u = &mut self.u[edge.left as usize];
            *u = u.max(edge.weight);
        }
        for row in 0..rows {
            self.starts[row + 1] += self.starts[row];
        }
        for (position, edge) in edges.iter().enumerate() {
            let (row, column) = (edge.left as usize, edge.right as usize);
            if self.row_edge[row] == NONE && self.column_row[column] == NONE && edge.weight == self.u[row] {
                self.row_edge[row] = position as u32;
                self.column_row[column] = row as u32;
            }
        }
    }

    fn augment(&mut self, root: u32, edges: &[Edge]) {
        self.heap.clear();
        self.settled.clear();
        // The cheapest way to end so far: a row (or the root) left alone, or a free column.
        let mut best = self.u[root as usize];
        let mut end = End::Row(root);
        let mut row = root;
        let mut base = 0.0;
        loop {
            for position in self.starts[row as usize]..self.starts[row as usize + 1] {
                let edge = &edges[position as usize];
                let column = edge.right as usize;
                let cost = (self.u[row as usize] + self.v[column] - edge.weight).max(0.0);
                let distance = base + cost;
                if distance < best && (self.stamp[column] != root || distance < self.distance[column]) {
                    self.stamp[column] = root;
                    self.distance[column] = distance;
                    self.through[column] = position;
                    self.heap.push(Reverse(Reached(distance, column as u32)));
                }
            }
            let next = loop {
                match self.heap.pop() {
                    Some(Reverse(Reached(distance, column))) if distance < best => {
                        if distance == self.distance[column as usize] {
                            break Some((distance, column));
                        }
                    }
                    _ => break None,
                }
            };
            let Some((distance, column)) = next else { break };
            self.settled.push(column);
            let owner = self.column_row[column as usize];
            if owner == NONE {
                best = distance;
                end = End::Column(column);
                break;
            }
            if distance + self.u[owner as usize] < best {
                best = distance + self.u[owner as usize];
                end = End::Row(owner);
            }
            (row, base) = (owner, distance);
        }
        self.reprice(root, best);
        self.flip(root, end, edges);
    }

    /// Lower the prices of the rows and raise those of the columns that the search passed, by what they were nearer.
    fn reprice(&mut self, root: u32, best: f64) {
        self.u[root as usize] -= best;
        for &column in &self.settled {
            let slack = best - self.distance[column as usize];
            if slack <= 0.0 {
                continue;
            }
            let owner = self.column_row[column as usize];
            if owner != NONE {
                self.v[column as usize] += slack;
                self.u[owner as usize] = (self.u[owner as usize] - slack).max(0.0);
            }
        }
    }

    /// Exchange matched and unmatched edges along the path that ends at `end`.
    fn flip(&mut self, root: u32, end: End, edges: &[Edge]) {
        let mut column = match end {
            End::Column(column) => column,
            End::Row(row) if row == root => return,
            End::Row(row) => {
                let column = edges[self.row_edge[row as usize] as usize].right;
                self.row_edge[row as usize] = NONE;
                column
            }
        };
        loop {
            let position = self.through[column as usize];
            let row = edges[position as usize].left;
            let before = std::mem::replace(&mut self.row_edge[row as usize], position);
            self.column_row[column as usize] = row;
            if row == root {
                return;
            }
            column = edges[before as usize].right;
        }
    }
}

#[derive(Clone, Copy)]
enum End {
    Row(u32),
    Column(u32),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn solve(rows: usize, columns: usize, weights: &[(u32, u32, f64)]) -> (f64, usize) {
        let edges: Vec<Edge> =
            weights.iter().map(|&(left, right, weight)| Edge { left, right, weight }).collect();
        let mut assignment = Assignment::default();
        let chosen = assignment.solve(rows, columns, &edges);
        let mut seen = (vec![false; rows], vec![false; columns]);
        for &(position, row) in &chosen {
            let edge = edges[position];
            assert_eq!(edge.left, row);
            assert!(!std::mem::replace(&mut seen.0[edge.left as usize], true));
            assert!(!std::mem::replace(&mut seen.1[edge.right as usize], true));
        }
        (chosen.iter().map(|&(position, _)| edges[position].weight).sum(), chosen.len())
    }

    /// All ways, for small cases.
    fn brute(row: u32, rows: u32, used: u32, weights: &[(u32, u32, f64)]) -> f64 {
        if row == rows {
            return 0.0;
        }
        let own = weights.iter().filter(|edge| edge.0 == row && used & (1 << edge.1) == 0);
        own.map(|edge| edge.2 + brute(row + 1, rows, used | (1 << edge.1), weights))
            .fold(brute(row + 1, rows, used, weights), f64::max)
    }

    #[test]
    fn greedy_is_not_enough() {
        // Greedy takes 0.9 and leaves 0.0; the best is 0.8 + 0.7.
        assert_eq!(solve(2, 2, &[(0, 0, 0.9), (0, 1, 0.8), (1, 0, 0.7)]).0, 1.5);
        // A row is better left alone than to push out two good partners.
        assert_eq!(solve(3, 2, &[(0, 0, 0.9), (1, 0, 0.2), (1, 1, 0.2), (2, 1, 0.9)]), (1.8, 2));
    }

    #[test]
    fn as_good_as_trying_all_ways() {
        let mut state = 7_u64;
        let mut random = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as u32
        };
        for case in 0..4_000 {
            let (rows, columns) = (1 + random() % 6, 1 + random() % 6);
            let mut weights = Vec::new();
            for row in 0..rows {
                for column in 0..columns {
                    if random() % 3 > 0 {
                        // Few distinct weights make many ties.
                        let steps = if case % 2 == 0 { 1000 } else { 4 };
                        weights.push((row, column, f64::from(1 + random() % steps) / f64::from(steps)));
                    }
                }
            }
            let (total, _) = solve(rows as usize, columns as usize, &weights);
            let best = brute(0, rows, 0, &weights);
            assert!((total - best).abs() < 1e-12, "case {case}: {total} against {best}: {weights:?}");
        }
    }

    #[test]
    fn thousands_of_nested_regions() {
        // Every region overlaps every other one, most with nearly the same weight: 2.25 million edges.
        let n = 1_500_u32;
        let weight = |a: u32, b: u32| {
            let (a, b) = (f64::from(a) + 100.0, f64::from(b) + 100.3);
            (a.min(b) / a.max(b)).powi(2)
        };
        let weights: Vec<_> = (0..n).flat_map(|a| (0..n).map(move |b| (a, b, weight(a, b)))).collect();
        let (total, count) = solve(n as usize, n as usize, &weights);
        let diagonal: f64 = (0..n).map(|k| weight(k, k)).sum();
        assert_eq!(count, n as usize);
        assert!(total >= diagonal - 1e-9);
    }
}
