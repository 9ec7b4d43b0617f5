package trilby;

import io.dapr.Rule;
import io.dapr.Topic;
import io.dapr.client.domain.CloudEvent;
import jakarta.servlet.http.HttpServletRequest;
import java.util.Map;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.http.HttpStatus;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RestController;

/** A Spring Boot application with the SDK's annotations that prints what reaches it. */
@SpringBootApplication(scanBasePackages = {"io.dapr.springboot", "trilby"})
public class HttpApp {
  public static void main(String[] ignored) {
    SpringApplication app = new SpringApplication(HttpApp.class);
    app.setDefaultProperties(Map.of("server.port", System.getenv("APP_PORT"), "server.address", "127.0.0.1",
        "spring.main.banner-mode", "off"));
    app.run();
  }

  /** What the sidecar calls. */
  @RestController
  public static class Controller {
    private int tries;

    @PostMapping("/echo")
    public ResponseEntity<byte[]> echo(@RequestBody(required = false) byte[] body,
        @RequestHeader(name = "Content-Type", required = false) String type) {
      Report.note("app.invoke");
      return ResponseEntity.ok().header("Content-Type", type == null ? "application/octet-stream" : type).body(body);
    }

    @GetMapping("/verb")
    public String verb(HttpServletRequest asked) {
      Report.note("app.invoke.query");
      return asked.getMethod() + " " + asked.getQueryString();
    }

    @PostMapping("/refuse")
    public ResponseEntity<String> refuse() {
      Report.note("app.invoke.error");
      return ResponseEntity.status(HttpStatus.INTERNAL_SERVER_ERROR).body("not today");
    }

    @PostMapping("/tick")
    public void tick(@RequestHeader("readTimeUTC") String time) {
      Report.note("app.binding");
    }

    @PostMapping("/configuration/configstore/colour")
    public void colour(@RequestBody Map<String, Object> change) {
      Report.attempt("app.configuration", () -> Report.expect("the items", change.get("items"),
          Map.of("colour", Map.of("value", "blue", "version", "2"))));
    }

    @GetMapping("/health")
    public void health() {
      Report.note("app.health");
    }

    @Topic(name = "text", pubsubName = "pubsub")
    @PostMapping("/text")
    public void text(@RequestBody CloudEvent<String> event) {
      Report.say("event " + event.getTopic() + " " + event.getDatacontenttype() + " " + event.getData());
      Report.note("app.subscribe");
    }

    @Topic(name = "json", pubsubName = "pubsub")
    @PostMapping("/json")
    public void json(@RequestBody CloudEvent<Map<String, Object>> event) {
      Report.attempt("app.subscribe.json", () -> Report.expect("n", event.getData().get("n"), 1));
    }

    @Topic(name = "bytes", pubsubName = "pubsub")
    @PostMapping("/bytes")
    public void bytes(@RequestBody CloudEvent<?> event) {
      Report.attempt("app.subscribe.bytes", () -> Report.expect("bytes", event.getBinaryData(), new byte[] {0, 1, -1}));
    }

    @Topic(name = "metadata", pubsubName = "pubsub", rule = @Rule(match = "event.type == \"order.placed\"", priority = 1))
    @PostMapping("/placed")
    public void placed(@RequestBody CloudEvent<String> event) {
      Report.note("app.subscribe.routes");
    }

    @Topic(name = "retried", pubsubName = "pubsub")
    @PostMapping("/retried")
    public synchronized Map<String, String> retried(@RequestBody CloudEvent<String> event) {
      if (tries++ == 0) {
        return Map.of("status", "RETRY");
      }
      Report.note("app.subscribe.retry");
      return Map.of("status", "SUCCESS");
    }

    @Topic(name = "unwelcome", pubsubName = "pubsub", deadLetterTopic = "buried")
    @PostMapping("/unwelcome")
    public Map<String, String> unwelcome(@RequestBody CloudEvent<String> event) {
      Report.note("app.subscribe.drop");
      return Map.of("status", "DROP");
    }

    @Topic(name = "buried", pubsubName = "pubsub")
    @PostMapping("/buried")
    public void buried(@RequestBody CloudEvent<String> event) {
      Report.note("app.subscribe.deadletter");
    }
  }
}
