//! Messages as the server's `STREAM.MSG.GET` gives them: from the leader, with headers and body
//! in base64.

use async_nats::jetstream::stream::RawMessage;
use async_nats::{HeaderMap, HeaderName, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::errors::Fault;
use crate::message::Stored;

/// The message that was given.
pub(crate) fn stored(raw: RawMessage) -> Result<Stored, Fault> {
    let decoded = |text: &str| {
        let bytes = STANDARD.decode(text);
        bytes.map_err(|error| Fault::Garbled(error.to_string()))
    };
    // Headers that can't be read are as good as none: the message is malformed either way, and
    // its body is still to be shown.
    let headers = match &raw.headers {
        Some(block) => headers(&decoded(block)?).unwrap_or_default(),
        None => HeaderMap::new(),
    };
    Ok(Stored {
        subject: raw.subject.into(),
        sequence: raw.sequence,
        headers,
        body: decoded(&raw.payload)?.into(),
    })
}

/// The headers in a block as it is stored: what the client makes of a message, so that both ways
/// to read one give the same. Of this answer the client would keep only the last of two headers
/// with one name.
fn headers(block: &[u8]) -> Option<HeaderMap> {
    let block = std::str::from_utf8(block).ok()?.strip_suffix("\r\n\r\n")?;
    let mut lines = block.lines().peekable();
    lines.next()?.strip_prefix("NATS/1.0")?;
    let mut headers = HeaderMap::new();
    while let Some(line) = lines.next() {
        let (name, value) = line.split_once(':')?;
        let name: HeaderName = name.parse().ok()?;
        let mut value = value.to_owned();
        while let Some(more) = lines.next_if(|line| line.starts_with(char::is_whitespace)) {
            value.push_str(more);
        }
        let value: HeaderValue = value.trim().parse().ok()?;
        headers.append(name, value);
    }
    Some(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(block: &str, name: &'static str) -> Option<Vec<String>> {
        let headers = headers(block.as_bytes())?;
        let values = headers.get_all(name);
        Some(values.map(|value| value.as_str().to_owned()).collect())
    }

    #[test]
    fn a_header_has_all_its_values_without_the_blanks_around_them() {
        let block = "NATS/1.0\r\nA: 1\r\nB:  two words \r\nA:2\r\nC: 3\r\n 4\r\n\r\n";
        assert_eq!(values(block, "A").unwrap(), ["1", "2"]);
        assert_eq!(values(block, "B").unwrap(), ["two words"]);
        assert_eq!(values(block, "C").unwrap(), ["3 4"]);
        assert_eq!(values(block, "a").unwrap(), [""; 0]);
    }

    #[test]
    fn what_is_no_block_of_headers_has_none() {
        for block in [
            "",
            "A: 1\r\n\r\n",
            "NATS/1.0\r\nA\r\n\r\n",
            "NATS/1.0\r\nA: 1\r\n",
            "NATS/1.0\nA: 1\n\n",
            "NATS/1.0\r\nA B: 1\r\n\r\n",
            "NATS/1.0\r\nA: 1\r2\r\n\r\n",
        ] {
            assert_eq!(values(block, "A"), None, "{block:?}");
        }
        assert!(headers(b"NATS/1.0\r\nA: \xff\r\n\r\n").is_none());
    }
}
