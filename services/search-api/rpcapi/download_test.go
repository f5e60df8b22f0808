package rpcapi_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"github.com/cinedex/cinedex/pkg/rpc"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
)

// A downloaded is an answer whose body was read.
type downloaded struct {
	StatusCode int
	Header     http.Header
}

// TestDownload: a browser saves an export by an address and the cookie: the bytes of Export, with a name. A refusal is a sentence.
func TestDownload(t *testing.T) {
	s, harbour, secret := exportLibrary(t)
	get := func(token, query string) (*downloaded, []byte) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/exports?"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.AddCookie(&http.Cookie{Name: rpc.Cookie, Value: token})
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return &downloaded{resp.StatusCode, resp.Header}, b
	}
	resp, b := get("reader", "format=csv&q=dialogue%3Acoffee&order=time")
	_, want, _, err := newExporter(s, "reader").export(t, &pb.ExportRequest{Format: "csv", Search: &pb.SearchRequest{Q: "dialogue:coffee", Order: "time"}})
	if err != nil || resp.StatusCode != http.StatusOK || !bytes.Equal(b, want) {
		t.Errorf("%d, %q, want %q, %v", resp.StatusCode, b, want, err)
	}
	if d := resp.Header.Get("Content-Disposition"); d != "attachment; filename=dialogue-coffee.csv" || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/csv") || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("the headers are %v", resp.Header)
	}
	if resp, b := get("reader", "format=otio&asset="+harbour.GetId()+"&kinds=shot&handles=12&name=Häfen"); resp.StatusCode != http.StatusOK || !bytes.Contains(b, []byte("OTIO_SCHEMA")) ||
		resp.Header.Get("Content-Disposition") != "attachment; filename*=utf-8''h%C3%A4fen.otio" {
		t.Errorf("kinds: %d, %v, %.200s", resp.StatusCode, resp.Header, b)
	}
	for query, c := range map[string]struct {
		token  string
		status int
		reason string
	}{
		"format=csv&q=dialogue%3Atea":                             {"reader", 400, "nothing matches"},
		"format=tape&q=dialogue%3Acoffee":                         {"reader", 400, "tape"},
		"format=csv":                                              {"reader", 400, "name exactly one"},
		"format=csv&q=dialogue%3Acoffee&handles=many":             {"reader", 400, "handles: want a whole number"},
		"format=csv&q=dialogue%3Acoffee&exact=perhaps":            {"reader", 400, "exact: want true or false"},
		"format=csv&q=a&q=b":                                      {"reader", 400, "q: stands 2 times"},
		"format=csv&bin=x&link=secret":                            {"reader", 400, `"link" is no option`},
		"format=csv&kinds=shot&asset=" + secret.GetId():           {"reader", 404, "there is no asset"},
		"format=csv&bin=nothing":                                  {"reader", 404, "there is no bin"},
		"format=csv&q=dialogue%3Acoffee&lang=en":                  {"stranger", 401, "token"},
		"format=csv&q=dialogue%3Acoffee&title=harbour&lang=fr":    {"reader", 400, "nothing matches"},
		"format=csv&q=dialogue%3Acoffee&languages=de&limit=30000": {"reader", 400, "limit: must be from 1 to 20000"},
	} {
		resp, b := get(c.token, query)
		if resp.StatusCode != c.status || !strings.Contains(string(b), c.reason) || resp.Header.Get("Content-Disposition") != "" {
			t.Errorf("%s: %d, %s; want %d and %q", query, resp.StatusCode, b, c.status, c.reason)
		}
	}
}

// A check tells what an export would tell, and has no bytes.
func TestExportCheck(t *testing.T) {
	s, _, _ := exportLibrary(t)
	all := newExporter(s, "all")
	for _, format := range []string{"otio", "edl", "csv", "srt", "pdf", "clips", "ale"} {
		req := &pb.ExportRequest{Format: format, Search: &pb.SearchRequest{Q: "dialogue:captain"}, Handles: 100, Language: "en"}
		_, _, want, wantErr := all.export(t, req)
		req.Check = true
		about, file, notes, err := all.export(t, req)
		if format == "clips" || format == "pdf" { // the films of this library are nowhere, and a check reads none
			want, wantErr = notes, nil
		}
		if connect.CodeOf(err) != connect.CodeOf(wantErr) || len(file) != 0 || strings.Join(notes, "\n") != strings.Join(want, "\n") || about.GetClips() != 1 || !strings.Contains(strings.Join(notes, "\n"), "shorter") {
			t.Errorf("%s: %v, %d bytes, %q, %v; the export tells %q, %v", format, about, len(file), notes, err, want, wantErr)
		}
	}
}

// TestReadMarkers: markers are read for a film before the film gets the markers.
func TestReadMarkers(t *testing.T) {
	s, harbour, secret := exportLibrary(t)
	client := cinedexv1connect.NewImportServiceClient(http.DefaultClient, s.URL)
	read := func(asset, name, text string) (*pb.ReadMarkersResponse, error) {
		req := connect.NewRequest(&pb.ReadMarkersRequest{Asset: asset, Name: name, Data: []byte(text)})
		req.Header().Set("Authorization", "Bearer reader")
		r, err := client.ReadMarkers(t.Context(), req)
		if err != nil {
			return nil, err
		}
		return r.Msg, nil
	}
	markers := "mara\t01:00:00;02\tV1\tred\train\t1\nmara\t01:00:04;02\tV1\tgreen\tmore rain\t1\n"
	if r, err := read(harbour.GetId(), "markers.txt", markers); err != nil || r.GetMarkers() != 2 {
		t.Errorf("%v, %v", r, err)
	}
	for _, c := range []struct {
		asset, name, text string
		code              connect.Code
	}{
		{secret.GetId(), "markers.txt", markers, connect.CodeNotFound},
		{harbour.GetId(), "markers.doc", markers, connect.CodeInvalidArgument},
		{harbour.GetId(), "markers.txt", "mara\t03:00:00;02\tV1\tred\train\t1\n", connect.CodeInvalidArgument},
		{harbour.GetId(), "markers.txt", strings.Repeat("a", 600<<10), connect.CodeInvalidArgument},
	} {
		if r, err := read(c.asset, c.name, c.text); connect.CodeOf(err) != c.code {
			t.Errorf("%s: %v, %v, want %v", c.name, r, err, c.code)
		}
	}
}
