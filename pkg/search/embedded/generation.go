package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/embedded/flat"
)

// A generation is a whole index in one folder, texts and vectors: the live index, or the index of a rebuild under way.
type generation struct {
	name   string // of its folder within the engine's, see currentFile
	dir    string // the folder itself
	opened bool   // all of its parts
	text   *text
	// spaces are by name. A map is never changed: add makes another map.
	spaces atomic.Pointer[map[string]*vectors]

	mu      sync.Mutex
	users   int
	retired bool
	idle    chan struct{} // closed when retired and without users
}

const (
	// firstGeneration lies in the engine's folder itself. Other generations lie in folders of generationsDir.
	firstGeneration = "."
	generationsDir  = "generations"
	// currentFile names the live generation. If the file is missing, firstGeneration is live.
	currentFile = "current"

	textDir    = "text"
	vectorsDir = "vectors"
)

func openGeneration(dir, name string, runs *runTable, spaces []*pb.Space, log *slog.Logger) (_ *generation, err error) {
	g := &generation{name: name, idle: make(chan struct{})}
	g.spaces.Store(&map[string]*vectors{})
	defer func() {
		if err != nil {
			err = errors.Join(err, g.close())
		}
	}()
	at := filepath.Join(dir, name)
	g.dir = at
	sealed, err := inspect(at)
	if err != nil {
		return nil, err
	}
	if err := breakSeal(at); err != nil {
		return nil, err
	}
	if g.text, err = openText(filepath.Join(at, textDir), runs, log); err != nil {
		return nil, err
	}
	for _, s := range spaces {
		if g.all()[schema.SpaceID(s)] != nil {
			return nil, errkind.New(errkind.Invalid, "space %s is given twice", schema.SpaceID(s))
		}
		v, err := openVectors(filepath.Join(at, vectorsDir), runs, s, log)
		if err != nil {
			return nil, err
		}
		g.add(v)
	}
	if torn := g.torn(); sealed && torn != "" {
		return nil, &flat.Damage{Path: at, What: torn}
	}
	g.opened = true
	return g, nil
}

// all returns the spaces by name. The caller MUST NOT change the map.
func (g *generation) all() map[string]*vectors { return *g.spaces.Load() }

// add adds a space. The caller MUST NOT call add from two goroutines at once.
func (g *generation) add(v *vectors) {
	next := maps.Clone(g.all())
	next[v.name] = v
	g.spaces.Store(&next)
}

func (g *generation) close() error {
	var errs []error
	for _, v := range g.all() {
		errs = append(errs, v.index.Close())
	}
	if g.text != nil {
		errs = append(errs, g.text.close())
	}
	if err := errors.Join(errs...); err != nil || !g.opened {
		return err
	}
	g.opened = false
	return writeSeal(g.dir)
}

// torn names the place of a cut or damaged record at the end of a log, as of opening the generation; empty if every log ended well.
func (g *generation) torn() string {
	torn := g.text.journal.torn
	for _, v := range g.all() {
		torn = cmp.Or(torn, v.index.Torn())
	}
	return torn
}

// enter keeps the generation open until leave, unless it is retired.
func (g *generation) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.retired {
		return false
	}
	g.users++
	return true
}

func (g *generation) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.users--; g.retired && g.users == 0 {
		close(g.idle)
	}
}

// retire refuses further users, and waits until the present users have left.
func (g *generation) retire() {
	g.mu.Lock()
	if !g.retired {
		g.retired = true
		if g.users == 0 {
			close(g.idle)
		}
	}
	g.mu.Unlock()
	<-g.idle
}

func (g *generation) space(name string) (*vectors, error) {
	v, ok := g.all()[name]
	if !ok {
		return nil, errkind.New(errkind.Invalid, "unknown space %q: there are %v", name, slices.Sorted(maps.Keys(g.all())))
	}
	return v, nil
}

func (g *generation) write(ctx context.Context, b search.Batch) error {
	bySpace := map[string][]*pb.Embedding{}
	for _, m := range b.Embeddings {
		if _, err := g.space(m.GetSpace()); err != nil {
			return fmt.Errorf("writing embedding %d of run %s: %w", m.GetOrdinal(), m.GetRun(), err)
		}
		bySpace[m.GetSpace()] = append(bySpace[m.GetSpace()], m)
	}
	// Texts and each space wait for a sync of their own. In parallel, the write takes as long as the slowest sync.
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() error { return g.text.write(gctx, b.Annotations) })
	for space, embeddings := range bySpace {
		group.Go(func() error { return g.all()[space].write(gctx, embeddings) })
	}
	return group.Wait()
}

func (g *generation) trim(ctx context.Context, run string, annotations, embeddings int64) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return g.text.remove(ctx, run, annotations) })
	for _, v := range g.all() {
		group.Go(func() error { return v.remove(ctx, run, embeddings) })
	}
	return group.Wait()
}

func (g *generation) vector(ctx context.Context, q search.VectorQuery) ([]search.Hit, error) {
	if q.Scope == nil {
		return nil, search.ErrNoScope
	}
	v, err := g.space(q.Space)
	if err != nil {
		return nil, err
	}
	return v.find(ctx, q)
}

// set reads a set.
func (g *generation) set(ctx context.Context, q search.SetQuery) (*reading, error) {
	if q.Text != nil {
		return g.text.set(ctx, q)
	}
	v, err := g.space(q.Vector.Space)
	if err != nil {
		return nil, err
	}
	s, err := v.set(ctx, q)
	if err != nil {
		return nil, err
	}
	return s.reading(), nil
}

// size returns how many items a set has at most.
func (g *generation) size(ctx context.Context, q search.SetQuery) (int, error) {
	if q.Text != nil {
		return g.text.size(ctx, q)
	}
	v, err := g.space(q.Vector.Space)
	if err != nil {
		return 0, err
	}
	f, err := v.filter(ctx, q.Vector)
	if err != nil {
		return 0, err
	}
	return v.index.Count(f)
}

// dump writes, run by run, the annotations and then the embeddings by space. The lines of all embeddings are gathered before the
// first line is written, some 200 bytes each.
func (g *generation) dump(ctx context.Context, w io.Writer) error {
	var vectors []search.EmbeddingLine
	for _, v := range g.all() {
		err := v.dump(ctx, func(line search.EmbeddingLine) { vectors = append(vectors, line) })
		if err != nil {
			return fmt.Errorf("dumping space %s: %w", v.name, err)
		}
	}
	slices.SortFunc(vectors, func(a, b search.EmbeddingLine) int {
		return cmp.Or(cmp.Compare(a.Run, b.Run), cmp.Compare(a.Space, b.Space), cmp.Compare(a.Ordinal, b.Ordinal), cmp.Compare(a.Hash, b.Hash))
	})
	writeBefore := func(run string) error {
		for len(vectors) > 0 && (run == "" || vectors[0].Run < run) {
			if err := search.WriteLine(w, vectors[0]); err != nil {
				return err
			}
			vectors = vectors[1:]
		}
		return nil
	}
	err := g.text.dump(ctx, func(line search.AnnotationLine) error {
		if err := writeBefore(line.Run); err != nil {
			return err
		}
		return search.WriteLine(w, line)
	})
	if err != nil {
		return fmt.Errorf("dumping texts: %w", err)
	}
	return writeBefore("")
}

// currentGeneration returns the name of the live generation of a folder.
func currentGeneration(dir string) (string, error) {
	b, err := os.ReadFile(filepath.Join(dir, currentFile))
	if errors.Is(err, os.ErrNotExist) {
		left, err := filepath.Glob(filepath.Join(dir, generationsDir, "*", textDir))
		if _, first := os.Stat(filepath.Join(dir, textDir)); err == nil && errors.Is(first, os.ErrNotExist) && len(left) > 0 {
			err = damage(filepath.Join(dir, currentFile), "it is missing, and generations are there")
		}
		return firstGeneration, err
	}
	if err != nil {
		return "", fmt.Errorf("reading which generation is live: %w", err)
	}
	name := strings.TrimSpace(string(b))
	if !filepath.IsLocal(name) || filepath.Dir(name) != generationsDir {
		return "", damage(filepath.Join(dir, currentFile), "it names %.64q, which is no generation", name)
	}
	if _, err := os.Stat(filepath.Join(dir, name)); errors.Is(err, os.ErrNotExist) {
		return "", damage(filepath.Join(dir, currentFile), "it names %s, which is missing", name)
	}
	return name, nil
}

// setCurrent makes a generation live, durably and at once.
func setCurrent(dir, name string) error {
	// The generation must be on disk before currentFile names the generation, the name of its folder included.
	for _, d := range []string{filepath.Join(dir, generationsDir), dir} {
		if err := syncFolder(d); err != nil {
			return err
		}
	}
	temporary := filepath.Join(dir, currentFile+".new")
	f, err := os.OpenFile(temporary, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(name + "\n")
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(temporary, filepath.Join(dir, currentFile)); err != nil {
		return err
	}
	return syncFolder(dir)
}

// removeOthers removes every generation but the generation named: earlier generations, and generations that never became live. The
// caller has the generation open, and so is the only user of the folder.
func removeOthers(dir, name string) error {
	var errs []error
	if name != firstGeneration {
		for _, part := range []string{sealFile, textDir, vectorsDir} {
			errs = append(errs, os.RemoveAll(filepath.Join(dir, part)))
		}
	}
	entries, err := os.ReadDir(filepath.Join(dir, generationsDir))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		errs = append(errs, err)
	}
	for _, e := range entries {
		if other := filepath.Join(generationsDir, e.Name()); other != name {
			errs = append(errs, os.RemoveAll(filepath.Join(dir, other)))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("removing earlier generations: %w", err)
	}
	return nil
}
