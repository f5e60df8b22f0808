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

// An AssetError tells people who may see an asset why the asset's bytes cannot be opened. The text names no path and no host; the log names both.
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
	adviceDiffers = "restore the bytes, or send an event for the new bytes, which become an asset of their own"
	adviceMissing = "not where they were when the asset arrived: put the bytes back, or send an event from their new place"
)

// reason returns the part of an error that everybody who may see the asset may read.
func reason(err error) string {
	var o *errDiffers
	switch kind := errkind.Of(err); {
	case errors.As(err, &o):
		return "not those that arrived (" + o.text + "): " + adviceDiffers
	case kind == errkind.NotFound:
		return adviceMissing
	case kind == errkind.Denied:
		return "in a place that the configuration does not allow (blobs.roots, blobs.buckets, blobs.hosts)"
	case kind == errkind.Unavailable:
		return "in a place that does not answer now, or are being written to: try again later"
	case kind == errkind.Exhausted:
		return "not fetched: there is no room for the bytes now (blobs.cache_bytes, or the disk)"
	}
	return "not readable; the service's log says why"
}

// A watch reports faults of assets' bytes: in the log, in metrics, and through mark.
type watch struct {
	log  *slog.Logger
	open *prometheus.CounterVec

	mu    sync.Mutex
	marks map[string]string // by asset id
}

func newWatch(deps Deps) *watch {
	w := &watch{log: deps.Log, marks: map[string]string{}}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	with := promauto.With(deps.Registerer)
	w.open = with.NewCounterVec(prometheus.CounterOpts{Name: "cinedex_asset_opens_total",
		Help: "Openings of assets' bytes, by result: ok, interrupted by a change, or the kind of the error; conflict means bytes that differ from the bytes that arrived."}, []string{"result"})
	with.NewGaugeFunc(prometheus.GaugeOpts{Name: "cinedex_assets_unreadable", Help: "Assets whose bytes differed, or could not be opened, at the last reading."},
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
		w.log.Info("the bytes of an asset are the bytes that arrived, after a fault", "asset", asset)
	}
}

// refuse records a fault, and turns an error into an AssetError. An ended ctx proves nothing about the bytes, and records no fault.
func (w *watch) refuse(ctx context.Context, a *cinedexv1.Asset, err error) error {
	kind, text := errkind.Of(err), reason(err)
	var o *errDiffers
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

// interrupted turns a change during the reading into an AssetError. interrupted records no fault: the next opening compares the bytes.
func (w *watch) interrupted(asset string, err error) error {
	w.open.WithLabelValues("interrupted").Inc()
	w.log.Warn("the file of an asset was changed during the reading", "asset", asset, "error", err)
	return errkind.Wrap(errkind.Unavailable, &AssetError{Asset: asset, Reason: "changed while they were read: try again", Cause: err})
}

// set records a fault. Only a new fault is logged, rather than each of many readings.
func (w *watch) set(asset, text string, err error) {
	w.mu.Lock()
	was := w.marks[asset]
	w.marks[asset] = text
	w.mu.Unlock()
	if was != text {
		w.log.Warn("the bytes of an asset differ from the bytes that arrived, or cannot be opened", "asset", asset, "reason", text, "error", err)
	}
}
