// Package k8s checks the manifests of deploy/k8s against Kubernetes, Strimzi, cass-operator and KEDA. The package is
// for tests alone. The tests build the manifests as kustomize does, and validate every resource against the schemas of
// the built-in kinds and of the operators' own definitions.
//
//	go -C tools/k8s test ./...
//
// The package is a module of its own, because the libraries are large and Cinedex does not need them. The definitions
// come from their publishers: KEDA's and cass-operator's from their Go modules, Strimzi's from its generator on Maven
// Central.
package k8s
