package rpc_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/rpc"
)

// TestDescribeBoundsMessages: health and reflection answer without a token, and refuse a message larger than any name
// needs.
func TestDescribeBoundsMessages(t *testing.T) {
	mux := http.NewServeMux()
	rpc.Describe(mux, func() error { return nil }, "a.Service")
	var both http.Protocols
	both.SetHTTP1(true)
	both.SetUnencryptedHTTP2(true)
	s := httptest.NewUnstartedServer(mux)
	s.Config.Protocols = &both
	s.Start()
	defer s.Close()
	var two http.Protocols
	two.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: &two} // reflection is a stream both ways
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	large := `{"service":"` + strings.Repeat("a", 64<<10) + `"}`
	for _, test := range []struct{ body, code string }{{`{"service":"a.Service"}`, "SERVING"}, {large, "resource_exhausted"}} {
		resp, err := client.Post(s.URL+"/grpc.health.v1.Health/Check", "application/json", strings.NewReader(test.body))
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || !bytes.Contains(b, []byte(test.code)) {
			t.Errorf("health of %d bytes: %s %.100s %v, want %s", len(test.body), resp.Status, b, err, test.code)
		}
	}
	for _, version := range []string{"v1", "v1alpha"} {
		frame := append([]byte{0, 0, 1, 0, 0}, make([]byte, 64<<10)...)
		resp, err := client.Post(s.URL+"/grpc.reflection."+version+".ServerReflection/ServerReflectionInfo", "application/grpc-web+proto", bytes.NewReader(frame))
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if !strings.Contains(strings.ToLower(string(b)), "grpc-status: 8") && resp.Header.Get("Grpc-Status") != "8" {
			t.Errorf("reflection %s: %s %.200q %v, want RESOURCE_EXHAUSTED", version, resp.Status, b, resp.Header)
		}
	}
}

// Services without a condition of readiness serve.
func TestDescribeWithoutReady(t *testing.T) {
	mux := http.NewServeMux()
	rpc.Describe(mux, nil, "a.Service")
	s := httptest.NewServer(mux)
	defer s.Close()
	resp, err := s.Client().Post(s.URL+"/grpc.health.v1.Health/Check", "application/json", strings.NewReader(`{"service":"a.Service"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, err := io.ReadAll(resp.Body); err != nil || !bytes.Contains(b, []byte(`"SERVING"`)) && !bytes.Contains(b, []byte(`"SERVING_STATUS_SERVING"`)) {
		t.Errorf("health: %s %s %v", resp.Status, b, err)
	}
}
