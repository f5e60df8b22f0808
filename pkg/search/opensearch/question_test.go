package opensearch

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/opensearch-project/opensearch-go/v4"

	"github.com/cinedex/cinedex/pkg/search/words"
)

// A recorder notes requests instead of sending them.
type recorder struct {
	t    *testing.T
	sent int
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	r.sent++
	var body struct{ Size *int }
	if err := json.NewDecoder(req.Body).Decode(&body); err != nil || body.Size == nil || *body.Size != 0 {
		r.t.Errorf("%s: want a search for counts: %v", req.URL, err)
	}
	if got := req.URL.Query().Get("request_cache"); got != "false" {
		r.t.Errorf("%s: the cluster may answer from the cache that callers share", req.URL)
	}
	return &http.Response{StatusCode: http.StatusNotFound, Body: io.NopCloser(strings.NewReader("{}")), Request: req}, nil
}

// TestCountsAreNotShared: the cluster remembers the answers of searches without hits, for everybody. None of ours may be among them.
func TestCountsAreNotShared(t *testing.T) {
	r := &recorder{t: t}
	c := &client{timeout: time.Minute}
	var err error
	if c.os, err = opensearch.NewClient(opensearch.Config{Addresses: []string{"http://localhost:9200"}, Transport: r}); err != nil {
		t.Fatal(err)
	}
	e := &Engine{client: c, exactBelow: 10}
	visible := within{scope: [][]byte{[]byte(`{"term":{"run":"run"}}`)}}
	if _, err := e.countTexts(t.Context(), "index", visible, "base"); err == nil {
		t.Error("languages were counted without a cluster")
	}
	if err := e.count(t.Context(), "index", visible, &texts{}, []*field{{name: "label", words: []word{{exact: []words.Alternative{{Term: "harbour", Weight: 1}}}}}}); err == nil {
		t.Error("words were counted without a cluster")
	}
	if _, err := e.few(t.Context(), "index", visible); err == nil {
		t.Error("vectors were counted without a cluster")
	}
	if r.sent != 3 {
		t.Errorf("%d requests were sent, want 3", r.sent)
	}
}
