package evade

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// This file is A1 and A2, and the list of all rows A: messages that a receiver reads otherwise than one might think. They go in small
// segments, over a connection that is honest.

// An App is what the receiving application speaks.
type App uint8

// The applications.
const (
	Plain App = iota // it reads bytes
	HTTP             // it reads requests (or, as a client, a response) with their bodies decoded
	TLS              // it reads the server name that is asked for
	DNS              // it reads the names that are asked for
	QUIC             // it reads the server name that is asked for
)

// card is a secret, and its twin is a number that is none.
const (
	card     = "4111111111111111"
	cardTwin = "4111111111111112"
)

// deliver makes the text a message with the word.
func deliver(message func(word string) string) step { return say(message, Forbidden, Harmless) }

// confide makes the text a message with the number of the card.
func confide(message func(number string) string) step { return say(message, card, cardTwin) }

// say makes the text a message with what is looked for, or in a twin with what is not.
func say(message func(string) string, wanted, innocent string) step {
	return func(t *talk) {
		what := wanted
		if t.text.Twin {
			what = innocent
		}
		t.text.Real = []byte(message(what))
		t.text.Decoy = t.text.Real
	}
}

// web is an attempt with a request.
func web(row, name string, request func(word string) string) Attempt {
	return Attempt{Row: row, Name: name, Families: Both, App: HTTP, steps: steps(deliver(request), start, finish)}
}

// reply is one with a response.
func reply(row, name string, response func(word string) string) Attempt {
	return replied(row, name, deliver(response))
}

// replied is an attempt with the response that text makes.
func replied(row, name string, text step) Attempt {
	return Attempt{Row: row, Name: name, Families: Both, App: HTTP, Reverse: true, steps: steps(text, start, func(t *talk) {
		t.listen(time.Second, func() bool { return t.next != t.irs+1 }) // a request
	}, finish)}
}

// refused are messages that can be read in two ways, or not at all, with what says that nobody has to take them. No
// twin of them need arrive.
var refused = map[string]string{
	"folded host":                                             "RFC 9112 §5.2: a server may refuse it",
	"a folded field before":                                   "RFC 9112 §5.2: a server may refuse it",
	"a folded transfer coding":                                "RFC 9112 §5.2: whoever passes it on may answer 502 instead",
	"two hosts, the first":                                    "RFC 9112 §3.2: a server must refuse it",
	"two hosts, the second":                                   "RFC 9112 §3.2: a server must refuse it",
	"space before the colon":                                  "RFC 9112 §5.1: a server must refuse it",
	"HTTP/2, two hosts, the first":                            "RFC 9113 §8.3.1: a server should refuse it",
	"HTTP/2, two hosts, the second":                           "RFC 9113 §8.3.1: a server should refuse it",
	"no version":                                              "RFC 9112 §2.3: every message has a version",
	"spaces in the request line":                              "RFC 9112 §3: a server should refuse it",
	"a length with a sign":                                    "RFC 9112 §6.3: a server must refuse it",
	"a body by length and chunks":                             "RFC 9112 §6.1: a server may refuse it, and §6.3: it ought to",
	"a body by chunks and length":                             "RFC 9112 §6.1: a server may refuse it, and §6.3: it ought to",
	"chunks and a length":                                     "RFC 9112 §6.3: it ought to be an error",
	"chunks in HTTP/1.0":                                      "RFC 9112 §6.1: its framing is faulty",
	"chunks by the second coding":                             "RFC 9112 §6.1, §7: there is no such coding, and a server should refuse it",
	"chunks by a second field":                                "RFC 9112 §6.1, §7: there is no such coding, and a server should refuse it",
	"chunks, line feeds alone":                                "RFC 9112 §7.1: lines of chunks end with CR LF",
	"an unknown coding":                                       "nobody can look into it; outcomes.limit, which is drop here, says what becomes of it",
	"gzip, its sum missing, of a request":                     "RFC 1952 §2.3: it is not whole",
	"gzip, its sum missing, of a response":                    "RFC 1952 §2.3: it is not whole",
	"gzip, a bomb, of a request":                              "more than limits allow (100 bytes from one); outcomes.limit, which is drop here, says what becomes of it",
	"gzip, a bomb, of a response":                             "more than limits allow (100 bytes from one); outcomes.limit, which is drop here, says what becomes of it",
	"brotli, a bomb, of a request":                            "more than limits allow (100 bytes from one); outcomes.limit, which is drop here, says what becomes of it",
	"brotli, a bomb, of a response":                           "more than limits allow (100 bytes from one); outcomes.limit, which is drop here, says what becomes of it",
	"zstd, a bomb, of a request":                              "more than limits allow (100 bytes from one); outcomes.limit, which is drop here, says what becomes of it",
	"zstd, a bomb, of a response":                             "more than limits allow (100 bytes from one); outcomes.limit, which is drop here, says what becomes of it",
	"an empty message before, TCP":                            "RFC 1035 §4.1: a message has a header",
	"a message of five bytes before, TCP":                     "RFC 1035 §4.1: a message has a header",
	"DNS on an odd port, an empty message before, TCP":        "RFC 1035 §4.1: a message has a header",
	"DNS on an odd port, a message of five bytes before, TCP": "RFC 1035 §4.1: a message has a header",
	"a pointer forwards, UDP":                                 "RFC 1035 §4.1.4: pointers go back",
	"a pointer forwards, TCP":                                 "RFC 1035 §4.1.4: pointers go back",
	"by a pointer to itself, UDP":                             "RFC 1035 §4.1.4: pointers go back",
	"by a pointer to itself, TCP":                             "RFC 1035 §4.1.4: pointers go back",
}

// known are attempts that pass still, with the reason.
var known = map[string]string{}

// applications are the rows A.
func applications() []Attempt {
	all := messages()
	for i := range all {
		a := &all[i]
		a.NoTwin = cmp.Or(a.NoTwin, refused[a.Name])
		a.Open = known[a.Name]
	}
	return all
}

// messages are the attempts with messages.
func messages() (all []Attempt) {
	for name, head := range requestHeads {
		all = append(all, web("A1", name, func(w string) string { return strings.ReplaceAll(head, "WORD", w) }))
	}
	for name, body := range requestBodies {
		all = append(all, web("A1", name, func(w string) string {
			return "POST /in HTTP/1.1\r\nHost: www.example.org\r\n" + body(w)
		}))
	}
	for name, response := range responses {
		all = append(all, reply("A2", name, response))
	}
	for name, coding := range codings {
		all = append(all, web("A3", name+", of a request", func(w string) string {
			return "POST /in HTTP/1.1\r\nHost: www.example.org\r\n" + coded(coding, w)
		}))
		all = append(all, reply("A3", name+", of a response", func(w string) string { return "HTTP/1.1 200 OK\r\n" + coded(coding, w) }))
	}
	all = append(all, hellos()...)
	all = append(all, queries()...)
	all = append(all, initials()...)
	all = append(all, secrets()...)
	all = append(all, oddPorts()...)
	all = append(all, multiplexed()...)
	return all
}

// requestHeads are requests without a body.
var requestHeads = map[string]string{
	"plain":                         "GET /WORD HTTP/1.1\r\nHost: www.example.org\r\n\r\n",
	"the host":                      "GET / HTTP/1.1\r\nHost: WORDexample\r\n\r\n",
	"a line feed before":            "\nGET /WORD HTTP/1.1\r\nHost: www.example.org\r\n\r\n",
	"line feeds alone":              "GET / HTTP/1.1\nHost: WORDexample\n\n",
	"odd case":                      "GET / HTTP/1.1\r\nhOsT: WORDexample\r\n\r\n",
	"no space behind the colon":     "GET / HTTP/1.1\r\nHost:WORDexample\r\n\r\n",
	"tabs around the value":         "GET / HTTP/1.1\r\nHost:\t WORDexample \t\r\n\r\n",
	"space before the colon":        "GET / HTTP/1.1\r\nHost : WORDexample\r\n\r\n",
	"two hosts, the first":          "GET / HTTP/1.1\r\nHost: WORDexample\r\nHost: www.example.org\r\n\r\n",
	"two hosts, the second":         "GET / HTTP/1.1\r\nHost: www.example.org\r\nHost: WORDexample\r\n\r\n",
	"absolute target":               "GET http://WORDexample/ HTTP/1.1\r\nHost: www.example.org\r\n\r\n",
	"absolute target, another host": "GET http://www.example.org/ HTTP/1.1\r\nHost: WORDexample\r\n\r\n",
	"host with a port":              "GET / HTTP/1.1\r\nHost: WORDexample:80\r\n\r\n",
	"folded host":                   "GET / HTTP/1.1\r\nHost:\r\n WORDexample\r\n\r\n",
	"a folded field before":         "GET / HTTP/1.1\r\nX-One: 1\r\n 2\r\nHost: WORDexample\r\n\r\n",
	"an odd method":                 "PROPFIND /WORD HTTP/1.1\r\nHost: www.example.org\r\n\r\n",
	"a method of its own":           "M-SEARCH /WORD HTTP/1.1\r\nHost: www.example.org\r\n\r\n",
	"HTTP/1.0":                      "GET /WORD HTTP/1.0\r\n\r\n",
	"no version":                    "GET /WORD\r\n",
	"spaces in the request line":    "GET  /WORD  HTTP/1.1\r\nHost: www.example.org\r\n\r\n",
	"the second request":            "GET / HTTP/1.1\r\nHost: www.example.org\r\n\r\nGET /WORD HTTP/1.1\r\nHost: www.example.org\r\n\r\n",
	"behind a body":                 "POST / HTTP/1.1\r\nHost: www.example.org\r\nContent-Length: 4\r\n\r\nbodyGET /WORD HTTP/1.1\r\nHost: www.example.org\r\n\r\n",
	"behind a chunked body":         "POST / HTTP/1.1\r\nHost: www.example.org\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX: y\r\n\r\nGET /WORD HTTP/1.1\r\nHost: www.example.org\r\n\r\n",
	"an upgrade that is refused":    "GET / HTTP/1.1\r\nHost: www.example.org\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\nGET /WORD HTTP/1.1\r\nHost: www.example.org\r\n\r\n",
	"many fields before":            "GET / HTTP/1.1\r\n" + strings.Repeat("X-Field: value\r\n", 90) + "Host: WORDexample\r\n\r\n",
}

// requestBodies are what stands behind the first two lines of a request.
var requestBodies = map[string]func(w string) string{
	"a body by length": func(w string) string { return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(w), w) },
	"a body by two equal lengths": func(w string) string {
		return fmt.Sprintf("Content-Length: %d\r\nContent-Length: %[1]d\r\n\r\n%s", len(w), w)
	},
	"a body by length and chunks": func(w string) string {
		return "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(w, 20, "")
	},
	"a body by chunks and length": func(w string) string {
		return "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n" + chunked(w, 20, "")
	},
	"chunks":                 func(w string) string { return "Transfer-Encoding: chunked\r\n\r\n" + chunked(w, 20, "") },
	"chunks of one byte":     func(w string) string { return "Transfer-Encoding: chunked\r\n\r\n" + chunked(w, 1, "") },
	"chunks with extensions": func(w string) string { return "Transfer-Encoding: chunked\r\n\r\n" + chunked(w, 5, ";name=\"value\"") },
	"chunks, leading zeros":  func(w string) string { return "Transfer-Encoding: chunked\r\n\r\n000000" + chunked(w, 30, "") },
	"chunks, odd case":       func(w string) string { return "transfer-encoding: Chunked\r\n\r\n" + chunked(w, 30, "") },
	"chunks, line feeds alone": func(w string) string {
		return strings.ReplaceAll("Transfer-Encoding: chunked\r\n\r\n"+chunked(w, 30, ""), "\r\n", "\n")
	},
	"chunks by the second coding": func(w string) string { return "Transfer-Encoding: identity, chunked\r\n\r\n" + chunked(w, 30, "") },
	"chunks by a second field": func(w string) string {
		return "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(w, 30, "")
	},
	"a body that waits for a 100": func(w string) string {
		return fmt.Sprintf("Expect: 100-continue\r\nContent-Length: %d\r\n\r\n%s", len(w), w)
	},
	"a form in two parts": func(w string) string {
		return fmt.Sprintf("Content-Type: multipart/form-data; boundary=b\r\nContent-Length: %d\r\n\r\n--b\r\n\r\n%s\r\n--b--\r\n", len(w)+18, w)
	},
	"a length with a sign": func(w string) string { return fmt.Sprintf("Content-Length: +%d\r\n\r\n%s", len(w), w) },
	"a trailer field behind the body": func(w string) string {
		return "Trailer: X-End\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.TrimSuffix(chunked(w, 9, ""), "\r\n") + "X-End: 1\r\n\r\n"
	},
}

// chunked cuts a body into chunks.
func chunked(body string, size int, extension string) string {
	var b strings.Builder
	for at := 0; at < len(body); at += size {
		c := body[at:min(at+size, len(body))]
		fmt.Fprintf(&b, "%x%s\r\n%s\r\n", len(c), extension, c)
	}
	return b.String() + "0" + extension + "\r\n\r\n"
}

var responses = map[string]func(w string) string{
	"a body by length": func(w string) string {
		return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(w), w)
	},
	"a body until the end": func(w string) string { return "HTTP/1.1 200 OK\r\n\r\n" + w },
	"HTTP/1.0":             func(w string) string { return "HTTP/1.0 200 OK\r\n\r\n" + w },
	"chunks": func(w string) string {
		return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(w, 20, "")
	},
	"chunks of one byte": func(w string) string {
		return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(w, 1, "")
	},
	"chunks and a length": func(w string) string {
		return "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(w, 20, "")
	},
	"chunks in HTTP/1.0": func(w string) string {
		return "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(w, 48, "")
	},
	"a 100 before":     func(w string) string { return "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n" + w },
	"an odd status":    func(w string) string { return "HTTP/1.1 299 Odd\r\n\r\n" + w },
	"no reason":        func(w string) string { return "HTTP/1.1 200\r\n\r\n" + w },
	"line feeds alone": func(w string) string { return "HTTP/1.1 200 OK\nContent-Type: text/plain\n\n" + w },
	"a length beyond the end": func(w string) string {
		return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(w)+50, w)
	},
	"chunks that do not end": func(w string) string {
		return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.TrimSuffix(chunked(w, 9, ""), "0\r\n\r\n")
	},
	"a folded transfer coding": func(w string) string {
		return "HTTP/1.1 200 OK\r\nTransfer-Encoding:\r\n chunked\r\n\r\n" + chunked(w, 20, "")
	},
	"a coding that it is not": func(w string) string { return "HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\n\r\n" + w },
	"an unknown coding":       func(w string) string { return "HTTP/1.1 200 OK\r\nContent-Encoding: rot13\r\n\r\n" + w },
	"chunks with long extensions": func(w string) string {
		return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(w, 10, ";"+strings.Repeat("x", 300))
	},
}
