package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/media/mediatest"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// TestCrash kills `cinedex up` a few times in the middle of an ingest.
func TestCrash(t *testing.T) {
	if testing.Short() {
		t.Skip("starts the command four times")
	}
	crash(t, 1, 3)
}

func TestFigureCrash(t *testing.T) {
	figure.Begin(t, "crash/kill-9")
	r := crash(t, 8, 20)
	figure.Report(t, true, figure.Result{Name: "crash/kill-9",
		Claim: "20 seeded kill -9 during an ingest: dumps of store and search byte-identical to undisturbed ones, no event lost, none shown twice",
		Measured: fmt.Sprintf("%d kills (seed %d, %d with runs unfinished), %d events of %d films; store %d bytes %s, search %d bytes %s; titles %s, lines found once %s, dead letters %d",
			r.kills, r.seed, r.midway, r.events, r.films, r.store, sameness(r.sameStore), r.search, sameness(r.sameSearch),
			percent(r.titles, r.films), percent(r.once, r.lines), r.letters),
		Pass: r.ok()})
}

func sameness(same bool) string {
	if same {
		return "identical"
	}
	return "DIFFERENT"
}

type crashResult struct {
	seed                         uint64
	kills, midway, events, films int
	store, search                int
	sameStore, sameSearch        bool
	titles, once, lines, letters int
}

func (r crashResult) ok() bool {
	return r.sameStore && r.sameSearch && r.titles == r.films && r.once == r.lines && r.letters == 0
}

// crash ingests the same films into two homes, kills the process of a home at random moments, and compares the homes.
func crash(t *testing.T, films, kills int) crashResult {
	testCache(t)
	bin := buildCommand(t)
	dir := t.TempDir()
	var arrivals []*pb.MediaArrived
	for i := range films {
		m, _ := film(t, shortFilm(i), dir)
		arrivals = append(arrivals, m)
	}
	// Every film arrives twice, the second time under another event.
	sent := append(arrivals, arrivals...)
	r := crashResult{seed: uint64(time.Now().UnixNano()), kills: kills, films: films, events: len(sent)}
	if s := os.Getenv("CRASH_SEED"); s != "" {
		if _, err := fmt.Sscan(s, &r.seed); err != nil {
			t.Fatalf("CRASH_SEED: %v", err)
		}
	}
	t.Logf("CRASH_SEED=%d", r.seed)
	rnd := rand.New(rand.NewPCG(r.seed, 0))

	calm := &commandHome{t: t, bin: bin, dir: filepath.Join(t.TempDir(), "home"), media: dir}
	began := time.Now()
	calm.up()
	booted := time.Since(began)
	for _, m := range sent {
		calm.send(m)
	}
	calm.wait(arrivals)
	whole := time.Since(began) - booted
	calm.end(syscall.SIGTERM)

	rough := &commandHome{t: t, bin: bin, dir: filepath.Join(t.TempDir(), "home"), media: dir}
	// Long enough for a film to finish sometimes, short enough to hit a film under way.
	most := min(whole, 2*whole/time.Duration(films))
	t.Logf("undisturbed: up after %.1f s, %d films done %.1f s later; kills up to %.1f s after each start", booted.Seconds(), films, whole.Seconds(), most.Seconds())
	var sender sync.WaitGroup
	for n := range kills {
		rough.up()
		// The events are spread over the rounds, so that work is always under way.
		from, to := n*len(sent)/kills, (n+1)*len(sent)/kills
		sender.Go(func() {
			for _, m := range sent[from:to] {
				rough.send(m)
			}
		})
		timer := time.NewTimer(time.Duration(rnd.Int64N(int64(most))))
		<-timer.C
		if rough.unfinished(arrivals[:min(films, to)]) {
			r.midway++
		}
		rough.end(syscall.SIGKILL)
	}
	rough.up()
	sender.Wait()
	rough.wait(arrivals)
	rough.judge(&r, arrivals)
	rough.end(syscall.SIGTERM)

	r.sameStore, r.store = sameDump(t, "store", calm, rough)
	r.sameSearch, r.search = sameDump(t, "search", calm, rough)
	if !r.ok() {
		t.Errorf("after %d kills: %+v", kills, r)
	}
	return r
}

// shortFilm is some seconds long: two cuts, two lines beside the film and a line inside. Every third film has a
// variable rate.
func shortFilm(i int) mediatest.Film {
	rate := schema.Rate{Num: 25, Den: 1}
	f := mediatest.Film{Name: fmt.Sprintf("crash-%d", i), Width: 320, Height: 180, Rate: rate}
	for s := range 3 {
		f.Scenes = append(f.Scenes, mediatest.Scene{Frames: 40, Seed: uint64(100 + 10*i + s)})
	}
	if i%3 == 0 {
		f.Variable = []mediatest.Part{{Frames: 60, Rate: schema.Rate{Num: 30000, Den: 1001}}, {Frames: 60, Rate: schema.Rate{Num: 15, Den: 1}}}
	}
	f.Texts = []mediatest.Text{
		{Language: "en", Format: "srt", Lines: []mediatest.Line{
			{Start: 5, End: 45, Text: fmt.Sprintf("Number %d leaves the harbour.", 7000+i)},
			{Start: 50, End: 90, Text: fmt.Sprintf("The lighthouse counts %d ships.", 8000+i)}}},
		{Language: "de", Format: "vtt", Inside: i%2 == 0, Lines: []mediatest.Line{
			{Start: 5, End: 45, Text: fmt.Sprintf("Nummer %d verlässt den Hafen.", 9000+i)}}},
	}
	return f
}

// linesOf are the words to be found exactly once, in the film's title.
func linesOf(i int) []string {
	return []string{fmt.Sprint(7000 + i), fmt.Sprint(8000 + i), fmt.Sprint(9000 + i)}
}

// programs is the folder of the programs that tests build, each once. TestMain removes the folder.
var programs string

var folderOfPrograms = sync.OnceValues(func() (_ string, err error) {
	programs, err = os.MkdirTemp("", "cinedex-programs")
	return programs, err
})

// building builds packages into the folder of programs when first called.
func building(packages ...string) func() (dir string, err error) {
	return sync.OnceValues(func() (string, error) {
		dir, err := folderOfPrograms()
		if err != nil {
			return "", err
		}
		args := append([]string{"build", "-buildvcs=false", "-ldflags=-s -w", "-o", dir + "/"}, packages...)
		if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("%w: %s", err, out)
		}
		return dir, nil
	})
}

var builtCommand = building(".")

func buildCommand(t testing.TB) string {
	t.Helper()
	dir, err := builtCommand()
	need(t, "a Go tool chain", err)
	return filepath.Join(dir, "cinedex")
}

// A commandHome is a home folder over which the test sometimes runs a process of `cinedex up`.
type commandHome struct {
	t               testing.TB
	bin, dir, media string
	config          string   // a file of settings, or empty
	set             []string // settings of this home alone, key=value

	cmd   *exec.Cmd
	said  bytes.Buffer
	ended chan error
}

func (c *commandHome) home() *home { return &home{dir: c.dir} }

// configured is how the command is told the settings.
func (c *commandHome) configured() []string {
	if c.config == "" {
		return nil
	}
	return []string{"--config", c.config}
}

// up starts the process, and returns after the process answers.
func (c *commandHome) up() {
	c.t.Helper()
	// The process listens on any free port: another process may have taken the previous port.
	c.cmd = exec.Command(c.bin, append([]string{"--home", c.dir, "up", "--media", c.media, "--set", "address=127.0.0.1:0",
		"--set", "broker.port=0", "--set", "telemetry.admin_address=", "--set", "telemetry.log_level=warn"}, c.configured()...)...)
	for _, kv := range c.set {
		c.cmd.Args = append(c.cmd.Args, "--set", kv)
	}
	c.said.Reset()
	c.cmd.Stdout, c.cmd.Stderr = &c.said, &c.said
	if err := c.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	ended := make(chan error, 1)
	c.ended = ended
	cmd := c.cmd
	go func() { ended <- cmd.Wait() }()
	c.t.Cleanup(func() { _ = cmd.Process.Kill() })
	deadline := time.Now().Add(time.Minute)
	for tick := time.NewTicker(10 * time.Millisecond); ; <-tick.C {
		select {
		case err := <-ended:
			c.t.Fatalf("cinedex up ended: %v: %s", err, c.said.String())
		default:
		}
		if e, err := c.home().endpoint(); err == nil && e.PID == cmd.Process.Pid {
			if resp, err := http.Get(e.Server + "/"); err == nil {
				resp.Body.Close()
				tick.Stop()
				return
			}
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("cinedex up does not answer: %s", c.said.String())
		}
	}
}

// end sends a signal and waits for the process.
func (c *commandHome) end(sig syscall.Signal) {
	c.t.Helper()
	if err := c.cmd.Process.Signal(sig); err != nil {
		c.t.Fatal(err)
	}
	select {
	case err := <-c.ended:
		if sig == syscall.SIGTERM && err != nil && c.cmd.ProcessState.ExitCode() != 130 {
			c.t.Errorf("cinedex up did not stop cleanly: %v: %s", err, c.said.String())
		}
	case <-time.After(time.Minute):
		c.t.Fatal("cinedex up did not end")
	}
}

// send sends as a studio would: again until the event is accepted.
func (c *commandHome) send(m *pb.MediaArrived) {
	deadline := time.Now().Add(3 * time.Minute)
	for {
		e, err := c.home().endpoint()
		if err == nil {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			_, err = send(ctx, e, m)
			cancel()
		}
		if err == nil {
			return
		}
		if !errkind.Of(err).Retryable() || time.Now().After(deadline) {
			c.t.Errorf("sending %s: %v", m.GetTitle().GetId(), err)
			return
		}
		timer := time.NewTimer(50 * time.Millisecond) // a studio's back-off
		<-timer.C
	}
}

func titlesOf(ms []*pb.MediaArrived) []string {
	var out []string
	for _, m := range ms {
		out = append(out, m.GetTitle().GetId())
	}
	return out
}

func (c *commandHome) status(ctx context.Context) (*pb.GetStatusResponse, error) {
	client, _, err := c.home().client()
	if err != nil {
		return nil, err
	}
	return everyStatus(ctx, client.GetStatus, nil)
}

// unfinished reports whether something of the films is underway.
func (c *commandHome) unfinished(ms []*pb.MediaArrived) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	r, err := c.status(ctx)
	if err != nil {
		return true // too busy to answer
	}
	done, total, _, seen := tally(r, titlesOf(ms))
	return seen < len(ms) || done < total
}

func (c *commandHome) wait(ms []*pb.MediaArrived) {
	c.t.Helper()
	client, _, err := c.home().client()
	if err != nil {
		c.t.Fatal(err)
	}
	log, err := c.home().log(context.Background())
	if err != nil {
		c.t.Fatal(err)
	}
	defer log.Close()
	quiet, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		c.t.Fatal(err)
	}
	defer quiet.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	var evs []awaited // under other ids, which are in no letter: letters are matched by title
	for _, title := range titlesOf(ms) {
		evs = append(evs, awaited{title: title})
	}
	if err := waitFor(ctx, &output{out: quiet, err: quiet}, evs, client.GetStatus, log); err != nil {
		r, _ := c.status(context.Background())
		c.t.Fatalf("waiting: %v\nstatus: %v\nsaid: %s", err, r, c.said.String())
	}
}

// judge counts titles, lines and dead letters.
func (c *commandHome) judge(r *crashResult, ms []*pb.MediaArrived) {
	c.t.Helper()
	ctx := context.Background()
	s, err := c.status(ctx)
	if err != nil {
		c.t.Fatal(err)
	}
	seen := map[string]int{}
	for _, a := range s.GetAssets() {
		seen[a.GetTitle()]++
	}
	for _, m := range ms {
		if seen[m.GetTitle().GetId()] == 1 {
			r.titles++
		}
	}
	client, _, err := c.home().client()
	if err != nil {
		c.t.Fatal(err)
	}
	for i, m := range ms {
		for _, word := range linesOf(i) {
			r.lines++
			a, err := client.Search(ctx, connect.NewRequest(&pb.SearchRequest{Q: "dialogue.phrase:" + word}))
			if err != nil {
				c.t.Fatal(err)
			}
			if h := a.Msg.GetHits(); len(h) == 1 && h[0].GetTitle() == m.GetTitle().GetId() && strings.Contains(h[0].GetText(), word) {
				r.once++
			} else {
				c.t.Errorf("%s of %s: %d hits", word, m.GetTitle().GetId(), len(h))
			}
		}
	}
	log, err := c.home().log(ctx)
	if err != nil {
		c.t.Fatal(err)
	}
	defer log.Close()
	for l, err := range log.DeadLetters(ctx, events.LetterFilter{}) {
		r.letters++
		c.t.Errorf("dead letter: %s %s: %v", l.Topic, l.Reason, err)
	}
}

// dump is the output of `cinedex dump` over a home without a running process.
func (c *commandHome) dump(what string) []byte {
	c.t.Helper()
	cmd := exec.Command(c.bin, append([]string{"--home", c.dir, "dump", what}, c.configured()...)...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		c.t.Fatalf("dumping %s: %v: %s", what, err, said.String())
	}
	return out
}

func sameDump(t testing.TB, what string, a, b *commandHome) (same bool, size int) {
	t.Helper()
	x, y := a.dump(what), b.dump(what)
	return sameBytes(t, what, x, y), len(x)
}

// sameBytes compares two dumps, and reports the first differing line.
func sameBytes(t testing.TB, what string, a, b []byte) bool {
	t.Helper()
	if bytes.Equal(a, b) {
		return true
	}
	x, y := strings.Split(string(a), "\n"), strings.Split(string(b), "\n")
	for i := range max(len(x), len(y)) {
		var l, r string
		if i < len(x) {
			l = x[i]
		}
		if i < len(y) {
			r = y[i]
		}
		if l != r {
			t.Errorf("%s: line %d of %d and %d differs:\nundisturbed %.800s\nkilled      %.800s", what, i+1, len(x), len(y), l, r)
			break
		}
	}
	return false
}
