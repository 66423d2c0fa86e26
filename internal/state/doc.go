// Package state holds what a furl server knows: the records' types and keys,
// the transactions that change them, and the immutable Snapshot from which
// requests are answered.
//
// The control plane writes through the transactions; the data plane reads the
// Snapshot. They meet nowhere else. A change reaches the node that made it by
// the same road as every other node: the store's watch.
//
// Package state does no authorization, speaks no protocol and knows nothing of
// AWS error texts beyond the conditions its sentinels name.
package state
