package awsapi

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
)

// Paging is what a list operation was asked for.
type Paging struct {
	// Operation names the operation, and whatever else a marker must not be used across: a function's name, a filter.
	Operation string
	// Marker is the token of the previous page; nil or empty starts at the beginning.
	Marker *string
	// MaxItems is the page size asked for; nil means Size.
	MaxItems *int
	// Size is the size of a page if nothing is asked for, Most the largest; 0 means no bound.
	Size, Most int
}

// Page returns the page of items that was asked for and the marker of the next page, nil on the last. Items must be in
// ascending order of their keys, which must differ. A page continues after the last key of the one before, whether or
// not that item still exists. A marker that another operation issued, or none, is refused as an invalid parameter.
//
// Markers are opaque to clients and good on every node: they hold the key and a checksum that binds it to the operation.
// They grant nothing, so the checksum needs no secret.
func Page[T any](items []T, key func(T) string, p Paging) (page []T, next *string, err error) {
	if p.Marker != nil && *p.Marker != "" {
		after, ok := openMarker(p.Operation, *p.Marker)
		if !ok {
			return nil, nil, invalidMarker()
		}
		from, found := slices.BinarySearchFunc(items, after, func(item T, k string) int { return strings.Compare(key(item), k) })
		if found {
			from++
		}
		items = items[from:]
	}
	size := p.Size
	if p.MaxItems != nil {
		size = *p.MaxItems
	}
	if p.Most > 0 && (size > p.Most || size <= 0) {
		size = p.Most
	}
	if size <= 0 || len(items) <= size {
		return items, nil, nil
	}
	return items[:size:size], new(sealMarker(p.Operation, key(items[size-1]))), nil
}

// markerSum is the length of a marker's checksum.
const markerSum = 6

// Marker makes the marker that continues after a key, for an operation that has its own rule when there is a next page.
func Marker(operation, key string) string { return sealMarker(operation, key) }

// sealMarker makes the marker that continues after a key.
func sealMarker(operation, key string) string {
	sum := sha256.Sum256([]byte(operation + "\x00" + key))
	return base64.RawURLEncoding.EncodeToString(append(sum[:markerSum], key...))
}

// openMarker returns the key of a marker, if the operation made it.
func openMarker(operation, marker string) (key string, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(marker)
	if err != nil || len(b) < markerSum {
		return "", false
	}
	key = string(b[markerSum:])
	return key, sealMarker(operation, key) == marker
}
