package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
)

// documentID encodes run and ordinal. The order of ids is the order of runs, then of ordinals.
func documentID(run string, ordinal int64) string {
	const digits = "0123456789abcdef"
	b := make([]byte, 0, len(run)+9)
	b = append(append(b, run...), '/')
	for shift := 28; shift >= 0; shift -= 4 {
		b = append(b, digits[ordinal>>shift&15])
	}
	return string(b)
}

func parseDocumentID(id []byte) (run []byte, ordinal uint32, err error) {
	if len(id) < 9 || id[len(id)-9] != '/' {
		return nil, 0, fmt.Errorf("malformed document id %q", id)
	}
	for _, c := range id[len(id)-8:] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		default:
			return nil, 0, fmt.Errorf("malformed document id %q", id)
		}
		ordinal = ordinal<<4 | uint32(c)
	}
	return id[:len(id)-9], ordinal, nil
}

// A row is stored beside the postings of a document. A row holds the fields of a Hit and of a line of Dump.
type row struct {
	asset, kind, language string
	interval              schema.Interval
	confidence            float32
	// hash is a hash of the indexed texts, which are not kept.
	hash uint64
}

func rowOf(a *pb.Annotation, language string) row {
	return row{
		asset: a.GetAsset(), kind: a.GetKind(), language: language,
		interval:   schema.IntervalOf(a),
		confidence: a.GetConfidence(),
		hash:       search.HashText(a),
	}
}

func (r row) encode() []byte {
	b := make([]byte, 0, 48+len(r.asset)+len(r.kind)+len(r.language))
	b = binary.AppendVarint(b, int64(r.interval.Start))
	b = binary.AppendVarint(b, int64(r.interval.End-r.interval.Start))
	b = binary.LittleEndian.AppendUint32(b, math.Float32bits(r.confidence))
	b = binary.LittleEndian.AppendUint64(b, r.hash)
	for _, s := range []string{r.asset, r.kind, r.language} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return b
}

var errRow = errors.New("malformed row")

// A rawRow is a row whose texts are a part of the encoded row.
type rawRow struct {
	asset, kind, language []byte
	interval              schema.Interval
	confidence            float32
	hash                  uint64
}

func decodeRow(b []byte) (row, error) {
	r, err := decodeRaw(b)
	return row{asset: string(r.asset), kind: string(r.kind), language: string(r.language), interval: r.interval, confidence: r.confidence, hash: r.hash}, err
}

func decodeRaw(b []byte) (rawRow, error) {
	var r rawRow
	start, n := binary.Varint(b)
	if n <= 0 {
		return rawRow{}, errRow
	}
	b = b[n:]
	length, n := binary.Varint(b)
	if n <= 0 || len(b) < n+12 {
		return rawRow{}, errRow
	}
	b = b[n:]
	r.interval = schema.Interval{Start: schema.Time(start), End: schema.Time(start + length)}
	r.confidence = math.Float32frombits(binary.LittleEndian.Uint32(b))
	r.hash = binary.LittleEndian.Uint64(b[4:])
	b = b[12:]
	for _, s := range []*[]byte{&r.asset, &r.kind, &r.language} {
		l, n := binary.Uvarint(b)
		if n <= 0 || uint64(len(b)-n) < l {
			return rawRow{}, errRow
		}
		*s = b[n : n+int(l)]
		b = b[n+int(l):]
	}
	return r, nil
}
