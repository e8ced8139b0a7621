//! Texts that name things: their bounds, their comparison, their serde form.

use std::collections::{BTreeMap, HashMap, HashSet};

use aether_core::{ActorId, CommandId, EventId, EventType, InvalidText, Namespace};

/// The rules that all names share, for each of them.
macro_rules! names {
    ($($module:ident: $type:ident, $noun:literal, $max:literal;)+) => {$(
        mod $module {
            use super::*;

            #[test]
            fn it_has_1_byte_or_more() {
                let error = $type::new("").unwrap_err();
                assert_eq!(error, InvalidText::Empty { noun: $noun });
                assert_eq!(error.to_string(), concat!($noun, " is empty"));
                assert_eq!($type::new("x").unwrap().as_str(), "x");
                assert_eq!($type::new("\0").unwrap().as_str(), "\0");
            }

            #[test]
            fn it_has_no_more_bytes_than_its_bound() {
                assert_eq!($type::BYTES_MAX, $max);
                let longest = "x".repeat($max);
                assert_eq!($type::new(&longest).unwrap().as_str(), longest);
                let error = $type::new(longest + "x").unwrap_err();
                let expected = InvalidText::TooLong { noun: $noun, bytes: $max + 1, max: $max };
                assert_eq!(error, expected);
                assert_eq!(
                    error.to_string(),
                    format!("{} has {} bytes, at most {} are allowed", $noun, $max + 1, $max),
                );
            }

            #[test]
            fn bytes_are_counted_not_characters() {
                let ends_at_the_bound = "x".repeat($max - 4) + "🐟";
                assert!($type::new(&ends_at_the_bound).is_ok());
                let reaches_over = "x".repeat($max - 3) + "🐟";
                assert!(reaches_over.chars().count() < $max);
                let expected = InvalidText::TooLong { noun: $noun, bytes: $max + 1, max: $max };
                assert_eq!($type::new(reaches_over).unwrap_err(), expected);
            }

            #[test]
            fn it_comes_from_every_sort_of_text_and_is_checked_each_time() {
                let name: $type = "a b".parse().unwrap();
                assert_eq!($type::try_from("a b").unwrap(), name);
                assert_eq!($type::try_from(String::from("a b")).unwrap(), name);
                assert_eq!(serde_json::from_str::<$type>(r#""a b""#).unwrap(), name);
                assert!("".parse::<$type>().is_err());
                assert!($type::try_from("").is_err());
                assert!($type::try_from("x".repeat($max + 1)).is_err());
                for json in [r#""""#, "1", "null", "[]"] {
                    let error = serde_json::from_str::<$type>(json).unwrap_err().to_string();
                    assert!(error.contains($noun) || error.contains("expected text of 1 to"), "{error}");
                }
            }

            #[test]
            fn it_is_what_its_text_is() {
                let name = $type::new("a\n\"b").unwrap();
                assert_eq!(name, "a\n\"b");
                assert_eq!(name, *"a\n\"b");
                assert_eq!(name.as_ref(), "a\n\"b");
                assert_eq!(name.to_string(), "a\n\"b");
                assert_eq!(format!("{name:?}"), concat!(stringify!($type), r#"("a\n\"b")"#));
                assert_eq!(serde_json::to_string(&name).unwrap(), r#""a\n\"b""#);
                assert_eq!(name.clone(), name);
            }

            #[test]
            fn nothing_is_normalised_and_order_is_by_bytes() {
                let names = ["A", "a", "a ", "a\u{301}", "ß", "á"].map(|text| $type::new(text).unwrap());
                assert!(names.is_sorted());
                assert_eq!(HashSet::from(names).len(), 6);
            }

            #[test]
            fn a_map_of_them_is_searched_by_plain_text() {
                let name = $type::new("key").unwrap();
                let hashed = HashMap::from([(name.clone(), 1)]);
                let sorted = BTreeMap::from([(name, 1)]);
                assert_eq!((hashed.get("key"), sorted.get("key")), (Some(&1), Some(&1)));
            }
        }
    )+};
}

names! {
    actor_id: ActorId, "actor id", 1_024;
    event_id: EventId, "event id", 128;
    event_type: EventType, "event type", 256;
    command_id: CommandId, "command id", 256;
    namespace: Namespace, "namespace", 128;
}

/// Names that may be literals of the program.
macro_rules! literals {
    ($($module:ident: $type:ident, $panic:literal;)+) => {$(
        mod $module {
            use super::*;

            const NAME: $type = $type::from_static("Name");

            #[test]
            fn a_literal_and_a_copy_are_the_same_name() {
                let copy = $type::new("Name").unwrap();
                assert_eq!(NAME, copy);
                assert_eq!(HashSet::from([NAME, copy]).len(), 1);
                assert_eq!(NAME.cmp(&$type::new("Nome").unwrap()), std::cmp::Ordering::Less);
            }

            #[test]
            #[should_panic(expected = $panic)]
            fn a_literal_out_of_bounds_panics_as_its_docs_say() {
                drop($type::from_static(""));
            }
        }
    )+};
}

literals! {
    event_type_literals: EventType, "event type is empty or too long";
    command_id_literals: CommandId, "command id is empty or too long";
    namespace_literals: Namespace, "namespace is empty or too long";
}

#[test]
fn a_category_is_what_comes_before_the_first_dash() {
    for (id, category) in [
        ("order-123", "order"),
        ("order-123-a", "order"),
        ("order-", "order"),
        ("order", "order"),
        ("-order", "-order"),
        ("-", "-"),
        ("--", "--"),
        ("größe-1", "größe"),
        ("a.b-1", "a.b"),
        (" -1", " "),
        ("order–1", "order–1"), // an en dash is no dash
    ] {
        assert_eq!(ActorId::new(id).unwrap().category(), category, "{id}");
    }
}

#[test]
fn ids_that_trap_the_careless_are_distinct() {
    let traps = [
        "a.b", "a_b", "a b", "a*b", "a>b", "A.B", "a=2Eb", "-a", "a-", "a\n", "a\u{7f}", "a\0", "a",
    ];
    let ids: HashSet<ActorId> = traps.iter().map(|id| ActorId::new(id).unwrap()).collect();
    assert_eq!(ids.len(), traps.len());
}

#[test]
fn an_event_id_as_long_as_a_ulid_is_kept_as_it_is() {
    for text in [
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "01arz3ndektsv4rrffq69g5fav",
        &"\0".repeat(26),
        &"é".repeat(13),
    ] {
        let id = EventId::new(text).unwrap();
        assert_eq!(id, *text);
        assert_eq!(
            serde_json::from_str::<EventId>(&serde_json::to_string(&id).unwrap()).unwrap(),
            id
        );
    }
}
