//! The same for feeds: each violation, planted in what a sound one gave, is found.

use super::lines::{Block, End, FeedLine, Start, Wanted};
use crate::checker::{Kind, Message};
use crate::log::{Line, Offered};
use crate::teeth::{Scene, attempt, ended, events, found, message, stored};

pub(crate) const TESTS: &[(&str, fn())] = &[
    ("feeds_that_give_all_have_no_violation", sound),
    ("a_feed_that_is_killed_has_no_violation", killed),
    ("an_event_that_a_feed_leaves_out_is_found", left_out),
    (
        "an_event_left_out_where_a_feed_is_resumed_is_found",
        resumed_too_far,
    ),
    ("an_event_that_a_feed_gives_twice_is_found", twice),
    (
        "what_a_resumed_feed_gives_again_is_found",
        resumed_too_early,
    ),
    ("events_given_in_another_order_are_found", other_order),
    (
        "events_of_a_commit_in_another_order_are_found",
        other_order_inside,
    ),
    ("an_event_that_a_feed_changes_is_found", changed),
    ("an_event_that_does_not_pass_is_found", does_not_pass),
    ("an_event_that_nobody_stored_is_found", nobody_stored),
    ("a_feed_from_now_that_gives_the_past_is_found", the_past),
    ("a_feed_from_now_that_begins_too_late_is_found", too_late),
    ("a_feed_that_catches_up_twice_is_found", caught_up_twice),
    (
        "a_feed_that_catches_up_too_soon_is_found",
        caught_up_too_soon,
    ),
    ("a_feed_that_never_catches_up_is_found", caught_up_never),
    (
        "a_feed_that_does_not_come_to_the_end_is_found",
        not_at_the_end,
    ),
    ("a_feed_that_is_not_there_in_the_end_is_found", not_there),
    ("an_error_that_no_feed_may_give_is_found", wrong_error),
    (
        "a_feed_that_could_not_begin_has_no_violation",
        could_not_begin,
    ),
    ("what_comes_after_an_error_is_found", after_an_error),
    ("a_consumer_that_is_left_is_found", consumer_left),
];

/// Where an event is: the index of its message in the stream, and its own index there.
type At = (usize, usize);

const ALL: [At; 5] = [(0, 0), (0, 1), (1, 0), (2, 0), (3, 0)];

fn line(line: FeedLine) -> Line {
    Line::Feed(line)
}

fn began(feed: u64, wanted: &Wanted, start: Start) -> Line {
    line(FeedLine::Began {
        feed,
        at: 0,
        name: "feed".to_owned(),
        wanted: wanted.clone(),
        start,
    })
}

fn after(sequence: u64, index: u32) -> Start {
    Start::After(format!("p1-7-{sequence}-{index}-0"))
}

fn block(stream: &[Message], given: &[At]) -> Block {
    let mut block = Block::default();
    for (number, index) in given {
        let message = &stream[*number];
        let event = &message.events.as_ref().unwrap()[*index];
        add(&mut block, message.sequence, *index, &message.actor, event);
    }
    block
}

fn add(block: &mut Block, sequence: u64, index: usize, actor: &str, event: &Offered) {
    let index = u32::try_from(index).unwrap();
    block.add_event(sequence, index, actor, event);
    block.last = format!("p1-7-{sequence}-{index}-0");
}

fn gave(feed: u64, block: Block) -> Line {
    line(FeedLine::Gave { feed, block })
}

fn caught_up(feed: u64, at: u64) -> Line {
    line(FeedLine::CaughtUp { feed, at })
}

fn end(feed: u64, end: End) -> Line {
    line(FeedLine::Ended { feed, at: 0, end })
}

/// A feed of the second process that begins with this and gives that.
fn feed(scene: &mut Scene, wanted: &Wanted, start: Start, given: &[At]) {
    let block = block(&scene.stream, given);
    scene.second.extend([
        began(1, wanted, start),
        gave(1, block),
        caught_up(1, 0),
        end(1, End::Finished),
        line(FeedLine::Finished { feeds: 1 }),
    ]);
}

fn all(start: Start, given: &'static [At]) -> impl FnOnce(&mut Scene) {
    move |scene| feed(scene, &Wanted::default(), start, given)
}

/// Only of actor `x`.
fn of_x() -> Wanted {
    Wanted {
        categories: vec!["x".to_owned()],
        ..Wanted::default()
    }
}

/// Two events more of `y`, in one message that is saved at this time.
fn saved_at(scene: &mut Scene, time: u64) {
    let mut attempt = attempt(8, "late", "y", events("late", &[2, 3]));
    if let Line::Attempt { at, .. } = &mut attempt {
        *at = time;
    }
    scene
        .first
        .extend([attempt, ended(8, stored(false, 5, &[2, 3]))]);
    scene.stream.push(message(5, "y", events("late", &[2, 3])));
}

fn sound() {
    found(&[], all(Start::Beginning, &ALL));
    found(&[], all(after(1, 0), &ALL[1..]));
    found(&[], all(after(3, 0), &ALL[4..]));
    found(&[], |scene| {
        feed(scene, &of_x(), Start::Beginning, &ALL[..4]);
        let blocks = ALL.map(|at| gave(1, block(&scene.stream, &[at])));
        let at = scene.first.len();
        scene
            .first
            .splice(at.., [began(1, &Wanted::default(), Start::Beginning)]);
        scene.first.extend(blocks);
        scene.first.extend([caught_up(1, 0), end(1, End::Dropped)]);
        let rest = gave(2, block(&scene.stream, &ALL[3..]));
        scene
            .first
            .extend([began(2, &Wanted::default(), after(2, 0)), rest]);
    });
    found(&[], |scene| {
        let last = gave(1, block(&scene.stream, &ALL[4..]));
        // Before the second process knows of anything.
        let lines = [
            began(1, &Wanted::default(), Start::Now),
            caught_up(1, 0),
            last,
        ];
        scene.second.splice(0..0, lines);
    });
}

fn killed() {
    found(&[], |scene| {
        let some = gave(1, block(&scene.stream, &ALL[..2]));
        scene
            .second
            .extend([began(1, &Wanted::default(), Start::Beginning), some]);
    });
}

fn left_out() {
    found(
        &[Kind::FedTooLittle],
        all(Start::Beginning, &[(0, 0), (0, 1), (2, 0), (3, 0)]),
    );
    found(&[Kind::FedTooLittle], all(Start::Beginning, &ALL[1..]));
    // One of the events of a message.
    found(
        &[Kind::FedTooLittle],
        all(Start::Beginning, &[(0, 0), (1, 0), (2, 0), (3, 0)]),
    );
    // Between two blocks.
    found(&[Kind::FedTooLittle], |scene| {
        let blocks = [&ALL[..2], &ALL[3..]].map(|at| gave(1, block(&scene.stream, at)));
        scene
            .second
            .push(began(1, &Wanted::default(), Start::Beginning));
        scene.second.extend(blocks);
    });
}

fn resumed_too_far() {
    found(&[Kind::FedTooLittle], all(after(1, 0), &ALL[2..]));
    found(&[Kind::FedTooLittle], all(after(1, 1), &ALL[3..]));
}

fn twice() {
    let given = &[(0, 0), (0, 1), (1, 0), (1, 0), (2, 0), (3, 0)];
    found(&[Kind::FedTwice], all(Start::Beginning, given));
    found(&[Kind::FedTwice], |scene| {
        let blocks = [&ALL[..3], &ALL[2..]].map(|at| gave(1, block(&scene.stream, at)));
        scene
            .second
            .push(began(1, &Wanted::default(), Start::Beginning));
        scene.second.extend(blocks);
    });
}

fn resumed_too_early() {
    found(&[Kind::FedTwice], all(after(1, 0), &ALL));
    found(&[Kind::FedTwice], all(after(2, 0), &ALL[2..]));
}

fn other_order() {
    let given = &[(0, 0), (0, 1), (2, 0), (1, 0), (3, 0)];
    found(&[Kind::FedOutOfOrder], all(Start::Beginning, given));
}

fn other_order_inside() {
    let given = &[(0, 1), (0, 0), (1, 0), (2, 0), (3, 0)];
    found(&[Kind::FedChanged], all(Start::Beginning, given));
}

fn changed() {
    let spoilt = |spoil: fn(&mut Offered)| {
        found(&[Kind::FedChanged], |scene| {
            let mut event = scene.stream[1].events.as_ref().unwrap()[0].clone();
            spoil(&mut event);
            let mut given = block(&scene.stream, &ALL[..2]);
            add(&mut given, 2, 0, "x", &event);
            let whole = [
                began(1, &Wanted::default(), Start::Beginning),
                gave(1, given),
            ];
            scene.second.extend(whole);
        });
    };
    spoilt(|event| event.content += 1);
    spoilt(|event| event.version = Some(4));
    spoilt(|event| event.id.push('x'));
    // Nor with the position of another event of its message.
    found(&[Kind::FedChanged], |scene| {
        let first = scene.stream[0].events.as_ref().unwrap()[0].clone();
        let mut given = Block::default();
        add(&mut given, 1, 1, "x", &first);
        scene.second.extend([
            began(1, &Wanted::default(), Start::Beginning),
            gave(1, given),
        ]);
    });
}

fn does_not_pass() {
    found(&[Kind::FedTooMuch], |scene| {
        feed(scene, &of_x(), Start::Beginning, &ALL);
    });
    let noted = Wanted {
        types: vec!["Noted".to_owned()],
        ..Wanted::default()
    };
    found(&[Kind::FedTooMuch], |scene| {
        feed(scene, &noted, Start::Beginning, &ALL[..1]);
    });
    let of_y = Wanted {
        actors: vec!["y".to_owned()],
        ..Wanted::default()
    };
    found(&[Kind::FedTooMuch], |scene| {
        feed(scene, &of_y, Start::Beginning, &ALL[3..]);
    });
}

fn nobody_stored() {
    found(&[Kind::FedTooMuch], |scene| {
        let mut given = block(&scene.stream, &ALL);
        add(&mut given, 9, 0, "x", &events("z", &[9])[0]);
        let whole = [
            began(1, &Wanted::default(), Start::Beginning),
            gave(1, given),
        ];
        scene.second.extend(whole);
    });
}

fn the_past() {
    found(&[Kind::FedThePast], all(Start::Now, &ALL[2..]));
}

fn too_late() {
    let begin = |scene: &mut Scene, caught_up_at: u64| {
        saved_at(scene, 10);
        saved_at_end(scene);
        let last = gave(1, block(&scene.stream, &[(5, 0)]));
        let begin = began(1, &Wanted::default(), Start::Now);
        scene
            .second
            .extend([begin, caught_up(1, caught_up_at), last]);
    };
    // It may have begun after that.
    found(&[], |scene| begin(scene, 11));
    found(&[Kind::FedTooLittle], |scene| begin(scene, 9));
    // One that has given nothing at all.
    found(&[Kind::FedTooLittle], |scene| {
        saved_at(scene, 10);
        let begin = began(1, &Wanted::default(), Start::Now);
        scene
            .second
            .extend([begin, caught_up(1, 9), end(1, End::Finished)]);
    });
}

fn saved_at_end(scene: &mut Scene) {
    scene
        .first
        .push(attempt(9, "last", "y", events("last", &[4])));
    scene.stream.push(message(6, "y", events("last", &[4])));
}

fn caught_up_twice() {
    found(&[Kind::CaughtUpTwice], |scene| {
        all(Start::Beginning, &ALL)(scene);
        let at = scene.second.len() - 2;
        scene.second.insert(at, caught_up(1, 0));
    });
}

fn caught_up_too_soon() {
    // The second process has read version 4 of `x`, which is in message 3.
    for (count, kinds) in [(3, &[Kind::CaughtUpTooSoon][..]), (4, &[])] {
        found(kinds, |scene| {
            let some = gave(1, block(&scene.stream, &ALL[..count]));
            let begin = began(1, &Wanted::default(), Start::Beginning);
            scene.second.extend([begin, some, caught_up(1, 0)]);
        });
    }
    // The first one has that from another feed.
    found(&[Kind::CaughtUpTooSoon], |scene| {
        let whole = gave(1, block(&scene.stream, &ALL));
        let begin = |feed| began(feed, &Wanted::default(), Start::Beginning);
        let most = gave(2, block(&scene.stream, &ALL[..4]));
        scene
            .first
            .extend([begin(1), whole, begin(2), most, caught_up(2, 0)]);
    });
    // Of an own save.
    found(&[Kind::CaughtUpTooSoon], |scene| {
        let begin = began(9, &Wanted::default(), Start::Beginning);
        scene.first.splice(2..2, [begin, caught_up(9, 0)]);
    });
}

fn caught_up_never() {
    found(&[Kind::CaughtUpNever], |scene| {
        all(Start::Beginning, &ALL)(scene);
        let at = scene.second.len() - 3;
        scene.second.remove(at);
    });
}

fn not_at_the_end() {
    found(&[Kind::FeedNotAtTheEnd], all(Start::Beginning, &ALL[..4]));
}

fn not_there() {
    found(&[Kind::FeedNotAtTheEnd], |scene| {
        all(Start::Beginning, &ALL)(scene);
        let at = scene.second.len() - 2;
        scene.second[at] = end(1, End::Dropped);
    });
}

fn wrong_error() {
    let failed = |error: &str| end(1, End::Failed(error.to_owned()));
    for last in [
        failed("PositionLost"),
        failed("Unavailable"),
        end(1, End::Closed),
    ] {
        found(&[Kind::FeedFailed], |scene| {
            let some = gave(1, block(&scene.stream, &ALL[..1]));
            let begin = began(1, &Wanted::default(), Start::Beginning);
            scene.second.extend([begin, some, last]);
        });
    }
    found(&[Kind::FeedFailed], |scene| {
        let begin = began(1, &Wanted::default(), Start::Beginning);
        scene.second.extend([begin, failed("PositionLost")]);
    });
}

fn could_not_begin() {
    found(&[], |scene| {
        let begin = began(1, &Wanted::default(), Start::Beginning);
        let failed = end(1, End::Failed("Unavailable".to_owned()));
        scene.second.extend([begin, failed]);
    });
}

fn after_an_error() {
    let failed = || end(1, End::Failed("Unavailable".to_owned()));
    let given = |scene: &Scene| gave(1, block(&scene.stream, &ALL[..1]));
    let lines: [fn(Line) -> Line; 3] =
        [|given| given, |_| caught_up(1, 0), |_| end(1, End::Closed)];
    for line in lines {
        found(&[Kind::FedAfterItsEnd], |scene| {
            let given = line(given(scene));
            let begin = began(1, &of_z(), Start::Beginning);
            let begin = match given {
                Line::Feed(FeedLine::CaughtUp { .. }) => begin,
                _ => began(1, &Wanted::default(), Start::Beginning),
            };
            scene.second.extend([begin, failed(), given]);
        });
    }
}

/// Of an actor that has nothing.
fn of_z() -> Wanted {
    Wanted {
        actors: vec!["z".to_owned()],
        ..Wanted::default()
    }
}

fn consumer_left() {
    found(&[Kind::ConsumerLeft], |scene| {
        scene.consumers.push("aether-1".to_owned());
    });
}
