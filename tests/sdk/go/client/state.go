package main

import (
	"context"
	"fmt"
	"time"

	dapr "github.com/dapr/go-sdk/client"

	"trilby/tests/sdk/go/report"
)

const store = "statestore"

func state(ctx context.Context, client dapr.Client) {
	value := []byte("{\"n\": 9007199254740993, \"raw\": \"\\u00e9\"}")
	report.Try("state.save", func() error { return client.SaveState(ctx, store, "go-1", value, nil) })
	report.Try("state.get", func() error {
		item, err := client.GetState(ctx, store, "go-1", nil)
		if err != nil {
			return err
		}
		if item.Etag == "" {
			return fmt.Errorf("there is no etag")
		}
		return report.Expect("the value", string(item.Value), string(value))
	})
	report.Try("state.get.missing", func() error {
		item, err := client.GetState(ctx, store, "go-nothing", nil)
		if err != nil {
			return err
		}
		return report.Expect("the value", string(item.Value), "")
	})
	bulkState(ctx, client)
	report.Try("state.options", func() error {
		return client.SaveState(ctx, store, "go-o", value, nil, dapr.WithConcurrency(dapr.StateConcurrencyLastWrite),
			dapr.WithConsistency(dapr.StateConsistencyStrong))
	})
	etags(ctx, client)
	expiring(ctx, client)
	transaction(ctx, client)
	report.Try("state.delete", func() error {
		if err := client.DeleteState(ctx, store, "go-1", nil); err != nil {
			return err
		}
		return gone(ctx, client, "go-1")
	})
	report.Try("state.error", func() error {
		_, err := client.GetState(ctx, "nowhere", "x", nil)
		return report.Refused(err, "state store nowhere is not found", "InvalidArgument")
	})
}

func gone(ctx context.Context, client dapr.Client, key string) error {
	item, err := client.GetState(ctx, store, key, nil)
	if err != nil {
		return err
	}
	return report.Expect("the value of "+key, string(item.Value), "")
}

func bulkState(ctx context.Context, client dapr.Client) {
	report.Try("state.save.bulk", func() error {
		return client.SaveBulkState(ctx, store,
			&dapr.SetStateItem{Key: "go-b1", Value: []byte("one")}, &dapr.SetStateItem{Key: "go-b2", Value: []byte{0, 255}})
	})
	report.Try("state.get.bulk", func() error {
		items, err := client.GetBulkState(ctx, store, []string{"go-b1", "go-b2", "go-nothing"}, nil, 10)
		if err != nil {
			return err
		}
		found := map[string]string{}
		for _, item := range items {
			found[item.Key] = string(item.Value)
		}
		if len(items) != 3 {
			return fmt.Errorf("there are %d items, not 3", len(items))
		}
		if err := report.Expect("the first", found["go-b1"], "one"); err != nil {
			return err
		}
		return report.Expect("the second", found["go-b2"], "\x00\xff")
	})
	report.Try("state.delete.bulk", func() error {
		if err := client.DeleteBulkState(ctx, store, []string{"go-b1", "go-b2"}, nil); err != nil {
			return err
		}
		return gone(ctx, client, "go-b2")
	})
}

func etags(ctx context.Context, client dapr.Client) {
	var first string
	report.Try("state.etag", func() error {
		if err := client.SaveState(ctx, store, "go-e", []byte("1"), nil); err != nil {
			return err
		}
		item, err := client.GetState(ctx, store, "go-e", nil)
		if err != nil {
			return err
		}
		first = item.Etag
		return client.SaveStateWithETag(ctx, store, "go-e", []byte("2"), first, nil,
			dapr.WithConcurrency(dapr.StateConcurrencyFirstWrite))
	})
	report.Try("state.etag.mismatch", func() error {
		err := client.SaveStateWithETag(ctx, store, "go-e", []byte("3"), first, nil,
			dapr.WithConcurrency(dapr.StateConcurrencyFirstWrite))
		return report.Refused(err, "Aborted", "possible etag mismatch")
	})
	report.Try("state.delete.etag", func() error {
		err := client.DeleteStateWithETag(ctx, store, "go-e", &dapr.ETag{Value: first}, nil, nil)
		if err := report.Refused(err, "Aborted"); err != nil {
			return err
		}
		item, err := client.GetState(ctx, store, "go-e", nil)
		if err != nil {
			return err
		}
		return client.DeleteStateWithETag(ctx, store, "go-e", &dapr.ETag{Value: item.Etag}, nil, nil)
	})
}

func expiring(ctx context.Context, client dapr.Client) {
	report.Try("state.ttl", func() error {
		save := func(ttl string) error {
			return client.SaveState(ctx, store, "go-t", []byte("soon gone"), map[string]string{"ttlInSeconds": ttl})
		}
		if err := save("1000"); err != nil {
			return err
		}
		item, err := client.GetState(ctx, store, "go-t", nil)
		if err != nil {
			return err
		}
		if err = report.Expect("the value", string(item.Value), "soon gone"); err != nil {
			return err
		}
		if err = save("1"); err != nil {
			return err
		}
		for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			if err = gone(ctx, client, "go-t"); err == nil {
				return nil
			}
		}
		return err
	})
}

func transaction(ctx context.Context, client dapr.Client) {
	report.Try("state.transaction", func() error {
		if err := client.SaveState(ctx, store, "go-x2", []byte("old"), nil); err != nil {
			return err
		}
		err := client.ExecuteStateTransaction(ctx, store, nil, []*dapr.StateOperation{
			{Type: dapr.StateOperationTypeUpsert, Item: &dapr.SetStateItem{Key: "go-x1", Value: []byte("new")}},
			{Type: dapr.StateOperationTypeDelete, Item: &dapr.SetStateItem{Key: "go-x2"}},
		})
		if err != nil {
			return err
		}
		item, err := client.GetState(ctx, store, "go-x1", nil)
		if err != nil {
			return err
		}
		if err := report.Expect("what was saved", string(item.Value), "new"); err != nil {
			return err
		}
		return gone(ctx, client, "go-x2")
	})
}
