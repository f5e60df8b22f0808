package blob

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// A host with a byte now and then, or nothing more, is given up. A slow host with enough bytes is not given up, and
// neither is a fast host with a slow reader.
func TestStalledHost(t *testing.T) {
	size := 3 * leastBytes
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		piece, pause := 1, 20*time.Millisecond
		switch r.URL.Path {
		case "/stops":
			piece, pause = size/2, time.Hour
		case "/slow":
			piece, pause = leastBytes, 200*time.Millisecond
		case "/fast":
			piece = size
		}
		for sent := 0; sent < size && r.Context().Err() == nil; sent += piece {
			_, _ = w.Write(make([]byte, piece))
			w.(http.Flusher).Flush()
			select {
			case <-time.After(pause):
			case <-r.Context().Done():
			}
		}
	}))
	defer server.Close()
	cfg := Default()
	cfg.Bucket = "file://" + filepath.ToSlash(t.TempDir())
	cfg.Hosts, cfg.AllowPrivate = []string{strings.TrimPrefix(server.URL, "http://")}, true
	b, err := Open(t.Context(), cfg, Deps{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	b.longest = time.Second
	for path, late := range map[string]bool{"/drips": true, "/stops": true, "/slow": false, "/fast": false} {
		o, err := b.openWeb(t.Context(), server.URL+path)
		if err != nil {
			t.Fatal(err)
		}
		if path == "/fast" {
			time.Sleep(2 * b.longest)
		}
		n, err := io.Copy(io.Discard, o)
		if late && (errkind.Of(err) != errkind.Unavailable || !strings.Contains(fmt.Sprint(err), "too slow")) {
			t.Errorf("%s: %d bytes, %v", path, n, err)
		}
		if !late && (err != nil || n != int64(size)) {
			t.Errorf("%s: %d bytes, %v", path, n, err)
		}
		if err := o.Close(); err != nil {
			t.Errorf("%s: closing: %v", path, err)
		}
	}
}

func TestPublic(t *testing.T) {
	for address, want := range map[string]bool{
		"8.8.8.8": true, "93.184.216.34": true, "2606:4700::1111": true,
		"127.0.0.1": false, "10.0.0.1": false, "172.16.5.4": false, "192.168.1.1": false, "169.254.169.254": false,
		"100.64.0.1": false, "0.0.0.0": false, "198.18.0.1": false, "224.0.0.1": false, "255.255.255.255": false, "192.0.0.8": false,
		"::1": false, "::": false, "fe80::1": false, "fc00::1": false, "ff02::1": false,
		"::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "::ffff:8.8.8.8": true, "64:ff9b::7f00:1": false, "2002:7f00:1::": false,
	} {
		if got := public(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: public %v, want %v", address, got, want)
		}
	}
}
