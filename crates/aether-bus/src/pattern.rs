//! Which namespaces a subscription is about.

use std::fmt;
use std::str::FromStr;

use aether_core::Namespace;

/// Between the parts of a namespace, as a pattern sees them.
pub(crate) const SEPARATOR: char = '.';

/// One namespace, or those of a pattern.
///
/// A pattern sees a namespace as parts with dots between them: `shop.eu.returns` has three. In it
/// `*` stands for any one part, and `>`, which has to be the last, for one or more. Both stand for
/// themselves only as a whole part: in `shop.*x` there is no wildcard. A namespace may have any
/// characters, these among them: [`exactly`](Self::exactly) takes all of them as they are.
///
/// ```
/// use aether_bus::NamespacePattern;
/// use aether_core::Namespace;
///
/// let shops: NamespacePattern = "shop.*.returns".parse()?;
/// assert!(shops.matches(&Namespace::new("shop.eu.returns")?));
/// assert!(!shops.matches(&Namespace::new("shop.returns")?));
///
/// let all_of_shop = NamespacePattern::new("shop.>")?;
/// assert!(all_of_shop.matches(&Namespace::new("shop.eu.returns")?));
/// assert!(!all_of_shop.matches(&Namespace::new("shop")?));
///
/// // A namespace of which somebody else chose the name.
/// let strange = Namespace::new("shop.>")?;
/// assert!(!NamespacePattern::exactly(&strange).matches(&Namespace::new("shop.eu")?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NamespacePattern {
    parts: Vec<Part>,
}

/// A part of a pattern.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Part {
    /// Just this.
    Literal(Box<str>),
    /// `*`: any one part.
    Any,
    /// `>`: one part or more.
    Rest,
}

/// A pattern that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPattern {
    /// It matches no namespace, for it is empty.
    #[error("a namespace pattern is empty")]
    Empty,
    /// It is longer than any namespace can be.
    #[error(
        "a namespace pattern of {bytes} bytes: a namespace has at most {}",
        Namespace::BYTES_MAX
    )]
    TooLong {
        /// How many bytes it has.
        bytes: usize,
    },
    /// `>` stands for the rest and has to be the last part.
    #[error("in the namespace pattern {pattern:?} something comes after \">\"")]
    AfterRest {
        /// The pattern.
        pattern: String,
    },
}

impl NamespacePattern {
    /// The pattern that is written so.
    ///
    /// # Errors
    ///
    /// [`InvalidPattern`] where it is empty, longer than a namespace can be, or has something after
    /// `>`.
    pub fn new(pattern: &str) -> Result<Self, InvalidPattern> {
        if pattern.is_empty() {
            return Err(InvalidPattern::Empty);
        }
        if pattern.len() > Namespace::BYTES_MAX {
            let bytes = pattern.len();
            return Err(InvalidPattern::TooLong { bytes });
        }
        let parts: Vec<Part> = pattern
            .split(SEPARATOR)
            .map(|part| match part {
                "*" => Part::Any,
                ">" => Part::Rest,
                literal => Part::Literal(literal.into()),
            })
            .collect();
        let rest = parts.iter().position(|part| *part == Part::Rest);
        if rest.is_some_and(|rest| rest + 1 < parts.len()) {
            let pattern = pattern.to_owned();
            return Err(InvalidPattern::AfterRest { pattern });
        }
        Ok(Self { parts })
    }

    /// Just this namespace, whatever is in its name.
    #[must_use]
    pub fn exactly(namespace: &Namespace) -> Self {
        let parts = namespace.as_str().split(SEPARATOR);
        Self {
            parts: parts.map(|part| Part::Literal(part.into())).collect(),
        }
    }

    /// Every namespace: `>`.
    #[must_use]
    pub fn all() -> Self {
        Self {
            parts: vec![Part::Rest],
        }
    }

    /// Whether this namespace is one of them.
    #[must_use]
    pub fn matches(&self, namespace: &Namespace) -> bool {
        let mut found = namespace.as_str().split(SEPARATOR);
        for part in &self.parts {
            let Some(there) = found.next() else {
                return false;
            };
            match part {
                Part::Rest => return true,
                Part::Any => {}
                Part::Literal(literal) if **literal == *there => {}
                Part::Literal(_) => return false,
            }
        }
        found.next().is_none()
    }

    pub(crate) fn of_parts(parts: &[Part]) -> Self {
        Self {
            parts: parts.to_vec(),
        }
    }

    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }
}

impl From<&Namespace> for NamespacePattern {
    fn from(namespace: &Namespace) -> Self {
        Self::exactly(namespace)
    }
}

impl From<Namespace> for NamespacePattern {
    fn from(namespace: Namespace) -> Self {
        Self::exactly(&namespace)
    }
}

impl FromStr for NamespacePattern {
    type Err = InvalidPattern;

    fn from_str(pattern: &str) -> Result<Self, InvalidPattern> {
        Self::new(pattern)
    }
}

/// As it is written; a literal part that looks like a wildcard is in quotes.
impl fmt::Display for NamespacePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.parts.iter().enumerate() {
            if index > 0 {
                write!(f, "{SEPARATOR}")?;
            }
            match part {
                Part::Any => f.write_str("*")?,
                Part::Rest => f.write_str(">")?,
                Part::Literal(literal) if matches!(&**literal, "*" | ">") => {
                    write!(f, "{literal:?}")?;
                }
                Part::Literal(literal) => f.write_str(literal)?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for NamespacePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NamespacePattern({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn namespace(name: &str) -> Namespace {
        Namespace::new(name).unwrap()
    }

    #[test]
    fn wildcards_stand_for_whole_parts() {
        let rows: &[(&str, &[&str], &[&str])] = &[
            ("shop", &["shop"], &["shop.eu", "Shop", "shop."]),
            (
                "shop.*",
                &["shop.eu", "shop.", "shop.*"],
                &["shop", "shop.eu.de"],
            ),
            ("*.eu", &["shop.eu", ".eu"], &["eu", "a.shop.eu"]),
            (
                "shop.>",
                &["shop.eu", "shop.eu.de", "shop."],
                &["shop", "shops.eu"],
            ),
            ("*.>", &["a.b", "a.b.c"], &["a"]),
            (">", &["a", "a.b", ".", "über uns"], &[]),
            ("*x", &["*x"], &["ax"]),
            ("a..b", &["a..b"], &["a.b", "a.c.b"]),
        ];
        for (pattern, matching, others) in rows {
            let pattern = NamespacePattern::new(pattern).unwrap();
            for name in *matching {
                assert!(pattern.matches(&namespace(name)), "{pattern} {name}");
            }
            for name in *others {
                assert!(!pattern.matches(&namespace(name)), "{pattern} {name}");
            }
        }
    }

    #[test]
    fn a_pattern_that_is_none_says_why() {
        let long = "x".repeat(Namespace::BYTES_MAX + 1);
        let too_long = InvalidPattern::TooLong { bytes: long.len() };
        assert_eq!(NamespacePattern::new(""), Err(InvalidPattern::Empty));
        assert_eq!(NamespacePattern::new(&long), Err(too_long));
        for pattern in [">.a", "a.>.b", ">.>"] {
            let error = NamespacePattern::new(pattern).unwrap_err();
            let pattern = pattern.to_owned();
            assert_eq!(error, InvalidPattern::AfterRest { pattern });
        }
    }

    #[test]
    fn what_is_taken_exactly_has_no_wildcards() {
        for name in ["*", ">", "a.*", "a.>", "a.>.b"] {
            let pattern = NamespacePattern::exactly(&namespace(name));
            assert!(pattern.matches(&namespace(name)));
            assert!(!pattern.matches(&namespace("a.b")));
            assert!(!pattern.matches(&namespace("a")));
            assert_ne!(NamespacePattern::new(name), Ok(pattern));
        }
    }
}
