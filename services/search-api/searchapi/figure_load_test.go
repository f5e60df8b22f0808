package searchapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/services/search-api/apitest"
)

const (
	loadFilms   = 100
	loadLines   = 1000 // of a film
	loadWords   = 5000 // of the vocabulary: a few words are frequent, and most are rare
	loadCallers = 64
	loadStep    = 6 * time.Second
)

// TestFigureLoad: the search API under 4 to 64 clients that ask again once an answer has come (closed loop), and under arrivals at random
// that wait for nobody (open loop). A latency of the open loop counts from the moment of the arrival, also where the request had to wait to be sent.
func TestFigureLoad(t *testing.T) {
	figure.Begin(t, "load/clients")
	l := newLoad(t)
	l.closed(4) // caches are warm from here on
	calm, best, bend := load{}, load{}, ""
	faults, early := 0, 0
	step := func(name string, s load) {
		t.Logf("%-26s %6.0f answers/s  p50 %7.1f ms  p99 %7.1f ms  refused %d  faults %d", name, s.rate, s.p50, s.p99, s.refused, s.faults)
		if faults += s.faults; bend == "" {
			early += s.refused
		}
	}
	closed := 0
	for _, clients := range []int{4, 8, 16, 32, 64} {
		s := l.closed(clients)
		closed += s.refused
		step(fmt.Sprintf("closed, %d clients", clients), s)
		if calm.rate == 0 {
			calm = s
		}
		if s.rate > best.rate {
			best = s
		}
	}
	for _, share := range []float64{0.2, 0.4, 0.6, 0.8, 0.9, 1, 1.2} {
		s := l.open(share * best.rate)
		if bend == "" && s.p99 > 10*calm.p99 {
			bend = fmt.Sprintf("at %.0f arrivals/s, %.1f of the closed loop's best", share*best.rate, share)
		}
		step(fmt.Sprintf("open, %.0f arrivals/s", share*best.rate), s)
	}
	if bend == "" {
		bend = "beyond the rates tried"
	}
	figure.Report(t, true, figure.Result{
		Name:  "load/clients",
		Claim: "4 to 64 clients, closed and open loop, over 100,000 lines: no error before the bend, and only refusals with a kind behind the bend",
		Measured: fmt.Sprintf("4 clients %.0f answers/s, p99 %.1f ms; best of the closed loop %.0f answers/s, p99 %.1f ms; the open loop bends %s; %d faults, %d refusals before the bend (%d of them in the closed loop)",
			calm.rate, calm.p99, best.rate, best.p99, bend, faults, early, closed),
		Pass: faults == 0 && early == 0,
		Note: fmt.Sprintf("clients and server share a process on %d processors; the encoders have no model; the bend is a p99 of 10 times that of 4 clients", runtime.NumCPU()),
	})
}

// A load is what a step of the figure measured.
type load struct {
	rate            float64 // answers a second
	p50, p99        float64 // ms
	refused, faults int
}

type loading struct {
	t      *testing.T
	url    string
	client *http.Client
	bodies []string
}

func newLoad(t *testing.T) *loading {
	lib := apitest.New(t)
	r := rand.New(rand.NewPCG(1, 2))
	often := rand.NewZipf(r, 1.1, 3, loadWords-1)
	word := func() string { return fmt.Sprintf("word%d", often.Uint64()) }
	var lines, labels []string // the label of a line is that of the shot under the line
	for f := range loadFilms {
		film := apitest.Film{Title: fmt.Sprintf("film-%d", f), Name: fmt.Sprintf("Film %d", f)}
		for range 50 {
			film.Shots = append(film.Shots, apitest.Shot{Seconds: 80, Colour: apitest.Red, Label: fmt.Sprintf("thing%d", r.IntN(40)), LabelConfidence: 0.9})
		}
		for i := range int64(loadLines) {
			text := strings.Join([]string{word(), word(), word(), word(), word(), word()}, " ")
			film.Lines = append(film.Lines, apitest.Line{From: 4 * i, To: 4*i + 3, Language: "en", Text: text})
			lines, labels = append(lines, text), append(labels, film.Shots[4*i/80].Label)
		}
		lib.Add(film)
	}
	tokens := map[string][]string{}
	for c := range loadCallers {
		tokens[fmt.Sprintf("caller-%d", c)] = []string{"*"}
	}
	l := &loading{t: t, url: lib.Serve(tokens).URL, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4096, MaxConnsPerHost: 4096}}}
	for range 4096 {
		i := r.IntN(len(lines))
		said, label := strings.Fields(lines[i]), labels[i]
		q := ""
		switch r.IntN(20) {
		case 0, 1, 2, 3, 4, 5, 6:
			q = fmt.Sprintf("dialogue.words:%q", said[0]+" "+said[3])
		case 7, 8:
			q = fmt.Sprintf("dialogue.phrase:%q", said[1]+" "+said[2])
		case 9, 10, 11, 12:
			q = fmt.Sprintf("dialogue.meaning:%q", said[4])
		case 13, 14, 15:
			q = fmt.Sprintf("dialogue.words:%q AND label:%s", said[0]+" "+said[5], label)
		case 16, 17, 18:
			q = fmt.Sprintf("dialogue.words:%q AND label:%s WITHIN 5s", said[2]+" "+said[4], label)
		default:
			q = fmt.Sprintf("dialogue.words:%q", said[0]+"x "+said[1]) // found by nobody, and spelt right
		}
		body, err := json.Marshal(map[string]string{"q": q})
		if err != nil {
			t.Fatal(err)
		}
		l.bodies = append(l.bodies, string(body))
	}
	return l
}

// ask asks the question of a number as a caller, and reports the status.
func (l *loading) ask(number, caller int) int {
	ctx, cancel := context.WithTimeout(l.t.Context(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, l.url+"/cinedex.v1.SearchService/Search", bytes.NewBufferString(l.bodies[number%len(l.bodies)]))
	if err != nil {
		return 0
	}
	r.Header.Set("Authorization", fmt.Sprintf("Bearer caller-%d", caller%loadCallers))
	r.Header.Set("Content-Type", "application/json")
	resp, err := l.client.Do(r)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return 0
	}
	return resp.StatusCode
}

// A tally of a step may be added to by many goroutines.
type loadTally struct {
	mu    sync.Mutex
	times []float64
	load
}

func (c *loadTally) add(l *loading, status int, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch status {
	case http.StatusOK:
		c.times = append(c.times, float64(took.Microseconds())/1000)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable: // too much was asked, and no part was answered in time
		c.refused++
	default:
		if c.faults++; c.faults == 1 {
			l.t.Logf("the first fault: HTTP status %d", status)
		}
	}
}

func (c *loadTally) sum(took time.Duration) load {
	slices.Sort(c.times)
	if n := len(c.times); n > 0 {
		c.rate, c.p50, c.p99 = float64(n)/took.Seconds(), c.times[n/2], c.times[n*99/100]
	}
	return c.load
}

// closed lets each client ask again once its answer has come.
func (l *loading) closed(clients int) load {
	c := &loadTally{}
	began := time.Now()
	var wg sync.WaitGroup
	for client := range clients {
		wg.Go(func() {
			for n := client * 64; time.Since(began) < loadStep; n++ {
				asked := time.Now()
				c.add(l, l.ask(n, client), time.Since(asked))
			}
		})
	}
	wg.Wait()
	return c.sum(time.Since(began))
}

// open sends arrivals at a mean rate, a second, with exponential gaps.
func (l *loading) open(rate float64) load {
	c := &loadTally{}
	r := rand.New(rand.NewPCG(3, 4))
	began := time.Now()
	var wg sync.WaitGroup
	at := began
	for n := 0; at.Sub(began) < loadStep; n++ {
		at = at.Add(time.Duration(r.ExpFloat64() / rate * float64(time.Second)))
		if wait := time.Until(at); wait > 0 {
			time.Sleep(wait)
		}
		arrived := at
		wg.Go(func() { c.add(l, l.ask(n, n), time.Since(arrived)) })
	}
	wg.Wait()
	return c.sum(time.Since(began))
}
