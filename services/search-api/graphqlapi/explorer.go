package graphqlapi

import (
	"embed"
	"fmt"
	"io/fs"
	"net/http"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/rpc"
)

//go:embed graphiql
var explorer embed.FS

// registerExplorer puts GraphiQL onto mux. A caller without a token is redirected to the page that asks for a token.
func registerExplorer(mux *http.ServeMux, a authz.Authoriser) error {
	files, err := fs.Sub(explorer, "graphiql")
	if err != nil {
		return fmt.Errorf("reading GraphiQL: %w", err)
	}
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		http.ServeFileFS(w, r, files, "index.html")
	})
	mux.Handle("GET /graphiql", contained(rpc.Authenticate(a, page, func(w http.ResponseWriter, r *http.Request, _ error) {
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})))
	mux.Handle("GET /graphiql/", contained(http.StripPrefix("/graphiql/", http.FileServerFS(files))))
	return nil
}

// contained confines the explorer to this service, like the page at /. The explorer's editor sets styles at run time,
// and the explorer's style sheet holds the typefaces.
func contained(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self' data:; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		h.ServeHTTP(w, r)
	})
}
