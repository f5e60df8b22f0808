package gateway_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/query"
	"github.com/cinedex/cinedex/pkg/rpc"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
	"github.com/cinedex/cinedex/services/search-api/searchapi"
)

// vary gives a film of the library a variable rate, and returns the path of its frame table.
func vary(t *testing.T, l *apitest.Library, a *pb.Asset) string {
	t.Helper()
	table := schema.FrameTable{0}
	for n := range a.GetVideo().GetFrames() {
		table = append(table, schema.Time(n+1)*schema.Second/25)
	}
	b, err := table.Encode()
	if err != nil {
		t.Fatal(err)
	}
	ref, err := l.Blobs.Put(t.Context(), fmt.Sprintf("frames/%x", sha256.Sum256(b)), "application/octet-stream", bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	a = proto.CloneOf(a)
	a.Video.VariableRate, a.Video.FrameTable = true, ref
	if err := l.Store.PutAsset(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(l.Folder, ref.GetKey())
}

// One frame table that cannot be read costs its own asset the frames and timecodes. All is found as before, each answer that is touched names the
// asset, and whoever may not see the asset is answered as if nothing had happened.
func TestFrameTableLost(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"missing": os.Remove,
		"damaged": func(path string) error {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			b[len(b)/2] ^= 1
			return os.WriteFile(path, b, 0o600)
		},
		"empty": func(path string) error { return os.Truncate(path, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			l := apitest.New(t)
			asset := l.Add(harbour())
			l.Add(mountain("mountain"))
			path := vary(t, l, asset)
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var logs bytes.Buffer
			metrics := prometheus.NewRegistry()
			serve := func() *searchapi.Service {
				return l.Serve(nil, func(_ *gateway.Config, d *searchapi.Deps) {
					d.Log, d.Registerer = slog.New(slog.NewTextHandler(&logs, nil)), prometheus.NewRegistry()
					metrics = d.Registerer.(*prometheus.Registry)
				}).Service
			}
			climber := authz.NewCaller("climber", []string{"mountain"})
			search := func(s *searchapi.Service, c *authz.Caller) *pb.SearchResponse {
				t.Helper()
				r, err := s.Gateway.Search(t.Context(), c, line("coffee"))
				if err != nil {
					t.Fatal(err)
				}
				r.TookMs = 0
				return r
			}
			status := func(s *searchapi.Service, c *authz.Caller) *pb.GetStatusResponse {
				t.Helper()
				r, err := s.RPC.GetStatus(rpc.WithCaller(t.Context(), c), connect.NewRequest(&pb.GetStatusRequest{}))
				if err != nil {
					t.Fatal(err)
				}
				return r.Msg
			}
			likeFrame := &pb.SearchRequest{Query: query.Leaf(&pb.Leaf{Kind: "like_frame", Asset: asset.GetId(), Timecode: "01:00:15:00"})}
			s := serve()
			before, seen, told := search(s, everybody), search(s, climber), status(s, climber)
			if len(before.GetPartial()) > 0 || len(before.GetHits()) < 2 {
				t.Fatalf("before: %v", before)
			}

			if err := damage(path); err != nil {
				t.Fatal(err)
			}
			s = serve() // a gateway that has not read the table
			if got := search(s, climber); !proto.Equal(got, seen) {
				t.Errorf("a caller who may not see the asset: %v, before %v", got, seen)
			}
			if got := status(s, climber); !proto.Equal(got, told) {
				t.Errorf("status for a caller who may not see the asset: %v, before %v", got, told)
			}
			after := search(s, everybody)
			if len(after.GetPartial()) != 1 || after.GetPartial()[0].GetPart() != "frames" || !strings.Contains(after.GetPartial()[0].GetError(), asset.GetId()) || strings.Contains(after.String(), l.Folder) {
				t.Errorf("the answer names %v", after.GetPartial())
			}
			want := proto.CloneOf(before)
			want.Partial = after.GetPartial()
			for _, h := range want.GetHits() {
				if h.GetAsset() == asset.GetId() {
					h.StartFrame, h.EndFrame, h.StartTimecode, h.EndTimecode = 0, 0, "", ""
				}
			}
			if !proto.Equal(after, want) {
				t.Errorf("got %v\nwant %v", after, want)
			}
			// An answer without the asset is whole.
			if r := ask(t, s.Gateway, line("coffee title:mountain")); len(r.GetPartial()) > 0 || len(r.GetHits()) == 0 || r.GetHits()[0].GetEndTimecode() == "" {
				t.Errorf("an answer without the asset: %v", r)
			}
			if _, err := s.Gateway.Search(t.Context(), everybody, likeFrame); errkind.Of(err) != errkind.Unavailable || !strings.Contains(err.Error(), "frame table") {
				t.Errorf("like_frame: %v", err)
			}
			if _, err := s.Gateway.Search(t.Context(), climber, likeFrame); errkind.Of(err) != errkind.NotFound {
				t.Errorf("like_frame of a hidden asset: %v", err)
			}
			for _, st := range status(s, everybody).GetAssets() {
				if lost := strings.Contains(st.GetBytes(), "its frame table"); lost != (st.GetAsset() == asset.GetId()) {
					t.Errorf("status of %s: %q", st.GetTitle(), st.GetBytes())
				}
			}
			if n := without(t, metrics); n != 1 {
				t.Errorf("the gauge says %g", n)
			}
			s.Gateway.Later(time.Minute)
			search(s, everybody) // read again, and not told again
			if n := strings.Count(logs.String(), "level=ERROR"); n != 1 {
				t.Errorf("the log tells of it %d times:\n%s", n, logs.String())
			}

			if err := os.WriteFile(path, whole, 0o600); err != nil {
				t.Fatal(err)
			}
			s.Gateway.Later(time.Minute)
			if got := search(s, everybody); !proto.Equal(got, before) {
				t.Errorf("restored: %v\nwant %v", got, before)
			}
			if _, err := s.Gateway.Search(t.Context(), everybody, likeFrame); errkind.Of(err) == errkind.Unavailable && strings.Contains(err.Error(), "frame table") {
				t.Errorf("like_frame, restored: %v", err)
			}
			if n := without(t, metrics); n != 0 {
				t.Errorf("restored, the gauge says %g", n)
			}
		})
	}
}

// A bucket that does not answer is not asked at each search, and its assets are answered.
func TestFrameTableUnanswered(t *testing.T) {
	l := apitest.New(t)
	for _, title := range []string{"one", "two", "three"} {
		vary(t, l, l.Add(mountain(title)))
	}
	asked := 0
	g := openWith(t, l, gateway.Default(), func(d *gateway.Deps) {
		d.Blob = func(context.Context, *pb.MediaRef) ([]byte, error) {
			asked++
			return nil, errkind.New(errkind.Unavailable, "no answer from /a/secret/place")
		}
	})
	for range 3 {
		if r := ask(t, g, line("coffee")); len(r.GetHits()) != 3 || len(r.GetPartial()) != 3 || strings.Contains(r.String(), "secret") {
			t.Errorf("%v", r)
		}
	}
	if asked != 3 {
		t.Errorf("the bucket was asked %d times for three tables", asked)
	}
	g.Later(time.Minute)
	if ask(t, g, line("coffee")); asked != 6 {
		t.Errorf("a minute later the bucket was asked %d times in all", asked)
	}
}

func without(t *testing.T, metrics *prometheus.Registry) float64 {
	t.Helper()
	families, err := metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "cinedex_assets_without_frames" {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatal("there is no gauge cinedex_assets_without_frames")
	return 0
}

// A player places the frames of a variable rate by their lengths. An even rate needs none, and a table that cannot be read is told.
func TestFrameLengths(t *testing.T) {
	l := apitest.New(t)
	even := l.Add(harbour())
	varied := l.Add(mountain("mountain"))
	path := vary(t, l, varied)
	s := l.Serve(nil).Service
	ask := func(c *authz.Caller, a *pb.Asset, frames bool) ([]int64, error) {
		r, err := s.RPC.GetAsset(rpc.WithCaller(t.Context(), c), connect.NewRequest(&pb.GetAssetRequest{Asset: a.GetId(), Frames: frames}))
		if err != nil {
			return nil, err
		}
		if r.Msg.GetAsset().GetVideo().GetFrameTable() != nil && c != everybody {
			t.Errorf("%s sees the place of the frame table", c.Name())
		}
		return r.Msg.GetFrameLengths(), nil
	}
	climber := authz.NewCaller("climber", []string{"mountain"})
	got, err := ask(climber, varied, true)
	if err != nil || int64(len(got)) != varied.GetVideo().GetFrames() || got[0] != int64(schema.Second/25) {
		t.Errorf("a variable rate: %d lengths of %d frames, %v", len(got), varied.GetVideo().GetFrames(), err)
	}
	for name, r := range map[string]struct {
		asset  *pb.Asset
		frames bool
	}{"an even rate": {even, true}, "not asked for": {varied, false}} {
		if got, err := ask(everybody, r.asset, r.frames); err != nil || got != nil {
			t.Errorf("%s: %d lengths, %v", name, len(got), err)
		}
	}
	if _, err := ask(climber, even, true); errkind.Of(err) != errkind.NotFound {
		t.Errorf("a hidden asset: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	s = l.Serve(nil).Service
	if _, err := ask(climber, varied, true); errkind.Of(err) != errkind.Unavailable || !strings.Contains(err.Error(), "restore it") || strings.Contains(err.Error(), l.Folder) {
		t.Errorf("a lost table: %v", err)
	}
}
