//! Bytes that cross the border. The layouts are those of types.h; the lifetimes are the contract's: what is in a question
//! lives as long as the call, what is in an answer only until it was given.
use crate::abi::*;
use core::{ffi::c_char, marker::PhantomData, ptr, slice, str};

/// Borrowed bytes. Absent is not empty.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Slice<'a> {
    at: *const c_char,
    len: usize,
    life: PhantomData<&'a [u8]>,
}

/// A key, a topic, a header.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Name<'a> {
    at: *const c_char,
    len: usize,
    life: PhantomData<&'a [u8]>,
}

unsafe fn bytes_at<'a>(at: *const c_char, len: usize) -> &'a [u8] {
    if at.is_null() || len == 0 {
        return &[];
    }
    slice::from_raw_parts(at.cast(), len)
}

macro_rules! borrowed {
    ($kind:ident) => {
        impl<'a> $kind<'a> {
            pub const ABSENT: Self = Self { at: ptr::null(), len: 0, life: PhantomData };
            pub fn is_absent(&self) -> bool {
                self.at.is_null()
            }
            /// Empty when absent.
            pub fn bytes(&self) -> &'a [u8] {
                unsafe { bytes_at(self.at, self.len) }
            }
            /// None when absent or not UTF-8.
            pub fn text(&self) -> Option<&'a str> {
                if self.is_absent() { None } else { str::from_utf8(self.bytes()).ok() }
            }
        }
        impl<'a> From<&'a [u8]> for $kind<'a> {
            fn from(from: &'a [u8]) -> Self {
                Self { at: from.as_ptr().cast(), len: from.len(), life: PhantomData }
            }
        }
        impl<'a> From<&'a str> for $kind<'a> {
            fn from(from: &'a str) -> Self {
                from.as_bytes().into()
            }
        }
        impl<'a> From<&'a Vec<u8>> for $kind<'a> {
            fn from(from: &'a Vec<u8>) -> Self {
                from.as_slice().into()
            }
        }
        impl<'a> From<&'a String> for $kind<'a> {
            fn from(from: &'a String) -> Self {
                from.as_bytes().into()
            }
        }
    };
}
borrowed!(Slice);
borrowed!(Name);

/// A body. Of a question: keep it with [`Data::keep`]. In an answer: borrowed, or a buffer that is given.
#[repr(C)]
pub struct Data<'a> {
    at: *const c_char,
    len: usize,
    owner: *mut trb_buf,
    life: PhantomData<&'a [u8]>,
}

impl<'a> Data<'a> {
    pub fn is_absent(&self) -> bool {
        self.at.is_null()
    }
    /// Empty when absent.
    pub fn bytes(&self) -> &[u8] {
        unsafe { bytes_at(self.at, self.len) }
    }
    /// The bytes for longer than the call: a reference to their owner, or a copy where there is none.
    pub fn keep(&self, host: &crate::Host) -> Option<Buf> {
        if self.owner.is_null() {
            return host.buf_from(self.bytes());
        }
        let owner = unsafe { ((*host.table()).buf_ref?)(self.owner) };
        Some(Buf { host: *host, raw: owner, at: self.at, len: self.len })
    }
    /// Gives a buffer with an answer.
    pub fn given(buf: Buf) -> Data<'static> {
        let data = Data { at: buf.at, len: buf.len, owner: buf.raw, life: PhantomData };
        core::mem::forget(buf);
        data
    }
}

impl<'a> From<&'a [u8]> for Data<'a> {
    fn from(from: &'a [u8]) -> Self {
        Data { at: from.as_ptr().cast(), len: from.len(), owner: ptr::null_mut(), life: PhantomData }
    }
}

/// Metadata: names and values.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Pairs<'a> {
    at: *const trb_pair,
    count: u32,
    stride: u32,
    life: PhantomData<&'a [u8]>,
}

/// One name and value, for an answer.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Pair<'a> {
    pub key: Name<'a>,
    pub value: Name<'a>,
}

impl<'a> Pairs<'a> {
    pub fn iter(&self) -> impl Iterator<Item = (Name<'a>, Name<'a>)> + '_ {
        (0..self.count as usize).map(move |i| {
            let pair = unsafe { &*self.at.cast::<u8>().add(i * self.stride as usize).cast::<Pair<'a>>() };
            (pair.key, pair.value)
        })
    }
    /// The value of a name, whatever its letter case.
    pub fn get(&self, name: &str) -> Option<Name<'a>> {
        self.iter().find(|(key, _)| key.bytes().eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }
}

impl<'a> From<&'a [Pair<'a>]> for Pairs<'a> {
    fn from(from: &'a [Pair<'a>]) -> Self {
        Pairs { at: from.as_ptr().cast(), count: from.len() as u32, stride: size_of::<Pair>() as u32, life: PhantomData }
    }
}

impl<'a> Pair<'a> {
    pub fn new(key: impl Into<Name<'a>>, value: impl Into<Name<'a>>) -> Self {
        Pair { key: key.into(), value: value.into() }
    }
}

/// Elements whose struct may be longer than this crate knows it.
#[repr(C)]
pub struct List<'a, T> {
    at: *const T,
    count: u32,
    stride: u32,
    life: PhantomData<&'a T>,
}

impl<'a, T> List<'a, T> {
    pub fn len(&self) -> usize {
        self.count as usize
    }
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
    pub fn iter(&self) -> impl Iterator<Item = &T> + '_ {
        (0..self.len()).map(move |i| unsafe { &*self.at.cast::<u8>().add(i * self.stride as usize).cast::<T>() })
    }
}

/// Counted bytes of the host's. Dropping gives the reference back.
pub struct Buf {
    pub(crate) host: crate::Host,
    pub(crate) raw: *mut trb_buf,
    pub(crate) at: *const c_char,
    pub(crate) len: usize,
}
unsafe impl Send for Buf {}
unsafe impl Sync for Buf {}

impl Buf {
    pub fn bytes(&self) -> &[u8] {
        unsafe { bytes_at(self.at, self.len) }
    }
}

impl Clone for Buf {
    fn clone(&self) -> Self {
        if let Some(reference) = unsafe { (*self.host.table()).buf_ref } {
            unsafe { reference(self.raw) };
        }
        Buf { ..*self }
    }
}

impl Drop for Buf {
    fn drop(&mut self) {
        if let Some(unref) = unsafe { (*self.host.table()).buf_unref } {
            unsafe { unref(self.raw) };
        }
    }
}
