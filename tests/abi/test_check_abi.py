"""tools/check-abi: what it lets pass and what it refuses, on copies of the headers."""

import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture
def tree(tmp_path):
    shutil.copytree(ROOT / "sdk/include", tmp_path / "sdk/include")
    (tmp_path / "tests/abi").mkdir(parents=True)
    for name in ("v1.txt", "v1.0.txt"):
        shutil.copy(ROOT / "tests/abi" / name, tmp_path / "tests/abi")
    return tmp_path


def change(tree, file, old, new):
    path = tree / "sdk/include/trilby" / file
    text = path.read_text()
    assert text.count(old) == 1, f"{file} has {text.count(old)} times: {old}"
    path.write_text(text.replace(old, new))


def check(tree, *words):
    done = subprocess.run([ROOT / "tools/check-abi", "--tree", tree, *words], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_unchanged_headers_pass(tree):
    assert check(tree)[0] == 0


LAST = "    const uint32_t *items;         /* one verdict per entry of a bulk event, or NULL */\n    uint32_t item_count;           /* of items */\n"


def test_growth_at_the_end_passes_once_it_is_recorded(tree):
    change(tree, "plugin.h", LAST, LAST + "    uint32_t reserved;\n    uint64_t took_ns;\n")
    rc, said = check(tree)
    assert rc == 1 and "trb_settlement.took_ns is new at its end" in said and "--update" in said
    assert check(tree, "--update")[0] == 0
    assert check(tree)[0] == 0


BROKEN = {
    "inserted": ("plugin.h", LAST, "    uint64_t took_ns;\n" + LAST, "trb_settlement: ('items', "),
    "put into padding": ("plugin.h", LAST, LAST + "    uint32_t tries;\n", "trb_settlement.tries lies in the 56 bytes"),
    "taken away": ("plugin.h", "    struct trb_data data;          /* the handler's answer, or absent */\n", "", "trb_settlement"),
    "another width": ("types.h", "    int32_t item;         /*", "    int64_t item;         /*", "trb_error"),
    "an array longer": ("types.h", "    char reason[64]; ", "    char reason[65]; ", "trb_error"),
    "another value": ("plugin.h", "#define TRB_RETRY 2u", "#define TRB_RETRY 5u", "TRB_RETRY was 2 and is 5"),
    "a struct without size": ("types.h", "struct trb_pair {\n    struct trb_name key, value;", "struct trb_pair {\n    struct trb_name key, value, more;", "trb_pair"),
    "a verb inserted": ("lock.def", "TRB_VERB(unlock,", "TRB_VERB(peek, lock_try, lock_taken, \"x\")\nTRB_VERB(unlock,", "trb_lock_ops"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_everything_else_is_refused(tree, what):
    file, old, new, words = BROKEN[what]
    before = (tree / "tests/abi/v1.txt").read_text()
    change(tree, file, old, new)
    for options in ((), ("--update",)):
        rc, said = check(tree, *options)
        assert rc == 1 and "BROKEN" in said and words in said, said
    assert (tree / "tests/abi/v1.txt").read_text() == before


def test_what_is_recorded_is_judged_too(tree):
    kept = tree / "tests/abi/v1.txt"
    change(tree, "plugin.h", "#define TRB_RETRY 2u", "#define TRB_RETRY 5u")
    kept.write_text(kept.read_text().replace("TRB_RETRY 2\n", "TRB_RETRY 5\n"))
    rc, said = check(tree)
    assert rc == 1 and "TRB_RETRY was 2 and is 5 (in v1.0.txt)" in said
