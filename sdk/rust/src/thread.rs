//! Threads of a component's own, as the contract wants them: all signals blocked, for those are the host's.
use core::{mem, ptr};
use std::thread::{Builder, JoinHandle};

/// As glibc and musl have it, and more than either fills.
#[repr(C, align(16))]
struct Signals([u64; 16]);

extern "C" {
    fn sigfillset(set: *mut Signals) -> i32;
    fn pthread_sigmask(how: i32, set: *const Signals, before: *mut Signals) -> i32;
}
const SIG_BLOCK: i32 = 0;
const SIG_SETMASK: i32 = 2;

/// `std::thread::spawn`, with signals blocked. Join it in `stop`.
pub fn spawn<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    let (mut all, mut before): (Signals, Signals) = unsafe { mem::zeroed() };
    unsafe {
        sigfillset(&mut all);
        pthread_sigmask(SIG_BLOCK, &all, &mut before);
    }
    let made = Builder::new().spawn(run);
    unsafe { pthread_sigmask(SIG_SETMASK, &before, ptr::null_mut()) };
    made.expect("no thread can be started")
}
