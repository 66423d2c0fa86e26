package state

import (
	"fmt"
	"hash/maphash"
	"maps"
	"math/rand/v2"
	"testing"
)

// TestIndexAgainstMap makes random changes and checks after each that the new
// index equals a plain map and that every older one is what it was.
func TestIndexAgainstMap(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	hash := maphash.MakeSeed()

	type generation struct {
		ix   index[int]
		want map[string]int
	}
	generations := []generation{{want: map[string]int{}}}
	for range 200 {
		last := generations[len(generations)-1]
		next := generation{want: maps.Clone(last.want)}
		e := newEdit(hash, last.ix)
		for range rng.IntN(8) {
			key := fmt.Sprint(rng.IntN(50))
			if rng.IntN(3) == 0 {
				e.del(key)
				delete(next.want, key)
			} else {
				v := rng.Int()
				e.set(key, v)
				next.want[key] = v
			}
		}
		next.ix = e.ix
		generations = append(generations, next)
	}
	for i, g := range generations {
		if got := maps.Collect(g.ix.all()); !maps.Equal(got, g.want) {
			t.Fatalf("generation %d changed: %v, want %v", i, got, g.want)
		}
		if g.ix.n != len(g.want) {
			t.Fatalf("generation %d counts %d, want %d", i, g.ix.n, len(g.want))
		}
		for k, want := range g.want {
			if got, ok := g.ix.get(hash, k); !ok || got != want {
				t.Fatalf("generation %d: get(%q) = %d, %v; want %d", i, k, got, ok, want)
			}
		}
		earlier := generations[rng.IntN(i+1)]
		gone := maps.Clone(earlier.want)
		maps.DeleteFunc(gone, func(k string, _ int) bool { _, still := g.want[k]; return still })
		if got := maps.Collect(g.ix.without(hash, earlier.ix)); !maps.Equal(got, gone) {
			t.Fatalf("generation %d is without %v of an earlier one, want %v", i, got, gone)
		}
		if _, ok := g.ix.get(hash, "nobody"); ok {
			t.Fatal("an absent key is found")
		}
	}
}

func BenchmarkIndexChange(b *testing.B) {
	hash := maphash.MakeSeed()
	fill := newEdit(hash, index[int]{})
	for i := range 100_000 {
		fill.set(fmt.Sprint(i), i)
	}
	ix := fill.ix
	for i := 0; b.Loop(); i++ {
		e := newEdit(hash, ix)
		e.set(fmt.Sprint(i%100_000), i)
		ix = e.ix
	}
}

func BenchmarkIndexGet(b *testing.B) {
	hash := maphash.MakeSeed()
	fill := newEdit(hash, index[int]{})
	for i := range 100_000 {
		fill.set(fmt.Sprint(i), i)
	}
	for b.Loop() {
		fill.ix.get(hash, "77777")
	}
}
