package stack

import (
	"errors"
	"fmt"
	"sync"
)

// walk visits nodes, each after those that it needs, at most so many at once. What needs one whose visit has failed is not
// visited, and once stop says so of those that have failed, nothing more is; it returns when the visits that were begun
// have ended. The ids of those that failed are in the order in which they did. An error of another kind than a failure
// ends it at once, and is returned.
func walk(nodes []string, needs func(string) []string, most int, stop func(failed []string) bool, visit func(id string) error) (failed []string, err error) {
	var mu sync.Mutex
	changed := sync.NewCond(&mu)
	waits, users := map[string]int{}, map[string][]string{}
	there := map[string]bool{}
	for _, id := range nodes {
		there[id] = true
	}
	var ready []string
	for _, id := range nodes {
		for _, other := range needs(id) {
			if there[other] {
				waits[id]++
				users[other] = append(users[other], id)
			}
		}
		if waits[id] == 0 {
			ready = append(ready, id)
		}
	}
	running, begun := 0, 0
	mu.Lock()
	defer mu.Unlock()
	for {
		for len(ready) > 0 && running < most && err == nil && !stop(failed) {
			id := ready[0]
			ready = ready[1:]
			running, begun = running+1, begun+1
			go func() {
				ended := visit(id)
				mu.Lock()
				defer mu.Unlock()
				running--
				defer changed.Signal()
				if _, refused := ended.(*failure); refused {
					failed = append(failed, id)
					return
				}
				if ended != nil {
					err = ended
					return
				}
				for _, user := range users[id] {
					if waits[user]--; waits[user] == 0 {
						ready = append(ready, user)
					}
				}
			}()
		}
		if running == 0 {
			if begun < len(nodes) && len(failed) == 0 && err == nil && !stop(nil) {
				err = errors.New("stack: resources need each other in a circle") // none may pass for visited
			}
			return failed, err
		}
		changed.Wait()
	}
}

// never and failing say when a walk ends early: not at all, or once a visit has failed.
func never([]string) bool          { return false }
func failing(failed []string) bool { return len(failed) > 0 }

// backwards turns needs around: each node after those that need it.
func backwards(nodes []string, needs func(string) []string) func(string) []string {
	users := map[string][]string{}
	for _, id := range nodes {
		for _, other := range needs(id) {
			users[other] = append(users[other], id)
		}
	}
	return func(id string) []string { return users[id] }
}

// failure is a step that did not succeed, for the reason that its events tell.
type failure struct{ reason string }

func (f *failure) Error() string { return f.reason }

// refusal is a failure whose reason is for the client, in CloudFormation's words.
func refusal(format string, args ...any) error { return &failure{fmt.Sprintf(format, args...)} }
