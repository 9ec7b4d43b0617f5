package main

import (
	"context"
	"sync"

	"trilby/tests/pluggable/components"
)

// What the resource's metadata says is what is secret: each name is a secret of its own.
type secrets struct {
	components.UnimplementedSecretStoreServer

	lock sync.Mutex
	all  map[string]map[string]string // by instance
}

func (s *secrets) Init(ctx context.Context, r *components.SecretStoreInitRequest) (*components.SecretStoreInitResponse, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.all == nil {
		s.all = map[string]map[string]string{}
	}
	s.all[instance(ctx)] = r.GetMetadata().GetProperties()
	return &components.SecretStoreInitResponse{}, nil
}

func (s *secrets) Features(context.Context, *components.FeaturesRequest) (*components.FeaturesResponse, error) {
	return &components.FeaturesResponse{}, nil
}

func (s *secrets) Get(ctx context.Context, r *components.GetSecretRequest) (*components.GetSecretResponse, error) {
	if err := held(ctx, r.Key, r.Metadata); err != nil {
		return nil, err
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	value, has := s.all[instance(ctx)][r.Key]
	if !has {
		return nil, missing("no secret %s", r.Key)
	}
	return &components.GetSecretResponse{Data: map[string]string{r.Key: value}}, nil
}

func (s *secrets) BulkGet(ctx context.Context, _ *components.BulkGetSecretRequest) (*components.BulkGetSecretResponse, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	answer := &components.BulkGetSecretResponse{Data: map[string]*components.SecretResponse{}}
	for name, value := range s.all[instance(ctx)] {
		answer.Data[name] = &components.SecretResponse{Secrets: map[string]string{name: value}}
	}
	return answer, nil
}
