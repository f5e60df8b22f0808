package flat

// HeapBytes returns the bytes on Go's heap of the rows that are not sealed into files, and of the names of groups.
func (x *Index) HeapBytes() (n int64) {
	s := x.current.acquire()
	if s == nil {
		return 0
	}
	for _, v := range s.tails {
		n += int64(4*(cap(v.exact)+cap(v.ordinals)+cap(v.groups)) + 16*cap(v.spans) + cap(v.rough) + cap(v.codes))
	}
	for _, v := range s.segments {
		n += int64(12*len(v.extents) + 4*len(v.places) + 8*len(v.dead))
	}
	for _, name := range s.names {
		n += int64(len(name)) + nameBytes
	}
	if err := s.release(); err != nil {
		x.logger.Error("closing a segment", "error", err)
	}
	return n
}

// nameBytes is what the registry of groups keeps of a group beside its name.
const nameBytes = 48
