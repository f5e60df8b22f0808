package rpc_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/rpc"
)

// rights are the rights of every caller, and a test can change them.
type rights struct {
	mu sync.Mutex
	c  *authz.Caller
}

func (r *rights) Authorise(context.Context, string) (*authz.Caller, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.c == nil {
		return nil, errkind.New(errkind.Unauthenticated, "the token is not known")
	}
	return r.c, nil
}

func (r *rights) set(c *authz.Caller) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.c = c
}

// A running call ends when its token loses rights: a waiting call, a sending call, and a call whose reader has stopped
// reading.
func TestRightsEndWhileACallIsUnderWay(t *testing.T) {
	editor := authz.NewCaller("editor", []string{"a", "b"}, authz.Batch)
	for change, after := range map[string]*authz.Caller{"taken away": nil, "fewer titles": authz.NewCaller("editor", []string{"a"}, authz.Batch), "a role less": authz.NewCaller("editor", []string{"a", "b"})} {
		for what, serve := range map[string]func(w http.ResponseWriter, r *http.Request) error{
			"waits": func(_ http.ResponseWriter, r *http.Request) error {
				<-r.Context().Done()
				return context.Cause(r.Context())
			},
			"sends": func(w http.ResponseWriter, _ *http.Request) error { return fill(w) },
		} {
			for reader, reads := range map[string]bool{"reads": true, "stopped": false} {
				t.Run(change+" "+what+" "+reader, func(t *testing.T) {
					t.Parallel()
					a := &rights{c: editor}
					begun, ended := make(chan struct{}), make(chan error, 1)
					s := httptest.NewServer(rpc.Authenticate(a, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						w.WriteHeader(http.StatusOK)
						_ = http.NewResponseController(w).Flush()
						close(begun)
						ended <- serve(w, r)
					}), nil))
					t.Cleanup(s.Close)
					resp, err := s.Client().Get(s.URL) //nolint:bodyclose // it is closed by the defer below
					if err != nil {
						t.Fatal(err)
					}
					defer resp.Body.Close()
					<-begun
					a.set(authz.NewCaller("editor", []string{"b", "a"}, authz.Batch)) // the same rights
					read := make(chan error, 1)
					if reads {
						go func() { _, err := io.Copy(io.Discard, resp.Body); read <- err }()
					}
					select {
					case err := <-ended:
						t.Fatalf("ended with the same rights: %v", err)
					case <-time.After(time.Second):
					}
					a.set(after)
					select {
					case err := <-ended:
						if err == nil {
							t.Error("the handler saw no error")
						}
					case <-time.After(20 * time.Second):
						t.Fatal("it goes on")
					}
					if reads {
						if err := <-read; err == nil {
							t.Error("a part of the answer looks like the whole")
						}
					}
				})
			}
		}
	}
}

// fill sends without end.
func fill(w io.Writer) error {
	for b := make([]byte, 64<<10); ; {
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
}

// A call that ends before is left alone, and its connection serves the next call.
func TestAShortCallIsLeftAlone(t *testing.T) {
	a := &rights{c: authz.NewCaller("editor", []string{"a"})}
	s := httptest.NewServer(rpc.Authenticate(a, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("answer")) }), nil))
	t.Cleanup(s.Close)
	for range 100 {
		resp, err := s.Client().Get(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(resp.Body); err != nil || string(b) != "answer" {
			t.Errorf("%q, %v", b, err)
		}
		_ = resp.Body.Close()
	}
}
