"""jwks.py FOLDER: the keys of a folder (PEM, DER, raw bytes) as a JSON Web Key Set; the names are the kids."""

import base64
import json
import sys
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value, length=None):
    return b64(value.to_bytes(length or (value.bit_length() + 7) // 8, "big"))


def private(key):
    if isinstance(key, rsa.RSAPrivateKey):
        n = key.private_numbers()
        return {"kty": "RSA", "n": number(n.public_numbers.n), "e": number(n.public_numbers.e), "d": number(n.d), "p": number(n.p),
                "q": number(n.q), "dp": number(n.dmp1), "dq": number(n.dmq1), "qi": number(n.iqmp)}
    if isinstance(key, ec.EllipticCurvePrivateKey):
        n, length = key.private_numbers(), (key.key_size + 7) // 8
        return {"kty": "EC", "crv": f"P-{key.key_size}", "x": number(n.public_numbers.x, length),
                "y": number(n.public_numbers.y, length), "d": number(n.private_value, length)}
    raw = serialization.Encoding.Raw
    return {"kty": "OKP", "crv": "Ed25519",
            "x": b64(key.public_key().public_bytes(raw, serialization.PublicFormat.Raw)),
            "d": b64(key.private_bytes(raw, serialization.PrivateFormat.Raw, serialization.NoEncryption()))}


def jwk(data):
    if data.startswith(b"-----BEGIN"):
        return private(serialization.load_pem_private_key(data, None))
    try:
        return private(serialization.load_der_private_key(data, None))
    except ValueError:
        return {"kty": "oct", "k": b64(data)}


if __name__ == "__main__":
    print(json.dumps({"keys": [{**jwk(path.read_bytes()), "kid": path.name} for path in sorted(Path(sys.argv[1]).iterdir())]}))
