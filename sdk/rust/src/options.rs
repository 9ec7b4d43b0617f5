//! Options: declared once, in a table of which the host fills in the members before start.
use crate::abi::*;
use core::ffi::{c_char, CStr};

/// A string option. Absent when it was not said and has no fallback.
#[repr(transparent)]
pub struct Text(*const c_char);

impl Text {
    pub fn get(&self) -> Option<&str> {
        if self.0.is_null() { None } else { unsafe { CStr::from_ptr(self.0) }.to_str().ok() }
    }
    /// "" when absent.
    pub fn as_str(&self) -> &str {
        self.get().unwrap_or("")
    }
}

impl trb_option {
    #[doc(hidden)]
    pub const fn of(kind: u32, name: &'static CStr, offset: usize, size: usize) -> Self {
        let mut made: Self = unsafe { core::mem::zeroed() };
        made.r#type = kind;
        made.name = name.as_ptr();
        made.offset = offset as u32;
        made.member_size = size as u32;
        made
    }
    /// Accepts any name that begins with this one; read through `setup.properties`.
    pub const fn open(prefix: &'static CStr) -> Self {
        Self::of(TRB_OPTION_OPEN, prefix, 0, 0)
    }
    pub const fn doc(mut self, sentence: &'static CStr) -> Self {
        self.doc = sentence.as_ptr();
        self
    }
    pub const fn example(mut self, text: &'static CStr) -> Self {
        self.example = text.as_ptr();
        self
    }
    pub const fn fallback(mut self, text: &'static CStr) -> Self {
        self.fallback = text.as_ptr();
        self
    }
    pub const fn aliases(mut self, names: &'static CStr) -> Self {
        self.aliases = names.as_ptr();
        self
    }
    pub const fn choices(mut self, words: &'static CStr) -> Self {
        self.choices = words.as_ptr();
        self
    }
    pub const fn required(mut self) -> Self {
        self.required = 1;
        self
    }
    pub const fn sensitive(mut self) -> Self {
        self.sensitive = 1;
        self
    }
    pub const fn deprecated(mut self) -> Self {
        self.deprecated = 1;
        self
    }
    pub const fn between(mut self, min: i64, max: i64) -> Self {
        self.min = min;
        self.max = max;
        self
    }
}

/// `option!(Options, max_bytes: BYTES, c"maxSize")`: one row of OPTIONS. A member of the wrong type does not compile.
/// Kinds: TEXT (Text), BOOL and CHOICE (u32), INT and DURATION in ns (i64), BYTES (u64), NUMBER (f64).
#[macro_export]
macro_rules! option {
    (@row $of:ty, $member:ident, $name:expr, $want:ty, $kind:ident) => {{
        const _: fn(&$of) -> &$want = |options| &options.$member;
        $crate::abi::trb_option::of($crate::abi::$kind, $name, core::mem::offset_of!($of, $member), core::mem::size_of::<$want>())
    }};
    ($of:ty, $m:ident: TEXT, $name:expr) => { $crate::option!(@row $of, $m, $name, $crate::Text, TRB_OPTION_STRING) };
    ($of:ty, $m:ident: BOOL, $name:expr) => { $crate::option!(@row $of, $m, $name, u32, TRB_OPTION_BOOL) };
    ($of:ty, $m:ident: CHOICE, $name:expr) => { $crate::option!(@row $of, $m, $name, u32, TRB_OPTION_CHOICE) };
    ($of:ty, $m:ident: INT, $name:expr) => { $crate::option!(@row $of, $m, $name, i64, TRB_OPTION_INT) };
    ($of:ty, $m:ident: DURATION, $name:expr) => { $crate::option!(@row $of, $m, $name, i64, TRB_OPTION_DURATION) };
    ($of:ty, $m:ident: BYTES, $name:expr) => { $crate::option!(@row $of, $m, $name, u64, TRB_OPTION_BYTES) };
    ($of:ty, $m:ident: NUMBER, $name:expr) => { $crate::option!(@row $of, $m, $name, f64, TRB_OPTION_NUMBER) };
}
