package operatorapi

import (
	"context"
	"slices"
	"time"

	"connectrpc.com/connect"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/rpc"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Catalogue is the part of the catalogue that calibrations need.
type Catalogue interface {
	View() *catalog.View
	Calibrate(ctx context.Context, id string, c *pb.FittedCalibration) error
}

// calibrateTimeout bounds the wait until the catalogue has a calibration.
const calibrateTimeout = 10 * time.Second

// GetCalibrations tells the calibrations in force of a version of an algorithm.
func (s *Server) GetCalibrations(ctx context.Context, req *connect.Request[pb.GetCalibrationsRequest]) (*connect.Response[pb.GetCalibrationsResponse], error) {
	if err := rpc.CallerFrom(ctx).Require(authz.Operator); err != nil {
		return nil, err
	}
	e, err := s.entry(req.Msg.GetAlgorithm(), req.Msg.GetVersion())
	if err != nil {
		return nil, err
	}
	resp := &pb.GetCalibrationsResponse{Version: e.GetVersion()}
	for _, a := range e.GetAnswers() {
		if a.GetSpace() == "" {
			continue
		}
		c := &pb.CalibratedAnswer{Space: a.GetSpace(), Leaves: slices.Clone(a.GetLeaves()), Calibration: a.GetCalibration()}
		if a.GetBare() {
			c.Leaves = append(c.Leaves, catalog.Bare)
		}
		for _, f := range e.Fitted {
			if schema.Answers(a, f) {
				c.Fitted = f
			}
		}
		resp.Answers = append(resp.Answers, c)
	}
	if len(resp.GetAnswers()) == 0 {
		return nil, errkind.New(errkind.Invalid, "algorithm: %s has no space, so nothing to calibrate", catalog.ID(e.AlgorithmSpec))
	}
	return connect.NewResponse(resp), nil
}

// entry is a version of an algorithm; an empty version is the version in force.
func (s *Server) entry(algorithm, version string) (*catalog.Entry, error) {
	if s.deps.Catalogue == nil {
		return nil, errkind.New(errkind.Unavailable, "this service follows no catalogue")
	}
	for _, e := range s.deps.Catalogue.View().Entries() {
		if e.GetName() == algorithm && (version == "" || e.GetVersion() == version) {
			return e, nil
		}
	}
	return nil, errkind.New(errkind.NotFound, "there is no algorithm %.64q of version %.32q", algorithm, version)
}

// SetCalibration puts a calibration in force, and answers once the catalogue of this process has the calibration.
func (s *Server) SetCalibration(ctx context.Context, req *connect.Request[pb.SetCalibrationRequest]) (*connect.Response[pb.SetCalibrationResponse], error) {
	caller := rpc.CallerFrom(ctx)
	if err := caller.Require(authz.Operator); err != nil {
		return nil, err
	}
	c := req.Msg.GetCalibration()
	if c == nil || req.Msg.GetAlgorithm() == "" || req.Msg.GetVersion() == "" {
		return nil, errkind.New(errkind.Invalid, "algorithm, version, calibration: name a version, and a calibration of one of its spaces")
	}
	if _, err := s.entry(req.Msg.GetAlgorithm(), req.Msg.GetVersion()); err != nil {
		return nil, err
	}
	c.SetMs, c.SetBy = time.Now().UnixMilli(), caller.Name()
	ctx, cancel := context.WithTimeout(ctx, calibrateTimeout)
	defer cancel()
	if err := s.deps.Catalogue.Calibrate(ctx, req.Msg.GetAlgorithm()+"@"+req.Msg.GetVersion(), c); err != nil {
		return nil, err
	}
	return connect.NewResponse(&pb.SetCalibrationResponse{Calibration: c}), nil
}
