package furl

import (
	"context"
	"slices"
	"time"

	"furl/internal/code"
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
	runtimes := map[string][]string{} // of the functions, by their packages
	layers, merged := map[string]bool{}, map[string]bool{}
	for _, f := range n.state.Snapshot().AllFunctions() {
		for _, t := range append(f.Published(), f.Latest) {
			v := t.Version
			runtimes[v.CodeBlob] = append(runtimes[v.CodeBlob], v.Runtime)
			for _, sha := range layerBlobs(v) {
				layers[sha] = true
			}
			merged[code.MergedName(layerBlobs(v))] = true
		}
	}
	for l := range n.state.Snapshot().AllLayers {
		for _, e := range l.Versions {
			layers[e.Record.CodeBlob] = true
		}
	}
	if err := n.objects.Expire(ctx); err != nil && ctx.Err() == nil {
		n.config.Logger.Warn("lifecycle rules could not be carried out", "err", err)
	}
	objects := n.objects.Uses()
	used := func(sha string) bool { return layers[sha] || len(runtimes[sha]) > 0 }
	// Compiled code goes with its package, and when no interpreter wants its form
	// any more. An interpreter that cannot be asked may want it.
	keep := func(sha, form string) bool {
		if form == code.MergedTag {
			return merged[sha]
		}
		return form == "" && used(sha) || slices.ContainsFunc(runtimes[sha], func(runtime string) bool {
			wanted := n.pool.CompiledForm(ctx, runtime)
			return wanted == form || wanted == ""
		})
	}
	n.compiled.forget()
	if err := n.blobs.Sweep(ctx, func(sha string) bool { return used(sha) || objects(sha) }, sweepAge); err != nil && ctx.Err() == nil {
		n.config.Logger.Warn("old deployment packages could not be removed", "err", err)
	}
	if err := n.trees.Sweep(keep); err != nil {
		n.config.Logger.Warn("old code could not be removed", "err", err)
	}
}
