package opensearch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/fxamacker/cbor/v2"
	"github.com/opensearch-project/opensearch-go/v4"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/tlsclient"
)

// client speaks to the cluster, and gives the cluster's errors their kind.
type client struct {
	os        *opensearch.Client
	transport *http.Transport
	timeout   time.Duration
	nodes     string
}

func newClient(cfg Config) (*client, error) {
	tlsConfig, err := tlsclient.Config{Enabled: true, CAFile: cfg.CAFile}.Load()
	if err != nil {
		return nil, err
	}
	c := &client{timeout: cfg.Timeout, nodes: cfg.nodes(), transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: tlsConfig, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: 10 * time.Second, MaxIdleConnsPerHost: 64, IdleConnTimeout: 90 * time.Second,
	}}
	c.os, err = opensearch.NewClient(opensearch.Config{
		Addresses: cfg.URLs, Username: cfg.Username, Password: cfg.Password, Transport: c.transport,
		// Another node is tried at once. The function retry pauses.
		MaxRetries: max(1, len(cfg.URLs)-1), RetryOnStatus: []int{http.StatusBadGateway},
	})
	if err != nil {
		return nil, errkind.New(errkind.Invalid, "making a client of %s: %w", cfg.nodes(), err)
	}
	return c, nil
}

func (c *client) close() { c.transport.CloseIdleConnections() }

// A failure is an error answer of the cluster.
type failure struct {
	Status int
	Type   string
	Reason string
}

func (f *failure) Error() string {
	return fmt.Sprintf("%s (%s, status %d)", f.Reason, f.Type, f.Status)
}

// isFailure reports whether an error is a failure of a given type.
func isFailure(err error, types ...string) bool {
	var f *failure
	if !errors.As(err, &f) {
		return false
	}
	for _, t := range types {
		if f.Type == t {
			return true
		}
	}
	return false
}

const (
	indexNotFound   = "index_not_found_exception"
	aliasesNotFound = "aliases_not_found_exception"
	indexExists     = "resource_already_exists_exception"
)

// kind returns the kind of a failure, and so what a caller should do.
func (f *failure) kind() errkind.Kind {
	switch {
	case f.Status == http.StatusTooManyRequests, f.Status == http.StatusRequestEntityTooLarge, f.Type == "cluster_block_exception":
		return errkind.Exhausted
	case f.Status == http.StatusUnauthorized, f.Status == http.StatusForbidden:
		// The credentials are the operator's. The caller has done nothing wrong, and may try again once the credentials are right. Open
		// returns Denied.
		return errkind.Unavailable
	case f.Status == http.StatusNotFound:
		return errkind.Unavailable // the index is being created, or was deleted
	case f.Status == http.StatusConflict:
		return errkind.Conflict
	case f.Status >= 500:
		return errkind.Unavailable
	}
	return errkind.Internal
}

func wrap(f *failure) error { return errkind.Wrap(f.kind(), f) }

// raw is a body of lines of JSON.
type raw []byte

// do sends a request and decodes the answer into out, which may be nil.
func (c *client) do(ctx context.Context, method, path string, body, out any) error {
	return c.within(ctx, c.timeout, method, path, body, out)
}

// large is do for an answer of megabytes. The answer comes as CBOR and without gzip: a text of CBOR is read without looking for escapes, and packing
// an answer costs more time than the network saves.
func (c *client) large(ctx context.Context, method, path string, body, out any) error {
	return c.within(ctx, c.timeout, method, path, body, asCBOR{out})
}

// cborMode reads an answer of any size: a map of assets may be large.
var cborMode = func() cbor.DecMode {
	m, err := cbor.DecOptions{DefaultMapType: reflect.TypeFor[map[string]any](), MaxMapPairs: math.MaxInt32, MaxArrayElements: math.MaxInt32}.DecMode()
	if err != nil {
		panic(err) // the options are constants
	}
	return m
}()

// asCBOR is a target that is asked for as CBOR. The keys are those of JSON.
type asCBOR struct{ out any }

func (c *client) within(ctx context.Context, timeout time.Duration, method, path string, body, out any) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var reader io.Reader
	kind := "application/json"
	switch b := body.(type) {
	case nil:
	case raw:
		reader, kind = bytes.NewReader(b), "application/x-ndjson"
	case request:
		encoded, err := b.encode()
		if err != nil {
			return fmt.Errorf("encoding a request: %w", err)
		}
		reader = bytes.NewReader(encoded)
	default:
		encoded, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("encoding a request: %w", err)
		}
		reader = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(bounded, method, path, reader)
	if err != nil {
		return fmt.Errorf("making a request: %w", err)
	}
	if reader != nil {
		req.Header.Set("Content-Type", kind)
	}
	target, binary := out.(asCBOR)
	if binary {
		req.Header.Set("Accept", "application/cbor")
		req.Header.Set("Accept-Encoding", "identity")
	}
	resp, err := c.os.Perform(req)
	if err == nil {
		defer func() { _ = resp.Body.Close() }()
		if resp.StatusCode >= 300 {
			return wrap(decodeFailure(resp))
		}
		switch {
		case out == nil:
			_, err = io.Copy(io.Discard, resp.Body)
		case binary:
			err = cborMode.NewDecoder(resp.Body).Decode(target.out)
		default:
			err = json.NewDecoder(resp.Body).Decode(out)
		}
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case bounded.Err() != nil:
		return errkind.New(errkind.Unavailable, "OpenSearch at %s did not answer within %v", c.nodes, timeout)
	}
	return errkind.New(errkind.Unavailable, "speaking to OpenSearch at %s: %w", c.nodes, err)
}

func decodeFailure(resp *http.Response) *failure {
	f := &failure{Status: resp.StatusCode, Type: "unknown"}
	b, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/cbor") {
		b = jsonOfCBOR(b)
	}
	var body struct {
		Error json.RawMessage `json:"error"`
	}
	if json.Unmarshal(b, &body) == nil && len(body.Error) > 0 {
		var e struct {
			Type      string                                           `json:"type"`
			Reason    string                                           `json:"reason"`
			RootCause []struct{ Type, Reason string }                  `json:"root_cause"`
			Failed    []struct{ Reason struct{ Type, Reason string } } `json:"failed_shards"`
		}
		if json.Unmarshal(body.Error, &e) == nil {
			f.Type, f.Reason = e.Type, e.Reason
			if len(e.RootCause) > 0 && e.Type == "search_phase_execution_exception" {
				f.Type, f.Reason = e.RootCause[0].Type, e.RootCause[0].Reason
			}
			return f
		}
		_ = json.Unmarshal(body.Error, &f.Reason) // some errors are a text
		return f
	}
	f.Reason = strings.TrimSpace(string(b[:min(len(b), 200)]))
	return f
}

// jsonOfCBOR returns an answer as JSON; nil where the answer is no CBOR.
func jsonOfCBOR(b []byte) []byte {
	var body any
	if err := cborMode.Unmarshal(b, &body); err != nil {
		return nil
	}
	b, err := json.Marshal(body)
	if err != nil {
		return nil
	}
	return b
}

// writePatience bounds how long a call retries a write. The caller's own retries follow.
const writePatience = 60 * time.Second

// retry calls do, with pauses, until do succeeds or an error is not worth another try. A cluster is worth another try while
// the cluster pushes back or is away.
func retry(ctx context.Context, again func(error) bool, do func() error) error {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = 50*time.Millisecond, 5*time.Second
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := do()
		if err != nil && !again(err) {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(b), backoff.WithMaxElapsedTime(writePatience))
	var p *backoff.PermanentError
	if errors.As(err, &p) {
		return p.Unwrap()
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// passing reports whether a later try may succeed. A write to a deleted index is not retried: the caller looks anew for the indices to
// write to, since an abandoned rebuild must not hold up writers.
func passing(err error) bool {
	k := errkind.Of(err)
	return !errors.Is(err, errGone) && (k == errkind.Exhausted || k == errkind.Unavailable) && !refused(err) && !errors.Is(err, errClosed)
}

// refused reports whether the cluster refuses the credentials. Waiting does not help.
func refused(err error) bool {
	var f *failure
	return errors.As(err, &f) && f.Type != "cluster_block_exception" && (f.Status == http.StatusUnauthorized || f.Status == http.StatusForbidden)
}
