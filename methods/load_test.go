package methods

import "testing"

func TestLoad_library(t *testing.T) {
	lib, err := Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = lib
}
