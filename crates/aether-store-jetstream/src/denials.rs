//! What the account is not allowed to publish on, as the server says it: not as the answer to a
//! request, but as an error of the connection.

use async_nats::{Event, ServerError};
use tokio::sync::broadcast;

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
    /// Waits for the server to say that publishing on this subject is not allowed.
    pub(crate) async fn publishing_on(&mut self, subject: &str) -> String {
        let Some(receiver) = &mut self.0 else {
            return std::future::pending().await;
        };
        loop {
            match receiver.recv().await {
                Ok(text) if denies(&text, subject) => return text,
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
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
}
