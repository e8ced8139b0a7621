//! Bodies that are almost a commit in JSON.

use serde_json::{Value as Json, json};

use super::{Draft, Fault, Message, Row, check};

/// An event, with something else in place of a part of its text.
fn text(id: &str, part: &str, other: &str) -> String {
    let event = json!({
        "id": "e-2", "eventType": "T", "actorId": id, "commandId": "c", "version": 2, "data": 7,
        "metadata": {"k": "v"}, "timestamp": "2026-03-01T12:00:00Z",
    });
    let text = event.to_string();
    assert_eq!(text.matches(part).count(), 1, "{part}: {text}");
    text.replace(part, other)
}

fn of_text(text: &str) -> Draft {
    Draft::of("application/json", 2, 2, text.into())
}

/// The member of an event as it is written.
fn member(id: &str, name: &str) -> String {
    let event: Json = serde_json::from_str(&text(id, "e-2", "e-2")).unwrap();
    format!("{name:?}:{}", event[name])
}

fn of_a_commit(id: &str, _: &Message) -> Vec<Row> {
    let one = text(id, "e-2", "e-2");
    let two = text(id, "\"version\":2", "\"version\":3").replace("e-2", "e-3");
    let both = |one: &str, two: &str| {
        let body = format!("[{one},{two}]");
        Draft::of("application/json", 2, 3, body.into())
    };
    let others = text("order-other", "\"version\":2", "\"version\":3").replace("e-2", "e-3");
    let values = [json!("e-2"), json!("T"), json!(id), json!(null), json!(2)];
    let values = [
        &values[..],
        &[json!(7), json!({}), json!("2026-03-01T12:00:00Z")],
    ]
    .concat();
    let values = Json::Array(values).to_string();
    let body = |body: String| of_text(&body);
    vec![
        Row::new("nothing wrong", None, body(format!("[{one}]"))),
        Row::new("blanks", None, body(format!("\r\n [\t{one} ] \n"))),
        Row::new("two events", None, both(&one, &two)),
        Row::new("no array", Fault::Body, body(one.clone())),
        Row::new("no events", Fault::Body, body("[]".to_owned())),
        Row::new("nothing", Fault::Body, body(String::new())),
        Row::new("more", Fault::Body, body(format!("[{one}]x"))),
        Row::new("a comma more", Fault::Body, body(format!("[{one},]"))),
        Row::new(
            "a mark of its order",
            Fault::Body,
            body(format!("\u{feff}[{one}]")),
        ),
        Row::new(
            "values without names",
            Fault::Body,
            body(format!("[{values}]")),
        ),
        Row::new(
            "another's event among them",
            Fault::OtherActor,
            both(&one, &others),
        ),
        Row::new("falling", Fault::Versions, both(&two, &one)),
        Row::new(
            "one id twice",
            Fault::SameId,
            both(&one, &two.replace("e-3", "e-2")),
        ),
    ]
}

#[tokio::test]
async fn what_is_no_commit_in_json_is_refused_by_both_readers() {
    check(of_a_commit).await;
}

fn of_an_event(id: &str, _: &Message) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut row = |part: &str, other: &str, is_right: bool| {
        let fault = (!is_right).then_some(Fault::Body);
        let what = format!("{part} → {other:.80}");
        let draft = of_text(&format!("[{}]", text(id, part, other)));
        rows.push(Row::new(what, fault, draft));
    };
    // Which of the other kinds a name may have, beside its own.
    let names: [(&str, &[&str]); 8] = [
        ("id", &[]),
        ("eventType", &["\"x\""]),
        ("actorId", &[]),
        ("commandId", &["\"x\"", "null"]),
        ("version", &[]),
        ("data", &["\"x\"", "null", "7", "1.5", "[]", "{}", "true"]),
        ("metadata", &["{}"]),
        ("timestamp", &[]),
    ];
    for (name, right) in names {
        let member = member(id, name);
        let may_be_missing = ["commandId", "data", "metadata"].contains(&name);
        row(&member, "\"more\":[1]", may_be_missing);
        row(&member, &format!("{member},{member}"), false);
        // One that differs by its case is another name.
        let upper = member.to_uppercase();
        row(&member, &format!("{member},{upper},{upper}"), true);
        for other in ["null", "7", "1.5", "[]", "{}", "true", "\"\""] {
            if (name, other) == ("version", "7") {
                continue; // It is a version.
            }
            let is_right = right.contains(&other) || (name, other) == ("data", "\"\"");
            row(&member, &format!("{name:?}:{other}"), is_right);
        }
    }
    let long = |bytes: usize| format!("\"{}\"", "x".repeat(bytes));
    for (name, bytes_max) in [("id", 128), ("eventType", 256), ("commandId", 256)] {
        let member = member(id, name);
        row(&member, &format!("{name:?}:{}", long(bytes_max)), true);
        row(&member, &format!("{name:?}:{}", long(bytes_max + 1)), false);
    }
    for other in [
        "2.0",
        "2e0",
        "0",
        "-2",
        "-0",
        "9223372036854775808",
        "18446744073709551616",
    ] {
        row("\"version\":2", &format!("\"version\":{other}"), false);
    }

    let arrays = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    let empty = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let data = [
        ("18446744073709551616", true),
        ("-9223372036854775809", true),
        ("-0", true),
        ("1E5", true),
        ("1e-400", true),
        ("1e400", false),
        ("01", false),
        ("NaN", false),
        ("\"\\ud83d\\ude00\"", true),
        ("\"\\ud83d\"", false),
        ("\"\\u0000\"", true),
        ("{\"a\":1,\"a\":2}", true),
        ("{\"$serde_json::private::Number\":\"1\"}", false),
        (&arrays(100), true),
        (&arrays(101), false),
        (&empty(101), true),
        (&empty(102), false),
    ];
    for (other, is_right) in data {
        row("\"data\":7", &format!("\"data\":{other}"), is_right);
    }
    let metadata = [
        ("{\"k\":\"\"}", true),
        ("{\"\":\"v\"}", false),
        ("{\"k\":1}", false),
        ("{\"k\":null}", false),
        ("{\"k\":\"v\",\"k\":\"v\"}", false),
    ];
    for (other, is_right) in metadata {
        row("{\"k\":\"v\"}", other, is_right);
    }
    rows
}

#[tokio::test]
async fn a_member_of_an_event_in_json_that_is_out_of_bounds_is_refused_by_both_readers() {
    check(of_an_event).await;
}

fn of_a_time(id: &str, _: &Message) -> Vec<Row> {
    let right = [
        "2026-03-01t12:00:00z",
        "2026-03-01T12:00:00+00:00",
        "2026-03-01T12:00:00-00:00",
        "2026-03-01T12:00:00+23:59",
        "2026-03-01T12:00:00-23:59",
        "2026-03-01T12:00:00.1Z",
        "2026-03-01T12:00:00.123456789+05:30",
        "2024-02-29T23:59:59.999999999Z",
        "2000-02-29T00:00:00Z",
        "1969-12-31T23:59:59.5Z",
        "1677-09-21T00:12:43.145224192Z",
        "2262-04-11T23:47:16.854775807Z",
        "2262-04-12T00:47:16.854775807+01:00",
    ];
    let wrong = [
        "2026-03-01 12:00:00Z",
        "2026-03-01_12:00:00Z",
        "2026-03-01T12:00:00",
        "2026-03-01T12:00:00+24:00",
        "2026-03-01T12:00:00+12:60",
        "2026-03-01T12:00:00+0100",
        "2026-03-01T12:00:00+01",
        "2026-03-01T12:00:00.Z",
        "2026-03-01T12:00:00,5Z",
        "2026-03-01T12:00:00.1234567891Z",
        "2026-03-01T12:00:00.0000000000Z",
        "2016-12-31T23:59:60Z",
        "2017-01-01T00:59:60+01:00",
        "2026-03-01T12:00:60Z",
        "2026-03-01T24:00:00Z",
        "2026-03-01T12:60:00Z",
        "2026-02-29T12:00:00Z",
        "1900-02-29T12:00:00Z",
        "2026-04-31T12:00:00Z",
        "2026-00-01T12:00:00Z",
        "2026-13-01T12:00:00Z",
        "2026-01-00T12:00:00Z",
        "1677-09-21T00:12:43.145224191Z",
        "2262-04-11T23:47:16.854775808Z",
        "0000-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "+2026-03-01T12:00:00Z",
        "2026-3-01T12:00:00Z",
        "2026-03-01T12:00Z",
        "20260301T120000Z",
        " 2026-03-01T12:00:00Z",
        "2026-03-01T12:00:00Z ",
        "1772366400",
    ];
    let row = |time: &&str, fault: Option<Fault>| {
        let draft = of_text(&format!("[{}]", text(id, "2026-03-01T12:00:00Z", time)));
        Row::new(*time, fault, draft)
    };
    let right = right.iter().map(|time| row(time, None));
    let wrong = wrong.iter().map(|time| row(time, Some(Fault::Body)));
    right.chain(wrong).collect()
}

#[tokio::test]
async fn a_time_is_read_alike_by_both_readers_or_refused_by_both() {
    check(of_a_time).await;
}
