package server

import (
	"fmt"
	"strings"

	"github.com/99designs/gqlgen/graphql"

	"github.com/jitos/jitos"
)

// The words of the model in capitals, as GraphQL writes enumerations: "no-plan" is NO_PLAN.

func wordOf[T ~string](w T) string { return strings.ReplaceAll(strings.ToUpper(string(w)), "-", "_") }

func marshalWord[T ~string](w T) graphql.Marshaler { return graphql.MarshalString(wordOf(w)) }

func unmarshalWord[T ~string](v any) (T, error) {
	s, ok := v.(string)
	if !ok {
		return "", fmt.Errorf("%v: %w: want a name", v, jitos.ErrInvalid)
	}
	return T(strings.ReplaceAll(strings.ToLower(s), "_", "-")), nil
}

func MarshalTaskStatus(s jitos.TaskStatus) graphql.Marshaler { return marshalWord(s) }
func UnmarshalTaskStatus(v any) (jitos.TaskStatus, error)    { return unmarshalWord[jitos.TaskStatus](v) }
func MarshalVerdict(v jitos.Verdict) graphql.Marshaler       { return marshalWord(v) }
func UnmarshalVerdict(v any) (jitos.Verdict, error)          { return unmarshalWord[jitos.Verdict](v) }
func MarshalProcessState(s ProcessState) graphql.Marshaler   { return marshalWord(s) }
func UnmarshalProcessState(v any) (ProcessState, error)      { return unmarshalWord[ProcessState](v) }
func MarshalChange(c Change) graphql.Marshaler               { return marshalWord(c) }
func UnmarshalChange(v any) (Change, error)                  { return unmarshalWord[Change](v) }
func MarshalRefusalCode(c RefusalCode) graphql.Marshaler     { return marshalWord(c) }
func UnmarshalRefusalCode(v any) (RefusalCode, error)        { return unmarshalWord[RefusalCode](v) }
func MarshalAbout(a About) graphql.Marshaler                 { return marshalWord(a) }
func UnmarshalAbout(v any) (About, error)                    { return unmarshalWord[About](v) }
func MarshalDecision(d jitos.Decision) graphql.Marshaler     { return marshalWord(d) }
func UnmarshalDecision(v any) (jitos.Decision, error)        { return unmarshalWord[jitos.Decision](v) }
