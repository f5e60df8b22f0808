package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
)

var (
	metricText = regexp.MustCompile(`^cinedex_[a-z0-9_]+$`)
	// metricKinds are looked up in the name of the function or type that gets a metric's name.
	metricKinds = map[string]dto.MetricType{"counter": dto.MetricType_COUNTER, "gauge": dto.MetricType_GAUGE, "histogram": dto.MetricType_HISTOGRAM, "summary": dto.MetricType_SUMMARY}
	// notMetrics are texts of the same form.
	notMetrics = map[string]bool{"cinedex_token": true}
)

// TestMetricNames checks the name and help of every metric in the code by the rules of `promtool check metrics`. A
// service's own /metrics shows a metric with labels only after the first count.
func TestMetricNames(t *testing.T) {
	checked := 0
	walk(t, func(name string) {
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || strings.Contains(name, "eventstest") || strings.HasPrefix(name, "tools/") {
			return
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, name), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		var path []ast.Node
		ast.Inspect(file, func(n ast.Node) bool {
			if n == nil {
				path = path[:len(path)-1]
				return true
			}
			path = append(path, n)
			metric, ok := text(n)
			if !ok || !metricText.MatchString(metric) || notMetrics[metric] {
				return true
			}
			family := &dto.MetricFamily{Name: &metric}
			family.Type, family.Help = kindOf(path), helpOf(path, metric)
			if family.Type == nil {
				t.Errorf("%s: %s is of no kind that this test knows", name, metric)
				return true
			}
			problems, err := promlint.NewWithMetricFamilies([]*dto.MetricFamily{family}).Lint()
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range problems {
				t.Errorf("%s: %s: %s", name, p.Metric, p.Text)
			}
			checked++
			return true
		})
	})
	if checked < 50 {
		t.Errorf("%d metrics found", checked)
	}
}

func text(n ast.Node) (string, bool) {
	lit, ok := n.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(lit.Value)
	return s, err == nil
}

// kindOf looks outwards for the innermost function or type whose name tells the kind of a metric.
func kindOf(path []ast.Node) *dto.MetricType {
	for i := len(path) - 1; i >= 0; i-- {
		var of ast.Expr
		switch n := path[i].(type) {
		case *ast.CallExpr:
			of = n.Fun
		case *ast.CompositeLit:
			of = n.Type
		}
		var name string
		switch e := of.(type) {
		case *ast.Ident:
			name = e.Name
		case *ast.SelectorExpr:
			name = e.Sel.Name
		}
		for kind, t := range metricKinds {
			if strings.Contains(strings.ToLower(name), kind) {
				return &t
			}
		}
	}
	return nil
}

// helpOf is the text beside the name: the field Help, or the next argument.
func helpOf(path []ast.Node, metric string) *string {
	for i := len(path) - 1; i >= 0; i-- {
		switch n := path[i].(type) {
		case *ast.CompositeLit:
			for _, e := range n.Elts {
				if kv, ok := e.(*ast.KeyValueExpr); ok {
					if key, ok := kv.Key.(*ast.Ident); ok && key.Name == "Help" {
						help, _ := text(kv.Value)
						return &help
					}
				}
			}
		case *ast.CallExpr:
			if name, ok := text(first(n.Args)); ok && name == metric && len(n.Args) > 1 {
				help, _ := text(n.Args[1])
				return &help
			}
		}
	}
	return nil
}

func first(args []ast.Expr) ast.Node {
	if len(args) == 0 {
		return &ast.BadExpr{}
	}
	return args[0]
}
