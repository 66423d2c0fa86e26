package template

import (
	"encoding/base64"
	"math"
	"slices"
	"strconv"
	"strings"
)

// shortForms are the functions that YAML templates may write as tags, without "Fn::".
func shortForms() []string {
	return []string{
		"And", "Base64", "Cidr", "Contains", "EachMemberEquals", "EachMemberIn", "Equals", "FindInMap", "GetAtt", "GetAZs", "If",
		"ImportValue", "Join", "Length", "Not", "Or", "RefAll", "Select", "Split", "Sub", "ToJsonString", "Transform", "ValueOf", "ValueOfAll",
	}
}

// simple are the functions that need all their arguments evaluated and nothing but them and the scope.
func simple() map[string]func(*Scope, any) (any, error) {
	return map[string]func(*Scope, any) (any, error){
		"Fn::Base64":       base64Of,
		"Fn::Cidr":         cidr,
		"Fn::GetAZs":       zones,
		"Fn::ImportValue":  importValue,
		"Fn::Join":         join,
		"Fn::Length":       length,
		"Fn::Select":       selectOne,
		"Fn::Split":        split,
		"Fn::ToJsonString": toJSON,
	}
}

func unsupported(name string) error {
	return templateError("Encountered unsupported function: %s Supported functions are: [Fn::Base64, Fn::GetAtt, Fn::GetAZs, "+
		"Fn::ImportValue, Fn::Join, Fn::Split, Fn::FindInMap, Fn::Select, Ref, Fn::Equals, Fn::If, Fn::Not, Condition, Fn::And, "+
		"Fn::Or, Fn::Contains, Fn::EachMemberEquals, Fn::EachMemberIn, Fn::ValueOf, Fn::ValueOfAll, Fn::RefAll, Fn::Sub, Fn::Cidr]", name)
}

// refuseInclude is the answer to Fn::Transform: there is no service that would carry out a macro, nor AWS::Include.
func refuseInclude() error {
	return templateError("Fn::Transform is not supported: macros and AWS::Include are not carried out here")
}

func base64Of(_ *Scope, v any) (any, error) {
	text, ok := scalarText(v)
	if !ok {
		return nil, templateError("every Fn::Base64 object must have a String-typed value.")
	}
	return base64.StdEncoding.EncodeToString([]byte(text)), nil
}

// zones are the availability zones of a Region, which of all Regions are named alike.
func zones(s *Scope, v any) (any, error) {
	region, ok := v.(string)
	if !ok {
		return nil, templateError("every Fn::GetAZs object must have a String-typed value.")
	}
	list := []any{}
	for _, zone := range s.AZs {
		if region != "" {
			zone = region + strings.TrimPrefix(zone, s.Region)
		}
		list = append(list, zone)
	}
	return list, nil
}

func importValue(s *Scope, v any) (any, error) {
	name, ok := scalarText(v)
	if !ok || name == "" {
		return nil, templateError("the attribute in Fn::ImportValue must be a string or a function that returns a string")
	}
	if s.Import != nil {
		if value, ok := s.Import(name); ok {
			return value, nil
		}
	}
	return nil, fault("No export named %s found.", name)
}

func errJoin() error {
	return templateError("every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined " +
		"or a function that returns a list of strings (such as Fn::GetAZs) to be joined.")
}

func join(_ *Scope, v any) (any, error) {
	parts, ok := v.([]any)
	if !ok || len(parts) != 2 {
		return nil, errJoin()
	}
	delimiter, ok := parts[0].(string)
	list, isList := parts[1].([]any)
	if !ok || !isList {
		return nil, errJoin()
	}
	texts := make([]string, len(list))
	for i, one := range list {
		if texts[i], ok = scalarText(one); !ok {
			return nil, errJoin()
		}
	}
	return strings.Join(texts, delimiter), nil
}

func errSplit() error {
	return templateError("every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split " +
		"or a function that returns a string to be split.")
}

func split(_ *Scope, v any) (any, error) {
	parts, ok := v.([]any)
	if !ok || len(parts) != 2 {
		return nil, errSplit()
	}
	delimiter, ok := parts[0].(string)
	text, isText := scalarText(parts[1])
	if !ok || !isText || delimiter == "" {
		return nil, errSplit()
	}
	list := []any{}
	for _, one := range strings.Split(text, delimiter) {
		list = append(list, one)
	}
	return list, nil
}

func selectOne(_ *Scope, v any) (any, error) {
	parts, ok := v.([]any)
	if !ok || len(parts) == 0 {
		return nil, templateError("Fn::Select requires a list argument with a valid index value as its first element")
	}
	index, ok := integer(parts[0])
	if !ok {
		return nil, templateError("Fn::Select requires a list argument with a valid index value as its first element")
	}
	if len(parts) != 2 {
		return nil, errSelect()
	}
	list, ok := parts[1].([]any)
	if !ok {
		return nil, errSelect()
	}
	if index < 0 || index >= int64(len(list)) {
		return nil, templateError("Fn::Select cannot select nonexistent value at index %d", index)
	}
	return list[index], nil
}

func errSelect() error {
	return templateError("Fn::Select requires a list argument with two elements: an integer index and a list")
}

// integer is the whole number that a number or text is.
func integer(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case float64:
		return int64(v), v == math.Trunc(v) && math.Abs(v) < 1<<53
	case string:
		n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
		return n, err == nil
	}
	return 0, false
}

// findInMap evaluates Fn::FindInMap. The default of AWS::LanguageExtensions is evaluated if it is needed.
func (e *evaluator) findInMap(argument any) (any, error) {
	parts, ok := argument.([]any)
	if !ok || len(parts) != 3 && len(parts) != 4 {
		return nil, errFindInMap()
	}
	evaluated, err := e.value(parts[:3])
	if err != nil {
		return nil, err
	}
	keys := evaluated.([]any)
	if holdsDeferred(evaluated) {
		return deferred{map[string]any{"Fn::FindInMap": append(slices.Clone(keys), parts[3:]...)}}, nil
	}
	if len(keys) != 3 {
		return nil, errFindInMap() // AWS::NoValue among them
	}
	var texts [3]string
	for i, one := range keys {
		if texts[i], ok = scalarText(one); !ok {
			return nil, errFindInMap()
		}
	}
	if found, ok := e.t.Mappings[texts[0]][texts[1]][texts[2]]; ok {
		return copyTree(found), nil
	}
	if len(parts) == 4 {
		if m, ok := parts[3].(map[string]any); ok && len(m) == 1 && m["DefaultValue"] != nil {
			return e.value(m["DefaultValue"])
		}
		return nil, errFindInMap()
	}
	if e.t.Mappings[texts[0]] == nil {
		return nil, templateError("Mapping named '%s' is not present in the 'Mappings' section of template.", texts[0])
	}
	return nil, templateError("Unable to get mapping for %s", strings.Join(texts[:], "::"))
}

func errFindInMap() error {
	return templateError("every Fn::FindInMap object requires three parameters, the map name, map key and the attribute for return value")
}
