package graphqlapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/99designs/gqlgen/graphql/handler/transport"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/cinedex/cinedex/pkg/audit"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/rpc"
	"github.com/cinedex/cinedex/pkg/schema"
	"github.com/cinedex/cinedex/services/search-api/rpcapi"
)

// Deps are the dependencies of the handlers.
type Deps struct {
	// RPC answers: over GraphQL as over everything else.
	RPC        *rpcapi.Server
	Authoriser authz.Authoriser
	// Limits hold callers to their share; nil limits nobody.
	Limits *rpc.Limits
	Log    *slog.Logger
}

// keepAlive is the time between two signs of life to a client that waits for events.
const keepAlive = 20 * time.Second

// Register puts GraphQL and the explorer onto mux.
func Register(mux *http.ServeMux, deps Deps) error {
	a := api{deps}
	executable, documents := NewExecutableSchema(Config{Resolvers: resolvers{deps.RPC}, Complexity: complexity()}), newDocuments()
	server := func(suggests bool) http.Handler {
		server := handler.New(executable)
		// Documents are parsed anew each time: parsing takes microseconds, and a cache would keep pictures in base64.
		server.AddTransport(transport.SSE{KeepAlivePingInterval: keepAlive}) // subscriptions
		server.AddTransport(transport.POST{})
		server.Use(extension.AutomaticPersistedQuery{Cache: documents})
		server.Use(extension.Introspection{}) // nobody gets here without a token
		server.SetErrorPresenter(a.present)
		server.SetRecoverFunc(func(_ context.Context, v any) error {
			return failure{errkind.New(errkind.Internal, "panic: %v", v)}
		})
		server.SetDisableSuggestion(!suggests)
		restrain(server)
		return server
	}
	mux.Handle("POST /graphql", deps.Limits.Authenticate(deps.Authoriser, a.bounded(server(true), server(false)), func(w http.ResponseWriter, _ *http.Request, err error) {
		a.refuse(w, errkind.Of(err).HTTPStatus(), err)
	}))
	return registerExplorer(mux, deps.Authoriser)
}

type api struct{ Deps }

// mostAnnounced is the memory that an announced size alone gets, before the bytes arrive.
const mostAnnounced = 2 << 20

// bounded passes on a readable request of an allowed size: to suggesting if the request has a document of MaxSuggesting bytes at most, or else to plain.
func (a api) bounded(suggesting, plain http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		// Another site's page can make a browser send a form or plain text without asking first, but not JSON.
		if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/json" {
			a.refuse(w, http.StatusUnsupportedMediaType, errkind.New(errkind.Invalid, "Content-Type: want application/json"))
			return
		}
		// A buffer of the announced size spares the copies of a growing buffer, a third of the time that a refusal takes.
		body := bytes.NewBuffer(make([]byte, 0, max(0, min(r.ContentLength, mostAnnounced))+bytes.MinRead))
		if _, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, rpcapi.MaxRequestBytes)); err != nil {
			if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
				a.refuse(w, http.StatusRequestEntityTooLarge, errkind.New(errkind.Invalid, "the request has more than the %d bytes allowed", large.Limit))
				return
			}
			if kind := errkind.Of(err); kind == errkind.Exhausted {
				a.refuse(w, kind.HTTPStatus(), fmt.Errorf("reading the request: %w", err))
				return
			}
			a.refuse(w, http.StatusBadRequest, errkind.New(errkind.Invalid, "reading the request: %w", err))
			return
		}
		document, err := readable(body.Bytes())
		if err != nil {
			a.refuse(w, http.StatusBadRequest, err)
			return
		}
		r.Body = io.NopCloser(body)
		if 0 < len(document) && len(document) <= MaxSuggesting {
			suggesting.ServeHTTP(w, r)
		} else {
			plain.ServeHTTP(w, r)
		}
	})
}

// readable returns the document of a request, and the fault of a request that is not JSON: gqlgen would repeat the whole request.
func readable(body []byte) (longText, error) {
	var request struct {
		Query         longText
		OperationName string
		Variables     map[string]any
		Extensions    map[string]any
	}
	if err := schema.CheckJSON(body); err != nil {
		return "", err
	}
	err := json.Unmarshal(body, &request)
	switch {
	case errors.Is(err, errLongText):
		return "", errkind.New(errkind.Invalid, "query: more than the %d bytes allowed; put pictures and long texts into variables", MaxDocument)
	case err != nil:
		return "", errkind.New(errkind.Invalid, `want a single JSON object {"query": "…", "variables": {…}}: %w`, err)
	case request.Query == "" && request.Extensions["persistedQuery"] == nil:
		return "", errkind.New(errkind.Invalid, "query: give a GraphQL document")
	case len(hashOf(request.Extensions)) > MaxHash:
		return "", errkind.New(errkind.Invalid, "extensions.persistedQuery.sha256Hash: want the SHA-256 of the document, %d digits", MaxHash)
	}
	return request.Query, nil
}

var errLongText = errors.New("a text too long for a document")

// longText is a string of MaxDocument bytes at most. A longer string is refused before the string is decoded where its JSON alone shows the length.
type longText string

func (l *longText) UnmarshalJSON(b []byte) error {
	const mostOfOne = len(`\u0041`) // the longest JSON of a byte
	if len(b) > MaxDocument*mostOfOne+len(`""`) {
		return errLongText
	}
	if err := json.Unmarshal(b, (*string)(l)); err != nil {
		return err
	}
	if len(*l) > MaxDocument {
		return errLongText
	}
	return nil
}

// hashOf is the hash of a persisted query.
func hashOf(extensions map[string]any) string {
	persisted, _ := extensions["persistedQuery"].(map[string]any)
	hash, _ := persisted["sha256Hash"].(string)
	return hash
}

// refuse answers a request that does not reach GraphQL, in GraphQL's form.
func (a api) refuse(w http.ResponseWriter, status int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(graphql.Response{Errors: gqlerror.List{a.told(&gqlerror.Error{Err: failure{err}})}})
}

// failure marks an error of a resolver: every other error is the request's fault.
type failure struct{ error }

func (f failure) Unwrap() error { return f.error }

// present gives an error its place and its kind.
func (a api) present(ctx context.Context, err error) *gqlerror.Error {
	e := graphql.DefaultErrorPresenter(ctx, err)
	if f := (failure{}); errors.As(err, &f) {
		audit.From(ctx).End(f.error)
	} else {
		audit.From(ctx).End(errkind.New(errkind.Invalid, "%w", err))
	}
	if field := graphql.GetFieldContext(ctx); field != nil && field.Field.Field != nil && e.Locations == nil && field.Field.Position != nil {
		e.Locations = []gqlerror.Location{{Line: field.Field.Position.Line, Column: field.Field.Position.Column}}
	}
	return a.told(e)
}

// notPersisted is the code by which clients know that they must send a document once more.
const notPersisted = "PERSISTED_QUERY_NOT_FOUND"

// told gives an error the kind, the place, and the words meant for the caller.
func (a api) told(e *gqlerror.Error) *gqlerror.Error {
	kind := errkind.Invalid
	if e.Extensions == nil {
		e.Extensions = map[string]any{}
	}
	if f := (failure{}); errors.As(e.Err, &f) {
		kind, e.Message = rpc.Tell(a.Log, f.error)
		if kind == errkind.Invalid {
			locate(e.Extensions, rpc.PlaceOf(f.error))
		}
	}
	if e.Extensions["code"] != notPersisted {
		e.Extensions["code"] = kind.String()
	}
	if after, ok := errkind.RetryAfter(e.Err); ok {
		e.Extensions["retryAfter"] = after.Seconds()
	}
	return e
}

// locate adds the place of an error in the request, where the error is about a place.
func locate(extensions map[string]any, place rpc.Place) {
	if place.Field != "" {
		extensions["field"] = place.Field
	}
	if place.Column != "" {
		extensions["column"] = place.Column
	}
}
