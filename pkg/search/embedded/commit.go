package embedded

import (
	"context"
	"errors"
	"path/filepath"
	"sync"

	"github.com/blevesearch/bleve/v2/index/scorch"
	index "github.com/blevesearch/bleve_index_api"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// maxGroup bounds the documents of a Bleve batch. A larger batch costs memory and latency, and gains nothing.
const maxGroup = 5000

// A change is the write of one caller.
type change struct {
	annotations []*pb.Annotation
	docs        []index.Document // of the annotations
	rows        [][]byte         // the stored rows of the annotations
	deletes     []string
	done        chan error // buffered
}

func (c *change) size() int { return len(c.docs) + len(c.deletes) }

var (
	errClosed  = errkind.New(errkind.Unavailable, "the text index is closed")
	errStopped = errors.New("the text index stopped")
)

// A committer commits the changes that wait at the same time together, in the order in which they came.
type committer struct {
	queue   chan *change
	quit    chan struct{}
	once    sync.Once
	ended   chan struct{} // closed when serve returned
	commit  func([]*change) error
	failed  <-chan struct{}
	release func()
}

func newCommitter(commit func([]*change) error, failed <-chan struct{}, release func()) *committer {
	// The bounded queue pushes back on writers.
	g := &committer{
		queue: make(chan *change, 64), quit: make(chan struct{}), ended: make(chan struct{}),
		commit: commit, failed: failed, release: release,
	}
	go g.serve()
	return g
}

// do hands a change over and waits until the change is committed. A caller that stops waiting does not know whether the change will be
// committed.
func (g *committer) do(ctx context.Context, c *change) error {
	c.done = make(chan error, 1)
	select {
	case <-g.quit:
		return errClosed
	default:
	}
	select {
	case g.queue <- c:
	case <-ctx.Done():
		return ctx.Err()
	case <-g.quit:
		return errClosed
	case <-g.failed:
		return errStopped
	}
	select {
	case err := <-c.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-g.failed:
		return errStopped
	case <-g.ended:
		select {
		case err := <-c.done:
			return err
		default:
			return errClosed
		}
	}
}

func (g *committer) serve() {
	defer close(g.ended)
	var carried *change
	for {
		first := carried
		carried = nil
		if first == nil {
			select {
			case first = <-g.queue:
			case <-g.quit:
				// Changes in the queue are answered, so that no caller waits for ever.
				for {
					select {
					case c := <-g.queue:
						c.done <- errClosed
					default:
						return
					}
				}
			}
		}
		changes, n := []*change{first}, first.size()
	gather:
		for {
			select {
			case c := <-g.queue:
				if n+c.size() > maxGroup {
					carried = c
					break gather
				}
				changes, n = append(changes, c), n+c.size()
			default:
				break gather
			}
		}
		err := g.commit(changes)
		for _, c := range changes {
			c.done <- err
		}
	}
}

// close waits until the current batch is committed. After a failure of the index, close does not wait.
func (g *committer) close() {
	g.once.Do(func() { close(g.quit) })
	select {
	case <-g.ended:
	case <-g.failed:
	}
}

// Scorch finds its error callback by name in a registry of the process. One entry serves all indices, and passes an error to the index of
// the folder.
const errorCallback = "cinedex"

var (
	registerOnce sync.Once
	listeners    sync.Map // folder of an index → func(error)
)

// hearErrors passes errors of the index in dir to f, until release is called.
func hearErrors(dir string, f func(error)) (release func()) {
	registerOnce.Do(func() {
		scorch.RegistryAsyncErrorCallbacks[errorCallback] = func(err error, path string) {
			if f, ok := listeners.Load(filepath.Clean(path)); ok {
				f.(func(error))(err)
			}
		}
	})
	dir = filepath.Clean(dir)
	listeners.Store(dir, f)
	return func() { listeners.Delete(dir) }
}
