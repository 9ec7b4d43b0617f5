#!/usr/bin/env python3
"""The compiled descriptors against messages.tsv and services.tsv, row by row, in both directions.

    descriptors_test.py DESCRIPTORS [CONTRACT-FOLDER]

The tables beside this file are ours. Where the folder with the wire contract's own tables is there, ours must be the
rows of our packages in those; where it is not, that is said, and only ours are used."""
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "proto" / "gen"))
from plugin_wire import collect, number_in, signed, text  # noqa: E402

TYPES = {1: "double", 2: "float", 3: "int64", 4: "uint64", 5: "int32", 8: "bool", 9: "string", 11: "message", 12: "bytes",
         13: "uint32", 14: "enum"}
MESSAGE, ENUM = 11, 14


def packages(descriptors):
    for data in collect(Path(descriptors).read_bytes())[1]:
        f = collect(data)
        yield text(f, 2), f


def camel(name):
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


def type_of(field, entries):
    kind, name = number_in(field, 5), text(field, 6).removeprefix(".")
    if name in entries:
        key, value = (collect(x) for x in entries[name].get(2, []))
        return f"map<{type_of(key, {})},{type_of(value, {}).split(' ')[-1]}>"
    return f"{TYPES[kind]} {name}" if kind in (MESSAGE, ENUM) else TYPES[kind]


def label_of(field, oneofs):
    if number_in(field, 17):
        return "proto3_optional"
    if 9 in field:
        return f"oneof {oneofs[number_in(field, 9)]}"
    return "repeated" if number_in(field, 4) == 3 else "optional"


def notes_of(field, message_deprecated, shown_type):
    notes = ["message deprecated"] if message_deprecated else []
    options = collect(field.get(8, [b""])[-1])
    if number_in(options, 3):
        notes.append("deprecated")
    if text(field, 10) not in ("", camel(text(field, 1))):
        notes.append(f"json_name={text(field, 10)}")
    if number_in(field, 4) == 3 and shown_type.startswith("enum "):
        notes.append("packed")
    return "; ".join(notes)


def message_rows(package, outer, message):
    name = ".".join(outer + [text(message, 1)])
    nested = [collect(x) for x in message.get(3, [])]
    entries = {f"{package}.{name}.{text(n, 1)}": n for n in nested if number_in(collect(n.get(7, [b""])[-1]), 7)}
    oneofs = [text(collect(o), 1) for o in message.get(8, [])]
    deprecated = number_in(collect(message.get(7, [b""])[-1]), 3)
    for data in message.get(2, []):
        f = collect(data)
        shown = type_of(f, entries)
        label = "map" if shown.startswith("map<") else label_of(f, oneofs)
        yield package, name, str(number_in(f, 3)), text(f, 1), label, shown, notes_of(f, deprecated, shown)
    if not message.get(2):
        yield package, name, "", "", "", "message", "no fields"
    for n in nested:
        if f"{package}.{name}.{text(n, 1)}" not in entries:
            yield from message_rows(package, outer + [text(message, 1)], n)
    for enum in message.get(4, []):
        yield from enum_rows(package, f"{name}.", collect(enum))


def enum_rows(package, prefix, enum):
    for value in map(collect, enum.get(2, [])):
        yield package, prefix + text(enum, 1), str(signed(value, 2)), text(value, 1), "enum value", "enum", "enum"


def all_message_rows(descriptors):
    for package, f in packages(descriptors):
        for message in f.get(4, []):
            yield from message_rows(package, [], collect(message))
        for enum in f.get(5, []):
            yield from enum_rows(package, "", collect(enum))


def all_service_rows(descriptors):
    yes = {0: "no", 1: "yes"}
    for package, f in packages(descriptors):
        for service in map(collect, f.get(6, [])):
            for m in map(collect, service.get(2, [])):
                deprecated = number_in(collect(m.get(4, [b""])[-1]), 33)
                yield (f"{package}.{text(service, 1)}", text(m, 1), text(m, 2)[1:], text(m, 3)[1:], yes[number_in(m, 5)],
                       yes[number_in(m, 6)], yes[deprecated])


def table(path):
    return [tuple(line.split("\t")) for line in path.read_text().splitlines()[1:]]


def compare(what, ours, wanted):
    """Prints what differs; returns how many rows do."""
    findings = [f"{what}: not in the descriptors: {row}" for row in sorted(set(wanted) - set(ours))]
    findings += [f"{what}: not in the table: {row}" for row in sorted(set(ours) - set(wanted))]
    print("\n".join(findings or [f"{what}: {len(wanted)} rows agree"]))
    return len(findings)


def check_against_contract(folder, name, ours, our_packages):
    path = folder / f"grpc-{name}.tsv"
    if not path.exists():
        print(f"skipped: {path} is not here; {name}.tsv was not compared with it")
        return 0
    theirs = [row for row in table(path) if row[0].rsplit(".", 1)[0] in our_packages or row[0] in our_packages]
    return compare(f"the contract's {name}", ours, theirs)


def main():
    messages, services = table(HERE / "messages.tsv"), table(HERE / "services.tsv")
    ours = {row[0] for row in messages}
    found = compare("messages", [r for r in all_message_rows(sys.argv[1]) if r[0] in ours], messages)
    found += compare("services", [r for r in all_service_rows(sys.argv[1]) if r[0].rsplit(".", 1)[0] in ours], services)
    contract = Path(sys.argv[2]) if len(sys.argv) > 2 else HERE.parents[3] / "shared" / "contract"
    found += check_against_contract(contract, "messages", messages, ours)
    found += check_against_contract(contract, "services", services, ours)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
