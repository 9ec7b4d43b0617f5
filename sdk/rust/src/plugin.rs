//! The manifest: one constant symbol, which names everything else.
use crate::abi::*;

unsafe impl Sync for trb_component {}
unsafe impl Sync for trb_plugin {}
unsafe impl Sync for trb_option {}

impl trb_component {
    #[doc(hidden)]
    pub const EMPTY: Self = unsafe { core::mem::zeroed() };
}

/// The plugin's one symbol. `verbs` and `hooks` (cancel, resume, settle, ping) name methods of the component;
/// `writes` the options that say what it writes, "a|b".
#[macro_export]
macro_rules! plugin {
    (@hook $t:ty, cancel) => {{
        unsafe extern "C" fn shim(this: *mut core::ffi::c_void, call: *mut $crate::abi::trb_call, why: u32) {
            $crate::inside::hook::cancel::<$t>(this, call, why, <$t>::cancel)
        }
        Some(shim)
    }};
    (@hook $t:ty, resume) => {{
        unsafe extern "C" fn shim(this: *mut core::ffi::c_void, call: *mut $crate::abi::trb_call) {
            $crate::inside::hook::resume::<$t>(this, call, <$t>::resume)
        }
        Some(shim)
    }};
    (@hook $t:ty, settle) => {{
        unsafe extern "C" fn shim(this: *mut core::ffi::c_void, cookie: *mut core::ffi::c_void,
                                  how: *const $crate::abi::trb_settlement) {
            $crate::inside::hook::settle::<$t>(this, cookie, how, <$t>::settle)
        }
        Some(shim)
    }};
    (@hook $t:ty, ping) => {{
        unsafe extern "C" fn shim(this: *mut core::ffi::c_void, call: *mut $crate::abi::trb_call, _: *const core::ffi::c_void) {
            $crate::inside::hook::ping::<$t>(this, call, <$t>::ping)
        }
        Some(shim)
    }};
    (@verb $t:ty, $block:ident, $verb:ident) => {{
        unsafe extern "C" fn shim(this: *mut core::ffi::c_void, call: *mut $crate::abi::trb_call, question: *const core::ffi::c_void) {
            $crate::inside::verb::<$t, $crate::$block::$verb>(this, call, question, <$t>::$verb)
        }
        Some(shim)
    }};
    (@life $t:ty, $life:ident) => {{
        unsafe extern "C" fn shim(this: *mut core::ffi::c_void, call: *mut $crate::abi::trb_call, question: *const core::ffi::c_void) {
            $crate::inside::$life::<$t>(this, call, question)
        }
        Some(shim)
    }};
    (@text $text:expr) => { concat!($text, "\0").as_ptr().cast::<core::ffi::c_char>() };
    (name: $name:literal, license: $license:literal, component: $t:ty, block: $block:ident, type: $type:literal,
     summary: $summary:literal, caps: $caps:expr, run: $run:ident, max_parallel: $max:expr,
     verbs: [$($verb:ident),* $(,)?] $(, ops: { $($member:ident: $value:expr),* $(,)? })? $(, hooks: [$($hook:ident),* $(,)?])?
     $(, writes: $writes:literal)? $(, flags: $flags:expr)? $(,)?) => {
        static OPS: $crate::$block::Ops = $crate::$block::Ops {
            $($verb: $crate::plugin!(@verb $t, $block, $verb),)*
            $($($member: $value,)*)?
            ..$crate::$block::Ops::EMPTY
        };
        static COMPONENT: $crate::abi::trb_component = $crate::abi::trb_component {
            size: core::mem::size_of::<$crate::abi::trb_component>() as u32,
            block: $crate::plugin!(@text stringify!($block)),
            r#type: $crate::plugin!(@text $type),
            version: $crate::plugin!(@text "v1"),
            summary: $crate::plugin!(@text $summary),
            caps: $caps,
            run: $crate::abi::$run,
            max_parallel: $max,
            self_size: core::mem::size_of::<$crate::Instance<$t>>(),
            options: <$t as $crate::Component>::OPTIONS.as_ptr(),
            option_count: <$t as $crate::Component>::OPTIONS.len(),
            option_size: core::mem::size_of::<$crate::abi::trb_option>(),
            ops: &raw const OPS as *const core::ffi::c_void,
            start: $crate::plugin!(@life $t, start),
            stop: $crate::plugin!(@life $t, stop),
            $($($hook: $crate::plugin!(@hook $t, $hook),)*)?
            $(writes: $crate::plugin!(@text $writes),)?
            ..$crate::abi::trb_component::EMPTY
        };
        #[repr(transparent)]
        struct Components([*const $crate::abi::trb_component; 2]);
        unsafe impl Sync for Components {}
        static COMPONENTS: Components = Components([&raw const COMPONENT, core::ptr::null()]);
        #[no_mangle]
        pub static trilby_plugin_v1: $crate::abi::trb_plugin = $crate::abi::trb_plugin {
            size: core::mem::size_of::<$crate::abi::trb_plugin>() as u32,
            abi_minor: $crate::abi::TRB_ABI_MINOR,
            flags: 0 $(| $flags)?,
            name: $crate::plugin!(@text $name),
            version: $crate::plugin!(@text env!("CARGO_PKG_VERSION")),
            license: $crate::plugin!(@text $license),
            components: &raw const COMPONENTS as *const *const $crate::abi::trb_component,
            blocks: core::ptr::null(),
        };
    };
}
