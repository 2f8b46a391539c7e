package secret

// shape is a token that its issuer made to be recognised: a fixed prefix, and then so many characters of a set.
type shape struct {
	rule     string // in words, for people
	prefix   string
	set      *set
	min, max int // characters after the prefix; beyond max it is something else, 0 means no bound
}

// set is a set of bytes.
type set [256]bool

func chars(ranges string) *set {
	var s set
	for i := 0; i < len(ranges); i++ {
		if i+2 < len(ranges) && ranges[i+1] == '-' {
			for c := int(ranges[i]); c <= int(ranges[i+2]); c++ {
				s[c] = true
			}
			i += 2
			continue
		}
		s[ranges[i]] = true
	}
	return &s
}

// A dash that stands last means itself.
var (
	word    = chars("0-9A-Za-z_")
	alnum   = chars("0-9A-Za-z")
	dashed  = chars("0-9A-Za-z_-")
	dotted  = chars("0-9A-Za-z_.-")
	hexits  = chars("0-9a-f")
	base32  = chars("A-Z2-7")
	base64s = chars("0-9A-Za-z+/=_-")
)

// shapes are what vendors say of their tokens, compared with the rules of gitleaks 8 and of GitHub's secret scanning:
//
//	AWS        docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html (unique identifiers)
//	GitHub     github.blog/2021-04-05-behind-githubs-new-authentication-token-formats
//	GitLab     docs.gitlab.com/security/tokens (token prefixes)
//	Slack      api.slack.com/concepts/token-types
//	Stripe     docs.stripe.com/keys
//	Google     cloud.google.com/docs/authentication/api-keys, and what its clients print
//	OpenAI, Anthropic, npm, PyPI, Hugging Face, SendGrid, DigitalOcean, Shopify, Docker, HashiCorp, Databricks, Linear, age
//	           what their consoles issue
//
// A public identifier (a client id, a publishable key, a key for tests alone) is none.
var shapes = []shape{
	{"an AWS access key", "AKIA", base32, 16, 16},
	{"an AWS access key", "ASIA", base32, 16, 16},
	{"a GitHub token", "ghp_", alnum, 36, 0},
	{"a GitHub token", "gho_", alnum, 36, 0},
	{"a GitHub token", "ghu_", alnum, 36, 0},
	{"a GitHub token", "ghs_", alnum, 36, 0},
	{"a GitHub token", "ghr_", alnum, 36, 0},
	{"a GitHub token", "github_pat_", word, 60, 0},
	{"a GitLab token", "glpat-", dotted, 20, 0},
	{"a GitLab token", "gldt-", dotted, 20, 0},
	{"a GitLab token", "glrt-", dotted, 20, 0},
	{"a GitLab token", "glptt-", dotted, 20, 0},
	{"a GitLab token", "glcbt-", dotted, 20, 0},
	{"a Slack token", "xoxb-", dashed, 24, 0},
	{"a Slack token", "xoxp-", dashed, 24, 0},
	{"a Slack token", "xoxa-", dashed, 24, 0},
	{"a Slack token", "xoxr-", dashed, 24, 0},
	{"a Slack token", "xoxs-", dashed, 24, 0},
	{"a Slack token", "xoxe-", dashed, 24, 0},
	{"a Slack token", "xapp-", dashed, 24, 0},
	{"a Slack webhook", "hooks.slack.com/services/T", chars("0-9A-Za-z/"), 30, 0},
	{"a Stripe key", "sk_live_", alnum, 16, 0},
	{"a Stripe key", "rk_live_", alnum, 16, 0},
	{"a Stripe webhook secret", "whsec_", base64s, 24, 0},
	{"a Google API key", "AIza", dashed, 35, 35},
	{"a Google client secret", "GOCSPX-", dashed, 28, 28},
	{"a Google access token", "ya29.", dashed, 40, 0},
	{"an OpenAI key", "sk-proj-", dashed, 40, 0},
	{"an OpenAI key", "sk-svcacct-", dashed, 40, 0},
	{"an OpenAI key", "sk-admin-", dashed, 40, 0},
	{"an OpenAI key", "T3BlbkFJ", alnum, 20, 20},
	{"an Anthropic key", "sk-ant-", dashed, 40, 0},
	{"an npm token", "npm_", alnum, 36, 36},
	{"a PyPI token", "pypi-AgE", dashed, 50, 0},
	{"a Hugging Face token", "hf_", alnum, 34, 34},
	{"a SendGrid key", "SG.", dotted, 60, 70},
	{"a DigitalOcean token", "dop_v1_", hexits, 64, 64},
	{"a Shopify token", "shpat_", chars("0-9A-Fa-f"), 32, 32},
	{"a Docker token", "dckr_pat_", dashed, 27, 0},
	{"a Vault token", "hvs.", dashed, 24, 0},
	{"a Databricks token", "dapi", hexits, 32, 32},
	{"a Linear key", "lin_api_", alnum, 40, 0},
	{"an age key", "AGE-SECRET-KEY-1", chars("0-9A-Z"), 58, 58},
}

// match tells where the token at i, where its prefix begins, ends.
func (s *shape) match(data []byte, i int) (end int, ok bool) {
	if i > 0 && word[data[i-1]] && s.prefix != "T3BlbkFJ" { // which stands in the middle
		return 0, false
	}
	start := i + len(s.prefix)
	end = start
	for end < len(data) && end-start < maxToken && s.set[data[end]] {
		end++
	}
	n := end - start
	if n < s.min || s.max > 0 && n > s.max {
		return 0, false
	}
	return end, !s.tame(data[start:end])
}

// tame tells whether the random part of a token is none: examples and fillers.
func (s *shape) tame(b []byte) bool {
	return entropy(b) < 2.8 || looksMade(b)
}
