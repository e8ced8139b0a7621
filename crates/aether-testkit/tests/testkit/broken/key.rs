//! Under which id an actor is kept.

use aether_core::ActorId;

use super::Defect;

/// How a store with this mistake maps ids.
pub(super) fn of(defect: Defect) -> fn(&ActorId) -> ActorId {
    match defect {
        Defect::SanitisesIds => |id| mapped(id.as_str().replace(['.', ' ', '*', '>'], "_")),
        Defect::LowercasesIds => |id| mapped(id.as_str().to_lowercase()),
        Defect::TrimsIds => |id| mapped(id.as_str().trim().to_owned()),
        Defect::TruncatesIds => |id| {
            let end = (0..=200)
                .rev()
                .find(|end| id.as_str().is_char_boundary(*end));
            mapped(id.as_str().chars().take(end.unwrap_or(200)).collect())
        },
        _ => ActorId::clone,
    }
}

fn mapped(mut text: String) -> ActorId {
    if text.is_empty() {
        text.push('_');
    }
    // What has become too long is cut off, wherever that is.
    while text.len() > ActorId::BYTES_MAX {
        text.pop();
    }
    ActorId::new(text).unwrap()
}
