"""Where the built programs are."""

import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def pytest_addoption(parser):
    parser.addoption("--build", default=str(ROOT / "build"), help="a build folder, with bin/trilby-conform")


@pytest.fixture(scope="session")
def build(pytestconfig):
    folder = pathlib.Path(pytestconfig.getoption("--build")).resolve()
    assert (folder / "bin/trilby-conform").exists(), f"{folder} is not built: name one with --build"
    return folder
