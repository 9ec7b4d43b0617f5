//! A call: a question, and the one answer that is owed for it.
use crate::abi::*;
use crate::bytes::Buf;
use core::{ffi::c_char, ffi::c_void, fmt::Display, marker::PhantomData, mem, ptr};
use std::ffi::CString;

/// What a verb asks, and what answers it.
pub trait Verb: 'static {
    type Question<'a>;
    type Answer<'a>;
}
/// Answered once, by `done`.
pub trait Single: Verb {}
/// Answered once, by `ok`: it has nothing to say.
pub trait Plain: Verb {}
/// Results one by one, then `end`.
pub trait Bulk: Verb {}
/// Opened, then events, each settled once, then `end`.
pub trait Stream: Verb {}

#[repr(C)]
pub struct Nothing {
    pub size: u32,
}

/// A failure: a code of gRPC's, a reason in UPPER_SNAKE, one sentence.
#[derive(Clone, Copy)]
pub struct Error(pub(crate) trb_error);
unsafe impl Send for Error {}

fn fill(to: &mut [c_char], text: &str) {
    for (to, byte) in to.iter_mut().zip(text.bytes().take_while(|b| *b != 0)) {
        *to = byte as c_char;
    }
    *to.last_mut().unwrap() = 0;
}

impl Error {
    pub fn new(code: trb_code, reason: &str, message: impl Display) -> Self {
        let mut raw: trb_error = unsafe { mem::zeroed() };
        raw.size = mem::size_of::<trb_error>() as u32;
        raw.code = code;
        raw.retryable = (code == TRB_UNAVAILABLE) as u32;
        raw.item = -1;
        fill(&mut raw.reason, reason);
        fill(&mut raw.message, &message.to_string());
        Error(raw)
    }
    /// The block's word, e.g. `state::TRB_STATE_ETAG_MISMATCH`.
    pub fn kind(mut self, kind: u32) -> Self {
        self.0.kind = kind;
        self
    }
    pub fn retryable(mut self, yes: bool) -> Self {
        self.0.retryable = yes as u32;
        self
    }
    /// "what: No such file or directory", with the code that fits.
    pub fn io(what: impl Display, error: &std::io::Error) -> Self {
        use std::io::ErrorKind::*;
        let code = match error.kind() {
            NotFound => TRB_NOT_FOUND,
            PermissionDenied => TRB_DENIED,
            AlreadyExists => TRB_EXISTS,
            OutOfMemory => TRB_EXHAUSTED,
            _ => TRB_UNAVAILABLE,
        };
        Error::new(code, "SYSTEM", format_args!("{what}: {error}"))
    }
}

/// The host, as an instance sees it: from start until stop is answered.
#[derive(Clone, Copy)]
pub struct Host {
    table: *const trb_host,
    origin: *const trb_origin,
}
unsafe impl Send for Host {}
unsafe impl Sync for Host {}

impl Host {
    pub(crate) unsafe fn of(call: *mut trb_call) -> Self {
        Host { table: (*call).host, origin: (*call).origin }
    }
    pub(crate) fn table(&self) -> *const trb_host {
        self.table
    }
    /// A line of the log, at TRB_LOG_DEBUG to TRB_LOG_ERROR. Never the value of a sensitive option.
    pub fn log(&self, level: u32, line: impl Display) {
        let line = CString::new(line.to_string().replace('\0', " ")).unwrap_or_default();
        if let Some(log) = unsafe { (*self.table).log } {
            unsafe { log(self.origin, level, line.as_ptr()) };
        }
    }
    /// A buffer with these bytes; None when the host has no memory left: fail with TRB_EXHAUSTED then.
    pub fn buf_from(&self, bytes: &[u8]) -> Option<Buf> {
        let mut at: *mut c_char = ptr::null_mut();
        let raw = unsafe { ((*self.table).buf_new?)(self.origin, bytes.len(), &mut at) };
        if raw.is_null() {
            return None;
        }
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), at.cast(), bytes.len()) };
        Some(Buf { host: *self, raw, at, len: bytes.len() })
    }
    /// Promises that start has found the product unable to keep: what is left of caps.
    pub fn narrow(&self, caps: u64) {
        if let Some(narrow) = unsafe { (*self.table).narrow } {
            unsafe { narrow(self.origin, caps) };
        }
    }
    /// The product is out of reach …
    pub fn lost(&self, error: &Error) {
        if let Some(lost) = unsafe { (*self.table).lost } {
            unsafe { lost(self.origin, &error.0) };
        }
    }
    /// … and back.
    pub fn ready(&self) {
        if let Some(ready) = unsafe { (*self.table).ready } {
            unsafe { ready(self.origin) };
        }
    }
    /// Monotonic nanoseconds.
    pub fn now_ns(&self) -> u64 {
        unsafe { (*self.table).now_ns }.map_or(0, |now| unsafe { now() })
    }
    /// The table of an extension (services.h), or None.
    pub fn extension(&self, id: &core::ffi::CStr) -> Option<*const c_void> {
        let table = unsafe { ((*self.table).extension?)(id.as_ptr()) };
        (!table.is_null()).then_some(table)
    }
}

/// Tells calls apart: what cancel and resume are about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CallId(pub(crate) usize);

/// A question and the duty to answer it. Dropped, it fails.
pub struct Call<V: Verb> {
    raw: *mut trb_call,
    question: *const c_void,
    verb: PhantomData<fn() -> V>,
}
unsafe impl<V: Verb> Send for Call<V> {}
unsafe impl<V: Verb> Sync for Call<V> {}

impl<V: Verb> Call<V> {
    pub(crate) unsafe fn of(raw: *mut trb_call, question: *const c_void) -> Self {
        Call { raw, question, verb: PhantomData }
    }
    /// Readable as long as the call is not answered.
    pub fn question(&self) -> &V::Question<'_> {
        unsafe { &*self.question.cast() }
    }
    pub fn id(&self) -> CallId {
        CallId(self.raw as usize)
    }
    pub fn host(&self) -> Host {
        unsafe { Host::of(self.raw) }
    }
    fn table(&self) -> &trb_host {
        unsafe { &*(*self.raw).host }
    }
    /// Monotonic; 0: none.
    pub fn deadline_ns(&self) -> u64 {
        self.table().deadline_ns.map_or(0, |ask| unsafe { ask(self.raw) })
    }
    pub fn is_cancelled(&self) -> bool {
        self.table().is_cancelled.is_some_and(|ask| unsafe { ask(self.raw) } != 0)
    }
    pub fn fail(self, error: Error) {
        if let Some(fail) = self.table().fail {
            unsafe { fail(self.raw, &error.0) };
        }
        mem::forget(self);
    }
    fn redeem(self, answer: *const c_void, size: usize) {
        if let Some(done) = self.table().done {
            unsafe { done(self.raw, answer, size) };
        }
        mem::forget(self);
    }
}

impl<V: Single> Call<V> {
    pub fn done(self, answer: V::Answer<'_>) {
        self.redeem(ptr::from_ref(&answer).cast(), mem::size_of_val(&answer));
    }
}

impl<V: Plain> Call<V> {
    pub fn ok(self) {
        self.redeem(ptr::null(), 0);
    }
}

impl<V: Bulk> Call<V> {
    /// The i-th result.
    pub fn item(&self, index: usize, answer: V::Answer<'_>) {
        if let Some(item) = self.table().item {
            unsafe { item(self.raw, index as u32, ptr::from_ref(&answer).cast(), mem::size_of_val(&answer), ptr::null()) };
        }
    }
    pub fn item_failed(&self, index: usize, error: &Error) {
        if let Some(item) = self.table().item {
            unsafe { item(self.raw, index as u32, ptr::null(), 0, &error.0) };
        }
    }
    /// All results are in.
    pub fn end(self) {
        self.redeem(ptr::null(), 0);
    }
}

impl<V: Stream> Call<V> {
    /// The product listens; once.
    pub fn opened(&self) {
        if let Some(opened) = self.table().opened {
            unsafe { opened(self.raw) };
        }
    }
    /// One event, settled later with this cookie. Returns the credit that is left: at 0 wait for resume.
    pub fn emit(&self, event: V::Answer<'_>, cookie: usize) -> u32 {
        let at = ptr::from_ref(&event).cast();
        self.table().emit.map_or(0, |emit| unsafe { emit(self.raw, at, mem::size_of_val(&event), cookie as *mut c_void) })
    }
    /// As cancel has asked for.
    pub fn end_stream(self) {
        self.redeem(ptr::null(), 0);
    }
}

impl<V: Verb> Drop for Call<V> {
    fn drop(&mut self) {
        let what = if std::thread::panicking() { "the component has panicked" } else { "the component has let the call go" };
        let error = Error::new(TRB_INTERNAL, "NOT_ANSWERED", what);
        if let Some(fail) = self.table().fail {
            unsafe { fail(self.raw, &error.0) };
        }
    }
}
