package arch

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// unreadable says of JSON that does not fit which key has what, and what it should have,
// in the words of a config rather than of Go; within is the key around it, if there is one.
func unreadable(within string, err error) error {
	wrong, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok {
		if within != "" {
			return fmt.Errorf("config.json: %s: %w", within, err)
		}
		return fmt.Errorf("config.json: %w", err)
	}
	key := strings.Trim(within+"."+wrong.Field, ".")
	if key == "" {
		return fmt.Errorf("config.json: is a %s, want an object", wrong.Value)
	}
	return fmt.Errorf("config.json: %s is a %s, want %s", key, wrong.Value, wanted(wrong.Type))
}

func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return wanted(t.Elem())
	case reflect.Int:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	case reflect.Slice:
		return "a list"
	default:
		return "an object"
	}
}
