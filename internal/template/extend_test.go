package template_test

import (
	"strings"
	"testing"

	"furl/internal/template"
)

const extended = "Transform: AWS::LanguageExtensions\n" + head

func TestExtendValues(t *testing.T) {
	for _, c := range []struct{ value, want string }{
		{`!Length [a, b]`, `2`},
		{`!Length {Ref: Subnets}`, `3`},
		{`!Length {"Fn::Split": ["|", "a|b"]}`, `2`},
		{`!Length {"Fn::GetAtt": [B, List]}`, `!Template error: Fn::Length expects a list whose length is known before resources are made`},
		{`!Length x`, `!Template error: Fn::Length expects a list, or a function that returns a list`},
		{`!FindInMap [Map, nowhere, Name, {DefaultValue: !Ref Env}]`, `"dev"`},
		{`!FindInMap [Map, us-east-1, Name, {DefaultValue: x}]`, `"east"`},
		{`!FindInMap [Map, !Join ["-", [us, east, 1]], !Sub "Na${x}", {DefaultValue: [1]}]`, `!Template format error: Unresolved`},
		{`!FindInMap [Map, !Join ["-", [us, east, 1]], Name]`, `"east"`},
		{`!ToJsonString {a: [1, true, "<&>"], b: {}, c: [], n: !Ref AWS::NoValue, s: !Sub "${Env}"}`, `"{\"a\":[1,true,\"<&>\"],\"b\":{},\"c\":[],\"s\":\"dev\"}"`},
		{`!ToJsonString {a: !GetAtt B.Arn, b: [!Ref C, !Sub "${Env}-${B}-${!x}", !If [Prod, !Ref B, x]], "q\"": 1}`,
			`"{\"a\":\"arn-B\",\"b\":[\"id-C\",\"dev-id-B-${x}\",\"x\"],\"q\\\"\":1}"`},
		{`!ToJsonString {"a": !Sub ["${x}${y}", {x: !Ref B, y: "${"}], b: !ImportValue there}`, `"{\"a\":\"id-B${\",\"b\":\"imported\"}"`},
		{`!ToJsonString x`, `!Template error: Fn::ToJsonString expects an object or a list`},
		{`!Join ["-", [!ToJsonString [1], !Ref B]]`, `"[1]-id-B"`},
		{`{"Fn::ForEach::Loop": [X, !Ref Subnets, {"K${X}": {v: !Ref X, w: "&{X}."}}]}`, `{"Ks1":{"v":"s1","w":"s1."},"Ks2":{"v":"s2","w":"s2."},"Ks3":{"v":"s3","w":"s3."}}`},
	} {
		t.Run(c.value, func(t *testing.T) {
			s := scope()
			tmpl, err := load(extended+"  R: {Type: T, Properties: {P: "+c.value+"}}\n", nil, s)
			var got any
			if err == nil {
				got, err = tmpl.Resolve(s, tmpl.Resources["R"].Properties["P"])
			}
			result := "!" + text(err)
			if err == nil {
				result = compact(t, got)
			}
			if result != c.want && !(strings.HasPrefix(c.want, "!Template format error: Unresolved") && err != nil) {
				t.Errorf("got  %s\nwant %s", result, c.want)
			}
		})
	}
}

func TestForEach(t *testing.T) {
	s := scope()
	tmpl, err := load(`
Transform: [AWS::LanguageExtensions]
Parameters: {Names: {Type: CommaDelimitedList, Default: "one.a,two.b"}, Keep: {Type: String, Default: Retain}}
Conditions:
  Fn::ForEach::Conditions: [N, !Ref Names, {"Is&{N}": !Equals ["${N}", one.a]}]
Resources:
  Fn::ForEach::Outer:
    - N
    - !Ref Names
    - Fn::ForEach::Inner:
        - M
        - [X, Y]
        - "R&{N}${M}":
            Type: T
            Condition: "Is&{N}"
            DeletionPolicy: !Ref Keep
            Properties: {Name: !Sub "${AWS::Region}-${N}-${M}", List: !Split [".", !Ref N]}
  Plain: {Type: T}
Outputs:
  Fn::ForEach::Out: [N, [one.a], {"O&{N}": {Value: !GetAtt ["R&{N}X", Arn], Export: {Name: "e-${N}"}}}]
`, nil, s)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, name := range []string{"Plain", "RoneaX", "RoneaY", "RtwobX", "RtwobY"} {
		if tmpl.Resources[name] == nil {
			t.Errorf("there is no %s", name)
		} else if tmpl.Exists(s, name) {
			names = append(names, name)
		}
	}
	if got := strings.Join(names, " "); got != "Plain RoneaX RoneaY" {
		t.Errorf("resources %s", got)
	}
	r := tmpl.Resources["RtwobY"]
	got, err := tmpl.Resolve(s, r.Properties)
	if err != nil || compact(t, got) != `{"List":["two","b"],"Name":"us-east-1-two.b-Y"}` {
		t.Errorf("got %s, %v", compact(t, got), err)
	}
	if r.DeletionPolicy != "Retain" || tmpl.Outputs["Oonea"].Export != "e-one.a" || len(tmpl.Transforms) != 0 {
		t.Errorf("got %+v, %+v, %v", r, tmpl.Outputs["Oonea"], tmpl.Transforms)
	}
}

func TestForEachErrors(t *testing.T) {
	for _, c := range []struct{ loop, want string }{
		{`[X, [a, b], {Same: {Type: T}}]`, "Template error: Fn::ForEach: there is more than one Same"},
		{`[X, [a, a], {"K${X}": {Type: T}}]`, "Template error: Fn::ForEach collection of Fn::ForEach::L has a more than once"},
		{`[X, [a]]`, "Template error: Fn::ForEach::L layout is incorrect: it must be a list of an identifier, a collection and an output"},
		{`[X, !Ref B, {"K${X}": {Type: T}}]`, "Template error: Fn::ForEach collection of Fn::ForEach::L must be a list of values that are known before resources are made"},
		{nest(6), "Template error: Fn::ForEach loops can be nested 5 deep at most"},
		{nest(5), "Template error: Fn::ForEach writes out more than 200000 values"},
	} {
		_, err := load("Transform: AWS::LanguageExtensions\nResources:\n  B: {Type: T}\n  Fn::ForEach::L: "+c.loop+"\n", nil, scope())
		if text(err) != c.want {
			t.Errorf("%.80s:\ngot  %s\nwant %s", c.loop, text(err), c.want)
		}
	}
}

// nest is a loop in a loop and so on, each of 20 turns.
func nest(deep int) string {
	var members []string
	for i := range 20 {
		members = append(members, "m"+string(rune('a'+i)))
	}
	id := "X" + string(rune('a'+deep))
	inner := `{"K${Xb}${Xc}${Xd}${Xe}${Xf}": {Type: T}}`
	if deep > 1 {
		inner = `{"Fn::ForEach::L` + id + `": ` + nest(deep-1) + `}`
	}
	return `[` + id + `, [` + strings.Join(members, ", ") + `], ` + inner + `]`
}

func FuzzTemplate(f *testing.F) {
	f.Add([]byte(head + "  R: {Type: T, Properties: {P: !Sub [\"${a}-${B.Arn}\", {a: !Cidr [10.0.0.0/8, 2, 3]}]}}\n"))
	f.Add([]byte(extended + "  R: {Type: T, Properties: {P: !ToJsonString {a: !Ref B, b: !Sub \"${B}\"}}}\n"))
	f.Add([]byte(`{"Transform":"AWS::LanguageExtensions","Resources":{"Fn::ForEach::L":["X",["a","b"],{"K${X}":{"Type":"T","DependsOn":"B"}}],"B":{"Type":"T"}}}`))
	f.Add([]byte("Rules: {A: {Assertions: [{Assert: !Contains [[a], a]}]}}\nResources: {A: {Type: T, Properties: {P: !If [C, !Select [0, !GetAZs ''], !FindInMap [M, a, b]]}}}\nMappings: {M: {a: {b: c}}}\nConditions: {C: !Not [!Equals [a, b]]}\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		s := scope()
		tmpl, err := load(string(body), nil, s)
		if err != nil {
			if _, ok := err.(*template.Error); !ok {
				t.Fatalf("not an Error: %v", err)
			}
			return
		}
		before := compact(t, tmpl.Doc)
		for _, r := range tmpl.Resources {
			tmpl.References(r)
			if got, err := tmpl.Resolve(s, r.Properties); err == nil {
				compact(t, got)
			} else if _, ok := err.(*template.Error); !ok {
				t.Fatalf("not an Error: %v", err)
			}
		}
		if compact(t, tmpl.Doc) != before {
			t.Fatal("Resolve changed the template")
		}
		again, err := template.Read([]byte(before))
		if err != nil || compact(t, again) != before {
			t.Fatalf("the template's JSON does not read back: %v", err)
		}
	})
}
