package detect

// A Kind is one bundled detector: its index in Bundled.
type Kind uint8

// The bundled detectors. Bundled says what each is, and whose rules it follows.
const (
	Card Kind = iota
	IBAN
	UKNHS
	CASIN
	DESteuerID
	FRNIR
	ESDNI
	ITCodiceFiscale
	BRCPF
	INAadhaar
	PLPESEL
	NLBSN
	SEPersonnummer
	AUTFN
	USSSN
	USITIN
	PrivateKey
	AWSAccessKey
	AWSSecretKey
	GitHubToken
	GitLabToken
	SlackToken
	SlackWebhook
	StripeKey
	GoogleAPIKey
	GoogleOAuth
	NPMToken
	PyPIToken
	SendGridKey
	TwilioKey
	DiscordToken
	TelegramToken
	OpenAIKey
	AnthropicKey
	AzureStorageKey
	JWT
	ConnectionString
	Email
	Phone
	Secret
	kinds
)

// String returns the name by which policies know the kind.
func (k Kind) String() string {
	if k >= kinds {
		return "none"
	}
	return infos[k].Name
}

// Parse returns the kind with that name, and whether there is one.
func Parse(name string) (Kind, bool) {
	for k := range infos {
		if infos[k].Name == name {
			return Kind(k), true
		}
	}
	return 0, false
}

// Info says what a kind is.
type Info struct {
	Name    string   // in policies
	Title   string   // for people
	Class   string   // what a match rests on: "check-digit", "structure", "pattern" or "context"
	Shown   int      // how many of the last characters of the value an event may show
	Sources []string // whose rules it follows
	MaxLen  int      // bytes of the longest match, separators included
}

// Bundled returns what there is, in the order of the kinds. The caller may keep and change the slice.
func Bundled() []Info { return append([]Info(nil), infos[:]...) }

// A kindSet is kinds: bit k for kind k.
type kindSet uint64

func (s kindSet) has(k Kind) bool { return s>>k&1 != 0 }

func setOf(ks ...Kind) (s kindSet) {
	for _, k := range ks {
		s |= 1 << k
	}
	return s
}
