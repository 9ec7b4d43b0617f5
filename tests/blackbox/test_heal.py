"""--on-component-failure heal: the sidecar stays up, says why a component does not serve, and takes it into service
when its product returns. Trilby's own."""

import pytest

from harness.resources import component
from harness.wait import until

pytestmark = pytest.mark.differs


def broken(bench, path):
    return bench.sidecar(resources=[component("later", "secretstores.local.file", {"secretsFile": str(path)})],
                         flags={"on-component-failure": "heal"})


def test_a_broken_component_says_why_until_it_heals(bench, tmp_path):
    file = tmp_path / "secrets.json"
    sidecar = broken(bench, file)
    answer = sidecar.get("/v1.0/secrets/later/a")
    assert answer.status == 500 and answer.json["errorCode"] == "ERR_SECRET_GET"
    assert "component 'later' is out of service: " in answer.json["message"]
    assert sidecar.component_names() == set()
    file.write_text('{"a": "b"}')
    until(lambda: sidecar.get("/v1.0/secrets/later/a").status == 200, "the component to heal")
    assert sidecar.component_names() == {"later"}
    sidecar.stop()


def test_a_sidecar_whose_component_is_broken_ends_gracefully(bench, tmp_path):
    broken(bench, tmp_path / "missing.json").stop()


def test_a_component_that_is_not_installed_is_tried_again_and_stops_nothing(bench):
    sidecar = bench.sidecar(resources=[component("x", "state.foo"), component("mem", "state.in-memory")],
                            flags={"on-component-failure": "heal"})
    assert sidecar.component_names() == {"mem"}
    sidecar.wait_log("Failed to init component x (state.foo/v1)", count=2)
    sidecar.stop()
