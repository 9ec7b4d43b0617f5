"""crypto.dapr.jwks: a key set by URL, from a file, inline; refreshed, out of order, never there."""

import base64
import json
import os
import threading

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from harness import sealed
from harness.admin import Admin
from harness.app import json_reply, raw_reply, reply
from harness.resources import component
from harness.wait import until

PAIR = rsa.generate_private_key(65537, 2048)
SYM, OTHER = bytes(range(32)), bytes(32)


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value):
    return b64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def octets(key, kid="sym"):
    return {"kty": "oct", "kid": kid, "k": b64(key)}


def pair(kid="pair", private=True, **more):
    n = PAIR.private_numbers()
    public = {"kty": "RSA", "kid": kid, "n": number(n.public_numbers.n), "e": number(n.public_numbers.e), **more}
    return {**public, "d": number(n.d), "p": number(n.p), "q": number(n.q), "dp": number(n.dmp1), "dq": number(n.dmq1),
            "qi": number(n.iqmp)} if private else public


def the_set(*keys):
    return {"keys": list(keys)}


ALL = the_set(octets(SYM), pair(), pair("public", private=False), pair("signs", use="sig"),
              {"kty": "EC", "kid": "strange", "crv": "secp256k1", "x": "AA", "y": "AA"}, {"kty": "oct", "k": b64(OTHER)}, 17)


def store(jwks, **options):
    return component("keys", "crypto.dapr.jwks", {"jwks": jwks, **options})


def encrypt(sidecar, key, algorithm="AES", text=b"hello"):
    return sidecar.put("/v1.0-alpha1/crypto/keys/encrypt", text, {"dapr-key-name": key, "dapr-key-wrap-algorithm": algorithm})


def decrypt(sidecar, data, key=None):
    return sidecar.put("/v1.0-alpha1/crypto/keys/decrypt", data, {"dapr-key-name": key} if key else {})


def file_of(folder, value):
    path = folder / "jwks.json"
    path.write_text(json.dumps(value))
    return str(path)


@pytest.fixture(params=["url", "file", "inline", "base64"])
def sidecar(request, bench, tmp_path):
    text = json.dumps(ALL)
    if request.param == "url":
        app = bench.app()
        app.route("/jwks", json_reply(ALL))
        return bench.sidecar(resources=[store(f"http://127.0.0.1:{app.port}/jwks")])
    return bench.sidecar(resources=[store({"file": lambda: file_of(tmp_path, ALL), "inline": lambda: text,
                                           "base64": lambda: base64.b64encode(text.encode()).decode()}[request.param]())])


def test_its_keys_are_found_by_their_kid(sidecar):
    made = encrypt(sidecar, "sym")
    assert made.status == 200, made.body
    assert sealed.open_(made.body, "A256KW", SYM) == b"hello"
    assert decrypt(sidecar, made.body).body == b"hello"
    made = encrypt(sidecar, "public", "RSA").body
    assert sealed.open_(made, "RSA-OAEP-256", PAIR) == b"hello"
    assert decrypt(sidecar, made, "pair").body == b"hello"
    assert decrypt(sidecar, made).status == 500
    for key in ("nokey", "strange"):
        assert encrypt(sidecar, key).json["message"] == (
            "failed to perform operation: failed to wrap the file key: failed to retrieve the key encryption key: failed to load key "
            f"'{key}': the key set has no key of that name")
    assert encrypt(sidecar, "signs", "RSA").json["message"].endswith("the key's use or key_ops do not permit the operation")
    assert sidecar.logged("3 of the keys in jwks cannot be used")
    assert not sidecar.logged(b64(SYM)) and not sidecar.logged(b64(OTHER))


def test_one_key_alone_is_a_set_too(bench):
    sidecar = bench.sidecar(resources=[store(json.dumps(octets(SYM)))])
    assert encrypt(sidecar, "sym").status == 200


def test_private_keys_work_while_many_ask(bench):
    sidecar = bench.sidecar(resources=[store(json.dumps(ALL))])
    made = encrypt(sidecar, "pair", "RSA").body
    answers = []

    def ask():
        for _ in range(20):
            answers.append(decrypt(sidecar, made).body)
    askers = [threading.Thread(target=ask) for _ in range(8)]
    for one in askers:
        one.start()
    for one in askers:
        one.join()
    assert answers == [b"hello"] * 160


def test_a_url_is_fetched_again(bench):
    app = bench.app()
    app.route("/jwks", json_reply(the_set(octets(SYM))))
    sidecar = bench.sidecar(resources=[store(f"http://127.0.0.1:{app.port}/jwks", minRefreshInterval="100ms")])
    made = encrypt(sidecar, "sym").body
    app.route("/jwks", json_reply(the_set(octets(OTHER))))
    until(lambda: decrypt(sidecar, made).status == 500, "the new key")
    app.route("/jwks", [reply(500), raw_reply(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"), reply(200, b"[]"), reply(200, b"no")])
    made = encrypt(sidecar, "sym").body
    count = len(app.requests("/jwks"))
    app.wait_for("/jwks", count + 5)
    assert decrypt(sidecar, made).body == b"hello"
    assert sum("the keys that were read before stay in use" in line for line in sidecar.log()) == 1
    app.stop()
    assert decrypt(sidecar, made).body == b"hello"


def test_a_server_may_allow_to_keep_it_longer(bench):
    app = bench.app()
    app.route("/jwks", reply(200, json.dumps(ALL), [("Cache-Control", "public, max-age=3600")]))
    sidecar = bench.sidecar(resources=[store(f"http://127.0.0.1:{app.port}/jwks", minRefreshInterval="1ms")])
    for _ in range(50):
        assert encrypt(sidecar, "sym").status == 200
    assert len(app.requests("/jwks")) == 1


def test_a_file_that_changed_counts_at_once(bench, tmp_path):
    path = file_of(tmp_path, the_set(octets(SYM)))
    sidecar = bench.sidecar(resources=[store(path)])
    made = encrypt(sidecar, "sym").body
    (tmp_path / "new").write_text(json.dumps(the_set(octets(OTHER, "new"))))
    os.rename(tmp_path / "new", path)
    assert encrypt(sidecar, "new").status == 200
    assert decrypt(sidecar, made).status == 500
    (tmp_path / "jwks.json").write_text("broken")
    assert encrypt(sidecar, "new").status == 200
    os.remove(path)
    assert encrypt(sidecar, "new").status == 200
    sidecar.wait_log("the keys that were read before stay in use: the key set is no JSON")


@pytest.mark.parametrize("route,word", [
    (reply(404), "answers with the status 404"), (reply(200, b"{}"), "no JSON object with the member keys"),
    (reply(200, b"x"), "the key set is no JSON")])
def test_a_url_without_a_set_ends_the_start(bench, route, word):
    app = bench.app()
    app.route("/jwks", route)
    sidecar = bench.sidecar(start=False, resources=[store(f"http://127.0.0.1:{app.port}/jwks")])
    sidecar.start(ready=False)
    assert sidecar.wait_end() == 1
    assert sidecar.logged(word)


@pytest.mark.parametrize("jwks,word", [
    ("/nowhere/jwks.json", "jwks is no URL, no JSON, no file that is there and no base64 of JSON"),
    ("{", "the key set is no JSON"), ('{"keys": 1}', "no JSON object with the member keys")])
def test_a_text_without_a_set_ends_the_start(bench, jwks, word):
    sidecar = bench.sidecar(start=False, resources=[store(jwks)])
    sidecar.start(ready=False)
    assert sidecar.wait_end() == 1
    assert sidecar.logged(word)


@pytest.mark.parametrize("options,spec", [({"requestTimeout": "500ms"}, {}), ({}, {"initTimeout": "500ms"})])
def test_a_server_that_is_silent_ends_the_start_in_time(bench, options, spec):
    app = bench.app()
    silent = threading.Event()
    app.route("/jwks", lambda request, sock: silent.wait(20) and None)
    sidecar = bench.sidecar(start=False, resources=[
        component("keys", "crypto.dapr.jwks", {"jwks": f"http://127.0.0.1:{app.port}/jwks", **options}, **spec)])
    sidecar.start(ready=False)
    assert sidecar.wait_end() == 1
    silent.set()


def test_it_may_be_swapped_while_it_works(bench, tmp_path):
    socket = str(tmp_path / "admin")
    folder = tmp_path / "keys"
    folder.mkdir()
    (folder / "sym").write_bytes(SYM)
    sidecar = bench.sidecar(flags={"admin-listen": f"unix:{socket}"}, resources=[
        store(json.dumps(ALL)), component("files", "crypto.dapr.localstorage", {"path": str(folder)})])
    made = encrypt(sidecar, "pair", "RSA").body
    assert decrypt(sidecar, made).body == b"hello"
    for plugin in ("crypto.dapr.jwks", "crypto.dapr.localstorage", "crypto.dapr.jwks"):
        answer = Admin(path=socket).swap(plugin)
        assert answer.status == 200, answer.text
        assert decrypt(sidecar, made).body == b"hello"


def test_keys_of_curves_are_read(bench):
    key = ec.generate_private_key(ec.SECP256R1()).private_numbers()
    curve = {"kty": "EC", "kid": "curve", "crv": "P-256", "x": b64(key.public_numbers.x.to_bytes(32, "big")),
             "y": b64(key.public_numbers.y.to_bytes(32, "big")), "d": b64(key.private_value.to_bytes(32, "big"))}
    sidecar = bench.sidecar(resources=[store(json.dumps(the_set(curve)))])
    assert encrypt(sidecar, "curve", "RSA").json["message"].endswith("the algorithm RSA-OAEP-256 is not for this kind of key")
    assert not sidecar.logged("cannot be used")
