package dataplane

import "log/slog"

// record writes the access record: one for every request, however it ended. It
// never holds the query or a header field, which may carry a signature.
func (s *Server) record(c *call, status int, refused *refusal) {
	ctx, handler := c.r.Context(), s.opts.Access.Handler()
	if !handler.Enabled(ctx, slog.LevelInfo) {
		return
	}
	end := s.opts.Now()
	// Made here and not by the Logger, which would look for the line that calls it.
	record := slog.NewRecord(end, slog.LevelInfo, "url", 0)
	var room [13]slog.Attr
	attrs := append(room[:0],
		slog.String("request_id", c.id),
		slog.String("method", beginning(c.r.Method)),
		slog.String("path", c.r.URL.Path),
		slog.Int("status", status),
		slog.Duration("duration", end.Sub(c.start)),
		slog.String("remote", c.r.RemoteAddr),
	)
	if c.route != nil {
		attrs = append(attrs,
			slog.String("url_id", c.route.URL.ID),
			slog.String("function", c.route.URL.Function))
	}
	if c.caller != nil && c.caller.Principal.ARN != "" {
		attrs = append(attrs, slog.String("principal", c.caller.Principal.ARN))
	}
	if c.stream != nil && c.stream.status != 0 {
		attrs = append(attrs, slog.Int64("streamed", c.stream.bytes))
	}
	if c.note != "" {
		attrs = append(attrs, slog.String("reason", beginning(c.note)))
	}
	if refused != nil {
		attrs = append(attrs, slog.String("reason", beginning(refused.reason)))
	}
	if c.verdict.DualWouldRefuse {
		attrs = append(attrs, slog.String("dual", "would refuse: lambda:InvokeFunction is not allowed"))
	}
	record.AddAttrs(attrs...)
	_ = handler.Handle(ctx, record) // as the Logger does: a record that cannot be written is lost
}

// beginning is as much of a text as a record needs.
func beginning(s string) string { return s[:min(len(s), 1024)] }
