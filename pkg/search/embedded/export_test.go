package embedded

func init() { placedFrom = 2 }

// Placed reports whether sets of words read no stored row: the first set has the engine read the places of every document, in the
// background.
func (e *Engine) Placed() bool {
	placed := false
	err := e.reading(func(g *generation) error {
		s, err := g.text.snapshot()
		if err != nil {
			return err
		}
		defer func() { _ = s.Close() }()
		placed = true
		for _, seg := range s.Segments() {
			cols := g.text.columns.made(seg)
			placed = placed && cols != nil && cols.places.Load() != nil
		}
		return nil
	})
	return err == nil && placed
}

// PlaceNothing has sets of words read the row of each item.
func (e *Engine) PlaceNothing() { e.live.Load().text.mostPlaced = 0 }

// Place reads the places of every document.
func (e *Engine) Place() {
	t := e.live.Load().text
	t.placing.Store(true)
	for !e.Placed() && t.ending.Err() == nil {
		t.warm()
	}
}
