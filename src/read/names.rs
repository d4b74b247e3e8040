//! Names that recur from region to region, as numbers, and how often each control was used.

use std::collections::HashMap;

use crate::read::columns::NO_ROW;

/// Names that recur, as numbers.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Each name once, in the order of first appearance.
    pub list: Vec<String>,
    codes: HashMap<String, u32>,
    /// Which name came after each the last time: regions name the same controls in the same order.
    after: Vec<u32>,
    last: u32,
}

impl Names {
    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.codes.clear();
        self.after.clear();
        self.last = 0;
    }

    /// The number of a name.
    pub fn code(&mut self, name: &str) -> u32 {
        let guess = self.after.get(self.last as usize).copied().unwrap_or(NO_ROW);
        if self.list.get(guess as usize).is_some_and(|known| known == name) {
            self.last = guess;
            return guess;
        }
        let code = match self.codes.get(name) {
            Some(&code) => code,
            None => {
                let code = self.list.len() as u32;
                self.list.push(name.to_owned());
                self.after.push(NO_ROW);
                self.codes.insert(name.to_owned(), code);
                code
            }
        };
        if let Some(after) = self.after.get_mut(self.last as usize) {
            *after = code;
        }
        self.last = code;
        code
    }
}

/// The guesses are no part of the value.
impl PartialEq for Names {
    fn eq(&self, other: &Self) -> bool {
        self.list == other.list
    }
}

/// What a control was used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Scope {
    /// It drew the shape of a region, and may have labelled it.
    Shape = 0,
    /// It labelled a region that another control drew.
    Labels = 1,
    /// It answered for a region.
    Region = 2,
    /// It answered for a page.
    Page = 3,
    /// It answered for a task.
    Task = 4,
}

/// How often each control was used, and for what. Entries without a `from_name` name no control and count nowhere.
#[derive(Clone, Debug, Default)]
pub struct Uses {
    /// Number of the control's name.
    pub name: Vec<u32>,
    /// Number of the type of its entries.
    pub kind: Vec<u32>,
    /// See [`Scope`].
    pub scope: Vec<u8>,
    /// Entries that became part of a row.
    pub count: Vec<i64>,
    rows: HashMap<(u32, u32, u8), u32>,
    /// Which use came after each the last time.
    after: Vec<u32>,
    last: u32,
}

impl Uses {
    pub(super) fn clear(&mut self) {
        self.name.clear();
        self.kind.clear();
        self.scope.clear();
        self.count.clear();
        self.rows.clear();
        self.after.clear();
        self.last = 0;
    }

    /// Count some uses of a control.
    pub fn add(&mut self, name: u32, kind: u32, scope: u8, count: i64) {
        let guess = self.after.get(self.last as usize).copied().unwrap_or(NO_ROW) as usize;
        if self.name.get(guess) == Some(&name)
            && self.kind.get(guess) == Some(&kind)
            && self.scope.get(guess) == Some(&scope)
        {
            self.count[guess] += count;
            self.last = guess as u32;
            return;
        }
        let new = self.name.len() as u32;
        let row = *self.rows.entry((name, kind, scope)).or_insert(new);
        if row == new {
            self.name.push(name);
            self.kind.push(kind);
            self.scope.push(scope);
            self.count.push(0);
            self.after.push(NO_ROW);
        }
        self.count[row as usize] += count;
        if let Some(after) = self.after.get_mut(self.last as usize) {
            *after = row;
        }
        self.last = row;
    }

    /// Add the uses that a later part has counted, with its names and kinds renumbered.
    pub(super) fn append(&mut self, other: &Uses, names: &[u32], kinds: &[u32]) {
        for row in 0..other.name.len() {
            let (name, kind) = (names[other.name[row] as usize], kinds[other.kind[row] as usize]);
            self.add(name, kind, other.scope[row], other.count[row]);
        }
    }
}

/// The index and the guesses follow from the columns.
impl PartialEq for Uses {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
            && self.kind == other.kind
            && self.scope == other.scope
            && self.count == other.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number_in_any_order() {
        let mut names = Names::default();
        let order = ["a", "b", "c", "a", "b", "c", "a", "c", "c", "b", "a", "b", "", "a", ""];
        let codes: Vec<u32> = order.iter().map(|name| names.code(name)).collect();
        assert_eq!(codes, [0, 1, 2, 0, 1, 2, 0, 2, 2, 1, 0, 1, 3, 0, 3]);
        assert_eq!(names.list, ["a", "b", "c", ""]);
    }

    #[test]
    fn uses_are_counted_and_joined_by_name() {
        let (mut uses, mut other) = (Uses::default(), Uses::default());
        for _ in 0..3 {
            uses.add(0, 0, Scope::Shape as u8, 1);
            uses.add(1, 1, Scope::Region as u8, 1);
            uses.add(1, 1, Scope::Task as u8, 1);
        }
        other.add(0, 0, Scope::Region as u8, 5);
        other.add(1, 1, Scope::Page as u8, 1);
        uses.append(&other, &[1, 2], &[1, 0]);
        assert_eq!(uses.name, [0, 1, 1, 2]);
        assert_eq!(uses.kind, [0, 1, 1, 0]);
        assert_eq!(uses.scope, [0, 2, 4, 3]);
        assert_eq!(uses.count, [3, 8, 3, 1]);
    }
}
