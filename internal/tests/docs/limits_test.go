package docs

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/query"
	"github.com/cinedex/cinedex/pkg/schema"
	"github.com/cinedex/cinedex/pkg/timedtext"
	"github.com/cinedex/cinedex/services/search-api/gateway"
	"github.com/cinedex/cinedex/services/search-api/graphqlapi"
	"github.com/cinedex/cinedex/services/search-api/rpcapi"
)

// TestLimitsAreTold: docs/guides/limits.md has the limits of the code.
func TestLimitsAreTold(t *testing.T) {
	b, err := os.ReadFile("../../../docs/guides/limits.md")
	if err != nil {
		t.Fatal(err)
	}
	image := media.DefaultImageLimits()
	for what, n := range map[string]int64{
		"bytes of a line, and of all texts": query.MaxLength, "words and signs of a line": query.MaxTokens, "depth": query.MaxDepth,
		"leaves": query.MaxLeaves, "bytes of a leaf's text": query.MaxText, "words of a leaf's text": query.MaxWords,
		"bytes of an asset": query.MaxName, "attributes of a leaf": query.MaxAttributes, "texts of an attribute": query.MaxListed,
		"words between the words of a phrase": query.MaxSlop, "seconds of WITHIN": int64(query.MaxGap.Seconds()),
		"values of a filter": query.MaxFiltered, "bytes of the pictures of a query": query.MaxImagesBytes,
		"bytes of a request": rpcapi.MaxRequestBytes, "levels of objects": schema.MaxNesting, "values of a request": schema.MaxValues,
		"tokens of a GraphQL": graphqlapi.MaxTokens, "depth of a GraphQL": graphqlapi.MaxDepth, "fields of a GraphQL": graphqlapi.MaxFields,
		"directives of a GraphQL": graphqlapi.MaxDirectives, "complexity of a GraphQL": graphqlapi.MaxComplexity, "errors told": graphqlapi.MaxErrors,
		"hits of a page": gateway.MaxLimit, "hits before a page": gateway.MaxOffset, "bytes of the hits": gateway.MaxResponseBytes,
		"evidence of a hit": gateway.MaxEvidence, "bytes of a picture's file": image.Bytes, "pixels of each side": int64(image.Side),
		"pixels |": image.Pixels, "bytes of a text": timedtext.MaxBytes,
	} {
		told := false
		for line := range strings.Lines(string(b)) {
			told = told || strings.HasPrefix(line, "| "+what) && strings.Contains(line, fmt.Sprintf("| %d |", n))
		}
		if !told {
			t.Errorf("docs/guides/limits.md does not tell that %q is %d", what, n)
		}
	}
}
