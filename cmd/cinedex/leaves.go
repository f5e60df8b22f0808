package main

import (
	"context"
	"sync"

	"github.com/cinedex/cinedex/pkg/algo/builtin"
	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/query"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// builtinLeaves is the catalogue of the program's own algorithms. The service reads a line with other leaves.
var builtinLeaves = sync.OnceValue(func() *catalog.View {
	c, err := catalog.New(builtin.Declarations()...)
	if err != nil {
		panic(err) // the built-in algorithms are valid: see the tests of pkg/algo/builtin
	}
	return c.View()
})

// leafOf returns the name of the first leaf of a shape.
func leafOf(v *catalog.View, shape pb.LeafShape) string {
	for _, l := range v.Leaves() {
		if l.GetShape() == shape {
			return l.GetName()
		}
	}
	return ""
}

// wordLeaves are the leaves of words as people type these leaves.
func wordLeaves() (out []string) {
	for _, l := range builtinLeaves().Leaves() {
		if l.GetShape() == pb.LeafShape_LEAF_SHAPE_WORDS && l.GetName() != catalog.Bare {
			out = append(out, builtinLeaves().Short(l.GetName())+":")
		}
	}
	return out
}

// leafNames are how a query may begin.
func leafNames(context.Context, *home) (out []string) {
	for _, l := range builtinLeaves().Leaves() {
		if l.GetName() != catalog.Bare {
			out = append(out, builtinLeaves().Short(l.GetName())+":")
		}
	}
	for _, f := range query.FilterNames() {
		out = append(out, f+":")
	}
	return out
}
