package swab

import (
	"maps"
	"sync"
	"time"
)

// told remembers what was said, so that the same trouble is not told twice in
// a minute, and a text that changes is told at once.
type told struct {
	mu   sync.Mutex
	said map[string]saying
}

type saying struct {
	text string
	at   time.Time
}

const sayAgain = time.Minute

// maxSaid bounds what is remembered: so many troubles within a minute have been
// told, and more of them are not.
const maxSaid = 256

// say calls log with the message, unless the same was said about the same
// thing less than a minute ago. "tries" and "error" values are part of what is
// said only as far as the message is: errors are compared, counters are not.
func (t *told) say(log func(msg string, args ...any), about, msg string, args ...any) {
	text := msg
	for i := 0; i+1 < len(args); i += 2 {
		if err, ok := args[i+1].(error); ok {
			text += " " + err.Error()
		}
	}
	t.mu.Lock()
	if t.said == nil {
		t.said = map[string]saying{}
	}
	last, ok := t.said[about]
	if !ok && len(t.said) >= maxSaid {
		maps.DeleteFunc(t.said, func(_ string, s saying) bool { return time.Since(s.at) >= sayAgain })
		if len(t.said) >= maxSaid {
			t.mu.Unlock()
			return
		}
	}
	again := !ok || last.text != text || time.Since(last.at) >= sayAgain
	if again {
		t.said[about] = saying{text: text, at: time.Now()}
	}
	t.mu.Unlock()
	if again {
		log(msg, args...)
	}
}

// over says that a trouble has ended.
func (t *told) over(about string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.said, about)
}
