package profile

import (
	"math"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/interpreter"

	"github.com/cinedex/cinedex/pkg/errkind"
)

const (
	// MaxExpression bounds the bytes of an expression.
	MaxExpression = 2 << 10
	// MaxCost bounds the cost of scoring one moment, in the units of CEL: about a unit for an operation.
	MaxCost = 500
	// longName is the length that a title, a kind or a language is taken to have when the cost is estimated.
	longName = 128
	// manyLeaves is the number of leaves that evidence is taken to have when the cost is estimated.
	manyLeaves = 32
)

// Inputs are the names of an expression: a moment, as far as it is known before texts are read.
type Inputs struct {
	Score      float64            // score: by the fusion of the parts
	Confidence float64            // confidence: of the best evidence, 0 to 1
	StartMS    float64            // start_ms: from the start of the picture
	EndMS      float64            // end_ms
	DurationMS float64            // duration_ms
	Title      string             // title: its id
	Series     string             // series: its name; "" where the title is of no series
	Kind       string             // kind: of the annotation that the moment lands on, such as dialogue
	Language   string             // language: of the line that the moment lands on; "" for a picture
	Leaves     map[string]float64 // leaves: the confidence of the best evidence of each leaf of the query
}

// ResolveName implements interpreter.Activation.
func (in *Inputs) ResolveName(name string) (any, bool) {
	switch name {
	case "score":
		return in.Score, true
	case "confidence":
		return in.Confidence, true
	case "start_ms":
		return in.StartMS, true
	case "end_ms":
		return in.EndMS, true
	case "duration_ms":
		return in.DurationMS, true
	case "title":
		return in.Title, true
	case "series":
		return in.Series, true
	case "kind":
		return in.Kind, true
	case "language":
		return in.Language, true
	case "leaves":
		return in.Leaves, true
	}
	return nil, false
}

// Parent implements interpreter.Activation.
func (*Inputs) Parent() interpreter.Activation { return nil }

// variables declares Inputs.
func variables() []cel.EnvOption {
	options := []cel.EnvOption{
		cel.ClearMacros(), cel.CrossTypeNumericComparisons(true),
		cel.ParserExpressionSizeLimit(MaxExpression), cel.ParserRecursionLimit(64),
		cel.Variable("leaves", cel.MapType(cel.StringType, cel.DoubleType)),
	}
	for _, name := range []string{"score", "confidence", "start_ms", "end_ms", "duration_ms"} {
		options = append(options, cel.Variable(name, cel.DoubleType))
	}
	for _, name := range []string{"title", "series", "kind", "language"} {
		options = append(options, cel.Variable(name, cel.StringType))
	}
	return options
}

// A Score is a compiled expression. Its methods may be called from any goroutine.
type Score struct{ program cel.Program }

// Compile checks an expression and makes it ready. Errors are Invalid, and tell the place in the expression.
func Compile(expression string) (*Score, error) {
	invalid := func(format string, args ...any) error {
		return errkind.New(errkind.Invalid, "scoring: "+format, args...)
	}
	if len(expression) > MaxExpression {
		return nil, invalid("%d bytes are more than the %d allowed", len(expression), MaxExpression)
	}
	env, err := cel.NewEnv(variables()...)
	if err != nil {
		return nil, errkind.New(errkind.Internal, "preparing CEL: %w", err)
	}
	ast, issues := env.Compile(expression)
	if issues.Err() != nil {
		return nil, invalid("%s", strings.TrimSpace(issues.Err().Error()))
	}
	if !ast.OutputType().IsExactType(cel.DoubleType) && !ast.OutputType().IsExactType(cel.IntType) {
		return nil, invalid("the expression gives a %s; a score is a number", ast.OutputType())
	}
	estimate, err := env.EstimateCost(ast, sizes{})
	if err != nil {
		return nil, invalid("%w", err)
	}
	if estimate.Max > MaxCost {
		return nil, invalid("scoring one moment may cost %d, more than the %d allowed", estimate.Max, MaxCost)
	}
	program, err := env.Program(ast, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(MaxCost))
	if err != nil {
		return nil, invalid("%w", err)
	}
	return &Score{program}, nil
}

// Of returns the score of a moment. An expression that fails for the moment, or gives no finite number, is an error of kind Invalid.
func (s *Score) Of(in *Inputs) (float64, error) {
	v, _, err := s.program.Eval(in)
	if err != nil {
		return 0, errkind.New(errkind.Invalid, "scoring: %w", err)
	}
	var score float64
	switch v := v.(type) {
	case types.Double:
		score = float64(v)
	case types.Int:
		score = float64(v)
	}
	if math.IsNaN(score) || math.IsInf(score, 0) {
		return 0, errkind.New(errkind.Invalid, "scoring: the expression gives %v, which is no score", score)
	}
	return score, nil
}

// sizes tells how large an input may be, for the estimate of the cost.
type sizes struct{}

func (sizes) EstimateSize(n cost.AstNode) *cost.SizeEstimate {
	path := n.Path()
	if len(path) > 0 && path[0] == "leaves" {
		return &cost.SizeEstimate{Max: manyLeaves}
	}
	return &cost.SizeEstimate{Max: longName}
}

func (sizes) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}
