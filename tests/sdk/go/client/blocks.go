package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	dapr "github.com/dapr/go-sdk/client"

	"trilby/tests/sdk/go/report"
)

func bindings(ctx context.Context, client dapr.Client) {
	ask := func(name, operation string, data []byte, metadata map[string]string) (*dapr.BindingEvent, error) {
		return client.InvokeBinding(ctx, &dapr.InvokeBindingRequest{Name: name, Operation: operation, Data: data, Metadata: metadata})
	}
	file, key := map[string]string{"fileName": "go/order"}, map[string]string{"key": "go"}
	data := []byte{0, 1, 254, 255}
	report.Try("binding", func() error {
		answer, err := ask("files", "create", data, file)
		if err != nil {
			return err
		}
		var said map[string]string
		if err := json.Unmarshal(answer.Data, &said); err != nil {
			return err
		}
		return report.Expect("the file", said["fileName"], "go/order")
	})
	report.Try("binding.get", func() error { return answers(ask("files", "get", nil, file))(string(data)) })
	report.Try("binding.redis", func() error {
		if _, err := ask("cache", "create", []byte("a value"), key); err != nil {
			return err
		}
		if err := answers(ask("cache", "get", nil, key))("a value"); err != nil {
			return err
		}
		if err := client.InvokeOutputBinding(ctx, &dapr.InvokeBindingRequest{Name: "cache", Operation: "delete", Metadata: key}); err != nil {
			return err
		}
		return answers(ask("cache", "get", nil, key))("")
	})
	report.Try("binding.http", func() error {
		answer, err := ask("web", "post", []byte(`{"id": 1}`), map[string]string{"path": "/orders", "X-Colour": "blue"})
		if err := answers(answer, err)(`{"id": 1}`); err != nil {
			return err
		}
		return report.Expect("status and header", answer.Metadata["statusCode"]+" "+answer.Metadata["X-Seen"], "201 blue")
	})
	report.Try("binding.error", func() error {
		_, err := ask("nobinding", "get", nil, nil)
		if err := report.Refused(err, "Internal", "couldn't find output binding nobinding"); err != nil {
			return err
		}
		_, err = ask("files", "burn", nil, nil)
		return report.Refused(err, "binding files does not support operation burn. supported operations:")
	})
}

func answers(answer *dapr.BindingEvent, err error) func(want string) error {
	return func(want string) error {
		if err != nil {
			return err
		}
		return report.Expect("the answer", string(answer.Data), want)
	}
}

func configuration(ctx context.Context, client dapr.Client) {
	report.Try("configuration.get", func() error {
		found, err := client.GetConfigurationItems(ctx, "configstore", []string{"colour", "size", "nothing"})
		if err != nil {
			return err
		}
		if len(found) != 2 || found["colour"] == nil || found["size"] == nil {
			return fmt.Errorf("it has %v", found)
		}
		return report.Expect("them", found["colour"].Value+" "+found["colour"].Version+" "+found["size"].Value, "red 1 42")
	})
	report.Try("configuration.get.all", func() error {
		found, err := client.GetConfigurationItems(ctx, "configstore", nil)
		if err != nil {
			return err
		}
		return report.Expect("their number", fmt.Sprint(len(found)), "2")
	})
	report.Try("configuration.error", func() error {
		_, err := client.GetConfigurationItem(ctx, "nostore", "colour")
		return report.Refused(err, "InvalidArgument", "configuration store nostore not found")
	})
	changes(ctx, client)
}

// A subscription to the colour, and what it was told.
type watch struct {
	id   string
	told chan string
}

func watchColour(ctx context.Context, client dapr.Client) (watch, error) {
	told := make(chan string, 1000)
	id, err := client.SubscribeConfigurationItems(ctx, "configstore", []string{"colour"},
		func(_ string, items map[string]*dapr.ConfigurationItem) { told <- items["colour"].Value })
	return watch{id, told}, err
}

func (w watch) wait(ctx context.Context, colour string) error {
	for {
		select {
		case one := <-w.told:
			if one == colour {
				return nil
			}
		case <-ctx.Done():
			return fmt.Errorf("never told of %s", colour)
		}
	}
}

func changes(ctx context.Context, client dapr.Client) {
	var ended, other watch
	subscribed := report.Try("configuration.subscribe", func() (err error) {
		if ended, err = watchColour(ctx, client); err != nil {
			return err
		}
		if other, err = watchColour(ctx, client); err != nil {
			return err
		}
		report.Say("subscribed")
		if err := ended.wait(ctx, "blue"); err != nil {
			return err
		}
		return other.wait(ctx, "blue")
	})
	if !subscribed {
		return
	}
	report.Try("configuration.unsubscribe", func() error {
		if err := client.UnsubscribeConfigurationItems(ctx, "configstore", ended.id); err != nil {
			return err
		}
		report.Say("unsubscribed")
		if err := other.wait(ctx, "green"); err != nil {
			return err
		}
		for len(ended.told) > 0 {
			if one := <-ended.told; one == "green" {
				return fmt.Errorf("it was told of %s", one)
			}
		}
		err := client.UnsubscribeConfigurationItems(ctx, "configstore", ended.id)
		if err := report.Refused(err, "subscription does not exist"); err != nil {
			return err
		}
		return client.UnsubscribeConfigurationItems(ctx, "configstore", other.id)
	})
}

func locks(ctx context.Context, client dapr.Client) {
	lock := func(owner, want string) error {
		answer, err := client.TryLockAlpha1(ctx, "lockstore", &dapr.LockRequest{ResourceID: "order", LockOwner: owner, ExpiryInSeconds: 60})
		if err != nil {
			return err
		}
		return report.Expect("its success", fmt.Sprint(answer.Success), want)
	}
	unlock := func(owner, want string) error {
		answer, err := client.UnlockAlpha1(ctx, "lockstore", &dapr.UnlockRequest{ResourceID: "order", LockOwner: owner})
		if err != nil {
			return err
		}
		return report.Expect("the status", answer.Status, want)
	}
	report.Try("lock", func() error { return lock("ann", "true") })
	report.Try("lock.held", func() error {
		if err := lock("bob", "false"); err != nil {
			return err
		}
		return unlock("bob", "LOCK_BELONGS_TO_OTHERS")
	})
	report.Try("lock.unlock", func() error {
		if err := unlock("ann", "SUCCESS"); err != nil {
			return err
		}
		if err := lock("bob", "true"); err != nil {
			return err
		}
		return unlock("bob", "SUCCESS")
	})
	report.Try("lock.missing", func() error { return unlock("bob", "LOCK_DOES_NOT_EXIST") })
	report.Try("lock.error", func() error {
		_, err := client.TryLockAlpha1(ctx, "nostore", &dapr.LockRequest{ResourceID: "order", LockOwner: "ann", ExpiryInSeconds: 60})
		return report.Refused(err, "InvalidArgument", "lock store nostore not found")
	})
}

func encryption(ctx context.Context, client dapr.Client) {
	seal := func(data []byte, options dapr.EncryptOptions) ([]byte, error) {
		made, err := client.Encrypt(ctx, bytes.NewReader(data), options)
		if err != nil {
			return nil, err
		}
		return io.ReadAll(made)
	}
	open := func(data []byte) ([]byte, error) {
		made, err := client.Decrypt(ctx, bytes.NewReader(data), dapr.DecryptOptions{ComponentName: "keys"})
		if err != nil {
			return nil, err
		}
		return io.ReadAll(made)
	}
	round := func(size int, options dapr.EncryptOptions) (sealed []byte, err error) {
		data := make([]byte, size)
		_, _ = rand.Read(data)
		if sealed, err = seal(data, options); err != nil {
			return nil, err
		}
		back, err := open(sealed)
		if err == nil && !bytes.Equal(back, data) {
			err = fmt.Errorf("%d other bytes came back", len(back))
		}
		return sealed, err
	}
	pair := dapr.EncryptOptions{ComponentName: "keys", KeyName: "pair.pem", KeyWrapAlgorithm: "RSA"}
	var sealed []byte
	report.Try("crypto", func() (err error) {
		sealed, err = round(5000, pair)
		return err
	})
	report.Try("crypto.large", func() error {
		_, err := round(2<<20, dapr.EncryptOptions{ComponentName: "keys", KeyName: "symmetric", KeyWrapAlgorithm: "A256KW"})
		return err
	})
	report.Try("crypto.error", func() error {
		_, err := seal([]byte("x"), dapr.EncryptOptions{ComponentName: "keys", KeyName: "nokey", KeyWrapAlgorithm: "RSA"})
		if err := report.Refused(err, "Internal", "failed to perform operation: "); err != nil {
			return err
		}
		_, err = seal([]byte("x"), dapr.EncryptOptions{ComponentName: "nowhere", KeyName: "pair.pem", KeyWrapAlgorithm: "RSA"})
		if err := report.Refused(err, "InvalidArgument", "crypto provider nowhere not found"); err != nil {
			return err
		}
		changed := slices.Clone(sealed)
		changed[len(changed)-1] ^= 1
		_, err = open(changed)
		return report.Refused(err, "Internal", "failed to decrypt segment")
	})
}
