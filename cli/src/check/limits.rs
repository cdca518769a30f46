//! Limits as values of a TOML file.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};

use super::amount::Limit;
use crate::messages::budgets as words;

/// A limit on bytes.
#[derive(Debug)]
pub struct Bytes(pub Limit);

/// A limit on a number of allocations.
#[derive(Debug)]
pub struct Count(pub Limit);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Bytes, D::Error> {
        from.deserialize_any(LimitVisitor { is_bytes: true }).map(Bytes)
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Count, D::Error> {
        from.deserialize_any(LimitVisitor { is_bytes: false }).map(Count)
    }
}

struct LimitVisitor {
    is_bytes: bool,
}

impl Visitor<'_> for LimitVisitor {
    type Value = Limit;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_bytes { words::LIMIT_OF_BYTES } else { words::LIMIT_OF_COUNT })
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Limit, E> {
        match value {
            0.. => Ok(Limit::Absolute(value)),
            _ => Err(E::custom(words::no_limit(value, self.is_bytes))),
        }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Limit, E> {
        let limit = Limit::parse(text, self.is_bytes);
        limit.ok_or_else(|| E::custom(words::no_limit(format_args!("{text:?}"), self.is_bytes)))
    }
}
