package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/cinedex/cinedex/pkg/schema"
)

// A server of the release before pages of statuses: a request of the status has no fields there, and a field is refused as today's server refuses an
// unknown field.
func beforePages(t *testing.T, server string) string {
	t.Helper()
	target, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	today := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	refused := connect.NewErrorWriter()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/GetStatus") {
			b, err := io.ReadAll(r.Body)
			if err == nil {
				err = schema.UnmarshalStrictJSON(b, &emptypb.Empty{})
			}
			if err != nil {
				_ = refused.Write(w, r, connect.NewError(connect.CodeInvalidArgument, err))
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(b))
		}
		today.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// `ingest --wait` and completion work against a server of the release before pages of statuses: the command then asks for the status of all assets.
func TestWaitOnAnEarlierServer(t *testing.T) {
	w := newWorld(t, t.TempDir(), t.TempDir())
	film := silence(t, w, "quiet", nil)
	server := beforePages(t, w.server())
	out, err := command(t, "--home", w.home.dir, "--server", server, "ingest", strings.TrimPrefix(film.GetUrl(), "file://"), "--title", "quiet", "--wait")
	if err != nil || !strings.Contains(out, "accepted ") {
		t.Errorf("waiting: %v\n%s", err, out)
	}
	if got, err := command(t, "--home", w.home.dir, "--server", server, "status", "--json"); err != nil || !strings.Contains(got, "quiet") {
		t.Errorf("status: %v\n%s", err, got)
	}
	run := func(line ...string) (string, error) {
		return command(t, append([]string{"--home", w.home.dir, "--server", server}, line...)...)
	}
	if got := completed(t, run, "replay", "--title", ""); len(got) != 1 || got[0] != "quiet" {
		t.Errorf("titles complete to %q", got)
	}
}
