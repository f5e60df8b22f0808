package flat

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

// Without assembly, the files and the answers are the same, bit by bit: the path of other processors, on this processor.
func TestPortable(t *testing.T) {
	hadAssembly, wasWide := assembly, wide
	defer func() { assembly, wide = hadAssembly, wasWide }()
	const dim, n = 72, 2400
	for _, metric := range []Metric{Cosine, L2} {
		answer := func() (files map[string]string, answers []Answer) {
			rnd := rand.New(rand.NewPCG(5, 8))
			near := clustered(rnd, dim, 20)
			dir := t.TempDir()
			x := mustOpen(t, dir, Config{Dim: dim, Metric: metric}, celledLimits)
			var batch []Vector
			for i := range n {
				batch = append(batch, Vector{Key{fmt.Sprint("g", i%30), uint32(i)}, 0, 1, near()})
			}
			if err := errors.Join(x.Append(t.Context(), batch), x.Compact(t.Context())); err != nil {
				t.Fatal(err)
			}
			withCells(t, x)
			half := x.Set()
			for i := range 15 {
				half.add(x.Number(fmt.Sprint("g", i)))
			}
			for range 20 {
				for _, f := range []Filter{{}, {Groups: half}} {
					a, err := x.Ask(t.Context(), near(), 10, f)
					if err != nil {
						t.Fatal(err)
					}
					answers = append(answers, a)
				}
			}
			if err := x.Close(); err != nil {
				t.Fatal(err)
			}
			files = map[string]string{}
			entries, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				b, err := os.ReadFile(dir + "/" + e.Name())
				if err != nil {
					t.Fatal(err)
				}
				files[e.Name()] = string(b)
			}
			return files, answers
		}
		assembly, wide = hadAssembly, wasWide
		files, answers := answer()
		assembly, wide = false, false
		plainFiles, plainAnswers := answer()
		if len(files) != len(plainFiles) {
			t.Fatalf("%s: %d files, %d without assembly", metric, len(files), len(plainFiles))
		}
		for name, b := range files {
			if plainFiles[name] != b {
				t.Errorf("%s: %s differs without assembly", metric, name)
			}
		}
		celled := 0
		for i, a := range answers {
			if !slices.Equal(a.Hits, plainAnswers[i].Hits) || a.Cost != plainAnswers[i].Cost {
				t.Fatalf("%s: %v, without assembly %v", metric, a, plainAnswers[i])
			}
			celled += a.Cost.Looked
		}
		if celled == 0 {
			t.Errorf("%s: no cell was looked into", metric)
		}
	}
}
