package packet

// Malformed says why a packet cannot be trusted, or that it can. Decode gives the
// first reason that it meets and goes on as far as the bytes can be read, so that an
// event can name the addresses and ports of a malformed packet where it has any.
//
// What is odd but has one reading only is no Malformed: see Traits. Martian and land
// addresses are policy's to judge.
type Malformed uint8

// The reasons.
const (
	WellFormed              Malformed = iota
	ShortHeader                       // too few bytes for the IP header, or for the upper-layer one
	BadVersion                        // neither IPv4 nor IPv6
	BadIHL                            // IPv4 header length below 20, or beyond the bytes
	BadTotalLength                    // length field below its header, beyond the bytes, or a jumbogram (RFC 2675)
	Truncated                         // the kernel copied only a part: says nothing against the sender
	BadHeaderChecksum                 // IPv4
	BadIPOption                       // an IPv4 option of length 0 or 1, or beyond the header
	BadFragment                       // empty, beyond 64 KiB, or not the last and no multiple of 8
	TooManyExtensionHeaders           // more than MaxExtensionHeaders
	BadExtensionHeader                // cut short, impossible length, or hop-by-hop not first
	BadTCPDataOffset                  // below 20, or beyond the bytes
	BadUDPLength                      // below 8 (0 included, whatever the IP version), or beyond the bytes
	BadChecksum                       // upper layer; set by who called VerifyChecksum, never by Decode

	// MalformedCount is the number of values, for arrays of counters.
	MalformedCount = int(iota)
)

var malformedNames = [MalformedCount]string{
	WellFormed: "well-formed", ShortHeader: "short-header", BadVersion: "bad-version", BadIHL: "bad-ihl",
	BadTotalLength: "bad-total-length", Truncated: "truncated", BadHeaderChecksum: "bad-header-checksum",
	BadIPOption: "bad-ip-option", BadFragment: "bad-fragment",
	TooManyExtensionHeaders: "too-many-extension-headers", BadExtensionHeader: "bad-extension-header",
	BadTCPDataOffset: "bad-tcp-data-offset", BadUDPLength: "bad-udp-length", BadChecksum: "bad-checksum",
}

// String returns the reason's name, such as "bad-ihl".
func (m Malformed) String() string {
	if int(m) < MalformedCount {
		return malformedNames[m]
	}
	return "invalid"
}

// Reason returns the verdict reason that goes with m: its name, or nothing if the
// packet is well formed.
func (m Malformed) Reason() Reason {
	if m == WellFormed {
		return ""
	}
	return Reason(m.String())
}

// Traits are what is unusual in an IP header and yet has one reading only. Policy says
// what becomes of such packets.
type Traits uint16

// The traits.
const (
	DontFragment     Traits = 1 << iota // IPv4 DF; decodeIPv4 wants this one and the next first
	ReservedBit                         // IPv4 flag that must be 0 (RFC 791 §3.1)
	IPOptions                           // IPv4 header with options
	SourceRoute                         // IPv4 loose or strict source route among them
	TrailingBytes                       // bytes behind the end that the length field gives
	Extensions                          // IPv6 extension headers, of any kind
	RoutingHeader                       // IPv6 routing header
	RoutingType0                        // the deprecated one (RFC 5095)
	AtomicFragment                      // IPv6 fragment header on a whole datagram (RFC 6946)
	Authenticated                       // IPv6 AH: an edit would break it, so none is made
	UDPSurplus                          // bytes between the UDP length and the IP length (RFC 9868)
	UnknownExtension                    // what receivers discard unless they know it; see noteOptions, noteRouting
	Tunnel                              // the payload is a datagram in another: IP in IP, GRE
)

// Has reports whether any of the traits of mask is there.
func (t Traits) Has(mask Traits) bool { return t&mask != 0 }
