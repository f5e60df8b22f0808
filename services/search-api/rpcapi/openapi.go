package rpcapi

import (
	_ "embed"
	"net/http"
)

// openAPI describes every procedure as JSON over POST. tools/generate makes the file from the .proto files.
//
//go:embed openapi.yaml
var openAPI []byte

// registerOpenAPI serves the description to known callers.
func (s *Server) registerOpenAPI(mux *http.ServeMux) {
	s.deps.Limits.Mount(mux, s.deps.Authoriser, "GET /openapi.yaml", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/yaml")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(openAPI) // a client that left needs no answer
	}))
}
