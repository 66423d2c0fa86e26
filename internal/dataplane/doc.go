// Package dataplane serves function URLs: host → route → CORS → authorization
// → event → execution environment → response.
//
// It reads the state's Snapshot and touches neither the store nor the disk. It
// is never put behind http.ServeMux, which would redirect paths such as "//"
// that belong to the function.
package dataplane
