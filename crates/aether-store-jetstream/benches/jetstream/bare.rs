//! The bare limit: the same bytes published through `async-nats` by who needs nothing but an
//! acknowledgement.

use aether_store_jetstream::async_nats;

use async_nats::header::NATS_EXPECTED_LAST_SUBJECT_SEQUENCE;
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::{self, Context};
use async_nats::{Client, HeaderMap, HeaderValue, Request, Subject};
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use crate::meter::{Meter, Pass};

/// By which of the client's ways it is published.
#[derive(Clone, Copy)]
pub enum Way {
    Context,
    Request,
}

/// How many at once are under way: as tasks, or all in one task.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Tasks,
    OneTask,
}

/// A message of ours, to be published again and again.
#[derive(Clone)]
pub struct Template {
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Template {
    /// How large it is, in words.
    pub fn size(&self) -> String {
        let lines = self.headers.iter().flat_map(|(name, values)| {
            let name: &str = name.as_ref();
            values
                .iter()
                .map(move |value| name.len() + value.as_str().len() + ": \r\n".len())
        });
        let headers = "NATS/1.0\r\n\r\n".len() + lines.sum::<usize>();
        format!("{headers} bytes of headers, {} of body", self.body.len())
    }
}

/// The bare client.
#[derive(Clone)]
pub struct Bare {
    pub client: Client,
    pub context: Context,
}

/// A subject, and the sequence of its last message.
#[derive(Clone)]
pub struct Place {
    pub subject: Subject,
    pub last: u64,
}

impl Bare {
    pub async fn connect(url: &str) -> Self {
        let client = async_nats::connect(url).await.expect("a server");
        let context = jetstream::new(client.clone());
        Self { client, context }
    }

    /// Publishes after the place's last message, and waits for the acknowledgement.
    ///
    /// A copy of ready headers with one of them set is the least that a caller has to do.
    pub async fn publish(&self, way: Way, place: &mut Place, template: &Template) {
        let (subject, body) = (place.subject.clone(), template.body.clone());
        let mut headers = template.headers.clone();
        headers.insert(
            NATS_EXPECTED_LAST_SUBJECT_SEQUENCE,
            HeaderValue::from(place.last),
        );
        place.last = match way {
            Way::Context => {
                let sent = self.context.publish_with_headers(subject, headers, body);
                let ack = sent.await.expect("sent").await.expect("acknowledged");
                ack.sequence
            }
            Way::Request => {
                let request = Request::new().headers(headers).payload(body);
                let answer = self.client.send_request(subject, request).await;
                let answer = answer.expect("answered");
                let ack: PublishAck =
                    serde_json::from_slice(&answer.payload).expect("acknowledged");
                ack.sequence
            }
        };
    }

    /// So many, one after the other, in turns to these places.
    pub async fn one_at_a_time(
        &self,
        meter: Meter,
        way: Way,
        places: &mut [Place],
        template: &Template,
        count: usize,
    ) -> Pass {
        let work = async {
            let many = places.len();
            for n in 0..count {
                self.publish(way, &mut places[n % many], template).await;
            }
        };
        meter.pass(count, work).await
    }

    /// To each of the places so many, one after the other, and to all of them at once.
    pub async fn at_once(
        &self,
        meter: Meter,
        (way, side): (Way, Side),
        places: &mut [Place],
        template: &Template,
        each: usize,
    ) -> Pass {
        let writers: Vec<_> = places
            .iter()
            .map(|place| {
                let (bare, mut place, template) = (self.clone(), place.clone(), template.clone());
                async move {
                    for _ in 0..each {
                        bare.publish(way, &mut place, &template).await;
                    }
                    place
                }
            })
            .collect();
        let mut after = Vec::with_capacity(places.len());
        let count = each * places.len();
        let pass = meter.pass(count, run(side, writers, &mut after)).await;
        after.sort_unstable_by(|a, b| a.subject.cmp(&b.subject));
        places.clone_from_slice(&after);
        pass
    }
}

/// Runs all of these at once.
pub async fn run<T: Send + 'static>(
    side: Side,
    writers: Vec<impl Future<Output = T> + Send + 'static>,
    results: &mut Vec<T>,
) {
    match side {
        Side::Tasks => {
            let tasks: Vec<_> = writers.into_iter().map(tokio::spawn).collect();
            for task in tasks {
                results.push(task.await.expect("a writer that came to its end"));
            }
        }
        Side::OneTask => {
            let mut writers: FuturesUnordered<_> = writers.into_iter().collect();
            while let Some(result) = writers.next().await {
                results.push(result);
            }
        }
    }
}
