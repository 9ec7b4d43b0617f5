package main

import (
	"bytes"
	"context"
	"os"

	dapr "github.com/dapr/go-sdk/client"

	"trilby/tests/sdk/go/report"
)

// The application that TARGET names serves echo, verb and refuse (tests/sdk/go/app).
func invoke(ctx context.Context, client dapr.Client) {
	target := os.Getenv("TARGET")
	report.Try("invoke.get", func() error {
		answer, err := client.InvokeMethod(ctx, target, "verb?colour=green", "get")
		if err != nil {
			return err
		}
		return report.Expect("the answer", string(answer), "GET colour=green")
	})
	report.Try("invoke.post", func() error {
		answer, err := client.InvokeMethodWithCustomContent(ctx, target, "echo", "post", "application/json", map[string]int{"n": 1})
		if err != nil {
			return err
		}
		return report.Expect("the answer", string(answer), `{"n":1}`)
	})
	report.Try("invoke.bytes", func() error { return echoed(ctx, client, target, []byte{0, 1, 254, 255}) })
	report.Try("invoke.large", func() error { return echoed(ctx, client, target, bytes.Repeat([]byte("0123456789abcdef"), 1<<16)) })
	report.Try("invoke.error", func() error {
		_, err := client.InvokeMethod(ctx, target, "refuse", "post")
		return report.Refused(err, os.Getenv("REFUSAL"))
	})
	report.Try("invoke.missing", func() error {
		_, err := client.InvokeMethod(ctx, "nobody", "echo", "post")
		return report.Refused(err, "failed to invoke, id: nobody")
	})
}

func echoed(ctx context.Context, client dapr.Client, target string, data []byte) error {
	answer, err := client.InvokeMethodWithContent(ctx, target, "echo", "post",
		&dapr.DataContent{ContentType: "application/octet-stream", Data: data})
	if err != nil {
		return err
	}
	if !bytes.Equal(answer, data) {
		return report.Expect("the answer", "something else", "what was sent")
	}
	return nil
}
