package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/lifecycle"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// An attack is a hostile act at a door of a running Cinedex, and the verdict that Cinedex owes.
type attack struct {
	door, name string
	act        func(*target) verdict
	// want lists the right verdicts, divided by "|". A trailing star takes any ending.
	want string
	// says is a phrase that the answer must contain; with an empty text, any answer will do.
	says string
	// slow attacks need the hops after the door, or wait for a time limit: only the figure runs slow attacks.
	slow bool
	// open attacks are not repelled yet: the ordinary test skips open attacks, and the figure reports these.
	open bool
	// costly attacks are repeated by many callers at the same time in the figure.
	costly bool
}

// A verdict is how an attack ended: an HTTP status, a code of gRPC, "aside" for a dead letter, "exit N" for a command.
type verdict struct{ is, said string }

// meets reports whether a verdict is a right verdict.
func (a attack) meets(v verdict) bool {
	for _, want := range strings.Split(a.want, "|") {
		prefix, any := strings.CutSuffix(want, "*")
		if v.is == want || any && strings.HasPrefix(v.is, prefix) {
			return strings.Contains(v.said, a.says)
		}
	}
	return false
}

// A target is the attacked Cinedex, with the attacker's knowledge.
type target struct {
	t              testing.TB
	server, admin  string
	brokers        []string
	log            *events.Client
	home, media    string
	bin            string // the command; empty where the platform runs in this process
	pid            int    // of the platform; 0 if the platform runs in this process
	ready          func() error
	ended          func() bool
	ingest, reader string // tokens
	some, nothing  string // a token for the title crash-1 alone, and a token for no title
	operator       string
	batch          string
	many           []string // readers, for many callers at once
	asset, hidden  string   // of crash-1 and of crash-2
	run            string   // of asset's thumbnails
	hiddenRun      string   // of hidden's
	sound          string   // path of a short sound that may be ingested
	idle           load
	honest         string
	serial         int
	impatient      bool // does not wait when told to
}

// A load is the resources of an idle process.
type load struct {
	goroutines, files float64
	rss               int64
}

// The client neither follows a redirect nor keeps a connection: each attack has a connection of its own.
var attacker = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true, DisableCompression: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Timeout:       90 * time.Second,
}

// drained is how much of a body net/http reads after the answer. A client that still writes more may lose the
// connection before reading the answer.
const drained = 256 << 10

// send sends a request and returns the verdict: the status, or "cut" if the connection ended without an answer. A
// caller told to wait waits, as honest callers do.
func (x *target) send(method, path, token, contentType string, body []byte, headers ...string) verdict {
	for range 20 {
		req, err := http.NewRequest(method, x.server+path, bytes.NewReader(body))
		if err != nil {
			return verdict{"unsendable", err.Error()}
		}
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		if contentType != "" {
			req.Header.Set("Content-Type", contentType)
		}
		for _, h := range headers {
			k, v, _ := strings.Cut(h, ": ")
			if k == "Host" {
				req.Host = v
				continue
			}
			req.Header.Add(k, v)
		}
		reused := false
		req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) { reused = c.Reused }}))
		resp, err := attacker.Do(req)
		// The end of the connection overtook the answer; or the server ended a connection of an earlier attack while this request set out.
		if (len(body) > drained || reused) && (errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)) {
			continue
		}
		if err != nil {
			return verdict{"cut", err.Error()}
		}
		b, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
		resp.Body.Close()
		if err != nil {
			return verdict{"cut", err.Error()}
		}
		if resp.StatusCode == http.StatusTooManyRequests && !x.impatient {
			wait, err := strconv.Atoi(resp.Header.Get("Retry-After"))
			if err != nil {
				return verdict{"429", "without Retry-After: " + string(b)}
			}
			time.Sleep(time.Duration(max(wait, 1)) * time.Second) // the server named the time
			continue
		}
		said := string(b)
		for _, k := range []string{"Location", "Content-Range", "Set-Cookie", "Grpc-Status", "Grpc-Message"} {
			if v := resp.Header.Get(k); v != "" {
				said += "\n" + k + ": " + v
			}
		}
		return verdict{strconv.Itoa(resp.StatusCode), said}
	}
	return verdict{"429", "told to wait, or cut off, twenty times"}
}

const (
	searchPath   = "/cinedex.v1.SearchService/"
	operatorPath = "/cinedex.v1.OperatorService/"
)

// call sends a JSON request to a method of the search API as somebody who reads every title.
func (x *target) call(method, body string) verdict {
	return x.send(http.MethodPost, searchPath+method, x.reader, "application/json", []byte(body))
}

// ask searches with a single line.
func (x *target) ask(q string) verdict {
	b, err := json.Marshal(map[string]any{"q": q})
	if err != nil {
		x.t.Fatal(err)
	}
	return x.call("Search", string(b))
}

// next returns a word that no earlier attack used.
func (x *target) next() string {
	x.serial++
	return fmt.Sprintf("hostile-%d", x.serial)
}

// arrive sends an event of arriving media, and waits for the outcome: the status of a refusal at the door, "aside" with the
// reason of the dead letter, or "taken" once the title is in the library.
func (x *target) arrive(m *pb.MediaArrived) verdict {
	if m.Title == nil {
		m.Title = &pb.Title{Id: x.next()}
	}
	data, err := schema.MarshalJSON(m)
	if err != nil {
		x.t.Fatal(err)
	}
	v := x.send(http.MethodPost, "/events", x.ingest, structured, fmt.Appendf(nil, arrivedAs, data))
	if v.is != "202" {
		return v
	}
	return x.outcome(m.GetTitle().GetId())
}

// outcome waits until a title is in the library, or the title's event is put aside.
func (x *target) outcome(title string) verdict {
	for deadline := time.Now().Add(90 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if l, ok := x.letter(events.MediaAccepted, title); ok {
			return verdict{"aside", l.Reason}
		}
		if v := x.call("ListTitles", `{"limit":500}`); strings.Contains(v.said, strconv.Quote(title)) {
			return verdict{"taken", v.said}
		}
	}
	return verdict{"lost", "neither in the library nor in the dead letters"}
}

// letter finds the dead letter of a topic whose message holds a word.
func (x *target) letter(topic events.Topic, word string) (events.Letter, bool) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for l, err := range x.log.DeadLetters(ctx, events.LetterFilter{Topic: topic}) {
		if err == nil && (strings.Contains(string(l.Value), word) || strings.Contains(l.Subject, word) || slices.ContainsFunc(l.Headers, func(h events.Header) bool { return strings.Contains(string(h.Value), word) })) {
			return l, true
		}
	}
	return events.Letter{}, false
}

// An outcome is a line of the figure.
type outcome struct {
	Door    string  `json:"door"`
	Attack  string  `json:"attack"`
	Want    string  `json:"want"`
	Verdict string  `json:"verdict"`
	Pass    bool    `json:"pass"`
	Why     string  `json:"why,omitempty"`
	RSSMiB  float64 `json:"rss_mib,omitempty"`
	Ms      float64 `json:"ms"`
}

// most is how much memory a single request may add to an idle process.
const most = 512 << 20

// try runs an attack, and checks that Cinedex afterwards is as before.
func (x *target) try(a attack) outcome {
	if a.costly {
		x.settle()
	}
	x.forgetPeak()
	began := time.Now()
	v := a.act(x)
	o := outcome{Door: a.door, Attack: a.name, Want: a.want, Verdict: v.is, Ms: ms(time.Since(began)), Pass: a.meets(v)}
	if !o.Pass {
		o.Why = fmt.Sprintf("it says %s, wanted %q in it", strconv.Quote(clipped(v.said, 400)), a.says)
	}
	wrong := func(format string, args ...any) {
		o.Pass = false
		o.Why = strings.TrimPrefix(o.Why+"; "+fmt.Sprintf(format, args...), "; ")
	}
	if x.pid != 0 {
		peak, err := figure.Peak(x.pid)
		if err != nil {
			wrong("the process is gone: %v", err)
			return o
		}
		o.RSSMiB = float64(max(peak-x.idle.rss, 0)) / (1 << 20)
		if peak-x.idle.rss > most {
			wrong("%.0f MiB above idle", o.RSSMiB)
		}
	}
	if err := x.healthy(); err != nil {
		wrong("%v", err)
	}
	return o
}

// settle sends honest calls for a while, until the remains of earlier attacks are collected: the memory of a request is
// measured from an idle process.
func (x *target) settle() {
	if x.pid == 0 {
		return
	}
	const left = 64 << 20
	for deadline := time.Now().Add(15 * time.Second); x.holds().rss > x.idle.rss+left && time.Now().Before(deadline); {
		for range 100 {
			x.honestly()
		}
	}
}

func clipped(s string, n int) string {
	if len(s) > n {
		return s[:n] + "…"
	}
	return s
}

// healthy reports every difference from before the attacks: the process, readiness, an honest answer, held resources.
func (x *target) healthy() error {
	if x.ended() {
		return errors.New("the process has ended")
	}
	if got := x.honestly(); got != x.honest {
		return fmt.Errorf("an honest caller is answered %s, not %s", clipped(got, 200), clipped(x.honest, 200))
	}
	var err error
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if err = x.atRest(); err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

// spare is how many goroutines and files may come and go: connections of the log, merges of tables.
const spare = 48

func (x *target) atRest() error {
	if err := x.ready(); err != nil {
		return fmt.Errorf("not ready: %w", err)
	}
	l := x.holds()
	if l.goroutines > x.idle.goroutines+spare {
		return fmt.Errorf("%.0f goroutines, %.0f before", l.goroutines, x.idle.goroutines)
	}
	if l.files > x.idle.files+spare {
		return fmt.Errorf("%.0f open files, %.0f before", l.files, x.idle.files)
	}
	return nil
}

var tookMs = regexp.MustCompile(`"tookMs":\s?[0-9.eE+-]+`)

// honestly is the answer to an honest caller, without the elapsed time.
func (x *target) honestly() string {
	v := x.ask("dialogue.phrase:7001 title:crash-1")
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(v.said)); err != nil {
		return v.is + " " + v.said
	}
	return v.is + " " + tookMs.ReplaceAllString(compact.String(), `"tookMs":0`)
}

func (x *target) get(path string) (int, string) {
	resp, err := http.Get("http://" + x.admin + path)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(b)
}

// holds reads the process's held resources from its metrics.
func (x *target) holds() (l load) {
	x.t.Helper()
	if x.admin == "" {
		return l
	}
	_, body := x.get("/metrics")
	gauge := func(name string) (n float64) {
		for line := range strings.Lines(body) {
			if rest, ok := strings.CutPrefix(line, name+" "); ok {
				n, _ = strconv.ParseFloat(strings.TrimSpace(rest), 64)
			}
		}
		return n
	}
	return load{goroutines: gauge("go_goroutines"), files: gauge("process_open_fds"), rss: int64(gauge("process_resident_memory_bytes"))}
}

// forgetPeak makes the kernel begin the peak of the process anew (clear_refs of proc_pid_clear_refs(5)).
func (x *target) forgetPeak() {
	if x.pid == 0 {
		return
	}
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", x.pid), []byte("5"), 0o200); err != nil && !errors.Is(err, os.ErrNotExist) {
		x.t.Logf("the peak of memory is the one since the start: %v", err)
	}
}

// manyCallers is how many hostile callers ask at once in the figure.
const manyCallers = 64

// addTokens adds the attackers' tokens to the home's file of tokens.
func (x *target) addTokens(file string) {
	x.t.Helper()
	moreTokens(x.t, file, func(add addToken) {
		x.reader, x.some, x.nothing = add("reader", "*"), add("some", "crash-1"), add("nothing", "")
		// The token may send events of every title, and may move no film between titles.
		x.ingest = add("ingest", "*", "ingest")
		x.operator, x.batch = add("operator", "*", "operator"), add("batch", "crash-1", "batch")
		for i := range manyCallers {
			x.many = append(x.many, add(fmt.Sprintf("many-%d", i), "*"))
		}
	})
}

// An addToken adds a caller of some titles, which are divided by spaces, and returns the caller's token.
type addToken func(name, titles string, roles ...string) string

// moreTokens adds callers to a file of tokens.
func moreTokens(t testing.TB, file string, more func(addToken)) {
	t.Helper()
	type entry struct {
		Name   string
		SHA256 string
		Titles []string
		Roles  []string
	}
	var tokens struct{ Tokens []entry }
	b, err := os.ReadFile(file)
	if err == nil {
		err = yaml.Unmarshal(b, &tokens)
	}
	if err != nil {
		t.Fatal(err)
	}
	more(func(name, titles string, roles ...string) string {
		token := "attack-token-of-" + name
		sum := sha256.Sum256([]byte(token))
		tokens.Tokens = append(tokens.Tokens, entry{name, hex.EncodeToString(sum[:]), strings.Fields(titles), roles})
		return token
	})
	if b, err = yaml.Marshal(tokens); err == nil {
		err = authz.WriteSecret(file, b)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// learn fills in the attacker's knowledge after the films are in the library.
func (x *target) learn() {
	x.t.Helper()
	until := time.Now().Add(time.Minute)
	for v := x.call("GetStatus", "{}"); ; v = x.call("GetStatus", "{}") {
		var status pb.GetStatusResponse
		if v.is == "200" && schema.UnmarshalJSON([]byte(v.said), &status) == nil && len(status.GetAssets()) >= 2 {
			for _, a := range status.GetAssets() {
				for _, r := range a.GetActive() {
					if r.GetAlgorithm() != "thumbnails" {
						continue
					}
					switch a.GetTitle() {
					case "crash-1":
						x.asset, x.run = a.GetAsset(), r.GetRun()
					case "crash-2":
						x.hidden, x.hiddenRun = a.GetAsset(), r.GetRun()
					}
				}
			}
			if x.asset != "" && x.hidden != "" {
				break
			}
		}
		if time.Now().After(until) {
			x.t.Fatalf("the library is not seen: %v", v)
		}
		time.Sleep(50 * time.Millisecond)
	}
	// Models and caches filled by an honest caller do not count as the attacker's.
	for _, q := range []string{"dialogue:harbour", "look:water", `shot:"` + x.asset + `@1s"`, `frame:"` + x.asset + `@1s"`, "label:boat"} {
		if v := x.ask(q); v.is != "200" {
			x.t.Fatalf("%s: %v", q, v)
		}
	}
	x.honest = x.honestly()
	if !strings.Contains(x.honest, "7001") {
		x.t.Fatalf("an honest caller finds %s", x.honest)
	}
	x.idle = x.holds()
}

// prey writes the films of the library, and the sound with which attacks arrive.
func prey(t testing.TB, dir string) (films []*pb.MediaArrived, sound string) {
	t.Helper()
	for i := 1; i <= 2; i++ {
		m, _ := film(t, shortFilm(i), dir)
		films = append(films, m)
	}
	ffmpeg, err := testCache(t).Tool("ffmpeg")
	need(t, "ffmpeg", err)
	sound = filepath.Join(dir, "sound.m4a")
	if out, err := execCombined(ffmpeg, "-v", "error", "-y", "-f", "lavfi", "-i", "sine=d=1", "-c:a", "aac", sound); err != nil {
		t.Fatalf("making a sound: %v: %s", err, out)
	}
	return films, sound
}

// attackPlatform runs the quick attacks against a platform in this process with the films crash-1 and crash-2.
func attackPlatform(t *testing.T, w *world, home, tokenFile, dir string) {
	e, err := endpointOf(home)
	if err != nil {
		t.Fatal(err)
	}
	x := &target{t: t, server: w.server(), brokers: e.Brokers, log: w.Events, home: home, media: dir,
		ready: func() error { return lifecycle.Ready(w.actors...) }, ended: func() bool { return w.ctx.Err() != nil }}
	x.addTokens(tokenFile)
	x.learn()
	all := attacks(t)
	for len(all) > 0 {
		next := slices.IndexFunc(all, func(a attack) bool { return a.door != all[0].door })
		if next < 0 {
			next = len(all)
		}
		door := all[:next]
		all = all[next:]
		t.Run(door[0].door, func(t *testing.T) {
			for _, a := range door {
				if a.slow || a.open {
					continue
				}
				o := x.try(a)
				if o.Ms > 1000 {
					t.Logf("%s: %s after %.0f ms", o.Attack, o.Verdict, o.Ms)
				}
				if !o.Pass {
					t.Errorf("%s: %s, want %s: %s", o.Attack, o.Verdict, o.Want, o.Why)
				}
			}
		})
	}
}

func TestFigureAttacks(t *testing.T) {
	figure.Begin(t, "hostile/attacks")
	dir := t.TempDir()
	films, sound := prey(t, dir)
	x := &target{t: t, media: dir, sound: sound, bin: buildCommand(t), admin: freeAddress(t)}
	c := &commandHome{t: t, bin: x.bin, dir: filepath.Join(t.TempDir(), "home"), media: dir, set: []string{"telemetry.admin_address=" + x.admin}}
	c.up()
	for _, m := range films {
		c.send(m)
	}
	c.wait(films)
	e, err := c.home().endpoint()
	if err != nil {
		t.Fatal(err)
	}
	if x.log, err = c.home().log(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer x.log.Close()
	gone := make(chan struct{})
	ended := c.ended
	c.ended = make(chan error, 1)
	go func() { c.ended <- <-ended; close(gone) }()
	x.server, x.brokers, x.home, x.pid = e.Server, e.Brokers, c.dir, e.PID
	x.ended = func() bool {
		select {
		case <-gone:
			return true
		default:
			return false
		}
	}
	x.ready = func() error {
		if status, body := x.get("/readyz"); status != http.StatusOK {
			return fmt.Errorf("%d %s", status, body)
		}
		return nil
	}
	x.addTokens(filepath.Join(c.dir, "tokens.yaml"))
	x.learn()

	var outcomes []outcome
	for _, a := range attacks(t) {
		o := x.try(a)
		outcomes = append(outcomes, o)
		line, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		t.Log(string(line))
		if x.ended() {
			t.Fatalf("the process has ended: %s", tail(c.said.Bytes(), 4000))
		}
	}
	x.reportAttacks(t, outcomes)
	x.storm(t)
	// The attacks did not delay honest callers.
	last, _ := film(t, shortFilm(4), dir)
	c.send(last)
	c.wait([]*pb.MediaArrived{last})
	c.end(syscall.SIGTERM)
}

// reportAttacks reports a line for each door and a line for all doors, and writes the table.
func (x *target) reportAttacks(t *testing.T, outcomes []outcome) {
	t.Helper()
	var doors []string
	byDoor := map[string][]outcome{}
	for _, o := range outcomes {
		if byDoor[o.Door] == nil {
			doors = append(doors, o.Door)
		}
		byDoor[o.Door] = append(byDoor[o.Door], o)
	}
	held := func(os []outcome) (n int, rss, took float64) {
		for _, o := range os {
			if o.Pass {
				n++
			}
			rss, took = max(rss, o.RSSMiB), max(took, o.Ms)
		}
		return n, rss, took
	}
	for _, door := range doors {
		n, rss, took := held(byDoor[door])
		fmt.Printf("figure hostile/attacks/%s | %d of %d attacks held, at most %.0f MiB above idle and %.0f ms\n", strings.ReplaceAll(door, " ", "-"), n, len(byDoor[door]), rss, took)
	}
	n, rss, _ := held(outcomes)
	if err := writeHostile(outcomes); err != nil {
		t.Fatal(err)
	}
	for _, o := range outcomes {
		if !o.Pass {
			t.Errorf("%s: %s: %s, want %s: %s", o.Door, o.Attack, o.Verdict, o.Want, o.Why)
		}
	}
	figure.Report(t, true, figure.Result{Name: "hostile/attacks",
		Claim:    "200 named attacks at every door: each has the verdict that is owed; after each the process lives, is ready, answers an honest caller with the same bytes and holds no more goroutines and files; memory under any one request ≤ 512 MiB above idle",
		Measured: fmt.Sprintf("%d of %d attacks at %d doors held, at most %.0f MiB above an idle process of %.0f MiB", n, len(outcomes), len(doors), rss, float64(x.idle.rss)/(1<<20)),
		Pass:     n == len(outcomes) && n >= 200, Note: "memory is that of the whole of `cinedex up`, its models among it, without the ffmpeg processes that it starts"})
}

// writeHostile writes the outcomes as a table for docs/benchmarks.
func writeHostile(outcomes []outcome) error {
	var b strings.Builder
	b.WriteString("| door | attack | verdict | held | MiB above idle | ms |\n|---|---|---|---|---|---|\n")
	for _, o := range outcomes {
		held := "yes"
		if !o.Pass {
			held = "NO"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %.0f | %.0f |\n", o.Door, strings.ReplaceAll(o.Attack, "|", `\|`), o.Verdict, held, o.RSSMiB, o.Ms)
	}
	name := filepath.Join("..", "..", ".cinedex", "hostile.md")
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, []byte(b.String()), 0o644)
}

// storm has many callers repeat the costly attacks at once.
func (x *target) storm(t *testing.T) {
	var costly []attack
	for _, a := range attacks(t) {
		if a.costly {
			costly = append(costly, a)
		}
	}
	x.forgetPeak()
	done := time.Now().Add(30 * time.Second)
	var callers sync.WaitGroup
	var mu sync.Mutex
	verdicts := map[string]int{}
	for i, token := range x.many {
		callers.Go(func() {
			mine := *x
			mine.reader, mine.impatient = token, true
			for n := i; time.Now().Before(done); n++ {
				v := costly[n%len(costly)].act(&mine)
				mu.Lock()
				verdicts[v.is]++
				mu.Unlock()
			}
		})
	}
	callers.Wait()
	peak, err := figure.Peak(x.pid)
	if err == nil {
		err = x.healthy()
	}
	figure.Report(t, true, figure.Result{Name: "hostile/attacks/storm",
		Claim:    fmt.Sprintf("%d hostile callers at once repeat the costly attacks for 30 s: memory ≤ 2 GiB, and afterwards all is as before", manyCallers),
		Measured: fmt.Sprintf("%d attacks of %d kinds, peak %.0f MiB; verdicts %v; afterwards %s", sum(verdicts), len(costly), float64(peak)/(1<<20), verdicts, errOr(err, "as before")),
		Pass:     err == nil && peak <= 2<<30 && len(costly) >= 20})
}

func sum(m map[string]int) (n int) {
	for _, k := range m {
		n += k
	}
	return n
}

func errOr(err error, or string) string {
	if err != nil {
		return err.Error()
	}
	return or
}

// attacks are all attacks, door by door.
func attacks(t testing.TB) []attack {
	t.Helper()
	var all []attack
	seen := map[string]bool{}
	for _, door := range [][]attack{
		eventAttacks(), addressAttacks(), filmAttacks(), textAttacks(), logAttacks(),
		lineAttacks(), messageAttacks(), pictureAttacks(), cursorAttacks(), graphqlAttacks(),
		pageAttacks(), mediaAttacks(), operatorAttacks(), headerAttacks(), adminAttacks(), fileAttacks(),
	} {
		for _, a := range door {
			if key := a.door + "/" + a.name; seen[key] {
				t.Fatalf("two attacks are named %s", key)
			} else {
				seen[key] = true
			}
			all = append(all, a)
		}
	}
	return all
}

func endpointOf(dir string) (endpoint, error) { return (&home{dir: dir}).endpoint() }

func execCombined(name string, args ...string) ([]byte, error) {
	return exec.Command(name, args...).CombinedOutput()
}
