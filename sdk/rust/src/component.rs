//! A component: a struct that start makes, and what the host calls on it.
use crate::abi::*;
use crate::bytes::{Name, Pairs, Slice};
use crate::call::{Call, CallId, Error, Host, Verb};
use core::ffi::c_void;
use std::panic::{catch_unwind, AssertUnwindSafe};

/// Verbs are methods beside this: `fn get(&self, call: Call<state::get>)`.
pub trait Component: Sized + Send + Sync + 'static {
    /// Filled in by the host from OPTIONS before start.
    type Options;
    const OPTIONS: &'static [trb_option];
    /// Connects, or says why not. [loop] it must not block; [worker] it may.
    fn start(options: &Self::Options, setup: &Setup, host: Host) -> Result<Self, Error>;
    /// Joins every thread; dropping follows.
    fn stop(&mut self) {}
}

/// What start is told beside the options.
#[repr(C)]
pub struct Setup<'a> {
    size: u32,
    pub component: Name<'a>,
    pub app_id: Name<'a>,
    pub namespace: Name<'a>,
    /// All that the YAML said, resolved; keys as written.
    pub properties: Pairs<'a>,
    /// The resource as JSON.
    pub document: Slice<'a>,
}
// It grows at its end.
const _: () = assert!(size_of::<Setup>() <= size_of::<trb_setup>());
const _: () = assert!(core::mem::offset_of!(Setup, document) == core::mem::offset_of!(trb_setup, document));

/// How an event ended.
pub struct Settlement<'a>(&'a trb_settlement);

impl Settlement<'_> {
    /// TRB_ACK, TRB_RETRY, TRB_DROP or TRB_HELD.
    pub fn verdict(&self) -> u32 {
        self.0.verdict
    }
    /// The handler's answer; empty when absent.
    pub fn data(&self) -> &[u8] {
        let data = &self.0.data;
        if data.at.is_null() { &[] } else { unsafe { core::slice::from_raw_parts(data.at.cast(), data.len) } }
    }
    /// One verdict per entry of a bulk event; empty: `verdict` is for all.
    pub fn items(&self) -> &[u32] {
        if self.0.items.is_null() { &[] } else { unsafe { core::slice::from_raw_parts(self.0.items, self.0.item_count as usize) } }
    }
}

/// What the host allocates, zeroed: the options, and then what start made.
#[repr(C)]
pub struct Instance<T: Component> {
    options: T::Options,
    component: *mut T,
}

fn answer(call: *mut trb_call, result: Result<(), Error>) {
    let host = unsafe { &*(*call).host };
    match (result, host.done, host.fail) {
        (Ok(()), Some(done), _) => unsafe { done(call, core::ptr::null(), 0) },
        (Err(error), _, Some(fail)) => unsafe { fail(call, &error.0) },
        _ => {}
    }
}

/// # Safety
/// The arguments of a `trb_verb`, from the host.
pub unsafe fn start<T: Component>(this: *mut c_void, call: *mut trb_call, setup: *const c_void) {
    let instance = &mut *this.cast::<Instance<T>>();
    let host = Host::of(call);
    let made = catch_unwind(AssertUnwindSafe(|| T::start(&instance.options, &*setup.cast::<Setup>(), host)));
    let made = made.unwrap_or_else(|_| Err(Error::new(TRB_INTERNAL, "PANIC", "the component has panicked in start")));
    answer(call, made.map(|one| instance.component = Box::into_raw(Box::new(one))));
}

/// # Safety
/// The arguments of a `trb_verb`, from the host. Also after a start that failed.
pub unsafe fn stop<T: Component>(this: *mut c_void, call: *mut trb_call, _: *const c_void) {
    let instance = &mut *this.cast::<Instance<T>>();
    let component = core::mem::replace(&mut instance.component, core::ptr::null_mut());
    let ended = catch_unwind(AssertUnwindSafe(|| {
        if !component.is_null() {
            Box::from_raw(component).stop();
        }
    }));
    answer(call, ended.map_err(|_| Error::new(TRB_INTERNAL, "PANIC", "the component has panicked in stop")));
}

/// # Safety
/// The arguments of a `trb_verb` of `V`, from the host, between start and stop.
pub unsafe fn verb<T: Component, V: Verb>(this: *mut c_void, call: *mut trb_call, question: *const c_void, run: fn(&T, Call<V>)) {
    let call = Call::<V>::of(call, question);
    let component = &*(*this.cast::<Instance<T>>()).component;
    let _ = catch_unwind(AssertUnwindSafe(|| run(component, call)));
}

/// What is no verb.
pub mod hook {
    use super::*;

    unsafe fn with<T: Component, R>(this: *mut c_void, run: impl FnOnce(&T) -> R) -> Option<R> {
        let component = (*this.cast::<Instance<T>>()).component;
        if component.is_null() {
            return None;
        }
        catch_unwind(AssertUnwindSafe(|| run(&*component))).ok()
    }

    /// # Safety
    /// As the host calls it.
    pub unsafe fn cancel<T: Component>(this: *mut c_void, call: *mut trb_call, why: u32, run: fn(&T, CallId, u32)) {
        with(this, |one| run(one, CallId(call as usize), why));
    }

    /// # Safety
    /// As the host calls it.
    pub unsafe fn resume<T: Component>(this: *mut c_void, call: *mut trb_call, run: fn(&T, CallId)) {
        with(this, |one| run(one, CallId(call as usize)));
    }

    /// # Safety
    /// As the host calls it.
    pub unsafe fn settle<T: Component>(this: *mut c_void, cookie: *mut c_void, how: *const trb_settlement,
                                       run: fn(&T, usize, &Settlement)) {
        with(this, |one| run(one, cookie as usize, &Settlement(&*how)));
    }

    /// # Safety
    /// As the host calls it.
    pub unsafe fn ping<T: Component>(this: *mut c_void, call: *mut trb_call, run: fn(&T) -> Result<(), Error>) {
        let lost = || Err(Error::new(TRB_INTERNAL, "PANIC", "the component has panicked in ping"));
        answer(call, with(this, run).unwrap_or_else(lost));
    }
}
