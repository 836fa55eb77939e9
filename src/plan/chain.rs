//! Which archive builds on which: orders a full and its increments; pure.

use crate::archive::{BackupInfo, Digest, Kind, OpenArchive, Parent};
use crate::error::{Error, Result};
use crate::plan::until::Until;

/// One archive, as far as its place in a chain depends on it.
#[derive(Clone, Copy, Debug)]
pub struct Link<'a> {
    /// The archive as the user named it.
    pub name: &'a str,
    /// What was backed up, and on what it builds.
    pub info: &'a BackupInfo,
    /// The state that it leaves; `None` where that stands only in an end that has not been read.
    pub state: Option<Digest>,
}

impl<'a> From<&'a OpenArchive> for Link<'a> {
    fn from(archive: &'a OpenArchive) -> Self {
        Self { name: archive.name(), info: archive.info(), state: archive.state() }
    }
}

impl Link<'_> {
    /// Whether this is the archive that a child names as its parent: by its state, where that is known. A backup in a pipe gives it away at its end only; then
    /// the id is the best hint, and whoever reads the archive holds the state against the child's.
    pub fn is_named_by(&self, parent: &Parent) -> bool {
        self.state.map_or(self.info.id == parent.id, |state| state == parent.state)
    }
}

/// On what a chain is restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// Its full, which stands for all of the device.
    Full,
    /// What the target holds: the parent of its oldest archive.
    Target,
}

/// The places of the archives in the order in which they build on each other, the oldest first, up to what `until` names.
///
/// What orders them is the state that one leaves and the next names as its parent's: never time, name or place.
///
/// # Errors
/// [`WrongChain`](Error::WrongChain): a parent that is not there, a stranger, two archives on one state, no full (or one, onto a parent), the same archive twice, an
/// undo. [`Refused`](Error::Refused): an `until` that names none.
pub fn order(links: &[Link<'_>], base: Base, until: Option<&Until>) -> Result<Vec<usize>> {
    links.iter().try_for_each(refuse_undo)?;
    refuse_doubles(links)?;
    let parents = links.iter().map(|link| parent_of(links, link)).collect::<Result<Vec<_>>>()?;
    let root = root(links, &parents, base)?;
    let kept = until.map_or_else(|| Ok(vec![true; links.len()]), |until| kept(links, &parents, root, until))?;
    let mut order = vec![root];
    let mut last = root;
    loop {
        let mut children = (0..links.len()).filter(|child| kept[*child] && parents[*child] == Some(last));
        let Some(child) = children.next() else { break };
        if let Some(other) = children.next() {
            return Err(two_heads(&links[last], &links[child], &links[other]));
        }
        order.push(child);
        last = child;
    }
    Ok(order)
}

/// What [`order`] refuses, in the words of whoever wants another thing of the chain than to restore it.
pub fn refused_for(request: &str, remedy: &str, error: Error) -> Error {
    match error {
        Error::WrongChain(refusal) => {
            let why = format!("cannot {}: {}", refusal.request, refusal.why);
            Error::wrong_chain(request, why, Some(remedy.to_owned()))
        }
        other => other,
    }
}

fn refuse_undo(link: &Link<'_>) -> Result<()> {
    if link.info.kind != Kind::Undo {
        return Ok(());
    }
    let why = "it holds what a restore overwrote, and this version takes fulls and increments only";
    let remedy = "its RESTORE.txt tells how tar, zstd and dd restore it".to_owned();
    Err(Error::wrong_chain(format!("restore {}", link.name), why, Some(remedy)))
}

fn refuse_doubles(links: &[Link<'_>]) -> Result<()> {
    for (place, one) in links.iter().enumerate() {
        for other in &links[place + 1..] {
            let (first, second) = (one.name, other.name);
            let what = format!("restore {first} and {second} as one chain");
            if one.info.id == other.info.id {
                let why = format!("both are the archive {}", one.info.id);
                return Err(Error::wrong_chain(what, why, Some("name each archive once".to_owned())));
            }
            if one.state.is_some() && one.state == other.state {
                let why = "both leave the same state: one of them was made from the other";
                return Err(Error::wrong_chain(what, why, Some(format!("name one of them: {first} or {second}"))));
            }
        }
    }
    Ok(())
}

/// The place of the archive on which this one builds, if it is among them.
fn parent_of(links: &[Link<'_>], link: &Link<'_>) -> Result<Option<usize>> {
    let Some(parent) = &link.info.parent else { return Ok(None) };
    let found = links.iter().position(|other| other.is_named_by(parent));
    if let Some(place) = found {
        let (had, says) = (links[place].info.device.size_bytes, parent.device_size);
        if had != says {
            let (name, other) = (link.name, links[place].name);
            let why = format!("it says that the device had {says} bytes when {other} was made, which says {had}");
            return Err(Error::wrong_chain(format!("restore {name}"), why, None));
        }
    }
    Ok(found)
}

/// The archive that is restored first: the only one that builds on none of them.
fn root(links: &[Link<'_>], parents: &[Option<usize>], base: Base) -> Result<usize> {
    let roots: Vec<_> = (0..links.len()).filter(|place| parents[*place].is_none()).collect();
    let (fulls, orphans): (Vec<usize>, Vec<usize>) =
        roots.iter().partition(|place| links[**place].info.kind == Kind::Full);
    match (base, fulls.as_slice(), orphans.as_slice()) {
        (Base::Full, [root], []) | (Base::Target, [], [root]) => reaches_all(links, parents, *root),
        (Base::Full, [], [orphan, ..]) => Err(no_full(&links[*orphan])),
        (Base::Full, [_], [orphan, ..]) => Err(gap(links, &links[*orphan])),
        (Base::Full, [first, second, ..], _) => Err(two_fulls(&links[*first], &links[*second])),
        (Base::Target, [full, ..], _) => {
            let remedy = "leave --onto-parent out to restore the whole chain, or name increments only".to_owned();
            let what = format!("restore {} onto its parent", links[*full].name);
            Err(Error::wrong_chain(what, "it is a full, and has none", Some(remedy)))
        }
        (Base::Target, [], [first, second, ..]) => Err(two_parents(&links[*first], &links[*second])),
        // Nothing was named, or each builds on another in a circle.
        _ => Err(Error::wrong_chain("restore a chain", "none of its archives comes before all others", None)),
    }
}

/// Only archives that lie build on each other in a circle, beside a chain.
fn reaches_all(links: &[Link<'_>], parents: &[Option<usize>], root: usize) -> Result<usize> {
    for (place, link) in links.iter().enumerate() {
        let mut at = place;
        for _ in links {
            at = parents[at].unwrap_or(root);
        }
        if at != root {
            let what = format!("restore {}", link.name);
            return Err(Error::wrong_chain(what, "it builds on archives that build on it", None));
        }
    }
    Ok(root)
}

/// Which archives are wanted: those up to the one that is named; of a time, none that was made later or builds on one that was.
fn kept(links: &[Link<'_>], parents: &[Option<usize>], root: usize, until: &Until) -> Result<Vec<bool>> {
    let ancestors = |from: usize| std::iter::successors(Some(from), |place| parents[*place]);
    let kept: Vec<bool> = match until {
        Until::Id(start) => {
            let named: Vec<_> = (0..links.len()).filter(|place| links[*place].info.id.starts_with(start)).collect();
            let [last] = named[..] else { return Err(not_one(until, links, &named)) };
            let wanted: Vec<_> = ancestors(last).collect();
            (0..links.len()).map(|place| wanted.contains(&place)).collect()
        }
        Until::Time(time) => {
            (0..links.len()).map(|place| ancestors(place).all(|older| links[older].info.created <= *time)).collect()
        }
    };
    if kept[root] {
        return Ok(kept);
    }
    let why = format!("{} was made at {}, later than that", links[root].name, links[root].info.created);
    Err(Error::refused(format!("restore the state of {until}"), why, Some("give a later time".to_owned())))
}

fn not_one(until: &Until, links: &[Link<'_>], named: &[usize]) -> Error {
    let ids = |places: &mut dyn Iterator<Item = usize>| {
        places.map(|place| links[place].info.id.clone()).collect::<Vec<_>>().join(", ")
    };
    let (why, remedy) = match named {
        [] => ("no archive of the chain has an id that begins so", ids(&mut (0..links.len()))),
        _ => ("several archives of the chain have an id that begins so", ids(&mut named.iter().copied())),
    };
    Error::refused(format!("restore the state of {until}"), why, Some(format!("give one of these: {remedy}")))
}

fn parent_text(link: &Link<'_>) -> String {
    link.info.parent.as_ref().map_or_else(String::new, |parent| format!("the archive {}", parent.id))
}

fn no_full(orphan: &Link<'_>) -> Error {
    let why = format!("it holds only what changed since {}, which was not named", parent_text(orphan));
    let remedy = "name the full and all increments behind it with -i; or, if the target holds the parent's state already, add --onto-parent";
    Error::wrong_chain(format!("restore {} alone", orphan.name), why, Some(remedy.to_owned()))
}

fn gap(links: &[Link<'_>], orphan: &Link<'_>) -> Error {
    let (what, parent) = (format!("restore {} with the others", orphan.name), parent_text(orphan));
    let same_id = |link: &&Link<'_>| orphan.info.parent.as_ref().is_some_and(|parent| parent.id == link.info.id);
    if let Some(other) = links.iter().find(same_id) {
        let why = format!("it builds on {parent} in another state than the one that {} leaves", other.name);
        return Error::wrong_chain(what, why, Some("name the archives of one chain".to_owned()));
    }
    let why = format!("it builds on {parent}, and none that was named leaves its state");
    let mut remedy = format!("name {parent} too, or leave {} out if it belongs to another chain", orphan.name);
    if let Some(piped) = links.iter().find(|link| link.state.is_none()) {
        remedy.push_str(&format!(
            "; of {} only the id is known before its end, which is another if it was recompressed from a pipe: then name its file",
            piped.name
        ));
    }
    Error::wrong_chain(what, why, Some(remedy))
}

fn two_fulls(first: &Link<'_>, second: &Link<'_>) -> Error {
    let what = format!("restore {} and {} as one chain", first.name, second.name);
    Error::wrong_chain(what, "both are fulls", Some("name one full and the increments that build on it".to_owned()))
}

fn two_parents(first: &Link<'_>, second: &Link<'_>) -> Error {
    let what = format!("restore {} and {} onto their parent", first.name, second.name);
    let state = |link: &Link<'_>| link.info.parent.as_ref().map(|parent| parent.state);
    if state(first) == state(second) {
        let why = format!("both build on {}, and only one of them can follow it", parent_text(first));
        return Error::wrong_chain(what, why, Some("leave one out".to_owned()));
    }
    let why = format!("the first builds on {}, the second on {}", parent_text(first), parent_text(second));
    let remedy = "name what lies between them too, or one chain alone".to_owned();
    Error::wrong_chain(what, why, Some(remedy))
}

fn two_heads(parent: &Link<'_>, first: &Link<'_>, second: &Link<'_>) -> Error {
    let what = format!("restore {} and {} as one chain", first.name, second.name);
    let why = format!("both build on {}, and only one of them can follow it", parent.name);
    let remedy = format!("leave one out, or choose with `--until {}` or `--until {}`", first.info.id, second.info.id);
    Error::wrong_chain(what, why, Some(remedy))
}

#[cfg(test)]
mod tests;
