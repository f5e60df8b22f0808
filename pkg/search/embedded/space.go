package embedded

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
)

// An addedSpace is a space that was added while the engine was open. The record keeps the space, so that the next Open opens the space before
// anybody has announced the space again: deleting a run must reach all vectors of the run.
type addedSpace struct {
	Name      string `json:"name"`
	Version   string `json:"version"`
	Dimension int32  `json:"dimension"`
	Metric    string `json:"metric"`
}

func (a addedSpace) space() *pb.Space {
	return &pb.Space{Name: a.Name, Version: a.Version, Dimension: a.Dimension, Metric: a.Metric}
}

// spacesBeside returns the spaces of a configuration, and after them the added spaces that the configuration does not have.
func (r record) spacesBeside(configured []*pb.Space) []*pb.Space {
	out := slices.Clone(configured)
	for _, a := range r.Added {
		if s := a.space(); find(configured, schema.SpaceID(s)) == nil {
			out = append(out, s)
		}
	}
	return out
}

func find(spaces []*pb.Space, id string) *pb.Space {
	i := slices.IndexFunc(spaces, func(s *pb.Space) bool { return schema.SpaceID(s) == id })
	if i < 0 {
		return nil
	}
	return spaces[i]
}

var _ search.Spacer = (*Engine)(nil)

// AddSpace implements search.Spacer. The space is opened in the live generation and in the generation of a rebuild under way.
func (e *Engine) AddSpace(ctx context.Context, s *pb.Space) error {
	e.rebuilding.Lock()
	defer e.rebuilding.Unlock()
	id := schema.SpaceID(s)
	switch known := find(*e.spaces.Load(), id); {
	case e.closed.Load():
		return errClosed
	case ctx.Err() != nil:
		return ctx.Err()
	case known != nil && (known.GetDimension() != s.GetDimension() || known.GetMetric() != s.GetMetric()):
		return errkind.New(errkind.Invalid, "the space %s has dimension %d and metric %s, and cannot be added with %d and %s: give the space a new version",
			id, known.GetDimension(), known.GetMetric(), s.GetDimension(), s.GetMetric())
	case known != nil:
		return nil
	}
	generations := []*generation{e.live.Load()}
	if fresh := e.underway(); fresh != nil {
		generations = append(generations, fresh.gen)
	}
	var opened []*vectors
	err := func() error {
		for _, g := range generations {
			v, err := openVectors(filepath.Join(g.dir, vectorsDir), e.runs, s, e.log)
			if err != nil {
				return err
			}
			opened = append(opened, v)
		}
		return e.noteSpace(s)
	}()
	if err != nil {
		for _, v := range opened {
			err = errors.Join(err, v.index.Close())
		}
		return fmt.Errorf("adding space %s: %w", id, err)
	}
	e.writing.Lock() // a write is in both generations
	defer e.writing.Unlock()
	for i, g := range generations {
		g.add(opened[i])
	}
	all := append(slices.Clone(*e.spaces.Load()), s)
	e.spaces.Store(&all)
	return nil
}

// noteSpace writes an added space into the record, after the folders of the space are on disk.
func (e *Engine) noteSpace(s *pb.Space) error {
	e.self.Lock()
	defer e.self.Unlock()
	next := e.record
	next.Added = append(slices.Clone(next.Added), addedSpace{s.GetName(), s.GetVersion(), s.GetDimension(), s.GetMetric()})
	if id := schema.SpaceID(s); !slices.Contains(next.Spaces, id) {
		next.Spaces = append(slices.Clone(next.Spaces), id)
		slices.Sort(next.Spaces)
	}
	if err := next.write(e.dir); err != nil {
		return err
	}
	e.record = next
	return nil
}
