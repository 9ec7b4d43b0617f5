// A client with `DaprClient`: every block the sidecar has, over the protocol that PROTOCOL names.
import { CommunicationProtocolEnum, DaprClient, StateConcurrencyEnum, StateConsistencyEnum } from "@dapr/dapr";
import assert from "node:assert/strict";
import { feature, refusal, same, until } from "./say.mjs";

const grpc = process.env.PROTOCOL === "grpc";
const client = new DaprClient({
  communicationProtocol: grpc ? CommunicationProtocolEnum.GRPC : CommunicationProtocolEnum.HTTP,
});
// One that sends what the sidecar does not take.
const generous = new DaprClient({ communicationProtocol: client.options.communicationProtocol, maxBodySizeMb: 16 });
const store = "statestore";

// What an error of the sidecar says: over HTTP a text with its JSON, over gRPC an error of Connect.
function said(error) {
  if (grpc) return error.rawMessage;
  const answer = JSON.parse(JSON.parse(error.message).error_msg);
  return `${answer.errorCode}: ${answer.message}`;
}

async function metadata() {
  await feature("metadata.get", async () => {
    const found = await client.metadata.get();
    same(found.id, process.env.APP_ID);
    same(found.components.map((one) => one.name).sort(), ["pubsub", "secretstore", "statestore"]);
  });
  await feature("metadata.capabilities", async () => {
    const found = (await client.metadata.get()).components.find((one) => one.name === store);
    for (const one of ["ETAG", "TRANSACTIONAL", "ACTOR", "TTL"]) assert.ok(found.capabilities.includes(one), one);
  });
  await feature("metadata.set", async () => {
    same(await client.metadata.set("colour", "dark blue"), true);
    same((await client.metadata.get()).extended.colour, "dark blue");
  });
}

async function state() {
  await feature("state.save", async () => {
    same(await client.state.save(store, [{ key: "order_1", value: { id: 1, items: ["a", "b"] } }]), {});
  });
  await feature("state.get", async () => {
    same(await client.state.get(store, "order_1"), { id: 1, items: ["a", "b"] });
  });
  await feature("state.get.missing", async () => {
    same(await client.state.get(store, "nothing"), "");
  });
  await feature("state.save.bulk", async () => {
    const saved = await client.state.save(store, [
      { key: "bulk_1", value: "value 1" },
      { key: "bulk_2", value: 2 },
    ]);
    same(saved, {});
  });
  await feature("state.get.bulk", async () => {
    const found = await client.state.getBulk(store, ["bulk_1", "bulk_2", "nothing"], { parallelism: 2 });
    const values = Object.fromEntries(found.map((one) => [one.key, one.data || undefined]));
    same(values, { bulk_1: "value 1", bulk_2: 2, nothing: undefined });
  });
  await feature("state.large", async () => {
    const text = "x".repeat(2 * 1024 * 1024);
    same(await client.state.save(store, [{ key: "large", value: text }]), {});
    assert.ok((await client.state.get(store, "large")) === text, "another text");
  });
  await feature("state.options", async () => {
    const options = {
      consistency: StateConsistencyEnum.CONSISTENCY_STRONG,
      concurrency: StateConcurrencyEnum.CONCURRENCY_LAST_WRITE,
    };
    same(await client.state.save(store, [{ key: "order_2", value: "strong", options }]), {});
    same(await client.state.get(store, "order_2", { consistency: options.consistency }), "strong");
  });
  await feature("state.ttl", async () => {
    const brief = (ttlInSeconds) => [{ key: "brief", value: "soon gone", metadata: { ttlInSeconds } }];
    same(await client.state.save(store, brief("1000")), {});
    same(await client.state.get(store, "brief"), "soon gone");
    same(await client.state.save(store, brief("1")), {});
    await until("the item to go", async () => (await client.state.get(store, "brief")) === "");
  });
}

async function stateMetadata() {
  await feature("state.metadata", async () => {
    const items = [{ key: "briefer", value: "soon gone", metadata: { ttlInSeconds: "1000" } }];
    same(await client.state.save(store, items), {});
    same(await client.state.get(store, "briefer"), "soon gone");
    same(await client.state.save(store, items, { metadata: { ttlInSeconds: "1" } }), {});
    await until("the item to go", async () => (await client.state.get(store, "briefer")) === "");
  });
  await feature("state.toolarge", async () => {
    const value = "x".repeat(5 * 1024 * 1024);
    const error = await refusal(() => generous.state.save(store, [{ key: "giant", value }]));
    assert.match(error.message, grpc ? /received message larger than max \(\d+ vs. 4194304\)/ : /stream too large/);
    same(await generous.state.get(store, "giant"), "");
  });
}

async function etagOf(key) {
  return (await client.state.getBulk(store, [key]))[0].etag;
}

async function stateEtag() {
  let old;
  await feature("state.etag", async () => {
    await client.state.save(store, [{ key: "counter", value: "1" }]);
    old = await etagOf("counter");
    assert.ok(old, "no etag");
    same(await client.state.save(store, [{ key: "counter", value: "2", etag: old }]), {});
    same(await client.state.get(store, "counter"), grpc ? 2 : "2");
  });
  await feature("state.etag.mismatch", async () => {
    const error = await refusal(() => client.state.save(store, [{ key: "counter", value: "3", etag: old }]));
    assert.match(said(error), /possible etag mismatch/);
  });
  await feature("state.delete", async () => {
    same(await client.state.delete(store, "order_1"), {});
    same(await client.state.get(store, "order_1"), "");
  });
  await feature("state.delete.etag", async () => {
    const error = await refusal(() => client.state.delete(store, "counter", { etag: old }));
    assert.match(said(error), /possible etag mismatch/);
    same(await client.state.delete(store, "counter", { etag: await etagOf("counter") }), {});
    same(await client.state.get(store, "counter"), "");
  });
}

async function stateMore() {
  await feature("state.transaction", async () => {
    await client.state.transaction(store, [
      { operation: "upsert", request: { key: "tx_1", value: "one" } },
      { operation: "upsert", request: { key: "tx_2", value: "two" } },
      { operation: "delete", request: { key: "bulk_1" } },
    ]);
    same(await client.state.get(store, "tx_1"), "one");
    same(await client.state.get(store, "tx_2"), "two");
    same(await client.state.get(store, "bulk_1"), "");
  });
  await feature("state.error", async () => {
    const error = await refusal(() => client.state.get("nostore", "order_1"));
    same(said(error), `${grpc ? "" : "ERR_STATE_STORE_NOT_FOUND: "}state store nostore is not found`);
  });
}

async function publish() {
  const topic = "heard-by-nobody";
  const event = { specversion: "1.0", type: "order", source: "shop", id: "id-1", data: { orderId: 1 } };
  await feature("publish", async () => {
    same(await client.pubsub.publish("pubsub", topic, "a text"), {});
  });
  await feature("publish.json", async () => {
    same(await client.pubsub.publish("pubsub", topic, { orderId: 1 }), {});
  });
  await feature("publish.bytes", async () => {
    const options = { contentType: "application/octet-stream" };
    same(await client.pubsub.publish("pubsub", topic, Buffer.from([0, 255]), options), {});
  });
  await feature("publish.metadata", async () => {
    same(await client.pubsub.publish("pubsub", topic, "a text", { metadata: { ttlInSeconds: "100" } }), {});
  });
  await feature("publish.cloudevent", async () => {
    same(await client.pubsub.publish("pubsub", topic, event), {});
  });
  await feature("publish.bulk", async () => {
    const events = [
      "message 1",
      { n: 2 },
      { entryID: "third", event: "message 3", contentType: "text/plain" },
      { entryID: "fourth", event: { ...event, data: "message 4" }, contentType: "application/cloudevents+json" },
    ];
    same(await client.pubsub.publishBulk("pubsub", topic, events), { failedMessages: [] });
  });
  await feature("publish.bulk.error", async () => {
    const events = ["same", "same", "another"].map((entryID) => ({ entryID, event: "a text" }));
    same((await client.pubsub.publishBulk("pubsub", topic, events)).failedMessages.length, 3);
  });
  await feature("publish.error", async () => {
    const error = await refusal(() => client.pubsub.publish("nobroker", topic, "a text"));
    same(said(error), `${grpc ? "" : "ERR_PUBSUB_NOT_FOUND: "}pubsub nobroker is not found`);
  });
}

async function secrets() {
  await feature("secret.get", async () => {
    same(await client.secret.get("secretstore", "orders-key"), { "orders-key": "a secret" });
  });
  await feature("secret.bulk", async () => {
    same(await client.secret.getBulk("secretstore"), {
      "orders-key": { "orders-key": "a secret" },
      "db:user": { "db:user": "ann" },
      "db:password": { "db:password": "xyz" },
    });
  });
  await feature("secret.error", async () => {
    const error = await refusal(() => client.secret.get("nostore", "orders-key"));
    same(said(error), `${grpc ? "" : "ERR_SECRET_STORE_NOT_FOUND: "}failed finding secret store with key nostore`);
  });
}

await feature("wait", () => client.start());
await feature("health", async () => same(await client.health.isHealthy(), true));
await metadata();
await state();
await stateMetadata();
await stateEtag();
await stateMore();
await publish();
await secrets();
await feature("shutdown", () => client.sidecar.shutdown());
await client.stop();
process.exit(0);
