// Package rpcapi serves the search API over gRPC, gRPC-Web and JSON, all three from
// one ConnectRPC handler, with health and reflection beside it.
//
// Package rpc says who is asking; the gateway what they may see.
package rpcapi

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"

	"connectrpc.com/connect"

	"github.com/cinedex/cinedex/pkg/audit"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/rpc"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/services/search-api/gateway"
)

// MaxRequestBytes bounds one request: a picture in base64, and a query beside it.
const MaxRequestBytes = 12 << 20

// Deps is what the handlers stand on.
type Deps struct {
	Gateway    *gateway.Gateway
	Authoriser authz.Authoriser
	// Limits hold callers to their share; nil limits nobody.
	Limits *rpc.Limits
	Runs   store.Runs
	// Planned returns the runs that an asset is to get.
	Planned func(*pb.Asset) ([]*pb.Run, error)
	// Look tells what is wrong with an asset's bytes, without reading them; "" for nothing.
	Look func(context.Context, *pb.Asset) string
	Log  *slog.Logger
}

// Server implements SearchService; GraphQL is served from it, too.
type Server struct{ deps Deps }

// New makes the server. Without an authoriser there is no answer, so none is an error.
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
	rpc.Describe(mux, s.deps.Gateway.Ready, cinedexv1connect.SearchServiceName)
}

// Search answers a query.
func (s *Server) Search(ctx context.Context, req *connect.Request[pb.SearchRequest]) (*connect.Response[pb.SearchResponse], error) {
	return rpc.Respond(s.deps.Gateway.Search(ctx, rpc.CallerFrom(ctx), req.Msg))
}

// CompareVersions tells how the answers to judged queries change with a version.
func (s *Server) CompareVersions(ctx context.Context, req *connect.Request[pb.CompareVersionsRequest]) (*connect.Response[pb.CompareVersionsResponse], error) {
	return rpc.Respond(s.deps.Gateway.Compare(ctx, rpc.CallerFrom(ctx), req.Msg))
}

// MaxPage bounds the items of one page.
const MaxPage = 500

// page cuts one page out of n items: cursors are the number of the next item.
func page(n int, cursor string, limit int32) (from, to int, next string, err error) {
	if cursor != "" {
		b, derr := base64.RawURLEncoding.DecodeString(cursor)
		if from, err = strconv.Atoi(string(b)); derr != nil || err != nil || from < 0 {
			return 0, 0, "", errkind.New(errkind.Invalid, "cursor: not one that was given out")
		}
	}
	if limit < 0 || limit > MaxPage {
		return 0, 0, "", errkind.New(errkind.Invalid, "limit: must be from 1 to %d", MaxPage)
	}
	if limit == 0 {
		limit = 100
	}
	from = min(from, n)
	to = min(from+int(limit), n)
	if to < n {
		next = base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(to)))
	}
	return from, to, next, nil
}

// ListTitles returns the titles that the caller may see.
func (s *Server) ListTitles(ctx context.Context, req *connect.Request[pb.ListTitlesRequest]) (*connect.Response[pb.ListTitlesResponse], error) {
	return rpc.Respond(s.listTitles(ctx, req.Msg))
}

func (s *Server) listTitles(ctx context.Context, req *pb.ListTitlesRequest) (*pb.ListTitlesResponse, error) {
	assets, _, err := s.deps.Gateway.Assets(ctx, rpc.CallerFrom(ctx))
	if err != nil {
		return nil, err
	}
	var titles []*pb.TitleEntry // assets come by title
	for _, a := range assets {
		a = shownAsset(rpc.CallerFrom(ctx), a)
		if n := len(titles); n > 0 && titles[n-1].GetTitle().GetId() == a.GetTitle().GetId() {
			titles[n-1].Assets = append(titles[n-1].Assets, a)
			continue
		}
		titles = append(titles, &pb.TitleEntry{Title: a.GetTitle(), Assets: []*pb.Asset{a}})
	}
	from, to, next, err := page(len(titles), req.GetCursor(), req.GetLimit())
	if err != nil {
		return nil, err
	}
	for _, t := range titles[from:to] {
		audit.From(ctx).Told(len(t.GetAssets()), t.GetTitle().GetId())
	}
	return &pb.ListTitlesResponse{Titles: titles[from:to], Cursor: next}, nil
}

// GetAsset returns an asset and which run of each algorithm is active.
func (s *Server) GetAsset(ctx context.Context, req *connect.Request[pb.GetAssetRequest]) (*connect.Response[pb.GetAssetResponse], error) {
	a, active, err := s.deps.Gateway.Asset(ctx, rpc.CallerFrom(ctx), req.Msg.GetAsset())
	return rpc.Respond(&pb.GetAssetResponse{Asset: shownAsset(rpc.CallerFrom(ctx), a), Active: active}, err)
}

// ListAnnotations returns what the active runs say of an asset.
func (s *Server) ListAnnotations(ctx context.Context, req *connect.Request[pb.ListAnnotationsRequest]) (*connect.Response[pb.ListAnnotationsResponse], error) {
	m := req.Msg
	if m.GetStart() < 0 || m.GetEnd() < 0 || m.GetEnd() > 0 && m.GetEnd() <= m.GetStart() {
		return nil, errkind.New(errkind.Invalid, "start, end: want 0 <= start < end, in flicks; an end of 0 is none")
	}
	span := schema.Interval{Start: schema.Time(m.GetStart()), End: schema.Time(m.GetEnd())}
	if span.Start > 0 && span.End == 0 {
		span.End = 1<<63 - 1
	}
	all, err := s.deps.Gateway.Annotations(ctx, rpc.CallerFrom(ctx), m.GetAsset(), m.GetKinds(), span)
	if err != nil {
		return nil, err
	}
	from, to, next, err := page(len(all), m.GetCursor(), m.GetLimit())
	if err != nil {
		return nil, err
	}
	audit.From(ctx).Told(to - from)
	shown := make([]*pb.Annotation, 0, to-from)
	for _, a := range all[from:to] {
		shown = append(shown, shownAnnotation(rpc.CallerFrom(ctx), a))
	}
	return connect.NewResponse(&pb.ListAnnotationsResponse{Annotations: shown, Cursor: next}), nil
}

// GetStatus tells how far each asset is.
func (s *Server) GetStatus(ctx context.Context, _ *connect.Request[pb.GetStatusRequest]) (*connect.Response[pb.GetStatusResponse], error) {
	assets, active, err := s.deps.Gateway.Assets(ctx, rpc.CallerFrom(ctx))
	if err != nil {
		return nil, err
	}
	lost, err := s.deps.Gateway.FramesLost(ctx, rpc.CallerFrom(ctx))
	if err != nil {
		return nil, err
	}
	resp := &pb.GetStatusResponse{}
	for _, a := range assets {
		runs, err := s.deps.Runs.RunsOf(ctx, a.GetId())
		if err != nil {
			return nil, fmt.Errorf("reading the runs of %s: %w", a.GetId(), err)
		}
		planned, err := s.deps.Planned(a)
		if err != nil {
			return nil, fmt.Errorf("planning the runs of %s: %w", a.GetId(), err)
		}
		for _, p := range planned {
			if !slices.ContainsFunc(runs, func(r *pb.Run) bool { return r.GetId() == p.GetId() }) {
				p.State = pb.RunState_RUN_STATE_UNSPECIFIED // it waits for what it reads
				runs = append(runs, p)
			}
		}
		for i, r := range runs {
			runs[i] = shownRun(rpc.CallerFrom(ctx), r)
		}
		slices.SortFunc(runs, func(x, y *pb.Run) int { return cmp.Compare(x.GetAlgorithm(), y.GetAlgorithm()) })
		audit.From(ctx).Told(1, a.GetTitle().GetId())
		resp.Assets = append(resp.Assets, &pb.AssetStatus{Asset: a.GetId(), Title: a.GetTitle().GetId(), TitleName: a.GetTitle().GetName(), Runs: runs, Active: active[a.GetId()], Bytes: both(s.deps.Look(ctx, a), lost[a.GetId()]), Text: textRemarks(shownAsset(rpc.CallerFrom(ctx), a)), Pictures: picturesRemark(a.GetVideo())})
	}
	return connect.NewResponse(resp), nil
}

// both joins what is wrong with an asset's bytes and what is wrong with its frame table.
func both(bytes, frames string) string {
	if bytes == "" || frames == "" {
		return bytes + frames
	}
	return bytes + "; " + frames
}
