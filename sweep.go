package furl

import (
	"context"
	"time"
)

// Deployment packages that no function uses any more are removed some time
// after: one that is being uploaded has no function yet.
const (
	sweepEvery = time.Hour
	sweepAge   = time.Hour
)

// startSweeper removes what deleted functions and old versions left behind, at
// the start and every hour.
func (n *Node) startSweeper() {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(sweepEvery)
		defer tick.Stop()
		for {
			n.sweep(ctx)
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
	n.onClose("sweeper", func() error {
		stop()
		<-done
		return nil
	})
}

func (n *Node) sweep(ctx context.Context) {
	used := map[string]bool{}
	for _, f := range n.state.Snapshot().AllFunctions() {
		used[f.Function.Latest.CodeBlob] = true
		for _, t := range f.Versions {
			used[t.Version.CodeBlob] = true
		}
	}
	keep := func(sha string) bool { return used[sha] }
	if err := n.blobs.Sweep(ctx, keep, sweepAge); err != nil && ctx.Err() == nil {
		n.config.Logger.Warn("old deployment packages could not be removed", "err", err)
	}
	if err := n.trees.Sweep(keep); err != nil {
		n.config.Logger.Warn("old code could not be removed", "err", err)
	}
}
