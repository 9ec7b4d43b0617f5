// A sidecar that asks for a token: the SDK sends DAPR_API_TOKEN by itself.
import { CommunicationProtocolEnum, DaprClient } from "@dapr/dapr";
import assert from "node:assert/strict";
import { feature, refusal, same } from "./say.mjs";

const grpc = process.env.PROTOCOL === "grpc";
const communicationProtocol = grpc ? CommunicationProtocolEnum.GRPC : CommunicationProtocolEnum.HTTP;

await feature("token", async () => {
  const client = new DaprClient({ communicationProtocol });
  same(await client.state.save("statestore", [{ key: "order_1", value: "value" }]), {});
  same(await client.state.get("statestore", "order_1"), "value");
  const stranger = new DaprClient({ communicationProtocol, daprApiToken: "a wrong one" });
  // It would wait for a sidecar that answers it.
  stranger.daprClient.setIsInitialized(true);
  const error = await refusal(() => stranger.state.get("statestore", "order_1"));
  assert.match(error.message, grpc ? /Unauthorized/ : /invalid api token/);
});
process.exit(0);
