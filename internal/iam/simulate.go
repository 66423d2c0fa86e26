package iam

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"furl/internal/arn"
	"furl/internal/policy"
	"furl/internal/state"
)

// subject is whose policies a simulation is about.
type subject struct {
	principal policy.Principal
	keys      policy.ContextMap // condition keys that follow from who it is
	identity  []policy.Source   // named as MatchedStatements names them
	boundary  *policy.Source
}

// simulated is a simulation: the part that both operations have in common.
type simulated struct {
	subject
	inputs, boundaries []string // documents of the request
	actions, resources []string
	resourcePolicy     *string
	owner, caller      *string
	entries            []ContextEntry
}

// SimulateCustomPolicy says what the documents of the request would decide.
func (s *Service) SimulateCustomPolicy(ctx context.Context, in *SimulateCustomPolicyRequest) (*SimulatePolicyResponse, error) {
	if len(in.OrderedOrganizationPolicyInputList) > 0 {
		return nil, InvalidInputException("OrderedOrganizationPolicyInputList is not supported: there are no organizations.")
	}
	sim := &simulated{
		subject: subject{
			principal: policy.Principal{Type: policy.User, Account: account(ctx), ARN: arn.User(account(ctx), "/", "simulated"), ID: "AIDASIMULATED"},
			keys:      policy.ContextMap{},
		},
		inputs: in.PolicyInputList, boundaries: in.PermissionsBoundaryPolicyInputList,
		actions: in.ActionNames, resources: in.ResourceArns,
		resourcePolicy: in.ResourcePolicy, owner: in.ResourceOwner, caller: in.CallerArn, entries: in.ContextEntries,
	}
	return s.simulate(sim, in.Marker, in.MaxItems, "SimulateCustomPolicy")
}

// SimulatePrincipalPolicy says what the policies of a user, group or role would
// decide, together with the documents of the request.
func (s *Service) SimulatePrincipalPolicy(ctx context.Context, in *SimulatePrincipalPolicyRequest) (*SimulatePolicyResponse, error) {
	if len(in.PolicyExclusionList) > 0 {
		return nil, InvalidInputException("PolicyExclusionList is not supported.")
	}
	who, err := s.subject(ctx, in.PolicySourceArn)
	if err != nil {
		return nil, err
	}
	sim := &simulated{
		subject: *who,
		inputs:  in.PolicyInputList, boundaries: in.PermissionsBoundaryPolicyInputList,
		actions: in.ActionNames, resources: in.ResourceArns,
		resourcePolicy: in.ResourcePolicy, owner: in.ResourceOwner, caller: in.CallerArn, entries: in.ContextEntries,
	}
	return s.simulate(sim, in.Marker, in.MaxItems, "SimulatePrincipalPolicy")
}

// subject finds a user, group or role of the caller's account by its ARN.
func (s *Service) subject(ctx context.Context, source string) (*subject, error) {
	a, err := arn.Parse(source)
	if err != nil {
		return nil, InvalidInputException("Invalid ARN: %s", source)
	}
	kind, path, _ := strings.Cut(a.Resource, "/")
	name := path[strings.LastIndexByte(path, '/')+1:]
	snap := s.state.Snapshot()
	if a.Service == "iam" && a.Account == account(ctx) {
		switch kind {
		case "user":
			if u := snap.User(a.Account, name); u != nil && u.ARN == source {
				return userSubject(snap, u), nil
			}
		case "group":
			if g := snap.Group(a.Account, name); g != nil && g.ARN == source {
				return groupSubject(snap, g), nil
			}
		case "role":
			if r := snap.Role(a.Account, name); r != nil && r.ARN == source {
				return roleSubject(snap, r), nil
			}
		}
	}
	return nil, NoSuchEntityException("The entity with ARN %s cannot be found.", source)
}

func userSubject(snap *state.Snapshot, u *state.UserEntry) *subject {
	w := &subject{
		principal: policy.Principal{Type: policy.User, Account: u.User.Account, ARN: u.ARN, ID: u.User.ID},
		keys:      principalKeys("User", u.ARN, u.User.ID, u.User.Account, u.User.Tags),
		identity:  named(snap, "user_"+u.User.Name, u.User.Policies, u.User.Attached),
		boundary:  u.Boundary,
	}
	w.keys.Set("aws:username", policy.One(u.User.Name))
	for _, g := range snap.GroupsOf(u.User) {
		w.identity = append(w.identity, named(snap, "group_"+g.Group.Name, g.Group.Policies, g.Group.Attached)...)
	}
	return w
}

func groupSubject(snap *state.Snapshot, g *state.GroupEntry) *subject {
	return &subject{
		principal: policy.Principal{Type: policy.User, Account: g.Group.Account, ARN: g.ARN, ID: g.Group.ID},
		keys:      policy.ContextMap{},
		identity:  named(snap, "group_"+g.Group.Name, g.Group.Policies, g.Group.Attached),
	}
}

func roleSubject(snap *state.Snapshot, r *state.RoleEntry) *subject {
	const session = "simulated"
	return &subject{
		principal: policy.Principal{
			Type: policy.AssumedRole, Account: r.Role.Account, ID: r.Role.ID + ":" + session,
			ARN: arn.AssumedRole(r.Role.Account, r.Role.Name, session), IssuerARN: r.ARN,
		},
		keys:     principalKeys("AssumedRole", r.ARN, r.Role.ID+":"+session, r.Role.Account, r.Role.Tags),
		identity: named(snap, "role_"+r.Role.Name, r.Role.Policies, r.Role.Attached),
		boundary: r.Boundary,
	}
}

func principalKeys(kind, principal, id, account string, tags map[string]string) policy.ContextMap {
	keys := policy.ContextMap{}
	keys.Set("aws:PrincipalType", policy.One(kind))
	keys.Set("aws:PrincipalArn", policy.One(principal))
	keys.Set("aws:PrincipalAccount", policy.One(account))
	keys.Set("aws:userid", policy.One(id))
	for k, v := range tags {
		keys.Set("aws:PrincipalTag/"+k, policy.One(v))
	}
	return keys
}

// named are an entity's policies under the names that a simulation gives them:
// user_bob_p for an inline policy, the policy's own for a managed one.
func named(snap *state.Snapshot, owner string, inline map[string]string, attached []string) []policy.Source {
	var list []policy.Source
	for _, name := range slices.Sorted(maps.Keys(inline)) {
		p, err := policy.Parse([]byte(inline[name]), policy.Identity)
		if err != nil {
			p = nil // which denies; it was good when it was written
		}
		list = append(list, policy.Source{Name: owner + "_" + name, Policy: p})
	}
	for _, a := range attached {
		_, name := splitPolicyARN(a)
		list = append(list, policy.Source{Name: name, Policy: snap.CompiledPolicy(a)})
	}
	return list
}

// GetContextKeysForCustomPolicy lists the condition keys that documents name.
func (s *Service) GetContextKeysForCustomPolicy(_ context.Context, in *GetContextKeysForCustomPolicyRequest) (*GetContextKeysForPolicyResponse, error) {
	sources, err := documents("PolicyInputList", in.PolicyInputList, policy.Identity)
	if err != nil {
		return nil, err
	}
	return &GetContextKeysForPolicyResponse{ContextKeyNames: contextKeys(sources)}, nil
}

// GetContextKeysForPrincipalPolicy lists the condition keys that the policies of
// a user, group or role name, and those of documents.
func (s *Service) GetContextKeysForPrincipalPolicy(ctx context.Context, in *GetContextKeysForPrincipalPolicyRequest) (*GetContextKeysForPolicyResponse, error) {
	who, err := s.subject(ctx, in.PolicySourceArn)
	if err != nil {
		return nil, err
	}
	sources, err := documents("PolicyInputList", in.PolicyInputList, policy.Identity)
	if err != nil {
		return nil, err
	}
	return &GetContextKeysForPolicyResponse{ContextKeyNames: contextKeys(append(who.identity, sources...))}, nil
}

func contextKeys(sources []policy.Source) []string {
	keys := []string{}
	for _, source := range sources {
		if source.Policy != nil {
			keys = append(keys, source.Policy.ContextKeys()...)
		}
	}
	slices.SortFunc(keys, func(a, b string) int { return strings.Compare(fold(a), fold(b)) })
	return slices.CompactFunc(keys, strings.EqualFold)
}

// documents compiles documents of a request under the names that a simulation
// gives them: PolicyInputList.1 for the first.
func documents(list string, docs []string, kind policy.Kind) ([]policy.Source, error) {
	var sources []policy.Source
	for i, doc := range docs {
		p, err := policy.Parse([]byte(doc), kind)
		if err != nil {
			return nil, InvalidInputException("%s", err)
		}
		sources = append(sources, policy.Source{Name: fmt.Sprintf("%s.%d", list, i+1), Policy: p})
	}
	return sources, nil
}
