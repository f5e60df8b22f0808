package opensearch

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/cinedex/cinedex/pkg/search"
)

const (
	// exactBelow is the number up to which all visible vectors are compared. At 512 dimensions, comparing takes some ten milliseconds.
	exactBelow = 20_000
	// leastNeighbours is the least number of neighbours to ask the graph for. More neighbours raise the recall.
	leastNeighbours = 400
)

// findVector compares all visible vectors if they are few, and searches the graph if the vectors are many.
func (e *Engine) findVector(ctx context.Context, at func(part) string, q search.VectorQuery) ([]search.Hit, error) {
	if q.Scope == nil {
		return nil, search.ErrNoScope
	}
	p, err := e.space(q.Space)
	if err != nil {
		return nil, err
	}
	v, err := comparable(q.Vector, p.space)
	if err != nil {
		return nil, err
	}
	limit := min(q.Limit, search.MaxLimit)
	if limit <= 0 || q.Scope.Empty() {
		return nil, ctx.Err()
	}
	index := at(p)
	hits, err := e.held(q.Scope, q.Filter, func(visible within) ([]search.Hit, error) {
		visible.filters = append(visible.filters, late(q.Filter, false)...)
		few, err := e.few(ctx, index, visible)
		if err != nil {
			return nil, fmt.Errorf("counting vectors: %w", err)
		}
		if few {
			return e.compare(ctx, index, p, visible, v, limit)
		}
		return e.neighbours(ctx, index, visible, v, limit)
	})
	if err != nil {
		return nil, fmt.Errorf("searching space %s: %w", q.Space, err)
	}
	for i := range hits {
		hits[i].Score = similarityOf(p.space.GetMetric(), hits[i].Score)
	}
	// Different scores of the cluster may be the same similarity in 32 bits.
	slices.SortFunc(hits, search.CompareHits)
	return hits[:min(limit, len(hits))], nil
}

// few reports whether at most exactBelow vectors are visible.
func (e *Engine) few(ctx context.Context, index string, visible within) (bool, error) {
	n, err := e.countUpTo(ctx, index, visible, visible.all(), e.exactBelow+1)
	return n <= e.exactBelow, err
}

// countUpTo counts the documents of a query, at least up to a bound.
func (e *Engine) countUpTo(ctx context.Context, index string, visible within, query any, bound int) (int, error) {
	var answer struct {
		Hits struct {
			Total struct {
				Value int `json:"value"`
			} `json:"total"`
		} `json:"hits"`
	}
	err := e.client.do(ctx, http.MethodPost, visible.counting(index), visible.request(object{"size": 0, "track_total_hits": bound, "query": query}), &answer)
	return answer.Hits.Total.Value, err
}

func (e *Engine) compare(ctx context.Context, index string, p part, visible within, v []float32, limit int) ([]search.Hit, error) {
	return e.search(ctx, index, visible, []object{{
		"size": limit, "track_total_hits": false, "_source": hitFields, "sort": []any{"_score", "run", "ordinal"},
		"query": comparing(p, visible, v, 0),
	}}, limit)
}

// comparing compares all visible vectors, and finds those of the least score of the cluster.
func comparing(p part, visible within, v []float32, least float32) object {
	metric := "innerproduct"
	if p.space.GetMetric() == l2 {
		metric = "l2"
	}
	query := object{
		"query":  visible.all(),
		"script": object{"lang": "knn", "source": "knn_score", "params": object{"field": "vector", "query_value": v, "space_type": metric}},
	}
	if least > 0 {
		query["min_score"] = least
	}
	return object{"script_score": query}
}

// neighbours asks the graph. Equal vectors are common, as short lines of dialogue repeat. neighbours asks for more neighbours until the
// score falls, so that the limit cuts off the last of equal vectors by run and ordinal.
func (e *Engine) neighbours(ctx context.Context, index string, visible within, v []float32, limit int) ([]search.Hit, error) {
	for k := max(limit+limit/4, leastNeighbours); ; k *= 4 {
		k = min(k, search.MaxLimit)
		hits, err := e.search(ctx, index, visible, []object{{
			"size": k, "track_total_hits": false, "_source": hitFields, "sort": []any{"_score", "run", "ordinal"},
			"query": object{"knn": object{"vector": object{"vector": v, "k": k, "filter": visible.all()}}},
		}}, k)
		if err != nil {
			return nil, err
		}
		if k < search.MaxLimit && len(hits) >= k && hits[limit-1].Score == hits[len(hits)-1].Score {
			continue
		}
		return hits, nil
	}
}

// similarityOf returns the similarity of a metric for a score of the cluster. The cluster's scores are never negative.
func similarityOf(metric string, score float64) float64 {
	switch {
	case metric == l2:
		return 1 - 1/score
	case score >= 1:
		return score - 1
	default:
		return 1 - 1/score
	}
}

// scoreOf returns the cluster's score for a similarity. No similarity of the metric l2 is above 0.
func scoreOf(similarity float64) float64 {
	if similarity >= 0 {
		return similarity + 1
	}
	return 1 / (1 - similarity)
}
