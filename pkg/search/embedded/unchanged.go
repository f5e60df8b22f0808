package embedded

import (
	"bytes"
	"fmt"
)

// changed leaves annotations out of changes that the index holds unchanged, so that a replay costs neither analysis nor merges. An
// annotation is written if changed cannot see that the annotation is unchanged. The committing goroutine calls changed.
func (t *text) changed(changes []*change) ([]*change, error) {
	if !t.sure() {
		return changes, nil
	}
	s, err := t.snapshot()
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.Close() }()
	rows := rowsOf(changes)
	same := map[string]bool{}
	for _, seg := range s.Segments() {
		c := t.columns.made(seg)
		if c == nil {
			continue // the segment is new: live writes would wait for its columns
		}
		var ids []string
		names := t.columns.table.list()
		for run, ofRun := range rows {
			n, _ := t.columns.table.find(run)
			r, ok := c.place(n)
			if !ok || names[n] != run {
				continue
			}
			for ordinal := range ofRun {
				if c.first[r] <= ordinal && ordinal <= c.last[r] {
					ids = append(ids, documentID(run, int64(ordinal)))
				}
			}
		}
		if len(ids) == 0 {
			continue
		}
		docs, err := seg.DocNumbers(ids) // documents that are not deleted
		if err != nil {
			return nil, fmt.Errorf("looking for what is indexed already: %w", err)
		}
		for it := docs.Iterator(); it.HasNext(); {
			doc := it.Next()
			run, ordinal := names[c.runOf[doc]], c.ordinals[doc]
			err := seg.VisitDocument(uint64(doc), func(field string, _ byte, value []byte, _ []uint64) bool {
				if field == rowField && bytes.Equal(value, rows[run][ordinal]) {
					same[documentID(run, int64(ordinal))] = true
				}
				return true
			})
			if err != nil {
				return nil, fmt.Errorf("reading what is indexed already: %w", err)
			}
		}
	}
	if len(same) == 0 {
		return changes, nil
	}
	return without(changes, same), nil
}

// rowsOf returns the rows that changes write, by run and ordinal. Items that several changes write are left out, since their order counts.
func rowsOf(changes []*change) map[string]map[uint32][]byte {
	rows := map[string]map[uint32][]byte{}
	for _, c := range changes {
		for i, a := range c.annotations {
			ofRun := rows[a.GetRun()]
			if ofRun == nil {
				ofRun = map[uint32][]byte{}
				rows[a.GetRun()] = ofRun
			}
			ordinal := uint32(a.GetOrdinal())
			if _, twice := ofRun[ordinal]; twice {
				ofRun[ordinal] = nil // which no row equals
				continue
			}
			ofRun[ordinal] = c.rows[i]
		}
	}
	for _, c := range changes {
		for _, id := range c.deletes {
			if run, ordinal, err := parseDocumentID([]byte(id)); err == nil {
				delete(rows[string(run)], ordinal)
			}
		}
	}
	return rows
}

func without(changes []*change, same map[string]bool) (left []*change) {
	for _, c := range changes {
		l := &change{deletes: c.deletes}
		for i, d := range c.docs {
			if !same[d.ID()] {
				l.annotations, l.docs, l.rows = append(l.annotations, c.annotations[i]), append(l.docs, d), append(l.rows, c.rows[i])
			}
		}
		if l.size() > 0 {
			left = append(left, l)
		}
	}
	return left
}

// sure reports whether searches find the same items now as after a crash. After a failed write, sure is false until the index is opened
// anew.
func (t *text) sure() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.doubtful
}
