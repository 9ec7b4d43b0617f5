"""The tutorial, word by word: `tests/tutorial/run` does every command of docs/component-in-twenty-minutes.md."""

import subprocess

import pytest

from conftest import ROOT


@pytest.mark.timeout(300)
def test_a_component_in_twenty_minutes(programs):
    done = subprocess.run([ROOT / "tests" / "tutorial" / "run", "--build", programs.parent], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=290)
    assert done.returncode == 0, done.stdout + done.stderr
