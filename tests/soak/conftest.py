"""The soak tests use the harness and the fixtures of the black-box suite."""

import importlib.util
import os
import sys

import pytest
from load import Load

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "blackbox")
sys.path.insert(0, FOLDER)
_spec = importlib.util.spec_from_file_location("blackbox_conftest", os.path.join(FOLDER, "conftest.py"))
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
globals().update({name: getattr(_module, name) for name in
                  ("pytest_addoption", "pytest_collection_modifyitems", "binary", "bench", "shared", "redis_server",
                   "redis_with_password")})


@pytest.fixture(autouse=True)
def loads():
    yield
    Load.end_all()
