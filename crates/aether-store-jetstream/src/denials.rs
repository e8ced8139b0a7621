//! What the account is not allowed to publish on or to hear, as the server says it: not as the
//! answer to a request, but as an error of the connection.

use async_nats::{Event, ServerError};
use tokio::sync::broadcast;

use crate::errors::Fault;

/// How many denials are remembered for who is slow to look.
const REMEMBERED: usize = 64;

/// Hears of denials, where the connection is ours; deaf otherwise.
#[derive(Debug, Clone, Default)]
pub(crate) struct Denials(Option<broadcast::Sender<String>>);

/// Listens from the moment when it was made.
#[derive(Debug)]
pub(crate) struct Watch(Option<broadcast::Receiver<String>>);

impl Denials {
    /// Denials that [`hear`](Self::hear) is told of.
    pub(crate) fn new() -> Self {
        Self(Some(broadcast::Sender::new(REMEMBERED)))
    }

    /// Takes in what happened on the connection.
    pub(crate) fn hear(&self, event: &Event) {
        if let (Some(sender), Event::ServerError(ServerError::Other(text))) = (&self.0, event) {
            // Nobody may be listening at the moment.
            sender.send(text.clone()).ok();
        }
    }

    pub(crate) fn watch(&self) -> Watch {
        Watch(self.0.as_ref().map(broadcast::Sender::subscribe))
    }
}

impl Watch {
    /// Waits for the server to say that a request on this subject is not allowed, or that we may
    /// not listen where its answers come in, whose subjects begin with `inboxes`.
    pub(crate) async fn of_request(&mut self, subject: &str, inboxes: &str) -> Fault {
        loop {
            match self.next().await {
                text if denies(&text, subject) => return Fault::Denied(text),
                text if deafens(&text, inboxes) => return Fault::Unheard(text),
                _ => {}
            }
        }
    }

    /// Waits for the server to say that listening to this subject is not allowed.
    pub(crate) async fn of_subscription(&mut self, subject: &str) -> Fault {
        loop {
            let text = self.next().await;
            if refuses(&text, subject) {
                return Fault::Denied(text);
            }
        }
    }

    /// What the server says next; nothing ever where it is not heard.
    async fn next(&mut self) -> String {
        let Some(receiver) = &mut self.0 else {
            return std::future::pending().await;
        };
        loop {
            match receiver.recv().await {
                Ok(text) => return text,
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return std::future::pending().await,
            }
        }
    }
}

/// Whether the text is `Permissions Violation for Publish to "<subject>"`.
fn denies(text: &str, subject: &str) -> bool {
    text.to_ascii_lowercase()
        .starts_with("permissions violation for publish to ")
        && text.contains(&format!("\"{subject}\""))
}

/// Whether the text is `Permissions Violation for Subscription to "<one of the inboxes>"`.
fn deafens(text: &str, inboxes: &str) -> bool {
    is_of_a_subscription(text) && text.contains(&format!("\"{inboxes}"))
}

/// Whether the text is `Permissions Violation for Subscription to "<subject>"`.
fn refuses(text: &str, subject: &str) -> bool {
    is_of_a_subscription(text) && text.contains(&format!("\"{subject}\""))
}

fn is_of_a_subscription(text: &str) -> bool {
    text.to_ascii_lowercase()
        .starts_with("permissions violation for subscription to ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_denial_of_this_very_subject_counts() {
        let text = r#"Permissions Violation for Publish to "orders.events.a.a-1""#;
        assert!(denies(text, "orders.events.a.a-1"));
        assert!(!denies(text, "orders.events.a.a-10"));
        assert!(!denies(text, "events.a.a-1"));
        assert!(!denies(
            r#"Permissions Violation for Subscription to "a""#,
            "a"
        ));
    }

    #[test]
    fn only_a_denial_of_this_very_subscription_refuses_it() {
        let text = r#"Permissions Violation for Subscription to "orders.stored.order.*""#;
        assert!(refuses(text, "orders.stored.order.*"));
        assert!(!refuses(text, "orders.stored.order.*.*"));
        assert!(!refuses(text, "stored.order.*"));
        assert!(!refuses(
            r#"Permissions Violation for Publish to "orders.stored.order.a""#,
            "orders.stored.order.a"
        ));
    }

    #[test]
    fn only_a_denial_of_our_own_inboxes_deafens() {
        let text = r#"Permissions Violation for Subscription to "_INBOX.nUId.*""#;
        assert!(deafens(text, "_INBOX."));
        assert!(!deafens(text, "_INBOX_service."));
        assert!(!deafens(
            r#"Permissions Violation for Publish to "_INBOX.a""#,
            "_INBOX."
        ));
        assert!(!deafens(
            r#"Permissions Violation for Subscription to "orders._INBOX.a""#,
            "_INBOX."
        ));
    }
}
