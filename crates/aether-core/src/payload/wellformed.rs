//! Whether bytes are exactly one MessagePack value, without decoding it.

use rmp::Marker;

use super::{Payload, PayloadError};

/// What one marker announces.
enum Announced {
    /// This many bytes of content.
    Bytes(usize),
    /// This many values within.
    Values(u64),
    /// A length of this many bytes, then that many bytes of content plus a fixed number.
    SizedBytes { length: usize, extra: usize },
    /// A length of this many bytes, then that many times so many values.
    SizedValues { length: usize, each: u64 },
    /// The one marker that MessagePack never uses.
    Never,
}

/// Walks the value without recursion, so that garbage can exhaust neither the stack nor memory.
pub(super) fn check(bytes: &[u8]) -> Result<(), PayloadError> {
    // How many values are still to come at each open level.
    let mut open = smallvec::SmallVec::<[u64; 16]>::new();
    let mut cursor = Cursor { bytes, offset: 0 };
    loop {
        let within = cursor.value()?;
        if within > 0 {
            if open.len() == Payload::DEPTH_MAX {
                return Err(PayloadError::TooDeep);
            }
            open.push(within);
            continue;
        }
        loop {
            match open.last_mut() {
                None => return cursor.end(),
                Some(1) => {
                    open.pop();
                }
                Some(left) => {
                    *left -= 1;
                    break;
                }
            }
        }
    }
}

struct Cursor<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl Cursor<'_> {
    /// Passes one marker and its bytes; gives the number of values that are within.
    fn value(&mut self) -> Result<u64, PayloadError> {
        let marker = Marker::from_u8(self.take(1)?[0]);
        match announced(marker) {
            Announced::Bytes(count) => {
                self.take(count)?;
                Ok(0)
            }
            Announced::SizedBytes { length, extra } => {
                let count = self.length(length)?.saturating_add(extra as u64);
                self.take(usize::try_from(count).unwrap_or(usize::MAX))?;
                Ok(0)
            }
            Announced::Values(count) => Ok(count),
            Announced::SizedValues { length, each } => Ok(self.length(length)? * each),
            Announced::Never => {
                self.offset -= 1;
                Err(self.malformed("the byte 0xc1, which MessagePack never uses"))
            }
        }
    }

    /// Reads a big-endian length of 1, 2 or 4 bytes.
    fn length(&mut self, bytes: usize) -> Result<u64, PayloadError> {
        let taken = self.take(bytes)?;
        Ok(taken.iter().fold(0, |n, byte| n << 8 | u64::from(*byte)))
    }

    fn take(&mut self, count: usize) -> Result<&[u8], PayloadError> {
        let rest = &self.bytes[self.offset..];
        let taken = rest
            .get(..count)
            .ok_or_else(|| self.malformed("the data ends too early"))?;
        self.offset += count;
        Ok(taken)
    }

    fn end(&self) -> Result<(), PayloadError> {
        if self.offset == self.bytes.len() {
            Ok(())
        } else {
            Err(self.malformed("more bytes after the value"))
        }
    }

    fn malformed(&self, reason: &'static str) -> PayloadError {
        PayloadError::Malformed {
            offset: self.offset,
            reason,
        }
    }
}

fn announced(marker: Marker) -> Announced {
    use Announced::{Bytes, Never, SizedBytes, SizedValues, Values};
    match marker {
        Marker::FixPos(_) | Marker::FixNeg(_) | Marker::Null | Marker::True | Marker::False => {
            Bytes(0)
        }
        Marker::U8 | Marker::I8 => Bytes(1),
        Marker::U16 | Marker::I16 => Bytes(2),
        Marker::U32 | Marker::I32 | Marker::F32 => Bytes(4),
        Marker::U64 | Marker::I64 | Marker::F64 => Bytes(8),
        Marker::FixStr(count) => Bytes(usize::from(count)),
        Marker::Str8 | Marker::Bin8 => SizedBytes {
            length: 1,
            extra: 0,
        },
        Marker::Str16 | Marker::Bin16 => SizedBytes {
            length: 2,
            extra: 0,
        },
        Marker::Str32 | Marker::Bin32 => SizedBytes {
            length: 4,
            extra: 0,
        },
        // An extension has its type in one byte before its content.
        Marker::FixExt1 => Bytes(2),
        Marker::FixExt2 => Bytes(3),
        Marker::FixExt4 => Bytes(5),
        Marker::FixExt8 => Bytes(9),
        Marker::FixExt16 => Bytes(17),
        Marker::Ext8 => SizedBytes {
            length: 1,
            extra: 1,
        },
        Marker::Ext16 => SizedBytes {
            length: 2,
            extra: 1,
        },
        Marker::Ext32 => SizedBytes {
            length: 4,
            extra: 1,
        },
        Marker::FixArray(count) => Values(u64::from(count)),
        Marker::Array16 => SizedValues { length: 2, each: 1 },
        Marker::Array32 => SizedValues { length: 4, each: 1 },
        Marker::FixMap(count) => Values(u64::from(count) * 2),
        Marker::Map16 => SizedValues { length: 2, each: 2 },
        Marker::Map32 => SizedValues { length: 4, each: 2 },
        Marker::Reserved => Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(bytes: &[u8]) -> (usize, &'static str) {
        match check(bytes) {
            Err(PayloadError::Malformed { offset, reason }) => (offset, reason),
            other => panic!("expected a malformed value, got {other:?}"),
        }
    }

    #[test]
    fn a_fault_is_reported_where_it_is() {
        assert_eq!(fault(b""), (0, "the data ends too early"));
        assert_eq!(fault(&[0x92, 0x01]), (2, "the data ends too early"));
        assert_eq!(
            fault(&[0xda, 0xff, 0xff, b'x']),
            (3, "the data ends too early")
        );
        assert_eq!(fault(&[0x01, 0x02]), (1, "more bytes after the value"));
        assert_eq!(
            fault(&[0x91, 0xc1]),
            (1, "the byte 0xc1, which MessagePack never uses")
        );
        // A map of 2^32 - 1 entries in five bytes must not make anybody allocate.
        assert_eq!(
            fault(&[0xdf, 0xff, 0xff, 0xff, 0xff]),
            (5, "the data ends too early")
        );
    }

    #[test]
    fn a_value_may_be_as_deep_as_the_bound_and_no_deeper() {
        let nested = |levels: usize| [vec![0x91; levels], vec![0xc0]].concat();
        assert!(check(&nested(Payload::DEPTH_MAX)).is_ok());
        assert!(matches!(
            check(&nested(Payload::DEPTH_MAX + 1)),
            Err(PayloadError::TooDeep)
        ));
        // An empty array is no level: nothing is within.
        let empty_at_the_bottom = [vec![0x91; Payload::DEPTH_MAX], vec![0x90]].concat();
        assert!(check(&empty_at_the_bottom).is_ok());
    }
}
