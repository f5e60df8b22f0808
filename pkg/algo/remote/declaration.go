package remote

import (
	"math"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// The bounds of a declaration.
const (
	maxAlgorithms   = 64
	maxInstance     = 200
	maxDigest       = 200
	maxFramesAtOnce = 256
	maxRunsAtOnce   = 64
	maxEncodeMS     = 60_000
)

// versionID names a version of an algorithm of a worker.
func versionID(a *pb.WorkerAlgorithm) string {
	return a.GetAlgorithm().GetName() + "@" + a.GetAlgorithm().GetVersion()
}

// checkDeclaration checks a declaration as a whole.
func checkDeclaration(d *pb.DeclareResponse) error {
	refuse := func(format string, args ...any) error {
		return errkind.New(errkind.Invalid, "the declaration of the worker cannot be used: "+format, args...)
	}
	switch n := len(d.GetAlgorithms()); {
	case d.GetProtocol() != protocol:
		return refuse("the worker speaks version %d of the contract, and the platform version %d", d.GetProtocol(), protocol)
	case d.GetInstance() == "" || len(d.GetInstance()) > maxInstance:
		return refuse("instance must have 1 to %d bytes", maxInstance)
	case n == 0 || n > maxAlgorithms:
		return refuse("there must be 1 to %d algorithms, not %d", maxAlgorithms, n)
	}
	seen := map[string]bool{}
	for _, a := range d.GetAlgorithms() {
		if seen[versionID(a)] {
			return refuse("the version %.140s is there twice", versionID(a))
		}
		seen[versionID(a)] = true
	}
	return nil
}

// checkAlgorithm checks an algorithm of a declaration.
func checkAlgorithm(a *pb.WorkerAlgorithm) error {
	if err := schema.Validate(&pb.AlgorithmAnnounced{Algorithm: a.GetAlgorithm()}); err != nil {
		return err
	}
	switch ms := a.GetEncodeMs(); {
	case a.GetFramesAtOnce() < 0 || a.GetFramesAtOnce() > maxFramesAtOnce:
		return errkind.New(errkind.Invalid, "frames_at_once: %d is not from 0 to %d", a.GetFramesAtOnce(), maxFramesAtOnce)
	case a.GetRunsAtOnce() < 0 || a.GetRunsAtOnce() > maxRunsAtOnce:
		return errkind.New(errkind.Invalid, "runs_at_once: %d is not from 0 to %d", a.GetRunsAtOnce(), maxRunsAtOnce)
	case math.IsNaN(ms) || ms < 0 || ms > maxEncodeMS:
		return errkind.New(errkind.Invalid, "encode_ms: %v is not from 0 to %d", ms, maxEncodeMS)
	case len(a.GetDigest()) > maxDigest:
		return errkind.New(errkind.Invalid, "digest: must have at most %d bytes", maxDigest)
	case len(a.GetAlgorithm().GetModels()) > 0:
		return errkind.New(errkind.Invalid, "models: a worker keeps the files of its models itself")
	}
	return nil
}
