//! What servers have said to clients, as a proxy hears it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

/// Counts refusals.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// How often each error code was answered.
    refusals: BTreeMap<String, usize>,
    /// The inboxes of requests that were refused.
    refused: HashSet<String>,
    /// The inboxes of requests for an actor's last message.
    pub(crate) asked_for_last: HashSet<String>,
    /// The sequence of the actor's last message at least, by subject.
    pub(crate) last: HashMap<String, u64>,
    /// How many answers to those were older than that.
    pub(crate) outdated: usize,
    /// How many requests were acknowledged after they had been refused.
    pub(crate) refused_and_stored: usize,
}

impl Heard {
    pub(crate) fn listen(&mut self, frame: &[u8]) {
        const CODE: &str = r#""err_code":"#;
        let text = String::from_utf8_lossy(frame);
        let mut words = text.split_whitespace();
        let (Some("MSG"), Some(inbox)) = (words.next(), words.next()) else {
            return;
        };
        if let Some(at) = text.find(CODE) {
            let code = text[at + CODE.len()..].chars();
            let code = code.take_while(char::is_ascii_digit).collect();
            *self.refusals.entry(code).or_default() += 1;
            self.refused.insert(inbox.to_owned());
        } else if text.contains(r#"{"stream":"#) && self.refused.contains(inbox) {
            self.refused_and_stored += 1;
        } else if self.asked_for_last.contains(inbox) {
            let body = text.split_once("\r\n").map_or("", |(_, body)| body);
            let answer: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
            let subject = answer["message"]["subject"].as_str().unwrap_or_default();
            let sequence = answer["message"]["seq"].as_u64().unwrap_or_default();
            let last = self.last.get(subject).copied().unwrap_or_default();
            self.outdated += usize::from(sequence < last);
        }
    }
}

impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "refusals by code: {:?}, {} of them before an acknowledgement of the same request, {} \
             outdated last messages",
            self.refusals, self.refused_and_stored, self.outdated
        )
    }
}
