package algo

import (
	"errors"
	"io"
	"slices"
	"sync"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model"
)

// A Model is opened at the first need of an algorithm, and shared by all its users.
type Model[M io.Closer] interface {
	// Get returns the open model. If the model cannot be opened, perhaps because a file was not
	// fetched, the error is of kind Unavailable, and the next call tries again.
	Get() (M, error)
}

// Opened keeps a model which is opened once, and implements Model.
type Opened[M io.Closer] struct {
	open func() (M, error)

	mu    sync.Mutex
	ready bool
	model M
}

// Lazily returns a Model which open opens at the first need.
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

// Close frees the model if the model is open. The caller MUST NOT close a model in use.
func (o *Opened[M]) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.ready {
		return nil
	}
	o.ready = false
	return o.model.Close()
}

// Models are the models of a process. Algorithms and encoders share a model by its name.
type Models struct {
	// Cache holds the model files.
	Cache model.Cache
	// Threads bounds the processors that one call of a model uses; 0 leaves the choice to the model.
	Threads int

	mu     sync.Mutex
	byName map[string]io.Closer
	order  []io.Closer
}

// Shared returns the model of a name, which open opens at the first need. The first caller's open counts.
// All callers of a name MUST ask for the same type.
func Shared[M io.Closer](m *Models, name string, open func() (M, error)) *Opened[M] {
	m.mu.Lock()
	defer m.mu.Unlock()
	if known, ok := m.byName[name]; ok {
		return known.(*Opened[M])
	}
	o := Lazily(open)
	if m.byName == nil {
		m.byName = map[string]io.Closer{}
	}
	m.byName[name] = o
	m.order = append(m.order, o)
	return o
}

// Close frees the open models, the last named first. The caller MUST NOT close models in use.
func (m *Models) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var errs []error
	for _, o := range slices.Backward(m.order) {
		errs = append(errs, o.Close())
	}
	return errors.Join(errs...)
}
