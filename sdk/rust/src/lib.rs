//! Components for Trilby in Rust. What the host and a plugin promise each other is in docs/plugin-contract.md; the
//! layout is generated from the C headers (abi, blocks), and this part makes its rules types. See README.md.

pub mod abi;
mod blocks;
mod bytes;
mod call;
mod component;
mod options;
mod plugin;
mod thread;

pub use blocks::*;
pub use bytes::{Buf, Data, List, Name, Pair, Pairs, Slice};
pub use call::{Bulk, Call, CallId, Error, Host, Nothing, Plain, Single, Stream, Verb};
pub use component::{Component, Instance, Settlement, Setup};
pub use options::Text;
pub use thread::spawn;

/// For the macros of this crate.
#[doc(hidden)]
pub mod inside {
    pub use crate::component::{hook, start, stop, verb};
}
