// Package k8s holds the manifests for Kubernetes. The package is for tests alone. The tests compare topics and users
// with the contracts, and every setting in a manifest with the settings of the service. tools/k8s checks that
// Kubernetes and the Kubernetes operators accept the manifests.
package k8s
