//! Rows of saves that find what they need in memory: one at a time, many at once, many events in
//! one.

use aether_core::{Event, EventDraft, EventStoreExt as _};

use crate::bare::{Place, Side, Way};
use crate::meter::{Pass, Passes, fastest};
use crate::table::{Row, Target, thousands};
use crate::world::{World, Writer};

/// How many actors are written to in turns.
const ACTORS: usize = 16;
/// How many saves are under way at once.
const WINDOW: usize = 256;
const BATCH_EVENTS: usize = 100;

/// One warm save at a time, and what differs from it in one thing.
pub async fn one_at_a_time(world: &World) -> Vec<Row> {
    let count = world.count(200, 500);
    let mut writers = world.warm_writers(ACTORS).await;
    let mut places = world.places(&writers).await;
    let template = world.template(&writers[0]).await;
    let mut context = Passes::new("context");
    let mut request = Passes::new("request");
    let [mut warm, mut next, mut first] = [(); 3].map(|()| Passes::new(""));
    let mut bare_first = Passes::new("request");
    let (_, mut unseen) = unseen(world, 1).await;
    world.one_at_a_time(&world.store, &mut unseen, 1).await;
    let first_template = world.template(&unseen[0]).await;
    for _ in 0..world.passes {
        let mut bare = async |way| {
            let bare = &world.bare;
            bare.one_at_a_time(world.meter, way, &mut places, &template, count)
                .await
        };
        context.push(bare(Way::Context).await);
        warm.push(world.one_at_a_time(&world.store, &mut writers, count).await);
        request.push(bare(Way::Request).await);
        next.push(append_next(world, &mut writers, count).await);
        let (mut places, mut unseen) = self::unseen(world, count).await;
        first.push(world.one_at_a_time(&world.store, &mut unseen, count).await);
        bare_first.push(
            world
                .bare
                .one_at_a_time(
                    world.meter,
                    Way::Request,
                    &mut places,
                    &first_template,
                    count,
                )
                .await,
        );
    }
    let limit = fastest(vec![context, request]);
    let warm_limit = warm.clone().named("a warm save");
    vec![
        Row::new(
            format!("a warm save ({})", template.size()),
            &limit,
            &warm,
            Target::Times(1.10),
        ),
        Row::new(
            "the first version of an unseen actor",
            &warm_limit,
            &first,
            Target::Times(1.15),
        ),
        Row::new(
            format!("the same ({})", first_template.size()),
            &bare_first,
            &first,
            Target::None,
        ),
        Row::new("a warm `append_next`", &warm_limit, &next, Target::None),
    ]
}

/// Actors that nobody has seen, and subjects like theirs that nobody has published to.
async fn unseen(world: &World, count: usize) -> (Vec<Place>, Vec<Writer>) {
    let writers = world.new_writers(count);
    (world.new_places(&writers), writers)
}

async fn append_next(world: &World, writers: &mut [Writer], count: usize) -> Pass {
    let many = writers.len();
    let draft = |n: usize| {
        let writer = &mut writers[n % many];
        writer.version += 1;
        writer.draft()
    };
    let drafts: Vec<EventDraft> = (0..count).map(draft).collect();
    let work = async {
        for draft in drafts {
            world.store.append_next([draft]).await.expect("stored");
        }
    };
    world.meter.pass(count, work).await
}

/// Many saves at once: of as many actors, and of one.
pub async fn many_at_once(world: &World) -> Vec<Row> {
    let each = world.count(8, 40);
    let mut writers = world.warm_writers(WINDOW).await;
    let mut places = world.places(&writers).await;
    let template = world.template(&writers[0]).await;
    let mut bare: Vec<_> = [
        ("context, 256 tasks", (Way::Context, Side::Tasks)),
        ("request, 256 tasks", (Way::Request, Side::Tasks)),
        ("context, one task", (Way::Context, Side::OneTask)),
        ("request, one task", (Way::Request, Side::OneTask)),
    ]
    .map(|(name, way)| (Passes::new(name), way))
    .into();
    let mut ours = [Side::Tasks, Side::OneTask].map(|side| (Passes::new(""), side));
    let (mut alone, mut turns) = (Passes::new("a warm save"), Passes::new(""));
    let mut one = world.warm_writers(1).await;
    for _ in 0..world.passes {
        for (passes, way) in &mut bare {
            let pass = world
                .bare
                .at_once(world.meter, *way, &mut places, &template, each);
            passes.push(pass.await);
        }
        for (passes, side) in &mut ours {
            passes.push(world.at_once(*side, &mut writers, each).await);
        }
        alone.push(world.one_at_a_time(&world.store, &mut one, WINDOW).await);
        turns.push(take_turns(world, &mut one[0]).await);
    }
    for (passes, _) in &bare {
        eprintln!("{}: {}/s", passes.name, thousands(1.0 / passes.seconds()));
    }
    let same = bare.iter().filter(|(_, (_, side))| *side == Side::Tasks);
    let same = fastest(same.map(|(passes, _)| passes.clone()).collect());
    let limit = fastest(bare.into_iter().map(|(passes, _)| passes).collect());
    let [(tasks, _), (one_task, _)] = ours;
    let rate = Target::Rate(0.90);
    let turns_work = "256 `append_next` at once on one actor, each";
    vec![
        Row::new("256 saves at once, in one task", &limit, &one_task, rate),
        Row::new("256 saves at once, a task each", &limit, &tasks, rate),
        Row::new("the same beside the same", &same, &tasks, Target::None),
        Row::new(turns_work, &alone, &turns, Target::None),
    ]
}

/// Many writers of one actor, each of which appends one event.
async fn take_turns(world: &World, writer: &mut Writer) -> Pass {
    let appends: Vec<_> = (0..WINDOW)
        .map(|_| {
            let (store, draft) = (world.store.clone(), writer.draft());
            async move {
                store.append_next([draft]).await.expect("stored");
            }
        })
        .collect();
    writer.version += WINDOW as u32;
    let mut results = Vec::new();
    let work = crate::bare::run(Side::Tasks, appends, &mut results);
    world.meter.pass(WINDOW, work).await
}

/// Many small events in one commit.
pub async fn batches(world: &World) -> Vec<Row> {
    let count = world.count(50, 100);
    let mut writers = world.warm_writers(ACTORS).await;
    let mut places = world.places(&writers).await;
    save_batches(world, &mut writers, ACTORS).await;
    let template = world.template(&writers[0]).await;
    let mut context = Passes::new("context");
    let mut request = Passes::new("request");
    let mut ours = Passes::new("");
    for _ in 0..world.passes {
        let mut bare = async |way| {
            let bare = &world.bare;
            bare.one_at_a_time(world.meter, way, &mut places, &template, count)
                .await
        };
        context.push(bare(Way::Context).await);
        ours.push(save_batches(world, &mut writers, count).await);
        request.push(bare(Way::Request).await);
    }
    let rate = thousands(BATCH_EVENTS as f64 / ours.seconds());
    let limit = fastest(vec![context, request]);
    let size = template.size();
    let work = format!("`save_events` of 100 small events ({size}; {rate} events/s)");
    vec![Row::new(work, &limit, &ours, Target::Times(1.3))]
}

async fn save_batches(world: &World, writers: &mut [Writer], count: usize) -> Pass {
    let many = writers.len();
    let next = |n: usize| writers[n % many].next_small(BATCH_EVENTS);
    let batches: Vec<Vec<Event>> = (0..count).map(next).collect();
    let work = async {
        for events in batches {
            world.store.save_events(events).await.expect("stored");
        }
    };
    world.meter.pass(count, work).await
}
