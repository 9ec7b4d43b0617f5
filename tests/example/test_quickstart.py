"""The examples of the README, exactly as they are printed there: with the embedded defaults, and with real Redis,
secrets.json and two sidecars, where only the component YAML differs. Then `tools/quickstart` itself."""

import json
import re
import shutil

import pytest
from conftest import ROOT

RUN = "trilby run --app-id orders --app-port 8080 --dapr-http-port 3500 -- python app.py"
INVOKE = """curl http://localhost:3500/v1.0/invoke/checkout/method/process -H "Content-Type: application/json" -d '{ "orderId": "order-1" }'"""
SAVE = """curl -X POST http://localhost:3500/v1.0/state/statestore -H "Content-Type: application/json" -d '[{ "key": "order-1", "value": { "item": "pizza", "qty": 2 } }]'"""
GET = "curl http://localhost:3500/v1.0/state/statestore/order-1"
PUBLISH = """curl -X POST http://localhost:3500/v1.0/publish/pubsub/orders -H "Content-Type: application/json" -d '{ "orderId": "order-1" }'"""
SECRET = "curl http://localhost:3500/v1.0/secrets/secretstore/db-password"
LINES = (RUN, INVOKE, SAVE, GET, PUBLISH, SECRET)
CHECKOUT = "trilby run --app-id checkout --app-port 8081 -- python checkout.py"

UP = "dapr initialized. Status: Running"
RECEIVED = re.compile(r"order received: \{'orderId': 'order-1'\} \(application/cloudevents\+json: "
                      r"com\.dapr\.event\.sent [0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12} from orders\)$")
QUICKSTART = ROOT / "config" / "quickstart"


def settle(place):
    """The applications of the quickstart and their secrets."""
    for file in (*QUICKSTART.glob("*.py"), QUICKSTART / "secrets.json"):
        shutil.copy(file, place.folder)


def use_redis(place, address):
    """The other setting: other YAML, and the server's password among the secrets."""
    folder = place.folder / ".trilby" / "components"
    folder.mkdir(parents=True)
    for file in (QUICKSTART / "redis").glob("*.yaml"):
        (folder / file.name).write_text(file.read_text().replace("localhost:6379", address))
    secrets = json.loads((place.folder / "secrets.json").read_text())
    secrets["redis-password"] = place.redis_password
    (place.folder / "secrets.json").write_text(json.dumps(secrets))


def work_through(place):
    """Both sidecars up, the lines one after the other, the event at the app, and a Ctrl-C for each."""
    checkout = place.start(CHECKOUT)
    checkout.until(UP)
    orders = place.start(RUN)
    orders.until(UP)
    assert json.loads(place.shell(INVOKE)) == {"processed": "order-1"}
    assert place.shell(SAVE) == ""
    assert json.loads(place.shell(GET)) == {"item": "pizza", "qty": 2}
    assert place.shell(PUBLISH) == ""
    assert json.loads(place.shell(SECRET)) == {"db-password": "mighty-secret"}
    orders.until(RECEIVED)
    assert "processing {'orderId': 'order-1'}" in checkout.until("processing")
    return orders, checkout


def leave(*runs):
    for run in runs:
        assert run.interrupt() == 0, run.text()
        assert "Exited Dapr successfully" in run.text()


def test_the_examples_with_the_embedded_defaults(place):
    settle(place)
    orders, checkout = work_through(place)
    assert "Component loaded: statestore (state.in-memory/v1)" in orders.text()
    leave(orders, checkout)


def test_the_examples_with_redis(place, redis):
    settle(place)
    use_redis(place, redis)
    orders, checkout = work_through(place)
    for loaded in ("statestore (state.redis/v1)", "pubsub (pubsub.redis/v1)", "secretstore (secretstores.local.file/v1)"):
        assert f"Component loaded: {loaded}" in orders.text()
    ask = f"redis-cli -p {redis.split(':')[1]} --no-auth-warning"
    secret = {"REDISCLI_AUTH": place.redis_password}
    assert json.loads(place.shell(f"{ask} HGET 'orders||order-1' data", **secret)) == {"item": "pizza", "qty": 2}
    assert place.shell(f"{ask} XLEN orders", **secret).strip() == "1"
    assert place.redis_password not in orders.text() + checkout.text()
    leave(orders, checkout)


@pytest.mark.parametrize("line", LINES)
def test_the_readme_prints_them(line):
    assert line in (ROOT / "README.md").read_text().splitlines()


# ------------------------------------------------------------------------------------- tools/quickstart
@pytest.fixture
def quickstart(pytestconfig, programs):
    given = "" if programs == ROOT / "build" / "bin" else f" --programs {programs}"
    return "tools/quickstart" + given


@pytest.mark.parametrize("setting", ["embedded", "redis"])
def test_quickstart_once_prints_every_example_with_its_answer(place, quickstart, setting, request):
    extra = {}
    if setting == "redis":
        quickstart += " --redis " + request.getfixturevalue("redis")
        extra["REDIS_PASSWORD"] = place.redis_password
    said = place.shell(f"{quickstart} --once", cwd=ROOT, **extra).splitlines()
    for line in LINES:
        assert f"$ {line}" in said
    assert said.count("-> 200") == 3 and said.count("-> 204") == 2
    assert any(RECEIVED.search(line) for line in said)
    assert said[-1] == "every example worked"


def test_quickstart_stays_up_until_ctrl_c(place, quickstart):
    run = place.start(f"exec {quickstart}", cwd=ROOT)
    run.until("stays up on http://localhost:3500 until Ctrl-C")
    place.shell(PUBLISH)
    run.until("order received")
    assert run.interrupt() == 0
    place.shell("! curl -s http://localhost:3500/v1.0/healthz")


@pytest.mark.parametrize("port", [3500, 8080, 8081])
def test_quickstart_names_a_port_that_is_in_use(place, quickstart, port):
    holder = place.start(f"exec python3 -u -m http.server --bind 127.0.0.1 {port}")
    holder.until("Serving HTTP")
    run = place.start(f"exec {quickstart} --once", cwd=ROOT)
    assert run.end() == 1
    assert run.text() == f"tools/quickstart: port {port} is in use by another program: end it and try again"


def test_quickstart_says_what_it_does_not_know(place, quickstart):
    run = place.start("exec tools/quickstart --twice", cwd=ROOT)
    assert run.end() == 2
    assert run.text() == "tools/quickstart: unknown option '--twice': see --help"
