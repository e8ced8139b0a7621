//! MessagePack, as its specification has it: one value, whatever it is.

/// A value; what JSON has a form for is the same here whichever form it was written in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Nil,
    Bool(bool),
    Int(i128),
    Float(f64),
    Str(String),
    /// A string whose bytes are not UTF-8.
    NotText(Vec<u8>),
    Bin(Vec<u8>),
    Array(Vec<Value>),
    Map(Vec<(Value, Value)>),
    Ext(i8, Vec<u8>),
}

impl Value {
    /// How many levels of arrays and maps there are within each other; an empty one is none.
    pub(crate) fn levels(&self) -> usize {
        let deepest = match self {
            Self::Array(values) => values.iter().map(Self::levels).max(),
            Self::Map(entries) => {
                let levels = |(k, v): &(Self, Self)| k.levels().max(v.levels());
                entries.iter().map(levels).max()
            }
            _ => None,
        };
        deepest.map_or(0, |levels| levels + 1)
    }
}

/// The value that these bytes are, which has at most so many levels. `None` where they are none,
/// or more than one.
pub(crate) fn decode(mut bytes: &[u8], levels: usize) -> Option<Value> {
    let value = value(&mut bytes, levels)?;
    bytes.is_empty().then_some(value)
}

fn value(rest: &mut &[u8], levels: usize) -> Option<Value> {
    let [tag] = array(rest)?;
    Some(match tag {
        0x00..=0x7f => Value::Int(tag.into()),
        0x80..=0x8f => map_of(usize::from(tag & 0x0f), rest, levels)?,
        0x90..=0x9f => array_of(usize::from(tag & 0x0f), rest, levels)?,
        0xa0..=0xbf => str_of(usize::from(tag & 0x1f), rest)?,
        0xc0 => Value::Nil,
        0xc1 => return None, // never used
        0xc2 => Value::Bool(false),
        0xc3 => Value::Bool(true),
        0xc4..=0xc6 => bin_of(length(tag - 0xc4, rest)?, rest)?,
        0xc7..=0xc9 => ext_of(length(tag - 0xc7, rest)?, rest)?,
        0xca => Value::Float(f32::from_be_bytes(array(rest)?).into()),
        0xcb => Value::Float(f64::from_be_bytes(array(rest)?)),
        0xcc => Value::Int(u8::from_be_bytes(array(rest)?).into()),
        0xcd => Value::Int(u16::from_be_bytes(array(rest)?).into()),
        0xce => Value::Int(u32::from_be_bytes(array(rest)?).into()),
        0xcf => Value::Int(u64::from_be_bytes(array(rest)?).into()),
        0xd0 => Value::Int(i8::from_be_bytes(array(rest)?).into()),
        0xd1 => Value::Int(i16::from_be_bytes(array(rest)?).into()),
        0xd2 => Value::Int(i32::from_be_bytes(array(rest)?).into()),
        0xd3 => Value::Int(i64::from_be_bytes(array(rest)?).into()),
        0xd4..=0xd8 => ext_of(1 << (tag - 0xd4), rest)?,
        0xd9..=0xdb => str_of(length(tag - 0xd9, rest)?, rest)?,
        0xdc..=0xdd => array_of(length(tag - 0xdc + 1, rest)?, rest, levels)?,
        0xde..=0xdf => map_of(length(tag - 0xde + 1, rest)?, rest, levels)?,
        0xe0..=0xff => Value::Int(i8::from_be_bytes([tag]).into()),
    })
}

fn taken<'a>(count: usize, rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(count)?;
    *rest = after;
    Some(taken)
}

fn array<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    taken(N, rest)?.try_into().ok()
}

/// A length in one, two or four bytes, by the size's number.
fn length(size: u8, rest: &mut &[u8]) -> Option<usize> {
    match size {
        0 => Some(u8::from_be_bytes(array(rest)?).into()),
        1 => Some(u16::from_be_bytes(array(rest)?).into()),
        _ => u32::from_be_bytes(array(rest)?).try_into().ok(),
    }
}

fn str_of(length: usize, rest: &mut &[u8]) -> Option<Value> {
    let bytes = taken(length, rest)?.to_vec();
    let text = String::from_utf8(bytes);
    Some(text.map_or_else(|not| Value::NotText(not.into_bytes()), Value::Str))
}

fn bin_of(length: usize, rest: &mut &[u8]) -> Option<Value> {
    Some(Value::Bin(taken(length, rest)?.to_vec()))
}

fn ext_of(length: usize, rest: &mut &[u8]) -> Option<Value> {
    let kind = i8::from_be_bytes(array(rest)?);
    Some(Value::Ext(kind, taken(length, rest)?.to_vec()))
}

fn array_of(length: usize, rest: &mut &[u8], levels: usize) -> Option<Value> {
    let levels = level_within(length, levels)?;
    let values = (0..length).map(|_| value(rest, levels));
    values.collect::<Option<_>>().map(Value::Array)
}

fn map_of(length: usize, rest: &mut &[u8], levels: usize) -> Option<Value> {
    let levels = level_within(length, levels)?;
    let entries = (0..length).map(|_| Some((value(rest, levels)?, value(rest, levels)?)));
    entries.collect::<Option<_>>().map(Value::Map)
}

/// How many levels are left within an array or a map, which is a level unless it is empty.
fn level_within(length: usize, levels: usize) -> Option<usize> {
    levels.checked_sub(usize::from(length > 0))
}
