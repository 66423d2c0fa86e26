package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
)

const policyVersion = "2012-10-17"

// document is a policy that a fix writes.
type document struct {
	Version   string
	Statement []statement
}

// statement is a statement that a fix writes, its members in AWS's order.
type statement struct {
	Sid       string `json:",omitempty"`
	Effect    string
	Principal any `json:",omitempty"`
	Action    string
	Resource  string
	Condition map[string]map[string]string `json:",omitempty"`
}

// text is the document as JSON.
func (d document) text() string {
	b, err := marshal(d)
	if err != nil { // plain data always has a JSON form
		return ""
	}
	return string(b)
}

// marshal writes JSON as policies have it, without escaping for HTML.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// openDocument takes a policy apart: its members, and its statements, which may
// be one alone or a list.
func openDocument(text string) (members map[string]json.RawMessage, statements []json.RawMessage, err error) {
	if text == "" {
		version, err := marshal(policyVersion)
		return map[string]json.RawMessage{"Version": version}, nil, err
	}
	if err := json.Unmarshal([]byte(text), &members); err != nil {
		return nil, nil, err
	}
	raw := bytes.TrimSpace(members["Statement"])
	if len(raw) > 0 && raw[0] == '[' {
		err = json.Unmarshal(raw, &statements)
		return members, statements, err
	}
	return members, []json.RawMessage{raw}, nil
}

func closeDocument(members map[string]json.RawMessage, statements []json.RawMessage) (string, error) {
	list, err := marshal(statements)
	if err != nil {
		return "", err
	}
	members["Statement"] = list
	b, err := marshal(members)
	return string(b), err
}

// addStatement appends a statement to a policy.
func addStatement(text string, st statement) (string, error) {
	members, statements, err := openDocument(text)
	if err != nil {
		return "", err
	}
	raw, err := marshal(st)
	if err != nil {
		return "", err
	}
	return closeDocument(members, append(statements, raw))
}

// dropStatement takes the statement at an index out of a policy and says how
// many are left.
func dropStatement(text string, index int) (left string, n int, err error) {
	members, statements, err := openDocument(text)
	if err != nil {
		return "", 0, err
	}
	if index >= len(statements) {
		return "", 0, errors.New("admin: the policy has no such statement")
	}
	statements = slices.Delete(statements, index, index+1)
	left, err = closeDocument(members, statements)
	return left, len(statements), err
}

// sids are the ids of a policy's statements.
func sids(text string) map[string]bool {
	ids := map[string]bool{}
	_, statements, err := openDocument(text)
	if err != nil {
		return ids
	}
	for _, raw := range statements {
		var st struct{ Sid string }
		if json.Unmarshal(raw, &st) == nil && st.Sid != "" {
			ids[st.Sid] = true
		}
	}
	return ids
}

// free is a name that is not taken: the name itself, or with a number.
func free(name, separator string, taken func(string) bool) string {
	for n, candidate := 2, name; ; n++ {
		if !taken(candidate) {
			return candidate
		}
		candidate = name + separator + strconv.Itoa(n)
	}
}
