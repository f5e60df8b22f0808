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

// An AnnotationLine is the line that Dump writes of an annotation. The fields in their order are the format.
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

// An EmbeddingLine is the line that Dump writes of an embedding. The embeddings of a run follow its annotations, ordered by space.
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
	// Hash is the hash of the vector's values as the engine keeps the values.
	Hash string `json:"hash"`
}

// HashText returns a hash of text, label and character of an annotation.
func HashText(a *pb.Annotation) uint64 {
	return xxhash.Sum64String(a.GetText() + "\x00" + a.GetLabel() + "\x00" + a.GetCharacter())
}

// HashVector returns a hash of the values of a vector.
func HashVector(v []float32) string {
	b := make([]byte, 0, 4*len(v))
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return fmt.Sprintf("%x", xxhash.Sum64(b))
}

// WriteLine writes an object of Dump as a line of JSON.
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
