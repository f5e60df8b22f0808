// Package sdk tests the SDKs of other languages with their own tests.
package sdk
