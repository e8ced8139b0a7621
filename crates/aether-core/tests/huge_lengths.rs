//! A length in the bytes is a claim, not a fact: reading one that is huge allocates nothing to
//! match. One test alone in its process, because it counts every allocation there.

use std::alloc::System;

use aether_core::{ActorSnapshot, Event, Payload, WireForm};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Far below what each length claims, far above what an error costs. The largest part is what
/// serde sets aside for the beginning of a list whose length it is told: up to 1 MiB.
const BYTES_MAX: usize = 4 << 20;

/// Lengths of 2^32 - 1, of everything that has one.
const CLAIMS: [(&str, &[u8]); 6] = [
    ("text", &[0xdb, 0xff, 0xff, 0xff, 0xff]),
    ("binary", &[0xc6, 0xff, 0xff, 0xff, 0xff]),
    ("array", &[0xdd, 0xff, 0xff, 0xff, 0xff]),
    ("map", &[0xdf, 0xff, 0xff, 0xff, 0xff]),
    ("extension", &[0xc9, 0xff, 0xff, 0xff, 0xff, 1]),
    (
        "array of arrays",
        &[0xdd, 0xff, 0xff, 0xff, 0xff, 0xdd, 0xff, 0xff, 0xff, 0xff],
    ),
];

/// Where a length may stand: nothing before it, and after each part of each form.
const BEFORE: [&[u8]; 17] = [
    &[],
    // A list as long as an event, a snapshot, a commit.
    &[0x99],
    &[0x99, 1],
    &[0x99, 1, 0xa1, b'e'],
    &[0x99, 1, 0xa1, b'e', 0xa1, b't'],
    &[0x99, 1, 0xa1, b'e', 0xa1, b't', 0xa1, b'a'],
    &[0x99, 1, 0xa1, b'e', 0xa1, b't', 0xa1, b'a', 0xc0],
    &[0x99, 1, 0xa1, b'e', 0xa1, b't', 0xa1, b'a', 0xc0, 1],
    &[
        0x99, 1, 0xa1, b'e', 0xa1, b't', 0xa1, b'a', 0xc0, 1, 0xc4, 1, 0xc0,
    ],
    &[
        0x99, 1, 0xa1, b'e', 0xa1, b't', 0xa1, b'a', 0xc0, 1, 0xc4, 1, 0xc0, 0x81, 0xa1, b'k',
    ],
    &[0x96, 1],
    &[0x96, 1, 0xa1, b'a', 1],
    &[0x96, 1, 0xa1, b'a', 1, 0xc4, 1, 0xc0, 0],
    &[0x93, 1],
    &[0x93, 1, 0xa1, b'a'],
    &[0x93, 1, 0xa1, b'a', 0x91],
    &[
        0x93, 1, 0xa1, b'a', 0x91, 0x97, 0xa1, b'e', 0xa1, b't', 0xc0, 1,
    ],
];

#[test]
fn a_length_that_is_not_there_is_an_error_and_no_allocation() {
    for (what, claim) in CLAIMS {
        for before in BEFORE {
            for after in [0, 100] {
                let bytes = [before, claim, &vec![0xc0; after]].concat();
                let region = Region::new(ALLOCATOR);
                let refused = Event::from_wire(WireForm::MessagePack, &bytes).is_err()
                    && ActorSnapshot::from_wire(WireForm::MessagePack, &bytes).is_err()
                    && WireForm::MessagePack.decode_commit(&bytes).is_err()
                    && rmp_serde::from_slice::<Vec<Event>>(&bytes).is_err()
                    && Payload::from_msgpack(bytes.clone()).is_err();
                let change = region.change();
                let allocated = change.bytes_allocated
                    + usize::try_from(change.bytes_reallocated).unwrap_or_default();
                assert!(refused, "{what} after {before:x?}");
                assert!(
                    allocated < BYTES_MAX,
                    "{what} after {before:x?}: {allocated} bytes"
                );
            }
        }
    }
}
