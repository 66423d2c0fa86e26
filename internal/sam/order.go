package sam

import "go.yaml.in/yaml/v3"

// tagOrder returns the tags of a function in the order in which they were written: the global ones first. Where nobody
// knows the order it is the alphabet's.
func (t *translation) tagOrder(r *resource) []string {
	own, _ := r.get("Tags").(map[string]any)
	if len(own) < 2 || r.get("AutoPublishAliasAllProperties") != true || len(t.options.Body) == 0 {
		return inOrder(own, nil)
	}
	if t.written == nil {
		t.written = new(yaml.Node)
		if err := yaml.Unmarshal(t.options.Body, t.written); err != nil {
			t.written = new(yaml.Node) // the tree was not read from this text
		}
	}
	global := keysAt(t.written, "Globals", "Function", "Tags")
	return inOrder(own, append(global, keysAt(t.written, "Resources", r.id, "Properties", "Tags")...))
}

// keysAt returns the keys of the mapping at the end of a path.
func keysAt(n *yaml.Node, path ...string) []string {
	switch {
	case n.Kind == yaml.DocumentNode && len(n.Content) == 1:
		n = n.Content[0]
	case n.Kind == yaml.AliasNode:
		n = n.Alias
	}
	if n.Kind != yaml.MappingNode {
		return nil
	}
	var keys []string
	for i := 0; i+1 < len(n.Content); i += 2 {
		if len(path) == 0 {
			keys = append(keys, n.Content[i].Value)
		} else if n.Content[i].Value == path[0] {
			return keysAt(n.Content[i+1], path[1:]...)
		}
	}
	return keys
}
