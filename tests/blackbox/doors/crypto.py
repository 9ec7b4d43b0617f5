"""Encrypted streams over both doors (grpc-api.md 3.8 and 8, http-api.md 4.11, components.md 6.17)."""

import base64

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from harness import sealed
from harness.doors import Refused, refused
from harness.table import Table

table = Table()
SYM = bytes(range(32))
KEYS = {"sym": SYM, "other": bytes(32), "k16": bytes(range(16)), "k24": bytes(range(24)),
        "rsa.pem": rsa.generate_private_key(65537, 2048)}
WRAPS = {"A256KW": "sym", "A128CBC-NOPAD": "k16", "A192CBC-NOPAD": "k24", "A256CBC-NOPAD": "sym", "RSA-OAEP-256": "rsa.pem"}
SIZES = (0, 1, 65535, 65536, 65537, 200000)
# Sealed by Dapr with the key sym: "hello world" (components.md 6.17).
OF_DAPR = [
    b'dapr.io/enc/v1\n{"k":"sym","kw":1,"wfk":"MLkEylC5qBzW13PMFjgmWQvtBo6Lcj1qlARzIg31qLLiprmAI6eDkQ==","cph":1,'
    b'"np":"JEK5JcioiA=="}\n2sn2X/bYOHVx9uK/VzdfoHttb7VfFTox8Rb+oPIegLY=\n'
    + bytes.fromhex("c1fe033448fa8e6a1a9a90b08102806b02fbb4b42fa6642b921197"),
    b'dapr.io/enc/v1\n{"k":"sym","kw":1,"wfk":"4m/RIM0Med7PtE9Jqa0e7T1IDONdQ66JKCGOTZ3VDW7LxWvBk9HH/g==","cph":2,'
    b'"np":"k9Yx3l0Phw=="}\nPuCq/K9BFxoJhOzoyp9AFv+9CSqN/7NehdCbWMC6AOA=\n'
    + bytes.fromhex("67cb8e3eb568ee8ec40ccb2b5048bf0f6ae5ba4a6657ce31f577e7")]


def keys_write(folder):
    for name, key in KEYS.items():
        if not isinstance(key, bytes):
            key = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        (folder / name).write_bytes(key)
    return folder


def text_of(size):
    return (b"0123456789abcdef-" * (size // 17 + 1))[:size]


def failed(text):
    return refused(f"failed to perform operation: {text}", http=(500, "ERR_CRYPTO"), grpc=("INTERNAL",))


def bad(grpc, http=None):
    return refused(f"invalid request: {grpc}", http=(400, "ERR_BAD_REQUEST"), grpc=("INVALID_ARGUMENT",),
                   http_message=f"invalid request: {http or grpc}")


# ------------------------------------------------------------------------------------------ the format
for number, data in enumerate(OF_DAPR):
    table.row(f"8 what Dapr sealed is opened ({number})", lambda at, data=data: at.door.decrypt("keys", data), b"hello world")


def _round(algorithm, cipher):
    key = KEYS[WRAPS[algorithm]]

    @table.check(f"8 {algorithm} with {cipher}: sealed by us, opened from the description alone, and back")
    def both_ways(at):
        for size in SIZES:
            text = text_of(size)
            made = at.door.encrypt("keys", text, WRAPS[algorithm], algorithm, cipher)
            assert sealed.manifest_of(made)["k"] == WRAPS[algorithm]
            assert len(sealed.split(made)[3]) == size + 16 * ((size + 65535) // 65536)
            assert sealed.open_(made, algorithm, key) == text
            assert at.door.decrypt("keys", made) == text
            assert at.door.decrypt("keys", sealed.seal(text, algorithm, key, cipher, WRAPS[algorithm])) == text


for one in WRAPS:
    for other in sealed.CIPHERS:
        _round(one, other)


@table.check("8 each stream has a key and a nonce prefix of its own")
def fresh(at):
    made = [sealed.manifest_of(at.door.encrypt("keys", b"x", "sym", "A256KW")) for _ in range(3)]
    for member in ("wfk", "np"):
        assert len({one[member] for one in made}) == 3


@table.check("3.8 algorithms have aliases and no letter case; the cipher is AES-GCM unless said")
def aliases(at):
    for said, number in (("AES", 1), ("aes", 1), ("a256kw", 1)):
        made = sealed.manifest_of(at.door.encrypt("keys", b"x", "sym", said))
        assert (made["kw"], made["cph"]) == (number, 1)
    made = sealed.manifest_of(at.door.encrypt("keys", b"x", "rsa.pem", "rsa", "chacha20-poly1305"))
    assert (made["kw"], made["cph"]) == (5, 2)


@table.check("3.8 the key's name in the manifest: the key's, another one, none")
def key_names(at):
    made = at.door.encrypt("keys", b"x", "sym", "AES", decryption_key="elsewhere")
    assert sealed.manifest_of(made)["k"] == "elsewhere"
    assert at.door.decrypt("keys", made, key="sym") == b"x"
    made = at.door.encrypt("keys", b"x", "sym", "AES", omit="true")
    assert "k" not in sealed.manifest_of(made)
    assert at.door.decrypt("keys", made, key="sym") == b"x"
    made = at.door.encrypt("keys", b"x", "sym", "AES", omit="true", decryption_key="elsewhere")
    assert "k" not in sealed.manifest_of(made)


# ------------------------------------------------------------------------------------------- refusals
table.row("3.8 encrypt: no key name", lambda at: at.door.encrypt("keys", b"x", "", "AES"),
          bad("missing property 'keyName' in the options message", "missing header 'dapr-key-name'"))
table.row("3.8 encrypt: no algorithm", lambda at: at.door.encrypt("keys", b"x", "sym", ""),
          bad("missing property 'keyWrapAlgorithm' in the options message", "missing header 'dapr-key-wrap-algorithm'"))
for verb in ("encrypt", "decrypt"):
    table.row(f"3.8 {verb}: an unknown component",
              lambda at, verb=verb: getattr(at.door, verb)("nowhere", b"x", *(("k", "AES") if verb == "encrypt" else ())),
              refused("crypto provider nowhere not found", http=(400, "ERR_CRYPTO_PROVIDER_NOT_FOUND"), grpc=("INVALID_ARGUMENT",)))
table.row("3.8 encrypt: an unknown algorithm", lambda at: at.door.encrypt("keys", b"x", "sym", "Foo"),
          failed("option Algorithm is not valid: algorithm FOO is not supported"))
table.row("3.8 encrypt: an algorithm that wraps no file keys", lambda at: at.door.encrypt("keys", b"x", "k16", "A128KW"),
          failed("option Algorithm is not valid: algorithm A128KW is not supported"))
table.row("3.8 encrypt: an unknown cipher", lambda at: at.door.encrypt("keys", b"x", "sym", "AES", "foo"),
          failed("option Cipher is not valid: cipher FOO is not supported"))
table.row("6.17 encrypt: a missing key", lambda at: at.door.encrypt("keys", b"x", "nokey", "AES"),
          failed("failed to wrap the file key: failed to retrieve the key encryption key: failed to load key 'nokey': "
                 "No such file or directory"))
table.row("6.17 encrypt: a key beside the folder", lambda at: at.door.encrypt("keys", b"x", "../sym", "AES"),
          failed("failed to wrap the file key: failed to retrieve the key encryption key: failed to load key '../sym': "
                 "it is no name of a file in the folder"))
table.row("3.8 decrypt: nothing", lambda at: at.door.decrypt("keys", b""), failed("invalid header: scheme name not found"))
table.row("3.8 decrypt: garbage", lambda at: at.door.decrypt("keys", b"garbage"), failed("invalid header: scheme name not found"))
table.row("3.8 decrypt: another scheme", lambda at: at.door.decrypt("keys", b"dapr.io/enc/v9\n{}\n"),
          failed("invalid header: unsupported scheme"))
table.row("3.8 decrypt: only a scheme", lambda at: at.door.decrypt("keys", b"dapr.io/enc/v1\n"),
          failed("invalid header: manifest not found"))
table.row("3.8 decrypt: another manifest", lambda at: at.door.decrypt("keys", b"dapr.io/enc/v1\n{}\n"),
          failed("invalid header: invalid manifest"))
table.row("3.8 decrypt: an algorithm's number that there is not",
          lambda at: at.door.decrypt("keys", OF_DAPR[0].replace(b'"kw":1', b'"kw":9')), failed("invalid header: invalid manifest"))
table.row("3.8 decrypt: no authentication", lambda at: at.door.decrypt("keys", b"".join(sealed.split(OF_DAPR[0])[:2])),
          failed("invalid header: message authentication code not found"))
table.row("3.8 decrypt: half an authentication",
          lambda at: at.door.decrypt("keys", b"".join(sealed.split(OF_DAPR[0])[:2]) + b"AAAA\n"),
          failed("invalid header: invalid format"))
table.row("6.17 decrypt: the wrong key", lambda at: at.door.decrypt("keys", OF_DAPR[0], key="other"),
          failed("failed to validate the document's signature"))
table.row("8 decrypt: a key that there is not", lambda at: at.door.decrypt("keys", OF_DAPR[0], key="nokey"),
          failed("failed to validate the document's signature"))
table.row("8 decrypt: an altered manifest", lambda at: at.door.decrypt("keys", OF_DAPR[0].replace(b'"k":"sym"', b'"k":"./sym"')),
          failed("failed to validate the document's signature"))
table.row("6.17 decrypt: no key name at all", lambda at: at.door.decrypt("keys", sealed.seal(b"x", "A256KW", SYM)),
          failed("document's manifest does not contain a key name, and no key name was provided"))
table.row("3.8 decrypt: an altered segment", lambda at: at.door.decrypt("keys", OF_DAPR[0][:-1] + b"\0"),
          failed("error processing segment 0: failed to decrypt segment"))
table.row("8 decrypt: segments that were cut off",
          lambda at: at.door.decrypt("keys", OF_DAPR[0][:-20]), failed("error processing segment 0: failed to decrypt segment"))
table.row("8 decrypt: an unwrapped key of another size", lambda at: at.door.decrypt("keys", _short_key()),
          failed("failed to validate the document's signature"))


def _short_key():
    from cryptography.hazmat.primitives.keywrap import aes_key_wrap
    wrapped = base64.b64encode(aes_key_wrap(SYM, bytes(16)))
    return OF_DAPR[0].replace(b"MLkEylC5qBzW13PMFjgmWQvtBo6Lcj1qlARzIg31qLLiprmAI6eDkQ==", wrapped)


@table.check("3.8 no providers at all")
def no_provider_at_all(at):
    door = at.open(at.bench.sidecar(resources=[]))
    expected = refused("crypto providers not configured", http=(500, "ERR_CRYPTO_PROVIDERS_NOT_CONFIGURED"), grpc=("INTERNAL",))
    for call in (lambda: door.encrypt("keys", b"x", "sym", "AES"), lambda: door.decrypt("keys", b"x")):
        try:
            call()
        except Refused as found:
            expected.check(found)
        else:
            raise AssertionError("it was not refused")
    door.close()
