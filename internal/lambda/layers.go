package lambda

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"furl/internal/arn"
	"furl/internal/awsapi"
	"furl/internal/code"
	"furl/internal/state"
)

// maxLayers is how many layers a function may have.
const maxLayers = 5

// PublishLayerVersion makes the next version of a layer, and the layer with the first.
func (s *Service) PublishLayerVersion(ctx context.Context, in *PublishLayerVersionRequest) (*PublishLayerVersionResponse, error) {
	id, err := s.resolveLayer(ctx, in.LayerName)
	if err != nil {
		return nil, err
	}
	if err := checkLayer(in); err != nil {
		return nil, err
	}
	pack, err := s.checkCode(ctx, published(in))
	if err != nil {
		return nil, err
	}
	if err := s.storeCode(ctx, pack); err != nil {
		return nil, err
	}
	v := &state.LayerVersion{
		Account: id.Account, Region: id.Region, Layer: id.Name,
		Description: value(in.Description), License: value(in.LicenseInfo),
		Runtimes: texts(in.CompatibleRuntimes), Architectures: texts(in.CompatibleArchitectures),
		Created:  s.now(),
		CodeBlob: pack.blob, CodeSize: pack.size, Unzipped: pack.unzipped,
	}
	if err := s.state.PublishLayer(ctx, v); err != nil {
		return nil, stateError(err, nil)
	}
	return (*PublishLayerVersionResponse)(s.renderLayerVersion(v)), nil
}

// checkLayer refuses what a layer cannot be made of.
func checkLayer(in *PublishLayerVersionRequest) error {
	if err := published(in).check("layer"); err != nil {
		return err
	}
	for _, r := range in.CompatibleRuntimes {
		if err := checkRuntime(r); err != nil {
			return err
		}
	}
	return nil
}

// published is the archive that a layer version is made of.
func published(in *PublishLayerVersionRequest) *archive {
	c := &in.Content
	return &archive{zip: c.ZipFile, bucket: c.S3Bucket, key: c.S3Key, version: c.S3ObjectVersion}
}

// resolveLayer reads a LayerName, which may be an ARN.
func (s *Service) resolveLayer(ctx context.Context, name string) (state.LayerID, error) {
	id := state.LayerID{Account: account(ctx), Region: s.region, Name: name}
	if a, err := arn.Parse(name); err == nil {
		id = state.LayerID{Account: a.Account, Region: a.Region, Name: strings.TrimPrefix(a.Resource, "layer:")}
	}
	if id.Region != s.region {
		return id, ResourceNotFoundException("Layers from '%s' are not reachable in this region ('%s')", id.Region, s.region)
	}
	return id, nil
}

// resolveLayerVersion reads a LayerName and a number.
func (s *Service) resolveLayerVersion(ctx context.Context, name string, number int64) (state.LayerID, error) {
	if number < 1 {
		return state.LayerID{}, InvalidParameterValueException("Layer Version Cannot be less than 1.")
	}
	return s.resolveLayer(ctx, name)
}

// parseLayerVersion takes the ARN of a layer version apart.
func parseLayerVersion(text string) (id state.LayerID, number int64, err error) {
	a, err := arn.Parse(text)
	if err != nil {
		return id, 0, err
	}
	name, digits, ok := strings.Cut(strings.TrimPrefix(a.Resource, "layer:"), ":")
	number, err = strconv.ParseInt(digits, 10, 64)
	if err != nil || !ok || a.Service != "lambda" || !strings.HasPrefix(a.Resource, "layer:") {
		return id, 0, fmt.Errorf("lambda: %q is not the ARN of a layer version", text)
	}
	return state.LayerID{Account: a.Account, Region: a.Region, Name: name}, number, nil
}

// GetLayerVersion shows a layer version, with where its content can be downloaded.
func (s *Service) GetLayerVersion(ctx context.Context, in *GetLayerVersionRequest) (*GetLayerVersionResponse, error) {
	id, err := s.resolveLayerVersion(ctx, in.LayerName, in.VersionNumber)
	if err != nil {
		return nil, err
	}
	return s.showLayerVersion(id, in.VersionNumber)
}

// GetLayerVersionByArn is GetLayerVersion for an ARN.
func (s *Service) GetLayerVersionByArn(_ context.Context, in *GetLayerVersionByArnRequest) (*GetLayerVersionResponse, error) {
	id, number, err := parseLayerVersion(in.Arn)
	if err != nil { // validation lets only good ARNs through
		return nil, InvalidParameterValueException("%s is not the ARN of a layer version", in.Arn)
	}
	return s.showLayerVersion(id, number)
}

func (s *Service) showLayerVersion(id state.LayerID, number int64) (*GetLayerVersionResponse, error) {
	e := s.state.Snapshot().LayerVersion(id, number)
	if e == nil {
		return nil, noResource()
	}
	return s.renderLayerVersion(e.Record), nil
}

// renderLayerVersion is a layer version as it is shown on its own.
func (s *Service) renderLayerVersion(v *state.LayerVersion) *GetLayerVersionResponse {
	item := renderLayerItem(v)
	return &GetLayerVersionResponse{
		Content: &LayerVersionContentOutput{
			Location: new(s.codeURL(v.CodeBlob)), CodeSha256: new(codeSha256(v.CodeBlob)), CodeSize: &v.CodeSize,
		},
		LayerArn:        new(v.ID().ARN()),
		LayerVersionArn: item.LayerVersionArn, Version: item.Version,
		Description: item.Description, CreatedDate: item.CreatedDate, LicenseInfo: item.LicenseInfo,
		CompatibleRuntimes: item.CompatibleRuntimes, CompatibleArchitectures: item.CompatibleArchitectures,
	}
}

// renderLayerItem is a layer version as lists show it.
func renderLayerItem(v *state.LayerVersion) *LayerVersionsListItem {
	return &LayerVersionsListItem{
		LayerVersionArn: new(v.ARN()), Version: &v.Number,
		Description: &v.Description, CreatedDate: new(lastModified(v.Created)), LicenseInfo: nonEmpty(v.License),
		CompatibleRuntimes: enums[Runtime](v.Runtimes), CompatibleArchitectures: enums[Architecture](v.Architectures),
	}
}

// layerFilter is what a list of layers is asked for.
type layerFilter struct {
	runtime      *Runtime
	architecture *Architecture
}

// match reports whether a layer version says that it goes with what is asked for.
func (f layerFilter) match(v *state.LayerVersion) bool {
	return (f.runtime == nil || slices.Contains(v.Runtimes, string(*f.runtime))) &&
		(f.architecture == nil || slices.Contains(v.Architectures, string(*f.architecture)))
}

// ListLayerVersions lists a layer's versions, the newest first. A layer that does not
// exist has none.
func (s *Service) ListLayerVersions(ctx context.Context, in *ListLayerVersionsRequest) (*ListLayerVersionsResponse, error) {
	id, err := s.resolveLayer(ctx, in.LayerName)
	if err != nil {
		return nil, err
	}
	filter := layerFilter{in.CompatibleRuntime, in.CompatibleArchitecture}
	var all []*state.LayerVersion
	if l := s.state.Snapshot().Layer(id); l != nil {
		for _, e := range l.Sorted() {
			if filter.match(e.Record) {
				all = append(all, e.Record)
			}
		}
	}
	page, next, err := awsapi.Page(all,
		func(v *state.LayerVersion) string { return fmt.Sprintf("%020d", 1<<62-v.Number) },
		awsapi.Paging{Operation: "ListLayerVersions " + id.ARN(), Marker: in.Marker, MaxItems: in.MaxItems, Size: listPage, Most: listPage})
	if err != nil {
		return nil, err
	}
	out := &ListLayerVersionsResponse{LayerVersions: make([]LayerVersionsListItem, 0, len(page)), NextMarker: next}
	for _, v := range page {
		out.LayerVersions = append(out.LayerVersions, *renderLayerItem(v))
	}
	return out, nil
}

// ListLayers lists the account's layers by name, each with its newest version that
// matches.
func (s *Service) ListLayers(ctx context.Context, in *ListLayersRequest) (*ListLayersResponse, error) {
	filter := layerFilter{in.CompatibleRuntime, in.CompatibleArchitecture}
	var all []*state.LayerVersion
	for _, l := range s.state.Snapshot().Layers(account(ctx), s.region) {
		sorted := l.Sorted()
		if i := slices.IndexFunc(sorted, func(e *state.LayerVersionEntry) bool { return filter.match(e.Record) }); i >= 0 {
			all = append(all, sorted[i].Record)
		}
	}
	page, next, err := awsapi.Page(all, func(v *state.LayerVersion) string { return v.Layer },
		awsapi.Paging{Operation: "ListLayers", Marker: in.Marker, MaxItems: in.MaxItems, Size: listPage, Most: listPage})
	if err != nil {
		return nil, err
	}
	out := &ListLayersResponse{Layers: make([]LayersListItem, 0, len(page)), NextMarker: next}
	for _, v := range page {
		out.Layers = append(out.Layers, LayersListItem{
			LayerName: &v.Layer, LayerArn: new(v.ID().ARN()), LatestMatchingVersion: renderLayerItem(v),
		})
	}
	return out, nil
}

// DeleteLayerVersion removes a layer version. Functions that have it keep it, and
// deleting one that is not there succeeds, as on AWS.
func (s *Service) DeleteLayerVersion(ctx context.Context, in *DeleteLayerVersionRequest) error {
	id, err := s.resolveLayerVersion(ctx, in.LayerName, in.VersionNumber)
	if err != nil {
		return err
	}
	return stateError(s.state.DeleteLayerVersion(ctx, id, in.VersionNumber), nil)
}

// layerUses looks up the layers that a request names for a function whose own code
// has a size. Nil is for a request that names none.
func (s *Service) layerUses(named []string, unzipped int64) ([]state.LayerUse, error) {
	if len(named) > maxLayers {
		return nil, InvalidParameterValueException("Cannot reference more than %d layers.", maxLayers)
	}
	var uses []state.LayerUse
	seen := map[state.LayerID]string{}
	for _, text := range named {
		id, number, err := parseLayerVersion(text)
		if err != nil {
			return nil, noLayerVersion(text)
		}
		if id.Region != s.region {
			return nil, InvalidParameterValueException("Layers are not in the same region as the function. "+
				"Layers are expected to be in region %s.", s.region)
		}
		e := s.state.Snapshot().LayerVersion(id, number)
		if e == nil {
			return nil, noLayerVersion(text)
		}
		if other := seen[id]; other != "" {
			return nil, InvalidParameterValueException("Two different versions of the same layer are not allowed to be referenced "+
				"in the same function. %s and %s are versions of the same layer.", other, text)
		}
		seen[id] = text
		v := e.Record
		uses = append(uses, state.LayerUse{ARN: text, CodeBlob: v.CodeBlob, CodeSize: v.CodeSize, Unzipped: v.Unzipped})
	}
	return uses, s.checkTotal(uses, unzipped)
}

// checkTotal refuses layers and code that are too large together.
func (s *Service) checkTotal(uses []state.LayerUse, unzipped int64) error {
	limit := cmp.Or(s.limits.Unzipped, code.DefaultLimits().Unzipped)
	for _, u := range uses {
		unzipped += u.Unzipped
	}
	if len(uses) == 0 || unzipped <= limit {
		return nil
	}
	return InvalidParameterValueException("Function code combined with layers exceeds the maximum allowed size of %d bytes. "+
		"The actual size is %d bytes.", limit, unzipped)
}

func noLayerVersion(arn string) error {
	return InvalidParameterValueException("Layer version %s does not exist.", arn)
}

// renderLayers are a function's layers as its configuration shows them.
func renderLayers(uses []state.LayerUse) []Layer {
	var layers []Layer
	for i := range uses {
		layers = append(layers, Layer{Arn: &uses[i].ARN, CodeSize: &uses[i].CodeSize})
	}
	return layers
}

// texts are the values of an enumeration as text, nil for none.
func texts[T ~string](values []T) []string {
	var out []string
	for _, v := range values {
		out = append(out, string(v))
	}
	return out
}

// enums is the inverse of texts.
func enums[T ~string](values []string) []T {
	var out []T
	for _, v := range values {
		out = append(out, T(v))
	}
	return out
}
