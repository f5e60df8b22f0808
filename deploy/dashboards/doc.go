// Package dashboards holds the dashboard and the alerts for operators. The package is for tests alone. The tests
// compare every metric in the dashboard and in the alerts with the code, so no alert outlives its metric.
package dashboards
