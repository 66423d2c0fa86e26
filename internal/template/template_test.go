package template_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"furl/internal/template"
)

// scope is what the tests' templates refer to.
func scope() *template.Scope {
	return &template.Scope{
		AccountID: "123456789012", Region: "us-east-1", Partition: "aws", URLSuffix: "amazonaws.com", StackName: "demo",
		StackID: "arn:aws:cloudformation:us-east-1:123456789012:stack/demo/1", NotificationARNs: []string{"arn:1", "arn:2"},
		AZs: []string{"us-east-1a", "us-east-1b"},
		Resource: func(name string) (any, func(string) (any, bool), bool) {
			if name != "B" && name != "C" {
				return nil, nil, false
			}
			return "id-" + name, func(path string) (any, bool) {
				v, ok := map[string]any{"Arn": "arn-" + name, "Outputs.X": "x", "List": []any{"a", "b"}}[path]
				return v, ok
			}, true
		},
		Import: func(name string) (any, bool) { return "imported", name == "there" },
	}
}

func read(t *testing.T, body string) map[string]any {
	t.Helper()
	doc, err := template.Read([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// load reads, extends where the template asks for it, checks, binds and decides.
func load(body string, values map[string]string, s *template.Scope) (*template.Template, error) {
	doc, err := template.Read([]byte(body))
	if err != nil {
		return nil, err
	}
	parameters, err := template.ReadParameters(doc)
	if err != nil {
		return nil, err
	}
	bound, err := template.Bind(parameters, values, nil)
	if err != nil {
		return nil, err
	}
	s.Parameters = bound.Values
	names, err := template.Transforms(doc)
	if err != nil {
		return nil, err
	}
	if slices.Contains(names, template.LanguageExtensions) {
		if doc, err = template.Extend(doc, s); err != nil {
			return nil, err
		}
	}
	tmpl, err := template.New(doc)
	if err != nil {
		return nil, err
	}
	return tmpl, tmpl.Decide(s)
}

func text(err error) string {
	if err == nil {
		return ""
	}
	if _, ok := err.(*template.Error); !ok {
		return "not an Error: " + err.Error()
	}
	return err.Error()
}

func compact(t *testing.T, v any) string {
	t.Helper()
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

const head = `
Parameters:
  Env: {Type: String, Default: dev}
  Subnets: {Type: CommaDelimitedList, Default: "s1, s2,s3"}
  Ports: {Type: List<Number>, Default: "80,443"}
  Size: {Type: Number, Default: 3}
Mappings:
  Map:
    us-east-1: {Name: east, Size: 2, List: [x, y], Zones: [a, b, c]}
    eu-west-1: {Name: west}
Conditions:
  Prod: !Equals [!Ref Env, prod]
  East: !Equals [!FindInMap [Map, !Ref AWS::Region, Name], east]
Resources:
  B: {Type: AWS::S3::Bucket}
  C: {Type: AWS::S3::Bucket}
`

func TestFunctions(t *testing.T) {
	for _, c := range []struct{ value, want string }{
		{`!Ref Env`, `"dev"`},
		{`!Ref Size`, `"3"`},
		{`!Ref Subnets`, `["s1","s2","s3"]`},
		{`!Ref B`, `"id-B"`},
		{`!Ref AWS::NotificationARNs`, `["arn:1","arn:2"]`},
		{`{a: !Ref AWS::NoValue, b: [x, !Ref AWS::NoValue, y]}`, `{"b":["x","y"]}`},
		{`!Ref AWS::NoValue`, `null`},
		{`!GetAtt B.Arn`, `"arn-B"`},
		{`!GetAtt B.Outputs.X`, `"x"`},
		{`!GetAtt [B, Arn]`, `"arn-B"`},
		{`{"Fn::GetAtt": B.Outputs.X}`, `"x"`},
		{`{"Fn::GetAtt": [B, {Ref: "AWS::StackName"}]}`, `!Requested attribute demo does not exist in schema for AWS::S3::Bucket`},
		{`!Sub "${AWS::Region}-${Env}-${B}-${B.Arn}-${!Literal}-$x-${"`, `"us-east-1-dev-id-B-arn-B-${Literal}-$x-${"`},
		{`!Sub ["${a}-${Env}", {a: !Join ["+", [1, true, 2.5]]}]`, `"1+true+2.5-dev"`},
		{`!Sub ["${Env}", {Env: own}]`, `"own"`},
		{`!Sub "${Subnets}"`, `!Template error: variable Subnets in Fn::Sub expression does not resolve to a string`},
		{`!Join ["|", !Ref Subnets]`, `"s1|s2|s3"`},
		{`!Join ["", []]`, `""`},
		{`!Join ["-", !Split [",", "a,b,,c"]]`, `"a-b--c"`},
		{`!Join ["-", notalist]`, `!Template error: every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined.`},
		{`!Select [1, !Ref Subnets]`, `"s2"`},
		{`!Select ["0", !GetAZs ""]`, `"us-east-1a"`},
		{`!GetAZs eu-west-1`, `["eu-west-1a","eu-west-1b"]`},
		{`!Select [5, [a, b]]`, `!Template error: Fn::Select cannot select nonexistent value at index 5`},
		{`!Select [-1, [a, b]]`, `!Template error: Fn::Select cannot select nonexistent value at index -1`},
		{`!FindInMap [Map, !Ref AWS::Region, List]`, `["x","y"]`},
		{`!FindInMap [Map, us-east-1, Size]`, `2`},
		{`!FindInMap [Map, eu-west-1, Size]`, `!Template error: Unable to get mapping for Map::eu-west-1::Size`},
		{`!Base64 {"Fn::Sub": "${Env}-x"}`, `"ZGV2LXg="`},
		{`!ImportValue there`, `"imported"`},
		{`!ImportValue {"Fn::Sub": "not-${Env}"}`, `!No export named not-dev found.`},
		{`!If [Prod, a, b]`, `"b"`},
		{`!If [East, {x: !If [Prod, 1, !Ref AWS::NoValue]}, b]`, `{}`},
		{`!Cidr ["192.168.0.0/24", 6, 5]`, `["192.168.0.0/27","192.168.0.32/27","192.168.0.64/27","192.168.0.96/27","192.168.0.128/27","192.168.0.160/27"]`},
		{`!Cidr ["10.0.7.9/16", "2", "8"]`, `["10.0.0.0/24","10.0.1.0/24"]`},
		{`!Cidr ["2600:1f18:abc:de00::/56", 2, 64]`, `["2600:1f18:abc:de00::/64","2600:1f18:abc:de01::/64"]`},
		{`!Cidr ["10.0.0.0/24", 9, 5]`, `!Template error: Fn::Cidr cannot fit 9 blocks with 5 CIDR bits in 10.0.0.0/24`},
		{`{Effect: Allow, Condition: {StringEquals: {a: !Ref Env}}}`, `{"Condition":{"StringEquals":{"a":"dev"}},"Effect":"Allow"}`},
		{`{Condition: {StringEquals: {a: b}}}`, `{"Condition":{"StringEquals":{"a":"b"}}}`},
		{`{Condition: Prod}`, `{"Condition":"Prod"}`},
		{`"{{resolve:ssm:/a:1}}"`, `!Dynamic references are not supported here: {{resolve:ssm:/a:1}}`},
	} {
		t.Run(c.value, func(t *testing.T) {
			body := head + "  R: {Type: T, Properties: {P: " + c.value + "}}\n"
			s := scope()
			tmpl, err := load(body, nil, s)
			if err != nil {
				t.Fatal(err)
			}
			before := compact(t, tmpl.Doc)
			got, err := tmpl.Resolve(s, tmpl.Resources["R"].Properties["P"])
			result := "!" + text(err)
			if err == nil {
				result = compact(t, got)
			}
			if result != c.want {
				t.Errorf("got  %s\nwant %s", result, c.want)
			}
			if compact(t, tmpl.Doc) != before {
				t.Error("Resolve changed the template")
			}
		})
	}
}

func TestDynamicReferences(t *testing.T) {
	s := scope()
	s.Dynamic = func(reference string) (string, error) { return "<" + reference + ">", nil }
	tmpl, err := load(head, nil, s)
	if err != nil {
		t.Fatal(err)
	}
	got, err := tmpl.Resolve(s, map[string]any{"a": "x{{resolve:ssm:/a:1}}y{{resolve:ssm:/b}}", "b": "{{resolve:open"})
	want := map[string]any{"a": "x<ssm:/a:1>y<ssm:/b>", "b": "{{resolve:open"}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
}

// TestTraps checks that scalars mean here what they mean to CloudFormation.
func TestTraps(t *testing.T) {
	for _, c := range []struct{ yaml, want string }{
		{`2012-10-17`, `"2012-10-17"`},
		{`2001-12-14T21:59:43.10Z`, `"2001-12-14T21:59:43.10Z"`},
		{`012345678901`, `"012345678901"`},
		{`0123`, `"0123"`},
		{`0o17`, `"0o17"`},
		{`0x1F`, `"0x1F"`},
		{`12:30:45`, `"12:30:45"`},
		{`123456789012`, `123456789012`},
		{`0`, `0`}, {`-5`, `-5`}, {`+5`, `5`}, {`0.5`, `0.5`}, {`3.10`, `3.1`}, {`1e3`, `1000`}, {`1_000`, `1000`},
		{`.5`, `0.5`}, {`.inf`, `".inf"`}, {`1.2.3`, `"1.2.3"`}, {`--5`, `"--5"`}, {`e5`, `"e5"`}, {`_1`, `"_1"`},
		{`yes`, `true`}, {`No`, `false`}, {`on`, `true`}, {`y`, `"y"`}, {`TRUE`, `true`}, {`"yes"`, `"yes"`}, {`'1'`, `"1"`},
		{`!!str 5`, `"5"`}, {`""`, `""`}, {`=`, `"="`}, {`1e999`, `"1e999"`},
		{`!Ref yes`, `{"Ref":"yes"}`},
		{`!GetAtt A.B.C`, `{"Fn::GetAtt":["A","B.C"]}`},
		{`!GetAtt A`, `{"Fn::GetAtt":"A"}`},
		{`!Sub ["${a}", {a: 1}]`, `{"Fn::Sub":["${a}",{"a":1}]}`},
		{`!Condition X`, `{"Condition":"X"}`},
		{`{on: 1, 5: 2, 010: 3}`, `{"010":3,"5":2,"on":1}`},
		{"|\n  a\n  b\n", `"a\nb\n"`},
	} {
		t.Run(c.yaml, func(t *testing.T) {
			if got := compact(t, read(t, "K: "+c.yaml+"\n")["K"]); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestReadErrors(t *testing.T) {
	for _, c := range []struct{ body, want string }{
		{"", "Template format error: unsupported structure."},
		{"text", "Template format error: unsupported structure."},
		{"[1]", "Template format error: unsupported structure."},
		{"a: 1\n---\nb: 2\n", "Template format error: unsupported structure."},
		{"a: \xff", "Template format error: unsupported structure."},
		{"a: 1\n\tb: 2", "Template format error: YAML not well-formed. (line 2, column 1)"},
		{"a: 1\nb: 2\na: 3\n", "Template format error: YAML not well-formed. (line 3, column 1)"},
		{"a: !Unknown x\n", "Template format error: YAML not well-formed. (line 1, column 4)"},
		{"a: &x {b: 1}\nc: *x\n", "Template format error: YAML aliases are not allowed in CloudFormation templates"},
		{"a: {<<: {b: 1}}\n", "Template format error: YAML not well-formed. (line 1, column 5)"},
		{"a: {? [x] : 1}\n", "Template format error: map keys must be strings; received a list instead (line 1, column 7)"},
		{"Resources:\n  A:\n    Type:\n", "Template format error: [/Resources/A/Type] 'null' values are not allowed in templates"},
		{`{"a": [1, null]}`, "Template format error: [/a/1] 'null' values are not allowed in templates"},
		{"{\"a\": 1,\n \"a\": 2}", "Template format error: JSON not well-formed. (line 2, column 5)"},
		{`{"a": 1} x`, "Template format error: JSON not well-formed. (line 1, column 10)"},
		{"a: " + strings.Repeat("[", 300) + strings.Repeat("]", 300), "Template format error: maps and lists are nested more than 200 deep"},
		{`{"a": ` + strings.Repeat("[", 300) + strings.Repeat("]", 300) + "}", "Template format error: maps and lists are nested more than 200 deep"},
	} {
		if _, err := template.Read([]byte(c.body)); text(err) != c.want {
			t.Errorf("%.40q:\ngot  %s\nwant %s", c.body, text(err), c.want)
		}
	}
}

func TestJSONIsYAML(t *testing.T) {
	body := head + "  R: {Type: T, Properties: {P: !Sub [\"${a}\", {a: !GetAtt B.Arn}]}}\n"
	doc := read(t, body)
	if again := read(t, compact(t, doc)); !reflect.DeepEqual(doc, again) {
		t.Errorf("got %v\nwant %v", again, doc)
	}
	if loose := read(t, "{a: 1, b: !Ref c}"); compact(t, loose) != `{"a":1,"b":{"Ref":"c"}}` {
		t.Errorf("YAML that begins with a brace: %v", loose)
	}
}

func TestTemplateErrors(t *testing.T) {
	const res = "Resources:\n  A: {Type: T}\n"
	prop := func(v string) string {
		return "Conditions: {C: !Equals [a, a]}\nResources: {A: {Type: T, Properties: {P: " + v + "}}}"
	}
	cond := func(v string) string { return "Conditions: {C: " + v + "}\n" + res }
	many := func(section string, n int, entry string) string {
		var b strings.Builder
		b.WriteString(section + ":\n")
		for i := range n {
			b.WriteString("  X" + strconv.Itoa(i) + ": " + entry + "\n")
		}
		return b.String()
	}
	for _, c := range []struct{ body, want string }{
		{"Resources: {}", "Template format error: At least one Resources member must be defined."},
		{"Description: x", "Template format error: At least one Resources member must be defined."},
		{"Resource: {}\n" + res, "Invalid template property or properties [Resource]"},
		{"AWSTemplateFormatVersion: 2010-09-08\n" + res, "Template format error: unsupported value for AWSTemplateFormatVersion."},
		{"Description: " + strings.Repeat("x", 1025) + "\n" + res, "Template format error: 'Description' length is greater than 1024"},
		{"Resources: {A: {Properties: {}}}", "Template format error: [/Resources/A] Every Resources object must contain a Type member."},
		{"Resources: {A: x}", "Template format error: [/Resources/A] resource definition is malformed"},
		{"Resources: {A-B: {Type: T}}", "Template format error: Resource name A-B is non alphanumeric."},
		{"Resources: {A: {Type: T, Property: 1}}", "Invalid template resource property 'Property'"},
		{"Resources: {A: {Type: T, DependsOn: [Z, B]}}", "Template format error: Unresolved resource dependencies [B, Z] in the Resources block of the template"},
		{"Resources: {A: {Type: T, DependsOn: {}}}", "Template format error: DependsOn must be a string or list of strings."},
		{"Resources: {A: {Type: T, DeletionPolicy: Keep}}", "Template format error: Unrecognized DeletionPolicy Keep"},
		{"Resources: {A: {Type: T, Condition: Nope}}", "Template format error: Unresolved condition dependency Nope in the Resources block of the template"},
		{many("Resources", 501, "{Type: T}"), "Template format error: Number of resources, 501, is greater than maximum allowed, 500"},
		{many("Parameters", 201, "{Type: String}") + res, "Template format error: Number of parameters, 201, is greater than maximum allowed, 200"},
		{many("Outputs", 201, "{Value: x}") + res, "Template format error: Number of outputs, 201, is greater than maximum allowed, 200"},
		{prop("!Ref Nope"), "Template format error: Unresolved resource dependencies [Nope] in the Resources block of the template"},
		{prop(`!Sub "${Nope}"`), "Template format error: Unresolved resource dependencies [Nope] in the Resources block of the template"},
		{prop(`!Sub "${Nope.Arn}"`), "Template error: instance of Fn::Sub references invalid resource attribute Nope.Arn"},
		{prop("!GetAtt Nope.Arn"), "Template error: instance of Fn::GetAtt references undefined resource Nope"},
		{prop("!GetAtt AWS::Region.x"), "Template error: instance of Fn::GetAtt references undefined resource AWS::Region"},
		{prop("!GetAtt A"), "Template error: if specifying one argument to Fn::GetAtt, that argument must be a non-empty string in format <LogicalId>.<Attribute>"},
		{prop("!GetAtt [A]"), "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute"},
		{prop("!Ref [A]"), "Template error: All References must be of type string"},
		{prop("!Ref A"), "Circular dependency between resources: [A]"},
		{prop("!Sub [a]"), "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string as first argument, and an optional second argument to specify a mapping of values to replace in the string"},
		{prop(`!Sub "${a b}"`), "Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, periods, and colons"},
		{prop("!If [Nope, a, b]"), "Template error: unresolved condition dependency Nope in Fn::If"},
		{prop("!If [C, a]"), "Template error: Fn::If requires a list argument with three elements"},
		{prop("!If x"), "Template error: Fn::If requires a list argument with the first element being a condition"},
		{prop("!Join [a]"), "Template error: every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined."},
		{prop("!Split [a]"), "Template error: every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split or a function that returns a string to be split."},
		{prop("!Select [1]"), "Template error: Fn::Select requires a list argument with two elements: an integer index and a list"},
		{prop("!FindInMap [M, a]"), "Template error: every Fn::FindInMap object requires three parameters, the map name, map key and the attribute for return value"},
		{prop("!FindInMap [M, a, b, {DefaultValue: c}]"), "Template error: every Fn::FindInMap object requires three parameters, the map name, map key and the attribute for return value"},
		{prop("!FindInMap [M, a, b]"), "Template error: Mapping named 'M' is not present in the 'Mappings' section of template."},
		{prop("!Equals [a, b]"), "Template error: Fn::Equals cannot be partially collapsed"},
		{prop("{'Fn::Transform': {Name: 'AWS::Include'}}"), "Template error: Fn::Transform is not supported: macros and AWS::Include are not carried out here"},
		{prop("!Length [a]"), "Template error: Encountered unsupported function: Fn::Length Supported functions are: [Fn::Base64, Fn::GetAtt, Fn::GetAZs, Fn::ImportValue, Fn::Join, Fn::Split, Fn::FindInMap, Fn::Select, Ref, Fn::Equals, Fn::If, Fn::Not, Condition, Fn::And, Fn::Or, Fn::Contains, Fn::EachMemberEquals, Fn::EachMemberIn, Fn::ValueOf, Fn::ValueOfAll, Fn::RefAll, Fn::Sub, Fn::Cidr]"},
		{cond("!Equals [!Ref A, x]"), "Template format error: Unresolved dependencies [A]. Cannot reference resources in the Conditions block of the template"},
		{cond("!And [!Equals [a, a]]"), "Template error: every Fn::And object requires a list of at least 2 and at most 10 boolean parameters."},
		{cond("!Not [!Equals [a, a], !Equals [a, a]]"), "Template error: Fn::Not requires a list argument with one element"},
		{cond("!Not [!Condition Nope]"), "Template error: unresolved condition dependency Nope in Condition"},
		{cond("yes"), "Template format error: Conditions can only be boolean operations on parameters and other conditions"},
		{"Conditions: {C: !Not [!Condition D], D: !Not [!Condition C]}\n" + res, "Template format error: Circular dependency between conditions: [C, D]"},
		{res + "Outputs: {O: {Description: x}}", "Template format error: Every Outputs member must contain a Value object"},
		{res + "Outputs: {O: {Value: !Ref Nope}}", "Template format error: Unresolved resource dependencies [Nope] in the Outputs block of the template"},
		{res + "Outputs: {O: {Value: x, Condition: Nope}}", "Template format error: Unresolved condition dependency Nope in the Outputs block of the template"},
		{res + "Outputs: {O_x: {Value: x}}", "Template format error: Output O_x is non alphanumeric."},
		{"Mappings: {M: {a: b}}\n" + res, "Template format error: [/Mappings/M/a] Every Mappings attribute must be a map"},
		{"Parameters: {P: {Type: Strin}}\n" + res, "Template format error: Unrecognized parameter type: Strin"},
		{"Parameters: {P: {Default: x}}\n" + res, "Template format error: Every Parameters object must contain a Type member."},
		{"Parameters: {P: {Type: String, Default: [x]}}\n" + res, "Template format error: Every Default member must be a string."},
		{"Parameters: {P: {Type: String, Foo: x}}\n" + res, "Invalid template parameter property 'Foo'"},
		{"Parameters: {P-x: {Type: String}}\n" + res, "Template format error: Parameter name P-x is non alphanumeric."},
		{"Resources:\n  A: {Type: T, DependsOn: B}\n  B: {Type: T, Properties: {P: !Ref A}}\n  C: {Type: T}\n  D: {Type: T, DependsOn: A}", "Circular dependency between resources: [A, B, D]"},
		{"Conditions: {C: !Equals [a, b]}\nResources:\n  A: {Type: T, Condition: C}\n  B: {Type: T, Properties: {P: !Ref A}}", "Template format error: Unresolved resource dependencies [A] in the Resources block of the template"},
		{"Conditions: {C: !Equals [a, b]}\nResources:\n  A: {Type: T, Condition: C}\n  B: {Type: T, DependsOn: A, Properties: {P: !If [C, !GetAtt A.Arn, x]}}\nOutputs: {O: {Value: !Ref A, Condition: C}}", ""},
		{"Conditions: {C: !Equals [a, b]}\nResources:\n  A: {Type: T, Condition: C}\n  B: {Type: T}\nOutputs: {O: {Value: !Ref A}}", "Template format error: Unresolved resource dependencies [A] in the Outputs block of the template"},
	} {
		if _, err := load(c.body, map[string]string{}, scope()); text(err) != c.want && !strings.HasPrefix(text(err), "Parameters: [X0") {
			t.Errorf("%.150s\ngot  %s\nwant %s", c.body, text(err), c.want)
		}
	}
}

func TestReferences(t *testing.T) {
	s := scope()
	tmpl, err := load(`
Parameters: {P: {Type: String, Default: x}}
Conditions: {True1: !Equals [a, a], False1: !Equals [a, b]}
Resources:
  A: {Type: T}
  B: {Type: T}
  C: {Type: T}
  D: {Type: T}
  E: {Type: T}
  N: {Type: T, Condition: False1}
  R:
    Type: T
    DependsOn: [N, E]
    Properties:
      a: !If [True1, !Ref A, !Ref B]
      b: !Sub ["${C.Arn}${P}${AWS::Region}${own}", {own: !GetAtt D.Arn}]
      c: !If [False1, !Ref N, x]
`, nil, s)
	if err != nil {
		t.Fatal(err)
	}
	r := tmpl.Resources["R"]
	if got := tmpl.References(r); !slices.Equal(got, []string{"A", "B", "C", "D", "E", "N"}) {
		t.Errorf("References: %v", got)
	}
	if got := tmpl.Needs(s, r); !slices.Equal(got, []string{"A", "C", "D", "E"}) {
		t.Errorf("Needs: %v", got)
	}
}

func TestConditions(t *testing.T) {
	body := `
Parameters: {Env: {Type: String}, Big: {Type: String, Default: "true"}, L: {Type: CommaDelimitedList, Default: "a,b"}}
Conditions:
  Both: !And [!Condition Prod, !Condition Large]
  Any: !Or [!Condition Prod, !Condition Large]
  Neither: !Not [!Condition Any]
  Large: !Equals [!Ref Big, true]
  Prod: !Equals [!Ref Env, prod]
  List: !Equals [!Join [",", !Ref L], "a,b"]
Resources: {A: {Type: T}}
`
	for _, c := range []struct {
		values map[string]string
		want   string
	}{
		{map[string]string{"Env": "prod"}, "Any Both Large List Prod"},
		{map[string]string{"Env": "dev", "Big": "false", "L": "b"}, "Neither"},
	} {
		s := scope()
		if _, err := load(body, c.values, s); err != nil {
			t.Fatal(err)
		}
		maps.DeleteFunc(s.Conditions, func(_ string, holds bool) bool { return !holds })
		if got := strings.Join(slices.Sorted(maps.Keys(s.Conditions)), " "); got != c.want {
			t.Errorf("%v: got %s, want %s", c.values, got, c.want)
		}
	}
}

func TestRules(t *testing.T) {
	body := func(assert string) string {
		return `
Parameters:
  Env: {Type: String, Default: prod}
  Type: {Type: AWS::EC2::Subnet::Id, Default: s1}
  Types: {Type: "List<AWS::EC2::Subnet::Id>", Default: "s1,s2"}
Rules:
  Only:
    RuleCondition: !Equals [!Ref Env, prod]
    Assertions: [{Assert: ` + assert + `, AssertDescription: not here}]
Resources: {A: {Type: T}}
`
	}
	const no = "Template error: not here"
	for _, c := range []struct{ assert, env, want string }{
		{`!Contains [[s1, s2], !Ref Type]`, "prod", ""},
		{`!Contains [[s3], !Ref Type]`, "prod", no},
		{`!Contains [[s3], !Ref Type]`, "dev", ""},
		{`!EachMemberEquals [!Ref Types, s1]`, "prod", no},
		{`!EachMemberEquals [!RefAll AWS::EC2::Subnet::Id, s1]`, "prod", ""},
		{`!EachMemberIn [!Ref Types, [s1, s2, s3]]`, "prod", ""},
		{`!EachMemberIn [!Ref Types, [s1]]`, "prod", no},
		{`!Not [!Or [!Equals [a, b], !Equals [!Ref AWS::Region, us-east-1]]]`, "prod", no},
		{`!Equals [!ValueOf [Type, Tags.x], a]`, "prod", "Template error: Fn::ValueOf cannot be used here: it asks for attributes of things of Amazon EC2"},
	} {
		if _, err := load(body(c.assert), map[string]string{"Env": c.env}, scope()); text(err) != c.want {
			t.Errorf("%s: got %s, want %s", c.assert, text(err), c.want)
		}
	}
}
