package ssm

import (
	"context"
	"maps"
	"strings"
	"time"
	"unicode/utf8"

	"furl/internal/authz"
	"furl/internal/awsapi"
	"furl/internal/store"
)

// maxVersions is how many versions of a parameter are kept; the oldest goes, unless it has a label.
const maxVersions = 100

// defaultKey stands for the key that values are sealed with; there are no others to choose from.
const defaultKey = "alias/aws/ssm"

// textType is the only data type.
const textType = "text"

// PutParameter makes a parameter, or with Overwrite a new version of one.
func (s *Service) PutParameter(ctx context.Context, in *PutParameterRequest) (*PutParameterResult, error) {
	tags, err := s.checkPut(ctx, in)
	if err != nil {
		return nil, err
	}
	id := parameterID{account(ctx), s.region, in.Name}
	var next *version
	err = s.change(ctx, id, func(p *parameter) ([]store.Op, error) {
		if p == nil {
			p = &parameter{Account: id.Account, Region: id.Region, Name: id.Name, Tags: tags, Oldest: 1}
		} else if !value(in.Overwrite) {
			return nil, ParameterAlreadyExists("The parameter already exists. To overwrite this value, set the overwrite option in the request to true.")
		}
		var err error
		if next, err = s.next(ctx, p, in); err != nil {
			return nil, err
		}
		return add(p, next)
	})
	if err != nil {
		return nil, err
	}
	return &PutParameterResult{Version: &next.Number, Tier: &next.Tier}, nil
}

// checkPut checks what can be without the parameter, and returns the tags.
func (s *Service) checkPut(ctx context.Context, in *PutParameterRequest) (map[string]string, error) {
	switch {
	case in.Value == "":
		return nil, awsapi.ValidationException("1 validation error detected: Value '' at 'value' failed to satisfy constraint: Member must have length greater than or equal to 1")
	case len(in.Tags) > 0 && value(in.Overwrite):
		return nil, awsapi.ValidationException("Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource.")
	case in.DataType != nil && *in.DataType != textType:
		return nil, awsapi.ValidationException("The data type %s is not supported here: parameters have the data type %s.", *in.DataType, textType)
	case in.Policies != nil && strings.Trim(*in.Policies, "[]{} \n") != "":
		return nil, InvalidPolicyTypeException("Parameter policies are not supported here.")
	}
	if err := s.checkName(ctx, in.Name); err != nil {
		return nil, err
	}
	return tagMap(nil, in.Tags)
}

// next is the version that a request makes of a parameter. What it leaves out is as in the version before, but the
// description and the pattern, which go.
func (s *Service) next(ctx context.Context, p *parameter, in *PutParameterRequest) (*version, error) {
	v := &version{
		Number:         p.Current.Number + 1,
		Type:           p.Current.Type,
		Description:    value(in.Description),
		AllowedPattern: value(in.AllowedPattern),
		DataType:       textType,
		Modified:       s.now().UTC().Truncate(time.Millisecond),
		User:           authz.FromContext(ctx).Principal.ARN,
	}
	switch {
	case in.Type == nil && v.Type == "":
		return nil, awsapi.ValidationException("A parameter type is required when you create a parameter.")
	case in.Type != nil && v.Type != "" && *in.Type != v.Type:
		return nil, HierarchyTypeMismatchException("Parameter Store doesn't support changing a parameter type from %s to %s; delete the parameter and create it anew.", v.Type, *in.Type)
	case in.Type != nil:
		v.Type = *in.Type
	}
	if in.KeyId != nil && v.Type != ParameterTypeSecureString {
		return nil, awsapi.ValidationException("KeyId can only be specified for SecureString parameters.")
	}
	if err := v.fit(in.Tier, p.Current.Tier, in.Value); err != nil {
		return nil, err
	}
	if err := checkPattern(v.AllowedPattern, in.Value); err != nil {
		return nil, err
	}
	v.Value = in.Value
	if v.Type == ParameterTypeSecureString {
		if in.KeyId != nil && !strings.HasSuffix(*in.KeyId, defaultKey) {
			return nil, InvalidKeyId("Invalid keyId %s", *in.KeyId)
		}
		v.Value, v.KeyID = "", defaultKey
		v.Sealed = s.box.Seal([]byte(in.Value), p.id().versionKey(v.Number))
	}
	return v, nil
}

// fit gives a version its tier and checks the length of its value. An advanced parameter stays one.
func (v *version) fit(asked *ParameterTier, before ParameterTier, text string) error {
	length := utf8.RuneCountInString(text)
	v.Tier = ParameterTierStandard
	switch {
	case asked != nil && *asked == ParameterTierAdvanced, before == ParameterTierAdvanced:
		v.Tier = ParameterTierAdvanced
	case asked != nil && *asked == ParameterTierIntelligentTiering && length > maxValue(ParameterTierStandard):
		v.Tier = ParameterTierAdvanced
	}
	switch {
	case asked != nil && *asked == ParameterTierStandard && before == ParameterTierAdvanced:
		return awsapi.ValidationException("This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter tier to the standard-parameter tier. If necessary, you can delete the advanced parameter and recreate it as a standard parameter.")
	case length <= maxValue(v.Tier):
		return nil
	case v.Tier == ParameterTierStandard:
		return awsapi.ValidationException("Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier. For more information, see https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html")
	}
	return awsapi.ValidationException("Advanced tier parameters support a maximum parameter value of 8192 characters.")
}

// add makes the transaction that adds a version to a parameter.
func add(p *parameter, v *version) ([]store.Op, error) {
	id := p.id()
	var ops []store.Op
	if v.Number-p.Oldest >= maxVersions {
		if len(p.labels(p.Oldest)) > 0 {
			return nil, ParameterMaxVersionLimitExceeded("You attempted to create a new version of %s by calling the PutParameter API with the overwrite flag. Version %d, the oldest version, can't be deleted because it has a label associated with it. Move the label to another version of the parameter, and try again.", p.Name, p.Oldest)
		}
		ops = append(ops, store.Op{Key: id.versionKey(p.Oldest)})
		p.Oldest++
	}
	p.Current = *v
	head, err := put(id.key(), p)
	if err != nil {
		return nil, err
	}
	own, err := put(id.versionKey(v.Number), v)
	return append(ops, head, own), err
}

// DeleteParameter removes a parameter with all its versions.
func (s *Service) DeleteParameter(ctx context.Context, in *DeleteParameterRequest) (*DeleteParameterResult, error) {
	found, err := s.remove(ctx, in.Name)
	if err == nil && !found {
		err = ParameterNotFound("")
	}
	if err != nil {
		return nil, err
	}
	return &DeleteParameterResult{}, nil
}

// DeleteParameters removes several parameters and says which were not there.
func (s *Service) DeleteParameters(ctx context.Context, in *DeleteParametersRequest) (*DeleteParametersResult, error) {
	out := &DeleteParametersResult{DeletedParameters: []string{}, InvalidParameters: []string{}}
	for _, name := range in.Names {
		found, err := s.remove(ctx, name)
		switch {
		case err != nil:
			return nil, err
		case found:
			out.DeletedParameters = append(out.DeletedParameters, name)
		default:
			out.InvalidParameters = append(out.InvalidParameters, name)
		}
	}
	return out, nil
}

func (s *Service) remove(ctx context.Context, name string) (found bool, err error) {
	ref, p, err := s.resolve(ctx, name)
	if err != nil || p == nil || ref.selector != "" {
		return false, err
	}
	id := p.id()
	err = s.change(ctx, id, func(p *parameter) ([]store.Op, error) {
		if found = p != nil; !found {
			return nil, nil
		}
		return []store.Op{{Key: id.key()}, {Key: id.versions(), Prefix: true}}, nil
	})
	return found, err
}

// tagMap adds tags to a copy of those that there are.
func tagMap(have map[string]string, add []Tag) (map[string]string, error) {
	next := maps.Clone(have)
	if next == nil {
		next = make(map[string]string, len(add))
	}
	for _, t := range add {
		if strings.HasPrefix(strings.ToLower(t.Key), "aws:") {
			return nil, awsapi.ValidationException("Tag keys can't begin with aws:, which is reserved: %s", t.Key)
		}
		next[t.Key] = t.Value
	}
	if len(next) > maxTags {
		return nil, TooManyTagsError("The Targets parameter includes too many tags. A parameter can have %d.", maxTags)
	}
	return next, nil
}
