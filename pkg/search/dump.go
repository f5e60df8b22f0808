package search

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"

	"github.com/cespare/xxhash/v2"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// An AnnotationLine is a line of Dump: its fields in their order are the format.
type AnnotationLine struct {
	Run        string  `json:"run"`
	Ordinal    int64   `json:"annotation"`
	Asset      string  `json:"asset"`
	Kind       string  `json:"kind"`
	Language   string  `json:"language,omitempty"`
	Start      int64   `json:"start"`
	End        int64   `json:"end"`
	Confidence float32 `json:"confidence"`
	// Hash is of text, label and character, in hexadecimal.
	Hash string `json:"hash"`
}

// An EmbeddingLine is a line of Dump of an embedding. Those of a run come behind its annotations, by space.
type EmbeddingLine struct {
	Run       string `json:"run"`
	Space     string `json:"space"`
	Ordinal   int64  `json:"embedding"`
	Asset     string `json:"asset"`
	Kind      string `json:"kind,omitempty"`
	Language  string `json:"language,omitempty"`
	Character string `json:"character,omitempty"`
	Start     int64  `json:"start"`
	End       int64  `json:"end"`
	// Hash is of the values as the engine keeps them.
	Hash string `json:"hash"`
}

// HashText tells the texts of an annotation from others.
func HashText(a *pb.Annotation) uint64 {
	return xxhash.Sum64String(a.GetText() + "\x00" + a.GetLabel() + "\x00" + a.GetCharacter())
}

// HashVector tells the values of a vector from others.
func HashVector(v []float32) string {
	b := make([]byte, 0, 4*len(v))
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return fmt.Sprintf("%x", xxhash.Sum64(b))
}

// WriteLine writes one object of Dump.
func WriteLine(w io.Writer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding a line of the dump: %w", err)
	}
	if _, err := w.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("writing the dump: %w", err)
	}
	return nil
}
