package furl

import (
	"context"
	"time"

	"furl/internal/admin"
	"furl/internal/arn"
	"furl/internal/async"
	"furl/internal/authz"
	"furl/internal/state"
)

// nodeName names this server among those that use its store's queue: there are no
// others, and it is the same in every run.
const nodeName = "local"

// openAsync starts to run the events of asynchronous invocations. They get half of
// the environments at most, and those of one function half of these.
func (n *Node) openAsync(ctx context.Context, judge *authz.Authorizer) error {
	most := max(1, n.config.MaxEnvironments/2)
	options := async.Options{
		State: n.state, Queue: n.blobs, Node: nodeName,
		Invoke: n.pool.Invoke, MayInvoke: n.mayInvoke(judge),
		Concurrency: most, PerFunction: max(1, most/2),
		Access: n.config.Access, Logger: n.config.Logger, Now: time.Now,
	}
	if n.metrics != nil {
		options.Counter = n.metrics
	}
	runner, err := async.New(ctx, options)
	if err != nil {
		return err
	}
	n.async.Store(runner)
	n.onClose("asynchronous invocations", n.closeAsync)
	return nil
}

// closeAsync gives what has not ended back to the queue. Invocations that are under
// way have until the end of the drain, which began when Run was told to end.
func (n *Node) closeAsync() error {
	end := time.Now().Add(n.config.DrainTimeout)
	if began := n.draining.Load(); began != nil {
		end = began.Add(n.config.DrainTimeout)
	}
	ctx, cancel := context.WithDeadline(context.Background(), end)
	defer cancel()
	return n.async.Load().Close(ctx)
}

// mayInvoke judges whether a function's role may invoke a destination.
func (n *Node) mayInvoke(judge *authz.Authorizer) func(role string, f *state.FunctionEntry, qualifier string) bool {
	return func(role string, f *state.FunctionEntry, qualifier string) bool {
		r := n.state.Snapshot().RoleByARN(role)
		if r == nil {
			return false
		}
		id := f.Function.ID()
		to := arn.Function(id.Region, id.Account, id.Name, qualifier)
		access := authz.FunctionAccess("lambda:InvokeFunction", f, qualifier, to)
		return judge.Allow(authz.RoleCaller(r, "awslambda"), authz.Env{Time: time.Now()}, access).Allowed
	}
}

// asyncStatus says for furl status how the queue does.
func (n *Node) asyncStatus(ctx context.Context) (admin.QueueStatus, error) {
	jobs, err := n.blobs.Jobs(ctx)
	if err != nil {
		return admin.QueueStatus{}, err
	}
	due, err := n.blobs.Next(ctx)
	s := admin.QueueStatus{Events: jobs}
	if runner := n.async.Load(); runner != nil {
		s.Running = runner.Running()
	}
	if !due.IsZero() {
		s.OldestDueSeconds = max(0, int64(time.Since(due)/time.Second)) // one that is not due yet waits for nothing
	}
	return s, err
}
