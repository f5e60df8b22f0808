package rpc

import (
	"context"
	"time"

	"github.com/cinedex/cinedex/pkg/telemetry"
)

// stopWait bounds a write to a slow reader after the server began to stop.
const stopWait = 5 * time.Second

// BeginStream prepares the answer of a call that tells of events as they happen. The returned context ends with the call, and when the
// server begins to stop. The caller of BeginStream MUST call end. The body of the request MUST have been read: from now on, the reading of
// the connection has no deadline, which would end the call over HTTP/1.
func BeginStream(ctx context.Context) (_ context.Context, end func()) {
	ctx, cancel := context.WithCancel(ctx)
	o, _ := ctx.Value(openKey{}).(open)
	if o.control != nil {
		_ = o.control.SetReadDeadline(time.Time{}) // a protocol without deadlines has none to lift
	}
	leave := telemetry.OnStop(ctx, func() {
		cancel()
		if o.control != nil {
			_ = o.control.SetWriteDeadline(time.Now().Add(stopWait))
		}
	})
	return ctx, func() {
		leave()
		cancel()
	}
}

// StillAuthorised returns nil while the caller of the running call has the rights with which the call began. A stream asks before each event.
func StillAuthorised(ctx context.Context) error {
	if o, ok := ctx.Value(openKey{}).(open); ok {
		return o.still(ctx)
	}
	return nil
}
