// Package k8s holds the manifests for Kubernetes. The package is for tests alone. The tests check that topics and users are those
// of the contracts, and that every setting in a manifest is a setting of the service. tools/k8s checks that Kubernetes and its
// operators accept the manifests.
package k8s
