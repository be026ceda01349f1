package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// configName is the file that says what a tokenizer.model does not.
const configName = "tokenizer_config.json"

// config is the part of tokenizer_config.json that matters where there is no
// tokenizer.json. Where there is one, that file says all of it.
type config struct {
	class          string
	legacy         bool // a space is put before every text between special tokens
	addPrefixSpace *bool
	bos, eos       string // "" where the file names none
	addBOS, addEOS bool
	added          []configToken
}

type configToken struct {
	id      int
	content string
	token   addedToken
	special bool
}

// readConfig reads dir/tokenizer_config.json and added_tokens.json, both of which
// may be missing.
func readConfig(dir string) (*config, error) {
	c := &config{}
	path := filepath.Join(dir, configName)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, c.readAddedTokens(dir)
	}
	if err != nil {
		return nil, err
	}
	doc := &document{name: path}
	root := doc.root(data)
	// Most of its keys concern templates and padding: unknown ones are no problem.
	o := object{at: root, fields: decode[map[string]json.RawMessage](root, "an object")}
	if class := o.get("tokenizer_class"); !class.null() {
		c.class = class.text()
	}
	c.legacy = o.get("legacy").booleanOr(false)
	if prefix := o.get("add_prefix_space"); !prefix.null() {
		add := prefix.boolean()
		c.addPrefixSpace = &add
	}
	c.bos, c.eos = tokenName(o.get("bos_token")), tokenName(o.get("eos_token"))
	// The classes whose documentation says that they add it.
	c.addBOS = o.get("add_bos_token").booleanOr(classIs(c.class, "Llama", "CodeLlama", "Gemma"))
	c.addEOS = o.get("add_eos_token").booleanOr(false)
	if decoder := o.get("added_tokens_decoder"); !decoder.null() {
		c.readDecoder(decoder)
	}
	if err := doc.err(); err != nil {
		return nil, err
	}
	if c.added == nil {
		return c, c.readAddedTokens(dir)
	}
	return c, nil
}

// tokenName reads a special token's text, which may stand in an object.
func tokenName(n node) string {
	if n.null() {
		return ""
	}
	var text string
	if json.Unmarshal(n.raw, &text) == nil {
		return text
	}
	return object{at: n, fields: decode[map[string]json.RawMessage](n, "a string or an object")}.get("content").text()
}

func (c *config) readDecoder(n node) {
	list := object{at: n, fields: decode[map[string]json.RawMessage](n, "an object of tokens by id")}
	for _, key := range sortedKeys(list.fields) {
		child := list.get(key)
		id, err := strconv.Atoi(key)
		if err != nil || id < 0 || id > maxID {
			child.fail("got id %q, want 0 to %d", key, maxID)
			continue
		}
		o := child.object("content", "single_word", "lstrip", "rstrip", "normalized", "special")
		o.get("normalized").booleanOr(false) // it is found in the text as it is
		c.added = append(c.added, configToken{
			id:      id,
			content: o.get("content").text(),
			token: addedToken{
				id:         id,
				singleWord: o.get("single_word").booleanOr(false),
				lstrip:     o.get("lstrip").booleanOr(false),
				rstrip:     o.get("rstrip").booleanOr(false),
			},
			special: o.get("special").booleanOr(false),
		})
	}
	slices.SortFunc(c.added, func(a, b configToken) int { return a.id - b.id })
}

// readAddedTokens reads the older file of added tokens, ids by text.
func (c *config) readAddedTokens(dir string) error {
	path := filepath.Join(dir, "added_tokens.json")
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	doc := &document{name: path}
	root := doc.root(data)
	list := object{at: root, fields: decode[map[string]json.RawMessage](root, "an object of ids by token")}
	for _, content := range sortedKeys(list.fields) {
		at := list.get(content)
		id := at.integer()
		if id < 0 || id > maxID {
			at.fail("got %d, want 0 to %d", id, maxID)
			continue
		}
		c.added = append(c.added, configToken{id: id, content: content, token: addedToken{id: id}})
	}
	slices.SortFunc(c.added, func(a, b configToken) int { return a.id - b.id })
	return doc.err()
}

// apply enters the added tokens in t, and makes its template.
func (c *config) apply(t *Tokenizer, bos, eos string) error {
	for _, tok := range c.added {
		if tok.content == "" {
			continue
		}
		if at, ok := t.ID(tok.content); ok && at != tok.id {
			return fmt.Errorf("%s: added token %q: got id %d, and the vocabulary has it at %d", configName, tok.content, tok.id, at)
		}
		if now, ok := t.Token(tok.id); ok && now != tok.content {
			return fmt.Errorf("%s: added token %q: got id %d, which %q has", configName, tok.content, tok.id, now)
		}
		t.enter(tok.id, tok.content, tok.token, tok.special)
	}
	for _, end := range []struct {
		add   bool
		key   string
		named string
		usual string
		into  *[]int
	}{
		{c.addBOS, "bos_token", c.bos, bos, &t.prefix},
		{c.addEOS, "eos_token", c.eos, eos, &t.suffix},
	} {
		name := end.named
		if name == "" {
			name = end.usual
		}
		if !end.add || name == "" {
			continue
		}
		id, ok := t.ID(name)
		if !ok {
			return fmt.Errorf("%s: %s: %q is not in the vocabulary", configName, end.key, name)
		}
		*end.into = append(*end.into, id)
	}
	return nil
}

// classIs reports whether the name of a tokenizer class begins with one of names.
func classIs(class string, names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(class, name) })
}
