package gateway_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
	"github.com/cinedex/cinedex/services/search-api/searchapi"
)

// pageMeasures are the measurements of web/tests/page.figure.ts in a real browser. Times are milliseconds.
type pageMeasures struct {
	Browser     string    `json:"browser"`
	FirstPaint  []float64 `json:"firstPaint"`
	ScriptBytes float64   `json:"scriptBytes"`
	Suggestions []float64 `json:"suggestions"`
	Without     int       `json:"without"` // keys without suggestions
	Grid        []float64 `json:"grid"`
	Hits        float64   `json:"hits"`
	Frames      float64   `json:"frames"`
	Dropped     float64   `json:"dropped"`
}

// TestFigurePage: a person at the page over a million shots, in a real browser: first paint, suggestions, grid, and scrolling through 100,000
// hits. EXACT_SHOTS sets the size, EXACT_HOMES keeps the library. Run scripts/web-test before, which installs Playwright.
func TestFigurePage(t *testing.T) {
	figure.Begin(t, "page/speed")
	shots := figure.Size(t, "EXACT_SHOTS", 1_000_000)
	v := openVast(t, shots)
	v.first(t)
	server := apitest.Over(t, v.store, v.engine).Serve(map[string][]string{"editor-of-the-tests": {"*"}}, func(c *gateway.Config, _ *searchapi.Deps) {
		c.Timeout = time.Minute
		c.Limits.PerSecond, c.Limits.Burst = 1e6, 1e6 // a script types faster than a person
	})
	var m pageMeasures
	figure.Browser(t, "../../../web/tests", "page", &m, "CINEDEX_WEB_URL="+server.URL)
	report := func(name, claim, measured string, pass bool) {
		t.Helper()
		figure.Report(t, false, figure.Result{Name: "page/speed/" + name, Claim: claim, Measured: measured, Pass: pass, Note: fmt.Sprintf("%d shots, %s", shots, m.Browser)})
	}
	spread := func(ms []float64) string {
		return fmt.Sprintf("p50 %.0f ms, p95 %.0f ms of %d", figure.Quantile(ms, .5), figure.Quantile(ms, .95), len(ms))
	}
	report("paint", "first paint ≤ 1 s", spread(m.FirstPaint), figure.Quantile(m.FirstPaint, .95) <= 1000)
	report("script", "scripts without the player ≤ 350 kB compressed", fmt.Sprintf("%.1f kB", m.ScriptBytes/1000), m.ScriptBytes <= 350_000)
	report("suggestions", "key → suggestions p95 ≤ 50 ms, none left out", fmt.Sprintf("%s, %d without suggestions", spread(m.Suggestions), m.Without), figure.Quantile(m.Suggestions, .95) <= 50 && m.Without == 0)
	report("grid", "query → grid p95 ≤ 150 ms", spread(m.Grid), figure.Quantile(m.Grid, .95) <= 150)
	dropped := m.Dropped / m.Frames
	report("scroll", "scroll through 100,000 hits: dropped frames ≤ 5 %", fmt.Sprintf("%.0f hits: %.1f %% of %.0f frames", m.Hits, 100*dropped, m.Frames), dropped <= .05 && m.Hits >= float64(shots/11))
}
