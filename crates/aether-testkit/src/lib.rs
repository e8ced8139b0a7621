//! The conformance suite for Aether's event stores, and wrappers that inject faults.
