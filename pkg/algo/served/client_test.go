package served

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// An answer of a server has the kind of error that decides whether the run is executed again. No answer, however wrong, is more than an error.
func TestAnswers(t *testing.T) {
	outputs := func(o string) string { return `{"model_name":"m","outputs":[` + o + `]}` }
	for _, c := range []struct {
		name   string
		status int
		body   string
		kind   errkind.Kind
		says   string
	}{
		{"refused", 400, `{"error":"no such input"}`, errkind.Invalid, "no such input"},
		{"too large", 413, ``, errkind.Invalid, "413"},
		{"no such model", 404, `{"error":"Model m not found"}`, errkind.NotFound, "Model m not found"},
		{"no token", 401, ``, errkind.Denied, "401"},
		{"busy", 429, ``, errkind.Exhausted, "429"},
		{"starting", 503, `<html>`, errkind.Unavailable, "503"},
		{"crashed", 500, `{"error":"division by zero"}`, errkind.Internal, "division by zero"},
		{"moved", 302, ``, errkind.Internal, "302"},
		{"no JSON", 200, `<html>`, errkind.Internal, "the JSON of the protocol"},
		{"another output", 200, outputs(`{"name":"q","shape":[2,1],"datatype":"FP32","data":[1,2]}`), errkind.Internal, `has "q"`},
		{"too few rows", 200, outputs(`{"name":"p","shape":[1,3],"datatype":"FP32","data":[1,2,3]}`), errkind.Internal, "3 values are no whole number"},
		{"nothing", 200, outputs(`{"name":"p","shape":[0],"datatype":"FP32","data":[]}`), errkind.Internal, "0 values"},
		{"an object", 200, outputs(`{"name":"p","shape":[2],"datatype":"FP32","data":{"a":1}}`), errkind.Internal, "no array"},
		{"not a number", 200, outputs(`{"name":"p","shape":[2],"datatype":"FP32","data":[NaN,1]}`), errkind.Internal, "the JSON of the protocol"},
		{"too large a number", 200, outputs(`{"name":"p","shape":[2],"datatype":"FP32","data":[1e999,1]}`), errkind.Internal, "reading the values"},
		{"texts among numbers", 200, outputs(`{"name":"p","shape":[2],"datatype":"FP32","data":["a",1]}`), errkind.Internal, "no number"},
		{"numbers among texts", 200, outputs(`{"name":"p","shape":[2],"datatype":"BYTES","data":["a",1]}`), errkind.Internal, "no text"},
		{"deep", 200, outputs(`{"name":"p","shape":[2],"datatype":"FP32","data":[[[[[[[[[1,2]]]]]]]]]}`), errkind.Internal, "nested"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if c.status == 302 {
					w.Header().Set("Location", "http://example.org/")
				}
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			}))
			defer s.Close()
			cl := newClient(Server{URL: s.URL, Model: "m", Timeout: time.Minute})
			_, err := cl.infer(t.Context(), "m", "", textTensor("in", []string{"a", "b"}), 2, []string{"p"})
			if !errkind.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %v with %q", err, c.kind, c.says)
			}
		})
	}
}

// Values may be nested or flat, and the rows are the same.
func TestRows(t *testing.T) {
	for _, data := range []string{`[1,2,3,4]`, `[[1,2],[3,4]]`, `[[[1],[2]],[[3],[4]]]`} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/v2/models/a%2Fb/versions/1/infer" && r.URL.EscapedPath() != "/v2/models/a%2Fb/versions/1/infer" {
				t.Errorf("asked at %s", r.URL.EscapedPath())
			}
			_, _ = w.Write([]byte(`{"outputs":[{"name":"p","shape":[2,2],"datatype":"FP64","data":` + data + `},{"name":"c","shape":[2],"datatype":"INT64","data":[4,5]}]}`))
		}))
		got, err := newClient(Server{URL: s.URL, Timeout: time.Minute}).infer(t.Context(), "a/b", "1", textTensor("in", []string{"a", "b"}), 2, []string{"p", "c"})
		if err != nil || got["p"].numbers[1][0] != 3 || got["p"].numbers[0][1] != 2 || !got["c"].whole || got["p"].whole || got["c"].numbers[1][0] != 5 {
			t.Errorf("%s: %v, %v", data, got, err)
		}
		s.Close()
	}
}

// A server that is away is Unavailable, and a context that ended is Cancelled.
func TestAway(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	cl := newClient(Server{URL: s.URL, Timeout: time.Minute})
	if _, err := cl.infer(t.Context(), "m", "", textTensor("in", []string{"a"}), 1, []string{"p"}); !errkind.Is(err, errkind.Unavailable) {
		t.Errorf("a server that is away: %v", err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := cl.infer(over, "m", "", textTensor("in", []string{"a"}), 1, []string{"p"}); !errkind.Is(err, errkind.Cancelled) {
		t.Errorf("a context that ended: %v", err)
	}
}
