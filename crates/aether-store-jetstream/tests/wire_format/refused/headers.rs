//! Headers that are missing, of another form, there twice, or not what the body says.

use super::{Draft, Fault, Message, Row, check, good, of};

fn twice(draft: Draft, name: &str, value: &str) -> Draft {
    let mut draft = draft;
    draft.headers.push((name.to_owned(), value.to_owned()));
    draft
}

fn value(draft: &Draft, name: &str) -> String {
    let mut headers = draft.headers.iter();
    let header = headers.find(|(written, _)| written == name);
    header.unwrap().1.clone()
}

fn of_a_commit(id: &str, _: &Message) -> Vec<Row> {
    let none = Draft {
        headers: Vec::new(),
        ..good(id)
    };
    let unknown = good(id).with("Aether-New", "x").with("X", "");
    let mut rows = vec![
        Row::new("nothing wrong", None, good(id)),
        Row::new("no headers", Fault::Format, none),
        Row::new("unknown headers", None, unknown),
        Row::new(
            "a trace that is none",
            None,
            good(id).with("traceparent", "x"),
        ),
    ];
    let rules = [
        ("Aether-Format", Fault::Format),
        ("Content-Type", Fault::ContentType),
        ("Aether-First-Version", Fault::Versions),
        ("Aether-Last-Version", Fault::Versions),
    ];
    let others = [
        "",
        "0",
        "02",
        "+2",
        "-2",
        "2.0",
        "3",
        "x",
        "9223372036854775808",
        "18446744073709551616",
        "application/msgpack; charset=utf-8",
        "Application/MsgPack",
    ];
    for (name, fault) in rules {
        let right = value(&good(id), name);
        rows.push(Row::new(
            format!("no {name}"),
            fault,
            good(id).without(name),
        ));
        for other in others {
            let what = format!("{name}: {other}");
            rows.push(Row::new(what, fault, good(id).with(name, other)));
        }
        let lower = good(id).without(name).with(&name.to_lowercase(), &right);
        rows.push(Row::new(format!("{name} in lower case"), fault, lower));
        let blanks = good(id).with(name, &format!(" {right}  "));
        rows.push(Row::new(format!("blanks around {name}"), None, blanks));
        for other in [&right, "7"] {
            let what = format!("{name} again: {other}");
            rows.push(Row::new(what, Fault::Headers, twice(good(id), name, other)));
        }
    }
    rows
}

#[tokio::test]
async fn headers_that_are_not_those_of_a_commit_are_refused_by_both_readers() {
    check(of_a_commit).await;
}

fn of_a_link(id: &str, before: &Message) -> Vec<Row> {
    let linked = || good(id).after(before);
    let (version, digest, places) = (
        "Aether-Previous-Version",
        "Aether-Previous-Digest",
        "Aether-Predecessors",
    );
    let unlinked = linked().without(version).with(digest, "x");
    let zeros = "A".repeat(43);
    let mut rows = vec![
        Row::new("nothing wrong", None, linked()),
        Row::new("not linked, with a rest of a link", None, unlinked),
        Row::new("no digest", Fault::Link, linked().without(digest)),
        Row::new("no places", Fault::Link, linked().without(places)),
        // It says that it is the first.
        Row::new("after none", Fault::OutOfPlace, linked().with(version, "0")),
        Row::new(
            "another's digest",
            Fault::OutOfPlace,
            linked().with(digest, &zeros),
        ),
        Row::new(
            "after another version",
            Fault::OutOfPlace,
            of(id, &[("e", 3)]).after(before).with(version, "2"),
        ),
        Row::new(
            "after itself",
            Fault::Link,
            of(id, &[("e", 1)]).after(before),
        ),
    ];
    for name in [version, digest, places, "Aether-Save-Id"] {
        let again = twice(linked().with(name, "1"), name, "1");
        rows.push(Row::new(format!("{name} again"), Fault::Headers, again));
    }
    for other in [
        "",
        "x",
        "-1",
        "+1",
        "01",
        "1.0",
        "2",
        "3",
        "9223372036854775808",
    ] {
        let what = format!("{version}: {other}");
        rows.push(Row::new(what, Fault::Link, linked().with(version, other)));
    }
    let digests = [
        String::new(),
        "A".repeat(42),
        "A".repeat(44),
        // Bits beyond the last byte.
        "A".repeat(42) + "B",
        "A".repeat(42) + "=",
        "A".repeat(43) + "=",
        "A".repeat(40) + "+/A",
    ];
    for other in digests {
        let what = format!("{digest}: {other}");
        rows.push(Row::new(what, Fault::Link, linked().with(digest, &other)));
    }
    let many = |count: usize| format!("zz{}", ".1".repeat(count - 1));
    // As large as a sequence can be, and one more.
    let (largest, too_large) = ("3w5e11264sgsf", "3w5e11264sgsg");
    for right in [&many(32), largest, "5.4", "2.1"] {
        let what = format!("{places}: {right}");
        rows.push(Row::new(what, None, linked().with(places, right)));
    }
    let wrong = [
        "",
        "0",
        "01",
        "1.",
        ".1",
        "2..1",
        "1.1",
        "2.1.1",
        "2.0",
        "5.6",
        "A",
        "+1",
        "-1",
        "2,1",
        "2 1",
        too_large,
        &many(33),
    ];
    for other in wrong {
        let what = format!("{places}: {other}");
        rows.push(Row::new(what, Fault::Link, linked().with(places, other)));
    }
    rows
}

#[tokio::test]
async fn links_of_another_form_are_refused_and_links_to_another_commit_are_out_of_place() {
    check(of_a_link).await;
}
