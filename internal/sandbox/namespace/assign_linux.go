package namespace

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"

	"furl/internal/sandbox"
)

// Listen opens the listener that programs inside reach at 127.0.0.1:9001. A
// sandbox has one; it is closed with the sandbox at the latest.
func (b *box) Listen(ctx context.Context) (net.Listener, error) {
	if ln := b.ahead; ln != nil {
		b.ahead = nil
		return ln, nil
	}
	return b.listen(ctx)
}

func (b *box) listen(ctx context.Context) (net.Listener, error) {
	got, err := b.link.call(ctx, order{Listen: b.id})
	if err != nil {
		return nil, err
	}
	defer closeAll(got)
	if len(got) != 1 {
		return nil, fmt.Errorf("namespace: supervisor answered with %d descriptors", len(got))
	}
	ln, err := net.FileListener(got[0])
	if err != nil {
		return nil, fmt.Errorf("namespace: %w", err)
	}
	b.mu.Lock()
	b.listeners = append(b.listeners, ln)
	b.mu.Unlock()
	return ln, nil
}

// Assign mounts the code into the sandbox and, if no program runs there yet,
// starts it.
func (b *box) Assign(ctx context.Context, a sandbox.Assignment) (sandbox.Env, error) {
	return b.AssignAsking(ctx, a, nil)
}

// AssignAsking is Assign that has the supervisor ask the program a question.
func (b *box) AssignAsking(ctx context.Context, a sandbox.Assignment, question []byte) (sandbox.Env, error) {
	err := b.assign(ctx, a, question)
	if err != nil {
		b.Retire(0)
		return nil, err
	}
	return b, nil
}

func (b *box) assign(ctx context.Context, a sandbox.Assignment, question []byte) error {
	if err := b.attach(ctx, a, question); err != nil {
		return err
	}
	if b.spec.Path != "" {
		return nil
	}
	return b.launch(ctx, a.Launch(b.Layout()))
}

// attach has the supervisor mount the code and ask the question. Meanwhile the sandbox
// gets its network and its share: it is about to be used, and first has all cores.
func (b *box) attach(ctx context.Context, a sandbox.Assignment, question []byte) error {
	o := order{Attach: &attachOrder{ID: b.id, Question: question}}
	var files []*os.File
	if os.Geteuid() == 0 {
		// The supervisor may not be able to reach the directory.
		trees, err := openTrees(a.Code, a.Layers)
		defer closeAll(trees)
		if err != nil {
			return fmt.Errorf("namespace: code: %w", err)
		}
		files = append(files, trees...)
	} else {
		o.Attach.Path, o.Attach.Layers = a.Code, a.Layers
	}
	if question != nil {
		files = append(files, b.channel.Questions())
	}
	ready := make(chan error, 1)
	go func() {
		b.egress.serve(a.Network)
		var err error
		if b.group != nil {
			err = b.group.Weight(1)
		}
		b.program() // found while nobody waits for it
		ready <- err
	}()
	_, err := b.link.call(ctx, o, files...)
	return errors.Join(err, <-ready)
}

// launch starts the program that came with the code.
func (b *box) launch(ctx context.Context, l sandbox.Launch) error {
	err := send(b.control, command{Start: &program{Path: l.Path, Args: l.Args, Env: l.Env, Dir: codeDir}})
	if err != nil {
		return err
	}
	select {
	case <-b.started:
		return nil
	case <-b.exited:
	case <-ctx.Done():
		return fmt.Errorf("namespace: %s: %w", l.Path, ctx.Err())
	}
	if refused, ok := errors.AsType[*startError](b.failure); ok {
		return &os.PathError{Op: "fork/exec", Path: l.Path, Err: refused.errno}
	}
	if b.failure != nil {
		return b.failure
	}
	select {
	case <-b.started: // and has already ended
		return nil
	default:
		return fmt.Errorf("namespace: %s: %v", l.Path, b.exit)
	}
}
