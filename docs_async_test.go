package furl_test

import "testing"

// TestAsyncRunsAsWritten runs the blocks of the guide to asynchronous invocations, then waits for what the functions are
// to say.
func TestAsyncRunsAsWritten(t *testing.T) {
	if _, err := furlBinary(); err != nil {
		t.Fatal(err)
	}
	requireTools(t)
	const wait = `
for want in "work: did the first" "work: did the second" "failed: failed: RetriesExhausted {'bad': True} cannot be done"; do
	for try in $(seq 300); do
		if furl logs "${want%%:*}" | grep -F "${want#*: }"; then continue 2; fi
		sleep 0.1
	done
	exit 1
done
`
	runTutorial(t, blocksOf(t, "docs/howto/async.md")+wait)
}
