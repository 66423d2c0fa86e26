package ssm

import (
	"context"
	"slices"
	"strings"

	"furl/internal/store"
)

// maxLabels is how many labels a version can have.
const maxLabels = 10

// LabelParameterVersion has labels stand for a version of a parameter, the newest if none is named. A label that stood
// for another version moves.
func (s *Service) LabelParameterVersion(ctx context.Context, in *LabelParameterVersionRequest) (*LabelParameterVersionResult, error) {
	out := &LabelParameterVersionResult{InvalidLabels: []string{}}
	var labels []string
	for _, label := range in.Labels {
		if validLabel(label) {
			labels = append(labels, label)
		} else {
			out.InvalidLabels = append(out.InvalidLabels, label)
		}
	}
	err := s.changeVersion(ctx, in.Name, value(in.ParameterVersion), func(p *parameter, number int64) error {
		out.ParameterVersion = &number
		if p.Labels == nil {
			p.Labels = map[string]int64{}
		}
		for _, label := range labels {
			p.Labels[label] = number
		}
		if len(p.labels(number)) > maxLabels {
			return ParameterVersionLabelLimitExceeded("An error occurred (ParameterVersionLabelLimitExceeded) when calling the LabelParameterVersion operation: A parameter version can have maximum %d labels. Move one or more labels to another version and try again.", maxLabels)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// UnlabelParameterVersion takes labels away from a version of a parameter.
func (s *Service) UnlabelParameterVersion(ctx context.Context, in *UnlabelParameterVersionRequest) (*UnlabelParameterVersionResult, error) {
	out := &UnlabelParameterVersionResult{}
	err := s.changeVersion(ctx, in.Name, in.ParameterVersion, func(p *parameter, number int64) error {
		out.RemovedLabels, out.InvalidLabels = []string{}, []string{}
		for _, label := range in.Labels {
			if p.Labels[label] == number {
				delete(p.Labels, label)
				out.RemovedLabels = append(out.RemovedLabels, label)
			} else {
				out.InvalidLabels = append(out.InvalidLabels, label)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// changeVersion changes the labels of a version, 0 for the newest.
func (s *Service) changeVersion(ctx context.Context, name string, number int64, edit func(p *parameter, number int64) error) error {
	_, p, err := s.resolve(ctx, name)
	if err != nil {
		return err
	}
	if p == nil {
		return ParameterNotFound("")
	}
	id := p.id()
	return s.change(ctx, id, func(p *parameter) ([]store.Op, error) {
		if p == nil {
			return nil, ParameterNotFound("")
		}
		chosen := number
		if chosen == 0 {
			chosen = p.Current.Number
		}
		if chosen < p.Oldest || chosen > p.Current.Number {
			return nil, ParameterVersionNotFound("Systems Manager could not find version %d of %s. Verify the version and try again.", chosen, p.Name)
		}
		if err := edit(p, chosen); err != nil {
			return nil, err
		}
		op, err := put(id.key(), p)
		return []store.Op{op}, err
	})
}

// validLabel reports whether a label follows AWS's rules: letters, digits and three symbols, no digit at the beginning,
// nor aws or ssm.
func validLabel(label string) bool {
	lower := strings.ToLower(label)
	return !strings.HasPrefix(lower, "aws") && !strings.HasPrefix(lower, "ssm") &&
		(label[0] < '0' || label[0] > '9') && !slices.Contains([]byte(label), '/') && wellFormed(label)
}
