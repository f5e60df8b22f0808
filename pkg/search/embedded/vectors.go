package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/embedded/flat"
	"github.com/cinedex/cinedex/pkg/search/words"
)

// vectors is one space: a flat index, whose groups are the embeddings of one run that
// are filtered alike.
type vectors struct {
	name  string
	index *flat.Index

	mu sync.RWMutex
	// runs are the groups of each run. One that has become empty stays: it costs its name.
	runs map[string][]group
}

// A group's name in the flat index is all of these, so that a filter is decided before
// vectors are scanned.
type group struct {
	name                             string
	run, asset, kind, language, char string
}

const groupSeparator = "\x00"

func groupOf(m *pb.Embedding) (group, error) {
	g := group{run: m.GetRun(), asset: m.GetAsset(), kind: m.GetKind(), char: m.GetCharacter()}
	if m.GetLanguage() != "" {
		g.language = words.Canonical(m.GetLanguage())
	}
	parts := []string{g.run, g.asset, g.kind, g.language, g.char}
	g.name = strings.Join(parts, groupSeparator)
	if strings.Count(g.name, groupSeparator) != len(parts)-1 {
		return group{}, errkind.New(errkind.Invalid, "embedding %s has a zero byte in its asset, kind or character", schema.ItemID(m.GetRun(), m.GetOrdinal()))
	}
	return g, nil
}

func parseGroup(name string) (group, error) {
	p := strings.Split(name, groupSeparator)
	if len(p) != 5 {
		return group{}, fmt.Errorf("malformed group %q", name)
	}
	return group{name, p[0], p[1], p[2], p[3], p[4]}, nil
}

func (g group) passes(f search.Filter) bool {
	if len(f.Kinds) > 0 && !slices.Contains(f.Kinds, g.kind) {
		return false
	}
	if len(f.Characters) > 0 && !slices.ContainsFunc(f.Characters, func(c string) bool { return words.Name(c) == words.Name(g.char) }) {
		return false
	}
	return len(f.Languages) == 0 || slices.ContainsFunc(f.Languages, func(l string) bool { return words.Within(g.language, words.Canonical(l)) })
}

func openVectors(dir string, s *pb.Space, log *slog.Logger) (*vectors, error) {
	name := schema.SpaceID(s)
	if s.GetName() == "" || s.GetVersion() == "" || strings.ContainsAny(name, "/\x00") || strings.HasPrefix(name, ".") {
		return nil, errkind.New(errkind.Invalid, "%q is no name of a space", name)
	}
	index, err := flat.Open(filepath.Join(dir, name), flat.Config{
		Dim: int(s.GetDimension()), Metric: flat.Metric(s.GetMetric()), Space: name, Log: log,
	})
	if err != nil {
		return nil, fmt.Errorf("opening space %s: %w", name, err)
	}
	v := &vectors{name: name, index: index, runs: map[string][]group{}}
	_, _ = index.Match(context.Background(), func(name string) bool {
		var g group
		if g, err = parseGroup(name); err == nil {
			v.runs[g.run] = append(v.runs[g.run], g)
		}
		return false
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening space %s: %w", name, err), index.Close())
	}
	return v, nil
}

func (v *vectors) groups(run string) []group {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.runs[run]
}

// note remembers a group. It is called before the group has vectors, so that none is overlooked.
func (v *vectors) note(g group) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !slices.ContainsFunc(v.runs[g.run], func(o group) bool { return o.name == g.name }) {
		v.runs[g.run] = append(slices.Clip(v.runs[g.run]), g)
	}
}

func (v *vectors) write(ctx context.Context, embeddings []*pb.Embedding) error {
	rows := make([]flat.Vector, len(embeddings))
	noted := map[string]bool{}
	var elsewhere []flat.Key
	for i, m := range embeddings {
		if err := search.CheckItem(m.GetRun(), m.GetOrdinal()); err != nil {
			return err
		}
		g, err := groupOf(m)
		if err != nil {
			return err
		}
		if !noted[g.name] {
			v.note(g)
			noted[g.name] = true
		}
		ordinal := uint32(m.GetOrdinal())
		rows[i] = flat.Vector{Key: flat.Key{Group: g.name, Ordinal: ordinal}, Start: m.GetStart(), End: m.GetEnd(), Values: m.GetVector()}
		// The same item may have been written with another language or character.
		for _, o := range v.groups(g.run) {
			if o.name != g.name {
				elsewhere = append(elsewhere, flat.Key{Group: o.name, Ordinal: ordinal})
			}
		}
	}
	if err := v.index.Delete(ctx, elsewhere...); err != nil {
		return fmt.Errorf("writing vectors of space %s: %w", v.name, err)
	}
	if err := v.index.Append(ctx, rows); err != nil {
		return fmt.Errorf("writing vectors of space %s: %w", v.name, err)
	}
	return nil
}

func (v *vectors) remove(ctx context.Context, run string, from int64) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(32) // deletions that wait together share one sync
	for _, o := range v.groups(run) {
		g.Go(func() error { return v.index.DeleteFrom(ctx, o.name, uint32(from)) })
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("deleting vectors of space %s: %w", v.name, err)
	}
	return nil
}

func (v *vectors) find(ctx context.Context, q search.VectorQuery) ([]search.Hit, error) {
	limit := min(q.Limit, search.MaxLimit)
	groups, err := v.visible(ctx, q.Scope, q.Filter)
	if err != nil {
		return nil, fmt.Errorf("searching space %s: %w", v.name, err)
	}
	f := flat.Filter{Groups: groups}
	if span := q.Filter.Span; !span.Empty() {
		f.Span = func(start, end int64) bool {
			return schema.Interval{Start: schema.Time(start), End: schema.Time(end)}.Overlaps(span)
		}
	}
	if limit <= 0 {
		// Asked all the same, so that a wrong vector is told.
		limit, f.Groups = 0, &flat.Set{}
	}
	// Equal vectors are common, as short lines of dialogue repeat. So that those cut off are
	// the last by run and ordinal, some more are asked for until the score falls.
	for more := 16; ; more *= 4 {
		rows, err := v.index.Search(ctx, q.Vector, limit+more, f)
		if err != nil {
			return nil, fmt.Errorf("searching space %s: %w", v.name, err)
		}
		if len(rows) == limit+more && limit > 0 && rows[limit-1].Score == rows[len(rows)-1].Score && more < search.MaxLimit {
			continue
		}
		hits := make([]search.Hit, len(rows))
		for i, r := range rows {
			g, err := parseGroup(r.Group)
			if err != nil {
				return nil, fmt.Errorf("searching space %s: %w", v.name, err)
			}
			hits[i] = search.Hit{
				Run: g.run, Ordinal: int64(r.Ordinal), Asset: g.asset, Kind: g.kind, Language: g.language,
				Interval: schema.Interval{Start: schema.Time(r.Start), End: schema.Time(r.End)}, Score: float64(r.Score),
			}
		}
		slices.SortFunc(hits, search.CompareHits)
		return hits[:min(limit, len(hits))], nil
	}
}

// visible returns the groups that a question may look into. It goes through the names of all, which
// a writer that is syncing does not hold up.
func (v *vectors) visible(ctx context.Context, scope *search.Scope, f search.Filter) (*flat.Set, error) {
	narrowed := len(f.Kinds)+len(f.Characters)+len(f.Languages) > 0
	return v.index.Match(ctx, func(name string) bool {
		run, _, _ := strings.Cut(name, groupSeparator)
		if !scope.Has(run) {
			return false
		}
		if !narrowed {
			return true
		}
		g, err := parseGroup(name)
		return err == nil && g.passes(f)
	})
}
