package hub

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// FromEnv returns the options that huggingface_hub would take from the same
// variables: HF_HOME, HF_HUB_CACHE (HUGGINGFACE_HUB_CACHE), XDG_CACHE_HOME,
// HF_ENDPOINT, HF_TOKEN (HUGGING_FACE_HUB_TOKEN), HF_TOKEN_PATH,
// HF_HUB_DISABLE_IMPLICIT_TOKEN, HF_HUB_OFFLINE (TRANSFORMERS_OFFLINE). It reads no
// files. Getenv is [os.Getenv], except in tests.
func FromEnv(getenv func(string) string) Options {
	first := func(values ...string) string {
		for _, v := range values {
			if v != "" {
				return v
			}
		}
		return ""
	}
	path := func(p string) string { return expand(p, getenv) }

	caches := first(getenv("XDG_CACHE_HOME"), filepath.Join("~", ".cache"))
	home := path(first(getenv("HF_HOME"), filepath.Join(caches, "huggingface")))
	o := Options{
		Cache: path(first(getenv("HF_HUB_CACHE"), getenv("HUGGINGFACE_HUB_CACHE"), filepath.Join(home, "hub"))),
		Endpoint: strings.TrimRight(
			first(getenv("HF_ENDPOINT"), "https://huggingface.co"), "/"),
		Offline: isTrue(first(getenv("HF_HUB_OFFLINE"), getenv("TRANSFORMERS_OFFLINE"))),
	}
	if !isTrue(getenv("HF_HUB_DISABLE_IMPLICIT_TOKEN")) {
		o.Token = cleanToken(first(getenv("HF_TOKEN"), getenv("HUGGING_FACE_HUB_TOKEN")))
		o.TokenFile = path(first(getenv("HF_TOKEN_PATH"), filepath.Join(home, "token")))
	}
	return o
}

func isTrue(s string) bool {
	switch strings.ToUpper(s) {
	case "1", "ON", "YES", "TRUE":
		return true
	}
	return false
}

// cleanToken drops the line break that files and pasted variables end with.
func cleanToken(s string) string {
	return strings.TrimSpace(strings.NewReplacer("\r", "", "\n", "").Replace(s))
}

var variable = regexp.MustCompile(`\$(\w+|\{\w+\})`)

// expand replaces a leading tilde and variables that are set; others stay as they are.
func expand(path string, getenv func(string) string) string {
	if rest, ok := strings.CutPrefix(path, "~"); ok && (rest == "" || os.IsPathSeparator(rest[0])) {
		home := getenv("HOME")
		if home == "" {
			home, _ = os.UserHomeDir() // without one the path is relative, and fails where it is used
		}
		path = home + rest
	}
	return variable.ReplaceAllStringFunc(path, func(v string) string {
		if value := getenv(strings.Trim(v, "${}")); value != "" {
			return value
		}
		return v
	})
}
