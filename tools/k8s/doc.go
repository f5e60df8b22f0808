// Package k8s holds the manifests of deploy/k8s to what Kubernetes, Strimzi, cass-operator
// and KEDA take: they are built as kustomize builds them, and every resource is validated
// against the schemas of the built-in kinds and of the operators' own definitions. It is a module
// of its own, since those libraries are large and nothing of Cinedex needs them.
//
//	go -C tools/k8s test ./...
//
// The definitions are taken from where their makers publish them: KEDA's and cass-operator's
// from their Go modules, Strimzi's from its generator on Maven Central.
package k8s
