package config

import "strings"

// Nearest returns the known word that someone who typed word most likely
// meant: the one fewest slips away (a letter too many, too few, wrong, or two
// swapped), at most one slip for each three letters; else the only one that
// begins with word. The first of equals wins; ok is false when none is near.
func Nearest(word string, known []string) (near string, ok bool) {
	typed := strings.ToLower(word)
	best := max(1, len(typed)/3) + 1
	for _, k := range known {
		if d := slips(typed, k); d < best && d < len(typed) {
			best, near, ok = d, k, true
		}
	}
	if ok || len(typed) < 3 {
		return near, ok
	}
	for _, k := range known {
		if strings.HasPrefix(k, typed) {
			if ok {
				return "", false
			}
			near, ok = k, true
		}
	}
	return near, ok
}

// slips is the edit distance in which swapping two neighbours counts once
// (optimal string alignment), over bytes: flags and classes are ASCII.
func slips(a, b string) int {
	prev2, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(b)]
}
