package opensearch

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
)

var _ search.Spacer = (*Engine)(nil)

// AddSpace implements search.Spacer. Several processes may add a space at the same time: the index is made once. The index of an added space stays in
// the cluster, and the next process that adds the space finds the index.
func (e *Engine) AddSpace(ctx context.Context, s *pb.Space) error {
	if e.closed.Load() {
		return errClosed
	}
	if err := checkSpace(s); err != nil {
		return err
	}
	e.adding.Lock()
	defer e.adding.Unlock()
	id := schema.SpaceID(s)
	if known, ok := (*e.spaces.Load())[id]; ok {
		if k := known.space; k.GetDimension() != s.GetDimension() || k.GetMetric() != s.GetMetric() {
			return errkind.New(errkind.Invalid, "the space %s has dimension %d and metric %s, and cannot be added with %d and %s: give the space a new version",
				id, k.GetDimension(), k.GetMetric(), s.GetDimension(), s.GetMetric())
		}
		return nil
	}
	p := partOf(e.cfg.Prefix, s)
	if err := e.ensure(ctx, p); err != nil {
		return fmt.Errorf("adding space %s: %w", id, err)
	}
	// Texts of another mark are not of this store: a rebuild is to come, and marks the spaces that it fills.
	marks, err := e.readMarks(ctx, []markDoc{{e.text.name, markID}})
	if err != nil {
		return fmt.Errorf("adding space %s: %w", id, err)
	}
	if marks[0] == e.mark {
		if err := e.markNew(ctx, []part{p}); err != nil {
			return fmt.Errorf("adding space %s: %w", id, err)
		}
	}
	next := maps.Clone(*e.spaces.Load())
	next[id] = p
	e.spaces.Store(&next)
	e.lookAgain()
	return nil
}

// findAdded takes the spaces of the cluster that nobody listed: deleting a run must reach all vectors of the run, before anybody has announced the
// spaces again. An index of another format is left alone.
func (e *Engine) findAdded(ctx context.Context) error {
	var found mappings
	err := e.client.do(ctx, http.MethodGet, "/"+e.cfg.Prefix+".space.*/_mapping", nil, &found)
	var f *failure
	if errors.As(err, &f) && f.Status == http.StatusNotFound {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking for added spaces: %w", err)
	}
	next := maps.Clone(*e.spaces.Load())
	for index, m := range found {
		meta := m.Mappings.Meta
		name, version, ok := strings.Cut(meta.Space, "@")
		s := &pb.Space{Name: name, Version: version, Dimension: meta.Dimension, Metric: meta.Metric}
		if _, known := next[meta.Space]; known || !ok || meta.Format != format || checkSpace(s) != nil {
			continue
		}
		p := partOf(e.cfg.Prefix, s)
		live, err := e.indexOf(ctx, p.name)
		if err != nil {
			return err
		}
		if live == index {
			next[meta.Space] = p
		}
	}
	e.spaces.Store(&next)
	return nil
}
