// Bindings, configuration, locks and encryption with `DaprClient`, over the protocol that PROTOCOL names. Over HTTP it
// has bindings and locks.
import { CommunicationProtocolEnum, DaprClient } from "@dapr/dapr";
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { feature, refusal, same } from "./say.mjs";

const grpc = process.env.PROTOCOL === "grpc";
const client = new DaprClient({
  communicationProtocol: grpc ? CommunicationProtocolEnum.GRPC : CommunicationProtocolEnum.HTTP,
});

// What an error of the sidecar says: over HTTP a text with its JSON, over gRPC an error of Connect.
function said(error) {
  if (grpc) return error.rawMessage;
  const answer = JSON.parse(JSON.parse(error.message).error_msg);
  return `${answer.errorCode}: ${answer.message}`;
}

// The bytes of a binding's answer; over HTTP the client has made a value of them already.
function text(answer) {
  return grpc ? Buffer.from(answer.data).toString() : answer;
}

function value(answer) {
  return grpc ? JSON.parse(text(answer)) : answer;
}

async function bindings() {
  const file = { fileName: `js/${process.env.PROTOCOL}` };
  await feature("binding", async () => {
    same(value(await client.binding.send("files", "create", { id: 1 }, file)), file);
  });
  await feature("binding.get", async () => {
    same(value(await client.binding.send("files", "get", undefined, file)), { id: 1 });
  });
  await feature("binding.redis", async () => {
    const key = { key: "js" };
    await client.binding.send("cache", "create", { id: 2 }, key);
    same(value(await client.binding.send("cache", "get", undefined, key)), { id: 2 });
    await client.binding.send("cache", "delete", undefined, key);
    same(text(await client.binding.send("cache", "get", undefined, key)), "");
  });
  await feature("binding.http", async () => {
    const answer = await client.binding.send("web", "post", { id: 3 }, { path: "/orders", "X-Colour": "blue" });
    same(value(answer), { id: 3 });
    if (grpc) same([answer.metadata.statusCode, answer.metadata["X-Seen"]], ["201", "blue"]);
  });
  await feature("binding.error", async () => {
    const why = grpc ? "" : "ERR_INVOKE_OUTPUT_BINDING: ";
    const error = await refusal(() => client.binding.send("nobinding", "get"));
    same(said(error), `${why}error invoking output binding nobinding: couldn't find output binding nobinding`);
    assert.match(said(await refusal(() => client.binding.send("files", "burn"))), /does not support operation burn/);
  });
}

async function locks() {
  const taken = async (owner) => (await client.lock.lock("lockstore", "order", owner, 60)).success;
  const given = async (owner) => (await client.lock.unlock("lockstore", "order", owner)).status;
  await feature("lock", async () => same(await taken("ann"), true));
  await feature("lock.held", async () => same([await taken("bob"), await given("bob")], [false, 2]));
  await feature("lock.unlock", async () => {
    same([await given("ann"), await taken("bob"), await given("bob")], [0, true, 0]);
  });
  await feature("lock.missing", async () => same(await given("bob"), 1));
  await feature("lock.error", async () => {
    const error = await refusal(() => client.lock.lock("nostore", "order", "ann", 60));
    same(said(error), `${grpc ? "" : "ERR_LOCK_STORE_NOT_FOUND: "}lock store nostore not found`);
  });
}

async function configuration() {
  await feature("configuration.get", async () => {
    const { items } = await client.configuration.get("configstore", ["colour", "size", "nothing"]);
    same(Object.values(items).map((one) => [one.key, one.value, one.version]).sort(),
      [["colour", "red", "1"], ["size", "42", ""]]);
  });
  await feature("configuration.get.all", async () => {
    same(Object.keys((await client.configuration.get("configstore")).items).sort(), ["colour", "size"]);
  });
  await feature("configuration.error", async () => {
    const error = await refusal(() => client.configuration.get("nostore", ["colour"]));
    same(said(error), "configuration store nostore not found");
  });
}

// A subscription to the colour, and what it was told.
async function watch() {
  const told = [];
  let heard;
  const stream = await client.configuration.subscribeWithKeys("configstore", ["colour"], async ({ items }) => {
    told.push(items.colour.value);
    heard?.();
  });
  const wait = async (colour) => {
    while (!told.includes(colour)) await new Promise((resolve) => { heard = resolve; });
  };
  return { told, stream, wait };
}

async function changes() {
  let ended, other;
  await feature("configuration.subscribe", async () => {
    [ended, other] = [await watch(), await watch()];
    console.log("subscribed");
    await Promise.all([ended.wait("blue"), other.wait("blue")]);
  });
  await feature("configuration.unsubscribe", async () => {
    await ended.stream.stop();
    console.log("unsubscribed");
    await other.wait("green");
    same(ended.told.includes("green"), false);
    await other.stream.stop();
  });
}

async function encryption() {
  const keys = { componentName: "keys" };
  const few = randomBytes(5000);
  const large = randomBytes(2 * 1024 * 1024);
  const pair = { ...keys, keyName: "pair.pem", keyWrapAlgorithm: "RSA" };
  let sealed;
  await feature("crypto", async () => {
    sealed = await client.crypto.encrypt(few, pair);
    assert.ok(sealed.subarray(0, 15).toString() === "dapr.io/enc/v1\n", "another format");
    assert.ok(few.equals(await client.crypto.decrypt(sealed, keys)), "other bytes");
  });
  await feature("crypto.large", async () => {
    const made = await client.crypto.encrypt(large, { ...keys, keyName: "symmetric", keyWrapAlgorithm: "A256KW" });
    assert.ok(large.equals(await client.crypto.decrypt(made, keys)), "other bytes");
  });
  await feature("crypto.error", async () => {
    const refused = async (call, words) => assert.match(said(await refusal(call)), words);
    await refused(() => client.crypto.encrypt(few, { ...pair, keyName: "nokey" }), /^failed to perform operation: /);
    await refused(() => client.crypto.encrypt(few, { ...pair, componentName: "nowhere" }), /nowhere not found/);
    const changed = Buffer.from(sealed);
    changed[changed.length - 1] ^= 1;
    await refused(() => client.crypto.decrypt(changed, keys), /failed to decrypt segment/);
  });
}

await client.start();
await bindings();
await locks();
if (grpc) {
  await configuration();
  await changes();
  await encryption();
}
await client.stop();
process.exit(0);
