//! Written by tools/sdk/rust from sdk/include/trilby: change the headers, not this file.
#![allow(non_camel_case_types, clippy::all)]
use core::ffi::{c_char, c_void, CStr};
use core::mem::{offset_of, size_of};

pub type trb_code = i32;
pub type trb_verb = unsafe extern "C" fn(*mut c_void, *mut trb_call, *const c_void);

/// no error
pub const TRB_OK: trb_code = 0;
/// the asker gave up
pub const TRB_CANCELLED: trb_code = 1;
/// nobody can say why
pub const TRB_UNKNOWN: trb_code = 2;
/// the question is wrong, whatever the state of things
pub const TRB_INVALID: trb_code = 3;
/// the time was over
pub const TRB_DEADLINE: trb_code = 4;
/// there is no such thing
pub const TRB_NOT_FOUND: trb_code = 5;
/// there is one already
pub const TRB_EXISTS: trb_code = 6;
/// known, and not allowed
pub const TRB_DENIED: trb_code = 7;
/// a limit: memory, room, a quota
pub const TRB_EXHAUSTED: trb_code = 8;
/// not in the state that it takes
pub const TRB_PRECONDITION: trb_code = 9;
/// a race was lost: read again, then try
pub const TRB_ABORTED: trb_code = 10;
/// beyond the end
pub const TRB_RANGE: trb_code = 11;
/// not done here
pub const TRB_UNIMPLEMENTED: trb_code = 12;
/// a rule of our own is broken
pub const TRB_INTERNAL: trb_code = 13;
/// just now; the same call may succeed later
pub const TRB_UNAVAILABLE: trb_code = 14;
/// what was kept cannot be read any more
pub const TRB_DATA_LOSS: trb_code = 15;
/// nobody has said who asks
pub const TRB_UNAUTHENTICATED: trb_code = 16;
/// counted bytes; belongs to the host
#[repr(C)]
pub struct trb_buf {
    opaque: [u8; 0],
}

/// who speaks: instance and trace
#[repr(C)]
pub struct trb_origin {
    opaque: [u8; 0],
}

/// Borrowed bytes, no promise about the byte behind them. at == NULL: absent, which is not empty.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct trb_slice {
    /// NULL: absent
    pub at: *const c_char,
    /// bytes
    pub len: usize,
}

/// A key, a topic, a header: a slice with a NUL behind it (and perhaps others inside).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct trb_name {
    /// NULL: absent
    pub at: *const c_char,
    /// bytes, without the NUL
    pub len: usize,
}

/// A body. owner is NULL when there is nothing to keep: copy then.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct trb_data {
    /// NULL: absent
    pub at: *const c_char,
    /// bytes
    pub len: usize,
    /// keeps the bytes alive: buf_ref to keep them; in an answer the reference is given
    pub owner: *mut trb_buf,
}

/// One item of metadata.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct trb_pair {
    /// as the other side wrote them; keys are compared without regard to letter case
    pub key: trb_name,
    /// as the other side wrote them; keys are compared without regard to letter case
    pub value: trb_name,
}

/// An array that crosses: count and stride, so that its element may grow.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct trb_pairs {
    /// step by stride: trb_pair_at
    pub at: *const trb_pair,
    /// how many; bytes from one to the next
    pub count: u32,
    /// how many; bytes from one to the next
    pub stride: u32,
}

/// Why a call failed. Copied by who takes it; the plugin's own may lie on its stack.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct trb_error {
    pub size: u32,
    /// one of gRPC's above, never TRB_OK
    pub code: trb_code,
    /// 1: the same call may succeed later
    pub retryable: u32,
    /// the block's words, e.g. TRB_STATE_ETAG_MISMATCH; 0: none
    pub kind: u32,
    /// 0: the block's table decides
    pub http_status: u32,
    /// which of several, from 0; -1: the whole
    pub item: i32,
    /// UPPER_SNAKE, for machines
    pub reason: [c_char; 64],
    /// one sentence, for people
    pub message: [c_char; 512],
    /// longer ones, or NULL; given with the error
    pub text: *mut trb_buf,
    /// longer ones, or NULL; given with the error
    pub details: *mut trb_buf,
}

/// of these headers; a host refuses a plugin of a later one (docs/abi.md)
pub const TRB_ABI_MINOR: u32 = 0;
/// one instance per loop; verbs \[loop\]; no locks needed
pub const TRB_ON_LOOP: u32 = 1;
/// one instance on its home loop; verbs \[loop\]
pub const TRB_ON_ONE_LOOP: u32 = 2;
/// one instance; verbs \[worker\], up to max_parallel at once
pub const TRB_ON_WORKERS: u32 = 3;
/// one instance; verbs \[any\] loop, concurrently; return promptly
pub const TRB_ANYWHERE: u32 = 4;
/// no thread, exit handler or pointer of ours outlives stop
pub const TRB_MAY_UNMAP: u32 = 1;
/// its time was over
pub const TRB_WHY_DEADLINE: u32 = 1;
/// it left, or gave up
pub const TRB_WHY_CLIENT: u32 = 2;
/// unsubscribed, or a newer configuration
pub const TRB_WHY_ENDED: u32 = 3;
/// the process or the plugin is leaving
pub const TRB_WHY_DRAINING: u32 = 4;
/// A question awaiting its one answer. Owned by the host; the plugin's until answered.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct trb_call {
    pub size: u32,
    /// the functions to answer with; valid as long as the instance
    pub host: *const trb_host,
    /// what log, buf_new and the services want; valid as long as the instance
    pub origin: *const trb_origin,
}

/// for who looks for something
pub const TRB_LOG_DEBUG: u32 = 0;
/// what an operator wants to know once
pub const TRB_LOG_INFO: u32 = 1;
/// goes on, but should be looked at
pub const TRB_LOG_WARN: u32 = 2;
/// something is lost; never for a call that fails: the host logs that
pub const TRB_LOG_ERROR: u32 = 3;
/// What the host does for a plugin. Every member is \[any\], and returns promptly.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct trb_host {
    /// abi_minor: of the host's headers
    pub size: u32,
    /// abi_minor: of the host's headers
    pub abi_minor: u32,
    /// The law of answers (house style 2.4): exactly one done or fail per call. The answer is copied before done returns; a trb_data in it with an owner gives that reference to the host.
    pub done: Option<unsafe extern "C" fn(*mut trb_call, *const c_void, usize)>,
    /// copied; a text in it is given
    pub fail: Option<unsafe extern "C" fn(*mut trb_call, *const trb_error)>,
    /// One result of a bulk, before done. err NULL: it went well.
    pub item: Option<unsafe extern "C" fn(*mut trb_call, u32, *const c_void, usize, *const trb_error)>,
    /// Streams: established, once.
    pub opened: Option<unsafe extern "C" fn(*mut trb_call)>,
    /// Streams: one event, settled later with this cookie. Returns the credit that is left; at 0 wait for resume before the next emit.
    pub emit: Option<unsafe extern "C" fn(*mut trb_call, *const c_void, usize, *mut c_void) -> u32>,
    /// monotonic; 0: none
    pub deadline_ns: Option<unsafe extern "C" fn(*const trb_call) -> u64>,
    /// 1: nobody waits any more; the answer is owed all the same
    pub is_cancelled: Option<unsafe extern "C" fn(*const trb_call) -> u32>,
    /// len bytes to be written through ret_bytes; the reference is the caller's. NULL when the host has no memory left for it: fail with TRB_EXHAUSTED then.
    pub buf_new: Option<unsafe extern "C" fn(*const trb_origin, usize, *mut *mut c_char) -> *mut trb_buf>,
    /// The plugin's own bytes, uncopied. release is called once with arg, on any thread, after the last reference; the plugin stays loaded until then. NULL: no memory, and the bytes are still the caller's.
    pub buf_wrap: Option<unsafe extern "C" fn(*const trb_origin, trb_slice, Option<unsafe extern "C" fn(*mut c_void)>, *mut c_void) -> *mut trb_buf>,
    /// one more reference, the caller's; returns the same
    pub buf_ref: Option<unsafe extern "C" fn(*mut trb_buf) -> *mut trb_buf>,
    /// NULL is welcome; returns NULL
    pub buf_unref: Option<unsafe extern "C" fn(*mut trb_buf) -> *mut trb_buf>,
    /// borrowed, as long as a reference is held
    pub buf_bytes: Option<unsafe extern "C" fn(*const trb_buf) -> trb_slice>,
    /// One line, copied, with the component's name before it. Never the value of a sensitive option.
    pub log: Option<unsafe extern "C" fn(*const trb_origin, u32, *const c_char)>,
    /// promises learnt at start
    pub narrow: Option<unsafe extern "C" fn(*const trb_origin, u64)>,
    /// the product is out of reach
    pub lost: Option<unsafe extern "C" fn(*const trb_origin, *const trb_error)>,
    /// and back
    pub ready: Option<unsafe extern "C" fn(*const trb_origin)>,
    /// NULL: not offered
    pub extension: Option<unsafe extern "C" fn(*const c_char) -> *const c_void>,
    /// monotonic, cheap
    pub now_ns: Option<unsafe extern "C" fn() -> u64>,
}

/// The question that start answers. Readable until answered.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct trb_setup {
    pub size: u32,
    /// metadata.name
    pub component: trb_name,
    /// of the sidecar; the namespace may be empty
    pub app_id: trb_name,
    /// of the sidecar; the namespace may be empty
    pub namespace_: trb_name,
    /// all that the YAML said, resolved; keys as written
    pub properties: trb_pairs,
    /// the resource as JSON
    pub document: trb_slice,
    /// 1: another serves meanwhile, and hands over to this one before any verb
    pub is_successor: u32,
}

/// How an event of a stream ended.
pub const TRB_ACK: u32 = 1;
/// deliver again, if the product can
pub const TRB_RETRY: u32 = 2;
/// handled for good: acknowledge
pub const TRB_DROP: u32 = 3;
/// the process is leaving: neither
pub const TRB_HELD: u32 = 4;
/// What became of one event, told to settle once. Readable until settle returns.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct trb_settlement {
    /// verdict: TRB_ACK, TRB_RETRY, TRB_DROP or TRB_HELD
    pub size: u32,
    /// verdict: TRB_ACK, TRB_RETRY, TRB_DROP or TRB_HELD
    pub verdict: u32,
    /// the handler's, or NULL
    pub error: *const trb_error,
    /// the handler's answer, or absent
    pub data: trb_data,
    /// one verdict per entry of a bulk event, or NULL
    pub items: *const u32,
    /// of items
    pub item_count: u32,
}

/// One row of the manifest: a component, as constant data.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct trb_component {
    pub size: u32,
    /// "state", "state.redis", "v1", …
    pub block: *const c_char,
    /// "state", "state.redis", "v1", …
    pub r#type: *const c_char,
    /// "state", "state.redis", "v1", …
    pub version: *const c_char,
    /// "state", "state.redis", "v1", …
    pub summary: *const c_char,
    /// NULL-terminated, or NULL
    pub aliases: *const *const c_char,
    /// promises, in the block's words
    pub caps: u64,
    /// TRB_ON_LOOP, TRB_ON_ONE_LOOP, TRB_ON_WORKERS or TRB_ANYWHERE
    pub run: u32,
    /// TRB_ON_WORKERS: calls at once; 0: one
    pub max_parallel: u32,
    /// the host allocates it, zeroed, aligned for anything
    pub self_size: usize,
    /// filled into the members of self before start; or NULL
    pub options: *const trb_option,
    /// size: of one option as compiled here
    pub option_count: usize,
    /// size: of one option as compiled here
    pub option_size: usize,
    /// the block's table of verbs
    pub ops: *const c_void,
    /// stop also after a failed start; ping may be NULL
    pub start: Option<trb_verb>,
    /// stop also after a failed start; ping may be NULL
    pub stop: Option<trb_verb>,
    /// stop also after a failed start; ping may be NULL
    pub ping: Option<trb_verb>,
    /// in the instance's role
    pub cancel: Option<unsafe extern "C" fn(*mut c_void, *mut trb_call, u32)>,
    /// streams: there is credit again
    pub resume: Option<unsafe extern "C" fn(*mut c_void, *mut trb_call)>,
    /// once per event
    pub settle: Option<unsafe extern "C" fn(*mut c_void, *mut c_void, *const trb_settlement)>,
    /// answers a struct trb_data: what adopt understands
    pub hand_over: Option<trb_verb>,
    /// after start, before any verb
    pub adopt: Option<unsafe extern "C" fn(*mut c_void, trb_slice)>,
    /// options that name a file or folder it writes, 'a|b', or NULL; isolated it writes no others
    pub writes: *const c_char,
}

/// a building block: block.h
#[repr(C)]
pub struct trb_block {
    opaque: [u8; 0],
}

/// The manifest: constant data under the plugin's one symbol.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct trb_plugin {
    /// abi_minor: TRB_ABI_MINOR; flags: TRB_MAY_UNMAP or 0
    pub size: u32,
    /// abi_minor: TRB_ABI_MINOR; flags: TRB_MAY_UNMAP or 0
    pub abi_minor: u32,
    /// abi_minor: TRB_ABI_MINOR; flags: TRB_MAY_UNMAP or 0
    pub flags: u32,
    /// for people: "redis", "1.0.0", an SPDX identifier
    pub name: *const c_char,
    /// for people: "redis", "1.0.0", an SPDX identifier
    pub version: *const c_char,
    /// for people: "redis", "1.0.0", an SPDX identifier
    pub license: *const c_char,
    /// NULL-terminated, or NULL
    pub components: *const *const trb_component,
    /// NULL-terminated, or NULL
    pub blocks: *const *const trb_block,
}

/// const char *; NULL when absent and without fallback
pub const TRB_OPTION_STRING: u32 = 1;
/// uint32_t: 0 or 1
pub const TRB_OPTION_BOOL: u32 = 2;
/// int64_t, between min and max
pub const TRB_OPTION_INT: u32 = 3;
/// uint64_t: 64KiB, 4Mi, 1000
pub const TRB_OPTION_BYTES: u32 = 4;
/// int64_t nanoseconds: 5s, 500ms; a bare number counts in bare_unit_ns
pub const TRB_OPTION_DURATION: u32 = 5;
/// uint32_t: index into choices ("a|b|c", letter case ignored)
pub const TRB_OPTION_CHOICE: u32 = 6;
/// double
pub const TRB_OPTION_NUMBER: u32 = 7;
/// accepts any name that begins with this one; read through setup.properties
pub const TRB_OPTION_OPEN: u32 = 8;
/// One option: a row of a constant table, which the macros below write.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct trb_option {
    /// as Dapr spells it; matched without regard to letter case
    pub name: *const c_char,
    /// other spellings, separated by '|', or NULL
    pub aliases: *const c_char,
    /// one sentence
    pub doc: *const c_char,
    /// or NULL
    pub example: *const c_char,
    /// the default as text, or NULL
    pub fallback: *const c_char,
    /// for CHOICE
    pub choices: *const c_char,
    /// TRB_OPTION_…; where in self, and how many bytes
    pub r#type: u32,
    /// TRB_OPTION_…; where in self, and how many bytes
    pub offset: u32,
    /// TRB_OPTION_…; where in self, and how many bytes
    pub member_size: u32,
    /// 1: must be said; is never shown; is warned of when said
    pub required: u32,
    /// 1: must be said; is never shown; is warned of when said
    pub sensitive: u32,
    /// 1: must be said; is never shown; is warned of when said
    pub deprecated: u32,
    /// max 0: none
    pub min: i64,
    /// max 0: none
    pub max: i64,
    /// 0: a bare number is seconds
    pub bare_unit_ns: i64,
    /// 1: "" counts as not said
    pub empty_is_absent: u32,
}

/// extension(TRB_TIMER) is a struct trb_timer_service.
pub const TRB_TIMER: &CStr = c"trilby.timer/1";
/// the host's
#[repr(C)]
pub struct trb_timer {
    opaque: [u8; 0],
}

/// Timers of the instance's own loop. \[loop\]
#[repr(C)]
#[derive(Clone, Copy)]
pub struct trb_timer_service {
    pub size: u32,
    /// One shot; a new one each time, or start again from fire. Never fires inside start.
    pub start: Option<unsafe extern "C" fn(*const trb_origin, u64, Option<unsafe extern "C" fn(*mut c_void)>, *mut c_void) -> *mut trb_timer>,
    /// also after it fired; returns NULL; NULL is welcome
    pub cancel: Option<unsafe extern "C" fn(*mut trb_timer) -> *mut trb_timer>,
}

/// extension(TRB_STREAM_SERVICE) is a struct trb_stream_service.
pub const TRB_STREAM_SERVICE: &CStr = c"trilby.stream/1";
/// TCP, TLS or Unix; the host's
#[repr(C)]
pub struct trb_stream {
    opaque: [u8; 0],
}

/// Where to connect. Read before connect returns.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct trb_stream_target {
    pub size: u32,
    /// name, address, or unix:/path
    pub host: trb_slice,
    /// port: of TCP; tls: 1 speaks TLS; verify: 1 checks the certificate and its name
    pub port: u32,
    /// port: of TCP; tls: 1 speaks TLS; verify: 1 checks the certificate and its name
    pub tls: u32,
    /// port: of TCP; tls: 1 speaks TLS; verify: 1 checks the certificate and its name
    pub verify: u32,
    /// absent: none
    pub server_name: trb_slice,
    /// absent: none
    pub ca_pem: trb_slice,
    /// absent: none
    pub certificate_pem: trb_slice,
    /// absent: none
    pub key_pem: trb_slice,
    /// 0: 5 s
    pub connect_timeout_ns: u64,
    /// with tls: "h2", "http/1.1"; absent: none is offered
    pub alpn: trb_slice,
}

/// What is called on the loop, with the arg of connect. Never inside connect. \[loop\]
#[repr(C)]
#[derive(Clone, Copy)]
pub struct trb_stream_events {
    pub size: u32,
    /// once; with TLS when that is agreed
    pub connected: Option<unsafe extern "C" fn(*mut c_void)>,
    /// look at bytes
    pub readable: Option<unsafe extern "C" fn(*mut c_void)>,
    /// the queue fell below the low mark
    pub writable: Option<unsafe extern "C" fn(*mut c_void)>,
    /// the end, once; still to be destroyed
    pub closed: Option<unsafe extern "C" fn(*mut c_void, *const trb_error)>,
}

/// Streams of bytes over TCP, TLS and Unix sockets. \[loop\]
#[repr(C)]
#[derive(Clone, Copy)]
pub struct trb_stream_service {
    pub size: u32,
    /// A stream that is the instance's until destroy; what goes wrong is told by closed.
    pub connect: Option<unsafe extern "C" fn(*const trb_origin, *const trb_stream_target, *const trb_stream_events, *mut c_void) -> *mut trb_stream>,
    /// returns NULL; NULL is welcome
    pub destroy: Option<unsafe extern "C" fn(*mut trb_stream) -> *mut trb_stream>,
    /// what has arrived, borrowed until the next call
    pub bytes: Option<unsafe extern "C" fn(*const trb_stream) -> trb_slice>,
    /// so many bytes were read
    pub consume: Option<unsafe extern "C" fn(*mut trb_stream, usize)>,
    /// bytes as a buffer, uncopied where possible
    pub take: Option<unsafe extern "C" fn(*mut trb_stream, usize) -> *mut trb_buf>,
    /// copied; leaves at the end of the turn
    pub write: Option<unsafe extern "C" fn(*mut trb_stream, trb_slice)>,
    /// referenced when large and owned
    pub write_data: Option<unsafe extern "C" fn(*mut trb_stream, trb_data)>,
    /// write directly …
    pub room: Option<unsafe extern "C" fn(*mut trb_stream, usize) -> *mut c_char>,
    /// … so many bytes
    pub wrote: Option<unsafe extern "C" fn(*mut trb_stream, usize)>,
    /// bytes that wait to be sent: stop writing above a limit of yours
    pub unsent: Option<unsafe extern "C" fn(*const trb_stream) -> usize>,
    /// 0: let the peer wait; 1: read again
    pub read_on: Option<unsafe extern "C" fn(*mut trb_stream, u32)>,
    /// the most that may wait unread; 64 KiB unless said
    pub read_limit: Option<unsafe extern "C" fn(*mut trb_stream, usize)>,
    /// Written last when a connected stream is destroyed, also by the host before stop: the protocol's goodbye. 64 bytes.
    pub farewell: Option<unsafe extern "C" fn(*mut trb_stream, trb_slice)>,
}

/// extension(TRB_WATCH) is a struct trb_watch_service.
pub const TRB_WATCH: &CStr = c"trilby.watch/1";
/// a file descriptor of the instance's own on its loop; the host's
#[repr(C)]
pub struct trb_watch {
    opaque: [u8; 0],
}

/// there is something to read, or the end
pub const TRB_WATCH_READ: u32 = 1;
/// there is room to write
pub const TRB_WATCH_WRITE: u32 = 2;
/// Descriptors of a client library on the loop. \[loop\]
#[repr(C)]
#[derive(Clone, Copy)]
pub struct trb_watch_service {
    pub size: u32,
    /// fd stays the instance's, and is closed by it after end. ready is called with what is so, as long as it is so.
    pub start: Option<unsafe extern "C" fn(*const trb_origin, i32, u32, Option<unsafe extern "C" fn(*mut c_void, u32)>, *mut c_void) -> *mut trb_watch>,
    /// 0: pause
    pub change: Option<unsafe extern "C" fn(*mut trb_watch, u32)>,
    /// returns NULL; NULL is welcome
    pub end: Option<unsafe extern "C" fn(*mut trb_watch) -> *mut trb_watch>,
}

/// extension(TRB_ONCE) is a struct trb_once_service.
pub const TRB_ONCE: &CStr = c"trilby.once/1";
/// What a client library must be told once per process. \[any\]
#[repr(C)]
#[derive(Clone, Copy)]
pub struct trb_once_service {
    pub size: u32,
    /// Runs init once per process for this key, however often the plugin is loaded.
    pub run: Option<unsafe extern "C" fn(*const c_char, Option<unsafe extern "C" fn()>)>,
}

/// From any thread to the instance's own loop, where it has one; else run on the caller. \[any\]
pub const TRB_POST: &CStr = c"trilby.post/1";
/// A way back to the loop for threads of the plugin's own. \[any\]
#[repr(C)]
#[derive(Clone, Copy)]
pub struct trb_post_service {
    pub size: u32,
    /// Calls run(arg) there, soon.
    pub post: Option<unsafe extern "C" fn(*const trb_origin, Option<unsafe extern "C" fn(*mut c_void)>, *mut c_void)>,
}

/// A component of block "offers" names the types that its plugin serves without a file of that name: those it finds when the process starts. Said inside its start, before it answers; then it is stopped. \[loop\]
pub const TRB_OFFERS: &CStr = c"trilby.offers/1";
/// One type that is offered. Read before offer returns.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct trb_offer {
    pub size: u32,
    /// what resources may say: "state.orders"
    pub r#type: trb_slice,
    /// which component of this plugin serves it: "state.pluggable"
    pub r#as: *const c_char,
}

/// Lent to components of block "offers" alone. \[loop\]
#[repr(C)]
#[derive(Clone, Copy)]
pub struct trb_offers_service {
    pub size: u32,
    /// of one type the first counts
    pub offer: Option<unsafe extern "C" fn(*const trb_origin, *const trb_offer)>,
}

/// a struct trb_name
pub const TRB_FIELD_NAME: u32 = 1;
/// a struct trb_slice
pub const TRB_FIELD_SLICE: u32 = 2;
/// a struct trb_data
pub const TRB_FIELD_DATA: u32 = 3;
/// a struct trb_pairs
pub const TRB_FIELD_PAIRS: u32 = 4;
/// a uint32_t
pub const TRB_FIELD_U32: u32 = 5;
/// a uint64_t
pub const TRB_FIELD_U64: u32 = 6;
/// an int64_t
pub const TRB_FIELD_I64: u32 = 7;
/// a struct trb_list
pub const TRB_FIELD_LIST: u32 = 8;
/// elements of a struct of the same .def; each begins with its size
#[repr(C)]
#[derive(Clone, Copy)]
pub struct trb_list {
    /// step by stride: trb_list_at
    pub at: *const c_void,
    /// how many; bytes from one to the next
    pub count: u32,
    /// how many; bytes from one to the next
    pub stride: u32,
}

/// One member of a question or an answer, for the host and for who writes tools.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct trb_field {
    /// as in the .def
    pub name: *const c_char,
    /// as in the .def
    pub doc: *const c_char,
    /// TRB_FIELD_…; bytes from the struct's beginning
    pub kind: u32,
    /// TRB_FIELD_…; bytes from the struct's beginning
    pub offset: u32,
    /// LIST: the element's
    pub of: *const trb_layout,
}

/// A question or an answer.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct trb_layout {
    /// as in the .def, without trb_
    pub name: *const c_char,
    /// of the described struct, in bytes; of fields
    pub size: u32,
    /// of the described struct, in bytes; of fields
    pub field_count: u32,
    /// in their order
    pub fields: *const trb_field,
}

/// A verb of a block.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct trb_verb_info {
    /// as in the .def
    pub name: *const c_char,
    /// as in the .def
    pub doc: *const c_char,
    /// in the ops table
    pub offset: u32,
    /// answer NULL: nothing but done
    pub question: *const trb_layout,
    /// answer NULL: nothing but done
    pub answer: *const trb_layout,
    /// TRB_VERB_STREAM, TRB_VERB_BULK or 0
    pub flags: u32,
}

/// opened, emit, settle; the answer layout is the event's
pub const TRB_VERB_STREAM: u32 = 1;
/// results by item; the answer layout is the item's
pub const TRB_VERB_BULK: u32 = 2;
/// What a verb answers when it answers nothing but done.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct trb_nothing {
    pub size: u32,
}

const _: () = {
    assert!(size_of::<trb_slice>() == 16);
    assert!(offset_of!(trb_slice, at) == 0);
    assert!(offset_of!(trb_slice, len) == 8);
    assert!(size_of::<trb_name>() == 16);
    assert!(offset_of!(trb_name, at) == 0);
    assert!(offset_of!(trb_name, len) == 8);
    assert!(size_of::<trb_data>() == 24);
    assert!(offset_of!(trb_data, at) == 0);
    assert!(offset_of!(trb_data, len) == 8);
    assert!(offset_of!(trb_data, owner) == 16);
    assert!(size_of::<trb_pair>() == 32);
    assert!(offset_of!(trb_pair, key) == 0);
    assert!(offset_of!(trb_pair, value) == 16);
    assert!(size_of::<trb_pairs>() == 16);
    assert!(offset_of!(trb_pairs, at) == 0);
    assert!(offset_of!(trb_pairs, count) == 8);
    assert!(offset_of!(trb_pairs, stride) == 12);
    assert!(size_of::<trb_error>() == 616);
    assert!(offset_of!(trb_error, size) == 0);
    assert!(offset_of!(trb_error, code) == 4);
    assert!(offset_of!(trb_error, retryable) == 8);
    assert!(offset_of!(trb_error, kind) == 12);
    assert!(offset_of!(trb_error, http_status) == 16);
    assert!(offset_of!(trb_error, item) == 20);
    assert!(offset_of!(trb_error, reason) == 24);
    assert!(offset_of!(trb_error, message) == 88);
    assert!(offset_of!(trb_error, text) == 600);
    assert!(offset_of!(trb_error, details) == 608);
    assert!(size_of::<trb_call>() == 24);
    assert!(offset_of!(trb_call, size) == 0);
    assert!(offset_of!(trb_call, host) == 8);
    assert!(offset_of!(trb_call, origin) == 16);
    assert!(size_of::<trb_host>() == 152);
    assert!(offset_of!(trb_host, size) == 0);
    assert!(offset_of!(trb_host, abi_minor) == 4);
    assert!(offset_of!(trb_host, done) == 8);
    assert!(offset_of!(trb_host, fail) == 16);
    assert!(offset_of!(trb_host, item) == 24);
    assert!(offset_of!(trb_host, opened) == 32);
    assert!(offset_of!(trb_host, emit) == 40);
    assert!(offset_of!(trb_host, deadline_ns) == 48);
    assert!(offset_of!(trb_host, is_cancelled) == 56);
    assert!(offset_of!(trb_host, buf_new) == 64);
    assert!(offset_of!(trb_host, buf_wrap) == 72);
    assert!(offset_of!(trb_host, buf_ref) == 80);
    assert!(offset_of!(trb_host, buf_unref) == 88);
    assert!(offset_of!(trb_host, buf_bytes) == 96);
    assert!(offset_of!(trb_host, log) == 104);
    assert!(offset_of!(trb_host, narrow) == 112);
    assert!(offset_of!(trb_host, lost) == 120);
    assert!(offset_of!(trb_host, ready) == 128);
    assert!(offset_of!(trb_host, extension) == 136);
    assert!(offset_of!(trb_host, now_ns) == 144);
    assert!(size_of::<trb_setup>() == 96);
    assert!(offset_of!(trb_setup, size) == 0);
    assert!(offset_of!(trb_setup, component) == 8);
    assert!(offset_of!(trb_setup, app_id) == 24);
    assert!(offset_of!(trb_setup, namespace_) == 40);
    assert!(offset_of!(trb_setup, properties) == 56);
    assert!(offset_of!(trb_setup, document) == 72);
    assert!(offset_of!(trb_setup, is_successor) == 88);
    assert!(size_of::<trb_settlement>() == 56);
    assert!(offset_of!(trb_settlement, size) == 0);
    assert!(offset_of!(trb_settlement, verdict) == 4);
    assert!(offset_of!(trb_settlement, error) == 8);
    assert!(offset_of!(trb_settlement, data) == 16);
    assert!(offset_of!(trb_settlement, items) == 40);
    assert!(offset_of!(trb_settlement, item_count) == 48);
    assert!(size_of::<trb_component>() == 176);
    assert!(offset_of!(trb_component, size) == 0);
    assert!(offset_of!(trb_component, block) == 8);
    assert!(offset_of!(trb_component, r#type) == 16);
    assert!(offset_of!(trb_component, version) == 24);
    assert!(offset_of!(trb_component, summary) == 32);
    assert!(offset_of!(trb_component, aliases) == 40);
    assert!(offset_of!(trb_component, caps) == 48);
    assert!(offset_of!(trb_component, run) == 56);
    assert!(offset_of!(trb_component, max_parallel) == 60);
    assert!(offset_of!(trb_component, self_size) == 64);
    assert!(offset_of!(trb_component, options) == 72);
    assert!(offset_of!(trb_component, option_count) == 80);
    assert!(offset_of!(trb_component, option_size) == 88);
    assert!(offset_of!(trb_component, ops) == 96);
    assert!(offset_of!(trb_component, start) == 104);
    assert!(offset_of!(trb_component, stop) == 112);
    assert!(offset_of!(trb_component, ping) == 120);
    assert!(offset_of!(trb_component, cancel) == 128);
    assert!(offset_of!(trb_component, resume) == 136);
    assert!(offset_of!(trb_component, settle) == 144);
    assert!(offset_of!(trb_component, hand_over) == 152);
    assert!(offset_of!(trb_component, adopt) == 160);
    assert!(offset_of!(trb_component, writes) == 168);
    assert!(size_of::<trb_plugin>() == 56);
    assert!(offset_of!(trb_plugin, size) == 0);
    assert!(offset_of!(trb_plugin, abi_minor) == 4);
    assert!(offset_of!(trb_plugin, flags) == 8);
    assert!(offset_of!(trb_plugin, name) == 16);
    assert!(offset_of!(trb_plugin, version) == 24);
    assert!(offset_of!(trb_plugin, license) == 32);
    assert!(offset_of!(trb_plugin, components) == 40);
    assert!(offset_of!(trb_plugin, blocks) == 48);
    assert!(size_of::<trb_option>() == 104);
    assert!(offset_of!(trb_option, name) == 0);
    assert!(offset_of!(trb_option, aliases) == 8);
    assert!(offset_of!(trb_option, doc) == 16);
    assert!(offset_of!(trb_option, example) == 24);
    assert!(offset_of!(trb_option, fallback) == 32);
    assert!(offset_of!(trb_option, choices) == 40);
    assert!(offset_of!(trb_option, r#type) == 48);
    assert!(offset_of!(trb_option, offset) == 52);
    assert!(offset_of!(trb_option, member_size) == 56);
    assert!(offset_of!(trb_option, required) == 60);
    assert!(offset_of!(trb_option, sensitive) == 64);
    assert!(offset_of!(trb_option, deprecated) == 68);
    assert!(offset_of!(trb_option, min) == 72);
    assert!(offset_of!(trb_option, max) == 80);
    assert!(offset_of!(trb_option, bare_unit_ns) == 88);
    assert!(offset_of!(trb_option, empty_is_absent) == 96);
    assert!(size_of::<trb_timer_service>() == 24);
    assert!(offset_of!(trb_timer_service, size) == 0);
    assert!(offset_of!(trb_timer_service, start) == 8);
    assert!(offset_of!(trb_timer_service, cancel) == 16);
    assert!(size_of::<trb_stream_target>() == 128);
    assert!(offset_of!(trb_stream_target, size) == 0);
    assert!(offset_of!(trb_stream_target, host) == 8);
    assert!(offset_of!(trb_stream_target, port) == 24);
    assert!(offset_of!(trb_stream_target, tls) == 28);
    assert!(offset_of!(trb_stream_target, verify) == 32);
    assert!(offset_of!(trb_stream_target, server_name) == 40);
    assert!(offset_of!(trb_stream_target, ca_pem) == 56);
    assert!(offset_of!(trb_stream_target, certificate_pem) == 72);
    assert!(offset_of!(trb_stream_target, key_pem) == 88);
    assert!(offset_of!(trb_stream_target, connect_timeout_ns) == 104);
    assert!(offset_of!(trb_stream_target, alpn) == 112);
    assert!(size_of::<trb_stream_events>() == 40);
    assert!(offset_of!(trb_stream_events, size) == 0);
    assert!(offset_of!(trb_stream_events, connected) == 8);
    assert!(offset_of!(trb_stream_events, readable) == 16);
    assert!(offset_of!(trb_stream_events, writable) == 24);
    assert!(offset_of!(trb_stream_events, closed) == 32);
    assert!(size_of::<trb_stream_service>() == 112);
    assert!(offset_of!(trb_stream_service, size) == 0);
    assert!(offset_of!(trb_stream_service, connect) == 8);
    assert!(offset_of!(trb_stream_service, destroy) == 16);
    assert!(offset_of!(trb_stream_service, bytes) == 24);
    assert!(offset_of!(trb_stream_service, consume) == 32);
    assert!(offset_of!(trb_stream_service, take) == 40);
    assert!(offset_of!(trb_stream_service, write) == 48);
    assert!(offset_of!(trb_stream_service, write_data) == 56);
    assert!(offset_of!(trb_stream_service, room) == 64);
    assert!(offset_of!(trb_stream_service, wrote) == 72);
    assert!(offset_of!(trb_stream_service, unsent) == 80);
    assert!(offset_of!(trb_stream_service, read_on) == 88);
    assert!(offset_of!(trb_stream_service, read_limit) == 96);
    assert!(offset_of!(trb_stream_service, farewell) == 104);
    assert!(size_of::<trb_watch_service>() == 32);
    assert!(offset_of!(trb_watch_service, size) == 0);
    assert!(offset_of!(trb_watch_service, start) == 8);
    assert!(offset_of!(trb_watch_service, change) == 16);
    assert!(offset_of!(trb_watch_service, end) == 24);
    assert!(size_of::<trb_once_service>() == 16);
    assert!(offset_of!(trb_once_service, size) == 0);
    assert!(offset_of!(trb_once_service, run) == 8);
    assert!(size_of::<trb_post_service>() == 16);
    assert!(offset_of!(trb_post_service, size) == 0);
    assert!(offset_of!(trb_post_service, post) == 8);
    assert!(size_of::<trb_offer>() == 32);
    assert!(offset_of!(trb_offer, size) == 0);
    assert!(offset_of!(trb_offer, r#type) == 8);
    assert!(offset_of!(trb_offer, r#as) == 24);
    assert!(size_of::<trb_offers_service>() == 16);
    assert!(offset_of!(trb_offers_service, size) == 0);
    assert!(offset_of!(trb_offers_service, offer) == 8);
    assert!(size_of::<trb_list>() == 16);
    assert!(offset_of!(trb_list, at) == 0);
    assert!(offset_of!(trb_list, count) == 8);
    assert!(offset_of!(trb_list, stride) == 12);
    assert!(size_of::<trb_field>() == 32);
    assert!(offset_of!(trb_field, name) == 0);
    assert!(offset_of!(trb_field, doc) == 8);
    assert!(offset_of!(trb_field, kind) == 16);
    assert!(offset_of!(trb_field, offset) == 20);
    assert!(offset_of!(trb_field, of) == 24);
    assert!(size_of::<trb_layout>() == 24);
    assert!(offset_of!(trb_layout, name) == 0);
    assert!(offset_of!(trb_layout, size) == 8);
    assert!(offset_of!(trb_layout, field_count) == 12);
    assert!(offset_of!(trb_layout, fields) == 16);
    assert!(size_of::<trb_verb_info>() == 48);
    assert!(offset_of!(trb_verb_info, name) == 0);
    assert!(offset_of!(trb_verb_info, doc) == 8);
    assert!(offset_of!(trb_verb_info, offset) == 16);
    assert!(offset_of!(trb_verb_info, question) == 24);
    assert!(offset_of!(trb_verb_info, answer) == 32);
    assert!(offset_of!(trb_verb_info, flags) == 40);
    assert!(size_of::<trb_nothing>() == 4);
    assert!(offset_of!(trb_nothing, size) == 0);
};
