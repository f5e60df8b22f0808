// Package builtin is the list of the algorithms of Cinedex, of their declarations, and of the encoders of their
// spaces. Services build all three from one list over shared models. To add an algorithm, make its folder under
// pkg/algo and add the folder to the list here.
package builtin

import (
	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/dialogue"
	"github.com/cinedex/cinedex/pkg/algo/labels"
	"github.com/cinedex/cinedex/pkg/algo/pictures"
	"github.com/cinedex/cinedex/pkg/algo/sentences"
	"github.com/cinedex/cinedex/pkg/algo/shots"
	"github.com/cinedex/cinedex/pkg/algo/thumbnails"
	"github.com/cinedex/cinedex/pkg/encode"
	"github.com/cinedex/cinedex/pkg/model"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// list has the versions of each algorithm: first the version for arrivals, then the candidates, for which a replay may ask.
var list = []func(*algo.Models) []algo.Algorithm{
	shots.Versions,
	thumbnails.Versions,
	pictures.Versions,
	labels.Versions,
	dialogue.Versions,
	sentences.Versions,
}

// Models are the algorithms and encoders of a process, over shared models. Each model is opened at the first need.
type Models struct {
	shared  *algo.Models
	current []algo.Algorithm
	others  []algo.Algorithm
}

// Open names the models in the cache. threads bounds the processors of one call of a model.
func Open(cache model.Cache, threads int) *Models {
	m := &Models{shared: &algo.Models{Cache: cache, Threads: threads}}
	for _, versions := range list {
		vs := versions(m.shared)
		m.current, m.others = append(m.current, vs[0]), append(m.others, vs[1:]...)
	}
	return m
}

// Close frees the opened models. The caller MUST NOT close models in use.
func (m *Models) Close() error { return m.shared.Close() }

// Algorithms returns every algorithm of Cinedex, candidates included.
func (m *Models) Algorithms() (*algo.Registry, error) {
	current, err := algo.NewRegistry(m.current...)
	if err != nil {
		return nil, err
	}
	return current.WithCandidates(m.others...)
}

// Encoders returns the encoders of the spaces of the algorithms.
func (m *Models) Encoders() (*encode.Set, error) {
	var offers []encode.Offer
	for _, a := range m.current {
		if p, ok := a.(encode.Provider); ok {
			offers = append(offers, p.Encoders()...)
		}
	}
	for _, a := range m.others {
		if p, ok := a.(encode.Provider); ok {
			offers = append(offers, p.Encoders()...)
		}
	}
	return encode.NewSet(offers...)
}

// Declarations returns the declarations of the algorithms of Cinedex. No model is needed or opened.
func Declarations() []*pb.AlgorithmAnnounced { return Open(model.Cache{}, 1).Declarations() }

// Declarations returns the declarations of the algorithms.
func (m *Models) Declarations() []*pb.AlgorithmAnnounced {
	var out []*pb.AlgorithmAnnounced
	for _, a := range m.current {
		out = append(out, &pb.AlgorithmAnnounced{Algorithm: a.Spec()})
	}
	for _, a := range m.others {
		out = append(out, &pb.AlgorithmAnnounced{Algorithm: a.Spec(), Candidate: true})
	}
	return out
}
