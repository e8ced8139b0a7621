//! What the server's own copies say of where they come from.
//!
//! With a finite retention the server copies every commit to the stream of heads, which keeps the
//! newest of each actor. It numbers the copies from 1 in the order of their originals, as those are
//! numbered: so a copy has the sequence of its original, as long as none was missed. One is missed
//! where it expires before it is copied, and copying can pause for as long as a server is away.

use async_nats::HeaderMap;

use crate::errors::Fault;
use crate::link::{Link, Wanted};
use crate::patience::Patience;

/// `<stream> <sequence> <filter> <transform> …`; later servers add the subject, and more.
const SOURCE: &str = "Nats-Stream-Source";

/// The stream and the sequence of the message that this is a copy of; none where it is no copy.
pub(crate) fn source(headers: &HeaderMap) -> Option<(&str, u64)> {
    let mut parts = headers.get(SOURCE)?.as_str().split(' ');
    Some((parts.next()?, parts.next()?.parse().ok()?))
}

/// The newest copy of a stream of heads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Newest {
    pub(crate) sequence: u64,
    /// The sequence of its original.
    pub(crate) original: u64,
}

impl Newest {
    /// How many commits expired before they were copied.
    pub(crate) fn missed(self) -> u64 {
        self.original.saturating_sub(self.sequence)
    }
}

/// The newest copy of this stream, which has numbered them up to `last`; none where it has none.
pub(crate) async fn newest(
    link: &Link,
    stream: &str,
    last: u64,
    patience: &Patience,
) -> Result<Option<Newest>, Fault> {
    // The last message is the newest of its subject, so it stays until there is a later one.
    let last = Wanted::Next {
        seq: last.max(1),
        next_by_subj: ">",
    };
    let newest = link.message(stream, &last, patience).await?;
    Ok(newest.and_then(|copy| {
        let (_, original) = source(&copy.headers)?;
        Some(Newest {
            sequence: copy.sequence,
            original,
        })
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_says_where_it_comes_from() {
        // As servers of 2.11, of 2.12 and 2.14, and of 2.15 write it.
        let rows = [
            ("orders=eu 24 > >", Some(("orders=eu", 24))),
            (
                "orders 24 > > orders.events.order.order-1",
                Some(("orders", 24)),
            ),
            (
                "orders 24 > > orders.events.order.order-1 7PacDxN3",
                Some(("orders", 24)),
            ),
            ("orders", None),
            ("orders x > >", None),
            ("", None),
        ];
        for (text, expected) in rows {
            let mut headers = HeaderMap::new();
            headers.insert(SOURCE, text);
            assert_eq!(source(&headers), expected, "{text:?}");
        }
        assert_eq!(source(&HeaderMap::new()), None);
    }
}
