//! Writes down how a feed goes on when its consumer has gone, as the store tells who traces.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use crate::feeds::lines::FeedLine;
use crate::log::{Line, Log, now};

/// What the store says then.
const INTERRUPTED: [&str; 2] = ["a feed goes on", "a feed is given nothing"];
const WAITS: &str = "a feed waits";

struct Interruptions(Arc<Log>);

/// From now on each one in this process is written down.
pub(crate) fn watch(log: Arc<Log>) {
    let subscriber = tracing_subscriber::registry().with(Interruptions(log));
    tracing::subscriber::set_global_default(subscriber).unwrap();
}

impl<S: Subscriber> Layer<S> for Interruptions {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.is_event()
            && *metadata.level() <= Level::DEBUG
            && metadata
                .target()
                .starts_with("aether_store_jetstream::feed")
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut said = Said::default();
        event.record(&mut said);
        let Said { message, fields } = said;
        let (at, says) = (now(), format!("{message}:{fields}"));
        let line = if INTERRUPTED.iter().any(|says| message.starts_with(says)) {
            FeedLine::Interrupted { at, says }
        } else if message.starts_with(WAITS) {
            FeedLine::Waits { at, says }
        } else {
            return;
        };
        self.0.write(&Line::Feed(line));
    }
}

#[derive(Default)]
struct Said {
    message: String,
    fields: String,
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            name => write!(self.fields, " {name}={value:?}").unwrap(),
        }
    }
}
