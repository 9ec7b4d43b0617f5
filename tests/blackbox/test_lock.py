"""lock.redis behind the lock block: what stands in Redis, what HTTP alone can say, and what faults do."""

import uuid
from contextlib import closing

import pytest
import redis as client
from harness import rpc
from harness.resources import component


@pytest.fixture(scope="module")
def keeper(redis_server):
    host, port = redis_server.address.split(":")
    with client.Redis(host, int(port)) as made:
        yield made


@pytest.fixture(scope="module")
def sidecar(shared, redis_server):
    def store(name, **more):
        return component(name, "lock.redis", {"redisHost": redis_server.address, **more})
    return shared.sidecar(app_id="locker", env={"NAMESPACE": "prod"}, resources=[
        store("plain"), store("named", keyPrefix="Name"), store("none", keyPrefix="NONE"),
        store("spaced", keyPrefix="namespace"), store("own", keyPrefix="MyOwn")])


@pytest.fixture
def resource():
    return f"res-{uuid.uuid4().hex[:8]}"


def lock(sidecar, store, body):
    return sidecar.post(f"/v1.0-alpha1/lock/{store}", body)


def unlock(sidecar, store, body):
    return sidecar.post(f"/v1.0-alpha1/unlock/{store}", body)


@pytest.mark.parametrize("store,key", [
    ("plain", "lock||locker||{}"), ("named", "lock||named||{}"), ("none", "lock||{}"),
    ("spaced", "lock||namespace||{}"), ("own", "lock||myown||{}")])
def test_the_key_is_in_the_form_of_its_prefix(sidecar, keeper, resource, store, key):
    answer = lock(sidecar, store, {"resourceId": resource, "lockOwner": "me", "expiryInSeconds": 100})
    assert (answer.status, answer.body) == (200, b'{"success":true}')
    assert answer.header("Content-Type") == "application/json"
    assert keeper.get(key.format(resource)) == b"me"
    assert 90 < keeper.ttl(key.format(resource)) <= 100


def test_a_lock_that_another_sidecar_took_is_seen(sidecar, keeper, resource):
    keeper.set(f"lock||locker||{resource}", "other", ex=100)
    assert lock(sidecar, "plain", {"resourceId": resource, "lockOwner": "me", "expiryInSeconds": 5}).json == {"success": False}
    assert unlock(sidecar, "plain", {"resourceId": resource, "lockOwner": "me"}).json == {"status": 2}
    assert keeper.get(f"lock||locker||{resource}") == b"other"
    assert unlock(sidecar, "plain", {"resourceId": resource, "lockOwner": "other"}).body == b'{"status":0}'
    assert not keeper.exists(f"lock||locker||{resource}")


def test_it_expires(sidecar, keeper, resource):
    body = {"resourceId": resource, "lockOwner": "me", "expiryInSeconds": 1}
    assert lock(sidecar, "plain", body).json == {"success": True}
    while keeper.exists(f"lock||locker||{resource}"):
        pass
    assert lock(sidecar, "plain", {**body, "lockOwner": "you"}).json == {"success": True}


def test_names_of_proto_and_numbers_as_text_are_taken(sidecar, resource):
    answer = lock(sidecar, "plain", {"resource_id": resource, "lock_owner": "me", "expiry_in_seconds": "30", "other": [1]})
    assert answer.json == {"success": True}


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"resourceId":1}', b'{"lockOwner":true}', b'{"expiryInSeconds":"x"}',
                                  b'{"expiryInSeconds":1.5}', b'{"expiryInSeconds":3000000000}'])
def test_a_body_that_is_none_is_malformed(sidecar, body):
    answer = lock(sidecar, "plain", body)
    assert answer.status == 400
    assert answer.json["errorCode"] == "ERR_MALFORMED_REQUEST"
    assert answer.json["message"].startswith("failed deserializing HTTP body: ")


def test_an_empty_body_is_an_empty_message(sidecar):
    answer = lock(sidecar, "plain", b"")
    assert answer.json["message"] == "ExpiryInSeconds is not positive in lock store plain"
    answer = unlock(sidecar, "plain", b"")
    assert answer.json["message"] == "ResourceId is empty in lock store plain"


def test_a_key_of_another_kind_is_an_error(sidecar, keeper, resource):
    keeper.hset(f"lock||locker||{resource}", "a", "b")
    answer = unlock(sidecar, "plain", {"resourceId": resource, "lockOwner": "me"})
    assert answer.status == 500
    assert answer.json["errorCode"] == "ERR_UNLOCK"
    assert "WRONGTYPE" in answer.json["message"]


def test_the_metadata_name_the_stores(sidecar):
    assert {"name": "plain", "type": "lock.redis", "version": "v1"} in [
        {name: one[name] for name in ("name", "type", "version")} for one in sidecar.metadata()["components"]]


def test_the_lists_of_allowed_calls_know_locks(bench):
    allowed = [{"name": "unlock", "version": "v1alpha1", "protocol": protocol} for protocol in ("grpc", "http")]
    sidecar = bench.sidecar(config={"api": {"allowed": allowed}})
    with closing(rpc.Dapr(sidecar.grpc)) as dapr:
        with pytest.raises(rpc.Failure, match="UNIMPLEMENTED"):
            dapr.TryLockAlpha1(store_name="s", resource_id="r", lock_owner="o", expiry_in_seconds=1)
        with pytest.raises(rpc.Failure, match="lock store is not configured"):
            dapr.UnlockAlpha1(store_name="s", resource_id="r", lock_owner="o")
    assert lock(sidecar, "s", {"expiryInSeconds": 1}).status == 404
    assert unlock(sidecar, "s", {}).json["errorCode"] == "ERR_LOCK_STORE_NOT_CONFIGURED"


def test_only_post(sidecar):
    assert sidecar.put("/v1.0-alpha1/lock/plain", b"{}").status == 404


@pytest.mark.parametrize("options,word", [({"redisType": "cluster"}, "redisType"), ({"keyPrefix": "a||b"}, "keyPrefix")])
def test_what_no_lock_can_be_kept_with_ends_the_start(bench, redis_server, options, word):
    sidecar = bench.sidecar(start=False, resources=[
        component("locks", "lock.redis", {"redisHost": redis_server.address, **options})])
    sidecar.start(ready=False)
    assert sidecar.wait_end() == 1
    assert sidecar.logged(word)
