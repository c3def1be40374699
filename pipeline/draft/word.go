package draft

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// role is what the rows of a table, or the values of a column, are.
type role struct {
	name  string
	words []string
}

func userRole() role {
	return role{"user", []string{
		"user", "customer", "member", "visitor", "reader", "viewer", "listener", "reviewer", "player", "shopper", "consumer", "subscriber",
		"client", "account", "person", "people", "buyer",
	}}
}

func itemRole() role {
	return role{"item", []string{
		"item", "product", "movie", "film", "article", "track", "song", "album", "artist", "book", "isbn", "video", "sku", "asin", "content",
		"news", "game", "recipe", "restaurant", "business", "place", "venue", "hotel", "course", "job", "listing", "post", "podcast", "show",
		"anime", "good", "offer", "document", "page",
	}}
}

func keyWords() []string {
	return []string{"id", "key", "code", "no", "number", "uuid", "hash", "index", "idx"}
}

func timeWords() []string {
	return []string{"time", "timestamp", "ts", "date", "datetime", "day", "unix", "epoch", "created", "at", "when"}
}

func orderWords() []string { return []string{"position", "order", "seq", "sequence", "step"} }

func starWords() []string {
	return []string{"rating", "ratings", "stars", "star", "score", "overall", "grade"}
}

func eventWords() []string {
	return []string{"event", "action", "type", "behavior", "behaviour", "interaction"}
}

// eventValues are kinds of events, those that say most first.
func eventValues() []string {
	return []string{
		"purchase", "purchased", "buy", "bought", "order", "transaction", "pay", "conversion", "cart", "addtocart", "add_to_cart", "carted",
		"like", "fav", "favorite", "share", "play", "click", "clicked",
	}
}

// words splits a column's name into lower-case words: at what is neither letter nor digit, and between small and capital letters.
func words(name string) []string {
	var out []string
	var word strings.Builder
	end := func() {
		if word.Len() > 0 {
			out = append(out, strings.ToLower(word.String()))
			word.Reset()
		}
	}
	small := false
	for _, r := range name {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) || unicode.IsUpper(r) && small {
			end()
		}
		if small = unicode.IsLower(r); unicode.IsLetter(r) || unicode.IsDigit(r) {
			word.WriteRune(r)
		}
	}
	end()
	return out
}

// says reports whether all words are of the role or mean a key, and one is of the role: user, user_id, userid, UserID, uid.
func (r role) says(name string) bool {
	found := false
	for _, w := range words(name) {
		switch {
		case r.is(w), r.is(strings.TrimSuffix(w, "id")), w == r.name[:1]+"id":
			found = true
		case !slices.Contains(keyWords(), w):
			return false
		}
	}
	return found
}

// is reports whether a word, or what it is the plural of, is one of the role.
func (r role) is(word string) bool {
	return slices.Contains(r.words, word) || slices.Contains(r.words, strings.TrimSuffix(word, "s"))
}

// among reports whether a name has one of some words.
func among(name string, some []string) bool {
	return slices.ContainsFunc(words(name), func(w string) bool { return slices.Contains(some, w) })
}

// count writes a number with separators, and that it is an estimate.
func count(n int, estimated bool) string {
	digits := strconv.Itoa(n)
	text := ""
	for len(digits) > 3 {
		digits, text = digits[:len(digits)-3], ","+digits[len(digits)-3:]+text
	}
	if estimated {
		return "about " + digits + text
	}
	return digits + text
}

// percent writes a share.
func percent(part, whole int) string {
	p := 100 * float64(part) / float64(max(1, whole))
	if p < 10 {
		return fmt.Sprintf("%.2g %%", p)
	}
	return fmt.Sprintf("%.0f %%", p)
}
