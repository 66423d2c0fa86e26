//go:build linux && !amd64

package namespace

// reaper: nobody has written it for this machine, so guards stay what they are.
func reaper() []byte { return nil }

// bequest: nor this.
func bequest() []byte { return nil }
