package searchapi_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cinedex/cinedex/services/search-api/gateway"
)

// TestStrangersHoldNoMemory: bodies without a token take nothing from the memory for callers' bodies.
func TestStrangersHoldNoMemory(t *testing.T) {
	s := serve(t, gateway.Default().Limits)
	address := strings.TrimPrefix(s.URL, "http://")
	for _, path := range []string{"/login", "/grpc.health.v1.Health/Check"} {
		for range 4 {
			c, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			contentType := "application/x-www-form-urlencoded"
			if path != "/login" {
				contentType = "application/json"
			}
			// The body is announced and does not come.
			fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Encoding: gzip\r\nContent-Length: 1000\r\n\r\nt", path, contentType)
		}
	}
	for range 20 { // answered after the connections above have come
		send(t, t.Context(), http.MethodPost, s.URL+"/login", "", "")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	large := `{"q":"lamp"` + strings.Repeat(" ", 100<<10) + "}"
	if resp, body := send(t, ctx, http.MethodPost, s.URL+searchPath, "calm", large); resp.StatusCode != http.StatusOK {
		t.Errorf("a caller's large body beside strangers' bodies: %s: %.200s", resp.Status, body)
	}
}
