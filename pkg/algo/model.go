package algo

import (
	"io"
	"sync"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// A Model is opened when an algorithm first needs it, and shared by all that do.
type Model[M io.Closer] interface {
	// Get returns the open model. While it cannot be opened, perhaps because its file has not
	// been fetched, the error is of kind Unavailable, and the next call tries again.
	Get() (M, error)
}

// Opened keeps a model that is opened once. It implements Model.
type Opened[M io.Closer] struct {
	open func() (M, error)

	mu    sync.Mutex
	ready bool
	model M
}

// Lazily returns a Model that open opens at the first need.
func Lazily[M io.Closer](open func() (M, error)) *Opened[M] { return &Opened[M]{open: open} }

// Get implements Model.
func (o *Opened[M]) Get() (M, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ready {
		return o.model, nil
	}
	m, err := o.open()
	if err != nil {
		var none M
		return none, errkind.New(errkind.Unavailable, "opening a model: %w", err)
	}
	o.model, o.ready = m, true
	return m, nil
}

// Close frees the model if it was opened. Nobody may be using it.
func (o *Opened[M]) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.ready {
		return nil
	}
	o.ready = false
	return o.model.Close()
}
