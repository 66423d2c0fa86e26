package state

import (
	"cmp"
	"slices"
	"strconv"
)

// Routing is what a qualifier leads to: one version, or two.
type Routing struct {
	Target *Target
	// Other is the version that gets Weight of the invocations, nil for none.
	Other  *Target
	Weight float64
}

// Pick chooses the version for one invocation; random is from [0, 1).
func (r *Routing) Pick(random float64) *Target {
	if r.Other != nil && random < r.Weight {
		return r.Other
	}
	return r.Target
}

// Routing finds what a qualifier leads to: nothing or $LATEST, a version's
// number, an alias. It is false for one that there is not.
func (f *FunctionEntry) Routing(qualifier string) (Routing, bool) {
	if t := f.version(qualifier); t != nil {
		return Routing{Target: t}, true
	}
	a := f.Aliases[qualifier]
	if a == nil {
		return Routing{}, false
	}
	r := Routing{Target: f.version(a.Version)}
	if a.Other != "" {
		r.Other, r.Weight = f.version(a.Other), a.Weight
	}
	return r, r.Target != nil
}

func (f *FunctionEntry) version(qualifier string) *Target {
	if qualifier == "" || qualifier == LatestVersion {
		return f.Latest
	}
	return f.Versions[qualifier]
}

// Published returns the published versions in the order of their numbers.
func (f *FunctionEntry) Published() []*Target {
	all := make([]*Target, 0, len(f.Versions))
	for _, t := range f.Versions {
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b *Target) int { return cmp.Compare(number(a), number(b)) })
	return all
}

func number(t *Target) int {
	n, err := strconv.Atoi(t.Version.Number)
	if err != nil { // no version's number is made otherwise
		return 0
	}
	return n
}
