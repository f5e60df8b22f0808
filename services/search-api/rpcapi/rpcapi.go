// Package rpcapi serves the search API over gRPC, gRPC-Web and JSON from a single ConnectRPC handler, with health and
// reflection beside the handler.
//
// Package rpc recognises the caller, and the gateway decides which titles the caller may see.
package rpcapi

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"slices"

	"connectrpc.com/connect"
	"golang.org/x/sync/errgroup"

	"github.com/cinedex/cinedex/pkg/audit"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/rpc"
	"github.com/cinedex/cinedex/pkg/runs"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/services/search-api/gateway"
)

// MaxRequestBytes bounds a request: a picture in base64, and a query.
const MaxRequestBytes = 12 << 20

// maxSavedRequestBytes bounds a request of SavedSearchService: a saved search, or a token.
const maxSavedRequestBytes = 512 << 10

// maxBinRequestBytes bounds a request of BinService: edits of 200 clips with notes.
const maxBinRequestBytes = 2 << 20

// Deps are the dependencies of the handlers.
type Deps struct {
	Gateway    *gateway.Gateway
	Authoriser authz.Authoriser
	// Limits hold callers to their share; nil limits nobody.
	Limits *rpc.Limits
	Runs   store.Runs
	// Leases tell which runs are executed, and Running how far the executions of this process are. Running may be nil.
	Leases  store.Leases
	Running *runs.Board
	// Catalog has the algorithms whose runs an asset is to get.
	Catalog *catalog.Catalog
	// Look returns the fault of an asset's bytes, without reading the bytes; "" for bytes without a fault.
	Look func(context.Context, *pb.Asset) string
	// Films gives exports pictures and films; nil for a server without films.
	Films Films
	Log   *slog.Logger
}

// Services are the names of the services that Register puts onto a mux.
var Services = []string{cinedexv1connect.SearchServiceName, cinedexv1connect.SavedSearchServiceName, cinedexv1connect.RecommendServiceName, cinedexv1connect.JudgementServiceName,
	cinedexv1connect.ExportServiceName, cinedexv1connect.ImportServiceName, cinedexv1connect.BinServiceName, cinedexv1connect.LibraryServiceName, cinedexv1connect.ProxyServiceName}

// Server implements SearchService, SavedSearchService, RecommendService, JudgementService, ExportService, ImportService, BinService, LibraryService and
// ProxyService. GraphQL asks the Server, too.
type Server struct{ deps Deps }

// New makes the server. Invalid: deps have no authoriser, without which nobody is answered.
func New(deps Deps) (*Server, error) {
	if deps.Authoriser == nil {
		return nil, errkind.New(errkind.Invalid, "search-api needs an authoriser: without one nothing is answered")
	}
	return &Server{deps}, nil
}

// Register puts the service, health and reflection onto mux.
func (s *Server) Register(mux *http.ServeMux) {
	path, h := cinedexv1connect.NewSearchServiceHandler(s, rpc.Options(MaxRequestBytes, rpc.Logged(s.deps.Log))...)
	s.deps.Limits.Mount(mux, s.deps.Authoriser, path, h)
	path, h = cinedexv1connect.NewRecommendServiceHandler(s, rpc.Options(MaxRequestBytes, rpc.Logged(s.deps.Log))...)
	s.deps.Limits.Mount(mux, s.deps.Authoriser, path, h)
	path, h = cinedexv1connect.NewSavedSearchServiceHandler(s, rpc.Options(maxSavedRequestBytes, rpc.Logged(s.deps.Log))...)
	s.deps.Limits.Mount(mux, s.deps.Authoriser, path, h)
	path, h = cinedexv1connect.NewJudgementServiceHandler(s, rpc.Options(maxSavedRequestBytes, rpc.Logged(s.deps.Log))...)
	s.deps.Limits.Mount(mux, s.deps.Authoriser, path, h)
	path, h = cinedexv1connect.NewExportServiceHandler(s, rpc.Options(MaxRequestBytes, rpc.Logged(s.deps.Log))...)
	s.deps.Limits.Mount(mux, s.deps.Authoriser, path, h)
	path, h = cinedexv1connect.NewImportServiceHandler(s, rpc.Options(maxSavedRequestBytes*2, rpc.Logged(s.deps.Log))...)
	s.deps.Limits.Mount(mux, s.deps.Authoriser, path, h)
	path, h = cinedexv1connect.NewBinServiceHandler(s, rpc.Options(maxBinRequestBytes, rpc.Logged(s.deps.Log))...)
	s.deps.Limits.Mount(mux, s.deps.Authoriser, path, h)
	path, h = cinedexv1connect.NewLibraryServiceHandler(s, rpc.Options(maxSavedRequestBytes, rpc.Logged(s.deps.Log))...)
	s.deps.Limits.Mount(mux, s.deps.Authoriser, path, h)
	mux.Handle("GET /exports", s.deps.Limits.Authenticate(s.deps.Authoriser, http.HandlerFunc(s.download), s.refuse))
	path, h = cinedexv1connect.NewProxyServiceHandler(s, rpc.Options(maxSavedRequestBytes, rpc.Logged(s.deps.Log))...)
	s.deps.Limits.Mount(mux, s.deps.Authoriser, path, h)
	s.registerOpenAPI(mux)
	rpc.Describe(mux, s.deps.Gateway.Ready, Services...)
}

// Search answers a query.
func (s *Server) Search(ctx context.Context, req *connect.Request[pb.SearchRequest]) (*connect.Response[pb.SearchResponse], error) {
	return rpc.Respond(s.deps.Gateway.Search(ctx, rpc.CallerFrom(ctx), req.Msg))
}

// Suggest answers somebody who types.
func (s *Server) Suggest(ctx context.Context, req *connect.Request[pb.SuggestRequest]) (*connect.Response[pb.SuggestResponse], error) {
	return rpc.Respond(s.deps.Gateway.Suggest(ctx, rpc.CallerFrom(ctx), req.Msg))
}

// Parse takes a line of the query language apart.
func (s *Server) Parse(ctx context.Context, req *connect.Request[pb.ParseRequest]) (*connect.Response[pb.ParseResponse], error) {
	return rpc.Respond(s.deps.Gateway.Parse(ctx, rpc.CallerFrom(ctx), req.Msg))
}

// SearchBatch answers several queries, each by itself.
func (s *Server) SearchBatch(ctx context.Context, req *connect.Request[pb.SearchBatchRequest]) (*connect.Response[pb.SearchBatchResponse], error) {
	return rpc.Respond(s.deps.Gateway.SearchBatch(ctx, rpc.CallerFrom(ctx), req.Msg, func(err error) *pb.Refusal {
		kind, text := rpc.Tell(s.deps.Log, err)
		after, _ := errkind.RetryAfter(err)
		return &pb.Refusal{Kind: kind.String(), Error: text, RetryAfterMs: after.Milliseconds()}
	}))
}

// CompareVersions tells how the answers to judged queries change with a version.
func (s *Server) CompareVersions(ctx context.Context, req *connect.Request[pb.CompareVersionsRequest]) (*connect.Response[pb.CompareVersionsResponse], error) {
	return rpc.Respond(s.deps.Gateway.Compare(ctx, rpc.CallerFrom(ctx), req.Msg))
}

// MaxPage bounds the items of a page.
const MaxPage = 500

// pageSize returns how many items a page has.
func pageSize(limit int32) (int, error) {
	switch {
	case limit < 0 || limit > MaxPage:
		return 0, errkind.New(errkind.Invalid, "limit: must be from 1 to %d", MaxPage)
	case limit == 0:
		return 100, nil
	}
	return int(limit), nil
}

// ListTitles returns the titles that the caller may see.
func (s *Server) ListTitles(ctx context.Context, req *connect.Request[pb.ListTitlesRequest]) (*connect.Response[pb.ListTitlesResponse], error) {
	return rpc.Respond(s.listTitles(ctx, req.Msg))
}

func (s *Server) listTitles(ctx context.Context, req *pb.ListTitlesRequest) (*pb.ListTitlesResponse, error) {
	limit, err := pageSize(req.GetLimit())
	if err != nil {
		return nil, err
	}
	behind := gateway.Place{}
	if req.GetCursor() != "" {
		if behind.Title, err = decodeTitle(req.GetCursor()); err != nil {
			return nil, err
		}
		behind.Asset = afterAll
	}
	caller, resp := rpc.CallerFrom(ctx), &pb.ListTitlesResponse{}
	err = s.deps.Gateway.List(ctx, caller, nil, behind, func(l gateway.Listed) bool {
		a, n := shownAsset(caller, l.Asset), len(resp.Titles)
		if n > 0 && resp.Titles[n-1].GetTitle().GetId() == a.GetTitle().GetId() {
			resp.Titles[n-1].Assets = append(resp.Titles[n-1].Assets, a)
			return true
		}
		if n == limit {
			resp.Cursor = encodeTitle(resp.Titles[n-1].GetTitle().GetId())
			return false
		}
		resp.Titles = append(resp.Titles, &pb.TitleEntry{Title: a.GetTitle(), Assets: []*pb.Asset{a}})
		return true
	})
	if err != nil {
		return nil, err
	}
	for _, t := range resp.GetTitles() {
		audit.From(ctx).Told(len(t.GetAssets()), t.GetTitle().GetId())
	}
	return resp, nil
}

// afterAll is behind the id of every asset.
const afterAll = "\U0010ffff"

// A cursor of titles is the last title of its page.
func encodeTitle(title string) string {
	return base64.RawURLEncoding.EncodeToString([]byte("t" + title))
}

func decodeTitle(cursor string) (string, error) {
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(b) < 2 || b[0] != 't' {
		return "", errkind.New(errkind.Invalid, "cursor: not one that was given out")
	}
	return string(b[1:]), nil
}

// GetAsset returns an asset and the active run of each algorithm, and, if asked, the frames of a variable rate.
func (s *Server) GetAsset(ctx context.Context, req *connect.Request[pb.GetAssetRequest]) (*connect.Response[pb.GetAssetResponse], error) {
	caller := rpc.CallerFrom(ctx)
	a, active, err := s.deps.Gateway.Asset(ctx, caller, req.Msg.GetAsset())
	if err != nil {
		return nil, err
	}
	answer := &pb.GetAssetResponse{Asset: shownAsset(caller, a), Active: active}
	if req.Msg.GetFrames() {
		if answer.FrameLengths, err = s.deps.Gateway.FrameLengths(ctx, caller, a.GetId()); err != nil {
			return nil, err
		}
	}
	return connect.NewResponse(answer), nil
}

// ListAnnotations returns the annotations of an asset by the active runs.
func (s *Server) ListAnnotations(ctx context.Context, req *connect.Request[pb.ListAnnotationsRequest]) (*connect.Response[pb.ListAnnotationsResponse], error) {
	m := req.Msg
	if m.GetStart() < 0 || m.GetEnd() < 0 || m.GetEnd() > 0 && m.GetEnd() <= m.GetStart() {
		return nil, errkind.New(errkind.Invalid, "start, end: want 0 <= start < end, in flicks; an end of 0 is none")
	}
	span := schema.Interval{Start: schema.Time(m.GetStart()), End: schema.Time(m.GetEnd())}
	if span.Start > 0 && span.End == 0 {
		span.End = 1<<63 - 1
	}
	limit, err := pageSize(m.GetLimit())
	if err != nil {
		return nil, err
	}
	page, next, err := s.deps.Gateway.Annotations(ctx, rpc.CallerFrom(ctx), m.GetAsset(), m.GetKinds(), span, m.GetCursor(), limit)
	if err != nil {
		return nil, err
	}
	shown := make([]*pb.Annotation, 0, len(page))
	for _, a := range page {
		shown = append(shown, shownAnnotation(rpc.CallerFrom(ctx), a))
	}
	return connect.NewResponse(&pb.ListAnnotationsResponse{Annotations: shown, Cursor: next}), nil
}

// GetStatus tells how far the assets of a page are.
func (s *Server) GetStatus(ctx context.Context, req *connect.Request[pb.GetStatusRequest]) (*connect.Response[pb.GetStatusResponse], error) {
	return rpc.Respond(s.getStatus(ctx, req.Msg))
}

func (s *Server) getStatus(ctx context.Context, req *pb.GetStatusRequest) (*pb.GetStatusResponse, error) {
	limit, err := pageSize(req.GetLimit())
	if err != nil {
		return nil, err
	}
	caller, behind := rpc.CallerFrom(ctx), gateway.Place{}
	if req.GetCursor() != "" { // the last asset of the page before
		if behind, err = s.deps.Gateway.PlaceOf(ctx, caller, req.GetCursor()); errkind.Is(err, errkind.NotFound) {
			return nil, errkind.New(errkind.Invalid, "cursor: not one that was given out, or its asset is gone; begin with the first page")
		}
		if err != nil {
			return nil, err
		}
	}
	var page []gateway.Listed
	more := false
	err = s.deps.Gateway.List(ctx, caller, req.GetTitles(), behind, func(l gateway.Listed) bool {
		if more = len(page) == limit; !more {
			page = append(page, l)
		}
		return !more
	})
	if err != nil {
		return nil, err
	}
	resp := &pb.GetStatusResponse{}
	resp.Assets, err = sideBySide(ctx, page, func(ctx context.Context, _ int, l gateway.Listed) (*pb.AssetStatus, error) {
		return s.statusOf(ctx, caller, l)
	})
	if err != nil {
		return nil, err
	}
	for _, status := range resp.Assets {
		audit.From(ctx).Told(1, status.GetTitle())
	}
	if more {
		resp.Cursor = page[len(page)-1].Asset.GetId()
	}
	return resp, nil
}

// assetsAtOnce is how many assets of a page are read at once. A store across a network answers each asset in milliseconds.
const assetsAtOnce = 8

// sideBySide reads the assets of a page side by side, and returns what was read in the order of the page. The first error ends the reading.
func sideBySide[T any](ctx context.Context, page []gateway.Listed, read func(ctx context.Context, i int, l gateway.Listed) (T, error)) ([]T, error) {
	all := make([]T, len(page))
	reading, ctx := errgroup.WithContext(ctx)
	reading.SetLimit(assetsAtOnce)
	for i, l := range page {
		reading.Go(func() (err error) {
			all[i], err = read(ctx, i, l)
			return err
		})
	}
	if err := reading.Wait(); err != nil {
		return nil, err
	}
	return all, nil
}

// statusOf tells how far an asset is.
func (s *Server) statusOf(ctx context.Context, caller *authz.Caller, l gateway.Listed) (*pb.AssetStatus, error) {
	a := l.Asset
	recorded, err := s.deps.Runs.RunsOf(ctx, a.GetId())
	if err != nil {
		return nil, fmt.Errorf("reading the runs of %s: %w", a.GetId(), err)
	}
	view := s.deps.Catalog.View()
	planned, err := view.Plan().Runs(a)
	if err != nil {
		return nil, fmt.Errorf("planning the runs of %s: %w", a.GetId(), err)
	}
	for _, p := range planned {
		if !slices.ContainsFunc(recorded, func(r *pb.Run) bool { return r.GetId() == p.GetId() }) {
			p.State = pb.RunState_RUN_STATE_UNSPECIFIED // the run waits for its inputs
			recorded = append(recorded, p)
		}
	}
	for i, r := range recorded {
		r.Waits = waits(view, r)
		recorded[i] = shownRun(caller, r)
	}
	slices.SortFunc(recorded, func(x, y *pb.Run) int { return cmp.Compare(x.GetAlgorithm(), y.GetAlgorithm()) })
	return &pb.AssetStatus{
		Asset: a.GetId(), Title: a.GetTitle().GetId(), TitleName: a.GetTitle().GetName(), Runs: recorded, Active: l.Active,
		Bytes: both(s.deps.Look(ctx, a), l.FramesLost), Text: textRemarks(shownAsset(caller, a)), Pictures: picturesRemark(a.GetVideo()),
	}, nil
}

// waits returns the reason for which a run waits beyond its turn; "" for every other run.
func waits(v *catalog.View, r *pb.Run) string {
	id := r.GetAlgorithm() + "@" + r.GetVersion()
	if r.GetState() > pb.RunState_RUN_STATE_REQUESTED {
		return ""
	}
	if e := v.Entry(id); e == nil || !e.Waits {
		return ""
	}
	return "no runner serves " + id
}

// both joins the fault of an asset's bytes and the fault of the asset's frame table.
func both(bytes, frames string) string {
	if bytes == "" || frames == "" {
		return bytes + frames
	}
	return bytes + "; " + frames
}
