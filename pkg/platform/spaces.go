package platform

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
)

const (
	// spacePatience is how long an embedding waits for the announcement of its space. The announcement is published before the first run, and a
	// process has it within milliseconds; embeddings of a space that nobody announces must not hold up a partition for ever.
	spacePatience = 5 * time.Second
	// spacesAgain is the pause before a space is tried again that the search engine could not add.
	spacesAgain = 2 * time.Second
	// mostMissed bounds the spaces that embeddings wait for.
	mostMissed = 1000
)

// Spaces gives the search engine of a process the spaces of the catalogue, also those announced while the process runs.
type Spaces struct {
	engine  search.Spacer // nil: an engine that takes no spaces while it is open
	catalog *catalog.Catalog
	// read returns nil once the catalogue has every announcement of before.
	read func() error
	log  *slog.Logger
	now  func() time.Time

	adding  sync.Mutex // held while a space is added
	mu      sync.Mutex
	settled map[string]error     // by space: nil for an added space, or the error of kind Invalid
	missed  map[string]time.Time // when an embedding of a space that is in no catalogue was first seen
}

// newSpaces returns the spaces of an engine. own are the spaces that the engine was opened with.
func newSpaces(e search.Engine, own []*pb.Space, c *catalog.Catalog, read func() error, log *slog.Logger) *Spaces {
	s := &Spaces{catalog: c, read: read, log: log, now: time.Now, settled: map[string]error{}, missed: map[string]time.Time{}}
	s.engine, _ = search.As[search.Spacer](e)
	for _, space := range own {
		s.settled[schema.SpaceID(space)] = nil
	}
	return s
}

// Await returns nil once the search engine has a space.
//
//   - Unavailable: the space was not announced yet, or the engine could not add the space. A retry may help.
//   - Invalid: the engine cannot have the space, or the space was not announced for so long that nobody will announce the space.
func (s *Spaces) Await(ctx context.Context, id string) error {
	if settled, err := s.known(id); settled {
		return err
	}
	if space := s.catalog.View().Space(id); space != nil {
		return s.add(ctx, space)
	}
	if err := s.read(); err != nil {
		return errkind.New(errkind.Unavailable, "the space %.140s is not in the catalogue, which was not read to its end yet: %w", id, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	since, waits := s.missed[id]
	switch {
	case !waits && len(s.missed) < mostMissed:
		s.missed[id] = s.now()
	case !waits, s.now().Sub(since) > spacePatience:
		return errkind.New(errkind.Invalid, "no algorithm in the catalogue declares the space %.140s", id)
	}
	return errkind.New(errkind.Unavailable, "the space %.140s is not announced yet", id)
}

// known reports whether a space is settled, and the error of a space that the engine cannot have.
func (s *Spaces) known(id string) (settled bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err, settled = s.settled[id]
	return settled, err
}

// add adds a space, unless the space is there or cannot be.
func (s *Spaces) add(ctx context.Context, space *pb.Space) error {
	s.adding.Lock()
	defer s.adding.Unlock()
	id := schema.SpaceID(space)
	if settled, err := s.known(id); settled {
		return err
	}
	err := errkind.New(errkind.Invalid, "the search engine takes no space while it is open: restart this process")
	if s.engine != nil {
		err = s.engine.AddSpace(ctx, space)
	}
	if err != nil && !errkind.Is(err, errkind.Invalid) {
		return fmt.Errorf("adding the space %s to the search engine: %w", id, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settled[id] = err
	delete(s.missed, id)
	if err != nil {
		s.log.Error("a space cannot be added to the search engine", "space", id, "error", err)
	} else {
		s.log.Info("the search engine has another space", "space", id, "dimension", space.GetDimension())
	}
	return err
}

// Serve adds spaces as the catalogue changes, until ctx ends.
func (s *Spaces) Serve(ctx context.Context) error {
	for {
		changed := s.catalog.Changed()
		var again <-chan time.Time
		if err := s.addAll(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("adding spaces to the search engine again soon", "error", err)
			again = time.After(spacesAgain)
		}
		select {
		case <-changed:
		case <-again:
		case <-ctx.Done():
			return nil
		}
	}
}

// addAll adds every space of the catalogue, and returns the first error that a retry may mend.
func (s *Spaces) addAll(ctx context.Context) (first error) {
	for _, space := range s.catalog.View().Spaces() {
		if err := s.add(ctx, space); err != nil && !errkind.Is(err, errkind.Invalid) && first == nil {
			first = err
		}
	}
	return first
}

// Ready returns nil once every space of the catalogue is in the search engine, or cannot be.
func (s *Spaces) Ready() error {
	for _, space := range s.catalog.View().Spaces() {
		if settled, _ := s.known(schema.SpaceID(space)); !settled {
			return errkind.New(errkind.Unavailable, "the search engine does not have the announced space %s yet", schema.SpaceID(space))
		}
	}
	return nil
}
