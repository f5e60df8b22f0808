package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	local "github.com/cinedex/cinedex/deploy/local/servers"
	"github.com/cinedex/cinedex/deploy/local/serverstest"
	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/internal/synthetic"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/model/efficientnet"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/embedded"
	"github.com/cinedex/cinedex/pkg/search/opensearch"
	"github.com/cinedex/cinedex/pkg/store/pebblestore"
)

// beforeBreadth is the commit before the cost of a query was cut loose from the size of the library.
const beforeBreadth = "e2e0bfe"

// TestFigureBreadth asks libraries of 1,000 and of 100,000 films the same questions, of this commit and of the one before, over each
// search engine. BREADTH_FILMS sets the size of the larger one. BREADTH_HOMES names a folder in which filled homes are kept for the
// next time: filling takes most of the time.
func TestFigureBreadth(t *testing.T) {
	for _, engine := range []string{"embedded", "opensearch"} {
		t.Run(engine, func(t *testing.T) {
			figure.Begin(t, "breadth/"+engine)
			breadth(t, engine)
		})
	}
}

func breadth(t *testing.T, engine string) {
	testCache(t)
	films := figure.Size(t, "BREADTH_FILMS", 100_000)
	now := buildCommand(t)
	url := ""
	if engine == "opensearch" {
		url = breadthServer(t, now, 1000, films)
	}
	if os.Getenv("BREADTH_FILL") != "" {
		for _, n := range []int{1000, films} {
			filledHome(t, now, n, engine, url)
		}
		t.Skip("BREADTH_FILL: the libraries are filled, and nothing is measured")
	}
	bins := []string{now}
	if os.Getenv("BREADTH_BEFORE") != "0" {
		bins = append(bins, filepath.Join(buildAt(t, beforeBreadth), "cinedex"))
	}
	var took [2][2]*breadthTimes // by size and commit
	for i, n := range []int{1000, films} {
		filled := filledHome(t, now, n, engine, url)
		for j, bin := range bins {
			c := &commandHome{t: t, bin: bin, dir: filepath.Join(t.TempDir(), "home"), media: t.TempDir()}
			if out, err := exec.Command("cp", "-a", filled, c.dir).CombinedOutput(); err != nil {
				t.Fatalf("copying the home: %v: %s", err, out)
			}
			c.set = breadthSettings(n, url)
			warmUp := 5 * time.Second
			if i == 0 && j == 0 && engine == "opensearch" {
				warmUp = 40 * time.Second // a server that has just started compiles what it runs, and would flatter the larger library
			}
			took[i][j] = measureBreadth(c, films, warmUp)
			t.Logf("%d films, %s: %s", n, []string{"now", "before"}[j], took[i][j])
			if err := os.RemoveAll(c.dir); err != nil {
				t.Fatal(err)
			}
		}
	}
	small, large := took[0][0], took[1][0]
	for _, b := range []*breadthTimes{small, large} {
		if b.failed != nil {
			t.Fatalf("%s", b)
		}
	}
	ratio := func(q float64) float64 { return figure.Quantile(large.quiet, q) / figure.Quantile(small.quiet, q) }
	first, beside := figure.Median(large.first)/figure.Quantile(large.quiet, 0.5), figure.Quantile(large.switching, 0.99)/figure.Quantile(large.quiet, 0.99)
	pass := ratio(0.5) <= 1.5 && ratio(0.99) <= 1.5 && first <= 1.2 && beside <= 1.3 && large.anonymous <= 1<<30 && large.up <= 5*time.Second
	note := "the commit before was left out"
	if len(bins) > 1 {
		note = fmt.Sprintf("the commit before (%s) in the same run: %d films: %s; 1,000 films: %s", beforeBreadth, films, took[1][1], took[0][1])
	}
	figure.Report(t, false, figure.Result{Name: "breadth/" + engine, Ratio: ratio(0.5), Pass: pass,
		Claim: fmt.Sprintf("%d films of 6 active runs against 1,000: p50 and p99 ≤ 1.5x, first query after a switch ≤ 1.2x, p99 beside 100 switches a second ≤ 1.3x, memory ≤ 1 GiB, first answer ≤ 5 s after the start", films),
		Measured: fmt.Sprintf("p50 %.2fx, p99 %.2fx; first query after a switch %.2fx the median; p99 beside switches %.2fx; %d films: %s; 1,000 films: %s",
			ratio(0.5), ratio(0.99), first, beside, films, large, small),
		Note: note})
}

// breadthTimes are what was measured of one process over one library, in milliseconds.
type breadthTimes struct {
	up                      time.Duration // from the start of the process to the first answer
	quiet, first, switching []float64
	by                      map[string][]float64 // the quiet ones, by kind of question
	switches                float64              // a second
	anonymous               int64                // bytes of memory of its own, at the end
	failed                  error                // why there is no more
}

func (b *breadthTimes) String() string {
	if b.failed != nil && len(b.quiet) == 0 {
		return fmt.Sprintf("no answer: %v", b.failed)
	}
	s := fmt.Sprintf("first answer %.1f s after the start; p50 %.1f ms, p99 %.1f ms", b.up.Seconds(), figure.Quantile(b.quiet, 0.5), figure.Quantile(b.quiet, 0.99))
	for _, kind := range breadthKinds {
		if len(b.by[kind]) > 0 {
			s += fmt.Sprintf(", %s %.1f/%.1f", kind, figure.Quantile(b.by[kind], 0.5), figure.Quantile(b.by[kind], 0.99))
		}
	}
	if len(b.first) > 0 {
		s += fmt.Sprintf("; first query after a switch %.1f ms", figure.Median(b.first))
	}
	if len(b.switching) > 0 {
		s += fmt.Sprintf("; beside %.0f switches a second p50 %.1f ms, p99 %.1f ms", b.switches, figure.Quantile(b.switching, 0.5), figure.Quantile(b.switching, 0.99))
	}
	s += fmt.Sprintf("; memory %d MiB", b.anonymous>>20)
	if b.failed != nil {
		s += fmt.Sprintf("; then %v", b.failed)
	}
	return s
}

// breadthKinds are the kinds of questions, whose answers are of the same size in every library, but for "common": that one's words are
// in a share of all lines, so that it is told and not counted.
var breadthKinds = []string{"name", "phrase", "beginning", "title", "label", "some", "common"}

// breadthQuestion is the n-th question of a kind, about one of the first thousand films.
func breadthQuestion(kind string, n int) string {
	i := n * 37 % 1000
	word := synthetic.Words[n%len(synthetic.Words)]
	switch kind {
	case "name":
		return "dialogue.words:" + synthetic.NameOf(i)
	case "phrase":
		return fmt.Sprintf(`dialogue.phrase:"waits for %s"`, synthetic.NameOf(i))
	case "beginning":
		return "dialogue.prefix:" + synthetic.NameOf(i)[:7]
	case "title":
		return fmt.Sprintf("dialogue.words:harbour title:%s", synthetic.TitleOf(i))
	case "label":
		return fmt.Sprintf("(label:%s OR dialogue.words:harbour) title:%s", synthetic.Words[i%len(synthetic.Words)], synthetic.TitleOf(i))
	case "some": // by a caller who sees one title in ten
		return "dialogue.words:" + synthetic.NameOf(i-i%10)
	}
	return "dialogue.words:" + word
}

// breadthToken is of a caller who sees one title in ten.
const breadthToken = "sees-one-title-in-ten-of-them"

// measureBreadth measures one process after a warm-up. films is the size of the larger library: the token's titles are always of the larger library.
func measureBreadth(c *commandHome, films int, warmUp time.Duration) *breadthTimes {
	b := &breadthTimes{by: map[string][]float64{}}
	defer func() {
		if c.cmd != nil && c.cmd.ProcessState == nil {
			c.end(syscall.SIGTERM)
		}
	}()
	writeBreadthTokens(c, films)
	began := time.Now()
	c.up()
	e, err := c.home().endpoint()
	if err != nil {
		c.t.Fatal(err)
	}
	a := &breadthAsker{client: &http.Client{Timeout: 3 * time.Minute}, server: e}
	for { // the first answers of a large library may be late
		if _, _, b.failed = a.ask("name", 0); b.failed == nil {
			break
		}
		if time.Since(began) > 20*time.Second {
			return b
		}
	}
	b.up = time.Since(began)
	questions := 0
	round := func(into *[]float64, by map[string][]float64, until func() bool) error {
		for !until() {
			for _, kind := range breadthKinds {
				_, took, err := a.ask(kind, questions)
				if err != nil {
					return err
				}
				if by != nil {
					by[kind] = append(by[kind], took)
				}
				if kind != "common" {
					*into = append(*into, took)
				}
			}
			questions++
		}
		return nil
	}
	lasts := func(d time.Duration) func() bool {
		end := time.Now().Add(d)
		return func() bool { return time.Now().After(end) }
	}
	var warm []float64
	if b.failed = round(&warm, nil, lasts(warmUp)); b.failed != nil {
		return b
	}
	if b.failed = round(&b.quiet, b.by, lasts(15*time.Second)); b.failed != nil {
		return b
	}
	log, err := c.home().log(context.Background())
	if err != nil {
		c.t.Fatal(err)
	}
	defer log.Close()
	if b.failed = a.firstAfterSwitches(log, b); b.failed != nil {
		return b
	}
	ctx, stop := context.WithCancel(context.Background())
	var switches atomic.Int64
	var publishing sync.WaitGroup
	publishing.Go(func() { switchEvery(ctx, log, 10*time.Millisecond, &switches) })
	beganSwitching := time.Now()
	if b.failed = round(&warm, nil, lasts(5*time.Second)); b.failed != nil { // a server compiles what it has not done before
		stop()
		publishing.Wait()
		return b
	}
	b.failed = round(&b.switching, nil, lasts(15*time.Second))
	b.switches = float64(switches.Load()) / time.Since(beganSwitching).Seconds()
	stop()
	publishing.Wait()
	b.anonymous = c.anonymous()
	return b
}

// firstAfterSwitches switches what is seen of some films, one after the other, and times the first answer that shows the switch.
func (a *breadthAsker) firstAfterSwitches(log *events.Client, b *breadthTimes) error {
	for n := range 20 {
		i := 900 + n
		film := synthetic.Studio{}.Film(i).GetId()
		q := fmt.Sprintf("label:%s title:%s", synthetic.Words[i%len(synthetic.Words)], synthetic.TitleOf(i))
		if hits, _, err := a.search(a.server.Token, q); err != nil || hits == 0 {
			return errors.Join(err, fmt.Errorf("%s found nothing before the switch", q))
		}
		if err := log.Publish(context.Background(), events.RunsFinished, switchOf(film, "1.1")); err != nil {
			return err
		}
		for deadline := time.Now().Add(2 * time.Minute); ; {
			hits, took, err := a.search(a.server.Token, q)
			if err != nil {
				return err
			}
			if hits == 0 {
				b.first = append(b.first, took)
				break
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("the switch of %s is not seen", film)
			}
		}
	}
	return nil
}

// switchOf is the end of a run of labels that found nothing: readers see it in place of the one before.
func switchOf(film, version string) events.Event {
	return events.Event{Subject: film, Data: &pb.RunFinished{Run: synthetic.RunOf(film, "labels", version)}}
}

// switchEvery switches what is seen of one film after another until ctx ends, at a steady rate.
func switchEvery(ctx context.Context, log *events.Client, every time.Duration, done *atomic.Int64) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		film := synthetic.Studio{}.Film(n % 900).GetId()
		if log.Publish(ctx, events.RunsFinished, switchOf(film, fmt.Sprintf("1.%d", 2+n/900))) == nil {
			done.Add(1)
		}
	}
}

// A breadthAsker asks one process over HTTP.
type breadthAsker struct {
	client *http.Client
	server endpoint
}

func (a *breadthAsker) ask(kind string, n int) (hits int, milliseconds float64, err error) {
	token := a.server.Token
	if kind == "some" {
		token = breadthToken
	}
	q := breadthQuestion(kind, n)
	hits, milliseconds, err = a.search(token, q)
	if err == nil && hits == 0 {
		err = fmt.Errorf("%s found nothing", q)
	}
	return hits, milliseconds, err
}

func (a *breadthAsker) search(token, q string) (hits int, milliseconds float64, err error) {
	body, err := json.Marshal(map[string]any{"q": q})
	if err != nil {
		return 0, 0, err
	}
	req, err := http.NewRequest(http.MethodPost, a.server.Server+searchPath+"Search", strings.NewReader(string(body)))
	if err != nil {
		return 0, 0, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	began := time.Now()
	resp, err := a.client.Do(req)
	if err != nil {
		return 0, 0, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	took := time.Since(began).Seconds() * 1000
	if err != nil {
		return 0, 0, fmt.Errorf("searching %s: %w", q, err)
	}
	if resp.StatusCode != http.StatusOK {
		return 0, 0, fmt.Errorf("searching %s: %d %.300s", q, resp.StatusCode, b)
	}
	var answer struct {
		Hits    []json.RawMessage
		Partial []json.RawMessage
	}
	if err := json.Unmarshal(b, &answer); err != nil {
		return 0, 0, err
	}
	if len(answer.Partial) > 0 {
		return 0, 0, fmt.Errorf("searching %s: partial: %s", q, answer.Partial)
	}
	return len(answer.Hits), took, nil
}

// writeBreadthTokens lets a second caller see one title in ten.
func writeBreadthTokens(c *commandHome, films int) {
	c.t.Helper()
	file := filepath.Join(c.dir, "tokens.yaml")
	var titles []string
	for i := 0; i < films; i += 10 {
		titles = append(titles, synthetic.TitleOf(i))
	}
	const owner = "the-one-who-sees-everything"
	if err := authz.WriteFile(file, "owner", owner, "*"); err != nil {
		c.t.Fatal(err)
	}
	some := file + ".some"
	if err := authz.WriteFile(some, "some", breadthToken, titles...); err != nil {
		c.t.Fatal(err)
	}
	b, err := os.ReadFile(some)
	if err != nil {
		c.t.Fatal(err)
	}
	_, entry, ok := strings.Cut(string(b), "tokens:\n")
	if !ok {
		c.t.Fatalf("the file of tokens has another form: %.200s", b)
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteString(entry)
		err = errors.Join(err, f.Close(), os.WriteFile(filepath.Join(c.dir, "token"), []byte(owner+"\n"), 0o600))
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

// anonymous is how much memory of its own the process has, in bytes (RssAnon of proc_pid_status(5)): pages of mapped files are the kernel's to take back.
func (c *commandHome) anonymous() int64 {
	c.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	if err != nil {
		c.t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err != nil {
				c.t.Fatal(err)
			}
			return kb << 10
		}
	}
	c.t.Fatal("the process tells no RssAnon")
	return 0
}

// breadthSettings choose the search engine.
func breadthSettings(films int, url string) []string {
	if url == "" {
		return nil
	}
	return []string{"search.engine=opensearch", "search.opensearch.urls=" + url, "search.opensearch.prefix=" + breadthPrefix(films)}
}

// breadthServer returns the URL of an OpenSearch for libraries of these sizes. With BREADTH_HOMES, the server is the test's own: the kept
// data folder is filled where a library is missing, and then copied, since a measured process switches runs.
func breadthServer(t *testing.T, bin string, sizes ...int) string {
	t.Helper()
	homes := os.Getenv("BREADTH_HOMES")
	if homes == "" {
		return serverstest.OpenSearch(t)
	}
	kept := filepath.Join(homes, "opensearch-data")
	missing := slices.DeleteFunc(slices.Clone(sizes), func(n int) bool {
		_, err := os.Stat(homeOfBreadth(homes, "opensearch", n))
		return err == nil
	})
	if len(missing) > 0 {
		c := serverstest.Start(t, local.Config{OpenSearch: 1, Dir: kept})
		for _, n := range missing {
			filledHome(t, bin, n, "opensearch", c.OpenSearch.URL())
		}
		if err := c.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if os.Getenv("BREADTH_FILL") != "" {
		return ""
	}
	dir := filepath.Join(t.TempDir(), "opensearch")
	if out, err := exec.Command("cp", "-a", kept, dir).CombinedOutput(); err != nil {
		t.Fatalf("copying the data of OpenSearch: %v: %s", err, out)
	}
	return serverstest.Start(t, local.Config{OpenSearch: 1, Dir: dir}).OpenSearch.URL()
}

// refreshEvery sets how often the indices of a library become visible. Writers wait for the next refresh. Many refreshes make many small
// segments, and each merge of segments builds a graph of vectors again.
func refreshEvery(t *testing.T, url, prefix, interval string) {
	t.Helper()
	body := strings.NewReader(fmt.Sprintf(`{"index":{"refresh_interval":%q}}`, interval))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url+"/"+prefix+".*/_settings", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
		t.Fatalf("setting the refresh interval of %s: %d %s", prefix, resp.StatusCode, b)
	}
}

// homeOfBreadth is the folder of a filled home.
func homeOfBreadth(homes, engine string, films int) string {
	return filepath.Join(homes, fmt.Sprintf("%s-%d", engine, films))
}

// breadthPrefix begins the names of the indices of a library of this size.
func breadthPrefix(films int) string { return fmt.Sprintf("breadth-%d", films) }

// filledHome returns a home with a library in its store and its search engine, which nobody may write to: it is copied.
func filledHome(t *testing.T, bin string, films int, engine, url string) string {
	t.Helper()
	homes := os.Getenv("BREADTH_HOMES")
	if homes == "" {
		homes = t.TempDir()
	}
	dir := homeOfBreadth(homes, engine, films)
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	making := dir + ".making"
	if err := os.RemoveAll(making); err != nil {
		t.Fatal(err)
	}
	// A process that runs over the empty home makes the store, the log and the search engine know each other.
	c := &commandHome{t: t, bin: bin, dir: making, media: t.TempDir(), set: breadthSettings(films, url)}
	c.up()
	c.end(syscall.SIGTERM)
	ctx := t.Context()
	spaces := breadthSpaces()
	studio := synthetic.Studio{Films: films, Sentences: spaces[0], Pictures: spaces[1]}
	progress := func(what string) func(int) {
		began := time.Now()
		var last atomic.Int64
		return func(done int) {
			if now := time.Now().Unix(); last.Swap(now) != now {
				fmt.Fprintf(os.Stderr, "\rfilling the %s: %d of %d films, %.0f s ", what, done, films, time.Since(began).Seconds())
			}
		}
	}
	cfg := pebblestore.Default()
	cfg.Dir = filepath.Join(making, "store")
	st, err := pebblestore.Open(cfg, pebblestore.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	err = studio.FillStore(ctx, st, progress("store"))
	if err := errors.Join(err, st.Close()); err != nil {
		t.Fatal(err)
	}
	var e search.Engine
	if engine == "embedded" {
		e, err = embedded.Open(filepath.Join(making, "search"), embedded.Config{Spaces: spaces}, embedded.Deps{})
	} else {
		c := opensearch.Default()
		c.URLs, c.Prefix = []string{url}, breadthPrefix(films)
		e, err = opensearch.Open(ctx, c, opensearch.Deps{Spaces: spaces})
	}
	if err != nil {
		t.Fatal(err)
	}
	if engine == "opensearch" {
		refreshEvery(t, url, breadthPrefix(films), "1s")
		defer refreshEvery(t, url, breadthPrefix(films), "50ms")
	}
	err = studio.FillEngine(ctx, e, progress("search engine"))
	if err := errors.Join(err, e.Close()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(making, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
	return dir
}

// breadthSpaces are the spaces of sentences and of pictures, as the algorithms that come with Cinedex have them.
func breadthSpaces() []*pb.Space {
	spaces := []*pb.Space{
		{Name: "e5-small", Version: "1", Dimension: 384, Metric: "cosine", Encoders: []string{"text"}},
		{Name: "efficientnet-lite2", Version: "1", Dimension: efficientnet.FeatureDim, Metric: "cosine", Encoders: []string{"text", "picture", "frame"}},
	}
	return slices.Clone(spaces)
}
