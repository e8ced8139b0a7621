//! What the page says by example, and that the reader is the page's and nobody else's.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::reader::history::{self, History};
use crate::reader::messages::{self, Message};
use crate::reader::position::Position;
use crate::reader::{chain, names, snapshot};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn text() -> String {
    std::fs::read_to_string(Path::new(ROOT).join("../../docs/wire-format.md")).unwrap()
}

/// The cells of the rows of the table that begins so.
pub(crate) fn table(head: &str) -> Vec<Vec<String>> {
    let page = text();
    let lines = page.lines().skip_while(|line| *line != head);
    let rows = lines.skip(2).take_while(|line| line.starts_with('|'));
    let cells = |row: &str| {
        let cells = row.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().to_owned()).collect()
    };
    let rows: Vec<_> = rows.map(cells).collect();
    assert!(!rows.is_empty(), "the page has no table {head}");
    rows
}

/// What is in backticks, with what stands before it.
pub(crate) fn quoted(text: &str) -> Vec<(&str, &str)> {
    let pieces: Vec<&str> = text.split('`').collect();
    let pairs = pieces.chunks_exact(2);
    pairs.map(|pair| (pair[0], pair[1])).collect()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The texts of a cell of the table of tokens: each in backticks is one, unless there is a
/// multiple of something; then all together are one.
fn texts(cell: &str) -> Vec<String> {
    if cell == "newline, 0x7F, 0x00" {
        return ["\n", "\u{7f}", "\0"].map(str::to_owned).into();
    }
    let parts = quoted(cell).into_iter().map(|(before, quoted)| {
        let Some(times) = before.strip_suffix(" × ") else {
            return quoted.to_owned();
        };
        let times = times.split(' ').next_back().unwrap().replace(',', "");
        let repeated = quoted.repeat(times.parse().unwrap());
        if before.contains("SHA-256 of") {
            hexadecimal(&Sha256::digest(repeated))
        } else {
            repeated
        }
    });
    let parts: Vec<String> = parts.collect();
    if cell.contains('×') {
        vec![parts.concat()]
    } else {
        parts
    }
}

#[test]
fn the_readers_tokens_are_those_of_the_pages_table() {
    let mut count = 0;
    for row in table("| text | token |") {
        let [of, tokens] = row.try_into().unwrap();
        let of = texts(&of);
        let tokens = if tokens == "the same" {
            of.clone()
        } else {
            texts(&tokens)
        };
        assert_eq!(of.len(), tokens.len(), "{of:?}: {tokens:?}");
        for (text, token) in of.iter().zip(&tokens) {
            assert_eq!(names::token(text), *token, "{text:?}");
            let back = names::text_of(token);
            assert_eq!(back.is_none(), token.contains("=~"), "{token}");
            assert!(back.is_none_or(|back| back == *text), "{token}");
            count += 1;
        }
    }
    assert!(count >= 18, "only {count} tokens were found in the table");
}

#[test]
fn the_readers_categories_are_those_of_the_pages_examples() {
    let page = text();
    let (_, examples) = page.split_once("begins with one. (").unwrap();
    let (examples, _) = examples.split_once(")\n").unwrap();
    let pairs = quoted(examples);
    assert_eq!(pairs.len(), 6, "{examples}");
    for pair in pairs.chunks_exact(2) {
        assert_eq!(names::category(pair[0].1), pair[1].1);
    }
}

#[test]
fn the_readers_predecessors_and_positions_are_those_of_the_pages_examples() {
    let page = text();
    assert!(page.contains("`rs.1.1` is 1,000, 999 and 998."));
    assert_eq!(chain::predecessors("rs.1.1").unwrap(), [1_000, 999, 998]);
    let (_, example) = page.split_once("No part has zeros in front. `").unwrap();
    let (position, says) = example.split_once('`').unwrap();
    let id = "01ARZ3NDEKTSV4RRFFQ69G5FA2";
    assert!(says.starts_with(&format!(
        " is the second event, with the id `{id}`, of the message with sequence 7 in a stream \
         that was made 1,800,000,000 s after 1970."
    )));
    let expected = Position::after(1_800_000_000 * 1_000_000_000, 7, 1, id);
    assert_eq!(expected.text(), position);
    assert_eq!(Position::parse(position), Some(expected));
}

/// The bytes that the page calls what it means.
#[test]
fn the_golden_messages_are_read() {
    let id = "order-12.3 🦀";
    for name in ["commit-1", "commit-1-without-links", "snapshot-1"] {
        for form in ["msgpack", "json"] {
            let path = format!("tests/golden/{name}.{form}.bin");
            let bytes = std::fs::read(Path::new(ROOT).join(path)).unwrap();
            let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
            let (block, body) = bytes.split_at(end.unwrap() + 4);
            let message = Message {
                sequence: 7,
                headers: messages::headers(block),
                body: body.to_vec(),
            };
            if name == "snapshot-1" {
                let snapshot = snapshot::of_message(&message, id).unwrap();
                assert_eq!(snapshot.version, 42);
                let position = snapshot.position.unwrap().text();
                assert!(text().contains(&format!("`{position}`")));
                continue;
            }
            // Nothing is before it here, which is as if that had expired.
            let History { commits, faults } = history::of_messages(&[message], id, true);
            assert_eq!(faults, []);
            let versions = commits[0].events.iter().map(|event| event.version);
            assert!(versions.eq([41, 1 << 40]), "{name} {form}");
        }
    }
}

#[test]
fn the_reader_uses_nothing_of_aether() {
    let folder = PathBuf::from(ROOT).join("tests/wire_format/reader");
    let mut count = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let source = std::fs::read_to_string(&path).unwrap();
        let foreign = ["aether_", "crate::"].map(|name| source.contains(name));
        assert_eq!(foreign, [false; 2], "{}", path.display());
        count += 1;
    }
    assert!(count > 5, "the reader has moved");
}
