package operating

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// The columns of results are a contract with those who read them: names and order.
func TestColumns(t *testing.T) {
	const (
		of    = "title asset algorithm version run ordinal "
		times = " start_flicks end_flicks start_ms end_ms start_frame end_frame start_timecode end_timecode "
	)
	for _, c := range []struct {
		row  any
		want string
	}{
		{AnnotationRow{}, of + "kind" + times + "text language label character confidence x y w h attributes"},
		{EmbeddingRow{}, of + "space" + times + "of kind language character vector"},
	} {
		want := strings.Fields(c.want)
		var columns []string
		for _, f := range parquet.SchemaOf(c.row).Fields() {
			columns = append(columns, f.Name())
		}
		if !slices.Equal(columns, want) {
			t.Errorf("%T has the columns %v, want %v", c.row, columns, want)
		}
		b, err := json.Marshal(c.row)
		if err != nil {
			t.Fatal(err)
		}
		at := -1
		for _, name := range want { // the fields of a row that is empty have the same order
			if i := strings.Index(string(b), `"`+name+`":`); i >= 0 {
				if i < at {
					t.Errorf("%T: %s is out of order in %s", c.row, name, b)
				}
				at = i
			}
		}
	}
}
