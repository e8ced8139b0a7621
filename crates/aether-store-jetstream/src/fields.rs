//! The headers of a commit as they were stored, looked at once.

use aether_core::{Version, WireForm};
use async_nats::{HeaderMap, HeaderValue};

use crate::chain::{Digest, Link, Predecessor, read_sequences};
use crate::message::{
    DIGESTED, DIGESTED_COUNT, FORMAT, PREDECESSORS, PREVIOUS_DIGEST, Span, read_version, shortened,
};

/// The headers of a commit that its digest is over: in that order, the first of each name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'h> {
    values: [Option<&'h str>; DIGESTED_COUNT],
    /// One that has more than one value.
    twice: Option<usize>,
}

impl<'h> Fields<'h> {
    const CONTENT_TYPE: usize = 0;
    const FORMAT: usize = 1;
    const FIRST_VERSION: usize = 2;
    const LAST_VERSION: usize = 3;
    const PREVIOUS_VERSION: usize = 4;
    const PREDECESSORS: usize = 5;
    const PREVIOUS_DIGEST: usize = 6;
    const SAVE_ID: usize = 7;

    /// To go through all of them once is cheaper than to look up each: that hashes its name.
    pub(crate) fn of(headers: &'h HeaderMap) -> Self {
        let mut fields = Self {
            values: [None; DIGESTED_COUNT],
            twice: None,
        };
        for (name, values) in headers.iter() {
            if let Some(field) = Self::field_of(name.as_ref()) {
                fields.values[field] = values.first().map(HeaderValue::as_str);
                if values.len() > 1 {
                    fields.twice = Some(field);
                }
            }
        }
        fields
    }

    /// Where in [`DIGESTED`] this name is.
    pub(crate) fn field_of(name: &str) -> Option<usize> {
        Some(match name {
            "Content-Type" => Self::CONTENT_TYPE,
            "Aether-Format" => Self::FORMAT,
            "Aether-First-Version" => Self::FIRST_VERSION,
            "Aether-Last-Version" => Self::LAST_VERSION,
            "Aether-Previous-Version" => Self::PREVIOUS_VERSION,
            "Aether-Predecessors" => Self::PREDECESSORS,
            "Aether-Previous-Digest" => Self::PREVIOUS_DIGEST,
            "Aether-Save-Id" => Self::SAVE_ID,
            _ => return None,
        })
    }

    /// The versions of the commit.
    ///
    /// The error is the reason why this is not a commit in a format that is known.
    pub(crate) fn span(&self) -> Result<Span, String> {
        let form = self.form()?;
        let (first, last) = (
            self.version(Self::FIRST_VERSION)?,
            self.version(Self::LAST_VERSION)?,
        );
        if first.is_zero() || last < first {
            return Err(format!("its headers say versions {first} to {last}"));
        }
        Ok(Span { form, first, last })
    }

    /// What the commit says about the ones before it; none where it was written without.
    ///
    /// The error is the reason why what it says can't be.
    pub(crate) fn link(&self) -> Result<Option<Link>, String> {
        self.check()?;
        if self.values[Self::PREVIOUS_VERSION].is_none() {
            return Ok(None);
        }
        let version = self.version(Self::PREVIOUS_VERSION)?;
        if version.is_zero() {
            return Ok(Some(Link::First));
        }
        let digest = self.text(Self::PREVIOUS_DIGEST)?;
        let sequences = self.text(Self::PREDECESSORS)?;
        let refuse = |name, text| format!("header {name} is {}", shortened(text));
        let digest = Digest::parse(digest).ok_or_else(|| refuse(PREVIOUS_DIGEST, digest))?;
        let sequences = read_sequences(sequences).ok_or_else(|| refuse(PREDECESSORS, sequences))?;
        Ok(Some(Link::After(Predecessor {
            version,
            digest,
            sequences,
        })))
    }

    /// The digest of the commit with this body.
    pub(crate) fn digest(&self, body: &[u8]) -> Digest {
        Digest::over(self.values.into_iter().map(Option::unwrap_or_default), body)
    }

    pub(crate) fn form(&self) -> Result<WireForm, String> {
        self.check()?;
        match self.text(Self::FORMAT)? {
            FORMAT => {}
            other => {
                return Err(format!(
                    "format version {} is not known, only {FORMAT} is",
                    shortened(other)
                ));
            }
        }
        let media_type = self.text(Self::CONTENT_TYPE)?;
        [WireForm::MessagePack, WireForm::Json]
            .into_iter()
            .find(|form| form.media_type() == media_type)
            .ok_or_else(|| format!("content type {} is not known", shortened(media_type)))
    }

    fn version(&self, field: usize) -> Result<Version, String> {
        read_version(DIGESTED[field].as_ref(), self.values[field])
    }

    fn text(&self, field: usize) -> Result<&'h str, String> {
        self.values[field].ok_or_else(|| format!("header {} is missing", DIGESTED[field]))
    }

    /// Of two values it would depend on the program which one counts.
    fn check(&self) -> Result<(), String> {
        match self.twice {
            None => Ok(()),
            Some(field) => Err(format!("header {} is there twice", DIGESTED[field])),
        }
    }
}
