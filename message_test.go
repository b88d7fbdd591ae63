package swab

import (
	"os"
	"strings"
	"testing"
)

// TestABatchEndsWithinNoMessageOfAContainer is over a line that the runtime has
// cut in the middle of an address, and whose rest comes after the batch.
func TestABatchEndsWithinNoMessageOfAContainer(t *testing.T) {
	const head = "2026-11-23T18:04:02.123456789Z stdout "
	b := newBench(t)
	path := b.write("0.log", head+"F one 203.0.113.77\n"+head+"P two 203.0.1\n")
	b.once("server", "--erase", "off")
	if got, want := b.shipped(), head+"F one 203.0.113.0\n"; got != want {
		t.Errorf("the store holds %q, want %q", got, want)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(strings.Replace(head, "stdout", "stderr", 1) + "F x\n" + head + "F 13.77 end\n"); err != nil {
		t.Fatal(err)
	}
	b.once("server", "--erase", "off")
	want := head + "F one 203.0.113.0\n" + head + "P two 203.0.113.0\n" + strings.Replace(head, "stdout", "stderr", 1) + "F x\n" + head + "F  end\n"
	if got := b.shipped(); got != want {
		t.Errorf("the store holds\n%swant\n%s", got, want)
	}
	b.check()
}
