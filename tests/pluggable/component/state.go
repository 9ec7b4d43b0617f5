package main

import (
	"context"
	"encoding/json"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"sync"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"

	"trilby/tests/pluggable/components"
)

const mostOperations = 3

type item struct {
	value       []byte
	etag        string
	contentType string
}

type store struct {
	components.UnimplementedStateStoreServer
	components.UnimplementedTransactionalStateStoreServer
	components.UnimplementedTransactionalStoreMultiMaxSizeServer
	components.UnimplementedQueriableStateStoreServer

	lock     sync.Mutex
	features []string
	version  int
	items    map[string]map[string]item // by instance, by key
}

func detailed(code codes.Code, text string, details ...protoadapt.MessageV1) error {
	made, err := status.New(code, text).WithDetails(details...)
	if err != nil {
		panic(err)
	}
	return made.Err()
}

func etagFault(code codes.Code, text string) error {
	return detailed(code, "etag", &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
		{Field: "etag", Description: text}}})
}

// What the request's metadata asks to fail with.
func fault(with map[string]string) error {
	switch with["fail"] {
	case "kit":
		return detailed(codes.ResourceExhausted, "it is my error", &errdetails.ErrorInfo{Reason: "DAPR_MINE", Domain: "dapr.io",
			Metadata: map[string]string{"kit_error": "true", "http_code": "429", "tag": "ERR_MINE"}})
	case "rows":
		return detailed(codes.Internal, "rows", &errdetails.ErrorInfo{Metadata: map[string]string{"expected": "2", "affected": "1"}})
	case "two":
		violation := &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "etag"}}}
		return detailed(codes.FailedPrecondition, "two details of a kind", violation, violation)
	case "large":
		return status.Error(codes.DataLoss, strings.Repeat("é", 500))
	case "":
		return nil
	}
	code, _ := strconv.Atoi(with["fail"])
	return status.Error(codes.Code(code), "as it was wished")
}

func (s *store) of(ctx context.Context) map[string]item {
	name := instance(ctx)
	if s.items[name] == nil {
		s.items[name] = map[string]item{}
	}
	return s.items[name]
}

// Behind the lock: whether what is there is what the caller has seen.
func check(items map[string]item, key string, etag *components.Etag) error {
	if etag == nil {
		return nil
	}
	if _, err := strconv.Atoi(etag.Value); err != nil {
		return etagFault(codes.InvalidArgument, "it is no number")
	}
	if items[key].etag != etag.Value {
		return etagFault(codes.FailedPrecondition, "the version is another")
	}
	return nil
}

func (s *store) put(items map[string]item, r *components.SetRequest) {
	s.version++
	items[r.Key] = item{r.Value, strconv.Itoa(s.version), r.ContentType}
}

func (s *store) Init(ctx context.Context, r *components.InitRequest) (*components.InitResponse, error) {
	return &components.InitResponse{}, fault(r.GetMetadata().GetProperties())
}

func (s *store) Features(context.Context, *components.FeaturesRequest) (*components.FeaturesResponse, error) {
	return &components.FeaturesResponse{Features: s.features}, nil
}

func (s *store) Get(ctx context.Context, r *components.GetRequest) (*components.GetResponse, error) {
	if err := held(ctx, r.Key, r.Metadata); err != nil {
		return nil, err
	}
	if err := fault(r.Metadata); err != nil {
		return nil, err
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	found, has := s.of(ctx)[r.Key]
	if !has {
		return &components.GetResponse{}, nil
	}
	return &components.GetResponse{Data: found.value, Etag: &components.Etag{Value: found.etag}, ContentType: found.contentType,
		Metadata: map[string]string{"consistency": r.Consistency.String()}}, nil
}

func (s *store) Set(ctx context.Context, r *components.SetRequest) (*components.SetResponse, error) {
	if err := held(ctx, r.Key, r.Metadata); err != nil {
		return nil, err
	}
	if err := fault(r.Metadata); err != nil {
		return nil, err
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	items := s.of(ctx)
	if err := check(items, r.Key, r.Etag); err != nil {
		return nil, err
	}
	s.put(items, r)
	return &components.SetResponse{}, nil
}

func (s *store) Delete(ctx context.Context, r *components.DeleteRequest) (*components.DeleteResponse, error) {
	if err := fault(r.Metadata); err != nil {
		return nil, err
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	items := s.of(ctx)
	if err := check(items, r.Key, r.Etag); err != nil {
		return nil, err
	}
	delete(items, r.Key)
	return &components.DeleteResponse{}, nil
}

func (s *store) BulkGet(ctx context.Context, r *components.BulkGetRequest) (*components.BulkGetResponse, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	answer := &components.BulkGetResponse{}
	for _, one := range r.Items {
		if err := fault(one.Metadata); err != nil {
			return nil, err
		}
		if found, has := s.of(ctx)[one.Key]; has {
			answer.Items = append(answer.Items, &components.BulkStateItem{Key: one.Key, Data: found.value,
				Etag: &components.Etag{Value: found.etag}, ContentType: found.contentType})
		}
	}
	return answer, nil
}

func (s *store) BulkSet(ctx context.Context, r *components.BulkSetRequest) (*components.BulkSetResponse, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	items := s.of(ctx)
	for _, one := range r.Items {
		if err := fault(one.Metadata); err != nil {
			return nil, err
		}
		if err := check(items, one.Key, one.Etag); err != nil {
			return nil, err
		}
	}
	for _, one := range r.Items {
		s.put(items, one)
	}
	return &components.BulkSetResponse{}, nil
}

func (s *store) BulkDelete(ctx context.Context, r *components.BulkDeleteRequest) (*components.BulkDeleteResponse, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	for _, one := range r.Items {
		if err := fault(one.Metadata); err != nil {
			return nil, err
		}
		delete(s.of(ctx), one.Key)
	}
	return &components.BulkDeleteResponse{}, nil
}

func (s *store) MultiMaxSize(context.Context, *components.MultiMaxSizeRequest) (*components.MultiMaxSizeResponse, error) {
	return &components.MultiMaxSizeResponse{MaxSize: mostOperations}, nil
}

// All or nothing.
func (s *store) Transact(ctx context.Context, r *components.TransactionalStateRequest) (*components.TransactionalStateResponse, error) {
	if err := fault(r.Metadata); err != nil {
		return nil, err
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	items := s.of(ctx)
	for _, one := range r.Operations {
		if err := check(items, one.GetSet().GetKey()+one.GetDelete().GetKey(), either(one)); err != nil {
			return nil, err
		}
	}
	for _, one := range r.Operations {
		if set := one.GetSet(); set != nil {
			s.put(items, set)
		} else {
			delete(items, one.GetDelete().GetKey())
		}
	}
	return &components.TransactionalStateResponse{}, nil
}

func either(one *components.TransactionalStateOperation) *components.Etag {
	if set := one.GetSet(); set != nil {
		return set.Etag
	}
	return one.GetDelete().GetEtag()
}

// Whether the value's members are as the filter's EQ says.
func matches(value []byte, q *components.Query) bool {
	equal := q.GetFilter()["EQ"]
	var members, wanted map[string]any
	if equal == nil {
		return true
	}
	if json.Unmarshal(value, &members) != nil || json.Unmarshal(equal.Value, &wanted) != nil {
		return false
	}
	for name, one := range wanted {
		if !reflect.DeepEqual(members[name], one) {
			return false
		}
	}
	return true
}

func (s *store) Query(ctx context.Context, r *components.QueryRequest) (*components.QueryResponse, error) {
	if err := fault(r.Metadata); err != nil {
		return nil, err
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	answer := &components.QueryResponse{}
	for key, one := range s.of(ctx) {
		if matches(one.value, r.Query) {
			answer.Items = append(answer.Items, &components.QueryItem{Key: key, Data: one.value, Etag: &components.Etag{Value: one.etag}})
		}
	}
	isDown := len(r.Query.Sort) > 0 && r.Query.Sort[0].Order == components.Sorting_DESC
	sort.Slice(answer.Items, func(a, b int) bool { return (answer.Items[a].Key < answer.Items[b].Key) != isDown })
	if most := r.Query.GetPagination().GetLimit(); most > 0 && int(most) < len(answer.Items) {
		answer.Items = answer.Items[:most]
		answer.Token = answer.Items[most-1].Key
	}
	return answer, nil
}
