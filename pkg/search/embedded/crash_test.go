package embedded_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/embedded"
)

// The tests here start this test binary again as a child, whose part is chosen by childVariable.
const childVariable = "CINEDEX_EMBEDDED_CHILD"

// child runs the part of a child, if this process is one.
func child() {
	part, dir, ok := strings.Cut(os.Getenv(childVariable), ":")
	if !ok {
		return
	}
	var err error
	switch part {
	case "write":
		err = writeForever(dir)
	case "rebuild":
		err = rebuildForever(dir)
	case "full":
		err = fillDisk(dir, false)
	case "full and killed":
		err = fillDisk(dir, true)
	default:
		err = fmt.Errorf("unknown part %q", part)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func startChild(t *testing.T, part, dir string) (*exec.Cmd, io.Reader) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+part+":"+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, out
}

func line(run string, ordinal int64, text string) *pb.Annotation {
	return &pb.Annotation{Run: run, Ordinal: ordinal, Asset: "asset", Kind: schema.KindDialogue, Text: text, Language: "en", Confidence: 1, End: int64(schema.Second)}
}

// writeForever writes from two goroutines, and prints the word of each line once Write returned for it.
func writeForever(dir string) error {
	e, err := embedded.Open(dir, embedded.Config{}, embedded.Deps{})
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for w := range 2 {
		wg.Go(func() {
			for i := int64(0); ; i++ {
				word := fmt.Sprintf("w%dx%dx%d", os.Getpid(), w, i)
				if err := e.Write(context.Background(), search.Batch{Annotations: []*pb.Annotation{line(word, i, word)}}); err != nil {
					return
				}
				mu.Lock()
				fmt.Println(word)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return errors.New("writing ended")
}

func TestKilledKeepsWhatWasAcknowledged(t *testing.T) {
	dir := t.TempDir()
	var acknowledged []string
	for round := range 3 {
		cmd, out := startChild(t, "write", dir)
		lines := bufio.NewScanner(out)
		for n := 0; n < 60+23*round && lines.Scan(); n++ {
			acknowledged = append(acknowledged, lines.Text())
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() {
			acknowledged = append(acknowledged, lines.Text())
		}
		_ = cmd.Wait()
		// The last line may have been cut by the kill.
		if last := len(acknowledged) - 1; last >= 0 && strings.Count(acknowledged[last], "x") < 2 {
			acknowledged = acknowledged[:last]
		}
	}
	if len(acknowledged) < 100 {
		t.Fatalf("only %d lines were written", len(acknowledged))
	}
	e, err := embedded.Open(dir, embedded.Config{}, embedded.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	for _, word := range acknowledged {
		hits, err := e.Text(t.Context(), search.TextQuery{Scope: search.NewScope([]string{word}), Words: word, Limit: 5})
		if err != nil || len(hits) != 1 {
			t.Fatalf("%s was acknowledged: found %v, %v", word, hits, err)
		}
	}
}

// fillDisk has the system refuse larger files, as a full disk does, and takes the limit away again. leave has it end there, as a
// kill would, once what was refused is written.
func fillDisk(dir string, leave bool) error {
	signal.Ignore(syscall.SIGXFSZ)
	ctx := context.Background()
	e, err := embedded.Open(dir, embedded.Config{}, embedded.Deps{})
	if err != nil {
		return err
	}
	defer func() { _ = e.Close() }()
	if err := e.Write(ctx, search.Batch{Annotations: []*pb.Annotation{line("run", 0, "lighthouse")}}); err != nil {
		return fmt.Errorf("writing before: %w", err)
	}
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		return err
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 16 << 10, Max: was.Max}); err != nil {
		return err
	}
	var big []*pb.Annotation
	for i := range int64(3000) {
		big = append(big, line("run", 1+i, fmt.Sprintf("full%d of disk%d", i, i*7)))
	}
	deadline := time.Now().Add(20 * time.Second)
	err = nil
	for err == nil && time.Now().Before(deadline) {
		err = e.Write(ctx, search.Batch{Annotations: big})
	}
	if k := errkind.Of(err); k != errkind.Exhausted {
		return fmt.Errorf("writing to a full disk: %s: %w", k, err)
	}
	if err := e.Ready(ctx); errkind.Of(err) != errkind.Exhausted {
		return fmt.Errorf("ready on a full disk: %w", err)
	}
	find := func() error {
		hits, err := e.Text(ctx, search.TextQuery{Scope: search.NewScope([]string{"run"}), Words: "lighthouse", Limit: 5})
		if err != nil || len(hits) != 1 {
			return fmt.Errorf("searching on a full disk: %v, %w", hits, err)
		}
		return nil
	}
	if err := find(); err != nil {
		return err
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		return err
	}
	if err := e.Write(ctx, search.Batch{Annotations: big}); err != nil {
		return fmt.Errorf("writing after: %w", err)
	}
	if leave {
		os.Exit(0) // with what the index has in memory alone
	}
	// What the index could not write is written behind the journal, a little later.
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if err := e.Ready(ctx); err == nil {
			break
		} else if time.Now().After(deadline) {
			return fmt.Errorf("ready after: %w", err)
		}
	}
	hits, err := e.Text(ctx, search.TextQuery{Scope: search.NewScope([]string{"run"}), Words: "full77", Limit: 5})
	if err != nil || len(hits) != 1 {
		return fmt.Errorf("searching after: %v, %w", hits, err)
	}
	return find()
}

func TestFullDisk(t *testing.T) {
	for _, part := range []string{"full", "full and killed"} {
		t.Run(part, func(t *testing.T) {
			dir := t.TempDir()
			cmd, out := startChild(t, part, dir)
			said, _ := io.ReadAll(out)
			if err := cmd.Wait(); err != nil {
				t.Fatalf("%v\n%s", err, said)
			}
			e, err := embedded.Open(dir, embedded.Config{}, embedded.Deps{})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = e.Close() }()
			hits, err := e.Text(t.Context(), search.TextQuery{Scope: search.NewScope([]string{"run"}), Words: "full77", Limit: 5})
			if err != nil || len(hits) != 1 {
				t.Fatalf("opened again: %v, %v", hits, err)
			}
		})
	}
}

// rebuildForever swaps the engine again and again, each time with a word that tells how often that was, which it
// prints once Commit returned.
func rebuildForever(dir string) error {
	ctx := context.Background()
	e, err := embedded.Open(dir, embedded.Config{Spaces: []*pb.Space{small}}, embedded.Deps{})
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		word := fmt.Sprintf("p%dx%d", os.Getpid(), i)
		r, err := e.Rebuild(ctx)
		if err != nil {
			return err
		}
		var b search.Batch
		for k := range int64(rebuilt) {
			b.Annotations = append(b.Annotations, line("run", k, word))
			b.Embeddings = append(b.Embeddings, &pb.Embedding{Run: "run", Ordinal: k, Space: "small@1", Vector: []float32{1, 2}})
		}
		for _, part := range []search.Batch{{Annotations: b.Annotations[:rebuilt/2], Embeddings: b.Embeddings}, {Annotations: b.Annotations[rebuilt/2:]}} {
			if err := r.Write(ctx, part); err != nil {
				return err
			}
		}
		if err := r.Commit(ctx); err != nil {
			return err
		}
		fmt.Println(word)
	}
}

const rebuilt = 40

var small = &pb.Space{Name: "small", Version: "1", Dimension: 2, Metric: "cosine"}

// A kill at any moment of a rebuild leaves the one engine or the other, whole, and nothing else in the folder.
func TestKilledWhileRebuilding(t *testing.T) {
	dir := t.TempDir()
	rnd := rand.New(rand.NewPCG(21, 5))
	committed := ""
	for round := range 12 {
		cmd, out := startChild(t, "rebuild", dir)
		lines := bufio.NewScanner(out)
		first := make(chan struct{})
		ended := make(chan struct{})
		last := committed
		go func() {
			defer close(ended)
			for n := 0; lines.Scan(); n++ {
				last = lines.Text()
				if n == 0 {
					close(first)
				}
			}
		}()
		<-first
		time.Sleep(time.Duration(rnd.IntN(200)) * time.Millisecond) // the moment is the test's input, nothing is waited for
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		<-ended
		_ = cmd.Wait()
		committed = last

		e, err := embedded.Open(dir, embedded.Config{Spaces: []*pb.Space{small}}, embedded.Deps{})
		if err != nil {
			t.Fatalf("round %d: opening what was killed: %v", round, err)
		}
		scope := search.NewScope([]string{"run"})
		count := func(word string) int {
			t.Helper()
			hits, err := e.Text(t.Context(), search.TextQuery{Scope: scope, Words: word, Limit: 100})
			if err != nil {
				t.Fatal(err)
			}
			return len(hits)
		}
		// The kill may have come between the swap and its line.
		var process, n int
		if _, err := fmt.Sscanf(committed, "p%dx%d", &process, &n); err != nil {
			t.Fatalf("round %d: the child printed %q", round, committed)
		}
		next := fmt.Sprintf("p%dx%d", process, n+1)
		if a, b := count(committed), count(next); !(a == rebuilt && b == 0 || a == 0 && b == rebuilt) {
			t.Errorf("round %d: %d lines of %s and %d of %s", round, a, committed, b, next)
		}
		hits, err := e.Vector(t.Context(), search.VectorQuery{Scope: scope, Space: "small@1", Vector: []float32{1, 2}, Limit: 100})
		if err != nil || len(hits) != rebuilt {
			t.Errorf("round %d: %d vectors, %v", round, len(hits), err)
		}
		if left, err := filepath.Glob(filepath.Join(dir, "generations", "*")); err != nil || len(left) != 1 {
			t.Errorf("round %d: generations %v, %v", round, left, err)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
