package state

import (
	"hash/maphash"
	"iter"
	"reflect"
)

// shardCount is a compromise: a change copies one shard and the array of
// pointers to all of them (8 KB), so a hundred thousand entries cost some
// hundred map insertions a change.
const shardCount = 1024

// index is an immutable map with cheap changed copies. The zero value is empty.
type index[V any] struct {
	shards *[shardCount]map[string]V
	n      int
}

// shardOf must agree between all indexes of a process, hence the one seed.
func shardOf(seed maphash.Seed, key string) int {
	return int(maphash.String(seed, key) % shardCount)
}

func (ix index[V]) get(seed maphash.Seed, key string) (V, bool) {
	if ix.shards == nil {
		var zero V
		return zero, false
	}
	v, ok := ix.shards[shardOf(seed, key)][key]
	return v, ok
}

// all yields every entry in no particular order.
func (ix index[V]) all() iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		if ix.shards == nil {
			return
		}
		for _, shard := range ix.shards {
			for k, v := range shard {
				if !yield(k, v) {
					return
				}
			}
		}
	}
}

// without yields the entries of an earlier index that this one has not. It passes
// over what both share, so that the entries of few shards are looked at.
func (ix index[V]) without(seed maphash.Seed, earlier index[V]) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		if earlier.shards == nil || earlier.shards == ix.shards {
			return
		}
		for i, shard := range earlier.shards {
			if ix.shards != nil && sameMap(shard, ix.shards[i]) {
				continue
			}
			for k, v := range shard {
				if _, still := ix.get(seed, k); !still && !yield(k, v) {
					return
				}
			}
		}
	}
}

// sameMap reports whether two shards are one and the same map.
func sameMap[V any](a, b map[string]V) bool {
	return reflect.ValueOf(a).UnsafePointer() == reflect.ValueOf(b).UnsafePointer()
}

// edit makes a changed copy of an index: the shards it touches are its own,
// the others stay shared with the original.
type edit[V any] struct {
	seed  maphash.Seed
	ix    index[V]
	owned *[shardCount]bool // nil until the first change
}

func newEdit[V any](seed maphash.Seed, ix index[V]) *edit[V] {
	return &edit[V]{seed: seed, ix: ix}
}

func (e *edit[V]) get(key string) (V, bool) { return e.ix.get(e.seed, key) }

func (e *edit[V]) set(key string, v V) {
	shard := e.own(key)
	if _, had := shard[key]; !had {
		e.ix.n++
	}
	shard[key] = v
}

func (e *edit[V]) del(key string) {
	if _, had := e.get(key); !had {
		return
	}
	delete(e.own(key), key)
	e.ix.n--
}

func (e *edit[V]) own(key string) map[string]V {
	if e.owned == nil {
		e.owned = new([shardCount]bool)
		top := new([shardCount]map[string]V)
		if e.ix.shards != nil {
			*top = *e.ix.shards
		}
		e.ix.shards = top
	}
	i := shardOf(e.seed, key)
	if e.owned[i] {
		return e.ix.shards[i]
	}
	shard := make(map[string]V, len(e.ix.shards[i])+1)
	for k, v := range e.ix.shards[i] {
		shard[k] = v
	}
	e.ix.shards[i], e.owned[i] = shard, true
	return shard
}
