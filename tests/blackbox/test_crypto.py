"""The crypto block: what each door says in its own way, long streams, and streams that break (grpc-api.md 3.8, 3.9,
http-api.md 4.11). What both doors agree on: doors/crypto.py."""

import base64
import hashlib
import json
import threading
import time
from contextlib import closing

import grpc
import pytest
from cryptography.hazmat.primitives import serialization

from doors.crypto import KEYS, OF_DAPR, SYM, keys_write, text_of
from harness import metrics, raw, rpc, sealed
from harness.resources import component
from harness.rpc import Failure, assert_failure

MIB = 1 << 20
ENCRYPT = {"dapr-key-name": "sym", "dapr-key-wrap-algorithm": "AES"}
OPTIONS = {"component_name": "keys", "key_name": "sym", "key_wrap_algorithm": "AES"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return keys_write(tmp_path_factory.mktemp("keys"))


def keys(folder, name="keys"):
    return component(name, "crypto.dapr.localstorage", {"path": str(folder)})


@pytest.fixture(scope="module")
def sidecar(shared, folder):
    return shared.sidecar(resources=[keys(folder)], flags={"max-body-size": "0"})


@pytest.fixture(scope="module")
def dapr(sidecar):
    with closing(rpc.Dapr(sidecar.grpc)) as made:
        yield made


def put(sidecar, what, headers=(), body=b"", name="keys"):
    return sidecar.put(f"/v1.0-alpha1/crypto/{name}/{what}", body, dict(headers))


# --------------------------------------------------------------------------------------------- HTTP
def test_a_small_result_has_a_length_and_a_large_one_has_chunks(sidecar):
    answer = put(sidecar, "encrypt", ENCRYPT, b"hello")
    assert answer.status == 200
    assert answer.header("Content-Type") == "application/octet-stream"
    assert answer.header("Content-Length") == str(len(answer.body))
    assert sealed.open_(answer.body, "A256KW", SYM) == b"hello"
    answer = put(sidecar, "encrypt", ENCRYPT, text_of(200000))
    assert answer.values("Transfer-Encoding") == ["chunked"]
    assert answer.values("Content-Length") == []
    assert sealed.open_(answer.body, "A256KW", SYM) == text_of(200000)


def test_an_empty_text_is_a_header_and_comes_back_empty(sidecar):
    made = put(sidecar, "encrypt", ENCRYPT).body
    assert sealed.split(made)[3] == b""
    answer = put(sidecar, "decrypt", (), made)
    assert (answer.status, answer.body, answer.header("Content-Length")) == (200, b"", "0")


def test_a_body_in_chunks_is_taken(sidecar):
    parts = [b"a" * 70000, b"b" * 3, b"c" * 90000]
    body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    headers = {**ENCRYPT, "Transfer-Encoding": "chunked"}
    answer = raw.request(sidecar.http, "PUT", "/v1.0-alpha1/crypto/keys/encrypt", headers, body)
    assert sealed.open_(answer.body, "A256KW", SYM) == b"".join(parts)


def test_the_component_is_looked_for_before_the_headers(sidecar, bench):
    assert put(sidecar, "encrypt", name="nowhere").json == {
        "errorCode": "ERR_CRYPTO_PROVIDER_NOT_FOUND", "message": "crypto provider nowhere not found"}
    lonely = bench.sidecar(resources=[])
    assert put(lonely, "encrypt").json["errorCode"] == "ERR_CRYPTO_PROVIDERS_NOT_CONFIGURED"
    assert put(lonely, "decrypt").status == 500


@pytest.mark.parametrize("word,omits", [("true", True), ("Y", True), ("1", True), ("false", False), ("0", False), ("x", False)])
def test_the_header_that_omits_the_key_name(sidecar, word, omits):
    made = put(sidecar, "encrypt", {**ENCRYPT, "dapr-omit-decryption-key-name": word}, b"x").body
    assert ("k" not in sealed.manifest_of(made)) == omits


def test_a_fault_before_the_first_byte_is_an_error_and_behind_it_a_broken_end(sidecar):
    made = bytearray(sealed.seal(text_of(3 * 65536), "A256KW", SYM, key_name="sym"))
    made[-1] ^= 1
    answer = put(sidecar, "decrypt", (), bytes(made))
    assert answer.status == 200 and answer.cut
    assert answer.body == text_of(2 * 65536)
    sidecar.wait_log("error processing segment 2: failed to decrypt segment")
    made[len(made) - 3 * 65552] ^= 1
    answer = put(sidecar, "decrypt", (), bytes(made))
    assert answer.status == 500
    assert answer.json == {"errorCode": "ERR_CRYPTO",
                           "message": "failed to perform operation: error processing segment 0: failed to decrypt segment"}


def test_a_client_that_stops_in_the_middle_leaves_nothing_behind(sidecar):
    for _ in range(20):
        with raw.Connection(sidecar.http) as connection:
            connection.send(raw.request_bytes(sidecar.http, "PUT", "/v1.0-alpha1/crypto/keys/encrypt",
                                              {**ENCRYPT, "Content-Length": "1000000"}) + b"x" * 200000)
            assert connection.head_read().status == 200
    assert put(sidecar, "encrypt", ENCRYPT, b"x").status == 200


def test_a_body_over_the_limit_is_a_cut_stream(bench, folder):
    sidecar = bench.sidecar(resources=[keys(folder)], flags={"max-body-size": "100k"})
    answer = put(sidecar, "encrypt", ENCRYPT, text_of(150000))
    assert answer.status == 200 and answer.cut
    assert put(sidecar, "encrypt", ENCRYPT, text_of(100000)).status == 200


def test_only_put(sidecar):
    for what in ("encrypt", "decrypt"):
        assert sidecar.post(f"/v1.0-alpha1/crypto/keys/{what}", b"").status == 404
        assert sidecar.get(f"/v1.0-alpha1/crypto/keys/{what}").status == 404


# --------------------------------------------------------------------------------------------- gRPC
def crossed(dapr, method, messages):
    """The pieces of the answer; they are numbered from 0 without gaps."""
    made = getattr(dapr, method)
    try:
        answers = list(made.stream(iter([made.request(**one) for one in messages])))
    except grpc.RpcError as error:
        raise Failure(error) from None
    assert [one.payload.seq for one in answers] == list(range(len(answers)))
    return [one.payload.data for one in answers]


def test_the_header_is_the_first_message_and_each_segment_one(dapr):
    text = text_of(150000)
    pieces = crossed(dapr, "EncryptAlpha1", [{"options": OPTIONS}] + [
        {"payload": {"data": text[at:at + 1000], "seq": at // 1000}} for at in range(0, len(text), 1000)])
    assert [len(one) for one in pieces[1:]] == [65552, 65552, 150000 - 2 * 65536 + 16]
    assert pieces[0].count(b"\n") == 3 and pieces[0].endswith(b"\n")
    made = b"".join(pieces)
    back = crossed(dapr, "DecryptAlpha1", [{"options": {"component_name": "keys"}}] + [
        {"payload": {"data": made[at:at + 7001], "seq": at // 7001}} for at in range(0, len(made), 7001)])
    assert [len(one) for one in back] == [65536, 65536, 150000 - 2 * 65536]
    assert b"".join(back) == text


def test_an_empty_text_has_a_header_and_comes_back_as_no_message(dapr):
    pieces = crossed(dapr, "EncryptAlpha1", [{"options": OPTIONS}])
    assert len(pieces) == 1
    assert crossed(dapr, "DecryptAlpha1", [{"options": {"component_name": "keys"}}, {"payload": {"data": pieces[0]}}]) == []


def test_the_first_message_may_carry_the_first_piece(dapr):
    made = b"".join(crossed(dapr, "EncryptAlpha1", [
        {"options": OPTIONS, "payload": {"data": b"hello ", "seq": 0}}, {"payload": {"data": b"world", "seq": 1}}]))
    assert sealed.open_(made, "A256KW", SYM) == b"hello world"
    assert crossed(dapr, "DecryptAlpha1", [{"options": {"component_name": "keys"}, "payload": {"data": OF_DAPR[1]}}]) == [b"hello world"]


def test_the_header_goes_out_before_there_is_a_text(dapr):
    come = threading.Event()

    def messages():
        yield dapr.EncryptAlpha1.request(options=OPTIONS)
        assert come.wait(20)
        yield dapr.EncryptAlpha1.request(payload={"data": b"x", "seq": 0})
    answers = dapr.EncryptAlpha1.stream(messages())
    header = next(answers).payload.data
    come.set()
    rest = b"".join(one.payload.data for one in answers)
    assert sealed.open_(header + rest, "A256KW", SYM) == b"x"


@pytest.mark.parametrize("messages,code,text", [
    ([], "INTERNAL", "failed to perform operation: error receiving the first message: EOF"),
    ([{"payload": {"data": b"x"}}], "INVALID_ARGUMENT", "invalid request: first message does not contain the required options"),
    ([{"options": {**OPTIONS, "component_name": ""}}], "INVALID_ARGUMENT", "invalid request: missing component name"),
    ([{"options": {"key_name": "sym"}}], "INVALID_ARGUMENT",
     "invalid request: missing property 'keyWrapAlgorithm' in the options message"),
    ([{"options": OPTIONS}, {"payload": {"data": b"x", "seq": 1}}], "INTERNAL",
     "failed to perform operation: invalid sequence number received: 1 (expected: 0)"),
    ([{"options": OPTIONS, "payload": {"data": b"x", "seq": 0}}, {"payload": {"data": b"x", "seq": 0}}], "INTERNAL",
     "failed to perform operation: invalid sequence number received: 0 (expected: 1)"),
    ([{"options": OPTIONS}, {"options": OPTIONS}], "INTERNAL", "failed to perform operation: options found in non-leading message"),
])
def test_a_stream_that_does_not_keep_the_rules(dapr, messages, code, text):
    with pytest.raises(Failure) as caught:
        crossed(dapr, "EncryptAlpha1", messages)
    assert_failure(caught.value, code, text)


@pytest.mark.parametrize("method", ["EncryptAlpha1", "DecryptAlpha1"])
def test_nothing_in_five_seconds(dapr, method):
    asked = threading.Event()

    def nothing():
        asked.wait(20)
        return
        yield
    began = time.monotonic()
    with pytest.raises(grpc.RpcError) as caught:
        list(getattr(dapr, method).stream(nothing()))
    asked.set()
    assert_failure(Failure(caught.value), "INVALID_ARGUMENT",
                   "invalid request: error waiting for first message: context deadline exceeded")
    assert 4.5 < time.monotonic() - began < 15


def test_a_segment_that_was_altered_ends_a_stream_that_had_begun(dapr):
    made = bytearray(sealed.seal(text_of(100000), "A256KW", SYM, key_name="sym"))
    made[-1] ^= 1
    answers = dapr.DecryptAlpha1.stream(rpc.numbered(dapr.DecryptAlpha1, bytes(made), {"component_name": "keys"}))
    assert next(answers).payload.data == text_of(65536)
    with pytest.raises(grpc.RpcError) as caught:
        next(answers)
    assert_failure(Failure(caught.value), "INTERNAL",
                   "failed to perform operation: error processing segment 1: failed to decrypt segment")


# ---------------------------------------------------------------------------------------- long ones
def resident(sidecar):
    with open(f"/proc/{sidecar.process.pid}/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmRSS"))


def send_long(sidecar, what, headers, size, piece):
    """PUTs a text of that many pieces while its answer is read: its digest, and the most memory that was taken."""
    digest, most = hashlib.sha256(), 0
    with raw.Connection(sidecar.http) as connection:
        head = raw.request_bytes(sidecar.http, "PUT", f"/v1.0-alpha1/crypto/keys/{what}", {**headers, "Content-Length": str(size)})

        def write():
            connection.send(head)
            for at in range(0, size, len(piece)):
                connection.send(piece[:min(len(piece), size - at)])
        writer = threading.Thread(target=write)
        writer.start()
        assert connection.head_read().status == 200
        for number, chunk in enumerate(raw.chunks_read(connection.reader)):
            digest.update(chunk)
            if number % 64 == 0:
                most = max(most, resident(sidecar))
        writer.join()
    return digest.hexdigest(), most


@pytest.mark.figures    # sanitizer builds keep what was freed
def test_a_long_text_takes_the_memory_of_a_segment(sidecar):
    put(sidecar, "encrypt", ENCRYPT, text_of(500000))
    before = resident(sidecar)
    _, most = send_long(sidecar, "encrypt", ENCRYPT, 64 * MIB, text_of(MIB))
    assert most - before < 8 * MIB


@pytest.mark.figures    # sanitizer builds keep what was freed
def test_a_long_text_over_grpc(dapr, sidecar):
    text = text_of(16 * MIB)
    before = resident(sidecar)
    made = b"".join(one.payload.data for one in dapr.EncryptAlpha1.stream(rpc.numbered(dapr.EncryptAlpha1, text, OPTIONS, 60000)))
    back = dapr.DecryptAlpha1.stream(rpc.numbered(dapr.DecryptAlpha1, made, {"component_name": "keys"}, 60000))
    assert b"".join(one.payload.data for one in back) == text
    assert resident(sidecar) - before < 12 * MIB


@pytest.mark.figures    # sanitizer builds keep what was freed
def test_a_reader_that_is_slow_slows_down_the_writer(sidecar):
    with raw.Connection(sidecar.http) as connection:
        connection.send(raw.request_bytes(sidecar.http, "PUT", "/v1.0-alpha1/crypto/keys/encrypt",
                                          {**ENCRYPT, "Content-Length": str(1 << 30)}))
        before, sent = resident(sidecar), 0
        connection.sock.settimeout(1)
        with pytest.raises(TimeoutError):
            while sent < 256 * MIB:
                sent += connection.sock.send(b"x" * MIB)
        assert sent < 64 * MIB
        assert resident(sidecar) - before < 16 * MIB


# -------------------------------------------------------------------------------------------- keys
def jwk(**members):
    return json.dumps(members).encode()


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.mark.parametrize("name,content,algorithm", [
    ("jwk", jwk(kty="oct", k=b64(SYM)), "AES"),
    ("k.json", jwk(kty="oct", k=b64(SYM), alg="A256KW", use="enc", key_ops=["wrapKey", "unwrapKey"]), "AES"),
    ("raw", SYM, "AES"),
    ("pkcs1", KEYS["rsa.pem"].private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL,
                                            serialization.NoEncryption()), "RSA"),
    ("der", KEYS["rsa.pem"].private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8,
                                          serialization.NoEncryption()), "RSA"),
])
def test_a_key_may_have_any_form(sidecar, folder, name, content, algorithm):
    (folder / name).write_bytes(content)
    made = put(sidecar, "encrypt", {"dapr-key-name": name, "dapr-key-wrap-algorithm": algorithm}, b"hello")
    assert made.status == 200, made.body
    assert put(sidecar, "decrypt", (), made.body).body == b"hello"


@pytest.mark.parametrize("name,content,algorithm,text", [
    ("sig.json", jwk(kty="oct", k=b64(SYM), use="sig"), "AES", "the key's use or key_ops do not permit the operation"),
    ("ops.json", jwk(kty="oct", k=b64(SYM), key_ops=["unwrapKey"]), "AES", "the key's use or key_ops do not permit the operation"),
    ("alg.json", jwk(kty="oct", k=b64(SYM), alg="A256GCM"), "AES", "the key is for the algorithm A256GCM alone"),
    ("short", b"short", "AES", "A256KW wants a key of 32 bytes, not 5"),
    ("sym", SYM, "RSA", "the algorithm RSA-OAEP-256 is not for this kind of key"),
    ("bad.json", b"{", "AES", "failed to retrieve the key encryption key: failed to load key 'bad.json': it is no JSON object, "
                              "which a JWK is"),
])
def test_a_key_that_is_not_for_it(sidecar, folder, name, content, algorithm, text):
    (folder / name).write_bytes(content)
    answer = put(sidecar, "encrypt", {"dapr-key-name": name, "dapr-key-wrap-algorithm": algorithm}, b"hello")
    assert answer.status == 500
    assert answer.json["message"] == f"failed to perform operation: failed to wrap the file key: {text}"


def test_a_public_key_seals_and_does_not_open(sidecar, folder):
    public = KEYS["rsa.pem"].public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (folder / "public.pem").write_bytes(public)
    headers = {"dapr-key-name": "public.pem", "dapr-key-wrap-algorithm": "RSA", "dapr-decryption-key-name": "rsa.pem"}
    made = put(sidecar, "encrypt", headers, b"hello").body
    assert put(sidecar, "decrypt", (), made).body == b"hello"
    assert put(sidecar, "decrypt", {"dapr-key-name": "public.pem"}, made).json["message"].endswith(
        "failed to validate the document's signature")
    sidecar.wait_log("only the public part of the key is there")


def test_a_key_that_was_changed_counts_at_once(sidecar, folder):
    (folder / "changing").write_bytes(SYM)
    headers = {"dapr-key-name": "changing", "dapr-key-wrap-algorithm": "AES"}
    made = put(sidecar, "encrypt", headers, b"x").body
    (folder / "changing").write_bytes(bytes(32))
    assert put(sidecar, "decrypt", (), made).status == 500
    assert sealed.open_(put(sidecar, "encrypt", headers, b"x").body, "A256KW", bytes(32)) == b"x"


def test_no_key_is_in_the_log(sidecar):
    log = "\n".join(sidecar.log())
    assert "could not be unwrapped" in log
    for key in (SYM, bytes(32)):
        assert key.hex() not in log and base64.b64encode(key).decode() not in log and b64(key) not in log


def test_a_folder_that_is_not_there_ends_the_start(bench, tmp_path):
    sidecar = bench.sidecar(start=False, resources=[keys(tmp_path / "nowhere")])
    sidecar.start(ready=False)
    assert sidecar.wait_end() == 1
    assert sidecar.logged("nowhere: No such file or directory")


# ------------------------------------------------------------------------------- around the streams
SUBTLE = ("GetKey", "Encrypt", "Decrypt", "WrapKey", "UnwrapKey", "Sign", "Verify")


@pytest.mark.parametrize("name", SUBTLE)
def test_single_operations_are_not_implemented(sidecar, dapr, name):
    answer = sidecar.post(f"/v1.0-alpha1/subtlecrypto/keys/{name.lower()}", b"{}")
    assert (answer.status, answer.json) == (501, {"errorCode": "ERR_API_UNIMPLEMENTED",
                                                  "message": "this API is currently not implemented"})
    with pytest.raises(Failure) as caught:
        getattr(dapr, f"Subtle{name}Alpha1")(component_name="keys")
    assert_failure(caught.value, "UNIMPLEMENTED", "this API is currently not implemented")


def test_the_metadata_name_the_component(sidecar):
    [found] = sidecar.metadata()["components"]
    assert (found["name"], found["type"], found["version"]) == ("keys", "crypto.dapr.localstorage", "v1")
    assert "_SubtleCrypto" not in sidecar.metadata().get("enabledFeatures", [])


def test_the_lists_of_allowed_calls_know_cryptography(bench, folder):
    denied = [{"name": "crypto", "version": "v1alpha1", "protocol": protocol} for protocol in ("grpc", "http")]
    sidecar = bench.sidecar(resources=[keys(folder)], config={"api": {"denied": denied}})
    assert put(sidecar, "encrypt", ENCRYPT, b"x").status == 404
    assert sidecar.post("/v1.0-alpha1/subtlecrypto/keys/sign", b"{}").status == 501
    with closing(rpc.Dapr(sidecar.grpc)) as dapr:
        with pytest.raises(Failure, match="requested endpoint is not available"):
            crossed(dapr, "EncryptAlpha1", [{"options": OPTIONS}])
        with pytest.raises(Failure, match="this API is currently not implemented"):
            dapr.SubtleSignAlpha1(component_name="keys")


def test_operations_are_counted(bench, folder):
    sidecar = bench.sidecar(resources=[keys(folder)], app_id="me")
    put(sidecar, "decrypt", (), put(sidecar, "encrypt", ENCRYPT, b"x").body)
    put(sidecar, "encrypt", {**ENCRYPT, "dapr-key-name": "nokey"}, b"x")
    for success, count in (("true", 2), ("false", 1)):
        metrics.wait_value(sidecar, "dapr_component_crypto_count", count, app_id="me", component="keys", namespace="",
                           operation="crypto_op", success=success)


def test_streams_that_failed_do_not_hold_up_the_end(bench, folder):
    sidecar = bench.sidecar(resources=[keys(folder)])
    with closing(rpc.Dapr(sidecar.grpc)) as dapr:
        for messages in ([], [{"options": {**OPTIONS, "key_name": "nokey"}}], [{"options": OPTIONS}, {"options": OPTIONS}]):
            with pytest.raises(Failure):
                crossed(dapr, "EncryptAlpha1", messages)
        with pytest.raises(Failure):
            crossed(dapr, "DecryptAlpha1", [{"options": {"component_name": "keys"}, "payload": {"data": b"garbage"}}])
    began = time.monotonic()
    sidecar.stop()
    assert time.monotonic() - began < 4
