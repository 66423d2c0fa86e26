package dataplane

import "time"

// SetStallTime changes how long clients may leave a write without taking any of it.
func SetStallTime(s *Server, d time.Duration) { s.stallTime = d }
