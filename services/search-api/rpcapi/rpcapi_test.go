package rpcapi_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/rpcapi"
)

func serve(t *testing.T) *apitest.Server {
	t.Helper()
	l := apitest.New(t)
	for _, title := range []string{"harbour", "hidden"} {
		l.Add(apitest.Film{Title: title, Name: "The Harbour", StartTimecode: "01:00:00:00",
			Shots: []apitest.Shot{{Seconds: 10, Colour: apitest.Red, Label: "lighthouse", LabelConfidence: 0.9}},
			Lines: []apitest.Line{{From: 1, To: 3, Language: "en", Text: "A black coffee, captain."}}})
	}
	return l.Serve(map[string][]string{"all": {"*"}, "harbour-only": {"harbour"}})
}

// dial opens a connection of the plain gRPC client, over HTTP/2 without TLS.
func dial(t *testing.T, s *apitest.Server) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(strings.TrimPrefix(s.URL, "http://"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func as(ctx context.Context, token string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
}

const service = "/" + cinedexv1connect.SearchServiceName + "/"

// A client of gRPC's own finds the same moments as JSON and gRPC-Web do.
func TestProtocolsAgree(t *testing.T) {
	s := serve(t)
	req := &pb.SearchRequest{Q: "dialogue:coffee"}
	got := map[string]*pb.SearchResponse{"gRPC": {}, "gRPC-Web": {}, "JSON": {}}
	if err := dial(t, s).Invoke(as(t.Context(), "all"), service+"Search", req, got["gRPC"]); err != nil {
		t.Fatal(err)
	}
	web, trailers := grpcWeb(t, s, "all", "Search", req)
	if !strings.Contains(trailers, "grpc-status: 0") {
		t.Errorf("gRPC-Web ends with %q", trailers)
	}
	if err := proto.Unmarshal(web, got["gRPC-Web"]); err != nil {
		t.Fatal(err)
	}
	body, code := post(t, s, "all", "application/json", service+"Search", []byte(`{"q":"dialogue:coffee"}`))
	if err := protojson.Unmarshal(body, got["JSON"]); err != nil || code != http.StatusOK {
		t.Fatalf("%d %v: %s", code, err, body)
	}
	for _, resp := range got {
		resp.TookMs = 0
	}
	for name, resp := range got {
		if len(resp.GetHits()) != 2 || resp.GetHits()[0].GetText() != "A black coffee, captain." {
			t.Errorf("%s: %v", name, resp)
		}
		if !proto.Equal(resp, got["gRPC"]) {
			t.Errorf("%s: %v\ngRPC: %v", name, resp, got["gRPC"])
		}
	}
}

// Errors have gRPC's codes whichever way they go out, and nobody is answered.
func TestErrors(t *testing.T) {
	s := serve(t)
	conn := dial(t, s)
	hidden := apitest.AssetOf("hidden")
	for _, test := range []struct {
		name, token, method string
		req                 proto.Message
		code                codes.Code
		says                string
	}{
		{"no token", "", "GetStatus", &pb.GetStatusRequest{}, codes.Unauthenticated, "token"},
		{"a wrong token", "wrong", "GetStatus", &pb.GetStatusRequest{}, codes.Unauthenticated, "not known"},
		{"nothing asked", "all", "Search", &pb.SearchRequest{}, codes.InvalidArgument, "query"},
		{"a slip in the query", "all", "Search", &pb.SearchRequest{Q: `dialogue:"coffee`}, codes.InvalidArgument, "column 10"},
		{"a forbidden asset", "harbour-only", "GetAsset", &pb.GetAssetRequest{Asset: hidden}, codes.NotFound, hidden},
		{"too many titles", "all", "ListTitles", &pb.ListTitlesRequest{Limit: rpcapi.MaxPage + 1}, codes.InvalidArgument, "limit"},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx := t.Context()
			if test.token != "" {
				ctx = as(ctx, test.token)
			}
			err := conn.Invoke(ctx, service+test.method, test.req, &pb.GetStatusResponse{})
			if status.Code(err) != test.code || !strings.Contains(err.Error(), test.says) {
				t.Errorf("gRPC: %v, want %v that says %q", err, test.code, test.says)
			}
			_, trailers := grpcWeb(t, s, test.token, test.method, test.req)
			if !strings.Contains(trailers, fmt.Sprintf("grpc-status: %d", test.code)) {
				t.Errorf("gRPC-Web: %q, want %d", trailers, test.code)
			}
			b, err := protojson.Marshal(test.req)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := post(t, s, test.token, "application/json", service+test.method, b)
			if want := fmt.Sprintf(`"code":%q`, connect.Code(test.code)); !strings.Contains(string(body), want) {
				t.Errorf("JSON: %s, want %s", body, want)
			}
		})
	}
}

// Health and reflection answer those who watch and explore, without a token: they tell nothing of any title.
func TestHealthAndReflection(t *testing.T) {
	s := serve(t)
	conn := dial(t, s)
	health := grpc_health_v1.NewHealthClient(conn)
	for _, name := range []string{"", cinedexv1connect.SearchServiceName} {
		resp, err := health.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: name})
		if err != nil || resp.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
			t.Errorf("health of %q: %v, %v", name, resp, err)
		}
	}
	if _, err := health.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: "nobody"}); status.Code(err) != codes.NotFound {
		t.Errorf("health of nobody: %v", err)
	}

	stream, err := grpc_reflection_v1.NewServerReflectionClient(conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ask := func(req *grpc_reflection_v1.ServerReflectionRequest) *grpc_reflection_v1.ServerReflectionResponse {
		t.Helper()
		if err := stream.Send(req); err != nil {
			t.Fatal(err)
		}
		resp, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	var names []string
	for _, s := range ask(&grpc_reflection_v1.ServerReflectionRequest{MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_ListServices{}}).GetListServicesResponse().GetService() {
		names = append(names, s.GetName())
	}
	if !slices.Contains(names, cinedexv1connect.SearchServiceName) || !slices.Contains(names, "grpc.health.v1.Health") {
		t.Errorf("services: %q", names)
	}
	found := ask(&grpc_reflection_v1.ServerReflectionRequest{MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: cinedexv1connect.SearchServiceName}})
	set := &descriptorpb.FileDescriptorSet{}
	for _, b := range found.GetFileDescriptorResponse().GetFileDescriptorProto() {
		f := &descriptorpb.FileDescriptorProto{}
		if err := proto.Unmarshal(b, f); err != nil {
			t.Fatal(err)
		}
		set.File = append(set.File, f)
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		t.Fatal(err)
	}
	if d, err := files.FindDescriptorByName(cinedexv1connect.SearchServiceName + ".Search"); err != nil {
		t.Errorf("reflection does not know Search: %v, %v", d, err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Error(err)
	}
}

// grpcWeb asks as a browser does, and returns the message and the trailers.
func grpcWeb(t *testing.T, s *apitest.Server, token, method string, req proto.Message) (message []byte, trailers string) {
	t.Helper()
	b, err := proto.Marshal(req)
	if err != nil {
		t.Fatal(err)
	}
	frame := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(b))), b...)
	raw, _ := post(t, s, token, "application/grpc-web+proto", service+method, frame)
	for len(raw) >= 5 {
		n := binary.BigEndian.Uint32(raw[1:5])
		if raw[0]&0x80 != 0 {
			trailers = strings.ToLower(string(raw[5 : 5+n]))
		} else {
			message = raw[5 : 5+n]
		}
		raw = raw[5+n:]
	}
	return message, trailers
}

func post(t *testing.T, s *apitest.Server, token, contentType, path string, body []byte) ([]byte, int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(contentType, "grpc-web") && resp.Header.Get("Grpc-Status") != "" { // an answer of trailers alone
		b = append(b, trailersOnly(resp.Header)...)
	}
	return b, resp.StatusCode
}

func trailersOnly(h http.Header) []byte {
	text := "grpc-status: " + h.Get("Grpc-Status") + "\r\ngrpc-message: " + h.Get("Grpc-Message")
	return append(binary.BigEndian.AppendUint32([]byte{0x80}, uint32(len(text))), text...)
}
