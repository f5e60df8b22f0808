package searchapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"connectrpc.com/connect"

	"github.com/cinedex/cinedex/pkg/budget"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/services/search-api/rpcapi"
)

const (
	// smallBody is free: a query of words has a hundredth of smallBody.
	smallBody = 64 << 10
	// bodyFactor is how often a body lies in memory: as read, as the message, and as the pictures in the message.
	bodyFactor = 3
	// bodiesMemory is for the large bodies of all requests.
	bodiesMemory = 128 << 20
	// bodyWait bounds the waiting for memory, and then the reading of the body: a slow sender keeps the memory from
	// other callers.
	bodyWait = 30 * time.Second
)

// boundBodies lets all requests' bodies take bodiesMemory together. Memory is claimed when a body turns out to be
// large, and released when the request is answered. next MUST recognise the caller before reading a body: callers
// without a token would otherwise keep the memory from others.
func boundBodies(next http.Handler, b *budget.Budget) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := &claimingBody{ReadCloser: r.Body, ctx: r.Context(), budget: b, need: rpcapi.MaxRequestBytes, control: http.NewResponseController(w)}
		compressed := r.Header.Get("Content-Encoding")+r.Header.Get("Connect-Content-Encoding")+r.Header.Get("Grpc-Encoding") != ""
		if compressed { // a few bytes may become as many as are allowed
			body.free = 0
		} else {
			body.free = smallBody
			if r.ContentLength >= 0 {
				body.need = min(body.need, r.ContentLength)
			}
		}
		defer func() {
			if body.release != nil {
				body.release()
			}
		}()
		r.Body = body
		next.ServeHTTP(w, r)
	})
}

type claimingBody struct {
	io.ReadCloser
	ctx     context.Context
	budget  *budget.Budget
	control *http.ResponseController
	need    int64 // bytes of the body at most
	free    int64 // bytes that may still be read without a claim
	release func()
}

func (b *claimingBody) Read(p []byte) (int, error) {
	if b.release == nil && b.free <= 0 {
		ctx, cancel := context.WithTimeout(b.ctx, bodyWait)
		defer cancel()
		release, err := b.budget.Claim(ctx, b.need*bodyFactor)
		if err != nil {
			return 0, connect.NewError(connect.Code(errkind.Of(err).GRPCCode()), err)
		}
		b.release = release
		_ = b.control.SetReadDeadline(time.Now().Add(bodyWait)) // without a deadline of its own, the body has the server's deadline
	}
	if b.release == nil {
		p = p[:min(int64(len(p)), b.free)]
	}
	n, err := b.ReadCloser.Read(p)
	b.free -= int64(n)
	if b.release != nil && errors.Is(err, io.EOF) {
		// The deadline is for the body. Over HTTP/1 the deadline would end a request with a slow answer.
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}
