//! Relations that annotators drew between two regions.

use std::borrow::Cow;

use crate::error::Result;
use crate::read::answers::listed;
use crate::read::columns::{Place, Tables};
use crate::read::entry::Entry;
use crate::read::json::Cursor;
use crate::read::privacy::unsigned;

/// Add a relation; one that does not name two regions is reported.
pub(super) fn relation(entry: &Entry, place: Place, tables: &mut Tables) -> Result<()> {
    let (Some(given), Some([from, to])) = (entry.relation.as_deref(), ends(entry)) else {
        let message = "a relation does not name two regions; it was left out";
        tables.problems.report(place, "from_id", "relation_not_read", message, false);
        return Ok(());
    };
    let relations = &mut tables.relations;
    relations.annotation.push(place.annotation);
    relations.from_id.push(Some(&unsigned(Cow::Borrowed(from))));
    relations.to_id.push(Some(&unsigned(Cow::Borrowed(to))));
    let direction = given.direction.as_deref().map(|direction| unsigned(Cow::Borrowed(direction)));
    relations.direction.push(direction.as_deref());
    let mut odd = false;
    if let Some((labels, base)) = given.labels {
        odd = listed(&mut Cursor::new(labels, base), |label| relations.labels.values.push(Some(label)))?;
    }
    relations.labels.end();
    if odd {
        let message = "a label of a relation is no text; it was left out";
        tables.problems.report(place, "labels", "label_not_read", message, false);
    }
    Ok(())
}

/// Report ends of a relation that are no region, by the ids of the file.
pub(super) fn missing_ends(
    entry: &Entry,
    is_region: impl Fn(&str) -> bool,
    place: Place,
    tables: &mut Tables,
) {
    for (id, (field, verb)) in
        ends(entry).into_iter().flatten().zip([("from_id", "starts from"), ("to_id", "leads to")])
    {
        if is_region(id) {
            continue;
        }
        let id = unsigned(Cow::Borrowed(id));
        let message = format!(
            "the region that a relation {verb} ({field}) is not among those that were read of its annotation; the relation was \
             kept, delete it or restore the region"
        );
        let place = Place { region: Some(&id), ..place };
        tables.problems.report(place, field, "relation_without_region", &message, false);
    }
}

/// The ids of both regions.
fn ends<'e>(entry: &'e Entry) -> Option<[&'e str; 2]> {
    let given = entry.relation.as_deref()?;
    Some([given.from.as_deref()?, given.to.as_deref()?])
}
