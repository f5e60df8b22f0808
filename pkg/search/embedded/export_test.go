package embedded

func init() { placedFrom = 2 }

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
