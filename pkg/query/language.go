package query

import (
	"fmt"
	"slices"
	"strings"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Bare is the name of the leaf of bare words.
const Bare = "any"

// A Vocabulary knows the leaves of the language. Its answers MUST NOT change while a Language uses it.
type Vocabulary interface {
	// Spelled returns the leaf behind a name, and the shape of the leaf's value. An unknown name is returned unchanged.
	Spelled(name string) (leaf string, shape pb.LeafShape)
	// Names returns every name that Spelled knows, aliases included.
	Names() []string
	// Short returns the name to type for a leaf: the leaf itself where no name is shorter.
	Short(leaf string) string
}

// A Language reads and writes queries. Without Names a Language knows the grammar alone, and every leaf takes words.
type Language struct {
	Names Vocabulary
	// Strict makes Parse refuse a leaf unknown to Names.
	Strict bool
}

func (l Language) long(name string) string {
	if l.Names == nil {
		return name
	}
	leaf, _ := l.Names.Spelled(name)
	return leaf
}

func (l Language) short(leaf string) string {
	if l.Names == nil {
		return leaf
	}
	return l.Names.Short(leaf)
}

func (l Language) shape(leaf string) pb.LeafShape {
	if l.Names == nil {
		return pb.LeafShape_LEAF_SHAPE_WORDS
	}
	_, shape := l.Names.Spelled(leaf)
	return shape
}

// unknown returns the error of an unknown name; nil where the name is a leaf, or the language is not strict.
func (l Language) unknown(name string) error {
	if !l.Strict || l.Names == nil || slices.Contains(l.Names.Names(), name) {
		return nil
	}
	names := slices.Sorted(slices.Values(l.Names.Names()))
	return fmt.Errorf("nothing serves %.70q; there are %s%s", name, strings.Join(names, ", "), meant(name, slices.Concat(names, filterNames)))
}

// placed reports whether a value is a place in an asset.
func placed(s pb.LeafShape) bool {
	return s == pb.LeafShape_LEAF_SHAPE_FRAME || s == pb.LeafShape_LEAF_SHAPE_SHOT
}
