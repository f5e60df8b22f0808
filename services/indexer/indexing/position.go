package indexing

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/store"
)

const (
	// keepEvery is how late the store learns how far the log was read, and so how much is read again after a crash. A late position is never ahead of
	// the rows, and no batch waits for a position.
	keepEvery = time.Second
	// lastKeep bounds the writing of positions once the process is told to stop.
	lastKeep = 2 * time.Second
)

// positions are how far a group has read the log, kept with the store's rows.
type positions struct {
	store store.Positions
	group string

	mu      sync.Mutex
	reached map[store.Position]int64 // by the position without its offset; not yet in the store
}

func newPositions(s store.Positions, group string) *positions {
	return &positions{store: s, group: group, reached: make(map[store.Position]int64)}
}

// note is told how far a partition is done.
func (p *positions) note(topic events.Topic, partition int, next int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reached[store.Position{Topic: string(topic), Partition: partition}] = next
}

// keep writes the positions that the store does not know yet.
func (p *positions) keep(ctx context.Context) error {
	p.mu.Lock()
	reached := p.reached
	p.reached = make(map[store.Position]int64, len(reached))
	p.mu.Unlock()
	if len(reached) == 0 {
		return nil
	}
	all := make([]store.Position, 0, len(reached))
	for at, next := range reached {
		at.Next = next
		all = append(all, at)
	}
	err := p.store.Reach(ctx, p.group, all)
	if err != nil {
		p.mu.Lock()
		for at, next := range reached {
			if _, newer := p.reached[at]; !newer {
				p.reached[at] = next
			}
		}
		p.mu.Unlock()
	}
	return err
}

// rewind returns how far the store's rows reach.
func (s *Service) rewind(ctx context.Context, hop events.Hop, p *positions) (events.Offsets, error) {
	if err := p.keep(ctx); err != nil {
		return nil, fmt.Errorf("writing how far the log was read: %w", err)
	}
	known, err := p.store.Positions(ctx, p.group)
	if err == nil && len(known) == 0 {
		if err := s.beginEmpty(ctx); err != nil {
			return nil, err
		}
		known, err = p.store.Positions(ctx, p.group)
	}
	if err != nil {
		return nil, fmt.Errorf("asking how far the log was read: %w", err)
	}
	from := make(events.Offsets)
	for _, t := range hop.Topics {
		from[t] = make(map[int]int64)
	}
	for _, at := range known {
		if of := from[events.Topic(at.Topic)]; of != nil {
			of[at.Partition] = at.Next
		}
	}
	return from, nil
}

// morePartitions is for topics that operators gave more partitions than their contracts say.
const morePartitions = 4

// beginEmpty records for a store without assets, new or lost, that the log is to be read from the start. The positions of each group MUST be in the
// store before the first asset. A store with assets and without positions is of a version that kept no positions: groups of such a store go on at
// their committed offsets.
func (s *Service) beginEmpty(ctx context.Context) error {
	for _, err := range s.deps.Store.AllAssets(ctx) {
		if err != nil {
			return fmt.Errorf("asking whether the store is empty: %w", err)
		}
		return nil
	}
	for _, hop := range []events.Hop{events.HopIndexerBackfill, events.HopIndexer} {
		known, err := s.deps.Store.Positions(ctx, hop.Group)
		if err != nil {
			return fmt.Errorf("asking how far the log was read: %w", err)
		}
		if len(known) > 0 {
			continue
		}
		var all []store.Position
		for _, t := range hop.Topics {
			contract, _ := events.ContractOf(t)
			for partition := range morePartitions * max(contract.Partitions, contract.EmbeddedPartitions) {
				all = append(all, store.Position{Topic: string(t), Partition: partition})
			}
		}
		if err := s.deps.Store.Reach(ctx, hop.Group, all); err != nil {
			return fmt.Errorf("recording that the log is to be read from the start: %w", err)
		}
	}
	return nil
}

// keepPositions writes positions until ctx ends. After an error of the store, keepPositions tries again.
func (s *Service) keepPositions(ctx context.Context, all ...*positions) error {
	t := time.NewTicker(keepEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			s.keepAll(ctx, all)
		}
	}
}

func (s *Service) keepAll(ctx context.Context, all []*positions) {
	for _, p := range all {
		if err := p.keep(ctx); err != nil && ctx.Err() == nil {
			s.deps.Log.Warn("the store does not take how far the log was read, and is told again", "group", p.group, "error", err)
		}
	}
}
