package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	dapr "github.com/dapr/go-sdk/client"
	"github.com/dapr/go-sdk/service/common"

	"trilby/tests/sdk/go/report"
)

const broker = "pubsub"

func publish(ctx context.Context, client dapr.Client) {
	report.Try("publish", func() error { return client.PublishEvent(ctx, broker, "text", "a text") })
	report.Try("publish.json", func() error {
		return client.PublishEvent(ctx, broker, "json", map[string]any{"n": 1, "of": "pizza"})
	})
	report.Try("publish.bytes", func() error {
		return client.PublishEvent(ctx, broker, "bytes", []byte{0, 1, 255},
			dapr.PublishEventWithContentType("application/octet-stream"))
	})
	report.Try("publish.metadata", func() error {
		return client.PublishEvent(ctx, broker, "metadata", "m",
			dapr.PublishEventWithMetadata(map[string]string{"cloudevent.type": "order.placed"}))
	})
	report.Try("publish.raw", func() error {
		return client.PublishEvent(ctx, broker, "raw", []byte("as it is"), dapr.PublishEventWithRawPayload())
	})
	report.Try("publish.cloudevent", func() error {
		return client.PublishEvent(ctx, broker, "own", []byte(`{"specversion":"1.0","type":"own","source":"me","id":"own-1",`+
			`"datacontenttype":"text/plain","data":"mine"}`), dapr.PublishEventWithContentType("application/cloudevents+json"))
	})
	report.Try("publish.bulk", func() error {
		answer := client.PublishEvents(ctx, broker, "bulk", []any{"one", map[string]string{"two": "2"}, []byte("three")})
		if len(answer.FailedEvents) > 0 {
			return fmt.Errorf("%d events failed: %w", len(answer.FailedEvents), answer.Error)
		}
		return answer.Error
	})
	report.Try("publish.error", func() error {
		return report.Refused(client.PublishEvent(ctx, "nowhere", "x", "y"), "pubsub nowhere is not found", "InvalidArgument")
	})
}

func subscribe(ctx context.Context, client dapr.Client) {
	report.Try("subscribe.stream", func() error { return one(ctx, client, "streamed", "an event") })
	report.Try("subscribe.stream.order", func() error { return inOrder(ctx, client) })
	report.Try("subscribe.stream.drop", func() error { return dropped(ctx, client) })
	report.Try("subscribe.stream.handler", func() error { return handled(ctx, client) })
}

// For a broker that delivers again.
func retry(ctx context.Context, client dapr.Client) {
	report.Try("subscribe.stream.retry", func() error { return again(ctx, client) })
}

func one(ctx context.Context, client dapr.Client, topic, text string) error {
	sub, err := client.Subscribe(ctx, dapr.SubscriptionOptions{PubsubName: broker, Topic: topic})
	if err != nil {
		return err
	}
	if err := client.PublishEvent(ctx, broker, topic, text); err != nil {
		return err
	}
	event, err := sub.Receive()
	if err != nil {
		return err
	}
	if err := event.Success(); err != nil {
		return err
	}
	if err := report.Expect("the data", string(event.RawData), text); err != nil {
		return err
	}
	report.Try("subscribe.stream.close", sub.Close)
	return nil
}

func inOrder(ctx context.Context, client dapr.Client) error {
	sub, err := client.Subscribe(ctx, dapr.SubscriptionOptions{PubsubName: broker, Topic: "ordered"})
	if err != nil {
		return err
	}
	defer sub.Close()
	for i := range 100 {
		if err := client.PublishEvent(ctx, broker, "ordered", fmt.Sprint(i)); err != nil {
			return err
		}
	}
	for i := range 100 {
		event, err := sub.Receive()
		if err != nil {
			return err
		}
		if err := report.Expect("event", string(event.RawData), fmt.Sprint(i)); err != nil {
			return err
		}
		if err := event.Success(); err != nil {
			return err
		}
	}
	return nil
}

func again(ctx context.Context, client dapr.Client) error {
	sub, err := client.Subscribe(ctx, dapr.SubscriptionOptions{PubsubName: broker, Topic: "again"})
	if err != nil {
		return err
	}
	defer sub.Close()
	if err := client.PublishEvent(ctx, broker, "again", "twice"); err != nil {
		return err
	}
	first, err := sub.Receive()
	if err != nil {
		return err
	}
	if err := first.Retry(); err != nil {
		return err
	}
	second, err := sub.Receive()
	if err != nil {
		return err
	}
	if err := second.Success(); err != nil {
		return err
	}
	return report.Expect("the id", second.ID, first.ID)
}

func dropped(ctx context.Context, client dapr.Client) error {
	dead := "go-dead"
	graves, err := client.Subscribe(ctx, dapr.SubscriptionOptions{PubsubName: broker, Topic: dead})
	if err != nil {
		return err
	}
	defer graves.Close()
	sub, err := client.Subscribe(ctx, dapr.SubscriptionOptions{PubsubName: broker, Topic: "unwanted", DeadLetterTopic: &dead})
	if err != nil {
		return err
	}
	defer sub.Close()
	if err := client.PublishEvent(ctx, broker, "unwanted", "away"); err != nil {
		return err
	}
	event, err := sub.Receive()
	if err != nil {
		return err
	}
	if err := event.Drop(); err != nil {
		return err
	}
	buried, err := graves.Receive()
	if err != nil {
		return err
	}
	if err := buried.Success(); err != nil {
		return err
	}
	return report.Expect("the buried one", string(buried.RawData), "away")
}

func handled(ctx context.Context, client dapr.Client) error {
	var once sync.Once
	done := make(chan string, 1)
	stop, err := client.SubscribeWithHandler(ctx, dapr.SubscriptionOptions{PubsubName: broker, Topic: "handled"},
		func(event *common.TopicEvent) common.SubscriptionResponseStatus {
			once.Do(func() { done <- string(event.RawData) })
			return common.SubscriptionResponseStatusSuccess
		})
	if err != nil {
		return err
	}
	if err := client.PublishEvent(ctx, broker, "handled", "by hand"); err != nil {
		return err
	}
	select {
	case text := <-done:
		if err := report.Expect("the data", text, "by hand"); err != nil {
			return err
		}
	case <-time.After(20 * time.Second):
		return fmt.Errorf("no event came")
	}
	return stop()
}
