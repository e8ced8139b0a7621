//! What goes with an event over NATS, for others and their tools.

use aether_bus::{CloudEvents, Delivery, NatsEventBus, Published, Subscribe, Subscription};
use aether_core::{Event, Metadata, TraceContext, WireForm};
use futures_util::StreamExt as _;
use opentelemetry::trace::{
    Link, SpanContext, SpanId, TraceFlags, TraceId, TraceState, Tracer as _, TracerProvider as _,
};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};

use crate::nats::{config, nats_url, node, unique_prefix};
use crate::support::{SHOP, next, typed};

async fn published(subscription: &mut Subscription) -> Published {
    match next(subscription).await {
        Some(Delivery::Event(published)) => published,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_trace_of_a_publisher_comes_to_its_subscribers() {
    let prefix = unique_prefix();
    let context = TraceContext::new(7, 8, 1)
        .unwrap()
        .with_state("vendor=a")
        .unwrap();
    let current = context.clone();
    let config = config(&prefix).trace_context(move || Some(current.clone()));
    let bus = NatsEventBus::connect(&nats_url(), config).await.unwrap();
    let other = node(&nats_url(), &prefix).await;
    let mut heard = [
        bus.subscribe(Subscribe::to(&SHOP)).await.unwrap(),
        other.subscribe(Subscribe::to(&SHOP)).await.unwrap(),
    ];
    bus.publish(&SHOP, typed("order-1", "Placed", 1))
        .await
        .unwrap();
    for subscription in &mut heard {
        let published = published(subscription).await;
        assert_eq!(published.trace_context(), Some(&context));
    }
    other
        .publish(&SHOP, typed("order-1", "Placed", 2))
        .await
        .unwrap();
    for subscription in &mut heard {
        let published = published(subscription).await;
        assert_eq!(published.trace_context(), None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_says_its_own_trace_is_published_in_it() {
    let prefix = unique_prefix();
    let (bus, other) = (
        node(&nats_url(), &prefix).await,
        node(&nats_url(), &prefix).await,
    );
    let mut heard = other.subscribe(Subscribe::to(&SHOP)).await.unwrap();
    let context = TraceContext::new(7, 8, 1).unwrap();
    let draft = typed("order-1", "Placed", 1).to_draft();
    let draft = draft.metadata(Metadata::TRACE_ID, format!("{:032x}", 7));
    let draft = draft
        .unwrap()
        .metadata(Metadata::SPAN_ID, format!("{:016x}", 8));
    let event = draft.unwrap().at(1_u32.into()).unwrap();
    bus.publish(&SHOP, event).await.unwrap();
    let published = published(&mut heard).await;
    assert_eq!(published.trace_context(), Some(&context));
}

/// As the OpenTelemetry of a program that hears the event does it.
fn span_context(context: &TraceContext) -> SpanContext {
    let flags = match context.is_sampled() {
        true => TraceFlags::SAMPLED,
        false => TraceFlags::default(),
    };
    let state = context.state().unwrap_or_default().parse::<TraceState>();
    SpanContext::new(
        TraceId::from(context.trace_id()),
        SpanId::from(context.span_id()),
        flags,
        true,
        state.unwrap_or_default(),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumers_span_is_linked_to_the_producers() {
    use opentelemetry::trace::{Span as _, TraceContextExt as _};

    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder()
        .with_simple_exporter(exporter.clone())
        .build();
    let tracer = provider.tracer("test");
    let prefix = unique_prefix();
    let config = config(&prefix).trace_context(|| {
        let here = opentelemetry::Context::current();
        let here = here.span().span_context().clone();
        let (trace_id, span_id) = (here.trace_id().to_bytes(), here.span_id().to_bytes());
        let context = TraceContext::new(
            u128::from_be_bytes(trace_id),
            u64::from_be_bytes(span_id),
            here.trace_flags().to_u8(),
        );
        context.ok()
    });
    let bus = NatsEventBus::connect(&nats_url(), config).await.unwrap();
    let other = node(&nats_url(), &prefix).await;
    let mut heard = other.subscribe(Subscribe::to(&SHOP)).await.unwrap();

    let producing = tracer.start("publish");
    let producer = producing.span_context().clone();
    {
        let here = opentelemetry::Context::current_with_span(producing);
        let _entered = here.attach();
        // At once, so that it is published within the span.
        bus.publish_now(&SHOP, typed("order-1", "Placed", 1))
            .unwrap();
    }
    let published = published(&mut heard).await;
    let linked = span_context(published.trace_context().unwrap());
    let mut consuming = tracer.start("process");
    consuming.add_link(linked, Vec::new());
    consuming.end();

    let spans = exporter.get_finished_spans().unwrap();
    let consumer = spans.iter().find(|span| span.name == "process").unwrap();
    let links: Vec<&Link> = consumer.links.iter().collect();
    assert_eq!(links.len(), 1);
    assert_eq!(links[0].span_context.trace_id(), producer.trace_id());
    assert_eq!(links[0].span_context.span_id(), producer.span_id());
}

/// The attributes that a reader needs who knows nothing of Aether, and the event as JSON.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_cloud_events_can_read_what_is_on_the_bus() {
    let prefix = unique_prefix();
    let cloud_events = CloudEvents::new("https://shop.example/orders").unwrap();
    let config = config(&prefix)
        .form(WireForm::Json)
        .cloud_events(cloud_events);
    let bus = NatsEventBus::connect(&nats_url(), config).await.unwrap();
    let node = node(&nats_url(), &prefix).await;
    let mut heard = node.subscribe(Subscribe::to(&SHOP)).await.unwrap();
    let mut raw = bus.client().subscribe(format!("{prefix}.>")).await.unwrap();

    let event = typed("order \u{fc}\r\n1", "Order Placed", 7);
    bus.publish(&SHOP, event.clone()).await.unwrap();
    let message = loop {
        let message = raw.next().await.unwrap();
        if !message.payload.is_empty() {
            break message;
        }
    };
    let headers = message.headers.unwrap();
    let header = |name: &str| headers.get(name).map(|value| value.as_str().to_owned());
    let expected = [
        ("ce-specversion", "1.0"),
        ("ce-id", event.id().as_str()),
        ("ce-source", "https://shop.example/orders"),
        ("ce-type", "Order%20Placed"),
        ("ce-subject", "order%20%C3%BC%0D%0A1"),
        ("ce-sequence", "0000000000000000007"),
        ("ce-datacontenttype", "application/json"),
    ];
    for (name, value) in expected {
        assert_eq!(header(name).as_deref(), Some(value), "{name}");
    }
    let body = Event::from_wire(WireForm::Json, &message.payload).unwrap();
    assert_eq!(body, event);
    // And our own nodes read it as ever.
    assert_eq!(*published(&mut heard).await.event(), event);
}
