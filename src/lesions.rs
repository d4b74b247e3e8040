//! Which regions of several annotators are one lesion: groups with at most one region of each annotator.

/// Two regions that were matched one to one, and how well.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Match {
    /// One region.
    pub a: u32,
    /// The other one, of another annotator.
    pub b: u32,
    /// Their intersection over union; a match without one (NaN) joins nothing.
    pub iou: f64,
}

/// Group regions by their matches, the best first; a match joins two groups unless an annotator is in both of them.
///
/// Of equal matches the one with the earlier regions comes first, so neither the order of `matches` nor that of the two
/// sides matters. `annotators` is a code per region, below the number of regions; regions of one annotator never share a
/// group. Returns the number of each region's group, counted in the order of the groups' first regions.
/// Cost: O(n log n) for n matches, plus the members of the two groups for each of them.
///
/// # Panics
///
/// If a region or a code is not below the number of regions; the binding checks both.
pub fn group(annotators: &[u32], matches: &mut [Match]) -> Vec<u32> {
    for one in matches.iter_mut() {
        (one.a, one.b) = (one.a.min(one.b), one.a.max(one.b));
    }
    // Best first; positions break ties, so equal keys are equal matches.
    matches.sort_unstable_by(|x, y| y.iou.total_cmp(&x.iou).then((x.a, x.b).cmp(&(y.a, y.b))));
    let mut groups = Groups::new(annotators.len());
    for (&Match { a, b, iou }, turn) in matches.iter().zip(1_u32..) {
        if !iou.is_nan() {
            groups.join(a, b, turn, annotators);
        }
    }
    groups.numbers()
}

/// Union-find whose members are also linked in rings, so that a group can be walked.
struct Groups {
    parent: Vec<u32>,
    size: Vec<u32>,
    next: Vec<u32>,
    /// The turn in which an annotator was last seen in a group.
    seen: Vec<u32>,
}

impl Groups {
    fn new(len: usize) -> Self {
        let each: Vec<u32> = (0..len as u32).collect();
        Self { parent: each.clone(), size: vec![1; len], next: each, seen: vec![0; len] }
    }

    fn root(&mut self, mut region: u32) -> u32 {
        while self.parent[region as usize] != region {
            let above = self.parent[self.parent[region as usize] as usize];
            self.parent[region as usize] = above;
            region = above;
        }
        region
    }

    fn join(&mut self, a: u32, b: u32, turn: u32, annotators: &[u32]) {
        let (a, b) = (self.root(a), self.root(b));
        if a == b || self.share_an_annotator(a, b, turn, annotators) {
            return;
        }
        let (small, large) = if self.size[a as usize] < self.size[b as usize] { (a, b) } else { (b, a) };
        self.parent[small as usize] = large;
        self.size[large as usize] += self.size[small as usize];
        // Two rings become one when a member of each changes its successor with the other.
        self.next.swap(small as usize, large as usize);
    }

    fn share_an_annotator(&mut self, a: u32, b: u32, turn: u32, annotators: &[u32]) -> bool {
        let mut member = a;
        loop {
            self.seen[annotators[member as usize] as usize] = turn;
            member = self.next[member as usize];
            if member == a {
                break;
            }
        }
        let mut member = b;
        loop {
            if self.seen[annotators[member as usize] as usize] == turn {
                return true;
            }
            member = self.next[member as usize];
            if member == b {
                return false;
            }
        }
    }

    fn numbers(mut self) -> Vec<u32> {
        const NONE: u32 = u32::MAX;
        let mut number = vec![NONE; self.parent.len()];
        let mut count = 0;
        (0..self.parent.len() as u32)
            .map(|region| {
                let root = self.root(region) as usize;
                if number[root] == NONE {
                    number[root] = count;
                    count += 1;
                }
                number[root]
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grouped(annotators: &[u32], matches: &[(u32, u32, f64)]) -> Vec<u32> {
        let mut matches: Vec<Match> = matches.iter().map(|&(a, b, iou)| Match { a, b, iou }).collect();
        group(annotators, &mut matches)
    }

    #[test]
    fn alone_and_together() {
        assert!(grouped(&[], &[]).is_empty());
        assert_eq!(grouped(&[0, 1, 2], &[]), [0, 1, 2]);
        // Three people, two lesions; regions are listed person by person.
        let annotators = [0, 0, 1, 1, 2, 2];
        assert_eq!(grouped(&annotators, &[(0, 3, 0.9), (3, 4, 0.8), (1, 2, 0.7)]), [0, 1, 1, 0, 0, 2]);
    }

    #[test]
    fn a_chain_is_one_group_until_a_person_would_be_in_it_twice() {
        // 0 and 3 are of one person: whoever of 1 and 2 is less alike to its neighbour lets go.
        let annotators = [0, 1, 2, 0];
        assert_eq!(grouped(&annotators, &[(0, 1, 0.9), (1, 2, 0.8)]), [0, 0, 0, 1]);
        assert_eq!(grouped(&annotators, &[(0, 1, 0.9), (1, 2, 0.5), (2, 3, 0.8)]), [0, 0, 1, 1]);
        assert_eq!(grouped(&annotators, &[(0, 1, 0.5), (1, 2, 0.9), (2, 3, 0.8)]), [0, 1, 1, 1]);
        assert_eq!(grouped(&annotators, &[(0, 1, 0.7), (1, 2, 0.9), (2, 3, 0.6)]), [0, 0, 0, 1]);
    }

    #[test]
    fn ties_go_to_the_earlier_regions() {
        let annotators = [0, 1, 2, 0];
        let expected = [0, 0, 0, 1];
        assert_eq!(grouped(&annotators, &[(0, 1, 0.5), (1, 2, 0.5), (2, 3, 0.5)]), expected);
        assert_eq!(grouped(&annotators, &[(3, 2, 0.5), (2, 1, 0.5), (1, 0, 0.5)]), expected);
    }

    #[test]
    fn a_match_without_an_iou_joins_nothing() {
        assert_eq!(grouped(&[0, 1, 2], &[(0, 1, f64::NAN), (1, 2, 0.3)]), [0, 1, 1]);
    }

    /// Members as lists, the best remaining match looked up each time.
    fn slow(annotators: &[u32], matches: &[(u32, u32, f64)]) -> Vec<u32> {
        let mut groups: Vec<Vec<u32>> = (0..annotators.len() as u32).map(|region| vec![region]).collect();
        let mut left: Vec<_> = matches.iter().map(|&(a, b, iou)| (a.min(b), a.max(b), iou)).collect();
        while !left.is_empty() {
            let mut best = 0;
            for (at, one) in left.iter().enumerate() {
                if one.2 > left[best].2
                    || one.2 == left[best].2 && (one.0, one.1) < (left[best].0, left[best].1)
                {
                    best = at;
                }
            }
            let (a, b, _) = left.remove(best);
            let of = |region| groups.iter().position(|group| group.contains(&region)).unwrap();
            let (a, b) = (of(a), of(b));
            let who = |region: &u32| annotators[*region as usize];
            if a != b && !groups[a].iter().any(|one| groups[b].iter().any(|other| who(one) == who(other))) {
                let moved = std::mem::take(&mut groups[b]);
                groups[a].extend(moved);
            }
        }
        groups.retain(|group| !group.is_empty());
        groups.sort_by_key(|group| group.iter().min().copied());
        let of = |region| groups.iter().position(|group| group.contains(&region)).unwrap() as u32;
        (0..annotators.len() as u32).map(of).collect()
    }

    #[test]
    fn as_the_slow_way() {
        let mut state = 11_u64;
        let mut random = move |below: u32| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 33) as u32) % below
        };
        for case in 0..3_000 {
            let count = 1 + random(14);
            let people = 1 + random(count.min(5));
            let annotators: Vec<u32> = (0..count).map(|_| random(people)).collect();
            // Few distinct values make many ties.
            let steps = if case % 2 == 0 { 1000 } else { 3 };
            let mut matches = Vec::new();
            for a in 0..count {
                for b in 0..count {
                    if annotators[a as usize] != annotators[b as usize] && random(3) == 0 {
                        matches.push((a, b, f64::from(1 + random(steps)) / f64::from(steps)));
                    }
                }
            }
            let found = grouped(&annotators, &matches);
            assert_eq!(found, slow(&annotators, &matches), "case {case}: {annotators:?} {matches:?}");
            matches.reverse();
            assert_eq!(found, grouped(&annotators, &matches), "case {case} in another order");
        }
    }
}
