//go:build linux

package namespace

import (
	"context"
	"errors"
	"time"

	"furl/internal/sandbox"
)

// Warm starts the zygote of a spec and waits until it is ready.
func (d *Driver) Warm(ctx context.Context, spec sandbox.Spec) error {
	b := newBox(d)
	b.spec = spec
	guard, err := d.guardFile()
	if err != nil {
		return err
	}
	if b.link, err = d.current(); err != nil {
		return err
	}
	p, err := newPlan(spec, guard, d.opts.ReadOnly, b.link.noExit == "")
	if err != nil {
		return err
	}
	im, err := b.link.image(ctx, p)
	if err != nil {
		return err
	}
	defer b.link.release(im, false)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		if z := b.borrow(im, p); z != nil {
			b.link.mu.Lock()
			z.users--
			z.forks--
			b.link.mu.Unlock()
			return nil
		}
		b.link.mu.Lock()
		z := b.link.zygotes[zygoteKey(im.id, spec, p)]
		failed := z != nil && z.state == zygoteFailed
		b.link.mu.Unlock()
		if failed {
			return errors.New("the zygote does not start")
		}
		<-tick.C
	}
	return ctx.Err()
}

// FirstProcess is the sandbox's first process, as the host counts.
func (b *box) FirstProcess() int { return b.pid }

// SetForks is after how many forks a zygote is replaced.
func (d *Driver) SetForks(n int) { d.forks = n }

// Neglect lets the idle time of all zygotes pass.
func (d *Driver) Neglect() error {
	l, err := d.current()
	if err != nil {
		return err
	}
	l.mu.Lock()
	var all []*zygote
	for _, z := range l.zygotes {
		z.used = z.used.Add(-2 * zygoteIdle)
		all = append(all, z)
	}
	l.mu.Unlock()
	for _, z := range all {
		d.expire(l, z)
	}
	return nil
}
