// client: what a user's program does with the Go SDK's client. The arguments name what to do:
//
//	state publish secret metadata invoke TARGET subscribe retry token shutdown bindings configuration locks encryption
package main

import (
	"context"
	"os"
	"time"

	dapr "github.com/dapr/go-sdk/client"

	"trilby/tests/sdk/go/report"
)

var parts = map[string]func(context.Context, dapr.Client){
	"state": state, "publish": publish, "secret": secret, "metadata": metadata, "invoke": invoke,
	"subscribe": subscribe, "retry": retry, "token": token, "shutdown": shutdown,
	"bindings": bindings, "configuration": configuration, "locks": locks, "encryption": encryption,
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	client, err := dapr.NewClient()
	if err != nil {
		report.Try("wait", func() error { return err })
		os.Exit(1)
	}
	defer client.Close()
	report.Try("wait", func() error { return client.Wait(ctx, 10*time.Second) })
	for _, name := range os.Args[1:] {
		if part, known := parts[name]; known {
			part(ctx, client)
		}
	}
	report.Say("done")
}

func metadata(ctx context.Context, client dapr.Client) {
	report.Try("metadata.get", func() error {
		found, err := client.GetMetadata(ctx)
		if err != nil {
			return err
		}
		if len(found.RegisteredComponents) < 3 {
			return report.Expect("the number of components", "too few", "3")
		}
		return report.Expect("the app id", found.ID, os.Getenv("APP_ID"))
	})
	report.Try("metadata.set", func() error {
		if err := client.SetMetadata(ctx, "colour", "green"); err != nil {
			return err
		}
		found, err := client.GetMetadata(ctx)
		if err != nil {
			return err
		}
		return report.Expect("the attribute", found.ExtendedMetadata["colour"], "green")
	})
}

func secret(ctx context.Context, client dapr.Client) {
	report.Try("secret.get", func() error {
		found, err := client.GetSecret(ctx, "secretstore", "orders-key", nil)
		if err != nil {
			return err
		}
		return report.Expect("the secret", found["orders-key"], "a secret")
	})
	report.Try("secret.bulk", func() error {
		found, err := client.GetBulkSecret(ctx, "secretstore", nil)
		if err != nil {
			return err
		}
		return report.Expect("one of all", found["orders-key"]["orders-key"], "a secret")
	})
	report.Try("secret.error", func() error {
		_, err := client.GetSecret(ctx, "nowhere", "x", nil)
		return report.Refused(err, "failed finding secret store with key nowhere")
	})
}

func token(ctx context.Context, client dapr.Client) {
	report.Try("token", func() error {
		client.WithAuthToken("wrong")
		_, err := client.GetMetadata(ctx)
		if err := report.Refused(err, "Unauthorized"); err != nil {
			return err
		}
		client.WithAuthToken(os.Getenv("DAPR_API_TOKEN"))
		_, err = client.GetMetadata(ctx)
		return err
	})
}

func shutdown(ctx context.Context, client dapr.Client) {
	report.Try("shutdown", func() error { return client.Shutdown(ctx) })
}
