//! Written by tools/sdk/rust from sdk/include/trilby: change the headers, not this file.

/// trilby/bindings.h: a binding to something outside: output, input, or both. The verbs and structs are
/// in bindings.def.
///
/// An output binding has invoke and says its operations. An input binding has read: one call, opened once it
/// listens, emit for each event, done or fail when it ends, which cancel asks for. settle brings what the
/// application answered: TRB_ACK with its data, TRB_RETRY with the error, TRB_HELD when the process leaves.
#[allow(non_camel_case_types)]
pub mod bindings {
    #[allow(unused_imports)]
    use crate::{abi::*, Bulk, Data, List, Name, Pairs, Plain, Single, Slice, Stream, Verb};
    #[allow(unused_imports)]
    use core::{ffi::c_char, mem::{offset_of, size_of}};

    /// INPUT_BINDING: read
    pub const TRB_BINDINGS_INPUT: u64 = 1 << 0;
    /// OUTPUT_BINDING: invoke
    pub const TRB_BINDINGS_OUTPUT: u64 = 1 << 1;
    #[repr(C)]
    pub struct BindingInvoke<'a> {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// One of those the binding says.
        pub operation: Name<'a>,
        /// As the client gave it: over HTTP the JSON text.
        pub data: Data<'a>,
        /// What the client said beside it.
        pub metadata: Pairs<'a>,
    }
    impl Default for BindingInvoke<'_> {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    #[repr(C)]
    pub struct BindingAnswer<'a> {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// Absent: there is nothing to answer, which is not the same as no bytes.
        pub data: Data<'a>,
        /// Becomes metadata.NAME headers of the client's answer.
        pub metadata: Pairs<'a>,
        /// Absent: application/json.
        pub content_type: Slice<'a>,
        /// Of a call that failed and has data or metadata to show: its text. Absent: it went well.
        pub failure: Slice<'a>,
    }
    impl Default for BindingAnswer<'_> {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    #[repr(C)]
    pub struct BindingEvent<'a> {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// For the application, uninterpreted.
        pub data: Data<'a>,
        /// Beside it.
        pub metadata: Pairs<'a>,
        /// Of data, or absent.
        pub content_type: Name<'a>,
    }
    impl Default for BindingEvent<'_> {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    /// The table of verbs of bindings.
    #[repr(C)]
    pub struct Ops {
        pub size: u32,
        /// "create get delete", in the order clients are told; "*": invoke knows; NULL without it
        pub operations: *const c_char,
        /// One operation. With TRB_BINDINGS_OUTPUT.
        pub invoke: Option<trb_verb>,
        /// Until cancelled; each event is settled once. With TRB_BINDINGS_INPUT.
        pub read: Option<trb_verb>,
    }
    unsafe impl Sync for Ops {}
    impl Ops {
        pub const EMPTY: Self = {
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        };
    }

    /// One operation. With TRB_BINDINGS_OUTPUT.
    pub struct invoke;
    impl Verb for invoke {
        type Question<'a> = BindingInvoke<'a>;
        type Answer<'a> = BindingAnswer<'a>;
    }
    impl Single for invoke {}

    /// Until cancelled; each event is settled once. With TRB_BINDINGS_INPUT.
    pub struct read;
    impl Verb for read {
        type Question<'a> = crate::Nothing;
        type Answer<'a> = BindingEvent<'a>;
    }
    impl Stream for read {}

    const _: () = {
        assert!(size_of::<Ops>() == 32);
        assert!(offset_of!(Ops, size) == 0);
        assert!(offset_of!(Ops, operations) == 8);
        assert!(offset_of!(Ops, invoke) == 16);
        assert!(offset_of!(Ops, read) == 24);
        assert!(size_of::<BindingInvoke>() == 64);
        assert!(offset_of!(BindingInvoke, size) == 0);
        assert!(offset_of!(BindingInvoke, operation) == 8);
        assert!(offset_of!(BindingInvoke, data) == 24);
        assert!(offset_of!(BindingInvoke, metadata) == 48);
        assert!(size_of::<BindingAnswer>() == 80);
        assert!(offset_of!(BindingAnswer, size) == 0);
        assert!(offset_of!(BindingAnswer, data) == 8);
        assert!(offset_of!(BindingAnswer, metadata) == 32);
        assert!(offset_of!(BindingAnswer, content_type) == 48);
        assert!(offset_of!(BindingAnswer, failure) == 64);
        assert!(size_of::<BindingEvent>() == 64);
        assert!(offset_of!(BindingEvent, size) == 0);
        assert!(offset_of!(BindingEvent, data) == 8);
        assert!(offset_of!(BindingEvent, metadata) == 32);
        assert!(offset_of!(BindingEvent, content_type) == 48);
    };
}

/// trilby/configuration.h: a store of settings that change. The verbs and structs are in configuration.def.
///
/// Mandatory: get, subscribe. A subscription is one call: opened once the product tells of changes, emit for
/// each changed item, done or fail when it ends, which cancel asks for.
#[allow(non_camel_case_types)]
pub mod configuration {
    #[allow(unused_imports)]
    use crate::{abi::*, Bulk, Data, List, Name, Pairs, Plain, Single, Slice, Stream, Verb};
    #[allow(unused_imports)]
    use core::{ffi::c_char, mem::{offset_of, size_of}};

    #[repr(C)]
    pub struct ConfigurationKey<'a> {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// Which item.
        pub key: Name<'a>,
    }
    impl Default for ConfigurationKey<'_> {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    #[repr(C)]
    pub struct ConfigurationGet<'a> {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// None: all there are.
        pub keys: List<'a, ConfigurationKey<'a>>,
        /// What the client said beside it.
        pub metadata: Pairs<'a>,
    }
    impl Default for ConfigurationGet<'_> {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    #[repr(C)]
    pub struct ConfigurationItem<'a> {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// Which item.
        pub key: Name<'a>,
        /// Its value; absent: it was removed.
        pub value: Slice<'a>,
        /// Absent: none.
        pub version: Slice<'a>,
        /// The item's own.
        pub metadata: Pairs<'a>,
    }
    impl Default for ConfigurationItem<'_> {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    /// The table of verbs of configuration.
    #[repr(C)]
    pub struct Ops {
        pub size: u32,
        /// One result per item that is there; an unknown key has none.
        pub get: Option<trb_verb>,
        /// Each change of these keys (none: of any), until cancelled.
        pub subscribe: Option<trb_verb>,
    }
    unsafe impl Sync for Ops {}
    impl Ops {
        pub const EMPTY: Self = {
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        };
    }

    /// One result per item that is there; an unknown key has none.
    pub struct get;
    impl Verb for get {
        type Question<'a> = ConfigurationGet<'a>;
        type Answer<'a> = ConfigurationItem<'a>;
    }
    impl Bulk for get {}

    /// Each change of these keys (none: of any), until cancelled.
    pub struct subscribe;
    impl Verb for subscribe {
        type Question<'a> = ConfigurationGet<'a>;
        type Answer<'a> = ConfigurationItem<'a>;
    }
    impl Stream for subscribe {}

    const _: () = {
        assert!(size_of::<Ops>() == 24);
        assert!(offset_of!(Ops, size) == 0);
        assert!(offset_of!(Ops, get) == 8);
        assert!(offset_of!(Ops, subscribe) == 16);
        assert!(size_of::<ConfigurationKey>() == 24);
        assert!(offset_of!(ConfigurationKey, size) == 0);
        assert!(offset_of!(ConfigurationKey, key) == 8);
        assert!(size_of::<ConfigurationGet>() == 40);
        assert!(offset_of!(ConfigurationGet, size) == 0);
        assert!(offset_of!(ConfigurationGet, keys) == 8);
        assert!(offset_of!(ConfigurationGet, metadata) == 24);
        assert!(size_of::<ConfigurationItem>() == 72);
        assert!(offset_of!(ConfigurationItem, size) == 0);
        assert!(offset_of!(ConfigurationItem, key) == 8);
        assert!(offset_of!(ConfigurationItem, value) == 24);
        assert!(offset_of!(ConfigurationItem, version) == 40);
        assert!(offset_of!(ConfigurationItem, metadata) == 56);
    };
}

/// trilby/crypto.h: keys that stay where they are, and what is done with them. The verbs and structs are
/// in crypto.def.
///
/// Mandatory: get_key, wrap_key, unwrap_key. Algorithms are named as in RFC 7518 and the contract, in capitals.
/// Plain texts and keys are wiped by the host after use and never logged.
#[allow(non_camel_case_types)]
pub mod crypto {
    #[allow(unused_imports)]
    use crate::{abi::*, Bulk, Data, List, Name, Pairs, Plain, Single, Slice, Stream, Verb};
    #[allow(unused_imports)]
    use core::{ffi::c_char, mem::{offset_of, size_of}};

    /// code TRB_NOT_FOUND
    pub const TRB_CRYPTO_NO_SUCH_KEY: u32 = 1;
    /// code TRB_INVALID: not one of ours, or not for this key
    pub const TRB_CRYPTO_BAD_ALGORITHM: u32 = 2;
    /// PKIX, "PUBLIC KEY"
    pub const TRB_CRYPTO_PEM: u32 = 0;
    /// RFC 7517, as JSON
    pub const TRB_CRYPTO_JWK: u32 = 1;
    #[repr(C)]
    pub struct CryptoKey<'a> {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// Which key, NAME or NAME/VERSION where the product has versions.
        pub key_name: Name<'a>,
        /// TRB_CRYPTO_PEM or TRB_CRYPTO_JWK.
        pub format: u32,
    }
    impl Default for CryptoKey<'_> {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    #[repr(C)]
    pub struct CryptoPublicKey<'a> {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// The key's own name.
        pub id: Name<'a>,
        /// In the format that was asked for; only public parts.
        pub text: Slice<'a>,
    }
    impl Default for CryptoPublicKey<'_> {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    #[repr(C)]
    pub struct CryptoSeal<'a> {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// Which key.
        pub key_name: Name<'a>,
        /// One of encryption_algorithms.
        pub algorithm: Name<'a>,
        /// The plain bytes; in wrap_key a key, raw, PEM or JWK.
        pub plain: Slice<'a>,
        /// Where the algorithm takes one.
        pub nonce: Slice<'a>,
        /// Authenticated with it, where the algorithm can.
        pub associated: Slice<'a>,
    }
    impl Default for CryptoSeal<'_> {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    #[repr(C)]
    pub struct CryptoSealed<'a> {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// Without the tag.
        pub bytes: Slice<'a>,
        /// Absent where the algorithm has none.
        pub tag: Slice<'a>,
    }
    impl Default for CryptoSealed<'_> {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    #[repr(C)]
    pub struct CryptoOpen<'a> {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// Which key.
        pub key_name: Name<'a>,
        /// As it was sealed.
        pub algorithm: Name<'a>,
        /// Without the tag.
        pub sealed: Slice<'a>,
        /// As it was sealed.
        pub nonce: Slice<'a>,
        /// As sealing answered.
        pub tag: Slice<'a>,
        /// As it was sealed.
        pub associated: Slice<'a>,
    }
    impl Default for CryptoOpen<'_> {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    #[repr(C)]
    pub struct CryptoOpened<'a> {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// The plain bytes; in unwrap_key the key's.
        pub plain: Slice<'a>,
    }
    impl Default for CryptoOpened<'_> {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    #[repr(C)]
    pub struct CryptoSign<'a> {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// Which key.
        pub key_name: Name<'a>,
        /// One of signature_algorithms.
        pub algorithm: Name<'a>,
        /// By the algorithm's hash; with EdDSA the message.
        pub digest: Slice<'a>,
    }
    impl Default for CryptoSign<'_> {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    #[repr(C)]
    pub struct CryptoSignature<'a> {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// The signature.
        pub bytes: Slice<'a>,
    }
    impl Default for CryptoSignature<'_> {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    #[repr(C)]
    pub struct CryptoVerify<'a> {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// Which key.
        pub key_name: Name<'a>,
        /// As it was signed.
        pub algorithm: Name<'a>,
        /// As it was signed.
        pub digest: Slice<'a>,
        /// What is to be judged.
        pub signature: Slice<'a>,
    }
    impl Default for CryptoVerify<'_> {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    #[repr(C)]
    pub struct CryptoVerdict {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// 0: it is not this key's signature of this digest.
        pub is_valid: u32,
    }
    impl Default for CryptoVerdict {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    /// The table of verbs of crypto.
    #[repr(C)]
    pub struct Ops {
        pub size: u32,
        /// of encrypt and wrap_key: "A256GCM RSA-OAEP-256 …"
        pub encryption_algorithms: *const c_char,
        /// "": none
        pub signature_algorithms: *const c_char,
        /// The public part of a key. Symmetric or unknown: TRB_CRYPTO_NO_SUCH_KEY.
        pub get_key: Option<trb_verb>,
        /// Seals a key with a key.
        pub wrap_key: Option<trb_verb>,
        /// The reverse.
        pub unwrap_key: Option<trb_verb>,
        /// Seals a short message. Optional.
        pub encrypt: Option<trb_verb>,
        /// The reverse. Optional.
        pub decrypt: Option<trb_verb>,
        /// Optional.
        pub sign: Option<trb_verb>,
        /// An altered digest is an answer, not an error. Optional.
        pub verify: Option<trb_verb>,
    }
    unsafe impl Sync for Ops {}
    impl Ops {
        pub const EMPTY: Self = {
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        };
    }

    /// The public part of a key. Symmetric or unknown: TRB_CRYPTO_NO_SUCH_KEY.
    pub struct get_key;
    impl Verb for get_key {
        type Question<'a> = CryptoKey<'a>;
        type Answer<'a> = CryptoPublicKey<'a>;
    }
    impl Single for get_key {}

    /// Seals a key with a key.
    pub struct wrap_key;
    impl Verb for wrap_key {
        type Question<'a> = CryptoSeal<'a>;
        type Answer<'a> = CryptoSealed<'a>;
    }
    impl Single for wrap_key {}

    /// The reverse.
    pub struct unwrap_key;
    impl Verb for unwrap_key {
        type Question<'a> = CryptoOpen<'a>;
        type Answer<'a> = CryptoOpened<'a>;
    }
    impl Single for unwrap_key {}

    /// Seals a short message. Optional.
    pub struct encrypt;
    impl Verb for encrypt {
        type Question<'a> = CryptoSeal<'a>;
        type Answer<'a> = CryptoSealed<'a>;
    }
    impl Single for encrypt {}

    /// The reverse. Optional.
    pub struct decrypt;
    impl Verb for decrypt {
        type Question<'a> = CryptoOpen<'a>;
        type Answer<'a> = CryptoOpened<'a>;
    }
    impl Single for decrypt {}

    /// Optional.
    pub struct sign;
    impl Verb for sign {
        type Question<'a> = CryptoSign<'a>;
        type Answer<'a> = CryptoSignature<'a>;
    }
    impl Single for sign {}

    /// An altered digest is an answer, not an error. Optional.
    pub struct verify;
    impl Verb for verify {
        type Question<'a> = CryptoVerify<'a>;
        type Answer<'a> = CryptoVerdict;
    }
    impl Single for verify {}

    const _: () = {
        assert!(size_of::<Ops>() == 80);
        assert!(offset_of!(Ops, size) == 0);
        assert!(offset_of!(Ops, encryption_algorithms) == 8);
        assert!(offset_of!(Ops, signature_algorithms) == 16);
        assert!(offset_of!(Ops, get_key) == 24);
        assert!(offset_of!(Ops, wrap_key) == 32);
        assert!(offset_of!(Ops, unwrap_key) == 40);
        assert!(offset_of!(Ops, encrypt) == 48);
        assert!(offset_of!(Ops, decrypt) == 56);
        assert!(offset_of!(Ops, sign) == 64);
        assert!(offset_of!(Ops, verify) == 72);
        assert!(size_of::<CryptoKey>() == 32);
        assert!(offset_of!(CryptoKey, size) == 0);
        assert!(offset_of!(CryptoKey, key_name) == 8);
        assert!(offset_of!(CryptoKey, format) == 24);
        assert!(size_of::<CryptoPublicKey>() == 40);
        assert!(offset_of!(CryptoPublicKey, size) == 0);
        assert!(offset_of!(CryptoPublicKey, id) == 8);
        assert!(offset_of!(CryptoPublicKey, text) == 24);
        assert!(size_of::<CryptoSeal>() == 88);
        assert!(offset_of!(CryptoSeal, size) == 0);
        assert!(offset_of!(CryptoSeal, key_name) == 8);
        assert!(offset_of!(CryptoSeal, algorithm) == 24);
        assert!(offset_of!(CryptoSeal, plain) == 40);
        assert!(offset_of!(CryptoSeal, nonce) == 56);
        assert!(offset_of!(CryptoSeal, associated) == 72);
        assert!(size_of::<CryptoSealed>() == 40);
        assert!(offset_of!(CryptoSealed, size) == 0);
        assert!(offset_of!(CryptoSealed, bytes) == 8);
        assert!(offset_of!(CryptoSealed, tag) == 24);
        assert!(size_of::<CryptoOpen>() == 104);
        assert!(offset_of!(CryptoOpen, size) == 0);
        assert!(offset_of!(CryptoOpen, key_name) == 8);
        assert!(offset_of!(CryptoOpen, algorithm) == 24);
        assert!(offset_of!(CryptoOpen, sealed) == 40);
        assert!(offset_of!(CryptoOpen, nonce) == 56);
        assert!(offset_of!(CryptoOpen, tag) == 72);
        assert!(offset_of!(CryptoOpen, associated) == 88);
        assert!(size_of::<CryptoOpened>() == 24);
        assert!(offset_of!(CryptoOpened, size) == 0);
        assert!(offset_of!(CryptoOpened, plain) == 8);
        assert!(size_of::<CryptoSign>() == 56);
        assert!(offset_of!(CryptoSign, size) == 0);
        assert!(offset_of!(CryptoSign, key_name) == 8);
        assert!(offset_of!(CryptoSign, algorithm) == 24);
        assert!(offset_of!(CryptoSign, digest) == 40);
        assert!(size_of::<CryptoSignature>() == 24);
        assert!(offset_of!(CryptoSignature, size) == 0);
        assert!(offset_of!(CryptoSignature, bytes) == 8);
        assert!(size_of::<CryptoVerify>() == 72);
        assert!(offset_of!(CryptoVerify, size) == 0);
        assert!(offset_of!(CryptoVerify, key_name) == 8);
        assert!(offset_of!(CryptoVerify, algorithm) == 24);
        assert!(offset_of!(CryptoVerify, digest) == 40);
        assert!(offset_of!(CryptoVerify, signature) == 56);
        assert!(size_of::<CryptoVerdict>() == 8);
        assert!(offset_of!(CryptoVerdict, size) == 0);
        assert!(offset_of!(CryptoVerdict, is_valid) == 4);
    };
}

/// trilby/lock.h: locks with an owner and an end. The verbs and structs are in lock.def. Mandatory: both.
#[allow(non_camel_case_types)]
pub mod lock {
    #[allow(unused_imports)]
    use crate::{abi::*, Bulk, Data, List, Name, Pairs, Plain, Single, Slice, Stream, Verb};
    #[allow(unused_imports)]
    use core::{ffi::c_char, mem::{offset_of, size_of}};

    /// it is free now
    pub const TRB_LOCK_RELEASED: u32 = 0;
    /// nobody holds it
    pub const TRB_LOCK_UNKNOWN: u32 = 1;
    /// another owner holds it: nothing was changed
    pub const TRB_LOCK_OF_OTHERS: u32 = 2;
    #[repr(C)]
    pub struct LockTry<'a> {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// The full key, prefix included.
        pub resource: Name<'a>,
        /// Who wants it.
        pub owner: Name<'a>,
        /// Seconds until it is free again by itself; above 0.
        pub expiry_s: i64,
    }
    impl Default for LockTry<'_> {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    #[repr(C)]
    pub struct LockTaken {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// 0: somebody holds it.
        pub is_taken: u32,
    }
    impl Default for LockTaken {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    #[repr(C)]
    pub struct LockRelease<'a> {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// The full key, prefix included.
        pub resource: Name<'a>,
        /// Who held it.
        pub owner: Name<'a>,
    }
    impl Default for LockRelease<'_> {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    #[repr(C)]
    pub struct LockReleased {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// TRB_LOCK_RELEASED, _UNKNOWN or _OF_OTHERS.
        pub status: u32,
    }
    impl Default for LockReleased {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    /// The table of verbs of lock.
    #[repr(C)]
    pub struct Ops {
        pub size: u32,
        /// Takes the lock or says that it is taken; never waits for it.
        pub try_lock: Option<trb_verb>,
        /// Gives it back, if this owner holds it.
        pub unlock: Option<trb_verb>,
    }
    unsafe impl Sync for Ops {}
    impl Ops {
        pub const EMPTY: Self = {
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        };
    }

    /// Takes the lock or says that it is taken; never waits for it.
    pub struct try_lock;
    impl Verb for try_lock {
        type Question<'a> = LockTry<'a>;
        type Answer<'a> = LockTaken;
    }
    impl Single for try_lock {}

    /// Gives it back, if this owner holds it.
    pub struct unlock;
    impl Verb for unlock {
        type Question<'a> = LockRelease<'a>;
        type Answer<'a> = LockReleased;
    }
    impl Single for unlock {}

    const _: () = {
        assert!(size_of::<Ops>() == 24);
        assert!(offset_of!(Ops, size) == 0);
        assert!(offset_of!(Ops, try_lock) == 8);
        assert!(offset_of!(Ops, unlock) == 16);
        assert!(size_of::<LockTry>() == 48);
        assert!(offset_of!(LockTry, size) == 0);
        assert!(offset_of!(LockTry, resource) == 8);
        assert!(offset_of!(LockTry, owner) == 24);
        assert!(offset_of!(LockTry, expiry_s) == 40);
        assert!(size_of::<LockTaken>() == 8);
        assert!(offset_of!(LockTaken, size) == 0);
        assert!(offset_of!(LockTaken, is_taken) == 4);
        assert!(size_of::<LockRelease>() == 40);
        assert!(offset_of!(LockRelease, size) == 0);
        assert!(offset_of!(LockRelease, resource) == 8);
        assert!(offset_of!(LockRelease, owner) == 24);
        assert!(size_of::<LockReleased>() == 8);
        assert!(offset_of!(LockReleased, size) == 0);
        assert!(offset_of!(LockReleased, status) == 4);
    };
}

/// trilby/nameresolution.h: from an app id to an address. The verbs and structs are in
/// nameresolution.def. A component that cannot find an app fails with TRB_NOT_FOUND.
#[allow(non_camel_case_types)]
pub mod nameresolution {
    #[allow(unused_imports)]
    use crate::{abi::*, Bulk, Data, List, Name, Pairs, Plain, Single, Slice, Stream, Verb};
    #[allow(unused_imports)]
    use core::{ffi::c_char, mem::{offset_of, size_of}};

    #[repr(C)]
    pub struct NameAnnounce<'a> {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// Who we are.
        pub app_id: Name<'a>,
        /// Where; empty outside of namespaces.
        pub namespace_: Name<'a>,
        /// The host address that others shall use.
        pub address: Name<'a>,
        /// Of our peer listener (gRPC).
        pub port: u32,
        /// Of our API listener.
        pub http_port: u32,
        /// Of the application; 0: none.
        pub app_port: u32,
    }
    impl Default for NameAnnounce<'_> {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    #[repr(C)]
    pub struct NameResolve<'a> {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// Whom to find.
        pub app_id: Name<'a>,
        /// Where.
        pub namespace_: Name<'a>,
        /// The peer port to assume where the product knows none.
        pub port: u32,
    }
    impl Default for NameResolve<'_> {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    #[repr(C)]
    pub struct NameAddress<'a> {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// host:port, \[v6\]:port or a name:port that DNS knows.
        pub address: Name<'a>,
    }
    impl Default for NameAddress<'_> {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    /// The table of verbs of nameresolution.
    #[repr(C)]
    pub struct Ops {
        pub size: u32,
        /// Makes us known until stop takes us back. Optional.
        pub announce: Option<trb_verb>,
        /// One address, spread over several instances.
        pub resolve: Option<trb_verb>,
    }
    unsafe impl Sync for Ops {}
    impl Ops {
        pub const EMPTY: Self = {
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        };
    }

    /// Makes us known until stop takes us back. Optional.
    pub struct announce;
    impl Verb for announce {
        type Question<'a> = NameAnnounce<'a>;
        type Answer<'a> = crate::Nothing;
    }
    impl Single for announce {}
    impl Plain for announce {}

    /// One address, spread over several instances.
    pub struct resolve;
    impl Verb for resolve {
        type Question<'a> = NameResolve<'a>;
        type Answer<'a> = NameAddress<'a>;
    }
    impl Single for resolve {}

    const _: () = {
        assert!(size_of::<Ops>() == 24);
        assert!(offset_of!(Ops, size) == 0);
        assert!(offset_of!(Ops, announce) == 8);
        assert!(offset_of!(Ops, resolve) == 16);
        assert!(size_of::<NameAnnounce>() == 72);
        assert!(offset_of!(NameAnnounce, size) == 0);
        assert!(offset_of!(NameAnnounce, app_id) == 8);
        assert!(offset_of!(NameAnnounce, namespace_) == 24);
        assert!(offset_of!(NameAnnounce, address) == 40);
        assert!(offset_of!(NameAnnounce, port) == 56);
        assert!(offset_of!(NameAnnounce, http_port) == 60);
        assert!(offset_of!(NameAnnounce, app_port) == 64);
        assert!(size_of::<NameResolve>() == 48);
        assert!(offset_of!(NameResolve, size) == 0);
        assert!(offset_of!(NameResolve, app_id) == 8);
        assert!(offset_of!(NameResolve, namespace_) == 24);
        assert!(offset_of!(NameResolve, port) == 40);
        assert!(size_of::<NameAddress>() == 24);
        assert!(offset_of!(NameAddress, size) == 0);
        assert!(offset_of!(NameAddress, address) == 8);
    };
}

/// trilby/pubsub.h: a message product. The verbs and structs are in pubsub.def.
///
/// Mandatory: publish, subscribe. A subscription is one call: opened once the product listens, emit
/// for each message, settle tells its fate (TRB_RETRY: deliver again if the product can), done or
/// fail when it ends, which cancel asks for.
#[allow(non_camel_case_types)]
pub mod pubsub {
    #[allow(unused_imports)]
    use crate::{abi::*, Bulk, Data, List, Name, Pairs, Plain, Single, Slice, Stream, Verb};
    #[allow(unused_imports)]
    use core::{ffi::c_char, mem::{offset_of, size_of}};

    /// MESSAGE_TTL
    pub const TRB_PUBSUB_MESSAGE_TTL: u64 = 1 << 0;
    /// SUBSCRIBE_WILDCARDS
    pub const TRB_PUBSUB_WILDCARDS: u64 = 1 << 1;
    /// BULK_PUBSUB: bulk_publish
    pub const TRB_PUBSUB_BULK_PUBLISH: u64 = 1 << 2;
    #[repr(C)]
    pub struct PubsubPublish<'a> {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// Where to.
        pub topic: Name<'a>,
        /// The message, as it goes to the product.
        pub data: Data<'a>,
        /// Of data, or absent.
        pub content_type: Name<'a>,
        /// Becomes the message's own metadata where the product has such.
        pub metadata: Pairs<'a>,
    }
    impl Default for PubsubPublish<'_> {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    #[repr(C)]
    pub struct PubsubEntry<'a> {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// The client's word for this entry.
        pub id: Name<'a>,
        /// The message.
        pub data: Data<'a>,
        /// Of data, or absent.
        pub content_type: Name<'a>,
        /// Of this message.
        pub metadata: Pairs<'a>,
    }
    impl Default for PubsubEntry<'_> {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    #[repr(C)]
    pub struct PubsubBulkPublish<'a> {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// Where to.
        pub topic: Name<'a>,
        /// The messages, in order.
        pub entries: List<'a, PubsubEntry<'a>>,
        /// Of the whole request.
        pub metadata: Pairs<'a>,
    }
    impl Default for PubsubBulkPublish<'_> {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    #[repr(C)]
    pub struct PubsubSubscribe<'a> {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// What to listen to.
        pub topic: Name<'a>,
        /// Of the subscription.
        pub metadata: Pairs<'a>,
        /// The app takes so many at once: what comes in order may be that far ahead; 0: one.
        pub batch: u32,
    }
    impl Default for PubsubSubscribe<'_> {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    #[repr(C)]
    pub struct PubsubEvent<'a> {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// Where it came from.
        pub topic: Name<'a>,
        /// The message, as the product had it.
        pub data: Data<'a>,
        /// Or absent.
        pub content_type: Name<'a>,
        /// The message's own metadata.
        pub metadata: Pairs<'a>,
    }
    impl Default for PubsubEvent<'_> {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    /// The table of verbs of pubsub.
    #[repr(C)]
    pub struct Ops {
        pub size: u32,
        /// Answers when the product has taken the message.
        pub publish: Option<trb_verb>,
        /// Many messages; a failed one by item. Optional.
        pub bulk_publish: Option<trb_verb>,
        /// Until cancelled; each event is settled once.
        pub subscribe: Option<trb_verb>,
    }
    unsafe impl Sync for Ops {}
    impl Ops {
        pub const EMPTY: Self = {
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        };
    }

    /// Answers when the product has taken the message.
    pub struct publish;
    impl Verb for publish {
        type Question<'a> = PubsubPublish<'a>;
        type Answer<'a> = crate::Nothing;
    }
    impl Single for publish {}
    impl Plain for publish {}

    /// Many messages; a failed one by item. Optional.
    pub struct bulk_publish;
    impl Verb for bulk_publish {
        type Question<'a> = PubsubBulkPublish<'a>;
        type Answer<'a> = crate::Nothing;
    }
    impl Bulk for bulk_publish {}

    /// Until cancelled; each event is settled once.
    pub struct subscribe;
    impl Verb for subscribe {
        type Question<'a> = PubsubSubscribe<'a>;
        type Answer<'a> = PubsubEvent<'a>;
    }
    impl Stream for subscribe {}

    const _: () = {
        assert!(size_of::<Ops>() == 32);
        assert!(offset_of!(Ops, size) == 0);
        assert!(offset_of!(Ops, publish) == 8);
        assert!(offset_of!(Ops, bulk_publish) == 16);
        assert!(offset_of!(Ops, subscribe) == 24);
        assert!(size_of::<PubsubPublish>() == 80);
        assert!(offset_of!(PubsubPublish, size) == 0);
        assert!(offset_of!(PubsubPublish, topic) == 8);
        assert!(offset_of!(PubsubPublish, data) == 24);
        assert!(offset_of!(PubsubPublish, content_type) == 48);
        assert!(offset_of!(PubsubPublish, metadata) == 64);
        assert!(size_of::<PubsubEntry>() == 80);
        assert!(offset_of!(PubsubEntry, size) == 0);
        assert!(offset_of!(PubsubEntry, id) == 8);
        assert!(offset_of!(PubsubEntry, data) == 24);
        assert!(offset_of!(PubsubEntry, content_type) == 48);
        assert!(offset_of!(PubsubEntry, metadata) == 64);
        assert!(size_of::<PubsubBulkPublish>() == 56);
        assert!(offset_of!(PubsubBulkPublish, size) == 0);
        assert!(offset_of!(PubsubBulkPublish, topic) == 8);
        assert!(offset_of!(PubsubBulkPublish, entries) == 24);
        assert!(offset_of!(PubsubBulkPublish, metadata) == 40);
        assert!(size_of::<PubsubSubscribe>() == 48);
        assert!(offset_of!(PubsubSubscribe, size) == 0);
        assert!(offset_of!(PubsubSubscribe, topic) == 8);
        assert!(offset_of!(PubsubSubscribe, metadata) == 24);
        assert!(offset_of!(PubsubSubscribe, batch) == 40);
        assert!(size_of::<PubsubEvent>() == 80);
        assert!(offset_of!(PubsubEvent, size) == 0);
        assert!(offset_of!(PubsubEvent, topic) == 8);
        assert!(offset_of!(PubsubEvent, data) == 24);
        assert!(offset_of!(PubsubEvent, content_type) == 48);
        assert!(offset_of!(PubsubEvent, metadata) == 64);
    };
}

/// trilby/secretstores.h: a store of secrets. The verbs and structs are in secretstores.def.
/// Values are wiped by the host after use and never logged.
#[allow(non_camel_case_types)]
pub mod secretstores {
    #[allow(unused_imports)]
    use crate::{abi::*, Bulk, Data, List, Name, Pairs, Plain, Single, Slice, Stream, Verb};
    #[allow(unused_imports)]
    use core::{ffi::c_char, mem::{offset_of, size_of}};

    /// MULTIPLE_KEY_VALUES_PER_SECRET
    pub const TRB_SECRET_MULTIPLE: u64 = 1 << 0;
    #[repr(C)]
    pub struct SecretGet<'a> {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// Which secret.
        pub name: Name<'a>,
        /// What the client said beside it.
        pub metadata: Pairs<'a>,
    }
    impl Default for SecretGet<'_> {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    #[repr(C)]
    pub struct Secret<'a> {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// In a bulk: the secret's name; else absent.
        pub name: Name<'a>,
        /// Usually one pair, name and value; more where the store knows parts.
        pub values: Pairs<'a>,
    }
    impl Default for Secret<'_> {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    #[repr(C)]
    pub struct SecretBulk<'a> {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// What the client said beside it.
        pub metadata: Pairs<'a>,
    }
    impl Default for SecretBulk<'_> {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    /// The table of verbs of secretstores.
    #[repr(C)]
    pub struct Ops {
        pub size: u32,
        /// One secret. Unknown: TRB_NOT_FOUND.
        pub get: Option<trb_verb>,
        /// All secrets this store lets us read, one item each. Optional.
        pub bulk: Option<trb_verb>,
    }
    unsafe impl Sync for Ops {}
    impl Ops {
        pub const EMPTY: Self = {
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        };
    }

    /// One secret. Unknown: TRB_NOT_FOUND.
    pub struct get;
    impl Verb for get {
        type Question<'a> = SecretGet<'a>;
        type Answer<'a> = Secret<'a>;
    }
    impl Single for get {}

    /// All secrets this store lets us read, one item each. Optional.
    pub struct bulk;
    impl Verb for bulk {
        type Question<'a> = SecretBulk<'a>;
        type Answer<'a> = Secret<'a>;
    }
    impl Bulk for bulk {}

    const _: () = {
        assert!(size_of::<Ops>() == 24);
        assert!(offset_of!(Ops, size) == 0);
        assert!(offset_of!(Ops, get) == 8);
        assert!(offset_of!(Ops, bulk) == 16);
        assert!(size_of::<SecretGet>() == 40);
        assert!(offset_of!(SecretGet, size) == 0);
        assert!(offset_of!(SecretGet, name) == 8);
        assert!(offset_of!(SecretGet, metadata) == 24);
        assert!(size_of::<Secret>() == 40);
        assert!(offset_of!(Secret, size) == 0);
        assert!(offset_of!(Secret, name) == 8);
        assert!(offset_of!(Secret, values) == 24);
        assert!(size_of::<SecretBulk>() == 24);
        assert!(offset_of!(SecretBulk, size) == 0);
        assert!(offset_of!(SecretBulk, metadata) == 8);
    };
}

/// trilby/state.h: a state store. Values are bytes; keys arrive complete; durable before done.
///
/// The verbs and structs are in state.def. Mandatory: get, set, remove. Errors say their kind below.
#[allow(non_camel_case_types)]
pub mod state {
    #[allow(unused_imports)]
    use crate::{abi::*, Bulk, Data, List, Name, Pairs, Plain, Single, Slice, Stream, Verb};
    #[allow(unused_imports)]
    use core::{ffi::c_char, mem::{offset_of, size_of}};

    /// ETAG
    pub const TRB_STATE_ETAG: u64 = 1 << 0;
    /// TRANSACTIONAL: transact
    pub const TRB_STATE_TRANSACTIONAL: u64 = 1 << 1;
    /// QUERY_API: query
    pub const TRB_STATE_QUERY: u64 = 1 << 2;
    /// TTL
    pub const TRB_STATE_TTL: u64 = 1 << 3;
    /// DELETE_WITH_PREFIX: remove_prefix
    pub const TRB_STATE_DELETE_WITH_PREFIX: u64 = 1 << 4;
    /// KEYS_LIKE: keys_like
    pub const TRB_STATE_KEYS_LIKE: u64 = 1 << 5;
    /// no promise, and not shown: query is asked whatever is promised
    pub const TRB_STATE_QUERY_ANYWAY: u64 = 1 << 6;
    /// consistency: an older value may be read
    pub const TRB_STATE_EVENTUAL: u32 = 1;
    /// consistency: what was written last is read
    pub const TRB_STATE_STRONG: u32 = 2;
    /// concurrency: without an etag only if there is none yet
    pub const TRB_STATE_FIRST_WRITE: u32 = 1;
    /// concurrency: whoever comes last
    pub const TRB_STATE_LAST_WRITE: u32 = 2;
    /// kind of an operation: write
    pub const TRB_STATE_UPSERT: u32 = 1;
    /// kind of an operation: remove
    pub const TRB_STATE_REMOVE: u32 = 2;
    /// code TRB_ABORTED
    pub const TRB_STATE_ETAG_MISMATCH: u32 = 1;
    /// code TRB_INVALID
    pub const TRB_STATE_ETAG_INVALID: u32 = 2;
    /// trb_error.kind. The message is the store's own detail; the block adds the client's sentence.
    pub const TRB_STATE_BAD_QUERY: u32 = 3;
    /// operations in a transaction; item is the most that it may have
    pub const TRB_STATE_TOO_MANY: u32 = 4;
    #[repr(C)]
    pub struct StateGet<'a> {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// The full key, prefix included.
        pub key: Name<'a>,
        /// What the client said beside it.
        pub metadata: Pairs<'a>,
        /// TRB_STATE_EVENTUAL or TRB_STATE_STRONG; 0: not said.
        pub consistency: u32,
    }
    impl Default for StateGet<'_> {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    #[repr(C)]
    pub struct StateItem<'a> {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// The stored bytes; absent: there is no such item.
        pub value: Data<'a>,
        /// Its version, as opaque text; absent: none.
        pub etag: Slice<'a>,
        /// Absent: application/json.
        pub content_type: Slice<'a>,
        /// Of an item that expires: ttlExpireTime, in UTC as 2026-01-31T23:59:59Z.
        pub metadata: Pairs<'a>,
    }
    impl Default for StateItem<'_> {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    #[repr(C)]
    pub struct StateSet<'a> {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// The full key, prefix included.
        pub key: Name<'a>,
        /// The bytes to store, uninterpreted.
        pub value: Data<'a>,
        /// Only if this is the present version; absent or empty: any.
        pub etag: Name<'a>,
        /// What the client said beside it.
        pub metadata: Pairs<'a>,
        /// The client's word, or absent.
        pub content_type: Name<'a>,
        /// TRB_STATE_FIRST_WRITE or TRB_STATE_LAST_WRITE; 0: not said.
        pub concurrency: u32,
        /// As in get.
        pub consistency: u32,
        /// 1: ttl_s counts.
        pub has_ttl: u32,
        /// Seconds to live; 0 and below: for ever, an earlier expiry is lifted.
        pub ttl_s: i64,
        /// 1: the client gave JSON, not bytes; a store may keep it in a form of its own for JSON.
        pub is_json: u32,
    }
    impl Default for StateSet<'_> {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    #[repr(C)]
    pub struct StateDelete<'a> {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// The full key, prefix included.
        pub key: Name<'a>,
        /// Only if this is the present version; absent or empty: any.
        pub etag: Name<'a>,
        /// What the client said beside it.
        pub metadata: Pairs<'a>,
        /// As in set.
        pub concurrency: u32,
        /// As in get.
        pub consistency: u32,
    }
    impl Default for StateDelete<'_> {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    #[repr(C)]
    pub struct StateBulkGet<'a> {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// What to read.
        pub items: List<'a, StateGet<'a>>,
        /// At most so many at once; 0: as you like.
        pub parallelism: u32,
    }
    impl Default for StateBulkGet<'_> {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    #[repr(C)]
    pub struct StateBulkSet<'a> {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// What to write.
        pub items: List<'a, StateSet<'a>>,
        /// At most so many at once; 0: as you like.
        pub parallelism: u32,
    }
    impl Default for StateBulkSet<'_> {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    #[repr(C)]
    pub struct StateBulkDelete<'a> {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// What to remove.
        pub items: List<'a, StateDelete<'a>>,
        /// At most so many at once; 0: as you like.
        pub parallelism: u32,
    }
    impl Default for StateBulkDelete<'_> {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    #[repr(C)]
    pub struct StateOperation<'a> {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// TRB_STATE_UPSERT or TRB_STATE_REMOVE (etag, key, metadata count then).
        pub kind: u32,
        /// 1: ttl_s counts, as in set.
        pub has_ttl: u32,
        /// The full key, prefix included.
        pub key: Name<'a>,
        /// The bytes to store.
        pub value: Data<'a>,
        /// As in set.
        pub etag: Name<'a>,
        /// As in set.
        pub metadata: Pairs<'a>,
        /// As in set.
        pub content_type: Name<'a>,
        /// As in set.
        pub concurrency: u32,
        /// As in set.
        pub consistency: u32,
        /// As in set.
        pub ttl_s: i64,
        /// As in set.
        pub is_json: u32,
    }
    impl Default for StateOperation<'_> {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    #[repr(C)]
    pub struct StateTransact<'a> {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// All of them, or none.
        pub operations: List<'a, StateOperation<'a>>,
        /// What the client said beside it.
        pub metadata: Pairs<'a>,
    }
    impl Default for StateTransact<'_> {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    #[repr(C)]
    pub struct StateQuery<'a> {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// The query as JSON.
        pub query: Slice<'a>,
        /// What the client said beside it.
        pub metadata: Pairs<'a>,
    }
    impl Default for StateQuery<'_> {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    #[repr(C)]
    pub struct StateQueryItem<'a> {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// The full key. Empty in the last item, which carries the token.
        pub key: Name<'a>,
        /// The stored bytes.
        pub value: Data<'a>,
        /// Its version.
        pub etag: Slice<'a>,
        /// Where to go on; last item only.
        pub token: Slice<'a>,
        /// Why this one could not be read; absent: it could.
        pub error: Slice<'a>,
    }
    impl Default for StateQueryItem<'_> {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    #[repr(C)]
    pub struct StateDeletePrefix<'a> {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// Every key that begins so.
        pub prefix: Name<'a>,
    }
    impl Default for StateDeletePrefix<'_> {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    #[repr(C)]
    pub struct StateCount {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// How many were removed.
        pub count: i64,
    }
    impl Default for StateCount {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    #[repr(C)]
    pub struct StateKeysLike<'a> {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// As LIKE in SQL: % any run, _ any character, \ takes their meaning.
        pub pattern: Name<'a>,
        /// Where to go on; absent: from the start.
        pub token: Slice<'a>,
        /// At most so many keys; 0: all.
        pub page_size: u32,
    }
    impl Default for StateKeysLike<'_> {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    #[repr(C)]
    pub struct StateKey<'a> {
        /// Of this struct, as its writer compiled it.
        pub size: u32,
        /// The full key. Empty in the last item, which carries the token.
        pub key: Name<'a>,
        /// Where to go on; last item only.
        pub token: Slice<'a>,
    }
    impl Default for StateKey<'_> {
        fn default() -> Self {
            // All members may be zero: absent, 0, none.
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        }
    }

    /// The table of verbs of state.
    #[repr(C)]
    pub struct Ops {
        pub size: u32,
        /// most operations in one transaction; 0: no limit
        pub transact_max: u32,
        /// One item; an absent one is not an error.
        pub get: Option<trb_verb>,
        /// Writes one item, durably before it answers.
        pub set: Option<trb_verb>,
        /// Removes one item; an absent one is not an error without an etag.
        pub remove: Option<trb_verb>,
        /// Many items, each with its own result. Optional.
        pub bulk_get: Option<trb_verb>,
        /// Many writes; a failed one by item. Optional.
        pub bulk_set: Option<trb_verb>,
        /// Many removals. Optional.
        pub bulk_remove: Option<trb_verb>,
        /// All operations or none. With TRB_STATE_TRANSACTIONAL.
        pub transact: Option<trb_verb>,
        /// With TRB_STATE_QUERY.
        pub query: Option<trb_verb>,
        /// With TRB_STATE_DELETE_WITH_PREFIX.
        pub remove_prefix: Option<trb_verb>,
        /// Keys by pattern, page by page. With TRB_STATE_KEYS_LIKE.
        pub keys_like: Option<trb_verb>,
    }
    unsafe impl Sync for Ops {}
    impl Ops {
        pub const EMPTY: Self = {
            let mut made: Self = unsafe { core::mem::zeroed() };
            made.size = size_of::<Self>() as u32;
            made
        };
    }

    /// One item; an absent one is not an error.
    pub struct get;
    impl Verb for get {
        type Question<'a> = StateGet<'a>;
        type Answer<'a> = StateItem<'a>;
    }
    impl Single for get {}

    /// Writes one item, durably before it answers.
    pub struct set;
    impl Verb for set {
        type Question<'a> = StateSet<'a>;
        type Answer<'a> = crate::Nothing;
    }
    impl Single for set {}
    impl Plain for set {}

    /// Removes one item; an absent one is not an error without an etag.
    pub struct remove;
    impl Verb for remove {
        type Question<'a> = StateDelete<'a>;
        type Answer<'a> = crate::Nothing;
    }
    impl Single for remove {}
    impl Plain for remove {}

    /// Many items, each with its own result. Optional.
    pub struct bulk_get;
    impl Verb for bulk_get {
        type Question<'a> = StateBulkGet<'a>;
        type Answer<'a> = StateItem<'a>;
    }
    impl Bulk for bulk_get {}

    /// Many writes; a failed one by item. Optional.
    pub struct bulk_set;
    impl Verb for bulk_set {
        type Question<'a> = StateBulkSet<'a>;
        type Answer<'a> = crate::Nothing;
    }
    impl Bulk for bulk_set {}

    /// Many removals. Optional.
    pub struct bulk_remove;
    impl Verb for bulk_remove {
        type Question<'a> = StateBulkDelete<'a>;
        type Answer<'a> = crate::Nothing;
    }
    impl Bulk for bulk_remove {}

    /// All operations or none. With TRB_STATE_TRANSACTIONAL.
    pub struct transact;
    impl Verb for transact {
        type Question<'a> = StateTransact<'a>;
        type Answer<'a> = crate::Nothing;
    }
    impl Single for transact {}
    impl Plain for transact {}

    /// With TRB_STATE_QUERY.
    pub struct query;
    impl Verb for query {
        type Question<'a> = StateQuery<'a>;
        type Answer<'a> = StateQueryItem<'a>;
    }
    impl Bulk for query {}

    /// With TRB_STATE_DELETE_WITH_PREFIX.
    pub struct remove_prefix;
    impl Verb for remove_prefix {
        type Question<'a> = StateDeletePrefix<'a>;
        type Answer<'a> = StateCount;
    }
    impl Single for remove_prefix {}

    /// Keys by pattern, page by page. With TRB_STATE_KEYS_LIKE.
    pub struct keys_like;
    impl Verb for keys_like {
        type Question<'a> = StateKeysLike<'a>;
        type Answer<'a> = StateKey<'a>;
    }
    impl Bulk for keys_like {}

    const _: () = {
        assert!(size_of::<Ops>() == 88);
        assert!(offset_of!(Ops, size) == 0);
        assert!(offset_of!(Ops, transact_max) == 4);
        assert!(offset_of!(Ops, get) == 8);
        assert!(offset_of!(Ops, set) == 16);
        assert!(offset_of!(Ops, remove) == 24);
        assert!(offset_of!(Ops, bulk_get) == 32);
        assert!(offset_of!(Ops, bulk_set) == 40);
        assert!(offset_of!(Ops, bulk_remove) == 48);
        assert!(offset_of!(Ops, transact) == 56);
        assert!(offset_of!(Ops, query) == 64);
        assert!(offset_of!(Ops, remove_prefix) == 72);
        assert!(offset_of!(Ops, keys_like) == 80);
        assert!(size_of::<StateGet>() == 48);
        assert!(offset_of!(StateGet, size) == 0);
        assert!(offset_of!(StateGet, key) == 8);
        assert!(offset_of!(StateGet, metadata) == 24);
        assert!(offset_of!(StateGet, consistency) == 40);
        assert!(size_of::<StateItem>() == 80);
        assert!(offset_of!(StateItem, size) == 0);
        assert!(offset_of!(StateItem, value) == 8);
        assert!(offset_of!(StateItem, etag) == 32);
        assert!(offset_of!(StateItem, content_type) == 48);
        assert!(offset_of!(StateItem, metadata) == 64);
        assert!(size_of::<StateSet>() == 128);
        assert!(offset_of!(StateSet, size) == 0);
        assert!(offset_of!(StateSet, key) == 8);
        assert!(offset_of!(StateSet, value) == 24);
        assert!(offset_of!(StateSet, etag) == 48);
        assert!(offset_of!(StateSet, metadata) == 64);
        assert!(offset_of!(StateSet, content_type) == 80);
        assert!(offset_of!(StateSet, concurrency) == 96);
        assert!(offset_of!(StateSet, consistency) == 100);
        assert!(offset_of!(StateSet, has_ttl) == 104);
        assert!(offset_of!(StateSet, ttl_s) == 112);
        assert!(offset_of!(StateSet, is_json) == 120);
        assert!(size_of::<StateDelete>() == 64);
        assert!(offset_of!(StateDelete, size) == 0);
        assert!(offset_of!(StateDelete, key) == 8);
        assert!(offset_of!(StateDelete, etag) == 24);
        assert!(offset_of!(StateDelete, metadata) == 40);
        assert!(offset_of!(StateDelete, concurrency) == 56);
        assert!(offset_of!(StateDelete, consistency) == 60);
        assert!(size_of::<StateBulkGet>() == 32);
        assert!(offset_of!(StateBulkGet, size) == 0);
        assert!(offset_of!(StateBulkGet, items) == 8);
        assert!(offset_of!(StateBulkGet, parallelism) == 24);
        assert!(size_of::<StateBulkSet>() == 32);
        assert!(offset_of!(StateBulkSet, size) == 0);
        assert!(offset_of!(StateBulkSet, items) == 8);
        assert!(offset_of!(StateBulkSet, parallelism) == 24);
        assert!(size_of::<StateBulkDelete>() == 32);
        assert!(offset_of!(StateBulkDelete, size) == 0);
        assert!(offset_of!(StateBulkDelete, items) == 8);
        assert!(offset_of!(StateBulkDelete, parallelism) == 24);
        assert!(size_of::<StateOperation>() == 128);
        assert!(offset_of!(StateOperation, size) == 0);
        assert!(offset_of!(StateOperation, kind) == 4);
        assert!(offset_of!(StateOperation, has_ttl) == 8);
        assert!(offset_of!(StateOperation, key) == 16);
        assert!(offset_of!(StateOperation, value) == 32);
        assert!(offset_of!(StateOperation, etag) == 56);
        assert!(offset_of!(StateOperation, metadata) == 72);
        assert!(offset_of!(StateOperation, content_type) == 88);
        assert!(offset_of!(StateOperation, concurrency) == 104);
        assert!(offset_of!(StateOperation, consistency) == 108);
        assert!(offset_of!(StateOperation, ttl_s) == 112);
        assert!(offset_of!(StateOperation, is_json) == 120);
        assert!(size_of::<StateTransact>() == 40);
        assert!(offset_of!(StateTransact, size) == 0);
        assert!(offset_of!(StateTransact, operations) == 8);
        assert!(offset_of!(StateTransact, metadata) == 24);
        assert!(size_of::<StateQuery>() == 40);
        assert!(offset_of!(StateQuery, size) == 0);
        assert!(offset_of!(StateQuery, query) == 8);
        assert!(offset_of!(StateQuery, metadata) == 24);
        assert!(size_of::<StateQueryItem>() == 96);
        assert!(offset_of!(StateQueryItem, size) == 0);
        assert!(offset_of!(StateQueryItem, key) == 8);
        assert!(offset_of!(StateQueryItem, value) == 24);
        assert!(offset_of!(StateQueryItem, etag) == 48);
        assert!(offset_of!(StateQueryItem, token) == 64);
        assert!(offset_of!(StateQueryItem, error) == 80);
        assert!(size_of::<StateDeletePrefix>() == 24);
        assert!(offset_of!(StateDeletePrefix, size) == 0);
        assert!(offset_of!(StateDeletePrefix, prefix) == 8);
        assert!(size_of::<StateCount>() == 16);
        assert!(offset_of!(StateCount, size) == 0);
        assert!(offset_of!(StateCount, count) == 8);
        assert!(size_of::<StateKeysLike>() == 48);
        assert!(offset_of!(StateKeysLike, size) == 0);
        assert!(offset_of!(StateKeysLike, pattern) == 8);
        assert!(offset_of!(StateKeysLike, token) == 24);
        assert!(offset_of!(StateKeysLike, page_size) == 40);
        assert!(size_of::<StateKey>() == 40);
        assert!(offset_of!(StateKey, size) == 0);
        assert!(offset_of!(StateKey, key) == 8);
        assert!(offset_of!(StateKey, token) == 24);
    };
}
