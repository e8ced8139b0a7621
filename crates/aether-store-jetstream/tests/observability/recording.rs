//! Recorders of one test's own: of the spans, and of the counts, on its thread.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

/// A span that has ended.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    pub(crate) name: &'static str,
    pub(crate) level: Level,
    pub(crate) parent: Option<&'static str>,
    pub(crate) fields: BTreeMap<&'static str, String>,
}

impl Ended {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    /// The fields with these names, as far as they have values.
    pub(crate) fn only(&self, names: &[&str]) -> Vec<Option<&str>> {
        names.iter().map(|name| self.field(name)).collect()
    }
}

/// The store's spans that ended on this thread while this is there.
pub(crate) struct Spans {
    ended: Arc<Mutex<Vec<Ended>>>,
    _guard: DefaultGuard,
}

impl Spans {
    pub(crate) fn record() -> Self {
        let ended = Arc::default();
        let recorder = Recorder(Arc::clone(&ended));
        let subscriber = tracing_subscriber::registry().with(recorder);
        Self {
            ended,
            _guard: tracing::subscriber::set_default(subscriber),
        }
    }

    /// Those that have ended since this was asked the last time.
    pub(crate) fn take(&self) -> Vec<Ended> {
        std::mem::take(&mut self.ended.lock().unwrap())
    }

    pub(crate) fn take_one(&self) -> Ended {
        let [one] = <[Ended; 1]>::try_from(self.take()).expect("one span");
        one
    }
}

struct Recorder(Arc<Mutex<Vec<Ended>>>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Recorder {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        record.record(span.extensions_mut().get_mut::<Fields>().unwrap());
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let span = context.span(&id).unwrap();
        let metadata = span.metadata();
        if !metadata.target().starts_with("aether_store_jetstream") {
            return;
        }
        let fields = span.extensions_mut().remove::<Fields>().unwrap().0;
        self.0.lock().unwrap().push(Ended {
            name: metadata.name(),
            level: *metadata.level(),
            parent: span.parent().map(|parent| parent.metadata().name()),
            fields,
        });
    }
}

#[derive(Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

/// What is counted on this thread while the guard is there.
pub(crate) struct Counts {
    snapshotter: Snapshotter,
}

/// A metric: its name, and its labels in order of their keys.
pub(crate) type Name = (String, Vec<(String, String)>);

/// What was recorded of a metric.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Counter(u64),
    /// In order of time.
    Histogram(Vec<f64>),
}

impl Counts {
    /// Counts from now on; the guard is of the thread.
    pub(crate) fn record(recorder: &DebuggingRecorder) -> (Self, metrics::LocalRecorderGuard<'_>) {
        let counts = Self {
            snapshotter: recorder.snapshotter(),
        };
        (counts, metrics::set_default_local_recorder(recorder))
    }

    /// All that was counted since this was asked the last time.
    pub(crate) fn take(&self) -> BTreeMap<Name, Value> {
        let mut all = self.take_with_zeros();
        all.retain(|_, value| *value != Value::Counter(0));
        all
    }

    /// The same, and what has not been counted yet, or was taken before.
    pub(crate) fn take_with_zeros(&self) -> BTreeMap<Name, Value> {
        let all = self.snapshotter.snapshot().into_vec();
        let all = all.into_iter().map(|(key, unit, description, value)| {
            let (name, labels) = key.key().clone().into_parts();
            assert!(unit.is_some() && description.is_some(), "{name:?}");
            let label = |label: &metrics::Label| (label.key().to_owned(), label.value().to_owned());
            let mut labels: Vec<_> = labels.iter().map(label).collect();
            labels.sort();
            let value = match value {
                DebugValue::Counter(value) => Value::Counter(value),
                DebugValue::Histogram(values) => {
                    Value::Histogram(values.into_iter().map(|value| value.0).collect())
                }
                DebugValue::Gauge(value) => panic!("a gauge: {name:?} {value}"),
            };
            ((name.as_str().to_owned(), labels), value)
        });
        all.collect()
    }
}
