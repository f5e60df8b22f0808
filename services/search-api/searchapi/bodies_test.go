package searchapi

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/cinedex/cinedex/pkg/budget"
	"github.com/cinedex/cinedex/pkg/errkind"
)

// TestBodiesShareMemory: a large body waits for the memory of other bodies, a small body does not wait.
func TestBodiesShareMemory(t *testing.T) {
	b := budget.New(1 << 20)
	var got int
	var readErr error
	h := boundBodies(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		got, readErr = len(data), err
	}), b)
	send := func(ctx context.Context, n int, encoding string) {
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", bytes.NewReader(make([]byte, n)))
		if encoding != "" {
			r.Header.Set("Content-Encoding", encoding)
		}
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	send(t.Context(), 300<<10, "")
	if got != 300<<10 || readErr != nil {
		t.Fatalf("a large body alone: %d bytes, %v", got, readErr)
	}
	release, err := b.Claim(t.Context(), 1<<20) // the memory of the request before is free again
	if err != nil {
		t.Fatal(err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if send(ended, 300<<10, ""); errkind.Of(readErr) != errkind.Exhausted || got > smallBody {
		t.Errorf("a large body beside others: %d bytes, %v", got, readErr)
	}
	if send(ended, smallBody-1, ""); got != smallBody-1 || readErr != nil {
		t.Errorf("a small body beside others: %d bytes, %v", got, readErr)
	}
	if send(ended, 100, "gzip"); errkind.Of(readErr) == errkind.Internal || got != 0 {
		t.Errorf("a compressed body: %d bytes, %v", got, readErr)
	}
	release()
	if send(t.Context(), 400<<10, ""); errkind.Of(readErr) != errkind.Invalid {
		t.Errorf("a body that can never fit: %d bytes, %v", got, readErr)
	}
}

// TestBodyDeadlineEndsWithTheBody: the time for sending a body is no limit of the time for answering.
func TestBodyDeadlineEndsWithTheBody(t *testing.T) {
	b := budget.New(bodiesMemory)
	w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	boundBodies(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }), b).
		ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(make([]byte, 300<<10))))
	if len(w.set) < 2 || w.set[0].IsZero() || !w.set[len(w.set)-1].IsZero() {
		t.Errorf("deadlines for reading were %v, want one while the body comes and none after it", w.set)
	}
}

// deadlines records the deadlines set.
type deadlines struct {
	*httptest.ResponseRecorder
	set []time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error {
	d.set = append(d.set, t)
	return nil
}
