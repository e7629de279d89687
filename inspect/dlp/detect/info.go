package detect

const (
	checkDigit = "check-digit"
	structure  = "structure"
	pattern    = "pattern"
	context    = "context"
)

const (
	maxToken = 320  // bytes of the longest match of most kinds
	maxJWT   = 2048 // bytes of the longest JWT: what browsers keep in half a cookie
)

// infos is what Bundled returns. Shown follows PCI DSS 4.0, requirement 3.4.1, for cards; of a national number nothing
// is shown, since its last digits are what its holder is asked for; of a token four characters tell its owner which it
// is and nobody else anything.
var infos = [kinds]Info{
	Card:            {"card", "payment card number", checkDigit, 4, []string{"ISO/IEC 7812-1", "see issuer.go"}, 2*19 - 1},
	IBAN:            {"iban", "international bank account number", checkDigit, 4, []string{"ISO 13616-1", "SWIFT, IBAN Registry"}, 34 + 8*3},
	UKNHS:           {"uk-nhs", "NHS number (United Kingdom)", checkDigit, 0, []string{"NHS Data Dictionary, NHS NUMBER"}, 10 + 2*3},
	CASIN:           {"ca-sin", "social insurance number (Canada)", checkDigit, 0, []string{"Employment and Social Development Canada, SIN Code of Practice"}, 9 + 2*3},
	DESteuerID:      {"de-steuerid", "Steueridentifikationsnummer (Germany)", checkDigit, 0, []string{"BZSt, Prüfziffernberechnung", "ISO 7064 MOD 11,10"}, 11 + 3*3},
	FRNIR:           {"fr-nir", "numéro de sécurité sociale (France)", checkDigit, 0, []string{"INSEE, Répertoire national d'identification des personnes physiques"}, 15 + 6*3},
	ESDNI:           {"es-dni", "DNI and NIE (Spain)", checkDigit, 0, []string{"Real Decreto 1553/2005", "Ministerio del Interior, Cálculo del dígito de control del NIF/NIE"}, 9 + 3*3},
	ITCodiceFiscale: {"it-codicefiscale", "codice fiscale (Italy)", checkDigit, 0, []string{"Decreto Ministeriale 23 dicembre 1976, n. 13813"}, 16 + 4},
	BRCPF:           {"br-cpf", "CPF (Brazil)", checkDigit, 0, []string{"Receita Federal, Instrução Normativa RFB 1548/2015"}, 11 + 3*3},
	INAadhaar:       {"in-aadhaar", "Aadhaar number (India)", checkDigit, 0, []string{"UIDAI, A UID Numbering Scheme", "Verhoeff, Error Detecting Decimal Codes, 1969"}, 12 + 2*3},
	PLPESEL:         {"pl-pesel", "PESEL (Poland)", checkDigit, 0, []string{"Ustawa o ewidencji ludności, 24.09.2010, art. 15"}, 11},
	NLBSN:           {"nl-bsn", "burgerservicenummer (Netherlands)", checkDigit, 0, []string{"Logisch Ontwerp BSN, elfproef"}, 9 + 2*3},
	SEPersonnummer:  {"se-personnummer", "personnummer (Sweden)", checkDigit, 0, []string{"Skatteverket, SKV 704"}, 12 + 3},
	AUTFN:           {"au-tfn", "tax file number (Australia)", checkDigit, 0, []string{"Australian Taxation Office, TFN algorithm"}, 9 + 2*3},
	USSSN:           {"us-ssn", "social security number (USA)", structure, 0, []string{"SSA, POMS RM 10201.035", "20 CFR 422.103"}, 9 + 2*3},
	USITIN:          {"us-itin", "individual taxpayer identification number (USA)", structure, 0, []string{"IRS Publication 1915", "IRM 3.21.263"}, 9 + 2*3},
	PrivateKey:      {"private-key", "private key (PEM, OpenSSH, PGP, PuTTY)", structure, 0, []string{"RFC 7468", "RFC 1421", "RFC 9580 §6.2", "PuTTY manual, appendix C"}, maxToken},
	AWSAccessKey:    {"aws-access-key", "AWS access key ID", structure, 4, []string{"AWS IAM User Guide, IAM identifiers, unique ID prefixes"}, 20},
	AWSSecretKey:    {"aws-secret-key", "AWS secret access key", structure, 0, []string{"AWS General Reference, Understanding and getting your credentials"}, 40},
	GitHubToken:     {"github-token", "GitHub token", structure, 4, []string{"GitHub, Behind GitHub's new authentication token formats, 2021"}, 93},
	GitLabToken:     {"gitlab-token", "GitLab token", structure, 4, []string{"GitLab documentation, Token overview", "GitLab handbook, Routable tokens"}, 318},
	SlackToken:      {"slack-token", "Slack token", structure, 4, []string{"Slack API documentation, Token types"}, 255},
	SlackWebhook:    {"slack-webhook", "Slack incoming webhook", structure, 4, []string{"Slack API documentation, Incoming webhooks"}, 120},
	StripeKey:       {"stripe-key", "Stripe key", structure, 4, []string{"Stripe documentation, API keys"}, 255},
	GoogleAPIKey:    {"google-api-key", "Google API key", structure, 4, []string{"Google Cloud documentation, API keys"}, 39},
	GoogleOAuth:     {"google-oauth", "Google OAuth secret or access token", structure, 4, []string{"Google Identity documentation, OAuth 2.0"}, maxToken},
	NPMToken:        {"npm-token", "npm access token", structure, 4, []string{"GitHub changelog, npm has a new access token format, 2021"}, 40},
	PyPIToken:       {"pypi-token", "PyPI API token", structure, 4, []string{"PyPI help, API tokens", "pymacaroons binary format"}, 255},
	SendGridKey:     {"sendgrid-key", "SendGrid API key", structure, 4, []string{"SendGrid documentation, API keys"}, 69},
	TwilioKey:       {"twilio-key", "Twilio API key or auth token", structure, 4, []string{"Twilio documentation, String identifiers (SIDs)"}, 34},
	DiscordToken:    {"discord-token", "Discord bot token", structure, 4, []string{"Discord developer documentation, Reference, authentication"}, 80},
	TelegramToken:   {"telegram-token", "Telegram bot token", structure, 4, []string{"Telegram Bot API, Authorizing your bot"}, 46},
	OpenAIKey:       {"openai-key", "OpenAI API key", structure, 4, []string{"OpenAI API reference, Authentication"}, 255},
	AnthropicKey:    {"anthropic-key", "Anthropic API key", structure, 4, []string{"Anthropic API documentation, Authentication"}, 140},
	AzureStorageKey: {"azure-storage-key", "Azure storage account key", structure, 4, []string{"Azure Storage documentation, Configure connection strings"}, 88},
	JWT:             {"jwt", "JSON Web Token", structure, 0, []string{"RFC 7519", "RFC 7515"}, maxJWT},
	ConnectionString: {"connection-string", "password of a connection string", structure, 0, []string{
		"RFC 3986 §3.2.1",
		"Microsoft ADO.NET documentation, Connection string syntax",
	}, maxSecret},
	Email:  {"email", "mail address", pattern, 0, []string{"RFC 5321 §4.1.2", "RFC 1035 §2.3.1"}, maxToken},
	Phone:  {"phone", "phone number", pattern, 0, []string{"ITU-T E.164", "ITU-T E.123"}, 1 + 16 + 7*3*3},
	Secret: {"secret", "password or secret assigned to its name", context, 0, []string{"Shannon, A Mathematical Theory of Communication, 1948"}, maxSecret},
}
