package state_test

import (
	"bytes"
	"testing"

	"furl/internal/state"
)

func TestBox(t *testing.T) {
	key := state.NewSealKey()
	open := func(purpose string) *state.Box {
		b, err := state.NewBox(key, purpose)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	sealed := open("a").Seal([]byte("secret"), "owner")
	if plain, err := open("a").Open(sealed, "owner"); err != nil || string(plain) != "secret" {
		t.Errorf("%q, %v", plain, err)
	}
	if bytes.Contains(sealed, []byte("secret")) {
		t.Error("the secret can be read")
	}
	if _, err := open("a").Open(sealed, "other"); err == nil {
		t.Error("another owner's opens")
	}
	if _, err := open("b").Open(sealed, "owner"); err == nil {
		t.Error("another purpose's opens")
	}
	if _, err := state.NewBox(key[1:], "a"); err == nil {
		t.Error("a short key is taken")
	}
}
