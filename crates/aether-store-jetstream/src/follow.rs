//! Whether each message of a history follows the one before it: pure, message by message.

use std::fmt;

use aether_core::{ActorId, Version};

use crate::chain::{Digest, Link};
use crate::message::{Stored, StoredCommit};

/// What is wrong with a message where it stands in its history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// It is not a commit of this actor.
    Malformed(String),
    /// Its versions are not above those before it.
    Falls { first: Version, after: Version },
    /// It says that it was stored after another version than the one it is found after: what was
    /// between is missing, or it does not belong here. 0 is the beginning.
    Misplaced { says: Version, found: Version },
    /// The commit before it is not the one that it was stored after, though it ends with the same
    /// version.
    Changed { version: Version },
}

impl Wrong {
    /// Whether something is missing before it.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Misplaced { .. })
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(reason) => f.write_str(reason),
            Self::Falls { first, after } => write!(f, "version {first} after version {after}"),
            Self::Misplaced { says, found } => write!(
                f,
                "it was stored after version {says} and is found after version {found}: what was \
                 between is damaged, was lost, or was removed"
            ),
            Self::Changed { version } => write!(
                f,
                "it was stored after another version {version} than the one that is found: what \
                 comes before was changed, or was lost and written anew"
            ),
        }
    }
}

/// Goes along a history and compares each message with the one before it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Follower {
    before: Before,
}

/// What was read before a message.
#[derive(Debug, Clone, Default)]
enum Before {
    /// Nothing: it is the first that is there.
    #[default]
    Nothing,
    /// A message that can't be read. The last version of those before it is known.
    Unreadable { last: Version },
    /// This commit, which ends with this version.
    Commit { last: Version, digest: Digest },
}

impl Before {
    /// The version that the next commit must be above.
    fn last(&self) -> Version {
        match self {
            Self::Nothing => Version::ZERO,
            Self::Unreadable { last } | Self::Commit { last, .. } => *last,
        }
    }
}

impl Follower {
    /// Takes in the next message: the commit where it can be read and reaches the version `from`,
    /// and what is wrong with it as far as that matters from there on.
    ///
    /// A commit that is misplaced, or follows one that was changed, can be read all the same.
    pub(crate) fn follow(
        &mut self,
        actor_id: &ActorId,
        stored: &Stored,
        from: Version,
    ) -> (Option<StoredCommit>, Option<Wrong>) {
        let last = self.before.last();
        let before = std::mem::replace(&mut self.before, Before::Unreadable { last });
        let fields = stored.fields();
        let span = match fields.span() {
            Ok(span) if span.first > last => span,
            Ok(span) => {
                let (first, after) = (span.first, last);
                return (None, Some(Wrong::Falls { first, after }));
            }
            Err(reason) => return (None, Some(Wrong::Malformed(reason))),
        };
        let (commit, wrong) = if span.last < from {
            (None, None)
        } else {
            match stored.commit_with(&fields, span, actor_id) {
                Ok(commit) => {
                    let wrong = commit.link.as_ref().and_then(|link| compare(&before, link));
                    (Some(commit), wrong.filter(|wrong| matters(wrong, from)))
                }
                Err(reason) => return (None, Some(Wrong::Malformed(reason))),
            }
        };
        let digest = commit.as_ref().map(|commit: &StoredCommit| commit.digest);
        self.before = Before::Commit {
            last: span.last,
            digest: digest.unwrap_or_else(|| fields.digest(&stored.body)),
        };
        (commit, wrong)
    }
}

/// Compares what a commit says of the one before it with what was read.
fn compare(before: &Before, link: &Link) -> Option<Wrong> {
    let (says, found) = (link.previous(), before.last());
    match (before, link) {
        // What can't be read was reported, and may be what it says.
        (Before::Unreadable { .. }, _) => None,
        _ if says != found => Some(Wrong::Misplaced { says, found }),
        (Before::Commit { digest, .. }, Link::After(link)) => {
            (*digest != link.digest).then_some(Wrong::Changed { version: found })
        }
        (Before::Commit { .. } | Before::Nothing, _) => None,
    }
}

/// What is missing below the versions that are asked for matters to nobody who asks.
fn matters(wrong: &Wrong, from: Version) -> bool {
    match wrong {
        Wrong::Misplaced { says, found } => (*says).max(*found) >= from,
        Wrong::Malformed(_) | Wrong::Falls { .. } | Wrong::Changed { .. } => true,
    }
}

#[cfg(test)]
mod tests {
    use aether_core::{Event, EventDraft, WireForm};

    use super::*;
    use crate::head::Head;
    use crate::message::{CommitHeaders, Outgoing};

    fn actor() -> ActorId {
        ActorId::new("order-1").unwrap()
    }

    fn stored(sequence: u64, link: &Link, version: u32) -> Stored {
        let draft = EventDraft::new(&actor(), "Happened", &version).unwrap();
        let events: [Event; 1] = [draft.at(version.into()).unwrap()];
        let headers = CommitHeaders::new("s", WireForm::MessagePack);
        let (message, _) = Outgoing::commit(&headers, &events, 0, "id", link).unwrap();
        Stored {
            subject: "s.events.order.order-1".into(),
            sequence,
            headers: message.headers,
            body: message.body,
        }
    }

    /// A history of these versions, each commit linked to the one before.
    fn history(versions: &[u32]) -> Vec<Stored> {
        let mut head: Option<Head> = None;
        let mut history = Vec::new();
        for (version, sequence) in versions.iter().zip(1..) {
            let link = head.as_ref().map_or(Link::First, Head::link);
            let stored = stored(sequence, &link, *version);
            head = Some(Head::of(&stored.commit(&actor()).unwrap()));
            history.push(stored);
        }
        history
    }

    /// What is wrong, by version.
    fn wrongs(history: &[Stored], from: u32) -> Vec<(u64, Wrong)> {
        let mut follower = Follower::default();
        let mut wrongs = Vec::new();
        for stored in history {
            let (commit, wrong) = follower.follow(&actor(), stored, from.into());
            let readable = !matches!(wrong, Some(Wrong::Malformed(_) | Wrong::Falls { .. }));
            let wanted = stored.span().is_ok_and(|span| span.last >= from.into());
            assert_eq!(commit.is_some(), readable && wanted);
            wrongs.extend(wrong.map(|wrong| (stored.sequence, wrong)));
        }
        wrongs
    }

    fn misplaced(says: u32, found: u32) -> Wrong {
        Wrong::Misplaced {
            says: says.into(),
            found: found.into(),
        }
    }

    #[test]
    fn a_whole_history_follows_from_anywhere() {
        let history = history(&[1, 2, 5, 6]);
        for from in 0..8 {
            assert_eq!(wrongs(&history, from), []);
        }
    }

    #[test]
    fn what_is_missing_shows_where_it_is_missing() {
        let whole = history(&[1, 2, 5, 6]);
        for (missing, wrong) in [
            (0, (2, misplaced(1, 0))),
            (1, (3, misplaced(2, 1))),
            (2, (4, misplaced(5, 2))),
        ] {
            let mut history = whole.clone();
            history.remove(missing);
            assert_eq!(wrongs(&history, 0), [wrong]);
        }
        // Who asks for what came later does not care.
        let without_second = [whole[0].clone(), whole[2].clone(), whole[3].clone()];
        assert_eq!(wrongs(&without_second, 2), [(3, misplaced(2, 1))]);
        assert_eq!(wrongs(&without_second, 3), []);
    }

    #[test]
    fn what_was_changed_or_written_anew_shows_at_the_next_one() {
        let mut changed = history(&[1, 2, 3]);
        // The same version with other content, and the same link.
        let link = changed[1].link().unwrap().unwrap();
        changed[1] = stored(2, &link, 2);
        changed[1].headers.insert("Aether-Save-Id", "another");
        assert_eq!(
            wrongs(&changed, 0),
            [(3, Wrong::Changed { version: 2.into() })]
        );

        // Two histories that part after version 2.
        let other = history(&[1, 2, 4]);
        let mut mixed = history(&[1, 2, 3]);
        mixed.splice(..2, other[..2].iter().cloned());
        mixed[2].headers = history(&[1, 2, 3])[2].headers.clone();
        assert_eq!(
            wrongs(&mixed, 0),
            [(3, Wrong::Changed { version: 2.into() })]
        );
    }

    #[test]
    fn one_that_says_it_is_the_first_and_is_not_is_misplaced() {
        let mut two = history(&[1, 2]);
        two.push(stored(3, &Link::First, 3));
        assert_eq!(wrongs(&two, 0), [(3, misplaced(0, 2))]);
    }

    #[test]
    fn what_can_not_be_read_is_reported_once_and_the_rest_follows() {
        let mut history = history(&[1, 2, 3, 4]);
        history[1].body = bytes::Bytes::from_static(b"garbage");
        let found = wrongs(&history, 0);
        assert!(
            matches!(&found[..], [(2, Wrong::Malformed(_))]),
            "{found:?}"
        );
        let falls = [history[2].clone(), history[0].clone(), history[3].clone()];
        let (first, after) = (1.into(), 3.into());
        let expected = [(3, misplaced(2, 0)), (1, Wrong::Falls { first, after })];
        assert_eq!(wrongs(&falls, 0), expected);
    }

    #[test]
    fn a_history_without_links_is_only_looked_at_for_rising_versions() {
        let mut plain = history(&[1, 3, 4]);
        for stored in &mut plain {
            let mut headers = async_nats::HeaderMap::new();
            for (name, values) in stored.headers.iter() {
                let name = name.to_string();
                if !name.starts_with("Aether-Pre") {
                    headers.insert(name.as_str(), values[0].clone());
                }
            }
            stored.headers = headers;
        }
        assert_eq!(wrongs(&plain, 0), []);
        plain.remove(1);
        assert_eq!(wrongs(&plain, 0), []);
        plain.swap(0, 1);
        assert_eq!(wrongs(&plain, 0).len(), 1);
    }
}
