package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/internal/synthetic"
	"github.com/cinedex/cinedex/pkg/algo/pictures"
	"github.com/cinedex/cinedex/pkg/algo/sentences"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// TestFigureFair measures a caller's waiting time beside another caller who sends the costliest possible query over
// several connections.
func TestFigureFair(t *testing.T) {
	figure.Begin(t, "hostile/fair")
	const rounds, each, connections, most = 24, 60, 8, 1.5
	s := shared(t)
	rnd := rand.New(rand.NewPCG(10, 2))
	var took [2]map[string][]float64 // without and with the hostile caller
	var late [2]int
	for i := range took {
		took[i] = map[string][]float64{}
	}
	round := func(side int) {
		for n := range each {
			kind, body := s.honest(rnd, n)
			began := time.Now()
			if code := s.ask(t.Context(), "honest", body, nil); code != http.StatusOK {
				late[side]++ // and counts with the time of the refusal
			}
			ms := time.Since(began).Seconds() * 1000
			took[side][kind], took[side]["all"] = append(took[side][kind], ms), append(took[side]["all"], ms)
		}
	}
	round(0) // the models are opened
	clear(took[0])
	answered, refused := 0, 0
	for n := range rounds {
		for _, side := range []int{n % 2, 1 - n%2} {
			if side == 0 {
				round(0)
				continue
			}
			ok, no := s.beside(connections, uint64(n), func() { round(1) })
			answered, refused = answered+ok, refused+no
		}
	}
	ratio := figure.Quantile(took[1]["all"], 0.99) / figure.Quantile(took[0]["all"], 0.99)
	var parts []string
	for _, kind := range []string{"words", "meaning", "picture"} {
		parts = append(parts, fmt.Sprintf("%s %.1f and %.1f", kind, figure.Quantile(took[0][kind], 0.99), figure.Quantile(took[1][kind], 0.99)))
	}
	figure.Report(t, false, figure.Result{Name: "hostile/fair", Claim: "p99 of an honest caller's searches beside one hostile caller ≤ 1.5 of without", Ratio: ratio, Pass: ratio <= most && late[1] == 0 && answered+refused > 0,
		Measured: fmt.Sprintf("p99 %.1f ms without and %.1f ms beside, p50 %.1f and %.1f; %d and %d without an answer; p99 by kind: %s", figure.Quantile(took[0]["all"], 0.99), figure.Quantile(took[1]["all"], 0.99),
			figure.Quantile(took[0]["all"], 0.5), figure.Quantile(took[1]["all"], 0.5), late[0], late[1], strings.Join(parts, ", ")),
		Note: fmt.Sprintf("%d searches of each over HTTP, one at a time, in %d rounds with and without in turns; the hostile caller has %d connections, each with 32 leaves of 480 letters to be encoded, %d answered and %d refused; clients and server share the process",
			len(took[0]["all"]), rounds, connections, answered, refused)})
}

// TestFigureTiming: does the time of an answer reveal another caller's identical query just before?
func TestFigureTiming(t *testing.T) {
	figure.Begin(t, "hostile/timing")
	const rounds, least = 400, 0.01
	s := shared(t)
	rnd := rand.New(rand.NewPCG(10, 3))
	var took [2][]float64 // after another search of somebody else, and after the same
	for n := range rounds + 20 {
		same := rnd.IntN(2)
		asked := [2]string{meaningOf(sentence(rnd, 8)), meaningOf(sentence(rnd, 8))}
		var answer struct{ TookMs float64 }
		if code := s.ask(t.Context(), "other", asked[same], nil); code != http.StatusOK {
			t.Fatalf("answered with %d", code)
		}
		if code := s.ask(t.Context(), "honest", asked[1], &answer); code != http.StatusOK || answer.TookMs == 0 {
			t.Fatalf("answered with %d, %v", code, answer)
		}
		if n >= 20 { // the models are open and the processors awake
			took[same] = append(took[same], answer.TookMs)
		}
	}
	d, p := figure.KolmogorovSmirnov(took[0], took[1])
	figure.Report(t, false, figure.Result{Name: "hostile/timing", Pass: p > least,
		Claim:    "took_ms of searches that another caller made just before, and of searches that nobody made: Kolmogorov-Smirnov p > 0.01",
		Measured: fmt.Sprintf("p %.3f, d %.3f; medians %.2f ms of %d that another caller made, %.2f ms of %d that nobody made", p, d, figure.Median(took[1]), len(took[1]), figure.Median(took[0]), len(took[0])),
		Note:     "in random order, each text asked once by the caller who is timed"})
}

// A sharedWorld is the platform with a library and callers who share the platform.
type sharedWorld struct {
	*world
	picture []byte // a JPEG
}

func shared(t *testing.T) *sharedWorld {
	t.Helper()
	dir := t.TempDir()
	addCallers(t, filepath.Join(dir, "tokens.yaml"), "honest", "other", "hostile")
	s := &sharedWorld{world: newWorld(t, dir)}
	var b bytes.Buffer
	img, rnd := image.NewRGBA(image.Rect(0, 0, 640, 360)), rand.New(rand.NewPCG(10, 1))
	for i := range img.Pix {
		img.Pix[i] = byte(rnd.Uint32())
	}
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 80}); err != nil {
		t.Fatal(err)
	}
	s.picture = b.Bytes()
	s.fill(synthetic.Of(100_000, 5))
	return s
}

// fill gives the platform a library, with a vector in each space for a fifth of the annotations.
func (s *sharedWorld) fill(lib synthetic.Library) {
	s.t.Helper()
	i := 0
	for batches, finished := range lib.Events() {
		asset := lib.Asset(i)
		const vectors = 1000 // in each space
		run := finished.Data.(*pb.RunFinished).GetRun()
		run.Embeddings = 2 * vectors
		rnd := rand.New(rand.NewPCG(uint64(i), 1))
		first := int64(0) // the vectors of a run are numbered through all spaces
		for _, space := range []*pb.Space{sentences.Space, pictures.Space} {
			for range vectors / 100 {
				b := &pb.EmbeddingBatch{Asset: asset.GetId(), Run: run.GetId(), Epoch: 1, Algorithm: run.GetAlgorithm(), Version: run.GetVersion(), First: first, Space: space}
				for range 100 {
					values := make([]float32, space.GetDimension())
					for k := range values {
						values[k] = float32(rnd.NormFloat64())
					}
					at := int64(schema.Second) * 5 * first
					b.Embeddings = append(b.Embeddings, &pb.Embedding{Run: run.GetId(), Asset: asset.GetId(), Ordinal: first, Space: schema.SpaceID(space),
						Kind: schema.KindDialogue, Start: at, End: at + int64(schema.Second), Vector: values})
					first++
				}
				if err := s.Events.Publish(s.ctx, events.Embeddings, events.Event{Subject: asset.GetId(), Data: b}); err != nil {
					s.t.Fatal(err)
				}
			}
		}
		if err := errors.Join(
			s.Events.Publish(s.ctx, events.MediaReady, events.Event{Subject: asset.GetId(), Data: &pb.MediaReady{Asset: asset}}),
			s.Events.Publish(s.ctx, events.Annotations, batches...),
			s.Events.Publish(s.ctx, events.RunsFinished, finished),
		); err != nil {
			s.t.Fatal(err)
		}
		i++
	}
	deadline := time.Now().Add(time.Minute)
	for tick := time.NewTicker(50 * time.Millisecond); countActive(s.t, s.Store) < lib.Runs(); <-tick.C {
		if time.Now().After(deadline) {
			s.t.Fatalf("%d of %d runs are seen", countActive(s.t, s.Store), lib.Runs())
		}
	}
}

// ask sends a search and returns the status of the answer, which goes into the answer given.
func (s *sharedWorld) ask(ctx context.Context, caller, body string, answer any) int {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.server()+"/cinedex.v1.SearchService/Search", strings.NewReader(body))
	if err != nil {
		s.t.Error(err)
		return 0
	}
	r.Header.Set("Authorization", "Bearer token-of-"+caller)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		if ctx.Err() == nil {
			s.t.Error(err)
		}
		return 0
	}
	defer resp.Body.Close()
	if answer != nil && resp.StatusCode == http.StatusOK {
		if err := json.NewDecoder(resp.Body).Decode(answer); err != nil {
			s.t.Error(err)
		}
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// honest is the n-th search of somebody who works with the library. No two are the same.
func (s *sharedWorld) honest(rnd *rand.Rand, n int) (kind, body string) {
	switch n % 3 {
	case 0:
		return "words", jsonOf(map[string]any{"q": question(rnd.IntN(1 << 20))})
	case 1:
		return "meaning", meaningOf(sentence(rnd, 8))
	}
	// Bytes after the end of a picture make another picture.
	return "picture", jsonOf(map[string]any{"query": map[string]any{"leaf": map[string]any{"kind": "like_image",
		"image": base64.StdEncoding.EncodeToString(fmt.Appendf(slices.Clone(s.picture), "%016x", rnd.Uint64()))}}})
}

// beside does work while the hostile caller asks over the given connections. beside returns how many of the caller's
// queries were answered and refused.
func (s *sharedWorld) beside(connections int, seed uint64, work func()) (answered, refused int) {
	ctx, cancel := context.WithCancel(s.ctx)
	var group sync.WaitGroup
	var mu sync.Mutex
	begun := make(chan struct{}, connections)
	for c := range connections {
		group.Go(func() {
			rnd := rand.New(rand.NewPCG(seed, uint64(c)))
			for n := 0; ctx.Err() == nil; n++ {
				var leaves []string
				for range 32 {
					leaves = append(leaves, fmt.Sprintf(`dialogue.meaning:"%s"`, sentence(rnd, 100)[:480]))
				}
				body := jsonOf(map[string]any{"q": strings.Join(leaves, " OR ")})
				if n == 0 {
					begun <- struct{}{}
				}
				code := s.ask(ctx, "hostile", body, nil)
				mu.Lock()
				switch code {
				case http.StatusOK:
					answered++
				case http.StatusTooManyRequests:
					refused++
				case 0, http.StatusServiceUnavailable: // cut off, or no leaf was encoded in time
				default:
					s.t.Errorf("the hostile caller is answered with %d", code)
				}
				mu.Unlock()
				if code == http.StatusTooManyRequests {
					select {
					case <-time.After(50 * time.Millisecond): // far less than the advised time
					case <-ctx.Done():
					}
				}
			}
		})
	}
	for range connections {
		<-begun
	}
	work()
	cancel()
	group.Wait()
	return answered, refused
}

// sentence is a list of words that no query had before.
func sentence(rnd *rand.Rand, n int) string {
	words := make([]string, n)
	for i := range words {
		words[i] = synthetic.Words[rnd.IntN(len(synthetic.Words))]
	}
	return strings.Join(words, " ")
}

func meaningOf(text string) string {
	return jsonOf(map[string]any{"q": fmt.Sprintf(`dialogue.meaning:"%s"`, text)})
}

func jsonOf(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps and strings
	}
	return string(b)
}

// addCallers writes a file of tokens of callers who may see everything.
func addCallers(t *testing.T, file string, names ...string) {
	t.Helper()
	type entry struct {
		Name   string
		SHA256 string
		Titles []string
	}
	var tokens struct{ Tokens []entry }
	for _, name := range names {
		sum := sha256.Sum256([]byte("token-of-" + name))
		tokens.Tokens = append(tokens.Tokens, entry{name, hex.EncodeToString(sum[:]), []string{"*"}})
	}
	b, err := yaml.Marshal(tokens)
	if err == nil {
		err = authz.WriteSecret(file, b)
	}
	if err != nil {
		t.Fatal(err)
	}
}
