"""What protoc says to a plugin and hears from it, read by hand: the few descriptor fields we use."""
from types import SimpleNamespace


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def fields(data):
    """Yields (number, value); value is bytes or an int."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = varint(data, at)
        else:
            size, at = varint(data, at) if kind == 2 else ({1: 8, 5: 4}[kind], at)
            value, at = data[at:at + size], at + size
        yield tag >> 3, value


def collect(data):
    found = {}
    for number, value in fields(data):
        found.setdefault(number, []).append(value)
    return found


def text(found, number):
    return found.get(number, [b""])[-1].decode()


def number_in(found, number, absent=0):
    return found.get(number, [absent])[-1]


def signed(found, number):
    value = number_in(found, number)
    return value - (1 << 64) if value >> 63 else value


def read_field(data):
    f = collect(data)
    return SimpleNamespace(name=text(f, 1), number=number_in(f, 3), label=number_in(f, 4), type=number_in(f, 5),
                           type_name=text(f, 6), oneof=number_in(f, 9, -1), optional=bool(number_in(f, 17)))


def read_enum(data):
    f = collect(data)
    values = [collect(v) for v in f.get(2, [])]
    return SimpleNamespace(name=text(f, 1), values=[SimpleNamespace(name=text(v, 1), number=signed(v, 2)) for v in values])


def read_message(data):
    f = collect(data)
    options = collect(f.get(7, [b""])[-1])
    return SimpleNamespace(name=text(f, 1), fields=[read_field(x) for x in f.get(2, [])],
                           messages=[read_message(x) for x in f.get(3, [])], enums=[read_enum(x) for x in f.get(4, [])],
                           map_entry=bool(number_in(options, 7)))


def read_file(data):
    f = collect(data)
    return SimpleNamespace(name=text(f, 1), package=text(f, 2), messages=[read_message(x) for x in f.get(4, [])],
                           enums=[read_enum(x) for x in f.get(5, [])])


def read_request(data):
    """CodeGeneratorRequest -> names of the files to generate for, and all files."""
    f = collect(data)
    return {x.decode() for x in f.get(1, [])}, [read_file(x) for x in f.get(15, [])]


def put(number, data):
    out = bytearray([number << 3 | 2] if number < 16 else [number << 3 & 0x7F | 0x82, number >> 4])
    size = len(data)
    while size > 0x7F:
        out.append(size & 0x7F | 0x80)
        size >>= 7
    out.append(size)
    return bytes(out) + data


def write_response(files):
    """CodeGeneratorResponse; feature 1: proto3's optional is understood."""
    response = bytes([2 << 3, 1])
    for name, content in files:
        response += put(15, put(1, name.encode()) + put(15, content.encode()))
    return response
