package detect

import "strings"

// contexts are the words that say what a value is, in the languages in which they are written: separated by spaces,
// lower case, the spaces and dashes within them left out.
var contexts = [kinds]string{
	Card: "card cards cardnumber cardno ccnum ccn cc pan creditcard credit visa mastercard amex americanexpress discover maestro debit " +
		"primaryaccountnumber cb kreditkarte kartennummer kartennr karte cartebancaire carte tarjeta cartão cartao carta kaart kort karta",
	IBAN:  "iban bankaccount account konto kontonummer bankverbindung compte cuenta conto rekening accountnumber rib",
	UKNHS: "nhsid nhs nhsno nhsnumber nationalhealthservice patient patientid",
	CASIN: "sin sinnumber socialinsurance socialinsurancenumber nas assurancesociale numérodassurancesociale",
	DESteuerID: "steuerlicheid identifikationsnr steuerid steueridnr steuernummer steueridentifikationsnummer idnr identifikationsnummer steueridentnummer tin " +
		"taxid taxidentification",
	FRNIR: "nir insee sécuritésociale securitesociale numérodesécuritésociale numsecu numerosecu nss sécu secu carte vitale " +
		"socialsecurity assuréssociaux",
	ESDNI:            "dni dninumber nie nif documentonacional identidad documento dnie extranjero ciudadano",
	ITCodiceFiscale:  "codicefiscale codfiscale cf codfisc fiscale taxcode",
	BRCPF:            "cpf cpfmf cpfcnpj cpfnumber cpftitular cpfcliente cadastrodepessoas contribuinte",
	INAadhaar:        "aadhaarid aadharid aadhaar aadhar adhaar uidai uid uidnumber आधार",
	PLPESEL:          "ewid nrewid pesel nrpesel numerpesel peselnumber",
	NLBSN:            "bsn bsnnumber burgerservicenummer sofinummer sofi bsnnummer burgerservice",
	SEPersonnummer:   "personno personalnumber personnummer personnr pnr persnr samordningsnummer personalidentity persnummer",
	AUTFN:            "tfn tfnnumber taxfile taxfilenumber taxfileno",
	USSSN:            "ssnumber ssn ss# socialsecurity socsec socialsecuritynumber socialsecurityno ssnnumber ssno seguridadsocial segurosocial",
	USITIN:           "itin itinnumber taxpayer taxpayerid taxpayeridentification taxid individualtaxpayer formw7",
	AWSSecretKey:     "s3secretkey miniosecretkey aws amazon amazonaws secretaccesskey awssecret",
	TwilioKey:        "accountsid twilio",
	TelegramToken:    "telegram bottoken bot",
	AzureStorageKey:  "primaryaccesskey secondaryaccesskey azure azurestorage storageaccount storagekey accountkey",
	ConnectionString: "server datasource userid uid database initialcatalog dbname dsn trustedconnection",
	Email:            "email mail courriel correo",
	Phone: "msisdn festnetz festnetznummer telefonu phone phones telephone telephon telefon telefono teléfono téléphone telefone tel tél mobile mobil mobiltelefon handy cell cellphone " +
		"cellular fax call whatsapp sms dial contact móvil movil portable komórka telefoon phonenumber phoneno rufnummer ph mob cel gsm handynr handynummer " +
		"fon fone fixe durchwahl hotline telefax mobiel tlf recapito rückruf rueckruf joignable llámame llamame reachme " +
		"rufmich rufmichan anrufen erreichbar mobilnummer mobilnr mobilenumber mobileno mobilephone telefonnummer telefonnr telnr telno cellulare celular telemóvel telemovel",
	Secret: "authorization auth proxyauthorization xauth",
}

// others say that a number is of another sort.
const others = "order orders ordernumber orderno orderid bestellung bestellnummer auftrag commande pedido ordine zamówienie invoice invoices " +
	"rechnung rechnungsnummer facture factura fattura tracking trackingnumber shipment parcel sendung version build revision release " +
	"hash sha sha1 sha256 md5 checksum crc digest commit etag uuid guid timestamp time date epoch unix id ids ref reference serial " +
	"serialnumber imei isbn ean upc sku barcode article artikel product item ticket case port pid offset size length bytes count seq sequence " +
	"session request trace span nonce page row line batch job transaction txn total subtotal amount betrag montant importe importo price preis prix precio " +
	"prezzo lot charge chargennummer awb airwaybill waybill consignment sendungsnummer paket paketnummer fedex ups dhl dpd usps quantity qty menge anzahl duration latency elapsed"

// places say that a number that rests on a word rather than on its form is another: of what is paid from, kept in, bought or built.
const places = "account konto dossier protocolo protocol contract contrato vertrag part partno po purchaseorder model modelno"

// rested are the kinds that these say so of.
var rested = numbers &^ setOf(Card, IBAN, FRNIR, ITCodiceFiscale)

// phones say that a number is one to call.
const phones = "phone telephone telefon tel mobile mobil fax call whatsapp phonenumber cell"

// hashes say that what looks like a secret is computed from what is public, or is of no use later.
const hashes = "hash sha sha1 sha256 sha512 md5 checksum crc digest commit etag integrity fingerprint uuid guid csrf xsrf csrftoken nonce " +
	"nexttoken pagetoken continuationtoken nextpagetoken synctoken integrity cid public publickey thumbprint"

// inventions say that a value is made up.
const inventions = "example examples eg beispiel ejemplo exemple esempio sample test tests testing testdata dummy fake mock placeholder " +
	"lorem fixture stub foo demo"

// numbers are the kinds whose values are mostly digits.
var numbers = setOf(Card, IBAN, UKNHS, CASIN, DESteuerID, FRNIR, ESDNI, ITCodiceFiscale, BRCPF, INAadhaar, PLPESEL, NLBSN,
	SEPersonnummer, AUTFN, USSSN, USITIN)

var (
	vocabulary []word
	wordsBy    [wordBuckets][]uint16 // by wordHash of the first two bytes
)

func init() {
	at := map[string]int{}
	add := func(list string, set func(w *word)) {
		for _, text := range strings.Fields(list) {
			i, known := at[text]
			if !known {
				i = len(vocabulary)
				at[text] = i
				vocabulary = append(vocabulary, word{text: text})
			}
			set(&vocabulary[i])
		}
	}
	for k, list := range contexts {
		add(list, func(w *word) { w.raises |= 1 << k })
	}
	add(others, func(w *word) { w.lowers |= numbers | setOf(Phone) })
	add(places, func(w *word) { w.lowers |= rested })
	add(phones, func(w *word) { w.lowers |= numbers })
	add(hashes, func(w *word) { w.lowers |= setOf(Secret, TwilioKey, AWSSecretKey) })
	add(inventions, func(w *word) { w.madeUp |= numbers | setOf(Phone, Secret) })
	for i := range vocabulary {
		w := &vocabulary[i]
		b := wordHash(w.text[0], w.text[1])
		wordsBy[b] = append(wordsBy[b], uint16(i))
	}
}
