package dataplane

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"furl/internal/state"
)

// cors does the platform's part of cross-origin requests to a URL that has a
// CORS configuration. It reports whether the request was a preflight, which is
// answered here and never reaches the function, signed or not.
func (s *Server) cors(w http.ResponseWriter, c *call) (answered bool) {
	cfg := c.route.URL.CORS
	origin := c.r.Header.Get("Origin")
	if cfg == nil || origin == "" {
		return false
	}
	h := w.Header()
	method := c.r.Header.Get("Access-Control-Request-Method")
	preflight := c.r.Method == http.MethodOptions && method != ""
	if !originAllowed(cfg, origin) {
		if preflight {
			h.Set("Content-Length", "0")
			w.WriteHeader(http.StatusOK)
		}
		return preflight
	}
	// AWS echoes the origin even where the configuration says "*".
	h.Add("Access-Control-Allow-Origin", origin)
	h.Add("Vary", "Origin")
	if cfg.AllowCredentials != nil && *cfg.AllowCredentials {
		h.Add("Access-Control-Allow-Credentials", "true")
	}
	if preflight {
		preflightHeaders(h, cfg)
		h.Set("Content-Length", "0")
		w.WriteHeader(http.StatusOK)
		return true
	}
	if len(cfg.ExposeHeaders) > 0 {
		h.Add("Access-Control-Expose-Headers", strings.Join(cfg.ExposeHeaders, ","))
	}
	return false
}

func preflightHeaders(h http.Header, cfg *state.CORS) {
	if len(cfg.AllowMethods) > 0 {
		h.Set("Access-Control-Allow-Methods", strings.Join(cfg.AllowMethods, ","))
	}
	if len(cfg.AllowHeaders) > 0 {
		h.Set("Access-Control-Allow-Headers", strings.Join(cfg.AllowHeaders, ","))
	}
	if cfg.MaxAge != nil {
		h.Set("Access-Control-Max-Age", strconv.Itoa(*cfg.MaxAge))
	}
}

func originAllowed(cfg *state.CORS, origin string) bool {
	return slices.ContainsFunc(cfg.AllowOrigins, func(allowed string) bool {
		return allowed == "*" || strings.EqualFold(allowed, origin)
	})
}
