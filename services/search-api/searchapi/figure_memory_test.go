package searchapi_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/encode"
	"github.com/cinedex/cinedex/pkg/model/efficientnet"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
	"github.com/cinedex/cinedex/services/search-api/searchapi"
)

// TestFigureMemory: the growth of the search API's memory under a single request of each costly kind, and under 64
// callers who send nothing else.
func TestFigureMemory(t *testing.T) {
	figure.Begin(t, "hostile/memory")
	const callers, each, single, together = 64, 6, 512 << 20, 2 << 30
	l := apitest.New(t)
	l.Add(apitest.Film{Title: "film", Shots: []apitest.Shot{{Seconds: 20, Colour: apitest.Red}}})
	s := l.Serve(map[string][]string{"all": {"*"}}, func(_ *gateway.Config, d *searchapi.Deps) {
		made, err := apitest.Encoders().Encoder(apitest.Pictures, encode.Still)
		if err != nil {
			t.Fatal(err)
		}
		d.Encoders = apitest.Encoders().With(apitest.Offer(apitest.Pictures, func(ctx context.Context, in encode.Input) ([]float32, error) {
			square := efficientnet.Square(in.Picture)
			small := image.NewRGBA(image.Rect(0, 0, 1, 1))
			copy(small.Pix, square[:3])
			in.Picture = small
			return made.Encode(ctx, in)
		}, encode.Still, encode.Frame))
	})
	post := func(path string, body io.Reader) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+path, body)
		if err != nil {
			t.Error(err)
			return
		}
		r.Header.Set("Authorization", "Bearer all")
		r.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return // cut off while sending
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	// Each picture differs in the bytes after the end, so no answer comes from the cache.
	var number atomic.Int64
	picture := func(encode func(io.Writer) error, size int) func() {
		var b bytes.Buffer
		if err := encode(&b); err != nil {
			t.Fatal(err)
		}
		b.Write(make([]byte, max(0, size-b.Len())+3-b.Len()%3))
		b.Truncate(b.Len() / 3 * 3)
		shared := base64.StdEncoding.EncodeToString(b.Bytes())
		return func() {
			tail := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%09d", number.Add(1)))
			post("/cinedex.v1.SearchService/Search", io.MultiReader(strings.NewReader(`{"query":{"leaf":{"kind":"like_image","image":"`), strings.NewReader(shared),
				strings.NewReader(tail+`"}}}`)))
		}
	}
	attacks := map[string]func(){
		"JPEG of 49 megapixels":         picture(func(w io.Writer) error { return jpeg.Encode(w, image.NewRGBA(image.Rect(0, 0, 7000, 7000)), nil) }, 0),
		"PNG of 16 bits, 21 megapixels": picture(func(w io.Writer) error { return png.Encode(w, image.NewNRGBA64(image.Rect(0, 0, 4600, 4600))) }, 0),
		"PNG of 16384 x 1500":           picture(func(w io.Writer) error { return png.Encode(w, image.NewNRGBA(image.Rect(0, 0, 16384, 1500))) }, 0),
		"picture in a body of 11 MB":    picture(func(w io.Writer) error { return jpeg.Encode(w, image.NewRGBA(image.Rect(0, 0, 4000, 4000)), nil) }, 8<<20-64),
		"a million empty queries": func() {
			post("/cinedex.v1.SearchService/Search", strings.NewReader(`{"query":{"or":{"queries":[`+strings.Repeat("{},", 1_000_000)+`{}]}}}`))
		},
		"GraphQL with a million values": func() {
			post("/graphql", strings.NewReader(`{"query":"{status{asset}}","variables":{"x":[`+strings.Repeat("1,", 1_000_000)+`1]}}`))
		},
	}
	grown := func(work func()) int64 {
		debug.FreeOSMemory()
		if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0o200); err != nil {
			t.Skip("lacking a kernel that forgets the peak of memory:", err)
		}
		idle, err := figure.Peak(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		work()
		peak, err := figure.Peak(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		return peak - idle
	}
	var most int64
	var which string
	for name, attack := range attacks {
		n := grown(func() {
			for range 4 { // garbage of a request may lie beside the next request
				attack()
			}
		})
		t.Logf("%s: %d MiB", name, n>>20)
		if n > most {
			most, which = n, name
		}
	}
	var list []func()
	for _, attack := range attacks {
		list = append(list, attack)
	}
	all := grown(func() {
		var wg sync.WaitGroup
		for c := range callers {
			wg.Go(func() {
				for i := range each {
					list[(c+i)%len(list)]()
				}
			})
		}
		wg.Wait()
	})
	figure.Report(t, true, figure.Result{
		Name:     "hostile/memory",
		Claim:    "RSS of search-api ≤ 512 MiB above idle under any one request, ≤ 2 GiB under 64 hostile callers",
		Measured: fmt.Sprintf("%d MiB above idle under one request (%s), %d MiB under %d callers", most>>20, which, all>>20, callers),
		Pass:     most <= single && all <= together,
		Note:     "clients and server share the process; the encoder scales as the real one does, and has no model",
	})
}
