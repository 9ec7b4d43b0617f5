"""The file format dapr.io/enc/v1 (grpc-api.md 8), made from its description alone: what we seal it opens, and the other
way round.

    sealed.seal(b"text", "A256KW", key, cipher="AES-GCM", key_name="k")   -> bytes
    sealed.open_(data, "A256KW", key)                                       -> the text
"""

import base64
import hashlib
import hmac
import json
import os

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap

SCHEME = b"dapr.io/enc/v1\n"
SEGMENT = 65536
NUMBERS = {"A256KW": 1, "A128CBC-NOPAD": 2, "A192CBC-NOPAD": 3, "A256CBC-NOPAD": 4, "RSA-OAEP-256": 5}
CIPHERS = {"AES-GCM": (1, AESGCM), "CHACHA20-POLY1305": (2, ChaCha20Poly1305)}
OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


def wrap(algorithm, key, file_key):
    if algorithm == "A256KW":
        return aes_key_wrap(key, file_key)
    if algorithm == "RSA-OAEP-256":
        return key.public_key().encrypt(file_key, OAEP)
    made = Cipher(algorithms.AES(key), modes.CBC(bytes(16))).encryptor()
    return made.update(file_key) + made.finalize()


def unwrap(algorithm, key, wrapped):
    if algorithm == "A256KW":
        return aes_key_unwrap(key, wrapped)
    if algorithm == "RSA-OAEP-256":
        return key.decrypt(wrapped, OAEP)
    made = Cipher(algorithms.AES(key), modes.CBC(bytes(16))).decryptor()
    return made.update(wrapped) + made.finalize()


def _derive(file_key, salt, info):
    return HKDF(hashes.SHA256(), 32, salt, info).derive(file_key)


def _nonce(prefix, number, is_last):
    return prefix + number.to_bytes(4, "big") + bytes([is_last])


def _mac(file_key, lines):
    return base64.b64encode(hmac.new(_derive(file_key, None, b"header"), lines, hashlib.sha256).digest()) + b"\n"


def seal(text, algorithm, key, cipher="AES-GCM", key_name=None):
    file_key, prefix = os.urandom(32), os.urandom(7)
    number, make = CIPHERS[cipher]
    manifest = {**({"k": key_name} if key_name else {}), "kw": NUMBERS[algorithm],
                "wfk": base64.b64encode(wrap(algorithm, key, file_key)).decode(), "cph": number,
                "np": base64.b64encode(prefix).decode()}
    lines = SCHEME + json.dumps(manifest, separators=(",", ":")).encode() + b"\n"
    aead = make(_derive(file_key, prefix, b"payload"))
    parts = [text[at:at + SEGMENT] for at in range(0, len(text), SEGMENT)]
    body = b"".join(aead.encrypt(_nonce(prefix, i, i == len(parts) - 1), part, None) for i, part in enumerate(parts))
    return lines + _mac(file_key, lines) + body


def split(data):
    """The header's three lines, and what follows."""
    first, second, third, body = data.split(b"\n", 3)
    return first + b"\n", second + b"\n", third + b"\n", body


def manifest_of(data):
    return json.loads(split(data)[1])


def open_(data, algorithm, key):
    scheme, manifest, mac, body = split(data)
    said = json.loads(manifest)
    assert scheme == SCHEME
    assert said["kw"] == NUMBERS[algorithm]
    assert json.dumps(said, separators=(",", ":")).encode() + b"\n" == manifest, "no blanks"
    assert list(said) in (["k", "kw", "wfk", "cph", "np"], ["kw", "wfk", "cph", "np"])
    file_key = unwrap(algorithm, key, base64.b64decode(said["wfk"], validate=True))
    prefix = base64.b64decode(said["np"], validate=True)
    assert (len(file_key), len(prefix)) == (32, 7)
    assert mac == _mac(file_key, scheme + manifest)
    make = {number: made for number, made in CIPHERS.values()}[said["cph"]]
    aead = make(_derive(file_key, prefix, b"payload"))
    parts = [body[at:at + SEGMENT + 16] for at in range(0, len(body), SEGMENT + 16)]
    return b"".join(aead.decrypt(_nonce(prefix, i, i == len(parts) - 1), part, None) for i, part in enumerate(parts))
