package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"

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
	name   string
	index  *flat.Index
	groups *groups
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
	var p [5]string
	rest, more := name, true
	for i := range p {
		if !more {
			return group{}, fmt.Errorf("malformed group %q", name)
		}
		p[i], rest, more = strings.Cut(rest, groupSeparator)
	}
	if more {
		return group{}, fmt.Errorf("malformed group %q", name)
	}
	return group{name, p[0], p[1], p[2], p[3], p[4]}, nil
}

func openVectors(dir string, runs *runTable, s *pb.Space, log *slog.Logger) (*vectors, error) {
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
	v := &vectors{name: name, index: index, groups: newGroups(index, runs)}
	if err := v.groups.catchUp(); err != nil {
		return nil, errors.Join(fmt.Errorf("opening space %s: %w", name, err), index.Close())
	}
	return v, nil
}

func (v *vectors) write(ctx context.Context, embeddings []*pb.Embedding) error {
	rows := make([]flat.Vector, len(embeddings))
	noted := map[string][]string{} // the groups of the same run, by the group
	var elsewhere []flat.Key
	for i, m := range embeddings {
		if err := search.CheckItem(m.GetRun(), m.GetOrdinal()); err != nil {
			return err
		}
		g, err := groupOf(m)
		if err != nil {
			return err
		}
		others, ok := noted[g.name]
		if !ok {
			// The group is known before it has vectors, so that a write of the same item beside this one does not overlook it.
			if others, err = v.groups.beside(g); err != nil {
				return err
			}
			noted[g.name] = others
		}
		ordinal := uint32(m.GetOrdinal())
		rows[i] = flat.Vector{Key: flat.Key{Group: g.name, Ordinal: ordinal}, Start: m.GetStart(), End: m.GetEnd(), Values: m.GetVector()}
		// The same item may have been written with another language or character.
		for _, o := range others {
			elsewhere = append(elsewhere, flat.Key{Group: o, Ordinal: ordinal})
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
	names, err := v.groups.namesOf(run)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(32) // deletions that wait together share one sync
	for _, name := range names {
		g.Go(func() error { return v.index.DeleteFrom(ctx, name, uint32(from)) })
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("deleting vectors of space %s: %w", v.name, err)
	}
	return nil
}

// filter returns which rows a question may find.
func (v *vectors) filter(ctx context.Context, q *search.VectorQuery) (f flat.Filter, err error) {
	f.Groups, err = v.groups.visible(ctx, q.Scope, q.Filter)
	if span := q.Filter.Span; !span.Empty() {
		f.Span = func(start, end int64) bool {
			return schema.Interval{Start: schema.Time(start), End: schema.Time(end)}.Overlaps(span)
		}
	}
	return f, err
}

func (v *vectors) find(ctx context.Context, q search.VectorQuery) ([]search.Hit, error) {
	limit := min(q.Limit, search.MaxLimit)
	f, err := v.filter(ctx, &q)
	if err != nil {
		return nil, fmt.Errorf("searching space %s: %w", v.name, err)
	}
	if limit <= 0 {
		// Asked all the same, so that a wrong vector is told.
		limit, f.Groups = 0, &flat.Set{}
	}
	// Equal vectors are common, as short lines of dialogue repeat. So that those cut off are
	// the last by run and ordinal, some more are asked for until the score falls.
	for more := 16; ; more *= 4 {
		answer, err := v.index.Ask(ctx, q.Vector, limit+more, f)
		if err != nil {
			return nil, fmt.Errorf("searching space %s: %w", v.name, err)
		}
		rows := answer.Hits
		if q.Told != nil {
			q.Told.Recall = answer.Recall
			q.Told.Read += answer.Cost.Bytes
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
