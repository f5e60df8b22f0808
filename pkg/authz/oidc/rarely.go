package oidc

import (
	"bytes"
	"io"
	"net/http"
	"sync"
	"time"
)

// maxDocument bounds a document of the provider.
const maxDocument = 1 << 20

// rarely gets each document at most once in againAfter, and answers with the last answer in between. A token under an unknown key makes the
// library ask for keys: without rarely, anybody could make this process send the provider a request for each token invented.
type rarely struct {
	next http.RoundTripper

	mu    sync.Mutex
	known map[string]kept // by URL
}

// kept is the last answer for a document.
type kept struct {
	at     time.Time
	status int
	header http.Header
	body   []byte
	err    error
}

// RoundTrip implements http.RoundTripper. Requests wait for each other: the provider has two documents.
func (r *rarely) RoundTrip(req *http.Request) (*http.Response, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	url := req.URL.String()
	k, ok := r.known[url]
	if !ok || time.Since(k.at) >= againAfter {
		k = r.get(req)
		r.known[url] = k
	}
	if k.err != nil {
		return nil, k.err
	}
	return &http.Response{Status: http.StatusText(k.status), StatusCode: k.status, Header: k.header.Clone(), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(bytes.NewReader(k.body)), ContentLength: int64(len(k.body)), Request: req}, nil
}

func (r *rarely) get(req *http.Request) (k kept) {
	k.at = time.Now()
	resp, err := r.next.RoundTrip(req)
	if err != nil {
		k.err = err
		return k
	}
	defer resp.Body.Close()
	k.status, k.header = resp.StatusCode, resp.Header
	k.body, k.err = io.ReadAll(io.LimitReader(resp.Body, maxDocument))
	return k
}
