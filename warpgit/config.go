package warpgit

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jitos/jitos"
)

// config is what a file of git's settings says, in its order. Includes are not followed.
type config []setting

// setting is one line, by the name that git gives it: section, subsection and key with dots between, the first and the last in
// lower case. A key without "=" means true.
type setting struct {
	name, value string
	alone       bool // without "="
}

// section is the part before the first dot, key the one behind the last.
func (s setting) section() string { return s.name[:max(0, strings.IndexByte(s.name, '.'))] }
func (s setting) key() string     { return s.name[strings.LastIndexByte(s.name, '.')+1:] }

// last returns the setting of a name that counts.
func (c config) last(name string) (found setting, ok bool) {
	for _, s := range c {
		if s.name == name {
			found, ok = s, true
		}
	}
	return found, ok
}

// value is that of last, "" where there is none.
func (c config) value(name string) string {
	s, _ := c.last(name)
	return s.value
}

// including tells whether other files would have to be read as well.
func (c config) including() bool {
	for _, s := range c {
		if s.section() == "include" || s.section() == "includeif" {
			return true
		}
	}
	return false
}

// isFalse reads a boolean as git does.
func (s setting) isFalse() bool {
	switch strings.ToLower(s.value) {
	case "false", "no", "off", "0":
		return true
	}
	return s.value == "" && !s.alone
}

var errConfig = errors.New("bad config line")

// parseConfig reads git's format of settings (config.c). A NUL, of which git makes one thing here and another there, is refused.
func parseConfig(text []byte) (config, error) {
	if bytes.IndexByte(text, 0) >= 0 {
		return nil, fmt.Errorf("%w: a NUL", errConfig)
	}
	p := &configParser{text: strings.TrimPrefix(string(text), "\ufeff")}
	p.text = strings.ReplaceAll(p.text, "\r\n", "\n")
	var list config
	section := ""
	for {
		p.skip(blanks + "\n")
		switch c := p.next(); {
		case c == 0:
			if p.at < len(p.text) {
				return nil, p.bad()
			}
			return list, nil
		case c == '#' || c == ';':
			p.comment()
		case c == '[':
			var err error
			if section, err = p.header(); err != nil {
				return nil, err
			}
		case isLetter(c):
			p.at--
			s := setting{name: section + p.word()}
			p.skip(" \t")
			switch p.next() {
			case '=':
				var err error
				if s.value, err = p.value(); err != nil {
					return nil, err
				}
			case '\n', 0:
				s.alone = true
			default:
				return nil, p.bad()
			}
			list = append(list, s)
		default:
			return nil, p.bad()
		}
	}
}

type configParser struct {
	text string
	at   int
}

// next returns the next byte, 0 at the end.
func (p *configParser) next() byte {
	if p.at >= len(p.text) {
		return 0
	}
	p.at++
	return p.text[p.at-1]
}

func (p *configParser) skip(set string) {
	for p.at < len(p.text) && strings.IndexByte(set, p.text[p.at]) >= 0 {
		p.at++
	}
}

func (p *configParser) comment() {
	for c := p.next(); c != '\n' && p.at < len(p.text); c = p.next() {
	}
}

func (p *configParser) word() string {
	from := p.at
	for p.at < len(p.text) && (isLetter(p.text[p.at]) || p.text[p.at] >= '0' && p.text[p.at] <= '9' || p.text[p.at] == '-') {
		p.at++
	}
	return strings.ToLower(p.text[from:p.at])
}

// blanks are git's within a line, where a carriage return is one. Between a key and its "=" it is none.
const blanks = " \t\r"

func isBlank(c byte) bool { return strings.IndexByte(blanks, c) >= 0 }

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// header reads [section] or [section "sub"], after its first bracket, and returns it with the dots that follow each part. The
// old form [section.sub] is lower case throughout.
func (p *configParser) header() (section string, err error) {
	from := p.at
	for p.at < len(p.text) && (isLetter(p.text[p.at]) || p.text[p.at] >= '0' && p.text[p.at] <= '9' || p.text[p.at] == '-' || p.text[p.at] == '.') {
		p.at++
	}
	section = strings.ToLower(p.text[from:p.at])
	switch c := p.next(); c {
	case ']':
		if section == "" {
			return "", p.bad()
		}
		return section + ".", nil
	case ' ', '\t', '\r':
	default:
		return "", p.bad()
	}
	p.skip(blanks)
	if p.next() != '"' {
		return "", p.bad()
	}
	var b strings.Builder
	for {
		c := p.next()
		if c == '\\' {
			c = p.next()
		} else if c == '"' {
			break
		}
		if c == 0 || c == '\n' {
			return "", p.bad()
		}
		b.WriteByte(c)
	}
	if p.next() != ']' {
		return "", p.bad()
	}
	return section + "." + b.String() + ".", nil
}

// value reads what stands after "=": to the end of the line, or of the comment-free part of it, trimmed outside quotes.
func (p *configParser) value() (string, error) {
	p.skip(blanks)
	var b strings.Builder
	quoted, keep := false, 0 // keep: what was written up to here stays, blanks at its end or not
	for {
		c := p.next()
		switch {
		case c == 0 && p.at < len(p.text):
			return "", p.bad() // a NUL
		case c == '\n' || c == 0:
			if quoted {
				return "", p.bad()
			}
			return b.String()[:keep], nil
		case isBlank(c) && !quoted && b.Len() == 0:
			continue
		case c == '"':
			quoted, keep = !quoted, b.Len()
			continue
		case (c == '#' || c == ';') && !quoted:
			p.comment()
			return b.String()[:keep], nil
		case c == '\\':
			keep = b.Len()
			switch c = p.next(); c {
			case '\n', 0:
				continue
			case 't':
				c = '\t'
			case 'n':
				c = '\n'
			case 'b':
				c = '\b'
			case '\\', '"':
			default:
				return "", p.bad()
			}
			b.WriteByte(c)
			keep = b.Len()
			continue
		}
		b.WriteByte(c)
		if quoted || !isBlank(c) {
			keep = b.Len()
		}
	}
}

func (p *configParser) bad() error {
	return fmt.Errorf("%w %d", errConfig, strings.Count(p.text[:min(p.at, len(p.text))], "\n")+1)
}

// known are the extensions of git's repository format with which everything here stays right.
var known = map[string]bool{
	"noop": true, "noop-v1": true,
	"worktreeconfig":    true, // settings of one worktree: only git reads settings
	"relativeworktrees": true, // paths between worktrees: only git follows them
	"preciousobjects":   true, // no object may go: Tidy does nothing
}

// checkConfig refuses, by name, what would be read wrongly, and returns how files are shared.
func (r *Repo) checkConfig() (perm, error) {
	text, err := os.ReadFile(filepath.Join(r.Common, "config"))
	if err != nil {
		return 0, err
	}
	cfg, err := parseConfig(text)
	if err != nil {
		return 0, fmt.Errorf("read config: %w", err)
	}
	for _, s := range cfg {
		switch {
		case s.section() == "remote" && s.key() == "promisor" && !s.isFalse():
			return 0, refusePartial()
		case s.section() != "extensions":
		case s.key() == "partialclone":
			return 0, refusePartial()
		case s.key() == "objectformat" && s.value != "sha1":
			return 0, fmt.Errorf("%w: its object format is %s; jitos reads sha1 repositories only", jitos.ErrInvalid, s.value)
		case s.key() == "refstorage" && s.value != "files":
			return 0, jitos.Hint(fmt.Errorf("%w: its refs are kept as %s; jitos knows git's files only", jitos.ErrInvalid, s.value),
				"git refs migrate --ref-format=files changes that, in git 2.46 and later")
		case s.key() == "refstorage", s.key() == "objectformat", known[s.key()]:
			r.precious = r.precious || s.key() == "preciousobjects" && !s.isFalse()
		default:
			return 0, fmt.Errorf("%w: it uses git's extension %s, which jitos does not know", jitos.ErrInvalid, s.key())
		}
	}
	r.packLimit = autoPackLimit
	if n, err := strconv.Atoi(cfg.value("gc.autopacklimit")); err == nil && n > 0 {
		r.packLimit = n
	}
	modes, ok := cfg.last("core.filemode")
	r.modes = !ok || !modes.isFalse()
	return sharedPerm(cfg.value("core.sharedrepository"))
}

func refusePartial() error {
	return jitos.Hint(fmt.Errorf("%w: it is a partial clone, and jitos does not fetch objects one by one", jitos.ErrInvalid),
		"clone again without --filter")
}

// sharedPerm reads core.sharedRepository.
func sharedPerm(v string) (perm, error) {
	switch strings.ToLower(v) {
	case "", "umask", "false", "no", "off", "0":
		return 0, nil
	case "group", "true", "yes", "on", "1":
		return 0o660, nil
	case "all", "world", "everybody", "2":
		return 0o664, nil
	}
	bits, err := strconv.ParseUint(v, 8, 16)
	if err != nil || bits&0o600 != 0o600 {
		return 0, fmt.Errorf("core.sharedRepository = %s: %w", v, jitos.ErrInvalid)
	}
	return exact | perm(bits&0o666), nil
}
