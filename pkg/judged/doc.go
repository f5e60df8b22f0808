// Package judged measures answers by queries whose right moments somebody judged, and fits the confidence of a space to the judgements. The
// tests of search quality, `cinedex runs compare` and `cinedex calibrate` use the package.
//
//   - [Parse] reads a file of judged queries. The files are YAML: see [Query].
//   - [Measure] gives recall, reciprocal rank and nDCG of one answer.
//   - [Fit] fits a logistic curve from similarities to confidences; [Reliability] and [Error] say how far the confidences are from the
//     shares of right answers.
//
// A hash of a query decides whether the query is withheld from tuning ([Query.Withheld]), so that nobody picks the withheld queries.
package judged
