package gateway_test

import (
	"fmt"
	"image"
	"image/color"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/query"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
)

// TestPicturesAtOnce asks with a dozen pictures in one query, and looks how many are in hand at a time: as many as
// processors. A picture may take the last processor (quickCost).
func TestPicturesAtOnce(t *testing.T) {
	const asked = 12
	most := min(asked, runtime.GOMAXPROCS(0))
	l := apitest.New(t)
	l.Add(harbour())
	var inHand, peak atomic.Int32
	entered, leave := make(chan struct{}), make(chan struct{})
	cfg := gateway.Default()
	cfg.Timeout = time.Minute
	cfg.PictureMemory = int64(max(most, 3)) * 16 << 20 // an encoder alone takes 16 MiB
	g, err := gateway.New(cfg, gateway.Deps{
		Store: l.Store, Engine: l.Engine, Catalog: apitest.Catalog(), Encoders: apitest.Encoders(), Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
		ImageMemory: func([]byte) (int64, error) { return 0, nil },
		Image: func([]byte) (image.Image, error) {
			n := inHand.Add(1)
			defer inHand.Add(-1)
			for p := peak.Load(); n > p && !peak.CompareAndSwap(p, n); p = peak.Load() {
			}
			entered <- struct{}{}
			<-leave
			return image.NewRGBA(image.Rect(0, 0, 8, 8)), nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	var leaves []*pb.Query
	for i := range asked {
		leaves = append(leaves, query.Leaf(&pb.Leaf{Kind: "like_image", Image: picture(color.RGBA{R: uint8(i), A: 255})}))
	}
	answered := make(chan error, 1)
	go func() {
		_, err := g.Search(t.Context(), everybody, &pb.SearchRequest{Query: query.Or(leaves...)})
		answered <- err
	}()
	for range most {
		<-entered
	}
	for range asked - most {
		leave <- struct{}{} // one goes, and the next comes
		<-entered
	}
	for range most {
		leave <- struct{}{}
	}
	if err := <-answered; err != nil {
		t.Error(err)
	}
	if p := peak.Load(); int(p) != most {
		t.Errorf("%d pictures were in hand at once, want %d", p, most)
	}
}

// TestPictureMemory: a picture that needs more than the budget is refused before it is decoded.
func TestPictureMemory(t *testing.T) {
	l := apitest.New(t)
	l.Add(harbour())
	var need int64
	g, err := gateway.New(gateway.Default(), gateway.Deps{
		Store: l.Store, Engine: l.Engine, Catalog: apitest.Catalog(), Encoders: apitest.Encoders(), Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
		ImageMemory: func([]byte) (int64, error) { return need, nil },
		Image: func([]byte) (image.Image, error) {
			if need > gateway.Default().PictureMemory {
				t.Error("the picture is decoded all the same")
			}
			return image.NewRGBA(image.Rect(0, 0, 8, 8)), nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ask := func() error {
		_, err := g.Search(t.Context(), everybody, &pb.SearchRequest{Query: query.Leaf(&pb.Leaf{Kind: "like_image", Image: picture(color.RGBA{A: 255})})})
		return err
	}
	need = 1 << 30
	if err := ask(); errkind.Of(err) != errkind.Invalid || !strings.Contains(err.Error(), "1040 MiB") {
		t.Errorf("a picture that needs a gigabyte: %v", err)
	}
	need = 1 << 20
	if err := ask(); err != nil {
		t.Errorf("a small picture after it: %v", err)
	}
}

// TestAnswersAreBounded: a page ends before its hits are too many bytes, and the cursors lead to all of them.
func TestAnswersAreBounded(t *testing.T) {
	const lines = 300
	film := apitest.Film{Title: "talk", Name: "Talk", Shots: []apitest.Shot{{Seconds: 10 * lines, Colour: apitest.Red}}}
	for i := range lines {
		film.Lines = append(film.Lines, apitest.Line{From: int64(10 * i), To: int64(10*i + 1), Language: "en", Text: fmt.Sprintf("lamp %d %s", i, strings.Repeat("word ", 1500))})
	}
	l := apitest.New(t)
	l.Add(film)
	g := open(t, l, nil, gateway.Default())
	seen, pages := map[int64]bool{}, 0
	for cursor := ""; ; pages++ {
		resp, err := g.Search(t.Context(), everybody, &pb.SearchRequest{Q: "dialogue.words:lamp", Limit: gateway.MaxLimit, Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		if n := proto.Size(resp); n > gateway.MaxResponseBytes+64<<10 {
			t.Errorf("page %d has %d bytes", pages, n)
		}
		for _, h := range resp.GetHits() {
			seen[h.GetStart()] = true
		}
		if cursor = resp.GetCursor(); cursor == "" {
			break
		}
	}
	if len(seen) != lines || pages < 2 {
		t.Errorf("%d of %d hits on %d pages", len(seen), lines, pages+1)
	}
}
