package blob

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// An AssetError is why the bytes of an asset cannot be had. Its text may be read by everybody who may see the asset: it names no path and no host. The
// log has the rest.
type AssetError struct {
	Asset  string
	Reason string
	Cause  error
}

func (e *AssetError) Error() string {
	return fmt.Sprintf("the media of asset %s: %s", e.Asset, e.Reason)
}

// Unwrap returns the error with path and host.
func (e *AssetError) Unwrap() error { return e.Cause }

const (
	advice    = "restore the bytes, or send an event for the new ones, which become an asset of their own"
	forgotten = "not where they were when the asset arrived: put them back, or send an event from their new place"
)

// reason is what everybody who may see an asset may read about an error.
func reason(err error) string {
	var o *errOther
	switch kind := errkind.Of(err); {
	case errors.As(err, &o):
		return "not those that arrived (" + o.text + "): " + advice
	case kind == errkind.NotFound:
		return forgotten
	case kind == errkind.Denied:
		return "in a place that the configuration does not allow (blobs.roots, blobs.buckets, blobs.hosts)"
	case kind == errkind.Unavailable:
		return "in a place that does not answer now, or are being written to: try again later"
	case kind == errkind.Exhausted:
		return "not fetched: there is no room for them now (blobs.cache_bytes, or the disk)"
	}
	return "not readable; the service's log says why"
}

// A watch tells what was found wrong with the bytes of assets: in the log, in metrics, and to whoever asks for the marks.
type watch struct {
	log  *slog.Logger
	open *prometheus.CounterVec

	mu    sync.Mutex
	marks map[string]string // by asset
}

func newWatch(deps Deps) *watch {
	w := &watch{log: deps.Log, marks: map[string]string{}}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	with := promauto.With(deps.Registerer)
	w.open = with.NewCounterVec(prometheus.CounterOpts{Name: "cinedex_asset_opens_total",
		Help: "Openings of assets' bytes, by result: ok, interrupted by a change, or the kind of the error; conflict means bytes that are not those that arrived."}, []string{"result"})
	with.NewGaugeFunc(prometheus.GaugeOpts{Name: "cinedex_assets_unreadable", Help: "Assets whose bytes were others, or could not be had, when they were last read."},
		func() float64 {
			w.mu.Lock()
			defer w.mu.Unlock()
			return float64(len(w.marks))
		})
	return w
}

func (w *watch) mark(asset string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.marks[asset]
}

func (w *watch) same(asset string) {
	w.open.WithLabelValues("ok").Inc()
	w.mu.Lock()
	_, marked := w.marks[asset]
	delete(w.marks, asset)
	w.mu.Unlock()
	if marked {
		w.log.Info("the bytes of an asset are those that arrived again", "asset", asset)
	}
}

// refuse marks an asset, and makes an AssetError of an error. A caller who left proves nothing about the bytes.
func (w *watch) refuse(ctx context.Context, a *cinedexv1.Asset, err error) error {
	kind, text := errkind.Of(err), reason(err)
	var o *errOther
	if errors.As(err, &o) {
		kind = errkind.Conflict
	}
	left := ctx.Err() != nil
	if left {
		kind, text = errkind.Cancelled, "still being fetched or hashed: try again later"
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			kind = errkind.Unavailable
		}
	}
	w.open.WithLabelValues(kind.String()).Inc()
	if !left {
		w.set(a.GetId(), text, err)
	}
	return errkind.Wrap(kind, &AssetError{Asset: a.GetId(), Reason: text, Cause: err})
}

// interrupted makes an AssetError of a change while the bytes were read. It marks nothing: the next opening tells what the bytes are.
func (w *watch) interrupted(asset string, err error) error {
	w.open.WithLabelValues("interrupted").Inc()
	w.log.Warn("the file of an asset was changed while it was read", "asset", asset, "error", err)
	return errkind.Wrap(errkind.Unavailable, &AssetError{Asset: asset, Reason: "changed while they were read: try again", Cause: err})
}

// set logs a mark when it is new, and not at each of many readings.
func (w *watch) set(asset, text string, err error) {
	w.mu.Lock()
	was := w.marks[asset]
	w.marks[asset] = text
	w.mu.Unlock()
	if was != text {
		w.log.Warn("the bytes of an asset cannot be had as they arrived", "asset", asset, "reason", text, "error", err)
	}
}
