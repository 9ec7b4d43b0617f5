package trilby;

import io.dapr.client.DaprClient;
import io.dapr.client.DaprClientBuilder;
import io.dapr.client.DaprPreviewClient;
import io.dapr.client.domain.ConfigurationItem;
import io.dapr.client.domain.SubscribeConfigurationResponse;
import io.dapr.client.domain.UnlockResponseStatus;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import reactor.core.Disposable;

/** Bindings, configuration and locks with the Java SDK; it has no encryption. */
public final class Blocks {
  private final DaprClient client;
  private final DaprPreviewClient preview;

  private Blocks(DaprClient client, DaprPreviewClient preview) {
    this.client = client;
    this.preview = preview;
  }

  public static void main(String[] ignored) throws Exception {
    try (DaprClient client = new DaprClientBuilder().build();
        DaprPreviewClient preview = new DaprClientBuilder().buildPreviewClient()) {
      client.waitForSidecar(10000).block();
      Blocks run = new Blocks(client, preview);
      run.bindings();
      run.configuration();
      run.changes();
      run.locks();
    }
    System.exit(0);
  }

  private byte[] ask(String binding, String operation, byte[] data, Map<String, String> metadata) {
    return client.invokeBinding(binding, operation, data, metadata).block();
  }

  private void bindings() {
    Map<String, String> file = Map.of("fileName", "java/order");
    Map<String, String> key = Map.of("key", "java");
    byte[] data = {0, 1, -2, -1};
    Report.attempt("binding", () -> {
      Map<?, ?> said = client.invokeBinding("files", "create", data, file, Map.class).block();
      Report.expect("the file", said.get("fileName"), "java/order");
    });
    Report.attempt("binding.get", () -> Report.expect("the file", ask("files", "get", null, file), data));
    Report.attempt("binding.redis", () -> {
      ask("cache", "create", "a value".getBytes(), key);
      Report.expect("the value", new String(ask("cache", "get", null, key)), "a value");
      ask("cache", "delete", null, key);
      Report.expect("the value", ask("cache", "get", null, key).length, 0);
    });
    Report.attempt("binding.http", () -> Report.expect("the answer",
        client.invokeBinding("web", "post", Map.of("id", 1), Map.of("path", "/orders", "X-Colour", "blue"), Map.class).block(),
        Map.of("id", 1)));
    Report.attempt("binding.error", () -> {
      Report.refused(() -> ask("nobinding", "get", null, Map.of()), "INTERNAL", "couldn't find output binding nobinding");
      Report.refused(() -> ask("files", "burn", null, Map.of()), "binding files does not support operation burn");
    });
  }

  private void configuration() {
    Report.attempt("configuration.get", () -> {
      Map<String, ConfigurationItem> found = client.getConfiguration("configstore", "colour", "size", "nothing").block();
      Report.expect("their number", found.size(), 2);
      Report.expect("the colour", found.get("colour").getValue() + " " + found.get("colour").getVersion(), "red 1");
      Report.expect("the size", found.get("size").getValue(), "42");
    });
    Report.attempt("configuration.get.all", () ->
        Report.expect("their number", client.getConfiguration("configstore", List.of(), Map.of()).block().size(), 2));
    Report.attempt("configuration.error", () -> Report.refused(() -> client.getConfiguration("nostore", "colour").block(),
        "INVALID_ARGUMENT", "configuration store nostore not found"));
  }

  /** A subscription to the colour, and what it was told. */
  private final class Watch {
    private final BlockingQueue<String> told = new LinkedBlockingQueue<>();
    private final CompletableFuture<String> id = new CompletableFuture<>();
    private final Disposable flow = client.subscribeConfiguration("configstore", "colour").subscribe(this::change);

    private void change(SubscribeConfigurationResponse change) {
      id.complete(change.getSubscriptionId());
      if (change.getItems().containsKey("colour")) {
        told.add(change.getItems().get("colour").getValue());
      }
    }

    private void await(String colour) throws InterruptedException {
      String one;
      do {
        one = told.poll(60, TimeUnit.SECONDS);
      } while (one != null && !one.equals(colour));
      Report.expect("the last", String.valueOf(one), colour);
    }
  }

  private void changes() {
    Watch ended = new Watch();
    Watch other = new Watch();
    Report.attempt("configuration.subscribe", () -> {
      Report.say("subscribed");
      ended.await("blue");
      other.await("blue");
    });
    Report.attempt("configuration.unsubscribe", () -> {
      String id = ended.id.get(60, TimeUnit.SECONDS);
      Report.expect("the end", client.unsubscribeConfiguration(id, "configstore").block().getIsUnsubscribed(), true);
      Report.say("unsubscribed");
      other.await("green");
      Report.expect("green", ended.told.contains("green"), false);
      Report.expect("another end", client.unsubscribeConfiguration(id, "configstore").block().getIsUnsubscribed(), false);
    });
    ended.flow.dispose();
    other.flow.dispose();
  }

  private void locks() {
    Report.attempt("lock", () -> Report.expect("ann", taken("ann"), true));
    Report.attempt("lock.held", () -> {
      Report.expect("bob", taken("bob"), false);
      Report.expect("bob", given("bob"), UnlockResponseStatus.LOCK_BELONG_TO_OTHERS);
    });
    Report.attempt("lock.unlock", () -> {
      Report.expect("ann", given("ann"), UnlockResponseStatus.SUCCESS);
      Report.expect("bob", taken("bob"), true);
      Report.expect("bob", given("bob"), UnlockResponseStatus.SUCCESS);
    });
    Report.attempt("lock.missing", () -> Report.expect("bob", given("bob"), UnlockResponseStatus.LOCK_UNEXIST));
    Report.attempt("lock.error", () -> Report.refused(() -> preview.tryLock("nostore", "order", "ann", 60).block(),
        "INVALID_ARGUMENT", "lock store nostore not found"));
  }

  private boolean taken(String owner) {
    return preview.tryLock("lockstore", "order", owner, 60).block();
  }

  private UnlockResponseStatus given(String owner) {
    return preview.unlock("lockstore", "order", owner).block();
  }
}
