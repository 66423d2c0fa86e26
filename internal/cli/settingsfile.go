package cli

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/BurntSushi/toml"
)

// parseSettingsFile reads a file with settings. A key that is not known is an
// error.
func parseSettingsFile(data []byte) (given, error) {
	var doc map[string]any
	if _, err := toml.Decode(string(data), &doc); err != nil {
		return nil, err
	}
	var known []string
	for _, s := range allSettings() {
		if !s.secret && !s.client && s.name != "config" {
			known = append(known, s.name)
		}
	}
	g := given{}
	for _, key := range slices.Sorted(maps.Keys(doc)) {
		if !slices.Contains(known, key) {
			return nil, withHint(fmt.Errorf("unknown key %q", key), didYouMean(key, known, "")...)
		}
		values, err := fileValues(doc[key])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		g[key] = values
	}
	return g, nil
}

// fileValues gives a TOML value the form that flags have: a list of texts, of
// a table the list of KEY=VALUE.
func fileValues(v any) ([]string, error) {
	switch v := v.(type) {
	case string:
		return []string{v}, nil
	case bool:
		return []string{strconv.FormatBool(v)}, nil
	case int64:
		return []string{strconv.FormatInt(v, 10)}, nil
	case []any:
		list := make([]string, 0, len(v))
		for _, item := range v {
			switch item := item.(type) {
			case string:
				list = append(list, item)
			case int64:
				list = append(list, strconv.FormatInt(item, 10))
			default:
				return nil, fmt.Errorf("want a list of texts or numbers, have a %T in it", item)
			}
		}
		return list, nil
	case map[string]any:
		list := make([]string, 0, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			text, ok := v[key].(string)
			if !ok {
				return nil, fmt.Errorf("%s: want a text, have a %T", key, v[key])
			}
			list = append(list, key+"="+text)
		}
		return list, nil
	}
	return nil, fmt.Errorf("want a text, a number, true or false, a list or a table, have a %T", v)
}

// standing is what is in force where a setting was not given. Of those that
// follow from others it is the value with its reason, of others the rule.
func (s *setting) standing(in *settings) string {
	if s.name != "isolation" && s.name != "egress" {
		return s.standard
	}
	c := in.InForce()
	because := "no address to serve on is beyond loopback"
	if beyond := c.BeyondLoopback(); beyond != "" {
		because = beyond + " is beyond loopback"
	}
	because = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) { // which a comment must not have
			return ' '
		}
		return r
	}, because)
	value := c.Isolation
	if s.name == "egress" {
		value = c.Egress
	}
	return value + ", because " + because
}

// writeSettings prints settings as a file that has the same effect, each with
// where it came from.
func writeSettings(w io.Writer, s *settings) error {
	for _, one := range allSettings() {
		if one.show == nil {
			continue
		}
		source := s.sources[one.name]
		switch {
		case source == "" && one.name != "data-dir":
			fmt.Fprintf(w, "# %s: %s\n", one.name, one.standing(s))
			continue
		case source == "":
			source = "default"
		}
		var line strings.Builder
		if err := toml.NewEncoder(&line).Encode(map[string]any{one.name: inline(one.show(s))}); err != nil {
			return fmt.Errorf("print the setting %s: %w", one.name, err)
		}
		fmt.Fprintf(w, "%s  # %s\n", strings.TrimRight(line.String(), "\n"), strings.ReplaceAll(source, "\n", " "))
	}
	return nil
}

// inline gives a table the form of a list, so that every setting is one line.
func inline(v any) any {
	table, ok := v.(map[string]string)
	if !ok {
		return v
	}
	list := make([]string, 0, len(table))
	for _, key := range slices.Sorted(maps.Keys(table)) {
		list = append(list, key+"="+table[key])
	}
	return list
}
