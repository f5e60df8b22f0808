package embedded_test

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
)

// A vocabulary draws words as often as they occur.
type vocabulary struct {
	words []string
	upTo  []float64 // share of this word and those before
}

// loadVocabulary reads wordfreq's format: gzipped MessagePack of a list, a header first and
// then the words by frequency, those of 10^(-n/100) in list n.
func loadVocabulary(path string) (*vocabulary, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	r := bufio.NewReader(z)
	n, err := readHead(r, 0x90, 0xdc)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if err := skipHeader(r); err != nil {
		return nil, fmt.Errorf("reading the header of %s: %w", path, err)
	}
	v := &vocabulary{}
	total := 0.0
	for bucket := range n - 1 {
		k, err := readHead(r, 0x90, 0xdc)
		if err != nil {
			return nil, fmt.Errorf("reading bucket %d of %s: %w", bucket, path, err)
		}
		for range k {
			w, err := readString(r)
			if err != nil {
				return nil, fmt.Errorf("reading a word of %s: %w", path, err)
			}
			total += math.Pow(10, -float64(bucket)/100)
			v.words = append(v.words, w)
			v.upTo = append(v.upTo, total)
		}
	}
	for i := range v.upTo {
		v.upTo[i] /= total
	}
	return v, nil
}

// readHead reads the head of an array or a map: short has its length in four bits, long and the type after it in 16 and 32.
func readHead(r *bufio.Reader, short, long byte) (int, error) {
	b, err := r.ReadByte()
	if err != nil {
		return 0, err
	}
	switch {
	case b&0xf0 == short:
		return int(b & 0x0f), nil
	case b == long:
		var n uint16
		err := binary.Read(r, binary.BigEndian, &n)
		return int(n), err
	case b == long+1:
		var n uint32
		err := binary.Read(r, binary.BigEndian, &n)
		return int(n), err
	}
	return 0, fmt.Errorf("unexpected type %#x", b)
}

func readString(r *bufio.Reader) (string, error) {
	b, err := r.ReadByte()
	if err != nil {
		return "", err
	}
	n := 0
	switch {
	case b&0xe0 == 0xa0:
		n = int(b & 0x1f)
	case b == 0xd9:
		l, err := r.ReadByte()
		if err != nil {
			return "", err
		}
		n = int(l)
	default:
		return "", fmt.Errorf("unexpected type %#x of a text", b)
	}
	s := make([]byte, n)
	_, err = io.ReadFull(r, s)
	return string(s), err
}

// skipHeader passes over {"format": "cB", "version": 1}.
func skipHeader(r *bufio.Reader) error {
	n, err := readHead(r, 0x80, 0xde)
	if err != nil {
		return err
	}
	for range n {
		if _, err := readString(r); err != nil {
			return err
		}
		b, err := r.Peek(1)
		if err != nil {
			return err
		}
		if b[0] < 0x80 {
			_, err = r.Discard(1)
		} else {
			_, err = readString(r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (v *vocabulary) word(r *rand.Rand) string {
	i, _ := slices.BinarySearch(v.upTo, r.Float64())
	return v.words[min(i, len(v.words)-1)]
}

// line has two to fourteen words, as subtitles do.
func (v *vocabulary) line(r *rand.Rand) string {
	n := 2 + int(math.Abs(r.NormFloat64()*3.2+5))
	words := make([]string, min(n, 14))
	for i := range words {
		words[i] = v.word(r)
	}
	return strings.Join(words, " ")
}
