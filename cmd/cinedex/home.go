package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"connectrpc.com/connect"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/rpc"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
)

// home is the folder of a Cinedex. A running Cinedex writes its address there.
type home struct {
	dir, server, token string
}

// endpoint is the file of `up` for the other commands, readable by its owner only.
type endpoint struct {
	Server  string   `json:"server"`
	Brokers []string `json:"brokers"`
	Token   string   `json:"token"`
	PID     int      `json:"pid"`
}

func (h *home) endpointFile() string { return filepath.Join(h.dir, "endpoint.json") }

func (h *home) write(e endpoint) error {
	b, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return err
	}
	if err := authz.WriteSecret(h.endpointFile(), b); err != nil {
		return fmt.Errorf("writing down the address: %w", err)
	}
	return nil
}

// endpoint returns the address to ask: from the flags, or else from the folder.
func (h *home) endpoint() (endpoint, error) {
	var e endpoint
	b, err := os.ReadFile(h.endpointFile())
	if err == nil {
		err = json.Unmarshal(b, &e)
	}
	if errors.Is(err, fs.ErrNotExist) && h.server == "" {
		return e, errkind.New(errkind.Unavailable, "nothing runs over %s: start Cinedex with `cinedex up` or `cinedex demo`, or name a running Cinedex with --home or --server", h.dir)
	}
	if err != nil && h.server == "" {
		return e, fmt.Errorf("reading %s: %w", h.endpointFile(), err)
	}
	if h.server != "" {
		e.Server = strings.TrimRight(h.server, "/")
		if !strings.Contains(e.Server, "://") {
			e.Server = "http://" + e.Server
		}
	}
	if h.token != "" {
		e.Token = h.token
	}
	return e, nil
}

// client returns a client that sends the token along. A timeout of 0 is none.
func (e endpoint) client(timeout time.Duration) *http.Client {
	return &http.Client{Transport: bearer{e.Token, http.DefaultTransport}, Timeout: timeout}
}

// bearer sends the token along.
type bearer struct {
	token string
	next  http.RoundTripper
}

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if b.token != "" {
		r.Header.Set("Authorization", "Bearer "+b.token)
	}
	return b.next.RoundTrip(r)
}

// client returns a client of the search API.
func (h *home) client() (cinedexv1connect.SearchServiceClient, endpoint, error) {
	e, err := h.endpoint()
	if err != nil {
		return nil, e, err
	}
	hc := e.client(time.Minute)
	return cinedexv1connect.NewSearchServiceClient(hc, e.Server, connect.WithProtoJSON()), e, nil
}

// explain adds advice to the error of an unanswered call.
func (h *home) explain(e endpoint, err error) error {
	if rpc.CodeOf(err) == connect.CodeUnavailable {
		return errkind.New(errkind.Unavailable, "%s does not answer: start Cinedex with `cinedex up` or `cinedex demo`, or name a running Cinedex with --server: %w", e.Server, err)
	}
	return err
}

// log returns a client of the log.
func (h *home) log(context.Context) (*events.Client, error) {
	e, err := h.endpoint()
	if err != nil {
		return nil, err
	}
	if len(e.Brokers) == 0 {
		return nil, errkind.New(errkind.Invalid, "the brokers are not known: give --home of the running Cinedex")
	}
	c := events.Default()
	c.Brokers = e.Brokers
	return events.New(c, events.Deps{})
}
