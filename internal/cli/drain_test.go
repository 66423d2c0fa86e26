package cli_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"furl/internal/cli"
)

// TestDrainIsTold: after an interrupt, and only when it takes its time.
func TestDrainIsTold(t *testing.T) {
	tests := []struct {
		name      string
		interrupt bool
		drain     time.Duration
		want      string
	}{
		{"at once", true, 100 * time.Millisecond, ""},
		{"slowly", true, time.Second, "furl: finishing requests; Ctrl-C again stops now\n"},
		{"without an interrupt", false, time.Second, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				interrupted, interrupt := context.WithCancel(t.Context())
				ctx, stop := context.WithCancel(interrupted)
				time.AfterFunc(time.Minute, func() {
					if tt.interrupt {
						interrupt()
					}
					stop()
				})
				var stderr bytes.Buffer
				err := cli.RunServer(interrupted, ctx, &stderr, func(ctx context.Context) error {
					<-ctx.Done()
					<-time.After(tt.drain)
					return nil
				})
				interrupt()
				if err != nil || stderr.String() != tt.want {
					t.Errorf("%v, %q, want %q", err, stderr.String(), tt.want)
				}
			})
		})
	}
}

// TestWithoutAPI: what furl up asks for is not shown, what fails is.
func TestWithoutAPI(t *testing.T) {
	var b bytes.Buffer
	log := slog.New(cli.WithoutAPI(slog.NewTextHandler(&b, nil))).With("node", "n")
	log.Info("api", "status", 200)
	log.Info("api", "status", 404, "err", "ResourceNotFoundException")
	log.Info("api", "status", 503, "id", "unavailable")
	log.Error("api", "status", 500, "id", "panic")
	log.Info("request", "status", 404, "id", "other")
	text := b.String()
	if strings.Count(text, "\n") != 3 || !strings.Contains(text, "id=unavailable") || !strings.Contains(text, "id=panic") || !strings.Contains(text, "id=other") {
		t.Errorf("%s", text)
	}
}
