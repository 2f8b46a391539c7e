package methods

import (
	"fmt"
	"path"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/jitos/jitos"
)

// Types of parameters.
const (
	TypeString = "string"
	TypeName   = "name"
	TypePath   = "path"
	TypeInt    = "int"
)

var types = []string{TypeString, TypeName, TypePath, TypeInt}

// nameWord leaves out what a shell or an option parser would take for something else; npm's scopes and Go's module paths fit.
var nameWord = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9@._/+:~^=][A-Za-z0-9@._/+:~^=-]*$`) })

// Check returns the value in its normal form, or an error that Is jitos.ErrInvalid and says what is wanted.
func (p Param) Check(value string) (string, error) {
	bad := func(want string) (string, error) {
		return "", fmt.Errorf("%s %q: %w: want %s", p.Name, value, jitos.ErrInvalid, want)
	}
	switch p.Type {
	case TypeInt:
		n, err := strconv.Atoi(value)
		if err != nil {
			return bad("a whole number")
		}
		return strconv.Itoa(n), nil
	case TypeName:
		if !nameWord().MatchString(value) {
			return bad("one word of letters, digits and @._/+:~^=-, not starting with -")
		}
	case TypePath:
		clean := path.Clean(value)
		inside := value != "" && !path.IsAbs(value) && clean != ".." && !strings.HasPrefix(clean, "../") && !strings.HasPrefix(clean, "-")
		if !inside || !printable(value, "") {
			return bad("a path inside the file tree, relative to its root")
		}
		return clean, nil
	default:
		if !printable(value, "\n\t") {
			return bad("text without control characters")
		}
	}
	return value, nil
}

func printable(s, also string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool {
		return unicode.IsControl(r) && !strings.ContainsRune(also, r)
	}) < 0
}

// Bind checks arguments against parameters: values in their normal form, defaults filled in. An argument that no parameter
// has, or a parameter without a value, is an error that Is jitos.ErrInvalid.
func Bind(params []Param, args map[string]string) (map[string]string, error) {
	bound := make(map[string]string, len(params))
	known := make([]string, len(params))
	for i, p := range params {
		known[i] = p.Name
		value, given := args[p.Name]
		if !given {
			if p.Default == nil {
				return nil, fmt.Errorf("argument %s: %w: not given", p.Name, jitos.ErrInvalid)
			}
			value = *p.Default
			if value == "" { // "nothing" is a legal default for every type
				bound[p.Name] = ""
				continue
			}
		}
		v, err := p.Check(value)
		if err != nil {
			return nil, fmt.Errorf("argument %w", err)
		}
		bound[p.Name] = v
	}
	for _, name := range sortedKeys(args) {
		if _, ok := bound[name]; !ok {
			return nil, jitos.Hint(fmt.Errorf("argument %s: %w: there is none of this name", name, jitos.ErrInvalid),
				"arguments are: %s", orNone(known))
		}
	}
	return bound, nil
}

// Given leaves out the arguments that have their parameter's default, so that equal wishes have equal bytes.
func Given(params []Param, args map[string]string) map[string]string {
	var given map[string]string
	for _, p := range params {
		v, ok := args[p.Name]
		if !ok || p.Default != nil && *p.Default == v {
			continue
		}
		if given == nil {
			given = map[string]string{}
		}
		given[p.Name] = v
	}
	return given
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

func sortedKeys[T any](m map[string]T) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
