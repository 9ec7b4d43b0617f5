"""Output bindings over both doors (http-api.md 4.5, grpc-api.md 3.4): `files` keeps files, `loop` calls the app."""

from harness.doors import refused
from harness.table import Table

table = Table()


def failed(binding, text):
    return refused(f"error invoking output binding {binding}: {text}", http=(500, "ERR_INVOKE_OUTPUT_BINDING"),
                   grpc=("INTERNAL", [("ErrorInfo", {"reason": "ERR_INVOKE_OUTPUT_BINDING", "domain": "dapr.io"})]))


@table.check("3.4 what is created is got, listed and deleted")
def round_trip(at):
    name = {"fileName": at.key}
    made, _ = at.door.bind("files", "create", b'{"a":[1,2.50]}', name)
    assert made == b'{"fileName":"%s"}' % at.key.encode()
    assert at.door.bind("files", "get", metadata=name)[0] == b'{"a":[1,2.50]}'
    assert at.key.encode() in at.door.bind("files", "list")[0]
    assert at.door.bind("files", "delete", metadata=name) == (b"", {})


@table.check("3.4 metadata of the answer stand beside it")
def metadata_of_the_answer(at):
    data, metadata = at.door.bind("loop", "get", metadata={"path": "bound"})
    assert data == b"" and (metadata["statuscode"], metadata["status"]) == ("200", "200 OK")


table.row("3.4 no operation, before everything else", lambda at: at.door.bind("nowhere", ""),
          failed("nowhere", "operation field is missing from request"))
table.row("3.4 an unknown binding", lambda at: at.door.bind("nowhere", "get"),
          failed("nowhere", "couldn't find output binding nowhere"))
table.row("3.4 a component of another block", lambda at: at.door.bind("memory", "get"),
          failed("memory", "couldn't find output binding memory"))
table.row("3.4 an operation it does not have", lambda at: at.door.bind("files", "GET"),
          failed("files", "binding files does not support operation GET. supported operations:create get list delete"))
table.row("3.4 what the component says", lambda at: at.door.bind("files", "delete"),
          failed("files", "required metadata not set: fileName"))
