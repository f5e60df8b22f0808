package served

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// Datatypes of the protocol.
const (
	fp32   = "FP32"
	uint8s = "UINT8"
	texts  = "BYTES"
)

const (
	// maxAnswer bounds an answer of the server.
	maxAnswer = 64 << 20
	// maxToken bounds the file of a token.
	maxToken = 64 << 10
)

// A tensor is an input, or an output whose values are read.
type tensor struct {
	Name       string            `json:"name"`
	Shape      []int             `json:"shape"`
	Datatype   string            `json:"datatype"`
	Parameters map[string]string `json:"parameters,omitempty"`
	Data       any               `json:"data"`
}

// A result is an output tensor of a batch: for each row of the batch, numbers or texts.
type result struct {
	numbers [][]float64
	texts   [][]string
	// whole says that the numbers are of a whole type: the class of each row.
	whole bool
}

// A client asks a server.
type client struct {
	server Server
	http   *http.Client
}

func newClient(s Server) *client {
	transport := http.DefaultTransport
	if t, ok := transport.(*http.Transport); ok {
		transport = t.Clone() // with idle connections of its own
	}
	// A redirect could lead the frames of an unreleased title, and the token, elsewhere.
	return &client{s, &http.Client{Transport: transport, Timeout: s.Timeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

type request struct {
	Inputs  []tensor    `json:"inputs"`
	Outputs []requested `json:"outputs"`
}

type requested struct {
	Name string `json:"name"`
}

type response struct {
	Outputs []struct {
		Name     string          `json:"name"`
		Shape    []int           `json:"shape"`
		Datatype string          `json:"datatype"`
		Data     json.RawMessage `json:"data"`
	} `json:"outputs"`
	Error string `json:"error"`
}

// infer asks the model for the outputs of a batch of rows.
func (c *client) infer(ctx context.Context, model, version string, in tensor, rows int, outputs []string) (map[string]result, error) {
	req := request{Inputs: []tensor{in}}
	for _, name := range outputs {
		req.Outputs = append(req.Outputs, requested{name})
	}
	body, err := json.Marshal(req)
	if err != nil {
		return nil, errkind.New(errkind.Internal, "encoding a request to the model %s: %w", model, err)
	}
	path := "/v2/models/" + url.PathEscape(model)
	if version != "" {
		path += "/versions/" + url.PathEscape(version)
	}
	var answer response
	if err := c.post(ctx, path+"/infer", body, &answer); err != nil {
		return nil, fmt.Errorf("asking the model %s: %w", model, err)
	}
	out := map[string]result{}
	for _, name := range outputs {
		r, err := answer.output(name, rows)
		if err != nil {
			return nil, errkind.New(errkind.Internal, "the model %s of %s: output %q: %w", model, c.server.URL, name, err)
		}
		out[name] = r
	}
	return out, nil
}

func (c *client) post(ctx context.Context, path string, body []byte, into *response) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.server.URL+path, bytes.NewReader(body))
	if err != nil {
		return errkind.New(errkind.Invalid, "%w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	if err := c.authorise(req); err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	switch {
	case ctx.Err() != nil:
		return errkind.New(errkind.Cancelled, "%w", ctx.Err())
	case err != nil:
		return errkind.New(errkind.Unavailable, "%s does not answer: %w", c.server.URL, err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case ctx.Err() != nil:
		return errkind.New(errkind.Cancelled, "%w", ctx.Err())
	case err != nil:
		return errkind.New(errkind.Unavailable, "%s broke off: %w", c.server.URL, err)
	case len(b) > maxAnswer:
		return errkind.New(errkind.Internal, "%s answers more than %d bytes", c.server.URL, maxAnswer)
	}
	decodeErr := json.Unmarshal(b, into)
	if resp.StatusCode != http.StatusOK {
		why := into.Error
		if why == "" {
			why = strings.ToValidUTF8(string(b[:min(len(b), 200)]), "�")
		}
		return errkind.New(kindOf(resp.StatusCode), "%s answers %d: %.300s", c.server.URL, resp.StatusCode, why)
	}
	if decodeErr != nil {
		return errkind.New(errkind.Internal, "%s answers something else than the JSON of the protocol: %w", c.server.URL, decodeErr)
	}
	return nil
}

// authorise adds the token. The file is read for each request, so that a renewed token counts.
func (c *client) authorise(req *http.Request) error {
	if c.server.TokenFile == "" {
		return nil
	}
	f, err := os.Open(c.server.TokenFile)
	if err != nil {
		return errkind.New(errkind.Unavailable, "server.token_file: %w", err)
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, maxToken))
	token := strings.TrimSpace(string(b))
	if err != nil || token == "" || strings.ContainsAny(token, "\r\n") {
		return errkind.New(errkind.Unavailable, "server.token_file: %s holds no token of one line", c.server.TokenFile)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	return nil
}

// kindOf returns the kind of error of a status.
func kindOf(status int) errkind.Kind {
	switch status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return errkind.Invalid
	case http.StatusNotFound:
		return errkind.NotFound
	case http.StatusUnauthorized, http.StatusForbidden:
		return errkind.Denied
	case http.StatusTooManyRequests:
		return errkind.Exhausted
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return errkind.Unavailable
	}
	return errkind.Internal
}

// output reads an output tensor of so many rows. The values may be nested or flat: the protocol allows both.
func (r *response) output(name string, rows int) (result, error) {
	for _, o := range r.Outputs {
		if o.Name != name {
			continue
		}
		if o.Datatype == texts {
			return textRows(o.Data, rows)
		}
		return numberRows(o.Data, rows, strings.HasPrefix(o.Datatype, "INT") || strings.HasPrefix(o.Datatype, "UINT"))
	}
	var names []string
	for _, o := range r.Outputs {
		names = append(names, fmt.Sprintf("%.40q", o.Name))
	}
	return result{}, fmt.Errorf("it is not in the answer, which has %s", strings.Join(names[:min(len(names), 20)], ", "))
}

// textRows reads texts.
func textRows(data json.RawMessage, rows int) (result, error) {
	var all []string
	err := eachValue(data, func(v any) error {
		s, ok := v.(string)
		if !ok {
			return errors.New("a value is no text")
		}
		all = append(all, s)
		return nil
	})
	if err != nil {
		return result{}, err
	}
	lists, err := divided(all, rows)
	return result{texts: lists}, err
}

func numberRows(data json.RawMessage, rows int, whole bool) (result, error) {
	var all []float64
	err := eachValue(data, func(v any) error {
		switch n := v.(type) {
		case float64:
			if math.IsInf(n, 0) || math.IsNaN(n) {
				return errors.New("a value is not finite")
			}
			all = append(all, n)
		case bool:
			if n {
				all = append(all, 1)
			} else {
				all = append(all, 0)
			}
		default:
			return errors.New("a value is no number")
		}
		return nil
	})
	if err != nil {
		return result{}, err
	}
	numbers, err := divided(all, rows)
	return result{numbers: numbers, whole: whole && len(all) == rows}, err
}

// divided divides values into rows of the same length.
func divided[T any](values []T, rows int) ([][]T, error) {
	if len(values) == 0 || len(values)%rows != 0 {
		return nil, fmt.Errorf("%d values are no whole number of values for each of %d rows", len(values), rows)
	}
	return slices.Collect(slices.Chunk(values, len(values)/rows)), nil
}

// eachValue calls f with the values of an array, or of arrays in arrays, in order.
func eachValue(data json.RawMessage, f func(any) error) error {
	d := json.NewDecoder(bytes.NewReader(data))
	for depth := 0; ; {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the values: %w", err)
		}
		switch v := t.(type) {
		case json.Delim:
			if v == '{' || v == '}' {
				return errors.New("the values are no array")
			}
			if v == '[' {
				depth++
			} else {
				depth--
			}
			if depth > 8 {
				return errors.New("the values are nested more than eight deep")
			}
		default:
			if err := f(v); err != nil {
				return err
			}
		}
	}
}
