package measure

import (
	"slices"
	"time"
)

// Percentile returns the p-th percentile of the values, which it sorts. There must be one at least.
func Percentile[T int64 | float64 | time.Duration](values []T, p int) T {
	slices.Sort(values)
	return values[min(len(values)*p/100, len(values)-1)]
}
