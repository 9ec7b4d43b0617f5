"""The headers of the SDK as data: constants, structs with their members, functions and verbs, each with its comment.

Read by tools/sdk/rust (bindings) and tools/sdk/reference (pages). It understands the C that sdk/include is written
in, and stops with a sentence at anything else, so that nothing is left out in silence."""
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
INCLUDE = ROOT / "sdk/include/trilby"
CORE = ["types", "plugin", "inline", "options", "services", "verbs"]
BLOCKS = sorted(p.stem for p in INCLUDE.glob("*.def"))
TOKEN = re.compile(r"/\*.*?\*/|[A-Za-z_]\w*|\.\.\.|\d+\w*|[^\s\w]", re.S)
KINDS = {"NAME": "struct trb_name", "SLICE": "struct trb_slice", "DATA": "struct trb_data", "PAIRS": "struct trb_pairs",
         "U32": "uint32_t", "U64": "uint64_t", "I64": "int64_t"}


@dataclass
class Member:
    name: str
    type: str                       # C, without the name; of a function pointer what it returns
    doc: str = ""
    array: str = ""                 # "64" of char reason[64]
    arguments: list = None          # of a function pointer: [(type, name)]
    of: str = ""                    # of a list in a .def: the element


@dataclass
class Struct:
    name: str
    doc: str
    members: list = field(default_factory=list)
    opaque: bool = False


@dataclass
class Constant:
    name: str
    value: str
    doc: str


@dataclass
class Function:
    name: str
    signature: str
    doc: str
    macro: bool = False


@dataclass
class Verb:
    name: str
    question: str
    answer: str
    doc: str
    flavour: str                    # VERB, BULK or STREAM


@dataclass
class Header:
    name: str
    doc: str
    items: list                     # in the order of the file
    verbs: list = field(default_factory=list)

    def of(self, kind):
        return [i for i in self.items if isinstance(i, kind)]


def fail(where, what):
    sys.exit(f"headers.py: {where}: cannot read: {what!r}")


def sentence(comment):
    """The text of a comment, as one paragraph."""
    lines = [re.sub(r"^\s*\*? ?", "", line).rstrip() for line in comment.strip()[2:-2].strip().splitlines()]
    return re.sub(r"[ \n]+", " ", " ".join(lines)).strip()


def paragraphs(comment):
    lines = [re.sub(r"^ \* ?", "", line).rstrip() for line in comment.strip()[2:-2].splitlines()]
    return "\n".join(lines).strip()


def spell(tokens):
    text = " ".join(tokens)
    return re.sub(r"\* (?=\*)", "*", text)


def declarators(tokens, where):
    """The declarators of one declaration: int a, *b, c[4]; or R (*f)(args);"""
    if "(" in tokens:
        at = tokens.index("(")
        if tokens[at + 1] != "*" or tokens[at + 3] != ")":
            fail(where, spell(tokens))
        yield Member(tokens[at + 2], spell(tokens[:at]), arguments=arguments(tokens[at + 4:], where))
        return
    parts, base = " ".join(tokens).split(" , "), None
    for part in parts:
        words = part.split()
        array = ""
        if words[-1] == "]":
            array, words = words[-2], words[:-3]
        name, rest = words[-1], words[:-1]
        if base is None:
            base = [w for w in rest if w != "*"] if len(parts) > 1 and rest[-1] == "*" and "const" not in rest[1:] else None
            first = rest
            if base is None:
                base = rest
                while base and base[-1] == "*":
                    base = base[:-1]
            yield Member(name, spell(first), array=array)
        else:
            yield Member(name, spell(base + rest), array=array)


def arguments(tokens, where):
    if tokens[0] != "(" or tokens[-1] != ")":
        fail(where, spell(tokens))
    result, depth, current = [], 0, []
    for token in [*tokens[1:-1], ","]:
        depth += (token == "(") - (token == ")")
        if token == "," and depth == 0:
            if current and current != ["void"]:
                result.append(argument(current, where))
            current = []
        else:
            current.append(token)
    return result


def argument(tokens, where):
    if "(" in tokens:                                   # void (*release)(void *)
        at = tokens.index("(")
        inner = arguments(tokens[at + 4:], where)
        return (spell(tokens[:at]) + " (*)(" + ", ".join(t for t, _ in inner) + ")", tokens[at + 2])
    named = tokens[-1] != "*" and len([t for t in tokens if t not in ("const", "struct", "*")]) > 1
    return (spell(tokens[:-1]), tokens[-1]) if named else (spell(tokens), "")


def members(body, where):
    """A comment on lines of its own belongs to the next declaration, one behind a declaration to that."""
    found, before, latest, tokens, last_line = [], "", [], [], -1
    for m in TOKEN.finditer(body):
        token, line = m.group(), body.count("\n", 0, m.start())
        if token.startswith("/*"):
            if latest and line == last_line:
                for one in latest:
                    one.doc = (one.doc + " " + sentence(token)).strip()
            elif tokens:
                fail(where, token)
            else:
                before = (before + " " + sentence(token)).strip()
        elif token == "#":
            break                                       # #include <trilby/verbs_ops.h>: the verbs, from the .def
        elif token == ";":
            latest = list(declarators(tokens, where))
            for one in latest:
                one.doc = before
            found += latest
            before, tokens, last_line = "", [], line
        else:
            tokens.append(token)
    return found


ITEM = re.compile(r"""
      (?P<comment>/\*.*?\*/)
    | ^\#define[ ]+(?P<constant>TRB_[A-Z0-9_]+)[ ]+(?P<value>\d+u?|\(1ull[ ]<<[ ]\d+\)|"[^"]*")[ ]*(?P<note>/\*[^\n]*\*/)?[ ]*$
    | ^\#define[ ]+(?P<macro>TRB_[A-Z0-9_]+\((?:[^()]|\([^()]*\))*?\))(?P<macrobody>(?:[^\n]*\\\n)*[^\n]*)$
    | ^struct[ ](?P<opaque>trb_\w+);[ ]*(?P<opaquenote>/\*[^\n]*\*/)?
    | ^struct[ ](?P<struct>trb_\w+)[ ]\{(?P<body>.*?)^\};
    | ^static[ ]inline[ ](?P<function>[^{;]*?)\s*\{(?P<code>.*?)^\}
    | ^typedef[ ](?P<typedef>[^;]+);
    | (?P<blank>\n[ ]*\n)
    """, re.S | re.M | re.X)


def lower(text):
    """What comes before the comment's own sentence: a header's items, in their order."""
    items, doc = [], ""
    for m in ITEM.finditer(text):
        if m["comment"]:
            doc = sentence(m["comment"])
            continue
        if m["blank"]:
            doc = ""
            continue
        if m["constant"]:
            items.append(Constant(m["constant"], m["value"], sentence(m["note"]) if m["note"] else doc))
            if m["note"]:
                continue                                # the comment above stays for the next of the group
        elif m["macro"]:
            if not re.match(r"TRB_\w*_\(|TRB_(TYPE|FIELD)_|TRB_PRINTF", m["macro"]):
                items.append(Function(m["macro"].split("(")[0], re.sub(r"\s+", " ", m["macro"]), doc, macro=True))
        elif m["opaque"]:
            items.append(Struct(m["opaque"], sentence(m["opaquenote"]) if m["opaquenote"] else doc, opaque=True))
        elif m["struct"]:
            head = re.match(r"\s*(/\*[^\n]*\*/)\s*\n", m["body"])
            note = sentence(head[1]) if head and "\n" in m["body"][:head.end() + 1] and not m["body"].startswith("\n") else ""
            body = m["body"][head.end():] if note else m["body"]
            items.append(Struct(m["struct"], " ".join(filter(None, [doc, note])), members(body, m["struct"])))
        elif m["function"]:
            signature = re.sub(r"\s+", " ", re.sub(r"TRB_PRINTF\(\d, \d\) ", "", m["function"]))
            items.append(Function(re.search(r"(\w+)\(", signature)[1], signature, doc))
        doc = ""
    return items


def header(name):
    text = (INCLUDE / f"{name}.h").read_text()
    opening = re.match(r"/\*.*?\*/", text, re.S)
    made = Header(name, paragraphs(opening[0]), lower(text[opening.end():]))
    if name in BLOCKS:
        add_table(made)
    return made


def add_table(made):
    text = (INCLUDE / f"{made.name}.def").read_text()
    text = re.sub(r"^/\*.*?\*/\s*", "", text, flags=re.S)
    structs = {}
    for line in filter(None, text.splitlines()):
        m = re.fullmatch(r'TRB_(\w+)\((\w+)(?:, (\w+), (\w+))?(?:, "(.*)")?\)', line)
        if not m:
            fail(f"{made.name}.def", line)
        word, a, b, c, doc = m.groups()
        doc = (doc or "").replace("\\\\", "\\")
        if word == "STRUCT":
            structs[a] = Struct("trb_" + a, "", [Member("size", "uint32_t", "Of this struct, as its writer compiled it.")])
        elif word == "FIELD":
            structs[a].members.append(Member(c, KINDS[b], doc))
        elif word == "FIELD_OF":
            structs[a].members.append(Member(b, "struct trb_list", doc, of="trb_" + c))
        elif word in ("VERB", "BULK", "STREAM"):
            made.verbs.append(Verb(a, "trb_" + b, "trb_" + c, doc, word))
        elif word != "END":
            fail(f"{made.name}.def", line)
    ops = next(i for i in made.items if isinstance(i, Struct) and i.name == f"trb_{made.name}_ops")
    made.items[made.items.index(ops):made.items.index(ops)] = structs.values()
