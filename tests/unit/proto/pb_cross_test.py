#!/usr/bin/env python3
"""Random messages of every type, written by the official protobuf package, go through pb_echo and mean the same after.

    pb_cross_test.py PB_ECHO DESCRIPTORS…      exit 77: that package is not there (tools/install test brings it)"""
import json
import math
import os
import random
import subprocess
import sys
from pathlib import Path

VENV = Path(__file__).resolve().parents[3] / ".venv" / "bin" / "python"
try:
    from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory, struct_pb2
    from google.protobuf.message import DecodeError
except ImportError:
    if VENV.exists() and os.path.realpath(sys.prefix) != os.path.realpath(VENV.parents[1]):
        os.execv(VENV, [VENV, *sys.argv])
    print("skipped: no protobuf package for Python; tools/install test brings it")
    sys.exit(77)

ROUNDS = 30
PACKAGES = ("dapr.proto.", "trilby.every.", "google.protobuf.")
KEPT_ENCODED = ("google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue")
dice = random.Random(4)


class Echo:
    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().rstrip("\n")

    def end(self):
        self.process.stdin.close()
        assert self.process.wait() == 0, "pb_echo did not end well: see above"

    def message(self, name, data):
        answer = self.ask(f"{name} {data.hex()}")
        return answer if answer.startswith("!") else bytes.fromhex(answer)


def load(paths):
    pool = descriptor_pool.DescriptorPool()
    files = []
    for path in paths:
        for file in descriptor_pb2.FileDescriptorSet.FromString(Path(path).read_bytes()).file:
            if file.name not in [f.name for f in files]:
                files.append(file)
                pool.Add(file)
    return pool, [pool.FindFileByName(f.name) for f in files]


def messages_of(holder):
    nested = holder.nested_types if hasattr(holder, "nested_types") else holder.message_types_by_name.values()
    for m in nested:
        yield m
        yield from messages_of(m)


def types_of(files):
    found = [m for f in files for m in messages_of(f)]
    return [m for m in found if m.full_name.startswith(PACKAGES) and not m.GetOptions().map_entry
            and m.full_name not in KEPT_ENCODED and m.file.name not in ("google/protobuf/struct.proto",)]


def some_text():
    return "".join(dice.choice("aZ0 \0é€😀\n\"") for _ in range(dice.choice((0, 1, 3, 30, 200))))


def some_number(field):
    kind = field.cpp_type
    if kind == field.CPPTYPE_BOOL:
        return dice.random() < 0.5
    if kind == field.CPPTYPE_ENUM:
        return dice.choice([0, 1, 77, -2, 2**31 - 1])
    if kind in (field.CPPTYPE_DOUBLE, field.CPPTYPE_FLOAT):
        return dice.choice((0.0, -0.0, 1.5, -2.25, math.inf, 1e30))
    signed = kind in (field.CPPTYPE_INT32, field.CPPTYPE_INT64)
    bits = 32 if kind in (field.CPPTYPE_INT32, field.CPPTYPE_UINT32) else 64
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return dice.choice((0, 1, low, high, high >> 9, dice.randint(low, high)))


def some_value(field):
    if field.type == field.TYPE_STRING:
        return some_text()
    if field.type == field.TYPE_BYTES:
        return dice.randbytes(dice.choice((0, 1, 5, 300)))
    return some_number(field)


def is_map(field):
    return field.type == field.TYPE_MESSAGE and field.message_type.GetOptions().map_entry


def fill_map(field, target, depth):
    value = field.message_type.fields_by_name["value"]
    for _ in range(dice.choice((1, 2, 12))):
        if value.type == value.TYPE_MESSAGE:
            fill(target[some_text()], depth + 1)
        else:
            target[some_text()] = some_value(value)


def fill_field(message, field, depth):
    target = getattr(message, field.name)
    if is_map(field):
        fill_map(field, target, depth)
    elif field.is_repeated and field.type == field.TYPE_MESSAGE:
        for _ in range(dice.choice((1, 2, 5))):
            fill(target.add(), depth + 1)
    elif field.is_repeated:
        target.extend(some_value(field) for _ in range(dice.choice((1, 2, 40))))
    elif field.type == field.TYPE_MESSAGE:
        target.SetInParent()
        fill(target, depth + 1)
    else:
        setattr(message, field.name, some_value(field))


def fill(message, depth=0):
    for field in message.DESCRIPTOR.fields:
        if depth < 6 and dice.random() < (0.7 if depth < 2 else 0.35):
            fill_field(message, field, depth)


def check_meaning(echo, make, data):
    """What the official parser makes of the bytes is what it makes of the bytes that pb wrote."""
    name = make.DESCRIPTOR.full_name
    answer = echo.message(name, data)
    try:
        wanted = make.FromString(data)
    except (DecodeError, UnicodeDecodeError) as e:
        assert isinstance(answer, str), f"{name}: pb accepts what is refused ({e}): {data.hex()}"
        return False
    assert isinstance(answer, bytes), f"{name}: pb refuses ({answer}): {data.hex()}"
    got = make.FromString(answer)
    assert drop_unknown(got) == drop_unknown(wanted), f"{name}: {data.hex()} became {answer.hex()}:\n{got}\ninstead of\n{wanted}"
    return True


def hurt(data):
    """A few bytes changed, and perhaps the end cut."""
    data = bytearray(data)
    for _ in range(dice.choice((1, 1, 3)) if data else 0):
        data[dice.randrange(len(data))] = dice.choice((0, 1, 0x7F, 0x80, 0xFF, dice.randrange(256)))
    return bytes(data[:dice.choice((len(data), len(data), dice.randint(0, len(data))))])


def is_odd(m, seen=()):
    """Does it hold, at any depth, a message that pb does not look into, or a map? The official parser drops an entry
    of a map that has an unknown field in it; others, and pb, read it."""
    inner = [f.message_type for f in m.fields if f.type == f.TYPE_MESSAGE and f.message_type not in seen]
    return m.full_name in KEPT_ENCODED or m.GetOptions().map_entry or any(is_odd(i, (*seen, m)) for i in inner)


def check_hurt(echo, make, data):
    """What pb accepts, the official parser accepts too, and understands alike. pb may refuse more: groups."""
    if not is_odd(make.DESCRIPTOR) and isinstance(echo.message(make.DESCRIPTOR.full_name, data), bytes):
        assert check_meaning(echo, make, data)


def drop_unknown(message):
    message.DiscardUnknownFields()
    return message.SerializeToString(deterministic=True)


def check_types(echo, types):
    for m in types:
        make = message_factory.GetMessageClass(m)
        for _ in range(ROUNDS):
            message = make()
            fill(message)
            assert check_meaning(echo, make, message.SerializeToString())
            # Two messages one after the other are one, merged.
            other = make()
            fill(other)
            both = message.SerializeToString() + other.SerializeToString()
            assert check_meaning(echo, make, both)
            check_hurt(echo, make, hurt(both))


def check_json(echo):
    documents = [{}, {"a": None}, {"b": True, "c": False, "d": 1.5, "e": "é\n", "f": {"g": [1, "2", [], {}]}}, {"": {"": ""}},
                 {"n": [0, -1, 1e300, 123456789012345678]}, {f"k{i}": i for i in range(300)}]
    for document in documents:
        data = bytes.fromhex(echo.ask("json " + json.dumps(document)))
        got = json_format.MessageToDict(struct_pb2.Struct.FromString(data))
        assert got == json.loads(json.dumps(document), parse_int=float), document


def main():
    echo = Echo(sys.argv[1])
    _, files = load(sys.argv[2:])
    types = types_of(files)
    check_types(echo, types)
    check_json(echo)
    echo.end()
    print(f"{len(types)} types, {3 * ROUNDS} messages each: the same after")


if __name__ == "__main__":
    main()
