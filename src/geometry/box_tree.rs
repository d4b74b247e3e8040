//! A static tree of boxes over things in a given order, eight to a node: for segments along a boundary and for regions.

use crate::geometry::area::{Bounds, NO_BOUNDS, boxes_meet, greater, lesser};

/// Children per node. Eight boxes of four doubles are four cache lines, scanned without a branch.
const FAN: usize = 8;

/// Boxes of items, then boxes of every eight of these, and so on up to at most eight.
///
/// Quality comes from the order: neighbours in the list should be neighbours in the plane, as edges along a boundary
/// are by nature and as [`spatial_order`] makes others.
#[derive(Clone, Debug, Default)]
pub struct BoxTree {
    /// All levels one after another, the items first.
    boxes: Vec<Bounds>,
    /// Where each level starts; one more than there are levels.
    levels: Vec<usize>,
}

impl BoxTree {
    /// Replace the content. O(n), and no allocation once the buffers have grown.
    pub fn load(&mut self, items: impl IntoIterator<Item = Bounds>) {
        self.boxes.clear();
        self.levels.clear();
        self.levels.push(0);
        self.boxes.extend(items);
        let mut start = 0;
        while self.boxes.len() - start > FAN {
            let stop = self.boxes.len();
            self.levels.push(stop);
            for first in (start..stop).step_by(FAN) {
                let node = self.boxes[first..(first + FAN).min(stop)].iter().fold(NO_BOUNDS, join);
                self.boxes.push(node);
            }
            start = stop;
        }
        self.levels.push(self.boxes.len());
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        self.levels.get(1).copied().unwrap_or(0)
    }

    /// Whether there is no item.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Visit items whose node `enter`s, depth first. `enter` is asked about the boxes above items and about the items
    /// themselves; `visit` returns `false` to end the walk. `stack` is scratch.
    pub fn walk(
        &self,
        stack: &mut Vec<(u32, u32)>,
        mut enter: impl FnMut(&Bounds) -> bool,
        mut visit: impl FnMut(usize) -> bool,
    ) {
        let Some(top) = self.levels.len().checked_sub(2) else { return };
        stack.clear();
        let width = |level: usize| self.levels[level + 1] - self.levels[level];
        let mut push = |stack: &mut Vec<(u32, u32)>, level: usize, range: std::ops::Range<usize>| -> bool {
            for index in range.rev() {
                if enter(&self.boxes[self.levels[level] + index]) {
                    stack.push((level as u32, index as u32));
                }
            }
            true
        };
        push(stack, top, 0..width(top));
        while let Some((level, index)) = stack.pop() {
            let (level, index) = (level as usize, index as usize);
            if level == 0 {
                if !visit(index) {
                    return;
                }
            } else {
                push(stack, level - 1, index * FAN..((index + 1) * FAN).min(width(level - 1)));
            }
        }
    }

    /// Visit all items whose box meets `query`.
    pub fn meeting(&self, query: &Bounds, stack: &mut Vec<(u32, u32)>, mut visit: impl FnMut(usize)) {
        self.walk(
            stack,
            |node| boxes_meet(node, query),
            |item| {
                visit(item);
                true
            },
        );
    }
}

fn join(a: Bounds, b: &Bounds) -> Bounds {
    [lesser(a[0], b[0]), lesser(a[1], b[1]), greater(a[2], b[2]), greater(a[3], b[3])]
}

/// An order in which neighbours in the list are neighbours in the plane: columns of equal count by x, each by y
/// (sort-tile-recursive packing, Leutenegger, Lopez and Edgington 1997).
pub fn spatial_order(boxes: &[Bounds]) -> Vec<u32> {
    let middle = |index: u32, axis: usize| boxes[index as usize][axis] + boxes[index as usize][axis + 2];
    let mut order: Vec<u32> = (0..boxes.len() as u32).collect();
    order.sort_unstable_by(|&a, &b| middle(a, 0).total_cmp(&middle(b, 0)).then(a.cmp(&b)));
    let columns = ((boxes.len() as f64 / FAN as f64).sqrt().ceil() as usize).max(1);
    for column in order.chunks_mut(boxes.len().div_ceil(columns).max(1)) {
        column.sort_unstable_by(|&a, &b| middle(a, 1).total_cmp(&middle(b, 1)).then(a.cmp(&b)));
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_brute_force_finds() {
        // A fixed linear congruential sequence: 1,000 boxes of side up to 30 on a 1000 x 1000 page.
        let mut state = 1_u64;
        let mut random = |scale: f64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64 * scale
        };
        let boxes: Vec<Bounds> = (0..1000)
            .map(|_| {
                let (x, y) = (random(1000.0), random(1000.0));
                [x, y, x + random(30.0), y + random(30.0)]
            })
            .collect();
        let order = spatial_order(&boxes);
        let mut tree = BoxTree::default();
        tree.load(order.iter().map(|&index| boxes[index as usize]));
        assert_eq!(tree.len(), 1000);
        let mut stack = Vec::new();
        for query in &boxes[..50] {
            let mut found = Vec::new();
            tree.meeting(query, &mut stack, |item| found.push(order[item]));
            found.sort_unstable();
            let brute: Vec<u32> =
                (0..1000).filter(|&index| boxes_meet(&boxes[index as usize], query)).collect();
            assert_eq!(found, brute);
        }
    }

    #[test]
    fn empty_and_single() {
        let mut tree = BoxTree::default();
        let mut found = 0;
        tree.meeting(&[0.0, 0.0, 1.0, 1.0], &mut Vec::new(), |_| found += 1);
        tree.load([]);
        tree.meeting(&[0.0, 0.0, 1.0, 1.0], &mut Vec::new(), |_| found += 1);
        assert_eq!((found, tree.is_empty()), (0, true));
        tree.load([[0.0, 0.0, 1.0, 1.0]]);
        tree.meeting(&[1.0, 1.0, 2.0, 2.0], &mut Vec::new(), |_| found += 1);
        assert_eq!(found, 1);
    }
}
