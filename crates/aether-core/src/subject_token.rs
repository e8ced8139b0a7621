//! Text as one token of a NATS subject or of a stream's name: readable where it can be, injective
//! always.
//!
//! `[A-Za-z0-9_-]` stay as they are, every other byte of the UTF-8 becomes `=` and two upper-case
//! hexadecimal digits. What would be longer than [`SUBJECT_TOKEN_BYTES_MAX`] is cut to
//! [`PREFIX_BYTES_MAX`] and completed by `=~` and the SHA-256 of the whole text.
//!
//! # Why different texts have different tokens
//!
//! - A token without `~` is decoded from left to right without a choice: an `=` begins an escape of
//!   exactly three bytes, anything else stands for itself, and `=` itself is always escaped. So it
//!   has one text.
//! - `~` is escaped too (`=7E`), so it appears in a shortened token only: the two sorts never meet.
//! - Two shortened tokens are equal only if the digests are.
//!
//! Nothing is folded: case matters, and Unicode is not normalised. A token is never empty, because
//! no text that gets here is, and never begins with `~`.

use std::borrow::Cow;
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// The most bytes of a [`subject_token`].
pub const SUBJECT_TOKEN_BYTES_MAX: usize = 200;
/// Between the readable beginning of a shortened token and the digest.
const MARK: &str = "=~";
/// The digest in hexadecimal.
const DIGEST_BYTES: usize = 64;
/// The most bytes of the readable beginning: 134. It is cut before an escape rather than in one.
const PREFIX_BYTES_MAX: usize = SUBJECT_TOKEN_BYTES_MAX - MARK.len() - DIGEST_BYTES;

/// The token that stands for this text in subjects of NATS, and in names of streams: a different one
/// for each text, of 1 to [`SUBJECT_TOKEN_BYTES_MAX`] of the characters `A-Z a-z 0-9 _ - = ~`.
///
/// Text that is made of `A-Z a-z 0-9 _ -` stays as it is. Every other byte becomes `=` and two
/// hexadecimal digits, and what would be too long is cut and completed by `=~` and the SHA-256 of the
/// whole text. Nothing is folded or normalised. No token begins with `~`, and only that of the empty
/// text is empty. `docs/wire-format.md` is the normative description.
///
/// ```
/// use aether_core::{subject_token, subject_text};
///
/// assert_eq!(subject_token("order-123"), "order-123");
/// assert_eq!(subject_token("a.b"), "a=2Eb");
/// assert_eq!(subject_text("a=2Eb").as_deref(), Some("a.b"));
/// ```
#[must_use]
pub fn subject_token(text: &str) -> Cow<'_, str> {
    if text.len() <= SUBJECT_TOKEN_BYTES_MAX && text.bytes().all(stays) {
        return Cow::Borrowed(text);
    }
    let mut token = String::with_capacity(text.len().min(SUBJECT_TOKEN_BYTES_MAX) + 3);
    // Where the readable beginning ends, should the token turn out to be too long.
    let mut cut = 0;
    for byte in text.bytes() {
        push(&mut token, byte);
        if token.len() <= PREFIX_BYTES_MAX {
            cut = token.len();
        }
        if token.len() > SUBJECT_TOKEN_BYTES_MAX {
            token.truncate(cut);
            token.push_str(MARK);
            push_hex(&mut token, &Sha256::digest(text.as_bytes()));
            break;
        }
    }
    Cow::Owned(token)
}

/// The text of which this is the [`subject_token`]; none where it is that of no text, or a shortened
/// one, which does not give its text back.
#[must_use]
pub fn subject_text(token: &str) -> Option<String> {
    let mut text = Vec::with_capacity(token.len());
    let mut bytes = token.bytes();
    while let Some(byte) = bytes.next() {
        text.push(match byte {
            b'=' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
                u8::try_from(high * 16 + low).ok()?
            }
            _ => byte,
        });
    }
    let text = String::from_utf8(text).ok()?;
    // Whatever else might be read so: lower-case digits, what needs no escape, what is too long.
    (subject_token(&text) == token).then_some(text)
}

/// Whether the byte stands for itself.
fn stays(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

fn push(token: &mut String, byte: u8) {
    if stays(byte) {
        token.push(char::from(byte));
    } else {
        // Writing to a string can't fail.
        let _infallible = write!(token, "={byte:02X}");
    }
}

fn push_hex(token: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing to a string can't fail.
        let _infallible = write!(token, "{byte:02x}");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::ActorId;

    /// The other direction, written from the documentation rather than from the code above.
    fn text_of(token: &str) -> Option<String> {
        let mut bytes = token.bytes();
        let mut text = Vec::new();
        while let Some(byte) = bytes.next() {
            text.push(match byte {
                b'=' => {
                    let digits = [bytes.next()?, bytes.next()?];
                    u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
                }
                b'~' => return None,
                _ => byte,
            });
        }
        String::from_utf8(text).ok()
    }

    #[test]
    fn ids_that_trap_the_careless_have_these_tokens() {
        let golden = [
            ("order-123", "order-123"),
            ("a.b", "a=2Eb"),
            ("a_b", "a_b"),
            ("a b", "a=20b"),
            ("a*b", "a=2Ab"),
            ("a>b", "a=3Eb"),
            ("A.B", "A=2EB"),
            ("a=2Eb", "a=3D2Eb"),
            ("a~b", "a=7Eb"),
            ("-a", "-a"),
            ("a-", "a-"),
            ("🦀", "=F0=9F=A6=80"),
            ("é", "=C3=A9"),
            ("e\u{301}", "e=CC=81"),
            ("\n", "=0A"),
            ("\u{7f}", "=7F"),
            ("\0", "=00"),
            ("$JS", "=24JS"),
        ];
        for (text, expected) in golden {
            assert_eq!(subject_token(text), expected, "{text:?}");
        }
        let distinct: HashSet<Cow<'_, str>> =
            golden.iter().map(|(text, _)| subject_token(text)).collect();
        assert_eq!(distinct.len(), golden.len());
    }

    #[test]
    fn the_longest_ids_keep_their_beginning_and_end_in_a_digest() {
        let long = "x".repeat(ActorId::BYTES_MAX);
        let other = format!("{}y", &long[1..]);
        assert_eq!(
            subject_token(&long),
            format!(
                "{}=~49abd65bbf7f7e40c7055093ed2e3fd75f2f602f2c5fcf955c213e3135eb03f7",
                "x".repeat(134)
            )
        );
        assert_ne!(subject_token(&long), subject_token(&other));
        assert_eq!(subject_token(&other).len(), SUBJECT_TOKEN_BYTES_MAX);
    }

    #[test]
    fn the_bound_is_exact_and_no_escape_is_cut() {
        assert_eq!(subject_token(&"x".repeat(200)), "x".repeat(200));
        assert_eq!(subject_token(&"x".repeat(201)).len(), 200);
        // 66 escapes are 198 bytes, 67 are 201.
        assert_eq!(subject_token(&".".repeat(66)), "=2E".repeat(66));
        let dots = ".".repeat(67);
        let shortened = subject_token(&dots);
        assert!(
            shortened.starts_with(&format!("{}=~", "=2E".repeat(44))),
            "{shortened}"
        );
        assert_eq!(shortened.len(), 132 + 2 + 64);
        // One byte more in front, and the cut falls elsewhere in an escape.
        assert_eq!(
            subject_token(&format!("a{}", ".".repeat(67))).len(),
            133 + 2 + 64
        );
        assert_eq!(
            subject_token(&format!("ab{}", ".".repeat(67))).len(),
            134 + 2 + 64
        );
    }

    fn awkward_text() -> impl Strategy<Value = String> {
        prop_oneof![
            "[ab.=~*> _2E-]{1,12}",
            "[a.]{60,80}",
            "[a.]{190,210}",
            "\\PC{1,40}",
            any::<String>().prop_filter("not empty", |text| !text.is_empty()),
        ]
    }

    proptest! {
        #[test]
        fn a_token_is_what_the_server_takes(text in awkward_text()) {
            let token = subject_token(&text);
            prop_assert!((1..=SUBJECT_TOKEN_BYTES_MAX).contains(&token.len()));
            prop_assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-=~".contains(&b)));
            prop_assert!(!token.starts_with('~'));
        }

        #[test]
        fn a_short_token_gives_its_text_back(text in awkward_text()) {
            let token = subject_token(&text);
            if token.contains('~') {
                prop_assert_eq!(token.rsplit_once("=~").map(|(_, digest)| digest.len()), Some(64));
                prop_assert_eq!(text_of(&token), None);
                prop_assert_eq!(subject_text(&token), None);
            } else {
                prop_assert_eq!(text_of(&token), Some(text.clone()));
                prop_assert_eq!(subject_text(&token), Some(text));
            }
        }

        #[test]
        fn whatever_has_a_text_is_its_token(
            other in prop_oneof!["[ab=~2eEfF.*>]{0,8}", any::<String>()],
        ) {
            if let Some(text) = subject_text(&other) {
                prop_assert_eq!(subject_token(&text), other);
            }
        }

        #[test]
        fn different_texts_have_different_tokens(a in awkward_text(), b in awkward_text()) {
            prop_assert_eq!(a == b, subject_token(&a) == subject_token(&b));
        }
    }
}
