// Calls of the application TARGET at another sidecar with `DaprClient`, over the protocol that PROTOCOL names.
import { CommunicationProtocolEnum, DaprClient, HttpMethod } from "@dapr/dapr";
import assert from "node:assert/strict";
import { feature, refusal, same } from "./say.mjs";

const grpc = process.env.PROTOCOL === "grpc";
const kind = grpc ? "invoke.grpc" : "invoke";
const target = process.env.TARGET;
const client = new DaprClient({
  communicationProtocol: grpc ? CommunicationProtocolEnum.GRPC : CommunicationProtocolEnum.HTTP,
});

if (!grpc) {
  await feature("invoke.get", async () => {
    const answer = await client.invoker.invoke(target, "hello?name=Ann%20Lee&verbose=true", HttpMethod.GET);
    same(answer, { hello: "Ann Lee" });
  });
  await feature("invoke.headers", async () => {
    const options = { headers: { "x-colour": "blue" } };
    same(await client.invoker.invoke(target, "echo", HttpMethod.POST, { id: 1 }, options), { id: 1 });
  });
}
await feature(`${kind}.post`, async () => {
  same(await client.invoker.invoke(target, "echo", HttpMethod.POST, { id: 1 }), { id: 1 });
});
await feature(`${kind}.large`, async () => {
  const text = "x".repeat(1024 * 1024);
  same(await client.invoker.invoke(target, "mirror", HttpMethod.POST, { text }), { length: text.length });
});
await feature(`${kind}.error`, async () => {
  const error = await refusal(() => client.invoker.invoke(target, "refuse", HttpMethod.POST, {}));
  if (grpc) return assert.match(error.rawMessage, /internal error/);
  const said = JSON.parse(error.message);
  same([said.status, JSON.parse(said.error_msg)], [403, { reason: "not today" }]);
});
await feature(`${kind}.missing`, async () => {
  const error = await refusal(() => client.invoker.invoke("nobody", "hello", HttpMethod.GET));
  assert.match(error.message, /failed to invoke, id: nobody, err: /);
});
await client.stop();
process.exit(0);
