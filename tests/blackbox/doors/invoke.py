"""Invocation over both doors (http-api.md 4.2, grpc-api.md 4.1 to 4.3): the own app, others, and nobody."""

from harness.app import reply
from harness.doors import Refused, refused
from harness.ports import free_port
from harness.resources import endpoint
from harness.table import Table

table = Table()
OWN = "caller"                          # the sidecar's id, whose app is an HTTP one


def fails(why, target, grpc="INTERNAL"):
    return refused(f"failed to invoke, id: {target}, err: {why}", (500, "ERR_DIRECT_INVOKE"), (grpc,))


@table.check("4.2 a question and its answer")
def exchange(at):
    at.app.route(f"/{at.mark}", reply(200, b"said", [("Content-Type", "a/b"), ("X-Own", "1")]))
    answer = at.door.invoke(OWN, at.mark, b"asked", "c/d", "PUT", {"q": "1"}, [("x-custom", "v")])
    assert (answer.data, answer.content_type, answer.headers["x-own"]) == (b"said", "a/b", "1")
    seen = at.app.wait_one(f"/{at.mark}")
    assert (seen.method, seen.query, seen.body) == ("PUT", "q=1", b"asked")
    assert (seen.header("Content-Type"), seen.header("x-custom")) == ("c/d", "v")


@table.check("4.2 verbs")
def verbs(at):
    for verb in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        at.app.forget()
        at.door.invoke(OWN, at.mark, verb=verb)
        assert at.app.wait_one(f"/{at.mark}").method == verb


@table.check("4.1 the own namespace is no other app")
def namespaced(at):
    at.door.invoke(f"{OWN}.default", at.mark)
    assert not at.app.wait_one(f"/{at.mark}").values("dapr-caller-app-id")


@table.check("4.1 methods are cleaned")
def cleaned(at):
    at.door.invoke(OWN, f"admin/../{at.mark}//x/")
    assert at.app.wait_one(f"/{at.mark}/x")


@table.check("4.2 what the app refuses")
def app_refuses(at):
    at.app.route(f"/{at.mark}", reply(409, b"taken"))
    try:
        at.door.invoke(OWN, at.mark)
    except Refused as found:
        assert found.code == {"http": 409, "grpc": "ALREADY_EXISTS"}[at.door.kind]
        assert found.message == {"http": "taken", "grpc": "Conflict"}[at.door.kind]
    else:
        raise AssertionError("a 409 is no answer")


table.row("4.1 too many dots", lambda at: at.door.invoke("a.b.c", "x"), fails("invalid app id a.b.c", "a.b.c"))
table.row("4.1 a forbidden character", lambda at: at.door.invoke(OWN, "x%23y" if at.door.kind == "http" else "x#y"), fails(
    'rpc error: code = InvalidArgument desc = invalid method: method contains forbidden character: "x#y"', OWN))
table.row("4.2 a verb that is none", lambda at: at.door.invoke(OWN, "x", verb="CONNECT"), fails(
    "rpc error: code = InvalidArgument desc = invalid HTTP verb", OWN))


@table.check("4.2 no app")
def no_app(at):
    sidecar = at.bench.sidecar(app_id="bare")
    door = at.open(sidecar)
    try:
        door.invoke("bare", "x")
    except Refused as found:
        fails("cannot invoke local endpoint: app channel not initialized", "bare").check(found)
    else:
        raise AssertionError("there is no app")
    finally:
        door.close()


@table.check("4.2 an endpoint by its name, and a URL")
def external(at):
    away = at.bench.app()
    away.otherwise = reply(200, b"far", [("Content-Type", "a/b")])
    door = at.open(at.bench.sidecar(resources=[endpoint("away", f"http://127.0.0.1:{away.port}")]))
    for target in ("away", f"http://127.0.0.1:{away.port}"):
        away.forget()
        answer = door.invoke(target, "x/y", b"asked", "c/d", query={"q": "1"})
        assert (answer.data, answer.content_type) == (b"far", "a/b")
        seen = away.wait_one("/x/y")
        assert (seen.method, seen.query, seen.body, seen.header("Content-Type")) == ("POST", "q=1", b"asked", "c/d")
    door.close()


@table.check("4.2 a URL that nobody serves")
def nobody(at):
    url = f"http://127.0.0.1:{free_port()}"
    try:
        at.door.invoke(url, "x", b"asked")
    except Refused as found:
        assert found.code == {"http": 500, "grpc": "INTERNAL"}[at.door.kind] and found.details == []
        assert found.message.startswith(f'failed to invoke, id: {url}, err: Post "{url}/x": dial tcp ')
    else:
        raise AssertionError("nobody answered")
